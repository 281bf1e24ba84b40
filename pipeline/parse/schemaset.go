package parse

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

// defaultReport finds the report in the names that Shadowserver gives files.
var defaultReport = regexp.MustCompile(`^(?:\d{4}-\d\d-\d\d-)?(?P<report>[A-Za-z0-9_]+)(?:-.*)?\.csv(?:\.gz)?$`)

// schemaSet is tables whose columns a schema document explains. Compiled from a
// spec alone it has no document, and reads nothing.
type schemaSet struct {
	table   *csvTable
	name    *regexp.Regexp // nil: the report is fixed
	fixed   string
	program *schema.Program
	explode []string
}

func compileSchemaSet(spec *v1alpha1.SchemaSetSpec) (format, error) {
	const at = "spec.input.schemaSet."
	s := &schemaSet{name: defaultReport}
	if spec.SchemaFrom == "" {
		return nil, errors.New(at + "schemaFrom: is needed; name the FeedSource that collects the schema document")
	}
	if r := spec.Report; r != nil {
		if (r.Name == "") == (r.FromFilename == "") {
			return nil, errors.New(at + "report: needs exactly one of fromFilename and name")
		}
		s.fixed, s.name = r.Name, nil
		if r.FromFilename != "" {
			re, err := regexp.Compile(r.FromFilename)
			if err != nil {
				return nil, fmt.Errorf("%sreport.fromFilename: %w", at, err)
			}
			if re.SubexpIndex("report") < 0 {
				return nil, errors.New(at + "report.fromFilename: has no group named report; write (?P<report>[a-z0-9_]+)")
			}
			s.name = re
		}
	}
	dialect := spec.CSV
	if dialect == nil {
		dialect = &v1alpha1.CSVSpec{}
	}
	if dialect.Header == v1alpha1.HeaderNone {
		return nil, errors.New(at + "csv.header: cannot be None; the schema document names columns as the header of a report does")
	}
	table, err := compileCSV(dialect)
	if err != nil {
		return nil, errors.New(strings.ReplaceAll(err.Error(), "spec.input.csv.", at+"csv."))
	}
	s.table = table.(*csvTable)
	return s, nil
}

func (s *schemaSet) options() mapping.Options { return mapping.Options{} }

func (s *schemaSet) bind(*mapping.Program) error { return nil }

// base has the constants of the report.
func (s *schemaSet) base() (*v1alpha1.ParserSpec, error) { //nolint:unparam // other vocabularies may fail
	constants := map[string]string{"category": "other"}
	if s.program != nil {
		constants = s.program.Constants()
	}
	return &v1alpha1.ParserSpec{Constants: constants}, nil
}

// inputs adds those of the document to those of the rules.
func (s *schemaSet) inputs(list []Input) []Input {
	if s.program == nil {
		return list
	}
	for _, in := range s.program.Inputs() {
		i := slices.IndexFunc(list, func(have Input) bool { return have.Name == in.Name })
		if i < 0 {
			list = append(list, Input{Name: in.Name, Fields: in.Fields, Required: in.Required})
			continue
		}
		list[i].Fields = slices.Compact(slices.Sorted(slices.Values(slices.Concat(list[i].Fields, in.Fields))))
		list[i].Required = list[i].Required || in.Required
	}
	return list
}

func (s *schemaSet) read(r *run) error {
	if s.program == nil {
		return &UnreadableError{"there is no schema document yet"}
	}
	return s.table.read(r)
}

// start makes the run fill events from the columns of the report.
func (s *schemaSet) start(r *run, names []string) error {
	used := func(name string) bool {
		i := slices.IndexFunc(r.p.inputs, func(in Input) bool { return in.Name == name })
		return i >= 0 && len(r.p.inputs[i].Fields) > 0
	}
	reader, err := s.program.Bind(names, used)
	if err != nil {
		return &UnreadableError{err.Error() + "; it has: " + listed(names)}
	}
	exploded := s.explodedCells(r)
	var row []string
	r.runner.Fill = func(rec *mapping.Record, e *event.Event) *mapping.Failure {
		cells := rec.Cells
		if len(exploded) > 0 {
			row = append(row[:0], cells...)
			for input, cell := range exploded {
				row[cell] = rec.Values[input].Text
			}
			cells = row
		}
		if field, reason := reader.Fill(cells, e); reason != "" {
			return &mapping.Failure{Field: field, Reason: reason}
		}
		return nil
	}
	return nil
}

