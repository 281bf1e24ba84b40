package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/weir-project/weir/pipeline/event"
)

// inField is how In compares one field: norm brings a value of a query into the
// form that has hands to in.
type inField struct {
	norm func(string) (string, error)
	has  func(e *event.Event, in func(string) bool) bool
}

var inFields = map[string]inField{
	"id":          {normID, one(func(e *event.Event) string { return e.ID.String() })},
	"source":      {asIs, one(func(e *event.Event) string { return e.Source })},
	"category":    {enum(event.ParseCategory), one(func(e *event.Event) string { return e.Category.String() })},
	"confidence":  {enum(event.ParseConfidence), one(func(e *event.Event) string { return e.Confidence.String() })},
	"restriction": {enum(event.ParseRestriction), one(func(e *event.Event) string { return e.Restriction.String() })},
	"tlp":         {enum(event.ParseTLP), one(func(e *event.Event) string { return e.TLP.String() })},
	"proto":       {enum(event.ParseProto), one(func(e *event.Event) string { return e.Proto.String() })},
	"origin":      {enum(event.ParseOrigin), one(func(e *event.Event) string { return e.Origin.String() })},
	"status":      {enum(event.ParseStatus), one(func(e *event.Event) string { return e.Status.String() })},
	"name":        {folded, one(func(e *event.Event) string { return Fold(e.Name) })},
	"target":      {folded, one(func(e *event.Event) string { return Fold(e.Target) })},
	"fqdn":        {normHost, one(func(e *event.Event) string { return e.FQDN })},
	"url":         {asIs, one(func(e *event.Event) string { return e.URL })},
	"md5":         {lower, one(func(e *event.Event) string { return e.MD5 })},
	"sha1":        {lower, one(func(e *event.Event) string { return e.SHA1 })},
	"sha256":      {lower, one(func(e *event.Event) string { return e.SHA256 })},
	"replaces":    {normID, one(replaces)},
	"dip":         {normAddr, one(func(e *event.Event) string { return addr(e.DIP) })},
	"sport":       {number(16), one(func(e *event.Event) string { return port(e.SPort) })},
	"dport":       {number(16), one(func(e *event.Event) string { return port(e.DPort) })},
	"ignored":     {normBool, one(func(e *event.Event) string { return strconv.FormatBool(e.Ignored) })},
	"client":      {asIs, func(e *event.Event, in func(string) bool) bool { return slices.ContainsFunc(e.Client, in) }},
	"cc":          {upper, anyAddress(func(a *event.Address) string { return a.CC })},
	"ip":          {normAddr, anyAddress(func(a *event.Address) string { return addr(a.IP) })},
	"asn":         {number(32), anyAddress(asn)},
}

// Fold is the form of s in which names that differ only in case are equal: as
// strings.EqualFold, but usable as a key.
func Fold(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return strings.Map(foldRune, s)
		}
	}
	return strings.ToLower(s)
}

func foldRune(r rune) rune {
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

func one(get func(*event.Event) string) func(*event.Event, func(string) bool) bool {
	return func(e *event.Event, in func(string) bool) bool { return in(get(e)) }
}

func anyAddress(get func(*event.Address) string) func(*event.Event, func(string) bool) bool {
	return func(e *event.Event, in func(string) bool) bool {
		for i := range e.Address {
			if in(get(&e.Address[i])) {
				return true
			}
		}
		return false
	}
}

func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.Unmap().String()
}

func asn(a *event.Address) string {
	if !a.ASN.Set {
		return ""
	}
	return strconv.FormatUint(uint64(a.ASN.V), 10)
}

func port(p event.Opt[uint16]) string {
	if !p.Set {
		return ""
	}
	return strconv.Itoa(int(p.V))
}

func replaces(e *event.Event) string {
	if e.Replaces.IsZero() {
		return ""
	}
	return e.Replaces.String()
}

func asIs(s string) (string, error)   { return s, nil }
func lower(s string) (string, error)  { return strings.ToLower(s), nil }
func upper(s string) (string, error)  { return strings.ToUpper(s), nil }
func folded(s string) (string, error) { return Fold(s), nil }

func normHost(s string) (string, error) {
	return strings.ToLower(strings.Trim(s, ".")), nil
}

func normID(s string) (string, error) {
	if len(s) != 2*len(event.ID{}) {
		return "", fmt.Errorf("%q is no id, which has %d hex digits", s, 2*len(event.ID{}))
	}
	if _, err := hex.DecodeString(s); err != nil {
		return "", fmt.Errorf("%q is no id, which has %d hex digits", s, 2*len(event.ID{}))
	}
	return strings.ToLower(s), nil
}

func normAddr(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return "", fmt.Errorf("%q is no IP address", s)
	}
	return a.Unmap().String(), nil
}

func normBool(s string) (string, error) {
	if s != "true" && s != "false" {
		return "", errors.New("must be true or false")
	}
	return s, nil
}

func number(bits int) func(string) (string, error) {
	return func(s string) (string, error) {
		n, err := strconv.ParseUint(s, 10, bits)
		if err != nil {
			return "", fmt.Errorf("%q is no number of %d bits", s, bits)
		}
		return strconv.FormatUint(n, 10), nil
	}
}

func enum[T ~uint8](parse func(string) (T, bool)) func(string) (string, error) {
	return func(s string) (string, error) {
		if _, ok := parse(s); !ok {
			return "", fmt.Errorf("%q is none of its values", s)
		}
		return s, nil
	}
}
