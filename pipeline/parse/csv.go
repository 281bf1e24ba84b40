package parse

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
)

// csvTable is a table with delimited cells.
//
// Cells are trimmed of spaces and tabs around them. Lines of nothing but spaces
// and tabs are ignored.
// Header names that occur twice become name, name_2, name_3; those that are empty
// become column_<position>.
type csvTable struct {
	delimiter []byte
	white     bool // any run of spaces and tabs is a delimiter
	quote     byte // 0: quotes are plain text
	escape    byte // 0: none
	comment   []byte
	header    v1alpha1.HeaderMode
	columns   []string
	skip      int  // lines at the beginning
	fill      bool // short rows are filled with empty cells
}

const (
	whitespace   = "Whitespace"
	maxDelimiter = 8
)

func compileCSV(spec *v1alpha1.CSVSpec) (format, error) {
	t := &csvTable{
		delimiter: []byte(spec.Delimiter), quote: '"', comment: []byte(spec.Comment),
		header: spec.Header, columns: spec.Columns, skip: int(spec.SkipLines),
	}
	switch {
	case spec.Delimiter == "":
		t.delimiter = []byte{','}
	case spec.Delimiter == whitespace:
		t.delimiter, t.white = []byte{' '}, true
	case len([]rune(spec.Delimiter)) > maxDelimiter:
		return nil, fmt.Errorf("spec.input.csv.delimiter: %q is longer than %d characters; for spaces and tabs write %s",
			spec.Delimiter, maxDelimiter, whitespace)
	}
	if t.header == "" {
		t.header = v1alpha1.HeaderFirst
	}
	switch spec.Quote {
	case "", `"`:
	case "'":
		t.quote = '\''
	case "None":
		t.quote = 0
	default:
		return nil, fmt.Errorf(`spec.input.csv.quote: %q is not supported; write '"', "'" or None`, spec.Quote)
	}
	switch spec.ShortRows {
	case "", v1alpha1.ShortRowsReject:
	case v1alpha1.ShortRowsFill:
		t.fill = true
	default:
		return nil, fmt.Errorf("spec.input.csv.shortRows: %q is neither Reject nor Fill", spec.ShortRows)
	}
	if err := t.setEscape(spec.Escape); err != nil {
		return nil, err
	}
	return t, t.check()
}

