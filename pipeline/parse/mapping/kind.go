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
}

func (c *compiler) kind(spec *v1alpha1.ParserSpec) {
	switch {
	case spec.Kind == v1alpha1.KindBlacklist && spec.Blacklist != nil:
		after, err := time.ParseDuration(string(spec.Blacklist.ExpiresAfter))
		if err != nil || after <= 0 {
			c.fail("spec.blacklist.expiresAfter: %q is no time span; write one such as 48h", spec.Blacklist.ExpiresAfter)
		}
		c.blacklist = &blacklist{after}
	case spec.Kind == v1alpha1.KindBlacklist:
		c.fail("spec.blacklist: is missing; kind: Blacklist needs blacklist.expiresAfter, such as 48h")
	}
}

// ID is the identity of an event that Map has made. An entry of a blacklist is
// the same, whenever it is listed; the list says again and again until when.
func (p *Program) ID(e *event.Event) event.ID {
	if p.blacklist == nil {
		return event.ComputeID(e)
	}
	entry := *e
	entry.Undated = true
	entry.Until, entry.Expires, entry.FirstSeen, entry.LastSeen = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	entry.Count = event.Opt[uint32]{}
	return event.ComputeID(&entry)
}

// expire says until when an entry of a list holds.
func (r *Runner) expire(e *event.Event) {
	if b := r.p.blacklist; b != nil && e.Expires.IsZero() {
		e.Expires = r.meta.Collected.Add(b.after).UTC().Truncate(time.Microsecond)
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
