package drift

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/status"
)

// Thresholds of the exact checks. A kind counts as a column's own when nearly
// all values had it; it is lost when less than half of them have it. Five values
// that are all wrong have a chance of 3 in ten million when 19 of 20 are right.
const (
	ownShare  = 0.95
	lostShare = 0.5
	minBefore = 5
	minNow    = 5
	minAll    = 3 // values now, if none of them has the kind
	minWiden  = 20
)

// checkKinds notices mapped columns whose values are of another kind than
// before.
func checkKinds(c *comparison) {
	if c.base == nil {
		return
	}
	for i := range c.now.Inputs {
		now := &c.now.Inputs[i]
		base := c.base.input(now.Name)
		if base == nil || c.explained[now.Name] {
			continue
		}
		switch {
		case emptied(base, now) && (now.Required || !c.covered(now, hasPath)):
			c.reportEmptied(base, now)
		case c.resplit(base, now):
			c.reportSplit(base, now)
		case c.retyped(base, now):
			c.reportRetyped(base, now)
		case relaid(base, now):
			c.reportLayout(base, now)
		default:
			c.widened(base, now)
		}
	}
}

// own returns the family that nearly all values of a column are in, nil if they
// are mixed or too few.
func own(col *Column) *family {
	if col.Values < minBefore {
		return nil
	}
	return ownOf(col)
}

func ownOf(col *Column) *family {
	for i := range families {
		f := &families[i]
		if f.applies(col) && share(f.of(col), col.Values) >= ownShare {
			return f
		}
	}
	return nil
}

