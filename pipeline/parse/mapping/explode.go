package mapping

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// MaxExploded bounds the records that explode rules make of one.
const MaxExploded = 10_000

// explodeRule makes several records of one.
type explodeRule struct {
	slot      int
	name      string
	separator string
	pattern   *regexp.Regexp
	group     int
	addresses int // of a network or range, at most; 0: it is none
	// path and tree are those of JSON records: the tree has the inputs below.
	path record.Path
	tree *record.Tree
	// inside: there are inputs below, in the parts.
	inside bool
}

func (c *compiler) explodeRule(spec *v1alpha1.ExplodeRule, at string) {
	slot, ok := c.input(spec.From, at+".from")
	if !ok {
		return
	}
	e := &explodeRule{
		slot: slot, name: spec.From, separator: spec.Separator, addresses: int(spec.Addresses), path: c.inputs[slot].Path,
	}
	if spec.Pattern != "" {
		re, err := regexp.Compile(spec.Pattern)
		if err != nil {
			c.fail("%s.pattern: %w", at, err)
			return
		}
		e.pattern, e.group = re, min(re.NumSubexp(), 1)
	}
	if n := ways(spec); n > 1 {
		c.fail("%s: has several of separator, pattern and addresses; one way to take a value apart is enough", at)
		return
	}
	if e.path.Has(record.Name) {
		c.fail("%s.from: %s is one name; there is nothing to take apart", at, record.NamePath)
		return
	}
	for i, earlier := range c.explode {
		if earlier.slot == slot {
			c.fail("%s.from: %q is exploded by spec.explode[%d] already", at, spec.From, i)
			return
		}
		if _, under := earlier.path.Under(e.path); c.document && under {
			c.fail("%s.from: %q holds %q of spec.explode[%d]; exchange the two", at, spec.From, earlier.name, i)
			return
		}
	}
	if c.document {
		e.tree, e.inside = record.NewTree(), len(e.path) == 0
		for s, in := range c.inputs {
			if rest, ok := in.Path.Under(e.path); ok && !in.Path.Has(record.Name) {
				e.tree.Add(rest, s)
				e.inside = e.inside || s != slot
			}
		}
	}
	c.explode = append(c.explode, e)
}

// Inside tells whether there are inputs that only the parts of a record have, not
// the record itself.
func (p *Program) Inside() bool {
	return slices.ContainsFunc(p.explode, func(e *explodeRule) bool { return e.inside })
}

// ways is how many ways to take a value apart a rule has.
func ways(spec *v1alpha1.ExplodeRule) int {
	n := 0
	for _, has := range []bool{spec.Separator != "", spec.Pattern != "", spec.Addresses > 0} {
		if has {
			n++
		}
	}
	return n
}

// Explode calls yield for the record, or for each of those that the explode
// rules make of it; rec holds their values during the call. The records are
// counted first: if there are too many, or a cell is not what the rule says, the
// failure comes before any of them.
func (r *Runner) Explode(rec *Record, yield func() error) (*Failure, error) {
	if len(r.p.explode) == 0 {
		return nil, yield()
	}
	run := explosion{Runner: r, rec: rec}
	if err := run.from(0); err != nil {
		return nil, err
	}
	switch {
	case run.fail != nil:
		return run.fail, nil
	case run.count > MaxExploded:
		return &Failure{run.blame, fmt.Sprintf("explodes into more than %d records", MaxExploded)}, nil
	}
	run.yield = yield
	return nil, run.from(0)
}

// explosion is one pass over the parts; without yield it only counts.
type explosion struct {
	*Runner
	rec   *Record
	yield func() error
	count int
	blame string
	fail  *Failure
}

// from runs the rules from the i-th on.
func (x *explosion) from(i int) error {
	if i == len(x.p.explode) {
		x.count++
		if x.yield != nil {
			return x.yield()
		}
		return nil
	}
	rule := x.p.explode[i]
	whole := x.rec.Values[rule.slot]
	text, err := x.rec.JSON, error(nil)
	parts := 0
	rule.parts(whole, x, func(part record.Value) bool {
		if part.Kind == record.String && part.Text == "" {
			return true
		}
		parts++
		if x.blame = rule.name; x.count > MaxExploded {
			return false
		}
		x.put(i, part)
		err = x.from(i + 1)
		return err == nil && x.fail == nil
	})
	if parts == 0 && err == nil && x.fail == nil {
		// Nothing to take apart: the record goes on as it is, without the value.
		x.put(i, record.Value{})
		err = x.from(i + 1)
	}
	x.put(i, whole)
	x.rec.JSON = text
	return err
}