// explodedCells are the cells, by input, that explode rules change.
func (s *schemaSet) explodedCells(r *run) map[int]int {
	cells := map[int]int{}
	for i, in := range r.p.inputs {
		if r.cells[i] >= 0 && slices.Contains(s.explode, in.Name) {
			cells[i] = r.cells[i]
		}
	}
	return cells
}

// Set is a schema set with its document: a Parser for each kind of reports, made
// when the first payload of the kind comes. Safe for concurrent use.
type Set struct {
	spec   *v1alpha1.ParserSpec
	doc    *schema.Document
	format *schemaSet

	mu      sync.Mutex
	parsers map[string]*Parser
}

// NewSet makes the Parsers of a spec that has input.schemaSet. The error is the
// one of Compile.
func NewSet(spec *v1alpha1.ParserSpec, doc *schema.Document) (*Set, error) {
	f, err := compileFormat(&spec.Input)
	if err != nil {
		return nil, err
	}
	s, ok := f.(*schemaSet)
	if !ok {
		return nil, errors.New("spec.input: is no schemaSet")
	}
	for i := range spec.Explode {
		s.explode = append(s.explode, spec.Explode[i].From)
	}
	return &Set{spec: spec, doc: doc, format: s, parsers: map[string]*Parser{}}, nil
}

// CompileWith is Compile for a schema set with its document.
func CompileWith(spec *v1alpha1.ParserSpec, doc *schema.Document) (*Parser, error) {
	p, err := Compile(spec)
	if err != nil || doc == nil {
		return p, err
	}
	p.set, err = NewSet(spec, doc)
	return p, err
}

// Document is the one of the set.
func (s *Set) Document() *schema.Document { return s.doc }

// Parser finds the Parser of a payload, and the name of its report. The error is
// an *UnreadableError.
func (s *Set) Parser(m Meta) (report string, p *Parser, err error) {
	name, err := s.format.report(m)
	if err != nil {
		return "", nil, err
	}
	r, ok := s.doc.Reports[name]
	if !ok {
		return "", nil, &UnreadableError{fmt.Sprintf("the schema document of %s has no report %q, which the file name %q tells",
			s.doc.Created.Format("2006-01-02T15:04:05Z"), name, filename(m))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.parsers[name]; p != nil {
		return name, p, nil
	}
	f := *s.format
	f.program = schema.Compile(r, s.spec.Constants)
	if p, err = compile(s.spec, &f); err != nil {
		return "", nil, &UnreadableError{fmt.Sprintf("report %s of the schema document: %v", name, err)}
	}
	s.parsers[name] = p
	return name, p, nil
}

// report is the name of the report that a payload is.
func (s *schemaSet) report(m Meta) (string, error) {
	if s.name == nil {
		return s.fixed, nil
	}
	file := filename(m)
	match := s.name.FindStringSubmatch(file)
	if match == nil {
		return "", &UnreadableError{fmt.Sprintf("the file name %q does not tell the report; see spec.input.schemaSet.report", file)}
	}
	return match[s.name.SubexpIndex("report")], nil
}

// filename is the name of the file, or what the URL has in its place.
func filename(m Meta) string {
	if m.Filename != "" {
		return path.Base(m.Filename)
	}
	address, _, _ := strings.Cut(m.URL, "?")
	return path.Base(address)
}

// Of is the Parser of a payload, and the name of its report, if p is a schema set
// that has it; nil otherwise.
func (p *Parser) Of(m Meta) (report string, of *Parser) {
	if p.set == nil {
		return "", nil
	}
	report, of, err := p.set.Parser(m)
	if err != nil {
		return "", nil
	}
	return report, of
}

// Rules tells what the document says of a column of the report; "" without one.
func (p *Parser) Rules(column string) string {
	if s, ok := p.format.(*schemaSet); ok && s.program != nil {
		return s.program.Rules(column)
	}
	return ""
}
