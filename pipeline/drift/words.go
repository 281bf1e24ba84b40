package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/status"
)

const (
	maxWords    = 12   // different values of a vocabulary
	minWords    = 50   // values that it is known from
	minEach     = 4    // how often a word is used on average
	minConstant = 8    // values of a constant, in two files that are compared
	minReplaced = 0.5  // share of unknown words that makes a new vocabulary
	minMarker   = 0.05 // share of a value that stands for none
	minNothing  = 2    // how often a word for nothing comes that is one
	someNothing = 5e-3 // chance that it came before without being seen
)

// checkMarkers notices a value that stands for none.
func checkMarkers(c *comparison) {
	if c.base == nil {
		return
	}
	for i := range c.now.Inputs {
		now := &c.now.Inputs[i]
		base := c.base.input(now.Name)
		if base == nil || c.explained[now.Name] || len(now.Top) == 0 {
			continue
		}
		for _, t := range now.Top {
			if c.marker(base, now, t) {
				c.reportMarker(base, now, t)
				break
			}
		}
	}
}

// marker tells whether a frequent value, which never was, stands for none: it is
// no value of the column's kind while others are, or it came for those that were
// missing.
func (c *comparison) marker(base, now *Column, t Frequent) bool {
	n, word := t.Count, wordIn(now, t.Value)
	if n <= c.slipped || !c.came(base, now, t, word) {
		return false
	}
	f, _, _ := expectation(base)
	typed := f != nil && f.telling()
	if typed && KindsOf(t.Value)&f.kinds != 0 && !MayBeNothing(t.Value) {
		return false
	}
	if word || typed && MayBeNothing(t.Value) && KindsOf(t.Value)&f.kinds == 0 || c.replacesMissing(base, now, n) {
		return true
	}
	rest := now.Values - n
	return typed && rest >= minAll && share(f.of(now), rest) >= ownShare
}

// wordIn tells whether a value of a column is a word for nothing. There is no AS 0 (RFC
// 7607).
func wordIn(col *Column, value string) bool {
	return IsNothing(value) || value == "0" && hasField(col, []string{"asn"})
}

// came tells whether a value is there that never was, and is no rare one. A word for
// nothing need not be frequent to be no value.
func (c *comparison) came(base, now *Column, t Frequent, word bool) bool {
	least, chance := int64(minAll), c.partial
	if word {
		least, chance = minNothing, max(c.partial, someNothing)
	}
	return t.Count >= least && share(t.Count, now.Values) >= minMarker && !hasWord(base.Top, t.Value) &&
		more(0, base.Values, t.Count, now.Values) <= chance
}

// replacesMissing tells whether a value came so often as values were missing, and
// hardly any is missing now.
func (c *comparison) replacesMissing(base, now *Column, n int64) bool {
	missing, were := base.Empty+base.Absent, base.Values+base.Empty+base.Absent
	miss, are := now.Empty+now.Absent, now.Values+now.Empty+now.Absent
	before, came := share(missing, were), share(n, are)
	return fewer(missing, were, miss, are) <= c.partial && share(miss, are) < before/4 && came > before/2 && came < 2*before
}

func (c *comparison) reportMarker(base, now *Column, t Frequent) {
	c.rejectionsExplained = true
	least := ""
	if now.Lost > 0 {
		least = "at least " // others took some of the counts
	}
	c.explain(now.Name, status.Finding{Code: CodeMarker, Path: now.Name, Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{WasOf: base.Values, Is: t.Count, IsOf: now.Values, P: more(0, base.Values, t.Count, now.Values)},
		Sentence: fmt.Sprintf("Column %q has %q in %s%s of %s; it never had, and it seems to stand for no value. List it under nulls.",
			now.Name, t.Value, least, number64(t.Count), count(now.Values, "value"))})
}

func hasWord(top []Frequent, word string) bool {
	return slices.ContainsFunc(top, func(f Frequent) bool { return f.Value == word })
}

// checkWords compares the vocabulary of columns that have one. A new word is no
// more than a note; other words altogether are another meaning.
func checkWords(c *comparison) {
	if c.base == nil {
		return
	}
	for i := range c.now.Inputs {
		now := &c.now.Inputs[i]
		base := c.base.input(now.Name)
		if base == nil || c.explained[now.Name] || now.Values == 0 || !c.constant(base, now) && (!base.vocabulary() || c.ofPayload(base, now)) {
			continue
		}
		c.compareWords(base, now)
	}
}

// constant tells whether a column had one term in one of two files and has one in the
// other. A title or a name is no term.
func (c *comparison) constant(base, now *Column) bool {
	return c.once && familyOf(base).kinds == Text && base.single() && now.single() && min(base.Values, now.Values) >= minConstant &&
		isTerm(base.Top[0].Value) && isTerm(now.Top[0].Value)
}