// put makes part the value of the rule's input, and sets the inputs below it.
func (x *explosion) put(i int, part record.Value) {
	rule := x.p.explode[i]
	if rule.tree == nil {
		x.rec.Values[rule.slot] = part
		return
	}
	if len(rule.path) == 0 {
		x.rec.JSON = part.Text
	}
	if part.Kind < record.Object {
		rule.tree.Clear(x.rec.Values)
	} else if err := x.walkers[i].ExtractText(part.Text, x.rec.Values); err != nil {
		x.fail = &Failure{rule.name, "is malformed: " + err.Error()}
		return
	}
	x.rec.Values[rule.slot] = part
}

// parts yields what the value is taken apart into. What is no array is one part.
func (e *explodeRule) parts(v record.Value, x *explosion, yield func(record.Value) bool) {
	switch {
	case !v.Present():
	case e.pattern != nil && v.Kind == record.String:
		e.matches(v.Text, yield)
	case e.addresses > 0 && v.Kind == record.String:
		e.network(v.Text, x, yield)
	case e.separator != "" && v.Kind == record.String:
		for part := range strings.SplitSeq(v.Text, e.separator) {
			if !yield(record.Value{Text: strings.TrimSpace(part), Kind: record.String}) {
				return
			}
		}
	case e.tree == nil:
		e.cell(v, x, yield)
	case v.Kind == record.Array:
		record.Elements(v.Text, yield)
	default:
		yield(v)
	}
}

// matches yields every match of the pattern.
func (e *explodeRule) matches(text string, yield func(record.Value) bool) {
	for at := 0; at <= len(text); {
		m := e.pattern.FindStringSubmatchIndex(text[at:])
		if m == nil {
			return
		}
		if from, to := m[2*e.group], m[2*e.group+1]; from >= 0 {
			part := strings.TrimSpace(text[at+from : at+to])
			if !yield(record.Value{Text: part, Kind: record.String}) {
				return
			}
		}
		at += max(m[1], m[0]+1)
	}
}

// network yields the addresses of a network or range.
func (e *explodeRule) network(text string, x *explosion, yield func(record.Value) bool) {
	first, last, ok := bounds(text)
	if !ok {
		x.fail = &Failure{e.name, fmt.Sprintf("%.128q is no network, range or address", text)}
		return
	}
	n := 1
	for ip := first; ip != last; ip = ip.Next() {
		if n++; n > e.addresses {
			x.fail = &Failure{e.name, fmt.Sprintf("%.128q has more than %d addresses (spec.explode.addresses)", text, e.addresses)}
			return
		}
	}
	for ip := first; ; ip = ip.Next() {
		if !yield(record.Value{Text: ip.String(), Kind: record.String}) || ip == last {
			return
		}
	}
}

// cell takes a JSON array in a cell of a table apart.
func (e *explodeRule) cell(v record.Value, x *explosion, yield func(record.Value) bool) {
	if v.Text == "" {
		return
	}
	parsed, err := record.Parse(v.Text)
	if err != nil || parsed.Kind != record.Array {
		x.fail = &Failure{e.name, fmt.Sprintf("%.128q is no JSON array; give explode a separator", v.Text)}
		return
	}
	record.Elements(v.Text, func(v record.Value) bool {
		v.Kind = record.String
		return yield(v)
	})
}

// exploded is a member of record with the parts of explode rules in their places.
func (p *Program) exploded(name string, v any, rec *Record) any {
	for _, e := range p.explode {
		if len(e.path) > 0 && e.path[0] == (record.Segment{Kind: record.Key, Key: name}) {
			v = replaceAt(v, e.path[1:], record.Native(rec.Values[e.slot]))
		}
	}
	return v
}

// replaceAt puts part at a path of v, which may be changed.
func replaceAt(v any, at record.Path, part any) any {
	if len(at) == 0 {
		return part
	}
	switch v := v.(type) {
	case map[string]any:
		if old, ok := v[at[0].Key]; ok && at[0].Kind == record.Key {
			v[at[0].Key] = replaceAt(old, at[1:], part)
		}
	case []any:
		if i := at[0].Index; at[0].Kind == record.Index && i < len(v) {
			v[i] = replaceAt(v[i], at[1:], part)
		}
	}
	return v
}

// explodedCells are the columns that explode rules have changed.
func (p *Program) explodedCells(rec *Record) map[string]any {
	if p.document || len(p.explode) == 0 {
		return nil
	}
	cells := map[string]any{}
	for _, e := range p.explode {
		if v := rec.Values[e.slot]; v.Kind == record.String {
			cells[e.name] = v.Text
		}
	}
	return cells
}
