package parse

import (
	"fmt"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// recordSeparator is before each document of a JSON text sequence (RFC 7464).
const recordSeparator = 0x1E

// documents reads one document after the other. One that has no place for records
// does not keep the others from being read, but the payload is then not what the
// Parser says.
func (d *documentReader) documents(read func() error) error {
	lacking := ""
	for n := 1; ; n++ {
		more, err := d.nextDocument()
		switch {
		case err != nil:
			return err
		case !more && lacking != "":
			return &UnreadableError{lacking}
		case !more:
			return nil
		}
		d.found, d.hint = false, ""
		if err := read(); err != nil {
			return err
		}
		if !d.found && lacking == "" {
			lacking = fmt.Sprintf("document %d: %s", n, d.hint)
		}
	}
}

// nextDocument passes over what is between documents; false at the end.
func (d *documentReader) nextDocument() (bool, error) {
	for {
		c, err := d.peek()
		switch {
		case err != nil:
			return false, err
		case c == recordSeparator:
			d.src.pos++
			continue
		}
		return c != 0 || d.src.pos < d.src.end, nil
	}
}

// ahead looks at the value that comes next without consuming it, at least at so many
// bytes of it; whole says that it is all of it.
func (d *documentReader) ahead(limit int) (text []byte, whole bool, err error) {
	var scan record.Scanner
	for at := 0; ; {
		end, done := scan.Scan(d.src.buf[:d.src.end], d.src.pos+at)
		if done {
			return d.src.buf[d.src.pos:end], true, nil
		}
		if at = end - d.src.pos; at >= limit {
			return d.src.buf[d.src.pos:end], false, nil
		}
		if more, err := d.src.fill(); !more {
			return d.src.buf[d.src.pos:d.src.end], false, err
		}
	}
}

// elements calls each at every element of an array; it must read it.
func (d *documentReader) elements(each func() error) error {
	d.src.pos++
	for n := 0; ; n++ {
		if done, err := d.separator(n, ']'); done || err != nil {
			return err
		}
		if err := each(); err != nil {
			return err
		}
	}
}

// membersOf calls each at the value of every member of an object; it must read it.
// The name is valid until then.
func (d *documentReader) membersOf(each func(name string) error) error {
	d.src.pos++
	for n := 0; ; n++ {
		if done, err := d.separator(n, '}'); done || err != nil {
			return err
		}
		name, err := d.member()
		if err != nil {
			return err
		}
		if err := each(name); err != nil {
			return err
		}
	}
}
