package drift

import (
	"fmt"

	"github.com/weir-project/weir/pipeline/status"
)

// Columns of one kind cannot be told apart by their kinds, but most lists have the
// same indicators again: the values tell where a column went.
const (
	minShared = 4    // values that a sketch must know of
	stillHere = 0.05 // share of its old values that a column keeps at most, if it moved
	wentThere = 0.3  // share that the other column has at least
)

// checkTwins notices that the values of two mapped columns of one kind changed
// places, or that one column has the values of the other now.
func checkTwins(c *comparison) {
	if c.base == nil || c.broken() {
		return
	}
	for i := range c.now.Inputs {
		a := c.base.input(c.now.Inputs[i].Name)
		if a == nil || c.explained[a.Name] || !gone(a, &c.now.Inputs[i]) {
			continue
		}
		for j := range c.now.Inputs {
			b := &c.now.Inputs[j]
			if i == j || c.explained[b.Name] || !came(a, c.base.input(b.Name), b) {
				continue
			}
			c.reportTwins(a, b, gone(c.base.input(b.Name), b) && came(c.base.input(b.Name), a, &c.now.Inputs[i]))
			break
		}
	}
}

// gone tells whether a column has hardly any of its values any more.
func gone(base, now *Column) bool {
	if base == nil || now.Sketch.distinct() < minShared {
		return false
	}
	share, of := base.Sketch.shared(now.Sketch)
	return of >= minShared && share <= stillHere
}

// came tells whether the values of column a are in another one now that did not
// have them before.
func came(a, before, b *Column) bool {
	if before == nil {
		return false
	}
	share, of := a.Sketch.shared(b.Sketch)
	if of < minShared || share < wentThere {
		return false
	}
	was, of := a.Sketch.shared(before.Sketch)
	return of >= minShared && was <= stillHere
}

func (c *comparison) reportTwins(a, b *Column, both bool) {
	f := status.Finding{Code: CodeColumnMoved, Path: a.Name, Breaking: true, Before: describe(a), After: describe(b),
		Sentence: fmt.Sprintf("The values of %q are in %q now.", a.Name, b.Name)}
	if both {
		f.Code = CodeColumnsSwapped
		f.Sentence = fmt.Sprintf("Columns %q and %q changed places: each has the values that the other one had.", a.Name, b.Name)
		c.explained[b.Name] = true
	}
	c.explain(a.Name, f)
}
