package repair

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// start is a way to read the held payload, before its columns are looked at.
type start struct {
	*trial
	// foreign: it is of another format, so that no name is the same by default.
	foreign bool
}

// starts are the ways to read the held payload: as before, in its own dialect, as
// what it is.
func (s *search) starts() []*start {
	out := []*start{{trial: s.trial()}}
	if s.is == nil {
		return out
	}
	in := &s.is.Spec.Input
	if Related(&s.spec.Input, in) {
		t := s.trial()
		t.spec.Input = Dialect(&s.spec.Input, s.is, s.base.Columns)
		var safe bool
		if t.changes, safe = inputChanges(&s.spec.Input, &t.spec.Input); len(t.changes) > 0 {
			t.safe = safe
			out = append(out, &start{trial: t})
		}
	}
	t := s.trial()
	t.spec.Input, t.spec.Explode = *in.DeepCopy(), slices.Clone(s.is.Spec.Explode)
	t.spec.Input.Capture, t.spec.Input.MaxRecordBytes = s.spec.Input.Capture, s.spec.Input.MaxRecordBytes
	for _, skip := range s.is.Spec.Skip {
		if !slices.ContainsFunc(t.spec.Skip, func(r v1alpha1.SkipRule) bool { return r.Reason == skip.Reason }) {
			t.spec.Skip = append(t.spec.Skip, skip)
			t.say("Records for which %s are passed over.", skip.When)
		}
	}
	t.changes = append([]string{fmt.Sprintf("The payload is read as %s.", s.is.Name)}, t.changes...)
	t.safe, t.sure = false, 0.85
	return append(out, &start{trial: t, foreign: true})
}

// solve finds the columns of the held payload that the rules are to read, and returns
// the proposals, two at most.
func (st *start) solve(ctx context.Context) ([]Proposal, error) {
	bad, err := st.columns(ctx)
	if err != nil || len(bad) == 0 {
		return nil, err
	}
	var out []Proposal
	banned := map[[2]string]bool{}
	for range 2 {
		t := st.copy()
		if !t.match(bad, st.foreign, banned) {
			return out, nil
		}
		p, err := t.finish(ctx)
		if err != nil {
			return out, err
		}
		if p != nil && (len(out) == 0 || !t.partial) { // to lose a field is no other way to fill it
			out = append(out, *p)
		}
		if t.margin >= 0.15 || t.weakest[0] == "" {
			break
		}
		banned[t.weakest] = true
	}
	return out, nil
}

func (t *trial) copy() *trial {
	c := *t
	c.spec, c.changes, c.renames = t.spec.DeepCopy(), slices.Clone(t.changes), map[string]string{}
	return &c
}

// columns are those of the held payload as the start reads it.
func (st *start) columns(ctx context.Context) ([]*column, error) {
	never := "x"
	probe := &v1alpha1.ParserSpec{Input: *st.spec.Input.DeepCopy(), Explode: st.spec.Explode, Constants: map[string]string{"category": "other"},
		Mapping: []v1alpha1.MappingRule{{Field: "name", Value: &never, When: "false", Required: true}}}
	positional := st.positional() && !st.foreign
	if positional {
		*columnsIn(&probe.Input) = []string{"column_1"}
	}
	lens, err := drift.NewLens(probe)
	if err != nil {
		return nil, nil //nolint:nilerr // it cannot be read like that
	}
	profile, err := lens.Learn(ctx, bytes.NewReader(st.bad), st.meta)
	if err != nil || profile.Unreadable != "" || profile.Records == 0 {
		return nil, err
	}
	names := namesOf(profile, st.spec.Explode)
	if positional {
		names = numbered(min(width(profile), maxSide))
		*columnsIn(&probe.Input) = names
	}
	bad, err := columnsOf(ctx, probe, names, st.bad, st.meta)
	if err != nil {
		return nil, err
	}
	st.name(bad, positional)
	return bad, nil
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("column_%d", i+1)
	}
	return names
}

// name gives columns the names that the payload tells. Those that were made up after
// the values say nothing more than these.
func (st *start) name(bad []*column, positional bool) {
	told := st.told(len(bad))
	madeUp := positional && told == nil || st.foreign && st.is.Names == nil && (st.spec.Input.CSV != nil || st.spec.Input.Text != nil)
	for i, c := range bad {
		if positional && told != nil {
			c.name = told[i]
		}
		c.unnamed = c.unnamed || madeUp
	}
}

// columnsIn are the names that an input gives to columns without names, nil if they
// have some.
func columnsIn(in *v1alpha1.InputSpec) *[]string {
	switch {
	case in.CSV != nil && in.CSV.Header == v1alpha1.HeaderNone:
		return &in.CSV.Columns
	case in.HTML != nil && in.HTML.Header == v1alpha1.HeaderNone && len(in.HTML.Fields) == 0:
		return &in.HTML.Columns
	}
	return nil
}

