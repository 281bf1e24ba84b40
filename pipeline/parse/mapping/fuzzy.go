package mapping

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Fuzzy times are the last resort: a date is looked for in the text, in the forms
// that people and programs write. A date that could be two days (03/04/2026) is
// none.

var (
	fuzzyClock = regexp.MustCompile(`(?i)(?:^|[^\d:.])(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([ap]\.?m\b\.?)?`)
	fuzzyZone  = regexp.MustCompile(`(?i)^\s*(?:(Z|UTC|GMT)\b)?\s*\(?([+-]\d{2}):?(\d{2})?\)?`)

	yearFirst  = regexp.MustCompile(`\b(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:\D|$)`)
	compact    = regexp.MustCompile(`\b(\d{4})(\d{2})(\d{2})(?:[T ]?(\d{2})(\d{2})(\d{2})?)?(Z|\b)`)
	numbers    = regexp.MustCompile(`\b(\d{1,2})([-/.])(\d{1,2})[-/.](\d{4}|\d{2})\b`)
	dayMonth   = regexp.MustCompile(`(?i)\b(\d{1,2})(?:st|nd|rd|th)?[-\s./]+(?:of\s+)?(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?,?[-\s./]+'?(\d{4}|\d{2})\b`)
	monthDay   = regexp.MustCompile(`(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?[-\s]+(\d{1,2})(?:st|nd|rd|th)?,?[-\s]+'?(\d{4})\b`)
	unixFormat = regexp.MustCompile(`(?i)\b(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+(\d{1,2})\s+[\d:.]+\s+(?:[a-z]{1,5}\s+|[+-]\d{4}\s+)?(\d{4})\b`)
)

const monthLetters = "janfebmaraprmayjunjulaugsepoctnovdec"

func monthOf(name string) int { return strings.Index(monthLetters, strings.ToLower(name[:3]))/3 + 1 }

// maxFuzzy bounds the text that is searched.
const maxFuzzy = 256

// parseFuzzy finds a time in text.
func parseFuzzy(s string, zone *time.Location) (time.Time, bool) {
	if len(s) > maxFuzzy {
		return time.Time{}, false
	}
	if t, ok := parseISO8601(s, zone); ok {
		return t, true
	}
	if t, ok := parseRFC1123(s, zone); ok {
		return t, true
	}
	if allDigits(s) && len(s) >= 9 && len(s) != 12 && len(s) != 14 {
		return parseUnixAuto(s, zone)
	}
	var m moment
	if !fuzzyDate(s, &m) {
		return time.Time{}, false
	}
	if !fuzzyTime(s, &m) {
		return time.Time{}, false
	}
	return m.time(zone)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

// fuzzyDate finds the date; false if there is none, or it could be two.
func fuzzyDate(s string, m *moment) bool {
	num := func(s string) int {
		n, err := strconv.Atoi(s)
		if err != nil {
			return 0
		}
		return n
	}
	if g := yearFirst.FindStringSubmatch(s); g != nil {
		m.year, m.month, m.day = num(g[1]), num(g[2]), num(g[3])
		return true
	}
	for _, re := range []*regexp.Regexp{monthDay, unixFormat} {
		if g := re.FindStringSubmatch(s); g != nil {
			m.month, m.day, m.year = monthOf(g[1]), num(g[2]), num(g[3])
			return true
		}
	}
	if g := dayMonth.FindStringSubmatch(s); g != nil {
		m.day, m.month, m.year = num(g[1]), monthOf(g[2]), century(g[3])
		return true
	}
	if g := numbers.FindStringSubmatch(s); g != nil {
		a, b := num(g[1]), num(g[3])
		m.year = century(g[4])
		switch {
		case g[2] == "." || a > 12 || a == b:
			m.day, m.month = a, b
		case b > 12:
			m.month, m.day = a, b
		default:
			return false
		}
		return true
	}
	if g := compact.FindStringSubmatch(s); g != nil {
		m.year, m.month, m.day = num(g[1]), num(g[2]), num(g[3])
		m.hour, m.min, m.sec = num(g[4]), num(g[5]), num(g[6])
		return m.year >= 1970 && m.year < 2200
	}
	return false
}

// century is a year of four digits for one of two.
func century(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	if len(s) > 2 {
		return n
	}
	if n < 70 {
		return 2000 + n
	}
	return 1900 + n
}

// zoneHours are the zones of RFC 822, and those of central Europe, by their names.
var zoneHours = map[string]int{
	"Z": 0, "UTC": 0, "GMT": 0, "UT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
	"WET": 0, "WEST": 1, "CET": 1, "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3,
}

var zoneWord = regexp.MustCompile(`^\s*\(?([A-Z]{1,5})\b`)

// fuzzyTime finds the time of day and its zone; false if the zone is not known.
func fuzzyTime(s string, m *moment) bool {
	at := fuzzyClock.FindStringSubmatchIndex(s)
	if at == nil {
		return true
	}
	group := func(i int) string {
		if at[2*i] < 0 {
			return ""
		}
		return s[at[2*i]:at[2*i+1]]
	}
	m.hour, m.min, m.sec = digits(group(1)), digits(group(2)), digits(group(3))
	m.nanos, _ = fraction(group(4))
	if half := strings.ToLower(group(5)); half != "" {
		m.hour12, m.pm = true, half[0] == 'p'
	}
	rest := s[at[1]:]
	if z := fuzzyZone.FindStringSubmatch(rest); z != nil {
		offset := 3600*digits(z[2][1:]) + 60*digits(z[3])
		if z[2][0] == '-' {
			offset = -offset
		}
		m.zoned, m.offset = true, offset
		return true
	}
	if word := zoneWord.FindStringSubmatch(rest); word != nil {
		hours, ok := zoneHours[word[1]]
		m.zoned, m.offset = ok, 3600*hours
		return ok
	}
	return true
}

func digits(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
