package event

import (
	"strconv"
	"strings"
)

// The fields of an address. ip appends an address; the others are about the last
// one. Rules may come in any order: asn before ip starts an address that the next
// ip completes.

// lastAddress is the address that asn, cc, dir and rdns are about.
func lastAddress(e *Event) *Address {
	if len(e.Address) == 0 {
		e.Address = append(e.Address, Address{})
	}
	return &e.Address[len(e.Address)-1]
}

type ipField struct{}

func (ipField) kind() Kind { return KindIP }

func (ipField) has(e *Event) bool {
	return len(e.Address) > 0 && e.Address[0].IP.IsValid()
}

func (ipField) clear(e *Event) { e.Address = e.Address[:0] }

func (ipField) set(e *Event, s string) string {
	ip, reason := ParseAddr(s)
	if reason != "" {
		return reason
	}
	if n := len(e.Address); n > 0 && !e.Address[n-1].IP.IsValid() {
		e.Address[n-1].IP = ip
		return ""
	}
	if len(e.Address) >= MaxAddresses {
		return "is one more than the " + strconv.Itoa(MaxAddresses) + " addresses allowed; explode the record"
	}
	e.Address = append(e.Address, Address{IP: ip})
	return ""
}

func (f ipField) get(e *Event) (string, bool) {
	if !f.has(e) {
		return "", false
	}
	if len(e.Address) == 1 {
		return e.Address[0].IP.String(), true
	}
	var b strings.Builder
	for i := range e.Address {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(e.Address[i].IP.String())
	}
	return b.String(), true
}

// partField is a part of an address other than its IP.
type partField struct {
	of     Kind
	parse  func(s string) (part Address, reason string)
	format func(a *Address) string
	drop   func(a *Address)
}

func (f partField) kind() Kind { return f.of }

func (f partField) has(e *Event) bool {
	_, ok := f.get(e)
	return ok
}

func (f partField) get(e *Event) (string, bool) {
	if len(e.Address) == 0 {
		return "", false
	}
	s := f.format(&e.Address[len(e.Address)-1])
	return s, s != ""
}

func (f partField) set(e *Event, s string) string {
	part, reason := f.parse(s)
	if reason == "" && part != (Address{}) {
		lastAddress(e).overlay(&part)
	}
	return reason
}

// overlay takes over what part has, except for the IP.
func (a *Address) overlay(part *Address) {
	if part.ASN.Set {
		a.ASN = part.ASN
	}
	if part.CC != "" {
		a.CC = part.CC
	}
	if part.Dir != 0 {
		a.Dir = part.Dir
	}
	if part.RDNS != "" {
		a.RDNS = part.RDNS
	}
}

// clear also takes back the address that only this part had started.
func (f partField) clear(e *Event) {
	n := len(e.Address)
	if n == 0 {
		return
	}
	f.drop(&e.Address[n-1])
	if e.Address[n-1] == (Address{}) {
		e.Address = e.Address[:n-1]
	}
}

var (
	asnField = partField{
		of: KindInt,
		parse: func(s string) (Address, string) {
			asn, reason := parseASN(s)
			return Address{ASN: Some(asn)}, reason
		},
		format: func(a *Address) string {
			if !a.ASN.Set {
				return ""
			}
			return strconv.FormatUint(uint64(a.ASN.V), 10)
		},
		drop: func(a *Address) { a.ASN = Opt[uint32]{} },
	}
	ccField = partField{
		of: KindText,
		parse: func(s string) (part Address, reason string) {
			part.CC, reason = normalCC(s)
			return part, reason
		},
		format: func(a *Address) string { return a.CC },
		drop:   func(a *Address) { a.CC = "" },
	}
	dirField = partField{
		of: KindEnum,
		parse: func(s string) (part Address, reason string) {
			part.Dir, reason = parseLoosely[Dir](dirNames, s)
			return part, reason
		},
		format: func(a *Address) string { return a.Dir.String() },
		drop:   func(a *Address) { a.Dir = 0 },
	}
	rdnsField = partField{
		of: KindText,
		parse: func(s string) (part Address, reason string) {
			part.RDNS, reason = normalFQDN(s)
			return part, reason
		},
		format: func(a *Address) string { return a.RDNS },
		drop:   func(a *Address) { a.RDNS = "" },
	}
)
