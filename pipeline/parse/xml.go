package parse

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/markup"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// xmlDocument is one document of XML with a record an element.
type xmlDocument struct {
	at     string
	path   *markup.Path
	fields []xmlField
	tree   *record.Tree

	captures []xmlCapture
}

// xmlField is a member of a record that an XPath finds.
type xmlField struct{ name, expr string }

func compileXML(spec *v1alpha1.XMLSpec) (format, error) {
	path, err := markup.ParsePath(spec.Records)
	if err != nil {
		err = fmt.Errorf("spec.input.xml.records: %q: %w", spec.Records, err)
	}
	x := &xmlDocument{at: spec.Records, path: path}
	errs := []error{err}
	for _, name := range slices.Sorted(maps.Keys(spec.Fields)) {
		if _, err := markup.CompileXPath(spec.Fields[name]); err != nil {
			errs = append(errs, fmt.Errorf("spec.input.xml.fields.%s: %q is no XPath 1.0 expression: %w", name, spec.Fields[name], err))
		}
		x.fields = append(x.fields, xmlField{name, spec.Fields[name]})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return x, nil
}

func (*xmlDocument) options() mapping.Options { return mapping.Options{JSON: true} }

func (x *xmlDocument) bind(p *mapping.Program) error {
	x.tree = treeOf(p)
	return nil
}

func (x *xmlDocument) read(r *run) error {
	root, _, _ := strings.Cut(strings.TrimLeft(x.at, "/"), "/")
	in, err := r.xml("XML", root)
	if err != nil {
		return err
	}
	finder := &markup.Finder{Path: x.path}
	reader := &xmlReader{run: r, walker: record.NewWalker(x.tree), captures: x.captures}
	for _, f := range x.fields {
		// An expression is for one payload at a time.
		expr, err := markup.CompileXPath(f.expr)
		if err != nil {
			return err
		}
		reader.fields = append(reader.fields, compiledField{f.name, expr})
	}
	if err := r.elements(in, reader.capturing(finder.Want), reader.take); err != nil {
		return err
	}
	if why := finder.Missing(); why != "" {
		return &UnreadableError{fmt.Sprintf("no records at spec.input.xml.records %q: %s", x.at, why)}
	}
	return nil
}

type compiledField struct {
	name string
	expr *markup.Expression
}

// xmlReader makes JSON of elements.
type xmlReader struct {
	*run
	walker *record.Walker
	fields []compiledField
	json   []byte

	captures []xmlCapture
	// captured is what the element at hand is for; nil for a record.
	captured *xmlCapture
}

func (x *xmlReader) take(rec *markup.Record) error {
	if x.captured != nil {
		if v := rec.Root.Trimmed(); v != "" {
			x.know(x.captured.capture, v)
		}
		return nil
	}
	if len(x.fields) == 0 {
		x.json = markup.AppendJSON(x.json[:0], rec.Root)
		return x.made(x.walker, x.json, rec.Raw, "")
	}
	x.json = append(x.json[:0], '{')
	for _, f := range x.fields {
		before := len(x.json)
		if before > 1 {
			x.json = append(x.json, ',')
		}
		x.json = append(record.AppendString(x.json, f.name), ':')
		out, found, err := f.expr.Append(x.json, rec.Root)
		if err != nil {
			return x.reject(fmt.Sprintf("spec.input.xml.fields.%s: %v", f.name, err), rec.Raw)
		}
		x.json = out
		if !found {
			x.json = x.json[:before]
		}
	}
	x.json = append(x.json, '}')
	return x.made(x.walker, x.json, rec.Raw, "")
}
