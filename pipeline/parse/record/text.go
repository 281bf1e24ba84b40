package record

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// stringEnd finds the closing quote of the string whose first byte is b[i];
// -1 if there is none. It looks at eight bytes at a time: a byte x of the word
// is zero where (x - 1) &^ x has its highest bit set.
func stringEnd(b []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(b) {
			v := binary.LittleEndian.Uint64(b[i:])
			q, e := v^ones*'"', v^ones*'\\'
			if found := ((q-ones)&^q | (e-ones)&^e) & highs; found != 0 {
				i += bits.TrailingZeros64(found) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' {
			i++
		}
		if i >= len(b) {
			return -1, escaped
		}
		if b[i] == '"' {
			return i, escaped
		}
		escaped = true
		i += 2
	}
}

var errEscape = errors.New(`bad \ escape in a string`)

// appendUnescaped decodes the body of a JSON string. Half a surrogate pair
// becomes U+FFFD, as in encoding/json.
func appendUnescaped(dst, s []byte) ([]byte, error) {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			i++
			continue
		}
		if i+1 >= len(s) {
			return dst, errEscape
		}
		if s[i+1] == 'u' {
			r, n := unicodeEscape(s[i:])
			if n == 0 {
				return dst, errEscape
			}
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		c := escapes[s[i+1]]
		if c == 0 {
			return dst, errEscape
		}
		dst = append(dst, c)
		i += 2
	}
	return dst, nil
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unicodeEscape reads \uXXXX or a pair of them; n is 0 if s is neither.
func unicodeEscape(s []byte) (r rune, n int) {
	r = hex4(s)
	if r < 0 {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(s) >= 12 && s[6] == '\\' && s[7] == 'u' {
		if low := hex4(s[6:]); low >= 0 {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
	}
	return utf8.RuneError, 6
}

func hex4(s []byte) rune {
	if len(s) < 6 {
		return -1
	}
	var r rune
	for _, c := range s[2:6] {
		switch {
		case c-'0' <= 9:
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// Unquote decodes a JSON string with its quotes.
func Unquote(s []byte) (string, error) {
	if len(s) < 2 || s[0] != '"' {
		return "", errEscape
	}
	body, err := appendUnescaped(nil, s[1:len(s)-1])
	return Text(body), err
}
