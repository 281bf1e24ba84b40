package event

import (
	"strconv"
	"strings"
)

// Composite fields take a JSON value apart. What the event already has stays: they
// fill what is left open.

// jsonField is a field that takes JSON as it is.
type jsonField interface {
	accessor
	setJSON(e *Event, value []byte) (reason string)
}

// composites are fields beside those that Fields lists: the parts have names of
// their own.
var composites = map[string]jsonField{"address": addressesField{}, "extra": extrasField{}}

// addressesField takes a list of {ip, asn, cc, dir, rdns}, as n6 has it, or one of
// them. An element may also be an address as text. Other members are ignored.
type addressesField struct{ ipField }

func (addressesField) kind() Kind { return KindJSON }

func (f addressesField) setJSON(e *Event, value []byte) string {
	if f.has(e) {
		return ""
	}
	part, before := Address{}, e.Address
	if len(before) > 0 {
		part = before[0]
	}
	s := scanner{in: value}
	e.Address = e.Address[:0]
	text := string(value)
	reason := ""
	switch c := s.peek(); c {
	case '[':
		reason = s.eachElement(func() string { return readListed(&s, text, e) })
	default:
		reason = readListed(&s, text, e)
	}
	if reason == "" && !s.end() {
		reason = s.reason
	}
	if reason != "" {
		e.Address = before
		return reason
	}
	if part != (Address{}) {
		lastAddress(e).overlay(&part)
	}
	return ""
}

// readListed reads one element of a list of addresses.
func readListed(s *scanner, text string, e *Event) string {
	if len(e.Address) >= MaxAddresses {
		return "has more than the " + strconv.Itoa(MaxAddresses) + " addresses allowed; explode the record"
	}
	switch s.peek() {
	case '"':
		ip, reason := ParseAddr(s.text(text))
		e.Address = append(e.Address, Address{IP: ip})
		return reason
	case '{':
	default:
		return "takes a list of addresses with their asn and cc"
	}
	var a Address
	reason := s.eachMember(text, func(name string) string { return readListedPart(s, text, name, &a) })
	if reason == "" && !a.IP.IsValid() {
		reason = "has an address without ip"
	}
	e.Address = append(e.Address, a)
	return reason
}

func readListedPart(s *scanner, text, name string, a *Address) string {
	f, ok := mappable[name].(partField)
	if name != "ip" && name != "ipv6" && !ok {
		s.value(maxDepth)
		return s.reason
	}
	v, present := s.scalar(text)
	if !present || s.reason != "" {
		return s.reason
	}
	if !ok {
		var reason string
		a.IP, reason = ParseAddr(v)
		return reason
	}
	part, reason := f.parse(v)
	if reason == "" {
		a.overlay(&part)
	}
	return reason
}

// extrasField takes the members of an object as extras, each under its name; of
// names that no extra may have the bad characters become underscores. Text is
// taken for the JSON of such an object.
type extrasField struct{}

func (extrasField) kind() Kind        { return KindJSON }
func (extrasField) has(e *Event) bool { return len(e.Extra) > 0 }
func (extrasField) clear(e *Event)    { e.Extra = e.Extra[:0] }
func (extrasField) get(e *Event) (string, bool) {
	var b []byte
	for i := range e.Extra {
		b = append(appendQuoted(append(b, ','), e.Extra[i].Key), ':')
		b = append(b, e.Extra[i].Value...)
	}
	if len(b) == 0 {
		return "", false
	}
	b[0] = '{'
	return string(append(b, '}')), true
}

func (f extrasField) set(e *Event, s string) string { return f.setJSON(e, []byte(s)) }

func (f extrasField) setJSON(e *Event, value []byte) string {
	if len(value) > MaxExtraBytes {
		return tooBig(len(value))
	}
	s := scanner{in: value}
	text := string(value)
	if s.peek() == '"' {
		inner := s.text(text)
		if !s.end() {
			return s.reason
		}
		if inner = strings.TrimSpace(inner); !strings.HasPrefix(inner, "{") {
			return "takes an object; write extra.<key> for one value"
		}
		return f.setJSON(e, []byte(inner))
	}
	if s.peek() != '{' {
		return "takes an object; write extra.<key> for one value"
	}
	kept := len(e.Extra)
	reason := s.eachMember(text, func(name string) string {
		s.peek()
		start := s.pos
		if !s.value(maxDepth) {
			return s.reason
		}
		x := extraField{extraKey(name)}
		if x.key == "" || x.has(e) || s.pos-start == len("null") && text[start:s.pos] == "null" {
			return ""
		}
		return x.setJSON(e, value[start:s.pos])
	})
	if reason == "" && !s.end() {
		reason = s.reason
	}
	if reason != "" {
		e.Extra = e.Extra[:kept]
	}
	return reason
}

// extraKey makes a key of a name.
func extraKey(name string) string {
	if isExtraKey(name) {
		return name
	}
	key := strings.Map(func(r rune) rune {
		if r < 0x80 && isExtraKey(string(r)) {
			return r
		}
		return '_'
	}, name)
	return key[:min(len(key), 64)]
}

// scalar reads a string or number as text; false for null and what is neither.
func (s *scanner) scalar(text string) (string, bool) {
	switch s.peek() {
	case '"':
		v := s.text(text)
		return v, v != ""
	case '{', '[', 't', 'f', 'n':
		s.value(maxDepth)
		return "", false
	}
	start := s.pos
	s.number()
	return text[start:s.pos], true
}

// eachElement calls f at each element of an array, eachMember at the value of each
// member of an object; f reads it. The reason is f's, or why it is no JSON.
func (s *scanner) eachElement(f func() string) string {
	s.pos++
	if s.accept(']') {
		return s.reason
	}
	for {
		if reason := f(); reason != "" || s.reason != "" {
			return reason + s.reasonUnless(reason)
		}
		if s.accept(']') || !s.expect(',') {
			return s.reason
		}
	}
}

func (s *scanner) eachMember(text string, f func(name string) string) string {
	s.pos++
	if s.accept('}') {
		return s.reason
	}
	for {
		name := s.text(text)
		if !s.expect(':') {
			return s.reason
		}
		if reason := f(name); reason != "" || s.reason != "" {
			return reason + s.reasonUnless(reason)
		}
		if s.accept('}') || !s.expect(',') {
			return s.reason
		}
	}
}

func (s *scanner) reasonUnless(given string) string {
	if given != "" {
		return ""
	}
	return s.reason
}
