package parse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/workbook"
)

// maxWorkbook bounds a workbook: it is read as a whole, because an archive has its
// contents at the end.
const maxWorkbook = 64 << 20

// sheetTable is a table in a workbook.
type sheetTable struct {
	sheet   string
	skip    int
	header  v1alpha1.HeaderMode
	columns []string
}

func compileXLSX(spec *v1alpha1.XLSXSpec) (format, error) {
	t := &sheetTable{sheet: spec.Sheet, skip: int(spec.SkipRows), header: spec.Header, columns: spec.Columns}
	switch t.header {
	case "", v1alpha1.HeaderFirst:
		t.header = v1alpha1.HeaderFirst
		if len(t.columns) > 0 {
			return nil, errors.New("spec.input.xlsx.columns: are for header: None; with header: First the names come from the sheet")
		}
		return t, nil
	case v1alpha1.HeaderNone:
		return t, checkColumns(t.columns, "spec.input.xlsx.")
	}
	return nil, fmt.Errorf("spec.input.xlsx.header: %q is neither First nor None", t.header)
}

func (t *sheetTable) options() mapping.Options {
	return mapping.Options{Columns: t.columns, ColumnsAt: "spec.input.xlsx.columns"}
}

func (*sheetTable) bind(*mapping.Program) error { return nil }

// binary: a charset says nothing of an archive.
func (*sheetTable) binary() {}

// capture: rows that are skipped may have a date or a title.
func (t *sheetTable) capture(captures []capture) error {
	for i := range captures {
		if captures[i].path != "" {
			return fmt.Errorf("spec.input.capture[%d].path: is for json and xml; write a pattern for the rows that spec.input.xlsx.skipRows skips", i)
		}
		if t.skip == 0 {
			return fmt.Errorf("spec.input.capture[%d].pattern: is tried on the rows that spec.input.xlsx.skipRows skips, and it skips none", i)
		}
	}
	return nil
}

func (t *sheetTable) read(r *run) error {
	data, err := r.src.all(maxWorkbook)
	if err != nil || len(data) == 0 {
		return err
	}
	if !bytes.HasPrefix(data, []byte("PK")) && !bytes.HasPrefix(data, []byte("\xD0\xCF\x11\xE0")) {
		if err := foreign(data[:min(len(data), sniffSize)], r.set, "XLSX"); err != nil {
			return err
		}
	}
	book, err := workbook.Open(data)
	if err != nil {
		return &UnreadableError{err.Error()}
	}
	defer book.Close()
	sheet, err := book.Sheet(t.sheet)
	if err != nil {
		return &UnreadableError{err.Error()}
	}
	c := &sheetReader{run: r, table: t}
	if t.header == v1alpha1.HeaderNone {
		c.named = true
		if err := r.columns(t.columns); err != nil {
			return err
		}
	}
	err = book.Rows(sheet, t.skip, c.skipped, c.row)
	if taken := workbook.Taken(err); taken != nil {
		return taken
	}
	if err != nil {
		return &UnreadableError{err.Error()}
	}
	return nil
}

// sheetReader is the way through one sheet.
type sheetReader struct {
	*run
	table *sheetTable
	named bool
	raw   []byte
}

// text is a row as it is rejected: the cells with tabs between them.
func (c *sheetReader) text(cells []string) []byte {
	c.raw = c.raw[:0]
	for i, cell := range cells {
		if i > 0 {
			c.raw = append(c.raw, '\t')
		}
		c.raw = append(c.raw, cell...)
	}
	return c.raw
}

func (c *sheetReader) skipped(cells []string) error {
	c.captures(c.text(cells))
	return c.src.canceled()
}

func (c *sheetReader) row(cells []string) error {
	if err := c.src.canceled(); err != nil {
		return err
	}
	if !c.named {
		c.named = true
		return c.columns(columnNames(cells))
	}
	raw := c.text(cells)
	if len(raw) > c.p.max {
		return c.reject(c.tooLong(), raw)
	}
	want := len(c.rec.m.Columns)
	for len(cells) < want {
		cells = append(cells, "")
	}
	if c.table.header == v1alpha1.HeaderFirst && strings.Join(cells[want:], "") != "" {
		return c.reject(fmt.Sprintf("the row has %s, the header has %d", count(len(cells), "cell"), want), raw)
	}
	return c.run.row(cells, raw)
}

// all reads what is left of the payload, which may have so many bytes.
func (s *source) all(limit int) ([]byte, error) {
	const piece = 1 << 20
	var pieces [][]byte // without copies, until it is known how much there is
	for n := 0; ; {
		if err := s.canceled(); err != nil {
			return nil, err
		}
		b := make([]byte, piece)
		got, err := io.ReadFull(s.r, b)
		pieces, n = append(pieces, b[:got]), n+got
		switch {
		case n > limit:
			return nil, &UnreadableError{fmt.Sprintf("it is larger than %d MiB", limit>>20)}
		case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
			return slices.Concat(pieces...), nil
		case err != nil:
			return nil, err
		}
	}
}
