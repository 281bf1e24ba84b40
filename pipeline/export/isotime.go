package export

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

var errNoTime = errors.New("is no ISO 8601 time; write it as 2024-02-01T13:00:00Z")

// parseISOTime reads the forms of ISO 8601 that n6 takes: a date (2024-02-01,
// 20240201, week date 2024-W05-4, ordinal date 2024-032), then T or a blank, then
// hh:mm, hh:mm:ss or hh:mm:ss.ffffff, then Z, an offset or nothing, which means
// UTC. A date alone is its midnight. A leap second (60) becomes 59.999999.
// Fractions are cut to microseconds.
func parseISOTime(s string) (time.Time, error) {
	if len(s) > 64 {
		return time.Time{}, errNoTime
	}
	r := digits{rest: s}
	day, ok := r.date()
	if !ok {
		return time.Time{}, errNoTime
	}
	if r.rest == "" {
		return day, nil
	}
	if !strings.ContainsRune("T \t\n\v\f\r", rune(r.rest[0])) {
		return time.Time{}, errNoTime
	}
	r.rest = r.rest[1:]
	clock, ok := r.clock()
	if !ok {
		return time.Time{}, errNoTime
	}
	offset, ok := r.offset()
	if !ok {
		if strings.HasPrefix(r.rest, " ") {
			return time.Time{}, errors.New("is no ISO 8601 time; in a query the + of an offset is written %2B")
		}
		return time.Time{}, errNoTime
	}
	t := day.Add(clock - offset)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errors.New("is outside the years 1 to 9999")
	}
	return t, nil
}

// digits reads fixed numbers of decimal digits from the front of a string.
type digits struct{ rest string }

func (d *digits) num(n int) (int, bool) {
	if len(d.rest) < n {
		return 0, false
	}
	v := 0
	for i := range n {
		c := d.rest[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	d.rest = d.rest[n:]
	return v, true
}

func (d *digits) skip(c byte) bool {
	if d.rest != "" && d.rest[0] == c {
		d.rest = d.rest[1:]
		return true
	}
	return false
}

// run is how many digits are in front.
func (d *digits) run() int {
	i := 0
	for i < len(d.rest) && d.rest[i] >= '0' && d.rest[i] <= '9' {
		i++
	}
	return i
}

func (d *digits) date() (time.Time, bool) {
	year, ok := d.num(4)
	if !ok || year == 0 {
		return time.Time{}, false
	}
	d.skip('-')
	if d.skip('W') {
		return d.weekDate(year)
	}
	if d.run() == 3 {
		n, _ := d.num(3)
		t := time.Date(year, 1, n, 0, 0, 0, 0, time.UTC)
		return t, n > 0 && t.Year() == year
	}
	month, ok := d.num(2)
	if !ok {
		return time.Time{}, false
	}
	d.skip('-')
	day, ok := d.num(2)
	if !ok {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return t, int(t.Month()) == month && t.Day() == day
}

// weekDate reads ww[-]d of the ISO year: week 1 is the one with 4 January.
func (d *digits) weekDate(year int) (time.Time, bool) {
	week, ok := d.num(2)
	if !ok {
		return time.Time{}, false
	}
	d.skip('-')
	weekday, ok := d.num(1)
	if !ok || weekday < 1 || weekday > 7 {
		return time.Time{}, false
	}
	fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
	monday := fourth.AddDate(0, 0, -(int(fourth.Weekday())+6)%7)
	t := monday.AddDate(0, 0, (week-1)*7+weekday-1)
	y, w := t.ISOWeek()
	return t, y == year && w == week
}

func (d *digits) clock() (time.Duration, bool) {
	hour, ok := d.num(2)
	if !ok || hour > 23 {
		return 0, false
	}
	d.skip(':')
	minute, ok := d.num(2)
	if !ok || minute > 59 {
		return 0, false
	}
	t := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	colon := d.skip(':')
	if d.run() == 0 {
		return t, !colon
	}
	second, ok := d.num(2)
	if !ok || second > 60 {
		return 0, false
	}
	micros := 0
	if d.skip('.') {
		if micros, ok = d.fraction(); !ok {
			return 0, false
		}
	}
	if second == 60 {
		second, micros = 59, 999999
	}
	return t + time.Duration(second)*time.Second + time.Duration(micros)*time.Microsecond, true
}

// fraction reads digits as a fraction of a second, in microseconds.
func (d *digits) fraction() (int, bool) {
	n := d.run()
	if n == 0 {
		return 0, false
	}
	s := (d.rest[:n] + "000000")[:6]
	d.rest = d.rest[n:]
	v, err := strconv.Atoi(s)
	return v, err == nil
}

// offset reads Z, ±hh, ±hhmm, ±hh:mm or nothing, and then the end.
func (d *digits) offset() (time.Duration, bool) {
	if d.rest == "" || d.rest == "Z" {
		return 0, true
	}
	sign := time.Duration(1)
	switch {
	case d.skip('-'):
		sign = -1
	case d.skip('+'):
	default:
		return 0, false
	}
	hour, ok := d.num(2)
	if !ok || hour > 23 {
		return 0, false
	}
	minute := 0
	if d.rest != "" {
		d.skip(':')
		if minute, ok = d.num(2); !ok || minute > 59 {
			return 0, false
		}
	}
	return sign * (time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute), d.rest == ""
}
