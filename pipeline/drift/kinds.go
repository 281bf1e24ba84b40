package drift

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"net/netip"
	"strings"
)

// Kinds is a set of kinds. One value has several: 80 is an int, a port and an AS
// number.
type Kinds uint32

// The kinds, the more telling ones first.
const (
	Empty Kinds = 1 << iota
	IPv4
	IPv6
	CIDR4
	CIDR6
	IPPort
	IPRange
	URL
	FQDN
	Email
	MAC
	SHA256
	SHA1
	MD5
	CVE
	UUID
	Timestamp
	ASN
	Port
	CC
	Int
	Float
	Bool
	Text

	kindCount = iota
)

var kindNames = [kindCount]string{"empty", "ipv4", "ipv6", "cidr4", "cidr6", "ip_port", "ip_range", "url", "fqdn",
	"email", "mac", "sha256", "sha1", "md5", "cve", "uuid", "timestamp", "asn", "port", "cc", "int", "float", "bool",
	"text"}

// String names the kinds, joined with "|".
func (k Kinds) String() string {
	var b strings.Builder
	for i, name := range kindNames {
		if k&(1<<i) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	return b.String()
}

// Counts tells how many values have each kind. In JSON it is an object with the
// kinds that occur.
type Counts [kindCount]int64

// add counts n values of some kinds.
func (c *Counts) add(k Kinds, n int64) {
	for ; k != 0; k &= k - 1 {
		c[bits.TrailingZeros32(uint32(k))] += n
	}
}

// Of sums the counts of kinds that exclude each other.
func (c *Counts) Of(k Kinds) int64 {
	var n int64
	for ; k != 0; k &= k - 1 {
		n += c[bits.TrailingZeros32(uint32(k))]
	}
	return n
}

// MarshalJSON writes {"ipv4":4120}.
func (c Counts) MarshalJSON() ([]byte, error) {
	m := make(map[string]int64, 4)
	for i, n := range c {
		if n != 0 {
			m[kindNames[i]] = n
		}
	}
	return json.Marshal(m)
}

// UnmarshalJSON reads what MarshalJSON wrote; kinds that it does not know are
// dropped.
func (c *Counts) UnmarshalJSON(b []byte) error {
	var m map[string]int64
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("counts of kinds: %w", err)
	}
	*c = Counts{}
	for i, name := range kindNames {
		c[i] = max(m[name], 0)
	}
	return nil
}

// Classes of bytes, so that one pass over a value rules out most kinds.
const (
	cDigit = 1 << iota
	cHex   // a-f, A-F
	cAlpha // the other letters
	cDot
	cColon
	cSlash
	cDash
	cSpace
	cAt
	cBracket
	cUnder
	cOther
)

var classes = func() (t [256]uint16) {
	for i := range t {
		t[i] = cOther
	}
	for b := '0'; b <= '9'; b++ {
		t[b] = cDigit
	}
	for b := 'a'; b <= 'z'; b++ {
		t[b], t[b-'a'+'A'] = cAlpha, cAlpha
	}
	for b := 'a'; b <= 'f'; b++ {
		t[b], t[b-'a'+'A'] = cHex, cHex
	}
	for b, c := range map[byte]uint16{'.': cDot, ':': cColon, '/': cSlash, '-': cDash, ' ': cSpace, '@': cAt,
		'[': cBracket, ']': cBracket, '_': cUnder} {
		t[b] = c
	}
	return t
}()

const (
	maxKindBytes = 512 // of a longer value only the beginning is looked at
	letters      = cHex | cAlpha
)

// shape is what one pass over a value tells.
type shape struct {
	mask                      uint16
	dots, colons, dashes, ats int
}

func (s *shape) only(mask uint16) bool { return s.mask&^mask == 0 }
func (s *shape) has(mask uint16) bool  { return s.mask&mask != 0 }

// marks has the class of a byte, and above it a one in the place where bytes like
// it are counted: 12 bits each for dots, colons, dashes and at signs.
var marks = func() (t [256]uint64) {
	for i, c := range classes {
		t[i] = uint64(c)
	}
	for i, b := range []byte(".:-@") {
		t[b] |= 1 << (16 + 12*i)
	}
	return t
}()

// shapeOf looks at a value of at most maxKindBytes.
func shapeOf(s string) shape {
	var mask, sum uint64
	for i := range len(s) {
		m := marks[s[i]]
		mask |= m
		sum += m >> 16
	}
	at := func(i int) int { return int(sum >> (12 * i) & (1<<12 - 1)) }
	return shape{uint16(mask & (1<<16 - 1)), at(0), at(1), at(2), at(3)}
}

// KindsOf returns the kinds of a value. Defanged values (hxxp://, [.]) have the
// kind of what they stand for. A value that has none of the telling kinds is
// text.
func KindsOf(s string) Kinds {
	k, _ := classify(s, nil)
	return k
}

// classify is KindsOf that also appends the layout of a timestamp to buf.
func classify(s string, buf []byte) (kinds Kinds, layout []byte) {
	s = trimSpace(s)
	if s == "" {
		return Empty, buf
	}
	if len(s) > maxKindBytes {
		s = s[:maxKindBytes]
	}
	if k, layout := obvious(s); k != 0 {
		return k, layout
	}
	return closely(s, buf)
}

// closely is classify for what is not obvious, of at most maxKindBytes.
func closely(s string, buf []byte) (kinds Kinds, layout []byte) {
	sh := shapeOf(s)
	if sh.only(cDigit) {
		return digits(s, buf)
	}
	if sh.has(cBracket) && strings.Contains(s, "[.]") {
		s = strings.ReplaceAll(s, "[.]", ".")
		sh = shapeOf(s)
	}
	if k := addressKinds(s, &sh); k != 0 {
		return k, buf
	}
	if k := nameKinds(s, &sh); k != 0 {
		return k, buf
	}
	if k := hexKinds(s, &sh); k != 0 {
		return k, buf
	}
	if sh.has(cDigit) && len(s) <= maxLayout {
		if layout, ok := layoutOf(s, buf); ok {
			return Timestamp, layout
		}
	}
	return wordKinds(s, &sh), buf
}

