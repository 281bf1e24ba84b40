package mapping

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// strftime is a compiled pattern: one operation a byte, so that reading is one
// loop over a short string.
type strftime struct {
	ops string
}

// Operations are the directives themselves; a literal byte c is opLiteral c.
const opLiteral = '='

const directives = "YmdHMSfybBjzZpIseaA"

// compound directives stand for others.
var compound = strings.NewReplacer("%T", "%H:%M:%S", "%D", "%m/%d/%y", "%F", "%Y-%m-%d", "%R", "%H:%M",
	"%r", "%I:%M:%S %p", "%c", "%a %b %e %H:%M:%S %Y", "%x", "%m/%d/%y", "%X", "%H:%M:%S",
	"%h", "%b", "%n", " ", "%t", " ", "%k", "%H", "%l", "%I", "%%", "%%")

var rfc1123Patterns = mustStrftime("%a, %d %b %Y %H:%M:%S %Z", "%d %b %Y %H:%M:%S %Z", "%A, %d-%b-%y %H:%M:%S %Z")

// parseRFC1123 reads the dates of HTTP (RFC 9110 section 5.6.7) and of mail
// (RFC 5322 section 3.3).
func parseRFC1123(s string, zone *time.Location) (time.Time, bool) {
	for _, p := range rfc1123Patterns {
		if t, ok := p.parse(s, zone); ok {
			return t, true
		}
	}
	return time.Time{}, false
}

func mustStrftime(patterns ...string) []*strftime {
	var out []*strftime
	for _, p := range patterns {
		c, err := compileStrftime(p)
		if err != nil {
			panic(err)
		}
		out = append(out, c)
	}
	return out
}

// compileStrftime reads a pattern of strftime(3). White space in it stands for
// any amount of it; numbers may lack leading zeros, except %Y.
func compileStrftime(pattern string) (*strftime, error) {
	if !strings.Contains(pattern, "%") {
		return nil, errors.New("is neither iso8601, rfc1123, unix, unix_ms, unix_us nor a strftime pattern such as %d/%m/%Y %H:%M")
	}
	var ops strings.Builder
	for p := compound.Replace(pattern); p != ""; {
		if p[0] != '%' {
			if p[0] != ' ' || !strings.HasSuffix(ops.String(), "= ") {
				ops.WriteByte(opLiteral)
				ops.WriteByte(p[0])
			}
			p = p[1:]
			continue
		}
		if len(p) < 2 {
			return nil, errors.New("ends in a lone %; write %% for a percent sign")
		}
		switch c := p[1]; {
		case c == '%':
			ops.WriteString("=%")
		case strings.IndexByte(directives, c) >= 0:
			ops.WriteByte(c)
		default:
			return nil, fmt.Errorf("%%%c is not supported; there are %s", c, listDirectives())
		}
		p = p[2:]
	}
	s := &strftime{ops: ops.String()}
	return s, s.check()
}

func listDirectives() string {
	var b strings.Builder
	for _, c := range directives {
		fmt.Fprintf(&b, "%%%c ", c)
	}
	return b.String() + "%T %D %F %R %%"
}

// check refuses patterns that cannot tell the day.
func (f *strftime) check() error {
	has := func(set string) bool {
		for i := 0; i < len(f.ops); i++ {
			if f.ops[i] == opLiteral {
				i++
			} else if strings.IndexByte(set, f.ops[i]) >= 0 {
				return true
			}
		}
		return false
	}
	switch {
	case has("s"):
		return nil
	case !has("Yy"):
		return errors.New("has no year; add %Y or %y")
	case has("j"):
		return nil
	case !has("mbB"):
		return errors.New("has no month; add %m or %b")
	case !has("de"):
		return errors.New("has no day; add %d")
	case has("I") != has("p"):
		return errors.New("%I and %p go together")
	}
	return nil
}

func (f *strftime) parse(s string, zone *time.Location) (time.Time, bool) {
	var m moment
	i := 0
	for o := 0; o < len(f.ops); o++ {
		op := f.ops[o]
		if op == opLiteral {
			o++
			i = literal(s, i, f.ops[o])
		} else {
			i = m.directive(s, i, op)
		}
		if i < 0 {
			return time.Time{}, false
		}
	}
	if i != len(s) {
		return time.Time{}, false
	}
	return m.time(zone)
}

func literal(s string, i int, c byte) int {
	if i >= len(s) || s[i] != c {
		return -1
	}
	i++
	if c == ' ' {
		i = spaces(s, i)
	}
	return i
}

func spaces(s string, i int) int {
	for i < len(s) && s[i] == ' ' {
		i++
	}
	return i
}

func (m *moment) directive(s string, i int, op byte) int {
	switch op {
	case 'Y':
		m.year, i = number(s, i, 4, 4)
	case 'm':
		m.month, i = number(s, i, 1, 2)
	case 'd', 'e':
		m.day, i = number(s, spaces(s, i), 1, 2)
	case 'H':
		m.hour, i = number(s, spaces(s, i), 1, 2)
	case 'M':
		m.min, i = number(s, i, 1, 2)
	case 'S':
		m.sec, i = number(s, i, 1, 2)
	case 'j':
		if m.yday, i = number(s, i, 1, 3); m.yday == 0 {
			return -1
		}
	default:
		return m.rareDirective(s, i, op)
	}
	return i
}

func (m *moment) rareDirective(s string, i int, op byte) int {
	switch op {
	case 'y':
		if m.year, i = number(s, i, 2, 2); m.year < 69 {
			m.year += 100
		}
		m.year += 1900
	case 'I':
		m.hour12 = true
		m.hour, i = number(s, spaces(s, i), 1, 2)
	case 'p':
		return m.halfDay(s, i)
	case 'f':
		var n int
		if m.nanos, n = fraction(s[i:]); n == 0 || n > 9 {
			return -1
		}
		i += n
	case 'b', 'B':
		m.month, i = nameAt(s, i, monthNames)
	case 'a', 'A':
		_, i = nameAt(s, i, dayNames)
	case 'z', 'Z':
		return m.zone(s, i)
	case 's':
		return m.seconds(s, i)
	}
	return i
}

func (m *moment) halfDay(s string, i int) int {
	if len(s)-i < 2 || s[i+1]|0x20 != 'm' {
		return -1
	}
	switch s[i] | 0x20 {
	case 'p':
		m.pm = true
	case 'a':
	default:
		return -1
	}
	return i + 2
}

func (m *moment) seconds(s string, i int) int {
	m.isEpoch = true
	start := i
	for i < len(s) && isDigit(s[i]) && m.epoch <= maxSeconds {
		m.epoch = m.epoch*10 + int64(s[i]-'0')
		i++
	}
	if i == start || m.epoch > maxSeconds {
		return -1
	}
	return i
}

var (
	monthNames = []string{"january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december"}
	dayNames = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}
)

// nameAt reads an English name, in full or its first three letters ("sept" too);
// it counts from 1.
func nameAt(s string, i int, names []string) (which, end int) {
	end = i
	for end < len(s) && s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z' {
		end++
	}
	word := s[i:end]
	if len(word) < 3 {
		return 0, -1
	}
	for n, name := range names {
		if (len(word) == 3 || len(word) == len(name) || word[3]|0x20 == 't' && len(word) == 4) &&
			len(word) <= len(name) && strings.EqualFold(word, name[:len(word)]) {
			return n + 1, end
		}
	}
	return 0, -1
}
