package contract

import (
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/export/format"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

// Codes of findings that the monitor has not: it sees payloads of the wild, these
// are about the same events written twice.
const (
	CodeValues    = "values-changed"
	CodeOptional  = "required-lost"
	CodeHeaderNew = "header-added"
	CodeBytes     = "bytes-changed"
)

// Sample is a version of a format with what it makes of the sample events.
type Sample struct {
	Shape format.Shape
	// Columns are what Shape describes.
	Columns []format.Described
	Payload []byte
}

// Render writes the sample events in a shape.
func Render(s format.Shape) Sample {
	enc := s.Encoder()
	b := enc.Begin(nil)
	for _, e := range format.Samples() {
		b = enc.Event(b, e)
	}
	return Sample{Shape: s, Columns: s.Describe(), Payload: enc.End(b)}
}

// Finding is one difference between two versions.
type Finding struct {
	Level    Level
	Code     string
	Path     string
	Sentence string
}

// Change is how far two versions differ, and why: what goes farthest first.
type Change struct {
	Level    Level
	Findings []Finding
	// renamed are the new names of columns that have one.
	renamed []string
}

// maxFindings bounds what one comparison tells.
const maxFindings = 32

func (c *Change) add(l Level, code, path, text string, args ...any) {
	c.Level = max(c.Level, l)
	c.Findings = append(c.Findings, Finding{Level: l, Code: code, Path: path, Sentence: fmt.Sprintf(text, args...)})
}

func (c *Change) tells(path string) bool {
	return slices.Contains(c.renamed, path) || slices.ContainsFunc(c.Findings, func(f Finding) bool { return f.Path == path })
}

// Compare finds out what a reader of one version meets in the next: with the
// monitor, which has a Parser that reads all columns; by what the columns promise;
// and by the values of the same events. Both samples have the same format.
func Compare(ctx context.Context, was, is Sample) (Change, error) {
	var c Change
	findings, err := watch(ctx, was, is)
	if err != nil {
		return c, fmt.Errorf("compare %s: %w", was.Shape.Format, err)
	}
	for i := range findings {
		c.take(&findings[i], was, is)
	}
	promised(&c, was, is)
	if err := values(&c, was, is); err != nil {
		return c, fmt.Errorf("compare %s: %w", was.Shape.Format, err)
	}
	if len(c.Findings) == 0 && !bytes.Equal(was.Payload, is.Payload) {
		c.add(Patch, CodeBytes, "", "The same is written with other bytes.")
	}
	c.Findings = slices.DeleteFunc(c.Findings, func(f Finding) bool { return f.Level == Minor && slices.Contains(c.renamed, f.Path) })
	slices.SortStableFunc(c.Findings, func(a, b Finding) int { return cmp.Compare(b.Level, a.Level) })
	c.Findings = c.Findings[:min(len(c.Findings), maxFindings)]
	return c, nil
}

// forReaders cuts what only the owner of the Parser would understand.
var forReaders = regexp.MustCompile(`; it fills extra\.c\d+|; no rule uses (it|them)( yet)?`)

// take takes over a finding of the monitor. What became of a column need not be
// guessed here: the field that it shows tells.
func (c *Change) take(f *status.Finding, was, is Sample) {
	level, text := levelOf(f), forReaders.ReplaceAllString(f.Sentence, "")
	switch f.Code {
	case drift.CodeColumnMissing, drift.CodeColumnRenamed, drift.CodePathMissing, drift.CodePathMoved:
		if name, ok := find(was.Columns, f.Path); ok && !was.Shape.NoHeader {
			c.lost(name, was, is)
			return
		}
	case drift.CodeColumnAdded, drift.CodePathAdded:
		if name, ok := find(is.Columns, f.Path); ok && !is.Shape.NoHeader {
			if !c.tells(name.Name) {
				c.add(Minor, drift.CodeColumnAdded, name.Name, "%q is new.", name.Name)
			}
			return
		}
	case drift.CodeHeaderMissing:
		if is.hasHeader() {
			return // its names are others, of which the columns tell
		}
	}
	c.add(level, f.Code, f.Path, "%s", text)
}

// lost tells that a column is not there any more.
func (c *Change) lost(column format.Described, was, is Sample) {
	for _, d := range is.Columns {
		if _, old := find(was.Columns, d.Name); d.Field == column.Field && !old {
			c.add(Major, drift.CodeColumnRenamed, column.Name, "%q is called %q now.", column.Name, d.Name)
			c.renamed = append(c.renamed, d.Name)
			return
		}
	}
	c.add(Major, drift.CodeColumnMissing, column.Name, "%q is gone.", column.Name)
}

// hasHeader reports whether the first line of csv has the names of the columns.
func (s *Sample) hasHeader() bool {
	var names []string
	for _, d := range s.Columns {
		names = append(names, d.Name)
	}
	first, err := csv.NewReader(bytes.NewReader(s.Payload)).Read()
	return err == nil && slices.Equal(first, names)
}

// find is the column or path of a name; paths of the monitor have [0] for [].
func find(columns []format.Described, name string) (format.Described, bool) {
	name = strings.ReplaceAll(name, "[0]", "[]")
	for _, d := range columns {
		if d.Name == name || d.List && d.Name+"[]" == name {
			return d, true
		}
	}
	return format.Described{}, false
}

// levelOf is what a finding of the monitor means for readers that we do not know:
// they read every column, and times in one layout only.
func levelOf(f *status.Finding) Level {
	if f.Breaking {
		return Major
	}
	switch f.Code {
	case drift.CodeLayout, drift.CodePathType, drift.CodeColumnDropped, drift.CodePathDropped:
		return Major
	}
	switch drift.ClassOf(f) {
	case drift.ClassAdditive, drift.ClassWidening:
		return Minor
	case drift.ClassCosmetic, drift.ClassAnomaly:
		return Patch
	}
	return Major
}

// watch lets the monitor judge: the older version is what it learned, the newer one
// is what comes.
func watch(ctx context.Context, was, is Sample) ([]status.Finding, error) {
	lens, err := drift.NewLens(reader(was))
	if err != nil {
		return nil, err
	}
	base, err := lens.Learn(ctx, bytes.NewReader(was.Payload), parse.Meta{})
	if err != nil {
		return nil, err
	}
	if base.Unreadable != "" {
		return nil, fmt.Errorf("the older version cannot be read: %s", base.Unreadable)
	}
	now, err := lens.Learn(ctx, bytes.NewReader(is.Payload), parse.Meta{})
	if err != nil {
		return nil, err
	}
	return drift.Compare(base, now), nil
}

// reader is the Parser of somebody who reads all that a version has.
func reader(s Sample) *v1alpha1.ParserSpec {
	spec := &v1alpha1.ParserSpec{Constants: map[string]string{"category": "other"}}
	switch s.Shape.Format {
	case format.CSV:
		spec.Input.CSV = &v1alpha1.CSVSpec{Header: v1alpha1.HeaderFirst}
		if s.Shape.NoHeader {
			spec.Input.CSV.Header = v1alpha1.HeaderNone
			for _, d := range s.Columns {
				spec.Input.CSV.Columns = append(spec.Input.CSV.Columns, d.Name)
			}
		}
	case format.JSON:
		spec.Input.JSON = &v1alpha1.JSONSpec{}
	default:
		spec.Input.JSONLines = &v1alpha1.JSONLinesSpec{}
	}
	for i, d := range s.Columns {
		rule := v1alpha1.MappingRule{Field: fmt.Sprintf("extra.c%d", i), From: []string{pathOf(&s.Shape, d)}, Required: d.Required}
		spec.Mapping = append(spec.Mapping, rule)
	}
	return spec
}

// pathOf is where a Parser finds the first value of a column.
func pathOf(s *format.Shape, d format.Described) string {
	if s.Format == format.CSV {
		return d.Name
	}
	path := strings.ReplaceAll(d.Name, "[]", "[0]")
	if d.List {
		path += "[0]"
	}
	return path
}

// promised compares what the columns promise, for what the samples cannot show.
func promised(c *Change, was, is Sample) {
	if was.Shape.NoHeader != is.Shape.NoHeader && c.Level < Major {
		if was.Shape.NoHeader {
			c.add(Major, CodeHeaderNew, "", "The first line has the names of the columns now; it had a record.")
		} else {
			c.add(Major, drift.CodeHeaderMissing, "", "The line with the names of the columns is gone.")
		}
	}
	if was.Shape.NoHeader {
		positions(c, was, is)
		return
	}
	for _, before := range was.Columns {
		if c.tells(before.Name) {
			continue
		}
		if now, ok := find(is.Columns, before.Name); ok {
			kept(c, before, now)
		} else {
			c.lost(before, was, is)
		}
	}
	for _, d := range is.Columns {
		if _, known := find(was.Columns, d.Name); !known && !c.tells(d.Name) {
			c.add(Minor, drift.CodeColumnAdded, d.Name, "%q is new.", d.Name)
		}
	}
}

// kept compares what a column promised with what it promises.
func kept(c *Change, was, is format.Described) {
	switch {
	case was.Field != is.Field:
		c.add(Major, CodeValues, was.Name, "%q showed %s and shows %s now.", was.Name, was.Field, is.Field)
	case was.Kind != is.Kind || was.List != is.List:
		c.add(Major, drift.CodeRetyped, was.Name, "%q held %s and holds %s now.", was.Name, kindOf(was), kindOf(is))
	case was.Layout != is.Layout:
		c.add(Major, drift.CodeLayout, was.Name, "%q had times in the layout %s and has them in %s now.", was.Name, was.Layout, is.Layout)
	case was.Required && !is.Required:
		c.add(Major, CodeOptional, was.Name, "%q was in every record and may be absent now.", was.Name)
	}
	for _, v := range was.Values {
		if !slices.Contains(is.Values, v) && is.Kind == was.Kind {
			c.add(Major, CodeValues, was.Name, "%q cannot be %q any more.", was.Name, v)
		}
	}
	for _, v := range is.Values {
		if len(was.Values) > 0 && !slices.Contains(was.Values, v) {
			c.add(Minor, drift.CodeWidened, was.Name, "%q can be %q, too.", was.Name, v)
		}
	}
}

func kindOf(d format.Described) string {
	if d.List {
		return "a list of " + d.Kind
	}
	return d.Kind
}

// positions compares columns that have no names in the payload.
func positions(c *Change, was, is Sample) {
	for i, before := range was.Columns {
		switch {
		case i >= len(is.Columns):
			if !c.tells(before.Name) {
				c.add(Major, drift.CodeColumnMissing, before.Name, "Column %d, %q, is gone.", i+1, before.Name)
			}
		case is.Columns[i].Name != before.Name && slices.ContainsFunc(was.Columns, func(d format.Described) bool { return d.Name == is.Columns[i].Name }):
			c.add(Major, drift.CodeColumnMoved, before.Name, "Column %d held %q and holds %q now.", i+1, before.Name, is.Columns[i].Name)
		default:
			kept(c, before, is.Columns[i])
		}
	}
	if len(is.Columns) > len(was.Columns) && c.Level < Minor {
		c.add(Minor, drift.CodeColumnAdded, is.Columns[len(was.Columns)].Name, "Rows have %d cells instead of %d.", len(is.Columns), len(was.Columns))
	}
}
