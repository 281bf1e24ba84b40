package diff

import (
	"fmt"
	"maps"
	"slices"

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
	if len(c.base.Paths) == 0 || c.base.Looked < 2 || c.now.Looked < 1 || c.base.Looked >= enough && c.now.Looked >= enough {
		return found
	}
	base, now := scaled(c.base), scaled(c.now)
	for _, f := range drift.Compare(base.For(lens), now) {
		if !aboutPaths[f.Code] || slices.ContainsFunc(found, func(g status.Finding) bool { return g.Path == f.Path }) {
			continue
		}
		f.Class, f.Evidence, f.Before = "", nil, samplesOf(c.base, f.Path)
		if f.Code == drift.CodePathMissing {
			f.Sentence = fmt.Sprintf("%q is in none of %s now; it was in all of %d.", f.Path, records(c.now.Looked), c.base.Looked)
		}
		found = append(found, f)
	}
	// What took the place of a path is not new.
	return slices.DeleteFunc(found, func(f status.Finding) bool {
		return f.Code == drift.CodePathAdded && slices.ContainsFunc(found, func(g status.Finding) bool { return g.Code != f.Code && g.After == f.Path })
	})
}

// samplesOf shows some of the values of a column or path.
func samplesOf(p *drift.Profile, name string) string {
	for i := range p.Inputs {
		if c := &p.Inputs[i]; c.Name == name && len(c.Samples) > 0 {
			return list(c.Samples)
		}
	}
	return ""
}

func records(n int64) string {
	if n == 1 {
		return "1 record"
	}
	return fmt.Sprintf("%d records", n)
}

var aboutPaths = map[string]bool{drift.CodePathMissing: true, drift.CodePathMoved: true, drift.CodePathType: true}

// scaled is a profile as if its records had been there several times.
func scaled(p *drift.Profile) *drift.Profile {
	n := int64(1)
	for p.Looked > 0 && p.Looked*n < enough {
		n++
	}
	s := *p
	s.Records, s.Looked, s.Events, s.Rejected = n*p.Records, n*p.Looked, n*p.Events, n*p.Rejected
	s.Paths = make(map[string]*drift.Path, len(p.Paths))
	for name, path := range p.Paths {
		q := &drift.Path{Records: n * path.Records, Types: maps.Clone(path.Types)}
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
		c.Layouts = slices.Clone(c.Layouts)
		for k := range c.Layouts {
			c.Layouts[k].Values *= n
		}
	}
	return out
}
