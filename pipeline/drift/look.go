package drift

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// look is the state of looking at the values of one column. It is small: of the
// rest hardly anything is touched for a value like those before.
type look struct {
	tally *tally // nil: of this column no values are remembered
	// passed are kinds of values that the tally need not count, limit what hashes
	// must be below to be remembered.
	passed Kinds
	limit  uint32
	// kinds of the last value, and how many such values in a row are not counted yet.
	kinds Kinds
	// raw: rules neither split values, nor drop what stands for nothing.
	raw     bool
	sampled bool // there are enough samples
	alike   int64
	iso     int64 // timestamps in the usual layout
	empty   int64
	absent  int64
}

// observe counts one value. Of several in one the first is looked at.
func (c *Column) observe(value string, l *look, s *scratch) {
	if !l.raw {
		value = c.clean(value)
	}
	trimmed := trimSpace(value)
	if isDocument(trimmed) {
		value = compact(trimmed)
		trimmed = value
	}
	if trimmed == "" {
		l.empty++
		return
	}
	h := xxhash.Sum64String(value)
	if l.passed == 0 && l.tally != nil {
		if k, known := l.tally.again(h, len(value)); known {
			l.count(c, k)
			return
		}
	}
	k, layout := classify(trimmed, s.layout[:0])
	l.count(c, k)
	if k == Text {
		c.list(value)
	}
	switch {
	case k&Timestamp == 0:
	case len(layout) > 0 && &layout[0] == &isoLayout[0]:
		l.iso++
	default:
		c.Layouts.add(layout)
	}
	if l.tally != nil {
		if short := uint32(h >> 32); short < l.limit {
			s.hashes = append(s.hashes, short)
		}
		l.list(value, h, k)
	}
	if !l.sampled {
		c.sample(value)
		l.sampled = len(c.Samples) == maxSamples
	}
}

func isDocument(value string) bool { return value != "" && (value[0] == '[' || value[0] == '{') }

// compact takes the white space out of a list or an object of JSON: a payload that is
// printed for people has no other values.
func compact(value string) string {
	if !strings.ContainsAny(value, " \t\r\n") {
		return value
	}
	var b bytes.Buffer
	if json.Compact(&b, []byte(value)) != nil {
		return value
	}
	return b.String()
}

// list counts a value among the frequent ones.
func (l *look) list(value string, h uint64, k Kinds) {
	if k&^l.passed == 0 && !MayBeNothing(value) {
		l.tally.usual++
		return
	}
	l.passed = l.tally.add(value, h, k)
}

// learn takes the hashes of the values that were observed.
func (l *look) learn(s *scratch) {
	if len(s.hashes) > 0 {
		l.limit = l.tally.remember(s.sorter.sort(s.hashes))
		s.hashes = s.hashes[:0]
	}
}

// count adds a value of some kinds. Most are like the one before.
func (l *look) count(c *Column, k Kinds) {
	if k != l.kinds {
		l.flush(c)
		l.kinds = k
	}
	l.alike++
}

func (l *look) flush(c *Column) {
	c.Values += l.alike
	c.Kinds.add(l.kinds, l.alike)
	l.alike = 0
}

// tell gives the column what was found out so far.
func (l *look) tell(c *Column, sketches *[]uint32) {
	l.flush(c)
	if l.iso > 0 {
		c.Layouts.addMany(isoLayout, l.iso)
	}
	c.Empty, c.Absent = c.Empty+l.empty, c.Absent+l.absent
	l.iso, l.empty, l.absent = 0, 0, 0
	if t := l.tally; t != nil {
		c.Top, c.Lost = t.top(), t.lost+t.long+t.usual
		at := len(*sketches)
		*sketches = append(*sketches, t.smallest[:t.hashes]...)
		c.Sketch = Sketch((*sketches)[at:len(*sketches):len(*sketches)])
	}
}

// clean is what is left of a value when the rules have dropped what stands for
// nothing, and taken it apart.
func (c *Column) clean(value string) string {
	if slices.Contains(c.nulls, value) {
		return ""
	}
	if len(c.separators) > 0 {
		return c.split(value)
	}
	return value
}

// split is the first part of a value that the rules take apart.
func (c *Column) split(value string) string {
	split, whole := false, value
	for _, separator := range c.separators {
		var found bool
		value, _, found = strings.Cut(value, separator)
		split = split || found
	}
	switch {
	case split:
		c.Split++
		c.list(whole)
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
