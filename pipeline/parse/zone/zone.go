// Package zone reads what DNS zones say: resource records in master file format
// (RFC 1035, 5), among them those of response policy zones, and data sets of
// rbldnsd.
package zone

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// Entry is what one resource record says.
type Entry struct {
	// Owner, Zone and Name (Owner below Zone, without *. at its beginning) have no
	// dot at the end. Name is empty where the record is about addresses.
	Owner, Zone, Name string
	Type, Class, Data string
	TTL, Serial       *uint32
	Wildcard          bool
	// Trigger and Action are those of a response policy zone; Network is that of
	// the trigger, Address if it is a single one.
	Trigger, Action  string
	Network, Address string
	// Pass is why the record belongs to the zone and says nothing; usually empty.
	Pass string
}

const (
	// noTTL is no valid TTL: those have 31 bits.
	noTTL = 1<<32 - 1
	// maxGenerated bounds what all $GENERATE of a zone may give.
	maxGenerated = 1 << 16
)

// Master is the way through one master file.
type Master struct {
	origin, apex string // absolute
	sure         bool   // apex is that of the SOA
	owner        string // absolute, of the last record
	ttl          uint32
	directed     bool // ttl is that of $TTL
	serial       *uint32
	generated    int
	entry        Entry
	text         byteReader
}

// NewMaster begins a file; origin may be empty.
func NewMaster(origin string) (*Master, error) {
	origin = dns.Fqdn(origin)
	if _, ok := dns.IsDomainName(origin); !ok {
		return nil, fmt.Errorf("%q is no domain name", origin)
	}
	return &Master{origin: origin, apex: origin, ttl: noTTL}, nil
}

// SyntaxError is why a record cannot be read.
type SyntaxError struct{ Reason string }

func (e *SyntaxError) Error() string { return e.Reason }

func bad(format string, args ...any) error { return &SyntaxError{fmt.Sprintf(format, args...)} }

// Record reads the record that raw holds, from owner to the end of its last line,
// and calls take for what it says: once, not at all for a comment or a directive,
// many times for $GENERATE. The entry is valid during the call. A *SyntaxError
// leaves the file readable; other errors are those of take.
func (m *Master) Record(raw []byte, take func(*Entry) error) error {
	text := string(raw)
	if text == "" || strings.HasPrefix(strings.TrimLeft(text, " \t"), ";") {
		return nil
	}
	if text[0] == '$' {
		return m.directive(text, take)
	}
	if e := m.plain(text); e != nil {
		return m.hand(e, take)
	}
	if text[0] == ' ' || text[0] == '\t' {
		if m.owner == "" {
			return bad("the first record has no owner")
		}
		text = m.owner + text
	} else if word, _, _ := strings.Cut(strings.ReplaceAll(text, "\t", " "), " "); word != "" {
		owner, ok := m.absolute(word)
		if !ok {
			return bad("the owner %.100q is no domain name", word)
		}
		m.owner = owner
	}
	parser := m.parser(text)
	rr, ok := parser.Next()
	if err := parser.Err(); err != nil {
		return bad("%s", reason(err))
	}
	if !ok {
		return bad("there is no record")
	}
	if !m.directed && rr.Header().Ttl != noTTL {
		m.ttl = rr.Header().Ttl
	}
	return m.resource(rr, take)
}

func (m *Master) parser(text string) *dns.ZoneParser {
	m.text = byteReader{text: text}
	p := dns.NewZoneParser(&m.text, m.origin, "")
	p.SetDefaultTTL(m.ttl)
	return p
}

// byteReader gives a text, and a line break behind it.
type byteReader struct {
	text string
	at   int
}

func (r *byteReader) ReadByte() (byte, error) {
	r.at++
	switch {
	case r.at <= len(r.text):
		return r.text[r.at-1], nil
	case r.at == len(r.text)+1:
		return '\n', nil
	}
	return 0, io.EOF
}

func (r *byteReader) Read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c, err := r.ReadByte()
	if err != nil {
		return 0, err
	}
	b[0] = c
	return 1, nil
}

// reason is what the library says, without where: a record stands for itself.
func reason(err error) string {
	text := strings.TrimPrefix(err.Error(), "dns: ")
	if i := strings.LastIndex(text, " at line: "); i >= 0 {
		text = text[:i]
	}
	return text
}

func (m *Master) absolute(name string) (string, bool) {
	switch {
	case name == "@":
		return m.origin, true
	case dns.IsFqdn(name):
	case m.origin == ".":
		name += "."
	default:
		name += "." + m.origin
	}
	_, ok := dns.IsDomainName(name)
	return name, ok
}

func (m *Master) directive(text string, take func(*Entry) error) error {
	if i := strings.IndexByte(text, ';'); i >= 0 {
		text = text[:i]
	}
	words := strings.Fields(text)
	switch name := strings.ToUpper(words[0]); {
	case name == "$INCLUDE":
		return bad("$INCLUDE is refused: a payload is one file")
	case name == "$GENERATE":
		return m.generate(text, take)
	case name != "$ORIGIN" && name != "$TTL":
		return bad("%.40q is no directive; there are $ORIGIN, $TTL and $GENERATE", words[0])
	case len(words) != 2:
		return bad("%s needs one value", name)
	case name == "$TTL":
		ttl, ok := duration(words[1])
		if !ok {
			return bad("%.40q is no TTL", words[1])
		}
		m.ttl, m.directed = ttl, true
	default:
		origin, ok := m.absolute(words[1])
		if !ok {
			return bad("%.100q is no domain name", words[1])
		}
		if m.apex == "." && !m.sure {
			m.apex = origin
		}
		m.origin = origin
	}
	return nil
}