func share(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

// lost tells whether too few of the values still are what they were.
func lost(n, of int64) bool {
	return of >= minNow && share(n, of) < lostShare || of >= minAll && n == 0
}

// expectation is the family that the values of a column should be in, and what
// that rests on: right of values were. nil if they are mixed.
func expectation(base *Column) (f *family, right, of int64) {
	if f := familyNamed(base.Anchor); f != nil && base.Anchor.Of >= minNow {
		return f, base.Anchor.Right, base.Anchor.Of
	}
	if f := own(base); f != nil {
		return f, f.of(base), base.Values
	}
	return nil, 0, 0
}

// retyped tells whether most values of a column have left their kind. Where the
// field that it fills takes nothing else, few values are enough; elsewhere it must
// not be chance.
func (c *comparison) retyped(base, now *Column) bool {
	f, right, of := expectation(base)
	if c.once && f == nil && base.Values >= 2 {
		if f = ownOf(base); f != nil {
			right, of = f.of(base), base.Values
		}
	}
	if f == nil {
		return false
	}
	is := f.of(now)
	if c.once && is == 0 && now.Values > 0 && f.telling() && familyOf(now).telling() {
		return true
	}
	if !lost(is, now.Values) {
		return c.narrowed(f, base, now)
	}
	return c.typed(base, f) || fewer(right, of, is, now.Values) < c.whole
}

// narrowed tells whether the values of a column are all of a kind that hardly any
// value had, though it is part of what they were: words that are only yes and no.
func (c *comparison) narrowed(f *family, base, now *Column) bool {
	is := own(now)
	return !f.telling() && is != nil && is.name != f.name && is.kinds&f.kinds == 0 && share(is.of(base), base.Values) <= stillHere &&
		more(is.of(base), base.Values, is.of(now), now.Values) < c.whole
}

// typed tells whether the field that a column fills takes the family, so that
// nothing else can be right.
func (c *comparison) typed(col *Column, f *family) bool {
	return slices.ContainsFunc(col.Fields, func(field string) bool { return fieldKinds(field)&f.kinds != 0 })
}

func (c *comparison) reportRetyped(base, now *Column) {
	f, right, of := expectation(base)
	if f == nil {
		f = familyOf(base)
		right, of = f.of(base), base.Values
	}
	is := familyOf(now)
	c.explain(now.Name, status.Finding{Code: CodeRetyped, Path: now.Name, Breaking: true,
		Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{Was: right, WasOf: of, Is: f.of(now), IsOf: now.Values, P: fewer(right, of, f.of(now), now.Values)},
		Sentence: fmt.Sprintf("Column %q held %s in %s of %s and now holds %s in %s of %s%s.", now.Name,
			f.label(base), number64(f.of(base)), count(base.Values, "value"),
			is.label(now), number64(is.of(now)), number64(now.Values), forExample(base, now))})
}

func forExample(base, now *Column) string {
	if len(base.Samples) == 0 || len(now.Samples) == 0 {
		return ""
	}
	return fmt.Sprintf(": %q became %q, for example", base.Samples[0], now.Samples[0])
}

// emptied tells whether a column that nearly always had a value has none any
// more.
func emptied(base, now *Column) bool {
	records := base.Values + base.Empty + base.Absent
	return base.Values >= minBefore && share(base.Values, records) >= ownShare &&
		now.Values == 0 && now.Empty+now.Absent >= minAll
}

// reportEmptied breaks only where the field is required: optional columns are
// empty for a day now and then.
func (c *comparison) reportEmptied(base, now *Column) {
	c.explain(now.Name, status.Finding{Code: CodeEmptied, Path: now.Name, Breaking: now.Required,
		Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{Was: base.Values, WasOf: base.Values + base.Empty + base.Absent, IsOf: now.Empty + now.Absent},
		Sentence: fmt.Sprintf("Column %q had a value in %s of %s and has none in %s now%s.", now.Name,
			number64(base.Values), count(base.Values+base.Empty+base.Absent, "record"),
			count(now.Empty+now.Absent, "record"), fills(now))})
}

// relaid tells whether timestamps are written in another layout.
func relaid(base, now *Column) bool {
	was := base.Layouts.most()
	values := base.Kinds.Of(Timestamp)
	return values >= minBefore && share(was.Values, values) >= ownShare &&
		(!isEpoch(was.Name) || hasField(base, timeFields)) &&
		lost(now.Layouts.of(was.Name), now.Kinds.Of(Timestamp))
}

// reportLayout breaks unless the field is a time and the Parser reads the new
// layout. It reads seconds as milliseconds and the other way round without
// noticing.
func (c *comparison) reportLayout(base, now *Column) {
	was, is := base.Layouts.most(), now.Layouts.most()
	unit := isEpoch(was.Name) && isEpoch(is.Name)
	accepted := hasField(now, timeFields) && !unit && c.now.Events > 0 && c.now.Rejected <= c.now.Events && now.reads()
	c.explain(now.Name, status.Finding{Code: CodeLayout, Path: now.Name, Breaking: !accepted,
		Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{Was: was.Values, WasOf: base.Kinds.Of(Timestamp), Is: now.Layouts.of(was.Name), IsOf: now.Kinds.Of(Timestamp)},
		Sentence: relaidSentence(base, now, was, is)})
}

// relaidSentence shows how times were written and are: a layout says less to people
// than a value. Units of numbers are named.
func relaidSentence(base, now *Column, was, is Layout) string {
	before, after, how := was.Shown(), is.Shown(), "in"
	if !isEpoch(was.Name) || !isEpoch(is.Name) {
		before, after, how = sampleOf(base, was), sampleOf(now, is), "like"
	}
	s := fmt.Sprintf("Column %q had times %[2]s %[3]s (%[4]s of %[5]s) and has them %[2]s %[6]s now (%[7]s of %[8]s)", now.Name, how,
		before, number64(was.Values), number64(base.Kinds.Of(Timestamp)), after, number64(is.Values), number64(now.Kinds.Of(Timestamp)))
	if isEpoch(was.Name) && isEpoch(is.Name) {
		s += forExample(base, now)
	}
	if len(now.readers) > 0 && !now.reads() {
		s += "; the Parser does not read them"
	}
	return s + "."
}

// sampleOf is a value in a layout, else the layout.
func sampleOf(col *Column, layout Layout) string {
	for _, s := range col.Samples {
		if l, ok := LayoutOf(s); !ok || l != layout.Name {
			continue
		}
		if isEpoch(layout.Name) {
			return fmt.Sprintf("%q (%s)", s, layout.Shown())
		}
		return strconv.Quote(s)
	}
	return layout.Shown()
}

// widened reports kinds that a column never had and that did not come by chance: a
// share that rises slowly is no news.
func (c *comparison) widened(base, now *Column) {
	if base.Values < minWiden && !c.once || now.Values < minNow {
		return
	}
	var was *family
	var came int64 // values of new kinds
	defer func() {
		if came > 0 && was.of(now)+came >= now.Values {
			c.explained[now.Name] = true // whatever is no more what it was is of a new kind
		}
	}()
	for i, name := range kindNames {
		k := Kinds(1) << i
		if now.Kinds[i] < max(minAll, c.slipped+1) || base.Kinds[i] > 0 || k&(ASN|Port|CC|Int|Float|Bool|Text) != 0 ||
			more(0, base.Values, now.Kinds[i], now.Values) > c.whole {
			continue
		}
		if was = own(base); was == nil || k == Timestamp && !hasField(now, timeFields) {
			continue
		}
		came += now.Kinds[i]
		c.add(status.Finding{Code: CodeWidened, Path: now.Name, Before: describe(base), After: describe(now),
			Evidence: &status.Evidence{WasOf: base.Values, Is: now.Kinds[i], IsOf: now.Values, P: more(0, base.Values, now.Kinds[i], now.Values)},
			Sentence: fmt.Sprintf("Column %q held %s only; %s of %s are %s now.", now.Name, was.label(base),
				number64(now.Kinds[i]), count(now.Values, "value"), name)})
	}
}

// checkFit notices that most records cannot become events, whether or not there
// is a baseline. It speaks only where no check before it knows the cause.
func checkFit(c *comparison) {
	if c.broken() {
		return
	}
	now := c.now
	records := now.Events + now.Rejected
	enough := now.Rejected >= minNow && share(now.Rejected, records) >= lostShare
	if c.base == nil {
		enough = enough || now.Rejected > 0 && now.Events == 0
	} else if share(c.base.Rejected, c.base.Events+c.base.Rejected) >= lostShare/2 {
		return // it was accepted like that
	}
	if !enough {
		return
	}
	field, reason := now.mostRejected()
	f := status.Finding{Code: CodeUnfit, Path: field, Breaking: true, After: reason.First}
	if col := now.filling(field); col != nil && hasField(col, timeFields) && share(col.Kinds.Of(Timestamp), col.Values) >= ownShare {
		f.Code = CodeLayout // times, but not as the rule reads them
	}
	because := reason.First
	if field != "" {
		because = field + ": " + because
	}
	if col := now.filling(field); col != nil {
		f.Path, f.After = col.Name, describe(col)
		because += fmt.Sprintf(" (column %q", col.Name)
		if len(col.Samples) > 0 && !strings.Contains(because, strconv.Quote(col.Samples[0])) {
			because += fmt.Sprintf(", for example %q", col.Samples[0])
		}
		because += ")"
	}
	f.Sentence = fmt.Sprintf("%s of %s cannot become events%s.", number64(now.Rejected), count(records, "record"), forReason(now.Rejected, reason.Count, because))
	c.add(f)
}

// forReason says why n of so many records were rejected.
func forReason(rejected, n int64, because string) string {
	if n == rejected {
		return "; the reason is: " + because
	}
	return fmt.Sprintf("; for %s of them the reason is: %s", number64(n), because)
}

// mostRejected is the field that most records were rejected for.
func (p *Profile) mostRejected() (field string, r Reason) {
	for _, name := range slices.Sorted(maps.Keys(p.Reasons)) {
		if p.Reasons[name].Count > r.Count {
			field, r = name, p.Reasons[name]
		}
	}
	return field, r
}

// filling is the input of a field, or of that name.
func (p *Profile) filling(field string) *Column {
	if field == "" {
		return nil
	}
	if c := p.input(field); c != nil {
		return c
	}
	for i := range p.Inputs {
		if slices.Contains(p.Inputs[i].Fields, field) && p.Inputs[i].Values > 0 {
			return &p.Inputs[i]
		}
	}
	return nil
}
