package event

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A normalizer returns the normal form of a value, which may be empty: the field
// is then absent. A reason says why the value is refused. Values that are normal
// already must be returned as they are, without allocating.
type normalizer func(s string) (out, reason string)

// Longest values, in characters; those of n6 where it has the field.
const (
	maxSource     = 64
	maxName       = 255
	maxTarget     = 100
	maxURL        = 2048
	maxFQDN       = 255
	maxURLPattern = 255
	maxAction     = 32
	maxEmail      = 254
	maxPhone      = 20
	maxUsername   = 64
	maxRegistrar  = 100
	maxClient     = 32
)

// textOf normalizes free text of at most limit characters: spaces at the ends are
// cut. Text is never shortened: a cut name or URL is a different one.
func textOf(limit int) normalizer {
	return func(s string) (string, string) { return normalText(s, limit) }
}

func normalText(s string, limit int) (string, string) {
	if isPlain(s) && len(s) <= limit && !hasOuterSpace(s) {
		return s, ""
	}
	s = strings.TrimSpace(s)
	if reason := refuseText(s); reason != "" {
		return "", reason
	}
	if len(s) > limit {
		if n := utf8.RuneCountInString(s); n > limit {
			return "", tooLong(n, limit)
		}
	}
	return s, ""
}

func tooLong(n, limit int) string {
	return fmt.Sprintf("has %d characters, more than the %d allowed", n, limit)
}

// refuseText tells why text is unfit for storing and showing: bytes that are no
// UTF-8, and control characters (C0, DEL, C1), which databases and terminals
// take for commands.
func refuseText(s string) string {
	if !utf8.ValidString(s) {
		return "is not valid UTF-8; is the charset of the input right?"
	}
	for i, r := range s {
		if r < 0x20 || r >= 0x7f && r <= 0x9f {
			return fmt.Sprintf("has the control character %U at byte %d", r, i)
		}
	}
	return ""
}

func hasOuterSpace(s string) bool {
	return s != "" && (s[0] == ' ' || s[len(s)-1] == ' ')
}

// isPlain reports whether s is printable ASCII (0x20 to 0x7e), eight bytes at a
// time.
func isPlain(s string) bool {
	for len(s) >= 8 {
		if unprintable(load8(s)) {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if s[i]-0x20 > 0x7e-0x20 {
			return false
		}
	}
	return true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// load8 reads the first eight bytes of s; the compiler makes one load of it.
func load8(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// unprintable reports whether one of eight bytes is below 0x20 or above 0x7e.
// Adding 1 carries 0x7f into the high bit, subtracting 0x20 borrows from it for
// the controls; a borrow that crosses bytes can only come from a byte that is
// itself refused.
func unprintable(x uint64) bool {
	return (x|(x+ones)|(x-0x20*ones))&highs != 0
}

// lowerASCII is s with A-Z in lower case; s itself if there are none.
func lowerASCII(s string) string {
	for i := range len(s) {
		if s[i]-'A' < 26 {
			return strings.Map(func(r rune) rune {
				if 'A' <= r && r <= 'Z' {
					return r + 'a' - 'A'
				}
				return r
			}, s)
		}
	}
	return s
}

// upperASCII is s with a-z in upper case; s itself if there are none.
func upperASCII(s string) string {
	for i := range len(s) {
		if s[i]-'a' < 26 {
			return strings.Map(func(r rune) rune {
				if 'a' <= r && r <= 'z' {
					return r + 'A' - 'a'
				}
				return r
			}, s)
		}
	}
	return s
}

func isDigit(c byte) bool { return c-'0' < 10 }

func isAlpha(c byte) bool { return c|0x20-'a' < 26 }
