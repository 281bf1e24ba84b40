package parse

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// wholeLine is the column of text without a pattern.
const wholeLine = "line"

// textLines is text with one record a line.
type textLines struct {
	pattern *regexp.Regexp // nil: the line is the record
	comment []byte
	columns []string
	groups  []int // of the pattern, by column
}

func compileText(spec *v1alpha1.TextSpec) (format, error) {
	t := &textLines{comment: []byte(spec.Comment)}
	if spec.Pattern == "" {
		t.columns = []string{wholeLine}
		return t, nil
	}
	re, err := regexp.Compile(spec.Pattern)
	if err != nil {
		return nil, fmt.Errorf("spec.input.text.pattern: %w", err)
	}
	for i, name := range re.SubexpNames() {
		if name != "" {
			t.columns = append(t.columns, name)
			t.groups = append(t.groups, i)
		}
	}
	if len(t.columns) == 0 {
		return nil, errors.New("spec.input.text.pattern: has no named group; write (?P<ip>...) for each column")
	}
	t.pattern = re
	return t, nil
}

func (t *textLines) options() mapping.Options {
	at := "the groups of spec.input.text.pattern"
	if t.pattern == nil {
		at = "the columns of text without a pattern"
	}
	return mapping.Options{Columns: t.columns, ColumnsAt: at}
}

func (t *textLines) bind(*mapping.Program) error { return nil }

func (t *textLines) read(r *run) error {
	if err := r.start("text"); err != nil {
		return err
	}
	if err := r.columns(t.columns); err != nil {
		return err
	}
	cells := make([]string, len(t.columns))
	for {
		line, err := r.nextLine(t.comment)
		if err != nil || line == nil {
			return err
		}
		if t.pattern == nil {
			cells[0] = record.Text(trim(line))
			err = r.row(cells, line)
		} else {
			err = t.match(r, line, cells)
		}
		if err != nil {
			return err
		}
	}
}

func (t *textLines) match(r *run, line []byte, cells []string) error {
	m := t.pattern.FindSubmatchIndex(line)
	if m == nil {
		return r.reject("the line does not match spec.input.text.pattern", line)
	}
	r.rec.m.Cells = cells
	for i, g := range t.groups {
		cells[i] = ""
		if m[2*g] >= 0 {
			cells[i] = record.Text(trim(line[m[2*g]:m[2*g+1]]))
		}
	}
	return r.row(cells, line)
}

// start looks at the beginning of a payload of lines.
func (r *run) start(format string) error {
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if err := foreign(start, r.set, format); err != nil {
		return err
	}
	return r.src.detectEOL()
}

// skipLines passes over the first n lines, whatever they are; values may be
// captured from them.
func (r *run) skipLines(n int) error {
	for range n {
		line, long, ok, err := r.src.line()
		if err != nil || !ok {
			return err
		}
		if !long {
			r.captures(line)
		}
	}
	return nil
}

// nextLine returns the next line that is a record: it passes over comments and
// blank lines, and rejects lines that cannot be read. It is nil at the end of the
// payload.
func (r *run) nextLine(comment []byte) ([]byte, error) {
	for {
		line, reason, err := r.readLine(comment)
		if err != nil || line == nil || reason == "" {
			return line, err
		}
		if err := r.reject(reason, line); err != nil {
			return nil, err
		}
	}
}

// readLine returns the next line that is neither blank nor a comment, and why it
// cannot be read: it is too long or not in the character set.
func (r *run) readLine(comment []byte) (line []byte, reason string, err error) {
	for {
		line, long, ok, err := r.src.line()
		switch {
		case err != nil || !ok:
			return nil, "", err
		case len(r.p.captures) > 0 && !long && r.captures(line):
		case len(comment) > 0 && bytes.HasPrefix(line, comment):
		case long:
			return line, r.tooLong(), nil
		case !blank(line):
			return line, r.set.invalid(line), nil
		}
	}
}

func (r *run) tooLong() string {
	return fmt.Sprintf("the record is longer than %d bytes (spec.input.maxRecordBytes)", r.p.max)
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// trim removes spaces and tabs around a cell.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
