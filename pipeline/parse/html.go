package parse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/page"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// defaultRows are the records of a page if the Parser does not say.
const defaultRows = "table tr"

// htmlPage is a page with a record a table row, or another element.
type htmlPage struct {
	at      string
	sel     *page.Selector
	columns []string // nil: a row of the table has them
	fields  []htmlField
	tree    *record.Tree
}

// htmlField is a member of a record that a selector finds.
type htmlField struct {
	name string
	*page.Field
}

func compileHTML(spec *v1alpha1.HTMLSpec) (format, error) {
	h := &htmlPage{at: spec.Records}
	if h.at == "" {
		h.at = defaultRows
	}
	sel, err := page.Compile(h.at)
	if err != nil {
		err = fmt.Errorf("spec.input.html.records: %q is no CSS selector of records: %w", h.at, err)
	}
	h.sel = sel
	errs := []error{err}
	for _, name := range slices.Sorted(maps.Keys(spec.Fields)) {
		f, err := page.CompileField(spec.Fields[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("spec.input.html.fields.%s: %q is no CSS selector with an optional @attribute: %w", name, spec.Fields[name], err))
		}
		h.fields = append(h.fields, htmlField{name, f})
	}
	none := spec.Header == v1alpha1.HeaderNone
	switch {
	case len(spec.Fields) > 0 && len(spec.Columns) > 0:
		errs = append(errs, errors.New("spec.input.html.columns: with fields there are no cells to name; leave out one of them"))
	case len(spec.Fields) == 0 && none != (len(spec.Columns) > 0):
		errs = append(errs, errors.New("spec.input.html.columns: columns and header: None go together: without a header the cells need names, with one they have them"))
	case none:
		h.columns = spec.Columns
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return h, nil
}

func (h *htmlPage) options() mapping.Options {
	return mapping.Options{JSON: len(h.fields) > 0, Columns: h.columns, ColumnsAt: "spec.input.html.columns"}
}

func (h *htmlPage) bind(p *mapping.Program) error {
	if len(h.fields) > 0 {
		h.tree = treeOf(p)
	}
	return nil
}

func (h *htmlPage) read(r *run) error {
	in, err := r.markup("HTML", htmlCharset)
	if err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if text := bytes.ToLower(start); bytes.HasPrefix(bytes.TrimSpace(text), []byte("<?xml")) && !bytes.Contains(text, []byte("html")) {
		return &UnreadableError{"it looks like XML, not HTML"}
	}
	reader := page.NewReader(in, r.p.max, h.sel)
	p := &pageReader{run: r, format: h, page: reader}
	if len(h.fields) > 0 {
		p.walker = record.NewWalker(h.tree)
	}
	if h.columns != nil {
		if err := r.columns(h.columns); err != nil {
			return err
		}
		p.bound, p.mine, p.names = true, true, h.columns
	}
	for {
		el, err := reader.Next()
		if err != nil {
			return p.end(err)
		}
		p.found = true
		if err := p.take(el); err != nil {
			return err
		}
	}
}

// pageReader makes records of elements.
type pageReader struct {
	*run
	format *htmlPage
	page   *page.Reader
	walker *record.Walker
	json   []byte
	found  bool

	// names are the columns, once they are bound. mine says that the table with the
	// number has them.
	bound, mine bool
	names       []string
	table       int
	first       bool // its first row is next
	grid        page.Grid
	others      []string // first rows of other tables
}

func (p *pageReader) end(err error) error {
	var syntax *page.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return &UnreadableError{fmt.Sprintf("%s (line %d, after %s)", syntax.Reason, syntax.Line, count(int(p.stats.Records), "record"))}
	case !errors.Is(err, io.EOF):
		return err
	case p.page.Empty():
		return nil
	case !p.found:
		return &UnreadableError{fmt.Sprintf("no element at spec.input.html.records %q; %s", p.format.at, p.page.Survey.String())}
	case len(p.format.fields) == 0 && !p.bound:
		return &UnreadableError{"no row has the columns of the mapping (" + listed(p.wanted()) + "); the rows begin with: " + strings.Join(p.others, "; ")}
	}
	return nil
}