// single tells whether all values are the same.
func (c *Column) single() bool { return len(c.Top) == 1 && c.Lost == 0 && c.Top[0].Count == c.Values }

// isTerm tells whether a text could be a word of a taxonomy: short and without digits.
func isTerm(s string) bool {
	return len(s) <= 32 && len(strings.Fields(s)) <= 3 && !strings.ContainsAny(s, "0123456789")
}

// ofPayload tells whether a column has one value a payload, and mostly another one in
// the next: the name of the event or list, of which each payload is one observation.
func (c *comparison) ofPayload(base, now *Column) bool {
	return now.single() && !isTerm(now.Top[0].Value) && 2*int64(len(base.Top)) > c.base.Payloads
}

// vocabulary tells whether a column has few different values, all of them known.
func (c *Column) vocabulary() bool {
	f := familyOf(c)
	return f.kinds&(Text|Int|Float|Bool) != 0 && c.Lost == 0 && len(c.Top) > 0 && len(c.Top) <= maxWords &&
		c.Values >= minWords && c.Values >= minEach*int64(len(c.Top))
}

func (c *comparison) compareWords(base, now *Column) {
	var fresh []string
	var n, known int64
	for _, t := range now.Top {
		known += t.Count
		if !hasWord(base.Top, t.Value) {
			fresh = append(fresh, t.Value)
			n += t.Count
		}
	}
	n += max(0, now.Values-known) // what is too long or too varied to be counted
	if n <= c.slipped || familyOf(base).kinds == Bool && n < now.Values {
		return // yes may be rare where there is no
	}
	// Good-Turing: the chance of a word that was never seen is about the share of
	// words that were seen once.
	once := int64(1)
	for _, t := range base.Top {
		if t.Count == 1 {
			once++
		}
	}
	p := more(once, base.Values, n, now.Values)
	f := status.Finding{Code: CodeWordAdded, Path: now.Name, Before: words(base.Top), After: words(now.Top),
		Evidence: &status.Evidence{WasOf: base.Values, Is: n, IsOf: now.Values, P: p}}
	switch {
	case p <= c.whole && share(n, now.Values) >= minReplaced:
		f.Code = CodeVocabulary
		f.Sentence = fmt.Sprintf("Column %q had the values %s and has %s in %s of %s now: they may mean something else.", now.Name,
			words(base.Top), quoted(fresh), number64(n), count(now.Values, "value"))
	default:
		fresh = slices.DeleteFunc(fresh, func(w string) bool {
			return KindsOf(w)&(Int|Float|Timestamp) != 0 || strings.EqualFold(w, now.Name) // amounts, days, a header among the rows
		})
		if len(fresh) == 0 {
			return
		}
		n = 0
		for _, t := range now.Top {
			if slices.Contains(fresh, t.Value) {
				n += t.Count
			}
		}
		f.Sentence = fmt.Sprintf("Column %q has a new value: %s, in %s of %s.", now.Name, quoted(fresh), number64(n), count(now.Values, "value"))
	}
	c.explain(now.Name, f)
}

func words(top []Frequent) string {
	list := make([]string, 0, maxSamples)
	for _, t := range top[:min(len(top), maxSamples)] {
		list = append(list, t.Value)
	}
	if more := len(top) - len(list); more > 0 {
		return quoted(list) + fmt.Sprintf(" (and %d more)", more)
	}
	return quoted(list)
}

const minSplit = 0.1 // share of the values that a separator takes apart

// resplit tells whether values that a rule takes apart hold another separator now.
func (c *comparison) resplit(base, now *Column) bool {
	of := base.Values
	return len(now.separators) > 0 && share(base.Split, of) >= minSplit && now.Split == 0 && share(now.Unsplit, now.Values) >= minSplit &&
		fewer(min(base.Split, of), of, 0, now.Values) < c.whole
}

func (c *comparison) reportSplit(base, now *Column) {
	c.rejectionsExplained = true
	c.explain(now.Name, status.Finding{Code: CodeSeparator, Path: now.Name, Breaking: c.now.Rejected > c.now.Events, Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{Was: base.Split, WasOf: base.Values, IsOf: now.Values},
		Sentence: fmt.Sprintf("Column %q had several values with %s between them in %s of %s; no value has that now, and %s have another separator.",
			now.Name, strings.Join(quotedAll(now.separators), " or "), number64(base.Split), count(base.Values, "record"), count(now.Unsplit, "value"))})
}

func quotedAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return out
}
