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
	weightCommon   = 0.2  // more, for the values in common
	weightSibling  = 0.15 // more, for a name that changed as others did
)

// successors finds for each lost column the new one whose kind, name and
// position fit best.
func (c *comparison) successors(lost []*Column) map[string]string {
	var pairs []succession
	for _, l := range lost {
		for i, name := range c.now.Columns {
			if c.isNew(name) {
				if s := c.score(l, name, i); s > 0 {
					pairs = append(pairs, succession{l.Name, name, s})
				}
			}
		}
	}
	siblings(pairs)
	pairs = slices.DeleteFunc(pairs, func(p succession) bool { return p.score < minScore })
	slices.SortStableFunc(pairs, func(a, b succession) int { return cmp.Compare(b.score, a.score) })
	taken := make(map[string]string)
	for _, p := range pairs {
		if _, ok := taken[p.old]; !ok && !isValue(taken, p.name) {
			taken[p.old] = p.name
		}
	}
	return taken
}

// succession is a column that may have taken the place of another.
type succession struct {
	old, name string
	score     float64
}

// siblings prefers successors whose names were changed as those of others: a
// publisher who calls ip src_ip calls port src_port. Of several such changes the one
// counts that fits best.
func siblings(pairs []succession) {
	var names Affixes
	for _, p := range pairs {
		names.Add(p.old, p.name, p.score)
	}
	best := names.Best()
	for i := range pairs {
		if p := &pairs[i]; best != "" && Affix(p.old, p.name) == best {
			p.score += weightSibling
		}
	}
}

// Affixes collects how names were changed into others.
type Affixes struct {
	fit   map[string]float64
	names map[string]int
}

// Add takes a column and one that may have taken its place, with how well they fit.
func (a *Affixes) Add(old, new string, score float64) {
	affix := Affix(old, new)
	if affix == "" || score <= 0 {
		return
	}
	if a.fit == nil {
		a.fit, a.names = make(map[string]float64), make(map[string]int)
	}
	a.fit[affix] += score
	a.names[affix]++
}

// Best is the affix that several columns got and that fits best, "" if none did.
func (a *Affixes) Best() string {
	best := ""
	for affix, n := range a.names {
		if n >= 2 && (best == "" || a.fit[affix] > a.fit[best] || a.fit[affix] == a.fit[best] && affix < best) {
			best = affix
		}
	}
	return best
}

// Affix is what was put before or behind a name to make it another one, "" if that is
// not how they differ.
func Affix(old, new string) string {
	const marks = "_-. "
	if rest, ok := strings.CutSuffix(new, old); ok && len(rest) > 1 && strings.Contains(marks, rest[len(rest)-1:]) {
		return rest + "*"
	}
	if rest, ok := strings.CutPrefix(new, old); ok && len(rest) > 1 && strings.Contains(marks, rest[:1]) {
		return "*" + rest
	}
	return ""
}

// inCommon is how much of the values two columns have in common, from 0 to 1: of
// words, how often each is used counts.
func inCommon(a, b *Column) float64 {
	if len(a.Top) == 0 || len(b.Top) == 0 || a.Lost > 0 || b.Lost > 0 {
		common, of := a.Sketch.shared(b.Sketch)
		if of < minShared {
			return 0
		}
		return common
	}
	common := 0.0
	for _, t := range a.Top {
		if i := slices.IndexFunc(b.Top, func(f Frequent) bool { return f.Value == t.Value }); i >= 0 {
			common += min(share(t.Count, a.Values), share(b.Top[i].Count, b.Values))
		}
	}
	return common
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
		score += weightCommon * inCommon(old, candidate)
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
