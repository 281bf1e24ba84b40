package repair

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
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
	read, within, err := t.reads(ctx, spec, values)
	if err != nil {
		return false, err
	}
	if trusted(read, within) {
		return true, nil
	}
	layouts, other, err := t.layouts(ctx, values)
	if err != nil || len(layouts) == 0 {
		return err == nil, err // no times: the dry run will tell
	}
	best, safe, err := t.decide(ctx, spec, layouts, other, values)
	if best == nil || err != nil {
		return false, err // 03/04: nothing tells the day from the month
	}
	bestRead, bestWithin, err := t.reads(ctx, best, values)
	if err != nil {
		return false, err
	}
	if !trusted(bestRead, bestWithin) || bestRead <= read && bestWithin <= within {
		return true, nil
	}
	unit := slices.ContainsFunc(best.Layouts, func(l string) bool { return strings.HasPrefix(l, "unix") })
	t.safe = t.safe && safe && !unit
	r.Time = best
	t.say("The times of %q are written as %s.", r.From[0], strings.Join(layoutsBeyond(spec, best), ", "))
	return true, nil
}

func trusted(read, within float64) bool { return read >= likely && within >= read-0.1 }

// layouts are those of values, other those for days and months the other way round.
func (t *trial) layouts(ctx context.Context, values []string) (layouts, other []string, err error) {
	if layouts, other = infer.TimesOf(values); len(layouts) == 0 {
		layouts, err = t.rareLayout(ctx, values)
	}
	return layouts, other, err
}

// decide chooses between two ways to read times, by how many of them are when they
// may be; nil if that does not tell. It is safe where there is no choice.
func (t *trial) decide(ctx context.Context, spec *v1alpha1.TimeSpec, layouts, other, values []string) (best *v1alpha1.TimeSpec, safe bool, err error) {
	first := withLayouts(spec, layouts)
	if other == nil {
		return first, true, nil
	}
	second := withLayouts(spec, other)
	_, a, err := t.reads(ctx, first, values)
	if err != nil {
		return nil, false, err
	}
	_, b, err := t.reads(ctx, second, values)
	switch {
	case err != nil:
		return nil, false, err
	case a >= b+clearly:
		return first, false, nil
	case b >= a+clearly:
		return second, false, nil
	}
	return nil, false, nil
}

// rareLayouts are tried on what does not look like a time. All values must be times of
// the window in one of them.
var rareLayouts = []string{"%Y%m%d%H%M%S", "%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d%H%M", "%Y%m%d", "%Y-%m-%d-%H:%M:%S", "%Y-%m-%d_%H:%M:%S",
	"%Y-%m-%d-%H-%M-%S", "%d%m%Y", "%Y/%j", "%b %d %H:%M:%S %Y", "unix_auto", "windows"}

func (t *trial) rareLayout(ctx context.Context, values []string) ([]string, error) {
	for _, l := range rareLayouts {
		_, within, err := t.reads(ctx, &v1alpha1.TimeSpec{Layouts: []string{l}}, values)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err == nil && within >= likely:
			return []string{l}, nil
		}
	}
	return nil, nil
}

// withLayouts adds layouts. Units since 1970 cannot stand beside one another: each
// reads the numbers of all.
func withLayouts(spec *v1alpha1.TimeSpec, layouts []string) *v1alpha1.TimeSpec {
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

// reads tells which share of values are times in the layouts, and which lie in the
// window in which a feed's times may be.
func (t *trial) reads(ctx context.Context, spec *v1alpha1.TimeSpec, values []string) (read, within float64, err error) {
	p, err := parse.Compile(&v1alpha1.ParserSpec{
		Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{}},
		Mapping:   []v1alpha1.MappingRule{{Field: "time", From: []string{"line"}, Time: spec, Required: true}},
		Constants: map[string]string{"category": "other", "name": "x"},
	})
	if err != nil {
		return 0, 0, fmt.Errorf("layouts: %w", err)
	}
	seen := &timesSeen{from: t.window[0], to: t.window[1]}
	text := strings.Join(values, "\n")
	meta := t.meta
	meta.ContentType = ""
	if _, err := p.Parse(ctx, bytes.NewReader([]byte(text)), meta, seen, nil); err != nil && ctx.Err() != nil {
		return 0, 0, ctx.Err()
	}
	n := float64(len(values))
	return float64(seen.all) / n, float64(seen.within) / n, nil
}

