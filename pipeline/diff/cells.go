package diff

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

// types compares the JSON types of paths: a number that is written as a string now
// has the same meaning, and a reader that is strict about types minds.
func (c *comparison) types(found []status.Finding) (out []status.Finding) {
	for _, path := range slices.Sorted(maps.Keys(c.now.Paths)) {
		was, is := c.base.Paths[path], c.now.Paths[path]
		if was == nil || c.base.Looked < 2 || c.now.Looked < 2 || told(found, path) {
			continue
		}
		a, b := typesOf(was), typesOf(is)
		if len(a) == 0 || len(b) == 0 || slices.ContainsFunc(b, func(t string) bool { return slices.Contains(a, t) }) {
			continue
		}
		before, after := strings.Join(a, "|"), strings.Join(b, "|")
		out = append(out, status.Finding{Code: drift.CodePathType, Path: path, Class: drift.ClassWidening, Before: before, After: after,
			Sentence: fmt.Sprintf("The values of %q were of the JSON type %s and are of %s now.", path, before, after)})
	}
	return out
}

func told(found []status.Finding, path string) bool {
	return slices.ContainsFunc(found, func(f status.Finding) bool { return f.Path == path })
}

// typesOf are the types of the values that are there.
func typesOf(p *drift.Path) []string {
	return slices.DeleteFunc(p.Types.Names(), func(t string) bool { return t == "null" })
}

// separators are those that parts of a cell may have between them.
var separators = []string{";", ",", "|", " "}

// leastSplit is how many cells of a column must have several parts, before and now.
const leastSplit = 2

// separators notices that the parts of cells have another separator between them.
// With a Parser that is given its rules tell what the parts are; without one, cells
// in which all parts are of one telling kind, or are all single words.
func (c *comparison) separators(ctx context.Context, found []status.Finding) (out []status.Finding, err error) {
	if c.given || c.was == nil {
		return nil, nil
	}
	names := make([]string, 0, len(c.base.Inputs))
	for _, in := range c.base.Inputs {
		if !told(found, in.Name) {
			names = append(names, in.Name)
		}
	}
	before, err := repair.Values(ctx, c.spec, names, c.old.Data, c.old.Meta)
	if err != nil {
		return nil, err
	}
	after, err := repair.Values(ctx, c.spec, names, c.new.Data, c.new.Meta)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		a, b := separatorOf(before[name]), separatorOf(after[name])
		if a == "" || b == "" || a == b {
			continue
		}
		out = append(out, status.Finding{Code: drift.CodeSeparator, Path: name, Class: drift.ClassSemantic, Before: a, After: b,
			Sentence: fmt.Sprintf("Column %q has several values in a cell; they had %q between them and have %q now.", name, a, b)})
	}
	return out, nil
}

// separatorOf is the separator of the cells that have several parts, "" if there
// are hardly any or they differ.
func separatorOf(cells []string) string {
	for _, s := range separators {
		n, other := 0, 0
		for _, cell := range cells {
			switch parts := strings.Split(cell, s); {
			case len(parts) > 1 && alike(parts):
				n++
			case len(parts) == 1 && strings.ContainsAny(strings.TrimSpace(cell), ";,|"):
				other++
			case len(parts) > 1:
				other++
			}
		}
		if n >= leastSplit && other == 0 {
			return s
		}
	}
	return ""
}

// alike tells whether parts are values of one kind, or single words.
func alike(parts []string) bool {
	var common drift.Kinds
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if p == "" || strings.ContainsAny(p, " ;,|") {
			return false
		}
		k := drift.KindsOf(p)
		if i == 0 {
			common = k
		}
		common &= k
	}
	return common != 0
}
