package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// emit compiles the events that a record may become: each has the rules of its
// emit rule, then those of the Parser.
func (c *compiler) emit(spec *v1alpha1.ParserSpec) {
	rules, required := c.rules(spec.Mapping, "spec.mapping")
	if len(spec.Emit) == 0 {
		c.variants = []variant{{rules: rules, required: required}}
		return
	}
	for i := range spec.Emit {
		e, at := &spec.Emit[i], fmt.Sprintf("spec.emit[%d]", i)
		own, needs := c.rules(e.Mapping, at+".mapping")
		v := variant{rules: append(own, rules...), required: append(needs, required...)}
		v.constants = c.constantFields(e.Constants, at+".constants")
		if e.When != "" {
			v.when = c.expression(e.When, at+".when", "", true)
		}
		c.variants = append(c.variants, v)
	}
}

func (c *compiler) rules(specs []v1alpha1.MappingRule, place string) (rules []rule, required []int) {
	for i := range specs {
		r, needed, ok := c.rule(&specs[i], fmt.Sprintf("%s[%d]", place, i))
		if !ok {
			continue
		}
		rules = append(rules, r)
		if needed && !slices.Contains(required, r.target) {
			required = append(required, r.target)
		}
	}
	return rules, required
}

// Variants is how many events a record may become.
func (p *Program) Variants() int { return len(p.variants) }

// Emits reports whether the record becomes the i-th of the events that it may.
func (r *Runner) Emits(i int) (bool, *Failure) {
	when := r.p.variants[i].when
	if when == nil {
		return true, nil
	}
	holds, err := when.holds(r.scope)
	if err != nil {
		return false, &Failure{Reason: fmt.Sprintf("spec.emit[%d].when: %v", i, err)}
	}
	return holds, nil
}

// lookup fills fields by a key.
type lookup struct {
	from       []operand
	ignoreCase bool
	entries    map[string][]constant
	fallback   []constant
}

func (c *compiler) lookup(spec *v1alpha1.LookupRule, at string) {
	l := &lookup{ignoreCase: spec.IgnoreCase, entries: map[string][]constant{}}
	l.from = c.operands(spec.From, at+".from")
	for key, fields := range spec.Entries {
		name := key
		if l.ignoreCase {
			name = strings.ToLower(key)
			if _, ok := l.entries[name]; ok {
				c.fail("%s.entries: %q is there twice, but for its case", at, name)
			}
		}
		l.entries[name] = c.constantFields(fields, fmt.Sprintf("%s.entries[%q]", at, key))
		for field := range fields {
			c.lookupFills(l.from, field)
		}
	}
	l.fallback = c.constantFields(spec.Default, at+".default")
	c.lookups = append(c.lookups, l)
}

func (c *compiler) lookupFills(from []operand, field string) {
	for _, v := range from {
		switch v.of {
		case inRecord:
			c.fills(v.i, field)
		case inDerived:
			c.derivedFills(v.i, field)
		}
	}
}

// fields are those that the record gets.
func (l *lookup) fields(r *Runner, rec *Record) []constant {
	if v, ok := r.first(rec, l.from, nil); ok {
		key := strings.TrimSpace(v.Text)
		if l.ignoreCase {
			key = strings.ToLower(key)
		}
		if fields, ok := l.entries[key]; ok {
			return fields
		}
	}
	return l.fallback
}

// fill sets the fields that nothing has set.
func (r *Runner) fill(fields []constant, e *event.Event) *Failure {
	for _, k := range fields {
		if r.set[k.target] != unset {
			continue
		}
		if err := r.p.targets[k.target].field.Set(e, k.value); err != nil {
			return failure(err)
		}
		r.set[k.target] = isSet
	}
	return nil
}
