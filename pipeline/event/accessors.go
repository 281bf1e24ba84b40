package event

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An accessor reads and writes one field of an event, whatever its Go type.
type accessor interface {
	kind() Kind
	// set parses text into the field; of a list it appends. The reason says why
	// the text is refused; the field is then as before.
	set(e *Event, s string) (reason string)
	get(e *Event) (string, bool)
	has(e *Event) bool
	clear(e *Event)
}

type textField struct {
	at        func(*Event) *string
	normalize normalizer
	of        Kind
}

func (f textField) kind() Kind        { return f.of }
func (f textField) has(e *Event) bool { return *f.at(e) != "" }
func (f textField) clear(e *Event)    { *f.at(e) = "" }
func (f textField) set(e *Event, s string) string {
	out, reason := f.normalize(s)
	if reason == "" {
		*f.at(e) = out
	}
	return reason
}

func (f textField) get(e *Event) (string, bool) {
	s := *f.at(e)
	return s, s != ""
}

type timeField struct {
	at func(*Event) *time.Time
}

func (timeField) kind() Kind          { return KindTime }
func (f timeField) has(e *Event) bool { return !f.at(e).IsZero() }
func (f timeField) clear(e *Event)    { *f.at(e) = time.Time{} }
func (f timeField) set(e *Event, s string) string {
	t, ok := ParseTime(s)
	if !ok {
		return "is not a time in ISO 8601; give its layout under time"
	}
	return f.setTime(e, t)
}

func (f timeField) setTime(e *Event, t time.Time) string {
	t, reason := normalTime(t)
	if reason == "" {
		*f.at(e) = t
	}
	return reason
}

func (f timeField) get(e *Event) (string, bool) {
	t := *f.at(e)
	if t.IsZero() {
		return "", false
	}
	return string(appendTime(nil, t)), true
}

type enumField[T ~uint8] struct {
	at    func(*Event) *T
	names []string
	alias func(string) string // another spelling; may be nil
}

func (enumField[T]) kind() Kind          { return KindEnum }
func (f enumField[T]) has(e *Event) bool { return *f.at(e) != 0 }
func (f enumField[T]) clear(e *Event)    { *f.at(e) = 0 }
func (f enumField[T]) set(e *Event, s string) string {
	if f.alias != nil {
		s = f.alias(s)
	}
	v, reason := parseLoosely[T](f.names, s)
	if reason == "" {
		*f.at(e) = v
	}
	return reason
}

func (f enumField[T]) get(e *Event) (string, bool) {
	s := name(f.names, int(*f.at(e)))
	return s, s != ""
}

func (f enumField[T]) choices() []string { return slices.Clone(f.names[1:]) }

type portField struct {
	at func(*Event) *Opt[uint16]
}

func (portField) kind() Kind          { return KindInt }
func (f portField) has(e *Event) bool { return f.at(e).Set }
func (f portField) clear(e *Event)    { *f.at(e) = Opt[uint16]{} }
func (f portField) set(e *Event, s string) string {
	n, reason := parseUint(strings.TrimSpace(s), 16, "is not a port (0 to 65535)")
	if reason == "" {
		*f.at(e) = Some(uint16(n))
	}
	return reason
}

func (f portField) get(e *Event) (string, bool) {
	p := f.at(e)
	if !p.Set {
		return "", false
	}
	return strconv.Itoa(int(p.V)), true
}

type countField struct{}

func (countField) kind() Kind        { return KindInt }
func (countField) has(e *Event) bool { return e.Count.Set }
func (countField) clear(e *Event)    { e.Count = Opt[uint32]{} }
func (countField) set(e *Event, s string) string {
	n, reason := parseUint(strings.TrimSpace(s), 32, "is not a count (0 to 4294967295)")
	if reason == "" {
		e.Count = Some(uint32(n))
	}
	return reason
}

func (countField) get(e *Event) (string, bool) {
	return strconv.FormatUint(uint64(e.Count.V), 10), e.Count.Set
}

type dipField struct{}

func (dipField) kind() Kind        { return KindIP }
func (dipField) has(e *Event) bool { return e.DIP.IsValid() }
func (dipField) clear(e *Event)    { e.DIP = netip.Addr{} }
func (dipField) set(e *Event, s string) string {
	ip, reason := ParseAddr(s)
	if reason == "" {
		e.DIP = ip
	}
	return reason
}

func (dipField) get(e *Event) (string, bool) {
	if !e.DIP.IsValid() {
		return "", false
	}
	return e.DIP.String(), true
}

type cvesField struct{}

func (cvesField) kind() Kind        { return KindText }
func (cvesField) has(e *Event) bool { return len(e.CVEs) > 0 }
func (cvesField) clear(e *Event)    { e.CVEs = e.CVEs[:0] }
func (cvesField) set(e *Event, s string) string {
	cve, reason := normalCVE(s)
	if reason == "" && cve != "" {
		if len(e.CVEs) >= MaxCVEs {
			return "is one more than the " + strconv.Itoa(MaxCVEs) + " CVEs allowed"
		}
		e.CVEs = append(e.CVEs, cve)
	}
	return reason
}

func (cvesField) get(e *Event) (string, bool) {
	return strings.Join(e.CVEs, ","), len(e.CVEs) > 0
}