// wanted are the columns that the mapping names.
func (p *pageReader) wanted() []string {
	var names []string
	for _, in := range p.p.inputs {
		if in.Name != "" && in.Name[0] != '[' && in.Name[0] != '$' {
			names = append(names, in.Name)
		}
	}
	return names
}

func (p *pageReader) take(el *page.Element) error {
	reason := ""
	switch {
	case errors.Is(el.Err, page.ErrLong):
		reason = p.tooLong()
	case el.Err != nil:
		reason = el.Err.Error()
	default:
		reason = p.set.invalid(el.Raw)
	}
	switch {
	case reason != "":
		return p.reject(reason, el.Raw)
	case len(p.format.fields) > 0:
		return p.members(el)
	case el.Node.DataAtom != atom.Tr:
		return &UnreadableError{fmt.Sprintf("spec.input.html.records %q finds <%s>, which is no row of a table; say what to take from it in spec.input.html.fields",
			p.format.at, el.Node.Data)}
	}
	return p.cellsOf(el)
}

// members makes a record of the fields.
func (p *pageReader) members(el *page.Element) error {
	p.json = append(p.json[:0], '{')
	for _, f := range p.format.fields {
		before := len(p.json)
		if before > 1 {
			p.json = append(p.json, ',')
		}
		var found bool
		p.json = append(record.AppendString(p.json, f.name), ':')
		if p.json, found = f.Append(p.json, el.Node); !found {
			p.json = p.json[:before]
		}
	}
	p.json = append(p.json, '}')
	return p.made(p.walker, p.json, el.Raw, "")
}

// What rows are that are no records.
const (
	noCells      = "row without cells"
	headerAgain  = "header"
	beforeHeader = "row before the header"
	otherTable   = "row of another table"
)

// cellsOf makes a record of a row. Where rows of several tables are found, those
// count that have the header of the first one with columns of the mapping.
func (p *pageReader) cellsOf(el *page.Element) error {
	if el.Table != p.table {
		p.table, p.first = el.Table, true
		p.grid.Reset()
	}
	cells, heads, n := p.grid.Row(el.Node)
	if n == 0 {
		p.pass(noCells)
		return nil
	}
	first := p.first
	p.first = false
	if !p.bound {
		return p.bindTo(cells, first)
	}
	if why := p.none(cells, first, heads); why != "" {
		p.pass(why)
		return nil
	}
	if len(cells) < len(p.names) {
		return p.reject(fmt.Sprintf("has %s, the header has %d", count(len(cells), "cell"), len(p.names)), el.Raw)
	}
	return p.row(cells, el.Raw)
}

// bindTo takes a row for the header if it is that.
func (p *pageReader) bindTo(cells []string, first bool) error {
	if !p.header(cells) {
		if first && len(p.others) < maxSeenNames {
			p.others = append(p.others, listed(cells))
		}
		p.pass(beforeHeader)
		return nil
	}
	p.bound, p.mine, p.names = true, true, slices.Clone(cells)
	return p.columns(p.names)
}

// none says why a row is no record; "" if it is one.
func (p *pageReader) none(cells []string, first, heads bool) string {
	same := slices.Equal(cells, p.names)
	switch {
	case p.format.columns != nil && heads:
		return headerAgain
	case p.format.columns != nil:
		return ""
	case first:
		p.mine = same
	}
	switch {
	case !p.mine:
		return otherTable
	case same && (heads || first):
		return headerAgain
	}
	return ""
}

// header reports whether a row has a column of the mapping.
func (p *pageReader) header(cells []string) bool {
	wanted := p.wanted()
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(name string) bool { return slices.Contains(cells, name) })
}
