package repair

import (
	"fmt"
	"math"
	"slices"
)

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
	t.risky = true
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
		for k, c := range bad {
			if k != at && fits(a, c) && swapped(a, columnAt(old, declared, k), b, c) {
				return false
			}
		}
	}
	return true
}

// columnAt is the column that was at a position, nil if there was none.
func columnAt(old []*column, declared []string, at int) *column {
	if at >= len(declared) {
		return nil
	}
	if i := slices.IndexFunc(old, func(c *column) bool { return c.name == declared[at] }); i >= 0 {
		return old[i]
	}
	return nil
}

// swapped tells whether the values of a column are where another one was, and those of
// the other where it was, more often than chance would have it. a is where old was,
// c where other was; other may be unknown.
func swapped(old, other, a, c *column) bool {
	there, n := shared(old, c)
	here, m := shared(old, a)
	if other != nil {
		x, y := shared(other, a)
		there, n = there+x, n+y
		x, y = shared(other, c)
		here, m = here+x, m+y
	}
	if n == 0 || m == 0 {
		return false
	}
	p, q := float64(there)/float64(n), float64(here)/float64(m)
	all := float64(there+here) / float64(n+m)
	deviation := math.Sqrt(all * (1 - all) * (1/float64(n) + 1/float64(m)))
	return p >= sureOverlap && p-q > 3*deviation
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