func (t *csvTable) setEscape(escape string) error {
	switch {
	case escape == "":
		return nil
	case escape != `\`:
		return fmt.Errorf(`spec.input.csv.escape: %q is not supported; write "\\"`, escape)
	case t.quote == 0:
		return errors.New("spec.input.csv.escape: is for quoted cells, and quote: None says that there are none")
	}
	t.escape = escape[0]
	return nil
}

func (t *csvTable) check() error {
	const at = "spec.input.csv."
	if bytes.ContainsAny(t.delimiter, "\r\n") || t.quote != 0 && bytes.IndexByte(t.delimiter, t.quote) >= 0 {
		return fmt.Errorf("%sdelimiter: %q holds a line break or the quote", at, t.delimiter)
	}
	switch t.header {
	case v1alpha1.HeaderFirst, v1alpha1.HeaderCommented:
		if len(t.columns) > 0 {
			return fmt.Errorf("%scolumns: are for header: None; with header: %s the names come from the payload", at, t.header)
		}
		if t.header == v1alpha1.HeaderCommented && len(t.comment) == 0 {
			return errors.New(at + "comment: is needed for header: Commented; write the prefix of comment lines, such as \"#\"")
		}
		return nil
	case v1alpha1.HeaderNone:
	default:
		return fmt.Errorf("%sheader: %q is none of First, Commented and None", at, t.header)
	}
	return checkColumns(t.columns, at)
}

// checkColumns checks the names of the columns of a table without a header.
func checkColumns(columns []string, at string) error {
	if len(columns) == 0 {
		return errors.New(at + "columns: are needed for header: None; name the columns from left to right")
	}
	seen := map[string]int{}
	for i, name := range columns {
		if before, ok := seen[name]; ok {
			return fmt.Errorf("%scolumns[%d]: %q is columns[%d] already", at, i, name, before)
		}
		seen[name] = i
	}
	return nil
}

func (t *csvTable) options() mapping.Options {
	return mapping.Options{Columns: t.columns, ColumnsAt: "spec.input.csv.columns"}
}

func (t *csvTable) bind(*mapping.Program) error { return nil }

func (t *csvTable) read(r *run) error {
	if err := r.start("CSV"); err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if t.skip == 0 && looksLikeJSON(start) {
		return &UnreadableError{"it looks like JSON, not CSV"}
	}
	if err := r.skipLines(t.skip); err != nil {
		return err
	}
	c := &csvReader{run: r, table: t}
	if t.header == v1alpha1.HeaderNone {
		if err := r.columns(t.columns); err != nil {
			return err
		}
		c.named = true
	}
	for {
		line, err := c.next()
		if err != nil || line == nil {
			return err
		}
		if err := c.record(line); err != nil {
			return err
		}
	}
}

// csvReader is the way of one payload through a csvTable.
type csvReader struct {
	*run
	table *csvTable
	row   splitter
	// named: the columns are known.
	named bool
	// commented is the last comment line that says something, before the first
	// record.
	commented []byte
	// single is the offset up to which quoted cells must end in their line:
	// a quote before it was looked for to no avail.
	single int64
}

// next is the next line that may begin a record. Before the columns are known it
// looks for the header among the comments.
func (c *csvReader) next() ([]byte, error) {
	if c.named {
		return c.nextLine(c.table.comment)
	}
	if c.table.header == v1alpha1.HeaderFirst {
		line, reason, err := c.readLine(c.table.comment)
		if err == nil && reason != "" {
			err = &UnreadableError{"the header cannot be read: " + reason}
		}
		return line, err
	}
	for {
		line, reason, err := c.readLine(nil)
		switch {
		case err != nil || line == nil:
			return nil, err
		case bytes.HasPrefix(line, c.table.comment):
			if reason == "" {
				c.keepComment(line)
			}
			continue
		}
		if err := c.commentedHeader(); err != nil || reason == "" {
			return line, err
		}
		if err := c.reject(reason, line); err != nil {
			return nil, err
		}
		return c.nextLine(c.table.comment)
	}
}

// keepComment keeps a comment line that may be the header.
func (c *csvReader) keepComment(line []byte) {
	for bytes.HasPrefix(line, c.table.comment) {
		line = line[len(c.table.comment):]
	}
	if !blank(line) {
		c.commented = append(c.commented[:0], trim(line)...)
	}
}

// record takes the record that begins with line.
func (c *csvReader) record(line []byte) error {
	raw, reason, err := c.split(line)
	if err != nil {
		return err
	}
	if !c.named {
		if reason != "" {
			return &UnreadableError{"the header cannot be read: " + reason}
		}
		return c.name(c.row.cells)
	}
	if reason == "" {
		reason = c.checkWidth()
	}
	if reason != "" {
		return c.reject(reason, raw)
	}
	return c.run.row(c.row.cells, raw)
}

func (c *csvReader) commentedHeader() error {
	if c.commented == nil {
		return &UnreadableError{"there is no header: no comment line (" + string(c.table.comment) + ") comes before the first record"}
	}
	c.row.reset(c.table)
	if !c.row.split(c.commented) {
		return &UnreadableError{"the header cannot be read: a quote in it never closes"}
	}
	c.row.finish(c.commented)
	return c.name(c.row.cells)
}

// name takes the names of the columns from the header.
func (c *csvReader) name(cells []string) error {
	c.named = true
	return c.columns(columnNames(cells))
}

// columnNames makes names of the cells of a header. None is there twice or empty.
func columnNames(cells []string) []string {
	names := make([]string, len(cells))
	taken := map[string]bool{}
	for i, cell := range cells {
		taken[cell] = true
		names[i] = strings.Clone(cell)
	}
	seen := map[string]bool{}
	for i, name := range names {
		if name == "" {
			name = "column_" + strconv.Itoa(i+1)
		}
		base := name
		for n := 2; seen[name] || name != names[i] && taken[name]; n++ {
			name = base + "_" + strconv.Itoa(n)
		}
		seen[name] = true
		names[i] = name
	}
	return names
}

func (c *csvReader) checkWidth() string {
	have, want := len(c.row.cells), len(c.rec.m.Columns)
	switch {
	case have == want:
		return ""
	case have < want && c.table.fill:
		for range want - have {
			c.row.cells = append(c.row.cells, "")
		}
		return ""
	case c.table.header == v1alpha1.HeaderNone:
		if have > want {
			return ""
		}
		return fmt.Sprintf("the row has %s, spec.input.csv.columns has %d", count(have, "cell"), want)
	}
	return fmt.Sprintf("the row has %s, the header has %d", count(have, "cell"), want)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// split takes the record that begins with line apart, and with it the lines that
// a quoted cell goes on in. A quote that never closes costs its own line only:
// reading goes on with the next one.
func (c *csvReader) split(line []byte) (raw []byte, reason string, err error) {
	c.row.reset(c.table)
	if c.table.quote == 0 || bytes.IndexByte(line, c.table.quote) < 0 {
		c.row.splitPlain(line)
		return line, "", nil
	}
	first := c.src.mark()
	for raw = line; !c.row.split(raw); {
		vain, more := len(raw), false
		if c.row.broken >= 0 {
			vain = bytes.LastIndexByte(raw[:c.row.broken], c.src.eol) + 1
		} else if c.src.offset(c.src.pos) >= c.single {
			if raw, more, err = c.src.longer(); err != nil {
				return nil, "", err
			}
		}
		if !more {
			c.single = max(c.single, c.src.offset(c.src.pos+vain))
			return c.unclosed(first)
		}
	}
	if len(raw) != len(line) {
		if reason = c.set.invalid(raw); reason != "" {
			return raw, reason, nil
		}
	}
	c.row.finish(raw)
	return raw, "", nil
}

// unclosed gives up on a quote.
func (c *csvReader) unclosed(first mark) ([]byte, string, error) {
	open := len(c.row.spans) + 1
	where := "in cell " + strconv.Itoa(open)
	if c.named && open <= len(c.rec.m.Columns) {
		where = "in column " + quoted(c.rec.m.Columns[open-1])
	}
	return c.src.rewind(first), "a quote that opens " + where + " never closes", nil
}
