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
	"github.com/weir-project/weir/pipeline/parse"
)

// start is a way to read the held payload, before its columns are looked at.
type start struct{ *trial }

// starts are the ways to read the held payload: as before, in its own dialect, as
// what it is.
func (s *search) starts() []*start {
	out := []*start{{s.trial()}}
	if s.is == nil {
		return out
	}
	in := &s.is.Spec.Input
	t := s.trial()
	switch {
	case Related(&s.spec.Input, in):
		t.spec.Input = Dialect(&s.spec.Input, s.is, s.base.Columns)
	case s.is.Charset != "":
		t.spec.Input.Charset = s.is.Charset
	}
	if changes, _ := inputChanges(&s.spec.Input, &t.spec.Input); len(changes) > 0 {
		out = append(out, &start{t})
	}
	if s.vocabulary != nil && parse.Vocabulary(in) == nil || slices.Equal(formats(&s.spec.Input), formats(in)) && s.vocabulary != nil {
		return out // nothing but the format knows what the members mean
	}
	t = s.trial()
	t.spec.Input, t.spec.Explode = *in.DeepCopy(), slices.Clone(s.is.Spec.Explode)
	t.spec.Input.Capture, t.spec.Input.MaxRecordBytes = s.spec.Input.Capture, s.spec.Input.MaxRecordBytes
	if t.spec.Input.Charset == "" {
		t.spec.Input.Charset = s.spec.Input.Charset
	}
	for _, skip := range s.is.Spec.Skip {
		if !slices.ContainsFunc(t.spec.Skip, func(r v1alpha1.SkipRule) bool { return r.Reason == skip.Reason }) {
			t.spec.Skip = append(t.spec.Skip, skip)
		}
	}
	t.foreign, t.sure = true, 0.85
	return append(out, &start{t})
}

// maxSolutions is how many a start has at most, nearBy is the margin below which the next
// one is looked for, too.
const (
	maxSolutions = 3
	nearBy       = 0.3
)

// solve finds the columns of the held payload that the rules are to read, and returns
// the proposals, the best first.
func (st *start) solve(ctx context.Context) ([]Proposal, error) {
	bad, err := st.columns(ctx)
	if err != nil || len(bad) == 0 {
		return nil, err
	}
	var out []Proposal
	banned := map[[2]string]bool{}
	for range maxSolutions {
		t := st.copy()
		if !t.match(bad, st.foreign, banned) {
			return out, nil
		}
		p, err := t.finish(ctx)
		if err != nil {
			return out, err
		}
		if len(out) > 0 {
			st.fine = false // the first had something to mend; what is second best may mend nothing
		}
		if p != nil {
			if len(out) > 0 { // it is the second best, although there is no third
				best := &out[len(out)-1]
				p.Safe, p.Margin, p.Confidence = false, min(p.Margin, best.Margin), min(p.Confidence, best.Confidence-0.01)
			}
			out = append(out, *p)
		}
		if t.margin >= nearBy || t.weakest[0] == "" {
			break
		}
		banned[t.weakest] = true
	}
	return out, nil
}

func (t *trial) copy() *trial {
	c := *t
	c.spec, c.of, c.renames, c.wordsIn = t.spec.DeepCopy(), slices.Clone(t.of), map[string]string{}, map[string]string{}
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
	if st.vocabulary != nil && !st.foreign {
		names = st.used
	}
	if positional {
		names = numbered(min(width(profile), maxSide))
		*columnsIn(&probe.Input) = names
	}
	for _, name := range st.used {
		if strings.HasPrefix(name, "$") && !slices.Contains(names, name) {
			names = append(names, name) // no path, but there: the key of a record
		}
	}
	bad, err := columnsOf(ctx, probe, names, st.bad, st.meta)
	if err != nil {
		return nil, err
	}
	bad = slices.DeleteFunc(bad, func(c *column) bool { return strings.HasPrefix(c.name, "$") && len(c.values) == 0 })
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

// without takes out what reads columns that are gone; false if that is too much.
func (t *trial) without(gone map[string]bool) bool {
	fields, kept, ok := forget(t.spec, gone)
	if !ok || len(t.spec.Mapping) == 0 && t.vocabulary == nil {
		return false
	}
	if len(fields) > 0 {
		of := make([]v1alpha1.MappingRule, len(kept))
		for i, k := range kept {
			of[i] = t.of[k]
		}
		t.of, t.lostFields = of, append(slices.Clone(t.lostFields), fields...)
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
			}
		}
	}
	siblings(old, new, details)
	for i := range details {
		for j := range details[i] {
			scores[i][j] = details[i][j].score
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
