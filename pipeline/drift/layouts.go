package drift

import (
	"slices"
	"strings"
)

// Layouts of timestamps. Everything that ISO 8601 allows for a date with or
// without a time counts as one layout, since readers take all of it; any other
// text has its shape as layout: 31/12/2025 23:59 is 00/00/0000 00:00.
const (
	layoutISO     = "iso8601"
	layoutUnix    = "unix"
	layoutUnixMS  = "unix_ms"
	layoutUnixUS  = "unix_us"
	maxLayout     = 40 // bytes of a value that can be a timestamp
	epochEarliest = 946_684_800
	epochLatest   = 2_524_608_000
)

// Layouts tells how many values have which layout; of many layouts the first
// maxLayouts.
type Layouts []Layout

// Layout is one of them.
type Layout struct {
	Name   string `json:"name"`
	Values int64  `json:"values"`
}

// Shown is the layout for people: its name in a Parser, or the shape of the times.
func (l Layout) Shown() string {
	if strings.HasPrefix(l.Name, "Mon, 00 Jan 0000 00:00:00") {
		return "rfc1123"
	}
	return l.Name
}

const maxLayouts = 8

// add counts a value. It allocates for a layout that is new only.
func (l *Layouts) add(name []byte) { l.addMany(name, 1) }

func (l *Layouts) addMany(name []byte, n int64) {
	for i := range *l {
		if (*l)[i].Name == string(name) {
			(*l)[i].Values += n
			return
		}
	}
	if len(*l) < maxLayouts {
		*l = append(*l, Layout{string(name), n})
	}
}

// plus returns the sum of both.
func (l Layouts) plus(other Layouts) Layouts {
	sum := slices.Clone(l)
	for _, o := range other {
		if i := slices.IndexFunc(sum, func(s Layout) bool { return s.Name == o.Name }); i >= 0 {
			sum[i].Values += o.Values
		} else if len(sum) < maxLayouts {
			sum = append(sum, o)
		}
	}
	return sum
}

func (l Layouts) of(name string) int64 {
	for i := range l {
		if l[i].Name == name {
			return l[i].Values
		}
	}
	return 0
}

// most is the most frequent layout.
func (l Layouts) most() (most Layout) {
	for _, layout := range l {
		if layout.Values > most.Values {
			most = layout
		}
	}
	return most
}

// epochLayout recognizes seconds, milliseconds and microseconds since 1970 of
// the years 2000 to 2049.
func epochLayout(digits int, n uint64) string {
	within := func(unit uint64) bool { return n >= epochEarliest*unit && n < epochLatest*unit }
	switch {
	case digits <= 10 && within(1):
		return layoutUnix
	case digits <= 13 && within(1000):
		return layoutUnixMS
	case digits <= 16 && within(1_000_000):
		return layoutUnixUS
	}
	return ""
}

func isEpoch(layout string) bool {
	return layout == layoutUnix || layout == layoutUnixMS || layout == layoutUnixUS
}

// layoutOf appends the layout of s to buf if s is a date with or without a time
// of day.
func layoutOf(s string, buf []byte) ([]byte, bool) {
	if isISO(s) {
		return append(buf, layoutISO...), true
	}
	l := layoutScan{out: buf}
	for i := 0; i < len(s); {
		j := i + 1
		switch c := s[i]; {
		case classes[c] == cDigit:
			j = run(s, i, cDigit)
			l.number(s[i:j])
		case classes[c]&letters != 0:
			j = run(s, i, letters)
			if !l.word(s[i:j]) {
				return buf, false
			}
		case isLayoutMark(c):
			l.out = append(l.out, c)
		default:
			return buf, false
		}
		i = j
	}
	if !l.date() {
		return buf, false
	}
	return l.out, true
}

// layoutScan collects the layout of a value and what makes it a date.
type layoutScan struct {
	out                  []byte
	years, small, months int
}

func (l *layoutScan) number(digits string) {
	switch len(digits) {
	case 1, 2:
		l.small++
		l.out = append(l.out, "00"...)
	case 4:
		if digits[:2] == "19" || digits[:2] == "20" {
			l.years++
		}
		l.out = append(l.out, "0000"...)
	default:
		l.out = append(l.out, '0')
	}
}

func (l *layoutScan) word(w string) (known bool) {
	stands, month := layoutWord(w)
	if month {
		l.months++
	}
	l.out = append(l.out, stands...)
	return stands != ""
}

// date wants a year, and a day with a month in digits or letters.
func (l *layoutScan) date() bool {
	return l.years == 1 && (l.small >= 2 || l.small == 1 && l.months == 1)
}

func run(s string, i int, mask uint16) int {
	for i < len(s) && classes[s[i]]&mask != 0 {
		i++
	}
	return i
}

func isLayoutMark(c byte) bool {
	switch c {
	case ' ', ',', '/', '-', '.', ':', '+', '(', ')':
		return true
	}
	return false
}

// isISO accepts YYYY-MM-DD, a T or space, hh:mm and on, fractions and a zone.
func isISO(s string) bool {
	if len(s) < 10 || !isDate(s[:10]) {
		return false
	}
	s = s[10:]
	if s == "" {
		return true
	}
	if s[0] != 'T' && s[0] != ' ' && s[0] != 't' {
		return false
	}
	end := 1
	for end < len(s) && classes[s[end]]&(cDigit|cColon|cDot) != 0 {
		end++
	}
	if end < 6 || s[3] != ':' {
		return false
	}
	return isZone(s[end:])
}

func isDate(s string) bool {
	for i := range len(s) {
		dash := i == 4 || i == 7
		if dash != (s[i] == '-') || !dash && classes[s[i]] != cDigit {
			return false
		}
	}
	return true
}

func isZone(s string) bool {
	if s != "" && s[0] == ' ' {
		s = s[1:]
	}
	switch s {
	case "", "Z", "z", "UTC", "GMT":
		return true
	}
	if s[0] != '+' && s[0] != '-' || len(s) > 6 {
		return false
	}
	for i := 1; i < len(s); i++ {
		if classes[s[i]]&(cDigit|cColon) == 0 {
			return false
		}
	}
	return len(s) >= 3
}

// layoutWord returns what stands for a word in a layout, "" if the word does not
// occur in timestamps.
func layoutWord(w string) (stands string, month bool) {
	if len(w) > 9 {
		return "", false
	}
	var lower [9]byte
	for i := range len(w) {
		lower[i] = w[i] | 0x20
	}
	l := lower[:len(w)]
	switch string(l) {
	case "am", "pm":
		return "PM", false
	case "t", "z":
		return w, false
	case "utc", "gmt", "est", "edt", "cst", "cdt", "pst", "pdt", "cet", "cest", "bst", "msk", "jst":
		return "UTC", false
	}
	if len(l) < 3 {
		return "", false
	}
	switch string(l[:3]) {
	case "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec":
		return "Jan", true
	case "mon", "tue", "wed", "thu", "fri", "sat", "sun":
		return "Mon", false
	}
	return "", false
}

// LayoutOf is the layout of a timestamp as profiles have it: iso8601, unix,
// unix_ms, unix_us, or the shape of the text. It is false for what is none.
func LayoutOf(s string) (layout string, ok bool) {
	kinds, name := classify(s, nil)
	return string(name), kinds&Timestamp != 0
}
