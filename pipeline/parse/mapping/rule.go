package mapping

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// rule is a compiled mapping rule.
type rule struct {
	target int
	field  event.Field
	// One of them gives the value.
	from     []operand
	constant *string
	expr     *expression

	when      *expression
	null      []string
	extract   *regexp.Regexp
	group     int
	split     string
	transform transforms
	values    *valueMap
	times     *times
	typ       v1alpha1.ExtraType
	drop      bool
	list      bool
	extra     bool
	// observable: the value says which field it is for.
	observable bool
	// plain: the value goes into the field as it is.
	plain bool
}

// valueMap translates.
type valueMap struct {
	entries    map[string]string
	ignoreCase bool
	fallback   *string
	missing    string // reason for a value without an entry
}

func (c *compiler) rule(spec *v1alpha1.MappingRule, at string) (r rule, required, ok bool) {
	if spec.Field == observable {
		r.target = c.observables()
	} else if r.target, ok = c.target(spec.Field, at+".field"); !ok {
		return r, false, false
	}
	field := c.targets[r.target].field
	r.field, r.null, r.split, r.constant = field, spec.Nulls, spec.Split, spec.Value
	r.drop = spec.OnInvalid == v1alpha1.InvalidDrop
	if r.observable = spec.Field == observable; !r.observable {
		r.list, r.extra = field.List(), field.Kind() == event.KindJSON
	}
	c.source(spec, at, &r)
	if spec.When != "" {
		r.when = c.expression(spec.When, at+".when", "", true)
	}
	c.steps(spec, at, &r)
	r.plain = r.extract == nil && r.split == "" && r.values == nil && r.times == nil && len(r.transform) == 0 &&
		(r.typ == "" || r.typ == v1alpha1.ExtraText)
	return r, spec.Required, true
}

// source compiles where the value comes from.
func (c *compiler) source(spec *v1alpha1.MappingRule, at string, r *rule) {
	given := 0
	inputs := &c.targets[r.target].inputs
	if len(spec.From) > 0 {
		given++
		r.from = c.operands(spec.From, at+".from")
		for _, v := range r.from {
			slot := -1
			switch v.of {
			case inRecord:
				slot = v.i
				c.fills(slot, spec.Field)
			case inDerived:
				c.derivedFills(v.i, spec.Field)
			}
			if slot < 0 || !slices.Contains(*inputs, slot) {
				*inputs = append(*inputs, slot)
			}
		}
	}
	if spec.Value != nil {
		given++
		// Something else than the rule's input could make the field present.
		*inputs = append(*inputs, -1)
	}
	if spec.Expr != "" {
		given++
		r.expr = c.expression(spec.Expr, at+".expr", spec.Field, false)
		*inputs = append(*inputs, -1)
	}
	if given != 1 {
		c.fail("%s: needs exactly one of from, value and expr", at)
	}
}

// steps compiles what is done with the value.
func (c *compiler) steps(spec *v1alpha1.MappingRule, at string, r *rule) {
	if spec.Extract != "" {
		re, err := regexp.Compile(spec.Extract)
		if err != nil {
			c.fail("%s.extract: %w", at, err)
		} else {
			r.extract, r.group = re, min(re.NumSubexp(), 1)
		}
	}
	if spec.Split != "" && !r.list && !r.extra || spec.Split != "" && r.observable {
		c.fail("%s.split: %s takes one value; use spec.explode to make an event of each part", at, spec.Field)
	}
	if spec.Values != nil {
		c.valueMap(spec.Values, at+".values", r)
	}
	r.transform = spec.Transform
	if r.typ = spec.Type; r.typ != "" && !r.extra {
		c.fail("%s.type: is for extras; %s has a type of its own", at, spec.Field)
	}
	c.times(spec, at, r)
	if spec.Value != nil {
		c.constantValue(at, r)
	}
}

func (c *compiler) times(spec *v1alpha1.MappingRule, at string, r *rule) {
	isTime := !r.observable && r.field.Kind() == event.KindTime
	switch {
	case spec.Time == nil && isTime:
		r.times = isoTimes
	case spec.Time == nil:
	case !isTime && !r.extra:
		c.fail("%s.time: %s is no time; only times and extras take it", at, spec.Field)
	default:
		t, err := compileTimes(spec.Time, at+".time")
		if c.check(err) {
			r.times = t
		}
	}
}

// constantValue tries a constant out, unless it is translated first.
func (c *compiler) constantValue(at string, r *rule) {
	if r.observable || r.values != nil || r.extract != nil || r.split != "" || len(r.transform) > 0 || r.typ != "" ||
		r.times != nil && r.times != isoTimes {
		return
	}
	if err := r.field.Set(&event.Event{}, *r.constant); err != nil {
		c.fail("%s.value: %w", at, reasonOf(err))
	}
}

func (c *compiler) valueMap(spec *v1alpha1.ValueMap, at string, r *rule) {
	m := &valueMap{entries: map[string]string{}, ignoreCase: spec.IgnoreCase, fallback: spec.Default}
	for _, from := range slices.Sorted(maps.Keys(spec.Entries)) {
		to, key := spec.Entries[from], from
		if spec.IgnoreCase {
			key = strings.ToLower(from)
			if _, ok := m.entries[key]; ok {
				c.fail("%s.entries: %q is there twice, but for its case", at, key)
			}
		}
		m.entries[key] = to
		c.translated(to, fmt.Sprintf("%s.entries[%q]", at, from), r)
	}
	if spec.Default != nil {
		c.translated(*spec.Default, at+".default", r)
	}
	m.missing = "has no entry in values"
	if len(m.entries) <= 12 {
		m.missing += " (has: " + strings.Join(slices.Sorted(maps.Keys(m.entries)), ", ") + ")"
	}
	r.values = m
}

// translated checks that the field takes the result of a translation; the empty
// one means no value.
func (c *compiler) translated(to, at string, r *rule) {
	if to == "" || r.observable || r.field.Kind() == event.KindTime || r.extra {
		return
	}
	if err := r.field.Set(&event.Event{}, to); err != nil {
		c.fail("%s: %w", at, reasonOf(err))
	}
}

// translate gives the entry of s; false if there is none and no default.
func (m *valueMap) translate(s string) (string, bool) {
	if m.ignoreCase {
		s = strings.ToLower(s)
	}
	if to, ok := m.entries[s]; ok {
		return to, true
	}
	if m.fallback != nil {
		return *m.fallback, true
	}
	return "", false
}
