package mapping

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	// Zones are in the binary: images of the data plane have no zoneinfo.
	_ "time/tzdata"

	"github.com/weir-project/weir/api/v1alpha1"
)

// times reads text as a time, by the first layout that fits.
type times struct {
	layouts []layout
	names   string // for reasons
	zone    *time.Location
}

// layout reads all of s; zone is for text that names none.
type layout func(s string, zone *time.Location) (time.Time, bool)

// isoTimes reads the times of rules that do not say how.
var isoTimes = &times{layouts: []layout{parseISO8601}, names: "iso8601", zone: time.UTC}

var namedLayouts = map[string]layout{
	"iso8601": parseISO8601,
	"rfc1123": parseRFC1123,
	"unix":    parseUnix(time.Second),
	"unix_ms": parseUnix(time.Millisecond),
	"unix_us": parseUnix(time.Microsecond),
	// unix_auto takes the unit by the number of digits.
	"unix_auto": parseUnixAuto,
	"windows":   parseWindows,
	"fuzzy":     parseFuzzy,
}

// compileTimes reads a TimeSpec; at is its place in the Parser.
func compileTimes(spec *v1alpha1.TimeSpec, at string) (*times, error) {
	t := &times{zone: time.UTC, names: strings.Join(spec.Layouts, ", ")}
	if spec.Zone != "" {
		zone, err := time.LoadLocation(spec.Zone)
		if err != nil || spec.Zone == "Local" {
			return nil, fmt.Errorf("%s.zone: %q is no name of the IANA time zone database; write one such as Europe/Warsaw", at, spec.Zone)
		}
		t.zone = zone
	}
	if len(spec.Layouts) == 0 {
		return nil, fmt.Errorf("%s.layouts: at least one is needed, such as iso8601", at)
	}
	for i, name := range spec.Layouts {
		l, ok := namedLayouts[name]
		if !ok {
			pattern, err := compileStrftime(name)
			if err != nil {
				return nil, fmt.Errorf("%s.layouts[%d]: %q: %w", at, i, name, err)
			}
			l = pattern.parse
		}
		t.layouts = append(t.layouts, l)
	}
	return t, nil
}

// TimeReader tells whether rules with a TimeSpec read a text as a time; nil stands
// for a rule without one.
func TimeReader(spec *v1alpha1.TimeSpec) (func(s string) bool, error) {
	t := isoTimes
	if spec != nil {
		var err error
		if t, err = compileTimes(spec, "time"); err != nil {
			return nil, err
		}
	}
	return func(s string) bool {
		_, ok := t.read(s)
		return ok
	}, nil
}

func (t *times) read(s string) (time.Time, bool) {
	for _, l := range t.layouts {
		if v, ok := l(s, t.zone); ok {
			return v, true
		}
	}
	return time.Time{}, false
}

// maxSeconds is the end of the year 9999, the last that RFC 3339 can write.
const maxSeconds = 253402300799

// parseUnix reads numbers of units since 1970, with an optional fraction.
func parseUnix(unit time.Duration) layout {
	perSecond := int64(time.Second / unit)
	return func(s string, _ *time.Location) (time.Time, bool) {
		whole, i, ok := int64(0), 0, false
		for i < len(s) && isDigit(s[i]) && whole < math.MaxInt64/100 {
			whole, i, ok = whole*10+int64(s[i]-'0'), i+1, true
		}
		sec := whole / perSecond
		if !ok || sec > maxSeconds {
			return time.Time{}, false
		}
		nanos := whole % perSecond * int64(unit)
		if i < len(s) && s[i] == '.' {
			frac, n := fraction(s[i+1:])
			nanos += frac / perSecond
			i += 1 + n
			ok = n > 0
		}
		return time.Unix(sec, nanos).UTC(), ok && i == len(s)
	}
}

// parseUnixAuto reads seconds, milliseconds, microseconds or nanoseconds since
// 1970, by the number of digits: 10, 13, 16 or 19 for the times from 2001 to 2286.
func parseUnixAuto(s string, zone *time.Location) (time.Time, bool) {
	whole := len(s)
	if i := strings.IndexByte(s, '.'); i >= 0 {
		whole = i
	}
	switch {
	case whole <= 11:
		return parseUnix(time.Second)(s, zone)
	case whole <= 14:
		return parseUnix(time.Millisecond)(s, zone)
	case whole <= 17:
		return parseUnix(time.Microsecond)(s, zone)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || whole != 19 {
		return time.Time{}, false
	}
	return time.Unix(0, n).UTC(), true
}

// windowsEpoch is 1601-01-01 in seconds since 1970.
const windowsEpoch = -11644473600

// parseWindows reads 100 ns since 1601, the file times of Windows.
func parseWindows(s string, _ *time.Location) (time.Time, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	sec := n/1e7 + windowsEpoch
	if err != nil || n < 0 || sec > maxSeconds {
		return time.Time{}, false
	}
	return time.Unix(sec, n%1e7*100).UTC(), true
}

// fraction reads digits after a decimal point as nanoseconds; n is how many
// there are.
func fraction(s string) (nanos int64, n int) {
	scale := int64(100_000_000)
	for n < len(s) && isDigit(s[n]) {
		nanos += int64(s[n]-'0') * scale
		scale /= 10
		n++
	}
	return nanos, n
}

func isDigit(c byte) bool { return c-'0' <= 9 }

// moment is a time as it is being read.
type moment struct {
	year, month, day, yday int
	hour, min, sec         int
	nanos                  int64
	hour12, pm             bool
	zoned                  bool
	offset                 int // seconds east of UTC, if zoned
	epoch                  int64
	isEpoch                bool
}

// time checks the ranges and puts the parts together.
func (m *moment) time(zone *time.Location) (time.Time, bool) {
	if m.isEpoch {
		return time.Unix(m.epoch, m.nanos).UTC(), true
	}
	if m.yday > 0 {
		if m.yday > 366 || m.yday == 366 && daysIn(2, m.year) != 29 {
			return time.Time{}, false
		}
		m.month, m.day = 1, 1
	}
	if m.month < 1 || m.month > 12 || m.day < 1 || m.day > daysIn(m.month, m.year) || !m.clock() {
		return time.Time{}, false
	}
	day := m.day + max(m.yday-1, 0)
	if m.zoned || zone == time.UTC {
		t := time.Date(m.year, time.Month(m.month), day, m.hour, m.min, m.sec-m.offset, int(m.nanos), time.UTC)
		return t, true
	}
	return time.Date(m.year, time.Month(m.month), day, m.hour, m.min, m.sec, int(m.nanos), zone).UTC(), true
}

// clock checks the time of day. A leap second is the last second of its minute.
func (m *moment) clock() bool {
	if m.hour12 {
		if m.hour < 1 || m.hour > 12 {
			return false
		}
		m.hour %= 12
		if m.pm {
			m.hour += 12
		}
	}
	if m.sec == 60 {
		m.sec = 59
	}
	if m.hour == 24 && m.min == 0 && m.sec == 0 && m.nanos == 0 {
		return true // ISO 8601 lets a day end so
	}
	return m.hour < 24 && m.min < 60 && m.sec < 60
}

func daysIn(month, year int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// number reads min to max digits at s[i]; the new i is -1 if there are too few.
func number(s string, i, least, most int) (v, end int) {
	start := i
	for i < len(s) && i-start < most && isDigit(s[i]) {
		v = v*10 + int(s[i]-'0')
		i++
	}
	if i-start < least {
		return 0, -1
	}
	return v, i
}