func (m *Master) generate(text string, take func(*Entry) error) error {
	parser := m.parser(text)
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if m.generated++; m.generated > maxGenerated {
			return bad("the $GENERATE directives of the zone give more than %d records", maxGenerated)
		}
		if err := m.resource(rr, take); err != nil {
			return err
		}
	}
	if err := parser.Err(); err != nil {
		return bad("%s", reason(err))
	}
	return nil
}

// duration reads a TTL: seconds, or numbers with units as in 1h30m.
func duration(text string) (uint32, bool) {
	total, n, digits := uint64(0), uint64(0), false
	for _, c := range strings.ToLower(text) {
		unit := uint64(0)
		switch c {
		case 's':
			unit = 1
		case 'm':
			unit = 60
		case 'h':
			unit = 3600
		case 'd':
			unit = 86400
		case 'w':
			unit = 7 * 86400
		default:
			if c < '0' || c > '9' || n > noTTL {
				return 0, false
			}
			n, digits = n*10+uint64(c-'0'), true
			continue
		}
		if !digits {
			return 0, false
		}
		total, n, digits = total+n*unit, 0, false
	}
	total += n
	return uint32(total), text != "" && total < noTTL
}

func ttlOf(ttl uint32) *uint32 {
	if ttl == noTTL {
		return nil
	}
	return &ttl
}

// resource hands on what the library has read.
func (m *Master) resource(rr dns.RR, take func(*Entry) error) error {
	h := rr.Header()
	m.owner = h.Name
	m.entry = Entry{
		Owner: h.Name, Type: typeName(h.Rrtype), Class: dns.Class(h.Class).String(),
		TTL: ttlOf(h.Ttl),
	}
	switch x := rr.(type) {
	case *dns.SOA:
		if x.Ns == "" {
			return bad("the SOA has no data")
		}
		m.apex, m.sure, m.serial = h.Name, true, &x.Serial
		m.entry.Pass = "soa"
	case *dns.TXT:
		m.entry.Data = joined(x.Txt)
	case *dns.SPF:
		m.entry.Data = joined(x.Txt)
	default:
		m.entry.Data = data(rr)
		if m.entry.Data == "" {
			return bad("the %s has no data", m.entry.Type)
		}
	}
	return m.hand(&m.entry, take)
}

// data is the text of what follows the type.
func data(rr dns.RR) string {
	text := rr.String()
	for range 4 { // owner, TTL, class, type
		_, text, _ = strings.Cut(text, "\t")
	}
	return strings.TrimSpace(text)
}

func typeName(t uint16) string { return dns.Type(t).String() }

// joined is the text of a TXT record.
func joined(parts []string) string {
	text := strings.Join(parts, "")
	if !strings.Contains(text, `\`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		if i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 10, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		i++
		b.WriteByte(text[i])
	}
	return b.String()
}

// hand completes an entry and hands it on.
func (m *Master) hand(e *Entry, take func(*Entry) error) error {
	e.Zone, e.Serial = trimDot(m.apex), m.serial
	owner := trimDot(e.Owner)
	e.Owner = owner
	e.Name = below(owner, e.Zone)
	switch e.Type {
	case "NS":
		if e.Name == "" {
			e.Pass = "ns"
		}
	case "RRSIG", "NSEC", "NSEC3", "NSEC3PARAM", "DNSKEY", "CDS", "CDNSKEY", "ZONEMD":
		e.Pass = "dnssec"
	}
	if e.Pass == "" {
		if err := policy(e); err != nil {
			return err
		}
	}
	switch e.Type {
	case "CNAME", "DNAME", "NS", "PTR":
		if e.Data != "." {
			e.Data = trimDot(e.Data)
		}
	}
	return take(e)
}

// trimDot takes the dot at the end of an absolute name off.
func trimDot(name string) string { return strings.TrimSuffix(name, ".") }

// below is what of a name lies below the apex; all of it if it does not.
func below(name, apex string) string {
	n := len(name) - len(apex)
	switch {
	case apex == "" || n < 0 || !strings.EqualFold(name[n:], apex):
		return name
	case n == 0:
		return ""
	case name[n-1] == '.':
		return name[:n-1]
	}
	return name
}

var errOpen = errors.New("a quote never closes")

// Lines puts the lines of one record together: a parenthesis makes it go on.
type Lines struct{ depth int }

// Add takes a line, and tells whether the record goes on.
func (l *Lines) Add(line []byte) (more bool, err error) {
	quote := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\':
			i++
		case c == '"':
			quote = !quote
		case quote:
		case c == ';':
			return l.depth > 0, nil
		case c == '(':
			l.depth++
		case c == ')':
			l.depth--
		}
	}
	if quote {
		return false, errOpen
	}
	return l.depth > 0, nil
}
