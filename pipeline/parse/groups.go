package parse

import (
	"container/list"
	"fmt"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/mapping"
)

// maxGroups bounds the groups of a payload that are open at once; the one that
// began first gives its event then, and begins anew if it goes on.
const maxGroups = 100_000

// grouped is why a record has no event of its own: that of its group counts it.
const grouped = "grouped"

// grouping is kind: HighFrequency.
type grouping struct {
	fields []event.Field
	window time.Duration
}

func compileGrouping(spec *v1alpha1.ParserSpec) (*grouping, error) {
	if spec.Kind != v1alpha1.KindHighFrequency {
		return nil, nil
	}
	const at = "spec.highFrequency"
	if spec.HighFrequency == nil || len(spec.HighFrequency.GroupBy) == 0 {
		return nil, fmt.Errorf("%s.groupBy: is missing; name the fields that are the same in a group, such as ip and dport", at)
	}
	fields, bad := mapping.GroupFields(spec.HighFrequency.GroupBy)
	if bad != "" {
		return nil, fmt.Errorf("%s.groupBy: %q is no field of an event", at, bad)
	}
	g := &grouping{fields: fields, window: 12 * time.Hour}
	if w := spec.HighFrequency.Window; w != "" {
		d, err := time.ParseDuration(string(w))
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("%s.window: %q is no time span; write one such as 12h", at, w)
		}
		g.window = d
	}
	return g, nil
}

// groups are those of one payload.
type groups struct {
	*grouping
	run   *run
	byKey map[string]*list.Element
	// order is that in which they began.
	order *list.List
	key   []byte
}

type group struct {
	key         string
	event       *event.Event // the first of them
	first, last time.Time
	count       uint32
}

func newGroups(r *run) *groups {
	return &groups{grouping: r.p.grouping, run: r, byKey: map[string]*list.Element{}, order: list.New()}
}

// add takes an event into its group.
func (g *groups) add(e *event.Event) error {
	g.key = g.key[:0]
	for _, f := range g.fields {
		v, _ := f.Get(e)
		g.key = append(append(g.key, v...), 0)
	}
	n := uint32(1)
	if e.Count.Set {
		n = max(e.Count.V, 1)
	}
	if at := g.byKey[string(g.key)]; at != nil {
		if known, _ := at.Value.(*group); g.takes(known, e.Time) {
			known.first, known.last = earlier(known.first, e.Time), later(known.last, later(e.Until, e.Time))
			known.count += n
			known.event.TLP, known.event.Restriction = max(known.event.TLP, e.TLP), max(known.event.Restriction, e.Restriction)
			g.run.skipped(grouped)
			return nil
		}
		if err := g.end(at); err != nil {
			return err
		}
	}
	if g.order.Len() >= maxGroups {
		if err := g.end(g.order.Front()); err != nil {
			return err
		}
	}
	g.run.done++
	key := string(g.key)
	g.byKey[key] = g.order.PushBack(&group{key, e.Clone(), e.Time, later(e.Until, e.Time), n})
	return nil
}

// takes reports whether an event of that time belongs to the group: it is of the
// same day (UTC), and not too far from it.
func (g *groups) takes(known *group, t time.Time) bool {
	first, last := earlier(known.first, t), later(known.last, t)
	y, m, d := first.UTC().Date()
	y2, m2, d2 := last.UTC().Date()
	return y == y2 && m == m2 && d == d2 && last.Sub(first) <= g.window
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// end gives the event of a group.
func (g *groups) end(at *list.Element) error {
	known, _ := at.Value.(*group)
	g.order.Remove(at)
	delete(g.byKey, known.key)
	e := known.event
	e.Time = known.first
	if known.count > 1 {
		e.Count = event.Some(known.count)
		e.Until = known.last
	}
	e.ID = event.ComputeID(e)
	g.run.stats.Events++
	return g.run.sink.Event(e)
}

// flush gives the events of all groups.
func (g *groups) flush() error {
	for at := g.order.Front(); at != nil; at = g.order.Front() {
		if err := g.end(at); err != nil {
			return err
		}
	}
	return nil
}
