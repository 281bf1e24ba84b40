package event

import (
	"strings"
	"time"
)

// endOfTime is the first second of the year 10000, which RFC 3339 cannot write.
const endOfTime = 253402300800

// normalTime gives t in UTC with microseconds.
func normalTime(t time.Time) (time.Time, string) {
	sec := t.Unix()
	if sec < 0 || sec >= endOfTime {
		return time.Time{}, "is outside the years 1970 to 9999; are the layout and the unit right?"
	}
	return time.Unix(sec, int64(t.Nanosecond()/1000*1000)).UTC(), ""
}

// ParseTime reads the ISO 8601 forms that occur in feeds, without allocating:
// dates as 2024-05-01, 20240501, 2024-122 and 2024-W18-3; after T or a space the
// time as 12:30, 12:30:05, 123005, with a fraction after a point or comma; then
// Z, UTC, GMT or an offset (+02:00, +0200, +02). Without a zone it is UTC; without
// a time of day it is midnight. The leap second 60 is the last microsecond before.
func ParseTime(s string) (time.Time, bool) {
	c := cursor{s: strings.TrimSpace(s)}
	year, month, day := c.date()
	if c.bad {
		return time.Time{}, false
	}
	var sec, nsec int
	if c.s != "" {
		c.bad = !c.accept('T') && !c.accept('t') && !c.accept(' ')
		sec, nsec = c.clock()
		sec -= c.zone()
	}
	if c.bad || c.s != "" {
		return time.Time{}, false
	}
	return time.Date(year, month, day, 0, 0, sec, nsec, time.UTC), true
}

// cursor reads digits from the front of s.
type cursor struct {
	s   string
	bad bool
}

// number reads exactly n digits with a value of at most limit.
func (c *cursor) number(n, limit int) int {
	if len(c.s) < n {
		c.bad = true
		return 0
	}
	v := 0
	for i := range n {
		if !isDigit(c.s[i]) {
			c.bad = true
			return 0
		}
		v = v*10 + int(c.s[i]-'0')
	}
	c.bad = c.bad || v > limit
	c.s = c.s[n:]
	return v
}

func (c *cursor) accept(b byte) bool {
	if c.s != "" && c.s[0] == b {
		c.s = c.s[1:]
		return true
	}
	return false
}

// digits is how many digits come next.
func (c *cursor) digits() int {
	n := 0
	for n < len(c.s) && isDigit(c.s[n]) {
		n++
	}
	return n
}

func (c *cursor) date() (year int, month time.Month, day int) {
	basic := c.digits() == 8
	year = c.number(4, 9999)
	switch {
	case basic:
		month, day = time.Month(c.number(2, 12)), c.number(2, 31)
	case !c.accept('-'):
		c.bad = true
	case c.accept('W'):
		return c.weekDate(year)
	case c.digits() == 3:
		month, day = time.January, c.number(3, 366)
		c.bad = c.bad || day == 0 || day == 366 && !isLeap(year)
		return year, month, day
	default:
		month = time.Month(c.number(2, 12))
		c.bad = c.bad || !c.accept('-')
		day = c.number(2, 31)
	}
	c.bad = c.bad || month == 0 || day == 0 || day > daysIn(year, month)
	return year, month, day
}

// weekDate reads the week and the day (1 is Monday): 18-3. Week 1 is the one with
// the fourth of January.
func (c *cursor) weekDate(year int) (int, time.Month, int) {
	week := c.number(2, 53)
	c.bad = c.bad || !c.accept('-')
	day := c.number(1, 7)
	c.bad = c.bad || week == 0 || day == 0
	fourth := time.Date(year, time.January, 4, 0, 0, 0, 0, time.UTC)
	sinceMonday := (int(fourth.Weekday()) + 6) % 7
	date := fourth.AddDate(0, 0, (week-1)*7+day-1-sinceMonday)
	if y, w := date.ISOWeek(); y != year || w != week {
		c.bad = true
	}
	return date.Date()
}

// clock reads the time of day, in seconds and nanoseconds.
func (c *cursor) clock() (sec, nsec int) {
	sec = c.number(2, 23) * 3600
	colon := c.accept(':')
	sec += c.number(2, 59) * 60
	if colon && !c.accept(':') || !colon && c.digits() == 0 {
		return sec, 0
	}
	s := c.number(2, 60)
	if c.accept('.') || c.accept(',') {
		n := c.digits()
		c.bad = c.bad || n == 0
		for i := range 9 {
			nsec *= 10
			if i < n {
				nsec += int(c.s[i] - '0')
			}
		}
		c.s = c.s[n:]
	}
	if s == 60 {
		s, nsec = 59, 999_999_000
	}
	return sec + s, nsec
}

// zone reads what is left and returns the offset from UTC in seconds.
func (c *cursor) zone() int {
	c.accept(' ')
	sign := 1
	switch {
	case c.s == "" || c.s == "Z" || c.s == "z" || c.s == "UTC" || c.s == "GMT":
		c.s = ""
		return 0
	case c.accept('-'):
		sign = -1
	case !c.accept('+'):
		c.bad = true
		return 0
	}
	offset := c.number(2, 23) * 3600
	if c.s != "" {
		c.accept(':')
		offset += c.number(2, 59) * 60
	}
	return sign * offset
}

func isLeap(year int) bool { return year%4 == 0 && (year%100 != 0 || year%400 == 0) }

func daysIn(year int, month time.Month) int {
	switch month {
	case time.April, time.June, time.September, time.November:
		return 30
	case time.February:
		if isLeap(year) {
			return 29
		}
		return 28
	}
	return 31
}

// appendTime appends t, which is in UTC with microseconds, in RFC 3339 with Z and
// without trailing zeros.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, sec := t.Clock()
	b = append(b, byte('0'+year/1000%10), byte('0'+year/100%10), byte('0'+year/10%10), byte('0'+year%10), '-',
		byte('0'+month/10), byte('0'+month%10), '-', byte('0'+day/10), byte('0'+day%10), 'T',
		byte('0'+hour/10), byte('0'+hour%10), ':', byte('0'+minute/10), byte('0'+minute%10), ':',
		byte('0'+sec/10), byte('0'+sec%10))
	if us := t.Nanosecond() / 1000; us != 0 {
		b = append(b, '.')
		for us != 0 {
			b = append(b, byte('0'+us/100_000))
			us = us % 100_000 * 10
		}
	}
	return append(b, 'Z')
}

// parseCanonicalTime reads what appendTime writes.
func parseCanonicalTime(s string) (time.Time, bool) {
	const whole = len("2006-01-02T15:04:05")
	n := len(s)
	if n <= whole || n > whole+len(".999999Z") || s[n-1] != 'Z' || n > whole+1 && s[whole] != '.' {
		return time.Time{}, false
	}
	// ParseTime takes more than this form: other separators, leap seconds.
	if s[4] != '-' || s[7] != '-' || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[17] == '6' {
		return time.Time{}, false
	}
	return ParseTime(s)
}
