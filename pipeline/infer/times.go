package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
)

// timing is how the times of a column are written.
type timing struct {
	layouts []string
	// plain: the fields that are times read it without a layout.
	plain bool
	// ambiguous: day and month could be the other way round.
	ambiguous bool
	other     []string // the layouts then
	zoneless  bool
	fits      float64
}

// timesOf finds the layouts of a column; nil if its values are no times.
func timesOf(c *column) *timing {
	if c.nonNull == 0 {
		return nil
	}
	t := &timing{zoneless: true}
	shapes := map[string][]string{}
	for v := range c.distinct {
		if l, ok := layoutOf(v); ok {
			shapes[l] = append(shapes[l], v)
			t.fits += float64(c.distinct[v])
		}
	}
	all := 0
	for _, n := range c.distinct {
		all += n
	}
	if t.fits /= float64(max(all, 1)); t.fits < 0.5 {
		return nil
	}
	names := make([]string, 0, len(shapes))
	for s := range shapes {
		names = append(names, s)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := len(shapes[b]) - len(shapes[a]); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	t.plain = true
	for _, s := range names[:min(len(names), 6)] {
		t.add(s, shapes[s])
	}
	if len(t.layouts) == 0 {
		return nil
	}
	return t
}

// layoutOf is the shape of a time; the drift monitor does not know epochs with a
// fraction, and ticks.
func layoutOf(v string) (string, bool) {
	if l := epochLayout(v); l != "" {
		return l, true
	}
	return drift.LayoutOf(v)
}

var (
	// seconds of the years 2001 to 2033, with a fraction
	fractional = regexp.MustCompile(`^1\d{9}\.\d{1,9}$`)
	// ticks of 100 ns since 1601, of the years 1981 to 2045
	ticks = regexp.MustCompile(`^1[2-3]\d{16}$`)
)

func epochLayout(v string) string {
	switch {
	case fractional.MatchString(v):
		return "unix"
	case ticks.MatchString(v):
		return "windows"
	}
	return ""
}

func (t *timing) add(shape string, values []string) {
	put := func(to *[]string, layout string) {
		if !slices.Contains(*to, layout) {
			*to = append(*to, layout)
		}
	}
	switch shape {
	case "unix", "unix_ms", "unix_us", "windows":
		t.plain, t.zoneless = false, false
		put(&t.layouts, shape)
		put(&t.other, shape)
		return
	case "iso8601":
		put(&t.layouts, shape)
		put(&t.other, shape)
		return
	}
	t.plain = false
	if isRFC1123(values) {
		put(&t.layouts, "rfc1123")
		put(&t.other, "rfc1123")
		t.zoneless = false
		return
	}
	day, month, both := order(shape, values)
	if l := strftime(values[0], day); l != "" {
		put(&t.layouts, l)
	}
	if both {
		t.ambiguous = true
		if l := strftime(values[0], month); l != "" {
			put(&t.other, l)
		}
	}
}

func isRFC1123(values []string) bool {
	for _, v := range values {
		_, a := time.Parse(time.RFC1123, v)
		_, b := time.Parse(time.RFC1123Z, v)
		if a != nil && b != nil {
			return false
		}
	}
	return true
}

// order says whether the day comes first in dates of two small numbers and a
// year, and whether the values leave that open.
func order(shape string, values []string) (day, month bool, ambiguous bool) {
	if strings.HasPrefix(shape, "0000") || strings.Contains(shape, "Jan") {
		return true, false, false
	}
	dayFirst, monthFirst := false, false
	for _, v := range values {
		ns := strings.FieldsFunc(v, func(r rune) bool { return r < '0' || r > '9' })
		if len(ns) < 2 {
			continue
		}
		a, errA := strconv.Atoi(ns[0])
		b, errB := strconv.Atoi(ns[1])
		if errA != nil || errB != nil {
			continue
		}
		dayFirst = dayFirst || a > 12
		monthFirst = monthFirst || b > 12
	}
	switch {
	case dayFirst:
		return true, false, false
	case monthFirst:
		return false, true, false
	}
	return !strings.Contains(shape, "/"), strings.Contains(shape, "/"), true
}

// strftime writes the layout of a value; "" if it cannot be told.
func strftime(v string, dayFirst bool) string {
	w := &layoutWriter{dayFirst: dayFirst, text: v}
	for w.at < len(v) {
		c := v[w.at]
		switch {
		case isDigit(c):
			w.number(w.take(isDigit))
		case isLetter(c):
			w.word(w.take(isLetter))
		case (c == '+' || c == '-') && w.clock >= 2 && strings.Trim(v[w.at+1:], "0123456789:") == "" && len(v)-w.at >= 3:
			w.out = append(w.out, "%z"...)
			w.at = len(v)
		default:
			w.out = append(w.out, c)
			w.at++
		}
	}
	if w.failed {
		return ""
	}
	return string(w.out)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

type layoutWriter struct {
	text     string
	at       int
	out      []byte
	dayFirst bool
	date     int // small numbers of the date that were seen
	year     bool
	month    bool
	clock    int
	failed   bool
}

func (w *layoutWriter) take(is func(byte) bool) string {
	start := w.at
	for w.at < len(w.text) && is(w.text[w.at]) {
		w.at++
	}
	return w.text[start:w.at]
}

// number writes a run of digits: year, parts of the date, then of the clock.
func (w *layoutWriter) number(n string) {
	before := byte(0)
	if len(w.out) > 0 {
		before = w.out[len(w.out)-1]
	}
	switch {
	case len(n) == 4 && !w.year:
		w.year = true
		w.put("%Y")
	case before == '.' && w.clock >= 3:
		w.put("%f")
	case len(n) > 2:
		w.failed = true
	case w.clock > 0 || w.dateDone():
		w.clockPart()
	default:
		w.datePart()
	}
}

func (w *layoutWriter) put(s string) { w.out = append(w.out, s...) }

func (w *layoutWriter) dateDone() bool {
	parts := w.date
	if w.month {
		parts++
	}
	return parts >= 2
}

func (w *layoutWriter) datePart() {
	first := w.date == 0
	w.date++
	switch {
	case w.month: // in letters
		w.put("%d")
	case w.year: // year first: month, then day
		if first {
			w.put("%m")
		} else {
			w.put("%d")
		}
	case first && (w.dayFirst || w.lettersAhead()):
		w.put("%d")
	case first:
		w.put("%m")
	case w.dayFirst:
		w.put("%m")
	default:
		w.put("%d")
	}
}

func (w *layoutWriter) lettersAhead() bool {
	rest := strings.TrimLeft(w.text[w.at:], " -/.,")
	return rest != "" && (rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= 'A' && rest[0] <= 'Z') && !strings.HasPrefix(strings.ToLower(rest), "t")
}

func (w *layoutWriter) clockPart() {
	switch w.clock {
	case 0:
		lower := strings.ToLower(w.text)
		if strings.HasSuffix(lower, "am") || strings.HasSuffix(lower, "pm") {
			w.put("%I")
		} else {
			w.put("%H")
		}
	case 1:
		w.put("%M")
	case 2:
		w.put("%S")
	default:
		w.failed = true
	}
	w.clock++
}

func (w *layoutWriter) word(s string) {
	l := strings.ToLower(s)
	switch {
	case l == "am" || l == "pm":
		w.put("%p")
	case l == "utc" || l == "gmt" || l == "z" && w.clock > 0:
		w.put(s)
	case l == "t":
		w.put("T")
	case len(l) <= 4 && w.clock >= 2 && s == strings.ToUpper(s):
		w.put("%Z")
	default:
		w.name(l)
	}
}

// name writes the name of a month or of a day of the week.
func (w *layoutWriter) name(l string) {
	switch {
	case len(l) < 3:
		w.failed = true
	case strings.Contains("jan feb mar apr may jun jul aug sep oct nov dec", l[:3]):
		w.month = true
		w.put(pick(len(l) > 3 && l != "sept", "%B", "%b"))
	case strings.Contains("mon tue wed thu fri sat sun", l[:3]):
		w.put(pick(len(l) > 3, "%A", "%a"))
	default:
		w.failed = true
	}
}

// pick is a if first, b otherwise.
func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}

// why tells a person what the layouts are.
func (t *timing) why() string {
	s := "times are written as " + strings.Join(t.layouts, ", ")
	if t.fits < 1 {
		s += fmt.Sprintf(" (%.0f %% of the values)", 100*t.fits)
	}
	return s
}