var isoLayout = []byte(layoutISO)

// obvious recognizes the most frequent kinds by how they begin. It knows nothing
// that classify would not find out.
func obvious(s string) (kinds Kinds, layout []byte) {
	switch c := s[0]; {
	case c == 'h':
		if isHTTP(s) {
			return URL, nil
		}
	case c < '0' || c > '9' || len(s) < 7 || len(s) > maxLayout:
	case s[4] == '-':
		if isISO(s) {
			return Timestamp, isoLayout
		}
	case s[1] == '.' || s[2] == '.' || s[3] == '.':
		if isIPv4(s) {
			return IPv4, nil
		}
	}
	return 0, nil
}

func isHTTP(s string) bool {
	rest, ok := strings.CutPrefix(s, "http")
	rest = strings.TrimPrefix(rest, "s")
	return ok && len(rest) > 3 && rest[:3] == "://" && !spaced(s)
}

// spaced tells whether there is a space or an end of a line.
func spaced(s string) bool {
	return strings.IndexByte(s, ' ') >= 0 || strings.IndexByte(s, '\t') >= 0 || strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0
}

func trimSpace(s string) string {
	if s == "" || s[0] > ' ' && s[len(s)-1] > ' ' {
		return s
	}
	return strings.TrimSpace(s)
}

// digits are the kinds of a number without sign.
func digits(s string, buf []byte) (kinds Kinds, layout []byte) {
	k := Int
	if hash := hashOf(len(s)); hash != 0 {
		return hash, buf
	}
	if len(s) == 1 && s[0] <= '1' {
		k |= Bool
	}
	n, fits := atoi(s)
	if !fits {
		return k, buf
	}
	if n <= 1<<16-1 {
		k |= Port
	}
	if n <= 1<<32-1 {
		k |= ASN
	}
	if name := epochLayout(len(s), n); name != "" {
		return k | Timestamp, append(buf, name...)
	}
	return k, buf
}

func atoi(s string) (n uint64, fits bool) {
	if len(s) > 19 {
		return 0, false
	}
	for i := range len(s) {
		n = n*10 + uint64(s[i]-'0')
	}
	return n, true
}

// addressKinds are those that begin with an address.
func addressKinds(s string, sh *shape) Kinds {
	switch {
	case sh.colons >= 2:
		return ipv6Kinds(s, sh)
	case sh.dots == 3 && sh.only(cDigit|cDot|cSlash|cColon):
		return ipv4Kinds(s)
	case sh.dots == 6 && sh.dashes == 1 && isRange(s, isIPv4):
		return IPRange
	}
	return 0
}

func ipv4Kinds(s string) Kinds {
	if isIPv4(s) {
		return IPv4
	}
	if addr, length, ok := strings.Cut(s, "/"); ok && isIPv4(addr) && isNumber(length, 32) {
		return CIDR4
	}
	if addr, port, ok := strings.Cut(s, ":"); ok && isIPv4(addr) && isNumber(port, 1<<16-1) {
		return IPPort
	}
	return 0
}

func ipv6Kinds(s string, sh *shape) Kinds {
	if !sh.only(cDigit | cHex | cColon | cDot | cSlash | cBracket | cDash | cSpace) {
		return 0
	}
	switch {
	case sh.has(cBracket):
		if addr, port, ok := strings.Cut(s[1:], "]:"); ok && s[0] == '[' && isIPv6(addr) && isNumber(port, 1<<16-1) {
			return IPPort
		}
	case sh.has(cSlash):
		if addr, length, ok := strings.Cut(s, "/"); ok && isIPv6(addr) && isNumber(length, 128) {
			return CIDR6
		}
	case sh.has(cDash):
		if sh.dashes == 1 && isRange(s, isIPv6) {
			return IPRange
		}
	case isIPv6(s):
		return IPv6
	}
	return 0
}

func isRange(s string, is func(string) bool) bool {
	first, last, _ := strings.Cut(s, "-")
	return is(trimSpace(first)) && is(trimSpace(last))
}

func isIPv4(s string) bool {
	octet, digits, dots := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			octet = octet*10 + int(c-'0')
			if digits++; digits > 3 || octet > 255 {
				return false
			}
		case c == '.' && digits > 0:
			octet, digits = 0, 0
			dots++
		default:
			return false
		}
	}
	return dots == 3 && digits > 0
}

// isIPv6 looks for a double colon, seven single ones or an IPv4 part first: they
// tell an address from a time of day or a MAC address, so that the parser, which
// allocates its errors, is hardly ever called in vain.
func isIPv6(s string) bool {
	if strings.Count(s, ":") != 7 && !strings.Contains(s, "::") && strings.Count(s, ".") != 3 {
		return false
	}
	if len(s) > len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255") {
		return false
	}
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

func isNumber(s string, most uint64) bool {
	n, ok := number(s)
	return ok && n <= most
}

func number(s string) (uint64, bool) {
	if s == "" || len(s) > 10 {
		return 0, false
	}
	for i := range len(s) {
		if classes[s[i]] != cDigit {
			return 0, false
		}
	}
	return atoi(s)
}

// hashOf is the hash that has so many hex digits.
func hashOf(digits int) Kinds {
	switch digits {
	case 32:
		return MD5
	case 40:
		return SHA1
	case 64:
		return SHA256
	}
	return 0
}