func (t *trial) positional() bool { return columnsIn(&t.spec.Input) != nil }

// told are the names that the payload itself gives its columns, nil if it does not.
func (st *start) told(n int) []string {
	if st.is == nil || st.is.Spec.Input.CSV == nil || len(st.is.Names) != n {
		return nil
	}
	seen := map[string]bool{}
	for _, name := range st.is.Names {
		if seen[name] {
			return nil
		}
		seen[name] = true
	}
	return st.is.Names
}

// match pairs the columns of the payloads and has the rules read the new ones. False
// if a column that the Parser cannot do without has no successor.
func (t *trial) match(bad []*column, foreign bool, banned map[[2]string]bool) bool {
	if t.positional() && !foreign {
		return t.place(bad, banned)
	}
	if foreign {
		t.typed()
	}
	lost, candidates := t.lost(bad, foreign)
	pairs := t.pair(lost, candidates, banned)
	gone, first := map[string]bool{}, map[string]bool{}
	for _, c := range lost {
		to, ok := pairs[c.name]
		if !ok {
			gone[c.name] = true
			continue
		}
		if list, ok := strings.CutSuffix(to, "[0]"); ok && t.within(c.name, map[string]bool{c.name + "[0]": true}) {
			to = list // a list, as before
		}
		t.renames[c.name] = to
		first[c.name] = strings.HasPrefix(to, c.name+"[") || strings.HasPrefix(to, c.name+".") // what is there in its place is no value
		t.safe = false
		t.say("%q is read from %q.", c.name, to)
	}
	remap(t.spec, t.renames, !foreign, first)
	return t.without(gone)
}

// lost are the columns that rules read and the payload has not, candidates those that
// may have taken their places.
func (t *trial) lost(bad []*column, foreign bool) (lost, candidates []*column) {
	there, known := map[string]bool{}, map[string]bool{}
	for _, c := range bad {
		there[c.name] = true
	}
	for _, c := range t.old {
		known[c.name] = true
		if t.usedBy(c.name) && !there[c.name] && len(c.values) > 0 && !t.within(c.name, there) {
			lost = append(lost, c)
		}
	}
	for _, c := range bad {
		if !known[c.name] || foreign && !t.usedBy(c.name) {
			candidates = append(candidates, c)
		}
	}
	return lost, candidates
}

// within tells whether what is inside of an array or object, as before, is there.
func (t *trial) within(name string, there map[string]bool) bool {
	return slices.ContainsFunc(t.old, func(c *column) bool {
		rest, inside := strings.CutPrefix(c.name, name)
		return inside && rest != "" && (rest[0] == '[' || rest[0] == '.') && there[c.name]
	})
}

// typed gives extras the types that JSON gave them, where all values are text now.
func (t *trial) typed() {
	if json := t.search.spec.Input.JSON != nil || t.search.spec.Input.JSONLines != nil; !json || t.spec.Input.JSON != nil || t.spec.Input.JSONLines != nil {
		return
	}
	types := map[string]v1alpha1.ExtraType{"number": v1alpha1.ExtraNumber, "boolean": v1alpha1.ExtraBoolean, "bool": v1alpha1.ExtraBoolean}
	for i := range t.spec.Mapping {
		r := &t.search.spec.Mapping[min(i, len(t.search.spec.Mapping)-1)]
		if !strings.HasPrefix(r.Field, "extra.") || r.Type != "" || len(r.From) == 0 {
			continue
		}
		path := t.base.Paths[strings.TrimPrefix(strings.TrimPrefix(r.From[0], "$"), ".")]
		if path == nil {
			continue
		}
		for name, typ := range types {
			if path.Types.Of(name) == 0 || path.Types.Of("string") > 0 {
				continue
			}
			if typ == v1alpha1.ExtraNumber && t.whole(r.From[0]) {
				typ = v1alpha1.ExtraInteger
			}
			t.spec.Mapping[i].Type = typ
		}
	}
}

// whole tells whether the old values of a column were whole numbers.
func (t *trial) whole(name string) bool {
	return !slices.ContainsFunc(t.oldValues([]string{name}), func(v string) bool { return strings.Trim(v, "-0123456789") != "" })
}

// without takes out what reads columns that are gone; false if that is too much.
func (t *trial) without(gone map[string]bool) bool {
	fields, ok := forget(t.spec, gone)
	if !ok || len(t.spec.Mapping) == 0 {
		return false
	}
	if len(fields) > 0 {
		t.partial, t.safe = true, false
		t.say("Nothing fills %s any more: there is no column for it.", joined(fields))
	}
	return true
}

