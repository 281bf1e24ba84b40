package format

import (
	"unicode/utf16"
	"unicode/utf8"
)

// The two styles of n6's JSON are made from the canonical form in one pass.

// appendIndented appends compact JSON with an indent of four blanks, non-ASCII
// characters escaped. src must be valid and without blanks between tokens.
func appendIndented(dst, src []byte) []byte {
	depth := 0
	for i := 0; i < len(src); {
		c := src[i]
		switch c {
		case '"':
			dst, i = appendASCIIString(dst, src, i)
			continue
		case '{', '[':
			dst = append(dst, c)
			if i+1 < len(src) && (src[i+1] == '}' || src[i+1] == ']') {
				dst = append(dst, src[i+1])
				i += 2
				continue
			}
			depth++
			dst = appendNewline(dst, depth)
		case '}', ']':
			depth--
			dst = append(appendNewline(dst, depth), c)
		case ',':
			dst = appendNewline(append(dst, ','), depth)
		case ':':
			dst = append(dst, ": "...)
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

const blanks = "\n                                "

func appendNewline(dst []byte, depth int) []byte {
	n := max(depth, 0) * 4
	if n < len(blanks) {
		return append(dst, blanks[:n+1]...)
	}
	dst = append(dst, '\n')
	for range n {
		dst = append(dst, ' ')
	}
	return dst
}

// appendSpaced appends compact JSON with a blank after each comma and colon,
// non-ASCII characters escaped.
func appendSpaced(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		switch c := src[i]; c {
		case '"':
			dst, i = appendASCIIString(dst, src, i)
			continue
		case ',', ':':
			dst = append(dst, c, ' ')
		default:
			dst = append(dst, c)
		}
		i++
	}
	return dst
}

// plain bytes of a JSON string are copied as they are.
var plain = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// appendASCIIString appends the JSON string that starts at src[i] and returns
// the index after it. Characters outside ASCII become \u escapes.
func appendASCIIString(dst, src []byte, i int) ([]byte, int) {
	from := i
	for i++; i < len(src); {
		switch c := src[i]; {
		case plain[c]:
			i++
		case c == '"':
			i++
			return append(dst, src[from:i]...), i
		case c == '\\':
			i += 2
		default:
			r, size := utf8.DecodeRune(src[i:])
			dst = appendEscape(append(dst, src[from:i]...), r)
			i += size
			from = i
		}
	}
	return append(dst, src[min(from, len(src)):]...), len(src)
}

func appendEscape(dst []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendHex(appendHex(dst, high), low)
	}
	return appendHex(dst, r)
}

func appendHex(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}
