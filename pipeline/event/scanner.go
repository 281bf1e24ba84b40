package event

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nested arrays and objects.
const maxDepth = 64

// scanner checks JSON (RFC 8259) from the front of in. The first problem stays in
// reason and makes all further calls fail. Beyond the RFC it refuses what databases
// and other languages cannot hold: lone surrogates and U+0000.
type scanner struct {
	in     []byte
	pos    int
	spaced bool // there was white space between tokens
	lines  bool // there was U+2028 or U+2029, which some readers take for line ends
	reason string
}

// Classes of the bytes of a string.
const (
	bytePlain = iota
	byteQuote
	byteEscape
	byteControl
	byteMulti // part of a character of several bytes
)

var byteClass = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c < 0x20:
			t[c] = byteControl
		case c >= 0x80:
			t[c] = byteMulti
		}
	}
	t['"'], t['\\'] = byteQuote, byteEscape
	return t
}()

func (s *scanner) fail(reason string) bool {
	if s.reason == "" {
		s.reason = reason
	}
	return false
}

// peek skips white space and gives the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.spaced = true
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// end reports whether all went well and nothing is left.
func (s *scanner) end() bool {
	if s.peek(); s.reason == "" && s.pos < len(s.in) {
		s.unexpected("the end")
	}
	return s.reason == ""
}

