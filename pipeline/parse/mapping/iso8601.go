package mapping

import (
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// parseISO8601 reads what feeds call ISO 8601: 2024-05-06, 2024-05-06T07:08:09Z,
// 2024-05-06 07:08:09.123456+02:00, 20240506T070809Z; T may be a space or an
// underscore, the time may lack its seconds, a zone may be "UTC" behind a space.
// In UTC it also reads the rarer forms that event.ParseTime knows.
func parseISO8601(s string, zone *time.Location) (time.Time, bool) {
	t, ok := parseCommonISO8601(s, zone)
	if !ok && zone == time.UTC {
		return event.ParseTime(s)
	}
	return t, ok
}

func parseCommonISO8601(s string, zone *time.Location) (time.Time, bool) {
	var m moment
	i := m.isoDate(s)
	if i < 0 {
		return time.Time{}, false
	}
	if i < len(s) {
		if c := s[i]; c != 'T' && c != ' ' && c != '_' && c != 't' {
			return time.Time{}, false
		}
		if i = m.isoClock(s, i+1); i < 0 {
			return time.Time{}, false
		}
		if i = m.isoZone(s, i); i != len(s) {
			return time.Time{}, false
		}
	}
	return m.time(zone)
}

func (m *moment) isoDate(s string) int {
	var i int
	if m.year, i = number(s, 0, 4, 4); i < 0 || i >= len(s) {
		return -1
	}
	dashed := s[i] == '-'
	if dashed {
		i++
	}
	if m.month, i = number(s, i, 2, 2); i < 0 {
		return -1
	}
	if dashed {
		if i >= len(s) || s[i] != '-' {
			return -1
		}
		i++
	}
	m.day, i = number(s, i, 2, 2)
	return i
}

func (m *moment) isoClock(s string, i int) int {
	if m.hour, i = number(s, i, 2, 2); i < 0 || i >= len(s) {
		return -1
	}
	colons := s[i] == ':'
	if colons {
		i++
	}
	if m.min, i = number(s, i, 2, 2); i < 0 || i >= len(s) {
		return i
	}
	switch {
	case colons && s[i] == ':':
		i++
	case colons || !isDigit(s[i]):
		return i
	}
	if m.sec, i = number(s, i, 2, 2); i < 0 {
		return -1
	}
	if i+1 < len(s) && (s[i] == '.' || s[i] == ',') {
		nanos, n := fraction(s[i+1:])
		if n == 0 {
			return -1
		}
		m.nanos, i = nanos, i+1+n
	}
	return i
}

func (m *moment) isoZone(s string, i int) int {
	if i < len(s) && s[i] == ' ' {
		i++
	}
	if i == len(s) {
		return i
	}
	return m.zone(s, i)
}

// zoneNames are those of RFC 5322 section 4.3 and those of European feeds that
// mean one thing only.
var zoneNames = map[string]int{
	"UTC": 0, "GMT": 0, "UT": 0, "Z": 0,
	"EST": -5 * 3600, "EDT": -4 * 3600, "CST": -6 * 3600, "CDT": -5 * 3600,
	"MST": -7 * 3600, "MDT": -6 * 3600, "PST": -8 * 3600, "PDT": -7 * 3600,
	"WET": 0, "WEST": 3600, "CET": 3600, "CEST": 2 * 3600, "EET": 2 * 3600, "EEST": 3 * 3600,
	"MSK": 3 * 3600, "JST": 9 * 3600,
}

// zone reads Z, +02, +0200, +02:00 or a name at s[i].
func (m *moment) zone(s string, i int) int {
	if i >= len(s) {
		return -1
	}
	m.zoned = true
	if c := s[i]; c == '+' || c == '-' {
		return m.numericZone(s, i+1, c == '-')
	}
	end := i
	for end < len(s) && s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z' {
		end++
	}
	offset, ok := zoneNames[s[i:end]]
	if !ok && end == i+1 && s[i] == 'z' {
		ok = true
	}
	if !ok {
		return -1
	}
	m.offset = offset
	return end
}

func (m *moment) numericZone(s string, i int, west bool) int {
	hours, i := number(s, i, 2, 2)
	if i < 0 {
		return -1
	}
	minutes := 0
	if i < len(s) && s[i] == ':' {
		if minutes, i = number(s, i+1, 2, 2); i < 0 {
			return -1
		}
	} else if v, end := number(s, i, 2, 2); end > 0 {
		minutes, i = v, end
	}
	if hours > 23 || minutes > 59 {
		return -1
	}
	m.offset = hours*3600 + minutes*60
	if west {
		m.offset = -m.offset
	}
	return i
}
