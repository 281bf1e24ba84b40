package export

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/weir-project/weir/pipeline/event"
)

// The converters turn a value of a query into the text that the store compares
// with. Their errors go on after the value: "x" is no ....

// enumNames lists an enum.
func enumNames[T ~uint8](name func(T) string) []string {
	var out []string
	for v := T(1); name(v) != ""; v++ {
		out = append(out, name(v))
	}
	return out
}

func oneOf[T ~uint8](name func(T) string) string {
	return "one of " + strings.Join(enumNames(name), ", ")
}

func enum[T ~uint8](name func(T) string) func(string) (string, error) {
	known := map[string]bool{}
	for _, n := range enumNames(name) {
		known[n] = true
	}
	return func(s string) (string, error) {
		if !known[s] {
			return "", errors.New("is not " + oneOf(name))
		}
		return s, nil
	}
}

// tlpLabel takes labels in any case, with or without "TLP:". The + of
// AMBER+STRICT arrives as a blank where the caller did not encode it.
func tlpLabel(s string) (string, error) {
	label := strings.TrimPrefix(strings.ReplaceAll(strings.ToUpper(s), " ", "+"), "TLP:")
	if _, ok := event.ParseTLP(label); !ok {
		return "", errors.New("is not " + oneOf(event.TLP.String))
	}
	return label, nil
}

func hexDigits(n int) func(string) (string, error) {
	return func(s string) (string, error) {
		s = strings.ToLower(s)
		if len(s) != n || strings.Trim(s, "0123456789abcdef") != "" {
			return "", fmt.Errorf("is not %d hex digits", n)
		}
		return s, nil
	}
}

func text(most int) func(string) (string, error) {
	return func(s string) (string, error) {
		if s == "" || utf8.RuneCountInString(s) > most {
			return "", fmt.Errorf("is not a text of 1 to %d characters", most)
		}
		return s, nil
	}
}

func sourceName(s string) (string, error) {
	provider, channel, ok := strings.Cut(s, ".")
	const chars = "-0123456789abcdefghijklmnopqrstuvwxyz"
	if !ok || provider == "" || channel == "" || len(s) > 64 || strings.Trim(provider, chars) != "" || strings.Trim(channel, chars) != "" {
		return "", errors.New("is no source; write it as provider.channel, in lower case")
	}
	return s, nil
}

func organisationID(s string) (string, error) {
	if s == "" || len(s) > 32 || strings.Trim(s, "-._0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return "", errors.New("is no organisation id")
	}
	return s, nil
}

func address(s string) (string, error) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" || a.IsUnspecified() {
		return "", errors.New("is no IPv4 or IPv6 address")
	}
	return a.Unmap().String(), nil
}

// network takes an address and a prefix length; host bits are cleared.
func network(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, errors.New("is no network; write it as 192.0.2.0/24 or 2001:db8::/32")
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, errors.New("is no network of IPv4 addresses; write it as 192.0.2.0/24")
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// asNumber takes 64496, AS64496, ASN64496 and the dotted notation of RFC 5396.
func asNumber(s string) (string, error) {
	bad := errors.New("is no AS number; write it as 64496, AS64496 or 0.64496")
	rest := strings.ToUpper(s)
	if strings.HasPrefix(rest, "AS") {
		rest = strings.TrimPrefix(rest[2:], "N")
	}
	high, low, dotted := strings.Cut(rest, ".")
	if !dotted {
		n, err := strconv.ParseUint(rest, 10, 32)
		if err != nil {
			return "", bad
		}
		return strconv.FormatUint(n, 10), nil
	}
	h, err := strconv.ParseUint(high, 10, 16)
	l, err2 := strconv.ParseUint(low, 10, 16)
	if err != nil || err2 != nil {
		return "", bad
	}
	return strconv.FormatUint(h<<16|l, 10), nil
}

func countryCode(s string) (string, error) {
	s = strings.ToUpper(s)
	if len(s) != 2 || s[0] < 'A' || s[0] > 'Z' || (s[1] != '1' && s[1] != '2' && (s[1] < 'A' || s[1] > 'Z')) {
		return "", errors.New("is no country code of two letters")
	}
	return s, nil
}

func port(s string) (string, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return "", errors.New("is no port from 0 to 65535")
	}
	return strconv.FormatUint(n, 10), nil
}

// parseFlag takes what n6 takes; an empty value is true.
func parseFlag(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "", "yes", "y", "true", "t", "1", "on":
		return true, nil
	case "no", "n", "false", "f", "0", "off":
		return false, nil
	}
	return false, errors.New("is no flag; write it as yes or no")
}

func parseLimit(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n == 0 {
		return 0, errors.New("is no number from 1 to 18446744073709551615")
	}
	return int64(min(n, math.MaxInt64)), nil
}

// domainName and wholeURL go through the validator of events, so what is looked
// for is written exactly as what is stored.
func domainName(s string) (string, error) {
	e := probe()
	e.FQDN = s
	if err := event.Validate(&e); err != nil || e.FQDN == "" {
		return "", errors.New("is no domain name" + reason(err))
	}
	return e.FQDN, nil
}

func wholeURL(s string) (string, error) {
	e := probe()
	e.URL = s
	if err := event.Validate(&e); err != nil || e.URL == "" {
		return "", errors.New("is no URL" + reason(err))
	}
	return e.URL, nil
}

// probe is a valid event to which a field can be added.
func probe() event.Event {
	return event.Event{Source: "weir.query", Time: time.Unix(0, 0).UTC(), Category: 1,
		Confidence: event.ConfidenceLow, Restriction: event.RestrictionPublic}
}

func reason(err error) string {
	if fe, ok := errors.AsType[*event.FieldError](err); ok {
		return ": " + fe.Reason
	}
	return ""
}

// domainPart takes any piece of a domain name. Labels that are not ASCII become
// A-labels, as in the store.
func domainPart(s string) (string, error) {
	bad := errors.New("is no part of a domain name")
	a, err := idna.Punycode.ToASCII(strings.ToLower(s))
	if err != nil || a == "" || len(a) > 253 {
		return "", bad
	}
	if strings.Trim(a, "-._0123456789abcdefghijklmnopqrstuvwxyz") != "" {
		return "", bad
	}
	return a, nil
}

const unquoteRounds = 10 // as n6: some clients encode a value again and again

// base64URL decodes URL-safe Base64, padded or not. It is the way to ask for a URL
// with a comma in it.
func base64URL(s string) (string, error) {
	for range unquoteRounds {
		if !strings.Contains(s, "%") {
			break
		}
		u, err := url.PathUnescape(s)
		if err != nil {
			return "", errors.New("is not percent-encoded")
		}
		s = u
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return "", errors.New("is no URL-safe Base64")
	}
	if !utf8.Valid(b) {
		return "", errors.New("holds bytes that are not UTF-8")
	}
	u, err := wholeURL(string(b))
	if err != nil {
		return "", fmt.Errorf("holds what %w", err)
	}
	return u, nil
}
