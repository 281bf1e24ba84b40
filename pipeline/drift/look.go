package drift

import (
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// look is the state of looking at the values of one column.
type look struct {
	tally *tally // nil: of this column no values are remembered
	// kinds of the last value, and how many such values in a row are not counted yet.
	kinds Kinds
	alike int64
}

// observe counts one value. Of several in one the first is looked at. buf is
// scratch memory.
func (c *Column) observe(value string, l *look, buf []byte) {
	if len(c.nulls) > 0 && slices.Contains(c.nulls, value) {
		value = ""
	}
	if len(c.separators) > 0 {
		value = c.split(value)
	}
	if trimSpace(value) == "" {
		c.Empty++
		return
	}
	c.Values++
	var h uint64
	if t := l.tally; t != nil {
		h = xxhash.Sum64String(value)
		if k, known := t.again(h, len(value)); known {
			l.count(c, k)
			return
		}
	}
	k, layout := classify(value, buf)
	l.count(c, k)
	if k&Timestamp != 0 {
		c.Layouts.add(layout)
	}
	if l.tally != nil {
		l.tally.add(value, h, k)
	}
	if len(c.Samples) < maxSamples {
		c.sample(value)
	}
}

// count adds a value of some kinds. Most are like the one before.
func (l *look) count(c *Column, k Kinds) {
	if k != l.kinds {
		c.Kinds.add(l.kinds, l.alike)
		l.kinds, l.alike = k, 0
	}
	l.alike++
}

// tell gives the column what was found out so far.
func (l *look) tell(c *Column, sketches *[]uint32) {
	c.Kinds.add(l.kinds, l.alike)
	l.alike = 0
	if t := l.tally; t != nil {
		c.Top, c.Lost = t.top(), t.lost+t.long+t.usual
		at := len(*sketches)
		*sketches = append(*sketches, t.smallest[:t.hashes]...)
		c.Sketch = Sketch((*sketches)[at:len(*sketches):len(*sketches)])
	}
}

// split is the first part of a value that the rules take apart.
func (c *Column) split(value string) string {
	split := false
	for _, separator := range c.separators {
		var found bool
		value, _, found = strings.Cut(value, separator)
		split = split || found
	}
	switch {
	case split:
		c.Split++
	case strings.ContainsAny(value, ",;|"):
		c.Unsplit++
	}
	return value
}

func (c *Column) sample(value string) {
	if slices.Contains(c.Samples, value) {
		return
	}
	value = cut(value, maxSample)
	if slices.Contains(c.Samples, value) {
		return
	}
	if c.Samples == nil {
		c.Samples = make([]string, 0, maxSamples)
	}
	c.Samples = append(c.Samples, value)
}
