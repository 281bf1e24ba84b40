package drift

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/status"
)

// checkHeader compares the names of columns where the payload tells them.
func checkHeader(c *comparison) {
	if !c.now.Named || len(c.now.Columns) == 0 {
		return
	}
	known := c.baseColumns()
	lost := c.lostColumns()
	taken := c.successors(lost)
	if len(lost) > 0 && !c.anyColumn() && c.noHeader(lost, len(taken) == 0 && known != nil) {
		c.done = true
		return
	}
	for _, l := range lost {
		c.reportLost(l, taken[l.Name])
	}
	if known == nil {
		return
	}
	c.reordered(known)
	for i, name := range c.now.Columns {
		if !slices.Contains(known, name) && !isValue(taken, name) {
			c.add(status.Finding{Code: CodeColumnAdded, Path: name, After: fmt.Sprintf("column %d", i+1),
				Sentence: fmt.Sprintf("Column %q is new%s.", name, c.use(name))})
		}
	}
	for _, name := range known {
		if !slices.Contains(c.now.Columns, name) && c.now.input(name) == nil {
			c.add(status.Finding{Code: CodeColumnDropped, Path: name,
				Sentence: fmt.Sprintf("Column %q is gone; no rule uses it.", name)})
		}
	}
}

// use tells what a new column is for: the Parser may have waited for it.
func (c *comparison) use(name string) string {
	if in := c.now.input(name); in != nil && len(in.Fields) > 0 {
		return fills(in)
	}
	return "; no rule uses it yet"
}

// anyColumn tells whether a mapped column is there.
func (c *comparison) anyColumn() bool {
	return slices.ContainsFunc(c.now.Inputs, func(in Column) bool { return slices.Contains(c.now.Columns, in.Name) })
}

// noHeader finds out why none of the columns is there: the cells are delimited
// otherwise, or there is no line with names any more.
func (c *comparison) noHeader(lost []*Column, strange bool) bool {
	names := c.now.Columns
	inside := 0
	for _, l := range lost {
		if strings.Contains(names[0], l.Name) {
			inside++
		}
	}
	if len(names) == 1 && inside == len(lost) {
		c.add(status.Finding{Code: CodeDelimiter, After: cut(names[0], maxExcerpt), Breaking: true,
			Sentence: fmt.Sprintf("The delimiter changed: the whole header is one cell, %q.", cut(names[0], maxExcerpt))})
		return true
	}
	const noName = IPv4 | IPv6 | CIDR4 | CIDR6 | IPPort | URL | Email | MAC | SHA256 | SHA1 | MD5 | UUID | Timestamp
	values := slices.ContainsFunc(names, func(name string) bool { return KindsOf(name)&noName != 0 })
	if !values && !strange {
		return false
	}
	c.add(status.Finding{Code: CodeHeaderMissing, After: strings.Join(names[:min(len(names), maxSamples)], ", "), Breaking: true,
		Sentence: fmt.Sprintf("The header is gone: where the names of the columns were, there is %s.", quoted(names))})
	return true
}

// baseColumns are the columns of the baseline, nil if there is none.
func (c *comparison) baseColumns() []string {
	if c.base == nil || !c.base.Named {
		return nil
	}
	return c.base.Columns
}

// lostColumns are those that the mapping uses and the payload has not. A column
// that was already missing when the baseline was accepted is not lost.
func (c *comparison) lostColumns() []*Column {
	var lost []*Column
	for i := range c.now.Inputs {
		in := &c.now.Inputs[i]
		if slices.Contains(c.now.Columns, in.Name) || c.covered(in, c.hasColumn) {
			continue
		}
		if c.base == nil && in.optional {
			continue
		}
		if c.base != nil && c.base.input(in.Name) != nil && !slices.Contains(c.base.Columns, in.Name) {
			continue
		}
		lost = append(lost, in)
	}
	return lost
}

func (c *comparison) hasColumn(p *Profile, name string) bool { return slices.Contains(p.Columns, name) }

// covered tells whether every field of an input that is not there has another
// input which is: a Parser may list the old and the new name. An input that was
// there beside the lost one is no substitute for it.
func (c *comparison) covered(in *Column, has func(*Profile, string) bool) bool {
	for _, field := range in.Fields {
		found := slices.ContainsFunc(c.now.Inputs, func(other Column) bool {
			return other.Name != in.Name && slices.Contains(other.Fields, field) && has(c.now, other.Name) &&
				(c.base == nil || !has(c.base, other.Name) || !has(c.base, in.Name))
		})
		if !found {
			return false
		}
	}
	return len(in.Fields) > 0
}

