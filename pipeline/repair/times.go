package repair

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
)

var timeFields = []string{"time", "until", "expires", "first_seen", "last_seen", "modified"}

// retime gives the rules for times the layouts of the new payload. It is false if a
// time can be read in two ways and nothing tells which is right.
func (t *trial) retime(ctx context.Context) (ok bool, err error) {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		if !slices.Contains(timeFields, r.Field) && r.Time == nil || len(r.From) == 0 || r.Extract != "" || len(r.Transform) > 0 {
			continue
		}
		values, err := t.read(ctx, r.From)
		if err != nil {
			return false, err
		}
		values = slices.DeleteFunc(values, func(v string) bool { return slices.Contains(r.Nulls, v) })
		if len(values) == 0 {
			continue
		}
		if ok, err := t.retimeRule(ctx, r, values); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// likely is the share of values that a layout must read and that must lie in the
// window, and by how much one reading must be better than the other.
const (
	likely  = 0.9
	clearly = 0.2
)

func (t *trial) retimeRule(ctx context.Context, r *v1alpha1.MappingRule, values []string) (ok bool, err error) {
	spec := r.Time
	if spec == nil {
		spec = &v1alpha1.TimeSpec{Layouts: []string{"iso8601"}}
	}
	now, err := t.reads(ctx, spec, values)
	if err != nil {
		return false, err
	}
	if now.trusted() {
		return true, nil
	}
	layouts, other, err := t.layouts(ctx, values)
	if err != nil || len(layouts) == 0 {
		return err == nil, err // no times: the dry run will tell
	}
	was, err := t.reads(ctx, spec, t.oldValues(r.From))
	if err != nil {
		return false, err
	}
	best, safe, err := t.decide(ctx, withLayouts(spec, layouts), withLayouts(spec, other), values, &was)
	if best == nil || err != nil {
		return false, err // 03/04: nothing tells the day from the month
	}
	then, err := t.reads(ctx, best, values)
	if err != nil {
		return false, err
	}
	if !then.trusted() || then.read <= now.read && then.within <= now.within {
		return true, nil
	}
	unit := slices.ContainsFunc(best.Layouts, func(l string) bool { return strings.HasPrefix(l, "unix") })
	t.risky = t.risky || !safe || unit
	r.Time = best
	return true, nil
}

// layouts are those of values, other those for days and months the other way round.
func (t *trial) layouts(ctx context.Context, values []string) (layouts, other []string, err error) {
	if layouts, other = infer.TimesOf(values); len(layouts) == 0 {
		layouts, err = t.rareLayout(ctx, values)
	}
	return layouts, other, err
}

// decide chooses between two ways to read times, by how many of them are when they
// may be, and then by how old the newest of them is; nil if that does not tell. It is
// safe where there is no choice.
func (t *trial) decide(ctx context.Context, first, second *v1alpha1.TimeSpec, values []string, was *reading) (best *v1alpha1.TimeSpec, safe bool, err error) {
	if second == nil {
		return first, true, nil
	}
	a, err := t.reads(ctx, first, values)
	if err != nil {
		return nil, false, err
	}
	b, err := t.reads(ctx, second, values)
	switch {
	case err != nil:
		return nil, false, err
	case a.within >= b.within+clearly || b.within < a.within+clearly && t.fresher(&a, &b, was):
		return first, false, nil
	case b.within >= a.within+clearly || t.fresher(&b, &a, was):
		return second, false, nil
	}
	return nil, false, nil
}

const (
	// sameAge is how much older the newest time of a payload may well be than that of
	// another.
	sameAge = 6 * time.Hour
	// otherAge is a difference that is not there by chance.
	otherAge = 48 * time.Hour
)

// fresher tells whether the newest time in one reading is about as old, when the
// payload is collected, as it was before, and far from that in the other.
func (t *trial) fresher(a, b, was *reading) bool {
	if a.newest.IsZero() || was.newest.IsZero() || t.goodMeta.Collected.IsZero() {
		return false
	}
	before := t.goodMeta.Collected.Sub(was.newest)
	off := func(r *reading) time.Duration { return max((t.meta.Collected.Sub(r.newest) - before).Abs(), sameAge) }
	return b.newest.IsZero() || off(b) >= otherAge && off(b) >= 10*off(a)
}

// rareLayouts are tried on what does not look like a time. All values must be times of
// the window in one of them.
var rareLayouts = []string{"%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d%H%M", "%Y%m%d", "%Y-%m-%d-%H:%M:%S", "%Y-%m-%d_%H:%M:%S",
	"%Y-%m-%d-%H-%M-%S", "%d%m%Y", "%Y/%j", "%b %d %H:%M:%S %Y", "unix_auto", "windows"}

func (t *trial) rareLayout(ctx context.Context, values []string) ([]string, error) {
	for _, l := range rareLayouts {
		r, err := t.reads(ctx, &v1alpha1.TimeSpec{Layouts: []string{l}}, values)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && r.within >= likely:
			return []string{l}, nil
		}
	}
	return nil, nil
}

// withLayouts adds layouts. Units since 1970 cannot stand beside one another: each
// reads the numbers of all. nil without layouts.
func withLayouts(spec *v1alpha1.TimeSpec, layouts []string) *v1alpha1.TimeSpec {
	if len(layouts) == 0 {
		return nil
	}
	out := spec.DeepCopy()
	for _, l := range layouts {
		if strings.HasPrefix(l, "unix") {
			out.Layouts = slices.DeleteFunc(out.Layouts, func(o string) bool { return strings.HasPrefix(o, "unix") })
		}
		if !slices.Contains(out.Layouts, l) {
			out.Layouts = append(out.Layouts, l)
		}
	}
	return out
}

func layoutsBeyond(old, now *v1alpha1.TimeSpec) []string {
	return slices.DeleteFunc(slices.Clone(now.Layouts), func(l string) bool { return slices.Contains(old.Layouts, l) })
}

// reading is what becomes of values that are read as times.
type reading struct {
	// read is the share that are times, within that of those in the window in which a
	// feed's times may be.
	read, within float64
	newest       time.Time
}

func (r *reading) trusted() bool { return r.read >= likely && r.within >= r.read-0.1 }

// reads tells what becomes of values in the layouts.
func (t *trial) reads(ctx context.Context, spec *v1alpha1.TimeSpec, values []string) (reading, error) {
	if len(values) == 0 {
		return reading{}, nil
	}
	p, err := parse.Compile(&v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{}},
		Mapping:   []v1alpha1.MappingRule{{Field: "time", From: []string{"line"}, Time: spec, Required: true}},
		Constants: map[string]string{"category": "other", "name": "x"},
	})
	if err != nil {
		return reading{}, fmt.Errorf("layouts: %w", err)
	}
	seen := &timesSeen{from: t.window[0], to: t.window[1]}
	text := strings.Join(values, "\n")
	meta := t.meta
	meta.ContentType = ""
	if _, err := p.Parse(ctx, strings.NewReader(text), meta, seen, nil); err != nil && ctx.Err() != nil {
		return reading{}, ctx.Err()
	}
	n := float64(len(values))
	return reading{read: float64(seen.all) / n, within: float64(seen.within) / n, newest: seen.newest}, nil
}

type timesSeen struct {
	from, to    time.Time
	all, within int
	newest      time.Time
}

func (s *timesSeen) Event(e *event.Event) error {
	s.all++
	if !e.Time.Before(s.from) && !e.Time.After(s.to) {
		s.within++
	}
	if e.Time.After(s.newest) {
		s.newest = e.Time
	}
	return nil
}

func (s *timesSeen) Reject(*parse.Rejection) error { return nil }
