package diff

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// enough records for every exact check of the monitor.
const enough = 8

// few adds what the monitor, which compares a payload with many that were accepted,
// would not say of a handful of records: a path that all of them had and none of the
// new ones has is gone, or stands elsewhere. Values are another matter: a few of
// them prove little.
func (c *comparison) few(lens *drift.Lens, found []status.Finding) []status.Finding {
	if c.base.Looked < 2 || c.now.Looked < 1 || c.base.Looked >= enough && c.now.Looked >= enough {
		return found
	}
	base, now := scaled(c.base), scaled(c.now)
	for _, f := range drift.CompareOnce(base.For(lens), now) {
		if !c.proved(&f) {
			continue
		}
		at := slices.IndexFunc(found, func(g status.Finding) bool { return g.Path == f.Path })
		if at >= 0 && (found[at].Code == f.Code || !aboutPaths[f.Code]) {
			continue
		}
		f.Class, f.Evidence, f.Before, f.After = "", nil, samplesOf(c.base, f.Path), orElse(samplesOf(c.now, f.Path), f.After)
		c.restate(&f)
		if at >= 0 { // where a path went explains what is left at its place
			found[at] = f
			continue
		}
		found = append(found, f)
	}
	// What took the place of a path is not new.
	return slices.DeleteFunc(found, func(f status.Finding) bool {
		return f.Code == drift.CodePathAdded && slices.ContainsFunc(found, func(g status.Finding) bool { return g.Code != f.Code && g.After == f.Path })
	})
}

var aboutPaths = map[string]bool{drift.CodePathMissing: true, drift.CodePathMoved: true, drift.CodePathType: true}

// proved tells whether a few records are enough for a finding: what is about paths,
// and times that are all written otherwise.
func (c *comparison) proved(f *status.Finding) bool {
	switch was, is := columnOf(c.base, f.Path), columnOf(c.now, f.Path); {
	case aboutPaths[f.Code]:
		return true
	case was == nil || is == nil:
		return false
	case f.Code == drift.CodeLayout:
		return was.Values >= 2 && is.Values >= 2 || f.Breaking && c.now.Events == 0
	}
	return false
}

// restate says a finding with the numbers of the payload.
func (c *comparison) restate(f *status.Finding) {
	was, is := columnOf(c.base, f.Path), columnOf(c.now, f.Path)
	switch f.Code {
	case drift.CodePathMissing:
		f.Sentence = fmt.Sprintf("%q is in none of %s now; it was in all of %d.", f.Path, records(c.now.Looked), c.base.Looked)
	case drift.CodeLayout:
		f.Sentence = fmt.Sprintf("Column %q had times like %s and has all of them like %s now.", f.Path, firstTime(was), firstTime(is))
	}
}

func layoutOf(c *drift.Column) string {
	for _, l := range c.Layouts {
		return l.Shown()
	}
	return "none"
}

// firstTime shows a time; of numbers it tells the unit, too.
func firstTime(c *drift.Column) string {
	layout := layoutOf(c)
	if len(c.Samples) == 0 {
		return layout
	}
	shown := fmt.Sprintf("%q", cut(c.Samples[0], 64))
	if strings.HasPrefix(layout, "unix") {
		shown += " (" + layout + ")"
	}
	return shown
}

func columnOf(p *drift.Profile, name string) *drift.Column {
	for i := range p.Inputs {
		if p.Inputs[i].Name == name {
			return &p.Inputs[i]
		}
	}
	return nil
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// samplesOf shows some of the values of a column or path.
func samplesOf(p *drift.Profile, name string) string {
	if c := columnOf(p, name); c != nil && len(c.Samples) > 0 {
		return list(c.Samples)
	}
	return ""
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

// scaled is a profile as if its records had been there several times.
func scaled(p *drift.Profile) *drift.Profile {
	n := int64(1)
	for p.Looked > 0 && p.Looked*n < enough {
		n++
	}
	s := *p
	s.Records, s.Looked, s.Walked, s.Events, s.Rejected = n*p.Records, n*p.Looked, n*p.Walked, n*p.Events, n*p.Rejected
	s.Paths = make(map[string]*drift.Path, len(p.Paths))
	for name, path := range p.Paths {
		q := &drift.Path{Records: n * path.Records, Types: path.Types}
		s.Paths[name] = q
	}
	s.Inputs, s.Others = scaledColumns(p.Inputs, n), scaledColumns(p.Others, n)
	return &s
}

func scaledColumns(columns []drift.Column, n int64) []drift.Column {
	out := slices.Clone(columns)
	for i := range out {
		c := &out[i]
		c.Values, c.Empty, c.Absent = n*c.Values, n*c.Empty, n*c.Absent
		for k := range c.Kinds {
			c.Kinds[k] *= n
		}
		c.Split, c.Unsplit, c.Lost = n*c.Split, n*c.Unsplit, n*c.Lost
		c.Top = slices.Clone(c.Top)
		for k := range c.Top {
			c.Top[k].Count *= n
		}
		c.Layouts = slices.Clone(c.Layouts)
		for k := range c.Layouts {
			c.Layouts[k].Values *= n
		}
	}
	return out
}
