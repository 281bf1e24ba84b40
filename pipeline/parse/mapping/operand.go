package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// metaPrefix is how rules name what is known of the payload: $meta.url.
const metaPrefix = "$meta."

// payloadMeta are the names of what is known of every payload.
var payloadMeta = []string{"url", "filename", "basename", "collected"}

// place is where a value is.
type place uint8

const (
	inRecord  place = iota // Record.Values
	inDerived              // what derive rules make
	inMeta                 // what is known of the payload
)

// operand is one value that rules read.
type operand struct {
	of place
	i  int
}

// operands finds or makes what a list of names refers to; at is the place of the list.
func (c *compiler) operands(names []string, at string) []operand {
	var out []operand
	for i, name := range names {
		if v, ok := c.operand(name, fmt.Sprintf("%s[%d]", at, i)); ok {
			out = append(out, v)
		}
	}
	return out
}

func (c *compiler) operand(name, at string) (operand, bool) {
	if key, ok := strings.CutPrefix(name, metaPrefix); ok {
		i := slices.Index(c.metas, key)
		if i < 0 {
			c.fail("%s: %q: nothing is known by this name; there are %s, and spec.input.capture adds others", at, name,
				strings.Join(c.metas, ", "))
		}
		return operand{inMeta, i}, i >= 0
	}
	if v, ok := c.derivedNamed(name); ok {
		return v, true
	}
	slot, ok := c.input(name, at)
	return operand{inRecord, slot}, ok
}

// get is the value of an operand in the record at hand.
func (r *Runner) get(rec *Record, v operand) record.Value {
	switch v.of {
	case inDerived:
		return rec.derived[v.i]
	case inMeta:
		if text := r.known[r.p.metas[v.i]]; text != "" {
			return record.Value{Text: text, Kind: record.String}
		}
		return record.Value{}
	default:
		return rec.Values[v.i]
	}
}

// first is the first of several values that is neither absent nor one of nulls.
func (r *Runner) first(rec *Record, from []operand, nulls []string) (record.Value, bool) {
	for _, one := range from {
		if v := r.get(rec, one); v.Present() && v.Text != "" && !slices.Contains(nulls, v.Text) {
			return v, true
		}
	}
	return record.Value{}, false
}
