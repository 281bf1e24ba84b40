package zone

import (
	"net/netip"
	"strings"
)

// plain reads the records that most zones consist of without the library: an
// address or an alias, on one line without quotes, escapes and parentheses. It is
// nil for all others.
func (m *Master) plain(text string) *Entry {
	var words [6]string
	n := split(text, &words)
	rest := words[:n]
	owner := m.owner
	if n > 0 && strings.HasPrefix(text, rest[0]) {
		var ok bool
		if owner, ok = m.absolute(rest[0]); !ok {
			return nil
		}
		rest = rest[1:]
	}
	ttl := m.ttl
	if len(rest) > 2 && isDigit(rest[0]) {
		seconds, ok := duration(rest[0])
		if !ok {
			return nil
		}
		ttl, rest = seconds, rest[1:]
	}
	if len(rest) > 2 && strings.EqualFold(rest[0], "IN") {
		rest = rest[1:]
	}
	if len(rest) != 2 || owner == "" {
		return nil
	}
	typ := strings.ToUpper(rest[0])
	data, ok := m.plainData(typ, rest[1])
	if !ok {
		return nil
	}
	m.owner = owner
	if !m.directed {
		m.ttl = ttl
	}
	m.entry = Entry{Owner: owner, Type: typ, Class: "IN", Data: data, TTL: ttlOf(ttl)}
	return &m.entry
}

// split finds the words of a line without its comment; none if that takes more
// than looking for blanks, or there are too many.
func split(text string, words *[6]string) int {
	if strings.ContainsAny(text, "\"\\()") {
		return 0
	}
	if i := strings.IndexByte(text, ';'); i >= 0 {
		text = text[:i]
	}
	n := 0
	for word := range strings.FieldsSeq(text) {
		if n == len(words) {
			return 0
		}
		words[n] = word
		n++
	}
	return n
}

func isDigit(word string) bool { return word[0] >= '0' && word[0] <= '9' }

func (m *Master) plainData(typ, word string) (string, bool) {
	switch typ {
	case "CNAME":
		return m.absolute(word)
	case "A", "AAAA":
		a, err := netip.ParseAddr(word)
		return word, err == nil && a.Zone() == "" && a.Is4() == (typ == "A")
	}
	return "", false
}