// accept reads c if it is next.
func (s *scanner) accept(c byte) bool {
	if s.reason == "" && s.peek() == c && s.pos < len(s.in) {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) expect(c byte) bool {
	return s.accept(c) || s.unexpected("'"+string(rune(c))+"'")
}

func (s *scanner) unexpected(wanted string) bool {
	found := "the end"
	if s.pos < len(s.in) {
		found = quote(string(rune(s.in[s.pos])))
	}
	return s.fail("expected " + wanted + " at byte " + strconv.Itoa(s.pos) + " of the JSON, found " + found)
}

// str reads a string and gives the range of what is between the quotes.
func (s *scanner) str() (start, end int, escaped, ok bool) {
	if !s.accept('"') {
		return 0, 0, false, s.unexpected("a string")
	}
	start = s.pos
	for {
		for s.pos < len(s.in) && byteClass[s.in[s.pos]] == bytePlain {
			s.pos++
		}
		if s.pos == len(s.in) {
			return 0, 0, false, s.fail("a JSON string has no end")
		}
		switch byteClass[s.in[s.pos]] {
		case byteQuote:
			s.pos++
			return start, s.pos - 1, escaped, true
		case byteEscape:
			escaped = true
			if !s.escape() {
				return 0, 0, false, false
			}
		case byteMulti:
			r, size := utf8.DecodeRune(s.in[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return 0, 0, false, s.fail("the JSON is not valid UTF-8 at byte " + strconv.Itoa(s.pos))
			}
			s.lines = s.lines || r == 0x2028 || r == 0x2029
			s.pos += size
		default:
			return 0, 0, false, s.fail("a JSON string has a control character at byte " + strconv.Itoa(s.pos))
		}
	}
}

// escape reads one escape sequence, a pair of surrogates as one.
func (s *scanner) escape() bool {
	rest := s.in[s.pos:]
	if len(rest) < 2 || unescaped[rest[1]] == 0 {
		return s.fail("a JSON string has a wrong escape at byte " + strconv.Itoa(s.pos))
	}
	if rest[1] != 'u' {
		s.pos += 2
		return true
	}
	r, size := escapedRune(rest)
	switch {
	case size == 0:
		return s.fail("a JSON string has a wrong escape at byte " + strconv.Itoa(s.pos))
	case r == utf8.RuneError && utf16.IsSurrogate(hex4(rest)):
		return s.fail("a JSON string has half of a surrogate pair at byte " + strconv.Itoa(s.pos))
	case r == 0:
		return s.fail("a JSON string has U+0000, which databases cannot hold, at byte " + strconv.Itoa(s.pos))
	}
	s.pos += size
	return true
}

// escapedRune decodes \uXXXX, or two of them, at the start of b; size 0 if there
// is none.
func escapedRune(b []byte) (r rune, size int) {
	r = hex4(b)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low := hex4(b[6:]); low >= 0 {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

// hex4 reads the digits of \uXXXX; -1 if b does not begin so.
func hex4(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c|0x20-'a' < 6:
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unescaped is what \c stands for; of u it is only marked as allowed.
var unescaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'u': 'u'}

// text reads a string and decodes it. shared has the same bytes as in; where no
// escape stands in the way the result is a part of it.
func (s *scanner) text(shared string) string {
	start, end, escaped, ok := s.str()
	if !ok {
		return ""
	}
	if !escaped {
		return shared[start:end]
	}
	out := make([]byte, 0, end-start)
	for b := s.in[start:end]; len(b) > 0; {
		switch {
		case b[0] != '\\':
			n := bytes.IndexByte(b, '\\')
			if n < 0 {
				n = len(b)
			}
			out, b = append(out, b[:n]...), b[n:]
		case b[1] == 'u':
			r, size := escapedRune(b)
			out, b = utf8.AppendRune(out, r), b[size:]
		default:
			out, b = append(out, unescaped[b[1]]), b[2:]
		}
	}
	return string(out)
}

// number reads a number as RFC 8259 writes it.
func (s *scanner) number() bool {
	s.peek()
	start := s.pos
	s.one('-')
	if !s.one('0') && !s.digits() {
		s.pos = start
		return s.unexpected("a value")
	}
	if s.one('.') && !s.digits() {
		return s.unexpected("a digit")
	}
	if s.one('e') || s.one('E') {
		if !s.one('+') {
			s.one('-')
		}
		if !s.digits() {
			return s.unexpected("a digit")
		}
	}
	return true
}

// one reads c if it comes next, without white space before it.
func (s *scanner) one(c byte) bool {
	if s.pos < len(s.in) && s.in[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.in) && isDigit(s.in[s.pos]) {
		s.pos++
	}
	return s.pos > start
}

// value reads any value with at most the given levels inside.
func (s *scanner) value(levels int) bool {
	if levels < 0 {
		return s.fail("the JSON is nested more than " + strconv.Itoa(maxDepth) + " levels deep")
	}
	switch s.peek() {
	case '"':
		_, _, _, ok := s.str()
		return ok
	case '{':
		return s.members('}', true, levels-1)
	case '[':
		return s.members(']', false, levels-1)
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// members reads the inside of an object or array.
func (s *scanner) members(closing byte, keys bool, levels int) bool {
	s.pos++
	if s.accept(closing) {
		return true
	}
	for {
		if keys {
			if _, _, _, ok := s.str(); !ok || !s.expect(':') {
				return false
			}
		}
		if !s.value(levels) {
			return false
		}
		if s.accept(closing) {
			return true
		}
		if !s.expect(',') {
			return false
		}
	}
}

func (s *scanner) literal(word string) bool {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(word)) {
		return s.unexpected("a value")
	}
	s.pos += len(word)
	return true
}

// compactJSON checks one value, removes the white space between its tokens, and
// escapes line separators as appendEscaped does. The rest stays as it was: 1.0 is
// not 1.
func compactJSON(in json.RawMessage) (json.RawMessage, string) {
	s := scanner{in: in}
	if !s.value(maxDepth) || !s.end() {
		return nil, s.reason
	}
	if s.lines {
		// Outside of strings they would not have been accepted.
		in = bytes.ReplaceAll(in, []byte("\u2028"), []byte(`\u2028`))
		in = bytes.ReplaceAll(in, []byte("\u2029"), []byte(`\u2029`))
	}
	if !s.spaced {
		return in, ""
	}
	var b bytes.Buffer
	b.Grow(len(in))
	if err := json.Compact(&b, in); err != nil {
		return nil, "is not valid JSON: " + err.Error()
	}
	return b.Bytes(), ""
}
