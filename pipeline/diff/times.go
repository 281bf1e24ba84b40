package diff

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

var isoTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d(?:([T ])\d\d:\d\d(:\d\d)?([.,]\d+)?( ?)(Z|UTC|GMT|[+-]\d\d(:?)\d\d)?)?$`)

// isoShape tells how a time in ISO 8601 is written; "" for what is none.
func isoShape(s string) string {
	m := isoTime.FindStringSubmatch(s)
	if m == nil {
		return ""
	}
	shape := "date"
	if m[1] != "" {
		shape += m[1] + "time"
	}
	for i, part := range []string{"seconds", "fraction"} {
		if m[2+i] != "" {
			shape += " " + part
		}
	}
	switch zone := m[5]; {
	case zone == "":
	case zone[0] == '+' || zone[0] == '-':
		shape += m[4] + "+00" + m[6] + "00"
	default:
		shape += m[4] + zone
	}
	return shape
}

// rewritten tells that times are written in another way that ISO 8601 allows. Weir
// reads all of them; readers that expect one layout do not, and without a Parser
// they are meant.
func (c *comparison) rewritten(was, is *drift.Column) *status.Finding {
	if c.given || len(was.Samples) < leastValues || len(is.Samples) < leastValues {
		return nil
	}
	before, after := shapeOf(was.Samples), shapeOf(is.Samples)
	if before == "" || after == "" || before == after {
		return c.respelled(was, is)
	}
	return &status.Finding{Code: drift.CodeLayout, Class: drift.ClassBreakingSilent, Path: is.Name, Breaking: true, Fields: is.Fields,
		Before: was.Samples[0], After: is.Samples[0],
		Sentence: fmt.Sprintf("The times of %q were written like %q and are written like %q now: readers that expect one layout fail.",
			is.Name, was.Samples[0], is.Samples[0])}
}

// styles are two ways to write a value that Weir reads alike, and other readers may
// not.
var styles = [][2]*regexp.Regexp{
	{regexp.MustCompile(`^(?i:AS) ?\d+$`), regexp.MustCompile(`^\d+$`)},
	{regexp.MustCompile(`^(?i:hxxp)|\[[.:]\]|\[(?i:dot)\]`), regexp.MustCompile(`^(?i:https?://)?[\w-]+(?:\.[\w-]+)+`)},
	{regexp.MustCompile(`^[\d.]+/32$|^[\da-fA-F:]+/128$`), regexp.MustCompile(`^[\d.]+$|^[\da-fA-F:]+:[\da-fA-F:]*$`)},
	{regexp.MustCompile(`^\*\.`), regexp.MustCompile(`^[\w-]+(?:\.[\w-]+)+$`)},
}

// respelled tells that all values are written in another style.
func (c *comparison) respelled(was, is *drift.Column) *status.Finding {
	every := func(samples []string, style *regexp.Regexp) bool {
		return !slices.ContainsFunc(samples, func(s string) bool { return !style.MatchString(s) })
	}
	for _, pair := range styles {
		for i, before := range pair {
			after := pair[1-i]
			if !every(was.Samples, before) || !every(is.Samples, after) || every(was.Samples, after) || every(is.Samples, before) {
				continue
			}
			return &status.Finding{Code: drift.CodeRetyped, Class: drift.ClassBreakingSilent, Path: is.Name, Breaking: true, Fields: is.Fields,
				Before: was.Samples[0], After: is.Samples[0],
				Sentence: fmt.Sprintf("The values of %q were written like %q and are written like %q now: readers that expect the one fail on the other.",
					is.Name, was.Samples[0], is.Samples[0])}
		}
	}
	return nil
}

// shapeOf is the shape that all the times have; "" if they have several.
func shapeOf(samples []string) string {
	shape := isoShape(samples[0])
	for _, s := range samples[1:] {
		if isoShape(s) != shape {
			return ""
		}
	}
	return shape
}
