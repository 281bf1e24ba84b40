package drift

import (
	"cmp"
	"slices"
	"strings"
)

// Weights and thresholds of the search for the column that took another's place.
const (
	weightKind     = 0.55
	weightName     = 0.25
	weightPosition = 0.20
	minKind        = 0.5  // similarity of kinds that a successor needs
	minScore       = 0.45 // score that it needs
	minName        = 0.6  // similarity of names where nothing is known of the values
)

// successors finds for each lost column the new one whose kind, name and
// position fit best.
func (c *comparison) successors(lost []*Column) map[string]string {
	type pair struct {
		old, name string
		score     float64
	}
	var pairs []pair
	for _, l := range lost {
		for i, name := range c.now.Columns {
			if c.isNew(name) {
				if s := c.score(l, name, i); s >= minScore {
					pairs = append(pairs, pair{l.Name, name, s})
				}
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Compare(b.score, a.score) })
	taken := make(map[string]string)
	for _, p := range pairs {
		if _, ok := taken[p.old]; !ok && !isValue(taken, p.name) {
			taken[p.old] = p.name
		}
	}
	return taken
}

// isNew tells whether a column of the payload was not known before.
func (c *comparison) isNew(name string) bool {
	return c.now.input(name) == nil && (c.base == nil || !slices.Contains(c.base.Columns, name))
}

// score compares a lost column with a new one at position at; 0 if they do not
// fit.
func (c *comparison) score(lost *Column, name string, at int) float64 {
	names := nameSimilarity(lost.Name, name)
	score := weightName * names
	if c.base != nil && slices.Index(c.base.Columns, lost.Name) == at {
		score += weightPosition
	}
	candidate := c.now.column(name)
	if candidate == nil || candidate.Values == 0 {
		if names < minName {
			return 0
		}
		return score + weightKind*names
	}
	kinds := 0.0
	if old := c.known(lost.Name); old != nil {
		kinds = similarity(old, candidate)
	} else {
		kinds = expected(lost, candidate)
	}
	if kinds < minKind {
		return 0
	}
	return score + weightKind*kinds
}

// known is what the baseline says of a column, nil if nothing.
func (c *comparison) known(name string) *Column {
	if c.base == nil {
		return nil
	}
	if col := c.base.column(name); col != nil && col.Values > 0 {
		return col
	}
	return nil
}

// expected is the share of values that the fields of a lost column would take.
func expected(lost, candidate *Column) float64 {
	best := 0.0
	for _, field := range lost.Fields {
		if n := candidate.Kinds.Of(fieldKinds(field)); n > 0 {
			best = max(best, float64(n)/float64(candidate.Values))
		}
	}
	return best
}

// nameSimilarity is the Dice coefficient of the pairs of letters in two names,
// without regard to case and separators.
func nameSimilarity(a, b string) float64 {
	x, y := bigrams(a), bigrams(b)
	if len(x) == 0 || len(y) == 0 {
		return 0
	}
	common := 0
	for pair, n := range x {
		common += min(n, y[pair])
	}
	return 2 * float64(common) / float64(total(x)+total(y))
}

func bigrams(s string) map[string]int {
	s = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(s))
	pairs := make(map[string]int)
	for i := range len(s) - 1 {
		pairs[s[i:i+2]]++
	}
	return pairs
}

func total(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}
