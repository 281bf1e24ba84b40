package mapping

import (
	"slices"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// blacklist is how entries of a list expire.
type blacklist struct {
	after time.Duration
	// listed: times are those of the list, not of its entries.
	listed bool
}

func (c *compiler) kind(spec *v1alpha1.ParserSpec) {
	switch {
	case spec.Kind == v1alpha1.KindBlacklist && spec.Blacklist != nil:
		after, err := time.ParseDuration(string(spec.Blacklist.ExpiresAfter))
		if err != nil || after <= 0 {
			c.fail("spec.blacklist.expiresAfter: %q is no time span; write one such as 48h", spec.Blacklist.ExpiresAfter)
		}
		c.blacklist = &blacklist{after, c.listTime()}
	case spec.Kind == v1alpha1.KindBlacklist:
		c.fail("spec.blacklist: is missing; kind: Blacklist needs blacklist.expiresAfter, such as 48h")
	}
}

// listTime reports whether all rules for the time take it from what is known of the
// payload.
func (c *compiler) listTime() bool {
	t, ok := c.byField["time"]
	if !ok {
		return false
	}
	for i := range c.variants {
		for j := range c.variants[i].rules {
			r := &c.variants[i].rules[j]
			known := len(r.from) > 0 && !slices.ContainsFunc(r.from, func(o operand) bool { return o.of != inMeta })
			if r.target == t && !known {
				return false
			}
		}
	}
	return true
}

// expire says until when an entry of a list holds: between one and one and a half
// times the span from now, in steps of half of it. So an entry that stays on the
// list is the same event for half of the span, and is renewed long before it
// expires. The time of the list is no part of the entry: it would make each one new
// with every edition.
func (r *Runner) expire(e *event.Event) {
	b := r.p.blacklist
	if b == nil {
		return
	}
	e.Undated = e.Undated || b.listed
	if e.Expires.IsZero() {
		half := (b.after / 2).Truncate(time.Second)
		e.Expires = r.meta.Collected.UTC().Truncate(half).Add(half + b.after)
	}
}

// GroupFields are the fields of a group, by the names that Parsers use.
func GroupFields(names []string) ([]event.Field, string) {
	fields := make([]event.Field, 0, len(names))
	for _, name := range names {
		f, ok := event.Lookup(name)
		if !ok {
			return nil, name
		}
		fields = append(fields, f)
	}
	return slices.Clip(fields), ""
}