func (c *comparison) reportLost(l *Column, successor string) {
	if c.now.Open && !l.Required {
		c.reportOptional(l)
		return
	}
	f := status.Finding{Code: CodeColumnMissing, Path: l.Name, Breaking: true, Before: c.describe(c.base, l.Name)}
	if successor == "" {
		f.Sentence = fmt.Sprintf("Column %q is gone%s.", l.Name, fills(l))
		if c.base == nil {
			f.Sentence = fmt.Sprintf("Column %q is not there%s; the payload has %s.", l.Name, fills(l), quoted(c.now.Columns))
			if !l.Required && onlyExtras(l.Fields) { // it may never have been there
				f.Breaking, f.Class = false, ClassAnomaly // what is degraded is not learned
			}
		}
		c.explain(l.Name, f)
		return
	}
	f.Code = CodeColumnRenamed
	kind := ""
	if there := c.now.column(successor); there != nil {
		as := *there
		as.Fields = l.Fields // a number is a port where ports were
		kind, f.After = kindOf(&as), describe(&as)
	}
	switch {
	case c.base == nil:
		f.Sentence = fmt.Sprintf("Column %q is not there%s; %q may be what it is called.", l.Name, fills(l), successor)
	case kind == "":
		f.Sentence = fmt.Sprintf("Column %q is gone; %q may have taken its place.", l.Name, successor)
	default:
		f.Sentence = fmt.Sprintf("Column %q is gone; %q has the same kind of values (%s) and took its place.", l.Name, successor, kind)
	}
	c.explain(l.Name, f)
}

func onlyExtras(fields []string) bool {
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(f string) bool { return !strings.HasPrefix(f, "extra.") })
}

// reportOptional tells of a column that the schema document does not promise.
func (c *comparison) reportOptional(l *Column) {
	c.explained[l.Name] = true
	if c.base != nil {
		c.add(status.Finding{Code: CodeColumnDropped, Path: l.Name, Before: c.describe(c.base, l.Name),
			Sentence: fmt.Sprintf("Column %q is gone%s; the schema document does not require it.", l.Name, fills(l))})
	}
}

// reordered reports columns that are all there but in another order. They are read
// by name, and whether the values moved with the names is for later checks.
func (c *comparison) reordered(known []string) {
	if slices.Equal(known, c.now.Columns) {
		return
	}
	var before, after []string
	for _, name := range known {
		if slices.Contains(c.now.Columns, name) && !slices.Contains(before, name) {
			before = append(before, name)
		}
	}
	for _, name := range c.now.Columns {
		if slices.Contains(before, name) && !slices.Contains(after, name) {
			after = append(after, name)
		}
	}
	moved := movedNames(before, after)
	if len(moved) == 0 {
		return
	}
	are := "are"
	if len(moved) == 1 {
		are = "is"
	}
	c.add(status.Finding{Code: CodeHeaderReordered, Path: moved[0],
		Before: strings.Join(before[:min(len(before), 16)], ", "), After: strings.Join(after[:min(len(after), 16)], ", "),
		Sentence: fmt.Sprintf("The columns are in another order: %s %s now at %s. They are read by name.", quoted(moved), are, places(moved, after))})
}

func places(moved, after []string) string {
	var at []string
	for _, name := range moved[:min(len(moved), 4)] {
		at = append(at, fmt.Sprint(slices.Index(after, name)+1))
	}
	if len(at) == 1 {
		return "position " + at[0]
	}
	return "positions " + strings.Join(at, ", ")
}

// movedNames are the fewest names whose move turns one order into the other:
// those outside a longest increasing subsequence.
func movedNames(before, after []string) []string {
	index := make(map[string]int, len(before))
	for i, name := range before {
		index[name] = i
	}
	length := make([]int, len(after))
	previous := make([]int, len(after))
	best := -1
	for i := range after {
		length[i], previous[i] = 1, -1
		for j := range i {
			if index[after[j]] < index[after[i]] && length[j] >= length[i] {
				length[i], previous[i] = length[j]+1, j
			}
		}
		if best < 0 || length[i] > length[best] {
			best = i
		}
	}
	kept := make(map[string]bool, len(after))
	for i := best; i >= 0; i = previous[i] {
		kept[after[i]] = true
	}
	return slices.DeleteFunc(slices.Clone(after), func(name string) bool { return kept[name] })
}

func isValue(m map[string]string, value string) bool {
	for _, v := range m {
		if v == value {
			return true
		}
	}
	return false
}