func joined(names []string) string {
	s := ""
	for i, n := range names {
		if i == 8 {
			return s + fmt.Sprintf(" and %d more", len(names)-i)
		}
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

// pair assigns new columns to old ones. A pair that others of the same kind could
// replace needs a name or values that speak for it.
func (t *trial) pair(old, new []*column, banned map[[2]string]bool) map[string]string {
	out := map[string]string{}
	if len(old) == 0 || len(new) == 0 {
		return out
	}
	old, new = old[:min(len(old), maxSide)], new[:min(len(new), maxSide)]
	scores, details := make([][]float64, len(old)), make([][]pair, len(old))
	for i, a := range old {
		scores[i], details[i] = make([]float64, len(new)), make([]pair, len(new))
		for j, b := range new {
			if !banned[[2]string{a.name, b.name}] {
				details[i][j] = compare(a, b)
				scores[i][j] = details[i][j].score
			}
		}
	}
	pairs, sum := assign(scores, alone)
	regret := regrets(scores, alone, pairs, sum)
	sure := certain(details, pairs, new)
	for i, j := range pairs {
		if !sure[i] {
			continue
		}
		out[old[i].name] = new[j].name
		t.sure = min(t.sure, 0.5+details[i][j].score/2)
		if regret[i] < t.margin {
			t.margin, t.weakest = regret[i], [2]string{old[i].name, new[j].name}
		}
	}
	return out
}

// certain tells which pairs rest on more than their position: on names, on values, or
// on that all others of the kind have their partners.
func certain(details [][]pair, pairs []int, new []*column) []bool {
	sure := make([]bool, len(pairs))
	taken := map[int]bool{}
	for again := true; again; {
		again = false
		for i, j := range pairs {
			if j < 0 || sure[i] {
				continue
			}
			p := details[i][j]
			if p.name >= sureName || p.known && p.overlap >= sureOverlap || !rivals(details, i, j, sure, taken, new) {
				sure[i], taken[j], again = true, true, true
			}
		}
	}
	return sure
}

// rivals tells whether another column without a certain partner could be one of the
// pair. Which of two with the same values is read makes no difference.
func rivals(details [][]pair, i, j int, sure []bool, taken map[int]bool, new []*column) bool {
	for k := range details[i] {
		if k != j && !taken[k] && details[i][k].score > alone*0.75 && !maps.Equal(new[j].distinct, new[k].distinct) {
			return true
		}
	}
	for k := range details {
		if k != i && !sure[k] && details[k][j].score > alone*0.75 {
			return true
		}
	}
	return false
}

// place names the columns of a payload without header so that the rules find what
// they read.
func (t *trial) place(bad []*column, banned map[[2]string]bool) bool {
	declared := t.base.Columns
	var old []*column
	for i, name := range declared {
		for _, c := range t.old {
			if c.name == name {
				d := *c
				d.position = float64(i) / float64(max(len(declared)-1, 1))
				old = append(old, &d)
			}
		}
	}
	if inPlace(old, bad, declared) {
		return true
	}
	pairs := t.pair(old, bad, banned)
	columns := placed(bad, pairs)
	gone := map[string]bool{}
	for _, name := range declared {
		if !slices.Contains(columns, name) && t.usedBy(name) {
			gone[name] = true
		}
	}
	for i, c := range bad {
		if columns[i] == "" {
			columns[i] = free(c, i, columns, declared)
		}
	}
	if !t.without(gone) {
		return false
	}
	if len(columns) >= len(declared) && slices.Equal(columns[:len(declared)], declared) {
		return true // appended columns need no change
	}
	*columnsIn(&t.spec.Input) = columns
	t.safe = false
	t.say("The columns are %s.", joined(columns))
	return true
}

// placed gives the columns of the payload the names of those that they are paired
// with.
func placed(bad []*column, pairs map[string]string) []string {
	columns := make([]string, len(bad))
	for i, c := range bad {
		for from, to := range pairs {
			if to == c.name {
				columns[i] = from
			}
		}
	}
	return columns
}

// inPlace tells whether every column is where it was: its values are of the kind
// that they were, and no other column has them.
func inPlace(old, bad []*column, declared []string) bool {
	if len(bad) < len(declared) {
		return false
	}
	for _, a := range old {
		at := slices.Index(declared, a.name)
		b := bad[at]
		if len(a.values) == 0 || len(b.values) == 0 {
			continue
		}
		if !fits(a, b) || likeKinds(a, b) < 0.7 || !b.unnamed && !a.unnamed && nameScore(a.name, b.name) < sureName {
			return false
		}
		here := overlap(a, b)
		for k, c := range bad {
			if k != at && fits(a, c) && overlap(a, c) > max(here, sureOverlap) {
				return false
			}
		}
	}
	return true
}

// free is a name that no column has.
func free(c *column, i int, taken, declared []string) string {
	name := fmt.Sprintf("column_%d", i+1)
	if !c.unnamed {
		name = c.name
	}
	for slices.Contains(taken, name) || slices.Contains(declared, name) {
		name += "_"
	}
	return name
}