type timesSeen struct {
	from, to    time.Time
	all, within int
}

func (s *timesSeen) Event(e *event.Event) error {
	s.all++
	if !e.Time.Before(s.from) && !e.Time.After(s.to) {
		s.within++
	}
	return nil
}

func (s *timesSeen) Reject(*parse.Rejection) error { return nil }

// nullWords are markers of nothing that publishers write.
var nullWords = []string{"-", "--", "?", "N/A", "n/a", "NA", "na", "None", "none", "NONE", "null", "NULL", "nil", "\\N", "unknown", "UNKNOWN", "(null)", "n.a.", "NaN", "NXDOMAIN", "nxdomain", "undefined", "unspecified", "0000-00-00 00:00:00"}

// renull adds the markers that the new payload writes where the old one left a cell
// empty, for rules whose values have a kind.
func (t *trial) renull(ctx context.Context) error {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		if len(r.From) == 0 || strings.HasPrefix(r.Field, "extra.") && r.Type == "" && !t.marked(r.From) {
			continue
		}
		values, err := t.read(ctx, r.From)
		if err != nil {
			return err
		}
		old := t.oldValues(r.From)
		var added []string
		for _, w := range nullWords {
			if slices.Contains(values, w) && !slices.Contains(r.Nulls, w) && !slices.Contains(old, w) {
				added = append(added, w)
			}
		}
		if len(added) == 0 || len(old) == 0 || len(r.Nulls)+len(added) > 32 {
			continue
		}
		r.Nulls = append(slices.Clone(r.Nulls), added...)
		t.safe = false
		t.say("%q has %s where there is no value.", r.From[0], strings.Join(added, ", "))
	}
	return nil
}

// marked tells whether a finding says that one of the columns has a word for nothing.
func (s *search) marked(names []string) bool {
	return slices.ContainsFunc(s.findings, func(f status.Finding) bool {
		return f.Code == drift.CodeMarker && slices.Contains(names, f.Path)
	})
}

// listFields are the fields that may have several values.
var listFields = []string{"ip", "cves"}

// resplit follows a separator inside of cells, also where a list was an array.
func (t *trial) resplit(ctx context.Context) error {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		if len(r.From) == 0 || r.Split == "" && !slices.Contains(listFields, r.Field) {
			continue
		}
		values, err := t.read(ctx, r.From)
		if err != nil {
			return err
		}
		if r.Split != "" && (has(values, r.Split) || !has(t.oldValues(r.From), r.Split)) {
			continue
		}
		for _, s := range []string{";", ",", "|", " "} {
			if s != r.Split && listed(values, s) {
				r.Split, t.safe = s, false
				t.say("Values of %q are separated by %q.", r.From[0], s)
				break
			}
		}
	}
	return nil
}

// listed tells whether some values are lists whose parts are of one telling kind, and
// others shorter ones or single values of it: what has the same number of parts
// everywhere is columns.
func listed(values []string, separator string) bool {
	lists := map[int]bool{}
	for _, v := range values {
		if v == "" || v[0] == '[' || v[0] == '{' {
			return false
		}
		parts := strings.Split(v, separator)
		for _, p := range parts {
			if drift.KindsOf(p)&strong == 0 {
				return false
			}
		}
		lists[len(parts)] = true
	}
	return len(lists) > 1
}

func has(values []string, s string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, s) })
}
