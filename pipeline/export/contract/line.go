package contract

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/export/format"
)

// Status of an edition.
type Status string

// The statuses.
const (
	// Preview is to be tried, not yet what the address without a version gives.
	Preview Status = "preview"
	// Current is what the address without a version gives.
	Current Status = "current"
	// Supported is neither current nor deprecated.
	Supported Status = "supported"
	// Deprecated asks subscribers to move on.
	Deprecated Status = "deprecated"
	// Retired is answered with 410 Gone.
	Retired Status = "retired"
)

// Edition is one version of one format.
type Edition struct {
	Version Version
	// Text is the version as it was written, and as addresses have it.
	Text  string
	Shape format.Shape
	// Spec is nil for a format without versions of its own.
	Spec *v1alpha1.ExportVersion
	// index of Spec in the list.
	index int
}

// Line are the editions of one format, by version. It does not change.
type Line struct {
	Format   string
	Contact  string
	Editions []*Edition
}

// LineOf are the editions of a format of an export; nil if no version has it.
// The stream has one, whatever api says, and api may be nil then. What the schema
// of Subscriptions refuses is left out.
func LineOf(api *v1alpha1.APIExport, formatName string) *Line {
	l := &Line{Format: formatName}
	if api != nil {
		l.Contact = api.Contact
	}
	if formatName == format.Stream || api == nil || len(api.Versions) == 0 {
		text := format.Builtin[formatName]
		v, err := ParseVersion(text)
		if err != nil {
			return nil
		}
		l.Editions = []*Edition{{Version: v, Text: text, Shape: format.Shape{Format: formatName}}}
		return l
	}
	for i := range api.Versions {
		spec := &api.Versions[i]
		v, err := ParseVersion(spec.Version)
		if err != nil || !has(spec, formatName) {
			continue
		}
		e := &Edition{Version: v, Text: spec.Version, Spec: spec, index: i,
			Shape: format.Shape{Format: formatName, NoHeader: formatName == format.CSV && spec.Header == v1alpha1.ExportHeaderNone}}
		for _, c := range spec.Columns {
			e.Shape.Columns = append(e.Shape.Columns, format.Column{Name: c.Name, Field: string(c.Field)})
		}
		l.Editions = append(l.Editions, e)
	}
	if len(l.Editions) == 0 {
		return nil
	}
	slices.SortStableFunc(l.Editions, func(a, b *Edition) int { return a.Version.Compare(b.Version) })
	return l
}

func has(v *v1alpha1.ExportVersion, formatName string) bool {
	return len(v.Formats) == 0 || slices.Contains(v.Formats, v1alpha1.ExportFormat(formatName))
}

// ended reports whether the edition is past its sunset.
func (e *Edition) ended(now time.Time) bool {
	return e.Spec != nil && e.Spec.Sunset != nil && !now.Before(e.Spec.Sunset.Time)
}

func (e *Edition) preview(now time.Time) bool {
	return e.Spec != nil && (e.Spec.Preview || e.Spec.From != nil && now.Before(e.Spec.From.Time))
}

// Current is the edition that the address without a version gives: the greatest
// that has begun and not ended. Where the format has ended it is the greatest that
// did, and nil where it has not begun.
func (l *Line) Current(now time.Time) *Edition {
	var last *Edition
	for _, e := range slices.Backward(l.Editions) {
		switch {
		case e.ended(now):
			if last == nil {
				last = e
			}
		case !e.preview(now):
			return e
		}
	}
	return last
}

// Find is the edition of an address: of 2.1 the greatest with these numbers, those
// that can be used first. It is nil if there is none; a retired one is found.
func (l *Line) Find(text string, now time.Time) *Edition {
	if _, err := ParseVersion(text); err != nil {
		return nil
	}
	rank := func(e *Edition) int {
		switch {
		case e.ended(now):
			return 0
		case e.preview(now):
			return 1
		}
		return 2
	}
	var best *Edition
	for _, e := range l.Editions {
		full := e.Version.String()
		if (full == text || strings.HasPrefix(full, text+".")) && (best == nil || cmp.Compare(rank(e), rank(best)) >= 0) {
			best = e
		}
	}
	return best
}

// Status of an edition of the line.
func (l *Line) Status(e *Edition, now time.Time) Status {
	switch {
	case e.ended(now):
		return Retired
	case e.preview(now):
		return Preview
	case e.Spec != nil && e.Spec.Deprecated != nil && !now.Before(e.Spec.Deprecated.Time):
		return Deprecated
	case l.Current(now) == e:
		return Current
	}
	return Supported
}

// Successor is the edition to move to; nil if none is named or it has not the
// format.
func (l *Line) Successor(e *Edition) *Edition {
	if e.Spec == nil || e.Spec.Successor == "" {
		return nil
	}
	for _, s := range l.Editions {
		if s.Text == e.Spec.Successor {
			return s
		}
	}
	return nil
}

// Transition is a change from one edition to the next.
type Transition struct {
	From, To *Edition
	Change
}

// Transitions compares each edition with the one before.
func (l *Line) Transitions(ctx context.Context) ([]Transition, error) {
	var out []Transition
	var was Sample
	for i, to := range l.Editions {
		is := Render(to.Shape)
		if i > 0 {
			c, err := Compare(ctx, was, is)
			if err != nil {
				return nil, err
			}
			out = append(out, Transition{From: l.Editions[i-1], To: to, Change: c})
		}
		was = is
	}
	return out, nil
}

// Problem is what is wrong with the versions of an export.
type Problem struct {
	// Field below the export: versions[1].version.
	Field   string
	Message string
}

// Check compares the versions of an export and finds those whose number grew less
// than their formats changed.
func Check(ctx context.Context, api *v1alpha1.APIExport) ([]Problem, error) {
	out := dropped(api)
	for _, name := range format.Names {
		l := LineOf(api, name)
		if l == nil {
			continue
		}
		all, err := l.Transitions(ctx)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			if t.Level <= Step(t.From.Version, t.To.Version) {
				continue
			}
			out = append(out, Problem{Field: fmt.Sprintf("versions[%d].version", t.To.index),
				Message: fmt.Sprintf("%s is a %s change of %s, but of the %s it is a %s one: %s; write version %q",
					t.To.Text, Step(t.From.Version, t.To.Version), t.From.Text, name, t.Level,
					strings.TrimSuffix(t.Findings[0].Sentence, "."), t.From.Version.Next(t.Level))})
		}
	}
	return out, nil
}

// dropped finds formats that end with a version of the same major number.
func dropped(api *v1alpha1.APIExport) []Problem {
	var out []Problem
	for i := range api.Versions {
		to, err := ParseVersion(api.Versions[i].Version)
		if err != nil {
			continue
		}
		for j := range api.Versions {
			from, err := ParseVersion(api.Versions[j].Version)
			if err != nil || from.Compare(to) >= 0 || from.Major != to.Major {
				continue
			}
			for _, name := range format.Names {
				if has(&api.Versions[j], name) && !has(&api.Versions[i], name) {
					out = append(out, Problem{Field: fmt.Sprintf("versions[%d].formats", i),
						Message: fmt.Sprintf("%s has not the format %s, which %s has: that is a major change; add the format, or write version %q",
							api.Versions[i].Version, name, api.Versions[j].Version, from.Next(Major))})
				}
			}
		}
	}
	return out
}
