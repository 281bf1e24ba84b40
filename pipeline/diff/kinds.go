package diff

import (
	"fmt"
	"slices"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// Of a handful of values, so many must be something else, and such a share.
const (
	leastValues = 2
	leastShare  = 0.2
)

// kinds tells, in a handful of values, words that stand for nothing, and values of a
// kind that a column never had: neither is likely to come by chance.
func (c *comparison) kinds(found []status.Finding) []status.Finding {
	for i := range c.now.Inputs {
		is := &c.now.Inputs[i]
		was := columnOf(c.base, is.Name)
		if was == nil || was.Values < leastValues || is.Values < leastValues {
			continue
		}
		at := slices.IndexFunc(found, func(f status.Finding) bool { return f.Path == is.Name })
		if at >= 0 && found[at].Code != drift.CodeRetyped && found[at].Code != drift.CodeKindShare {
			continue
		}
		f := marked(was, is)
		if f == nil && at < 0 {
			f = widened(was, is)
		}
		if f == nil && at < 0 {
			f = c.rewritten(was, is)
		}
		switch {
		case f == nil:
		case at >= 0: // what is left is of the old kind
			found[at] = *f
		default:
			found = append(found, *f)
		}
	}
	return found
}

// all tells whether nearly all values are of the kinds.
func all(c *drift.Column, k drift.Kinds) bool {
	n := int64(0)
	for i := range c.Kinds {
		if k&(1<<i) != 0 {
			n = max(n, c.Kinds[i])
		}
	}
	return n >= c.Values && n > 0
}

// marked finds the word for nothing in a column whose values had a kind.
func marked(was, is *drift.Column) *status.Finding {
	for _, f := range drift.Families() {
		k := f.Kinds
		if !all(was, k) {
			continue
		}
		for _, t := range is.Top {
			word := drift.IsNothing(t.Value) || drift.MayBeNothing(t.Value) && drift.KindsOf(t.Value)&k == 0
			if !word || t.Count < leastValues || kindCount(is, k)+t.Count < is.Values {
				continue
			}
			return &status.Finding{Code: drift.CodeMarker, Class: drift.ClassDegraded, Path: is.Name, Fields: is.Fields,
				Before: list(was.Samples), After: list(is.Samples),
				Sentence: fmt.Sprintf("Column %q has %q in %d of %d values; it never had, and it seems to stand for no value: list it under nulls.",
					is.Name, t.Value, t.Count, is.Values)}
		}
	}
	return nil
}

func kindCount(c *drift.Column, k drift.Kinds) (n int64) {
	for i := range c.Kinds {
		if k&(1<<i) != 0 {
			n = max(n, c.Kinds[i])
		}
	}
	return n
}

// widened finds a telling kind that a column never had, beside the one it had.
func widened(was, is *drift.Column) *status.Finding {
	const numbers = drift.Int | drift.Float | drift.ASN
	families := drift.Families()
	for i := range families {
		old := families[i].Kinds
		if old&numbers != 0 || !all(was, old) || kindCount(is, old) == 0 {
			continue
		}
		for _, f := range families {
			n := kindCount(is, f.Kinds)
			if f.Kinds&old != 0 || f.Kinds&numbers != 0 || kindCount(was, f.Kinds) > 0 || n < leastValues || float64(n) < leastShare*float64(is.Values) {
				continue
			}
			return &status.Finding{Code: drift.CodeWidened, Class: drift.ClassWidening, Path: is.Name, Fields: is.Fields,
				Before: list(was.Samples), After: list(is.Samples),
				Sentence: fmt.Sprintf("Column %q held %s only; %d of %d values are %s now.", is.Name, families[i].Name, n, is.Values, f.Name)}
		}
	}
	return nil
}
