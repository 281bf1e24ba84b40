package zone

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Listing is what one line of a data set of rbldnsd lists.
type Listing struct {
	// Name is a domain name, Wildcard says that names below it are listed (too).
	Name     string
	Wildcard bool
	// Network is a prefix, or a range a-b; Address if it is a single one.
	Network, Address string
	// Value is the address that the list answers with, Text the text.
	Value, Text string
	// Excluded: the line says what is not listed.
	Excluded bool
}

// RBL is the way through one data set.
type RBL struct {
	value, text string // of lines without
	words       [10]string
}

// NewRBL begins a data set.
func NewRBL() *RBL { return &RBL{value: "127.0.0.2"} }

// Line reads a line. ok is false if it lists nothing: a comment, a special entry, a
// value for the lines after it. The error is a *SyntaxError.
func (r *RBL) Line(line string) (l Listing, ok bool, err error) {
	line = strings.Trim(line, " \t")
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
		return l, false, nil
	case line[0] == '$':
		r.special(line[1:])
		return l, false, nil
	case line[0] == ':':
		r.value, r.text, err = value(line, "")
		return l, false, err
	}
	if line[0] == '!' {
		l.Excluded = true
		line = strings.TrimLeft(line[1:], " \t")
	}
	word, rest := entry(line)
	if err := l.listed(word); err != nil || l.Excluded {
		return l, err == nil, err
	}
	l.Value, l.Text = r.value, r.text
	if rest != "" && rest[0] != '#' && rest[0] != ';' {
		if l.Value, l.Text, err = value(rest, r.value); err != nil {
			return l, false, err
		}
	}
	l.Text = r.substitute(l.Text, word)
	return l, true, nil
}

// entry is what a line lists, and what it says of it.
func entry(line string) (word, rest string) {
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		return line[:i], strings.TrimLeft(line[i:], " \t")
	}
	if i := strings.IndexByte(line, ':'); i > 0 && !isIPv6(line) {
		return line[:i], line[i:]
	}
	return line, ""
}

func isIPv6(line string) bool {
	address, _, _ := strings.Cut(line, "/")
	_, err := netip.ParseAddr(address)
	return err == nil
}

// special takes $0 to $9, words for texts; other special entries are for the
// server.
func (r *RBL) special(line string) {
	if len(line) > 1 && line[0] >= '0' && line[0] <= '9' && (line[1] == ' ' || line[1] == '\t') {
		r.words[line[0]-'0'] = strings.Trim(line[1:], " \t")
	}
}

// value reads :a:text, or a text alone, for which the address is that of before.
func value(text, before string) (address, words string, err error) {
	if text[0] != ':' {
		return before, text, nil
	}
	address, words, _ = strings.Cut(text[1:], ":")
	address, words = strings.TrimSpace(address), strings.TrimSpace(words)
	if n, err := strconv.ParseUint(address, 10, 8); err == nil {
		return "127.0.0." + strconv.FormatUint(n, 10), words, nil
	}
	if a, err := netip.ParseAddr(address); err != nil || !a.Is4() {
		return "", "", bad("the value %.40q is no IPv4 address, nor the last part of one", address)
	}
	return address, words, nil
}

// maxText bounds a text with words put in, as DNS does.
const maxText = 255

// substitute puts words in for $0 to $9, and what is listed for $.
func (r *RBL) substitute(text, listed string) string {
	if !strings.Contains(text, "$") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text) && b.Len() <= maxText; i++ {
		switch {
		case text[i] != '$':
			b.WriteByte(text[i])
		case i+1 < len(text) && text[i+1] == '$':
			b.WriteByte('$')
			i++
		case i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9':
			i++
			b.WriteString(r.words[text[i]-'0'])
		default:
			b.WriteString(strings.TrimLeft(listed, ".*"))
		}
	}
	return b.String()
}

// listed reads what a line lists.
func (l *Listing) listed(word string) error {
	if network, single, ok := addresses(word); ok {
		l.Network = network
		if single {
			l.Address, _, _ = strings.Cut(network, "/")
		}
		return nil
	}
	name, found := strings.CutPrefix(word, "*.")
	if !found {
		name, found = strings.CutPrefix(word, ".")
	}
	name = trimDot(name)
	if _, ok := dns.IsDomainName(name); !ok || name == "" || strings.ContainsAny(name, "/*") {
		return bad("%.100q is neither a domain name, an address, a network nor a range", word)
	}
	if !strings.ContainsFunc(name, func(c rune) bool { return c != '.' && c != '-' && (c < '0' || c > '9') }) {
		return bad("%.100q is no address, network or range", word)
	}
	l.Name, l.Wildcard = name, found
	return nil
}

// addresses reads 192.0.2.1, 192.0.2 (all that begins so), 192.0.2.0/24,
// 192.0.2.1-9, 192.0.2.1-192.0.2.9 and their like of IPv6.
func addresses(word string) (network string, single, ok bool) {
	if from, to, found := strings.Cut(word, "-"); found {
		network, ok := span(from, to)
		return network, false, ok
	}
	from, length, found := strings.Cut(word, "/")
	bits := -1
	if found {
		n, err := strconv.ParseUint(length, 10, 8)
		if err != nil {
			return "", false, false
		}
		bits = int(n)
	}
	dots := strings.Count(from, ".")
	if !strings.Contains(from, ":") && dots < 3 {
		if bits < 0 {
			bits = 8 * (dots + 1)
		}
		from += strings.Repeat(".0", 3-dots)
	}
	a, err := netip.ParseAddr(from)
	if err != nil || a.Zone() != "" {
		return "", false, false
	}
	if bits < 0 {
		bits = a.BitLen()
	}
	p, err := a.Prefix(bits)
	return p.String(), err == nil && p.IsSingleIP(), err == nil
}

// span reads a range; of its end, the last part is enough.
func span(from, to string) (string, bool) {
	first, err := netip.ParseAddr(from)
	if err != nil {
		return "", false
	}
	if !strings.ContainsAny(to, ".:") && first.Is4() {
		to = from[:strings.LastIndexByte(from, '.')+1] + to
	}
	last, err := netip.ParseAddr(to)
	if err != nil || last.Is4() != first.Is4() || last.Less(first) {
		return "", false
	}
	return first.String() + "-" + last.String(), true
}
