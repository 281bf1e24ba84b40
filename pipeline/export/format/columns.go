package format

import (
	"bytes"

	"github.com/weir-project/weir/pipeline/event"
)

// column is a Column with what it shows.
type column struct {
	name string
	field
}

// resolve leaves out columns whose field does not exist; the schema of
// Subscriptions has none.
func resolve(list []Column) []column {
	out := make([]column, 0, len(list))
	for _, c := range list {
		if f, ok := fields[c.Field]; ok {
			out = append(out, column{c.Name, f})
		}
	}
	return out
}

// columnsCSV is csv with columns of choice, in the style of n6's: every cell in
// quotes, lines end in CRLF, one more newline at the end. Several values of a cell
// are separated by blanks. Text that a spreadsheet would take for a formula gets an
// apostrophe in front.
type columnsCSV struct {
	columns  []column
	noHeader bool
	cell     []byte
}

func (*columnsCSV) ContentType() string   { return "text/csv; charset=UTF-8" }
func (*columnsCSV) End(dst []byte) []byte { return append(dst, '\n') }

func (c *columnsCSV) Begin(dst []byte) []byte {
	if c.noHeader {
		return dst
	}
	for i := range c.columns {
		dst = append(separate(dst, i), c.columns[i].name...)
	}
	return append(dst, "\"\r\n"...)
}

// separate begins the i-th cell of a line.
func separate(dst []byte, i int) []byte {
	if i > 0 {
		dst = append(dst, `",`...)
	}
	return append(dst, '"')
}

func (c *columnsCSV) Event(dst []byte, e *event.Event) []byte {
	for i := range c.columns {
		col := &c.columns[i]
		c.cell = col.join(c.cell[:0], e)
		dst = separate(dst, i)
		if col.kind != kindText {
			dst = appendBytes(dst, c.cell)
			continue
		}
		if len(c.cell) > 0 && startsFormula(c.cell[0]) {
			dst = append(dst, '\'')
		}
		if bytes.ContainsAny(c.cell, "\r\n") {
			dst = appendCell(dst, escapeNewlines(string(c.cell)))
		} else {
			dst = appendBytes(dst, c.cell)
		}
	}
	return append(dst, "\"\r\n"...)
}

// join appends all values that are not empty, separated by blanks.
func (f *field) join(dst []byte, e *event.Event) []byte {
	start := len(dst)
	for i := 0; ; i++ {
		before := len(dst)
		if before > start {
			dst = append(dst, ' ')
		}
		value := len(dst)
		var ok bool
		if dst, ok = f.at(dst, e, i); !ok {
			return dst[:before]
		}
		if len(dst) == value {
			dst = dst[:before]
		}
	}
}

// appendObject appends an event as compact JSON with columns as its keys. What is
// absent is left out; fields that may have several values are arrays.
func appendObject(dst []byte, columns []column, e *event.Event) []byte {
	dst = append(dst, '{')
	some := false
	for i := range columns {
		before := len(dst)
		if some {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), columns[i].name...), `":`...)
		var ok bool
		if dst, ok = columns[i].appendJSON(dst, e); !ok {
			dst = dst[:before]
			continue
		}
		some = true
	}
	return append(dst, '}')
}

// appendJSON appends the value, or false if there is none.
func (f *field) appendJSON(dst []byte, e *event.Event) ([]byte, bool) {
	if f.list {
		dst = append(dst, '[')
	}
	some := false
	for i := 0; ; i++ {
		before := len(dst)
		if some {
			dst = append(dst, ',')
		}
		if !f.number {
			dst = append(dst, '"')
		}
		start := len(dst)
		var ok bool
		if dst, ok = f.at(dst, e, i); !ok {
			dst = dst[:before]
			break
		}
		if len(dst) == start {
			dst = dst[:before]
			continue
		}
		some = true
		if !f.number {
			dst = append(escapeFrom(dst, start), '"')
		}
	}
	if f.list {
		dst = append(dst, ']')
	}
	return dst, some
}

// escapeFrom escapes what was appended to dst since start as the content of a JSON
// string.
func escapeFrom(dst []byte, start int) []byte {
	special := func(c byte) bool { return c < ' ' || c == '"' || c == '\\' }
	at := start
	for at < len(dst) && !special(dst[at]) {
		at++
	}
	if at == len(dst) {
		return dst
	}
	rest := bytes.Clone(dst[at:])
	dst = dst[:at]
	for _, c := range rest {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < ' ':
			dst = appendHex(dst, rune(c))
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
