package parse

import (
	"bytes"
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// iniSections has a record a section.
type iniSections struct {
	separator []byte
	comments  [][]byte
	tree      *record.Tree
}

func compileINI(spec *v1alpha1.INISpec) (format, error) {
	f := &iniSections{separator: bytes.Trim([]byte(spec.Separator), " \t"), comments: [][]byte{{'#'}, {';'}}}
	if len(f.separator) == 0 {
		f.separator = []byte{'='}
		if spec.Separator != "" {
			return nil, fmt.Errorf("spec.input.ini.separator: %q is white space alone; write what is between key and value, such as \":\"", spec.Separator)
		}
	}
	if spec.Comments != nil {
		f.comments = nil
	}
	for i, c := range spec.Comments {
		if c == "" {
			return nil, fmt.Errorf("spec.input.ini.comments[%d]: is empty; write a prefix such as \"#\"", i)
		}
		f.comments = append(f.comments, []byte(c))
	}
	return f, nil
}

func (*iniSections) options() mapping.Options { return mapping.Options{JSON: true} }

func (f *iniSections) bind(p *mapping.Program) error {
	f.tree = treeOf(p)
	return nil
}

func (f *iniSections) read(r *run) error {
	if err := r.start("INI"); err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if begin := bytes.TrimLeft(start, " \t\r\n"); bytes.HasPrefix(begin, []byte("{")) || bytes.HasPrefix(begin, []byte(`[{`)) || bytes.HasPrefix(begin, []byte(`["`)) {
		return &UnreadableError{"it looks like JSON, not INI"}
	}
	c := &sectionReader{run: r, format: f, walker: record.NewWalker(f.tree)}
	for {
		line, err := r.nextLine(nil)
		if err != nil {
			return err
		}
		if line == nil {
			return c.flush()
		}
		if err := c.line(line); err != nil {
			return err
		}
	}
}

// sectionReader is the way of one payload through its sections.
type sectionReader struct {
	*run
	format *iniSections
	walker *record.Walker
	// What has been read of the section.
	begun   bool
	name    string
	bad     string // why the section cannot be read
	raw     []byte
	members members
	// key is the last key, indent how far it is indented; its value begins in text
	// at value, and lines that are indented further go on with it.
	key    string
	hasKey bool
	indent int
	value  int
	text   []byte
	json   []byte
}

func (c *sectionReader) line(line []byte) error {
	indent := skipWhite(line, 0)
	text := trim(line[indent:])
	for _, prefix := range c.format.comments {
		if bytes.HasPrefix(text, prefix) {
			return nil
		}
	}
	further := c.hasKey && indent > c.indent
	if text[0] == '[' && !further {
		return c.section(line, text)
	}
	i := bytes.Index(text, c.format.separator)
	name := trim(text[:max(i, 0)])
	switch {
	case c.bad != "":
		c.keep(line)
	case further:
		c.keep(line)
		if len(c.text) > c.value {
			c.text = append(c.text, '\n')
		}
		c.text = append(c.text, text...)
	case i < 0:
		c.endValue()
		return c.reject(fmt.Sprintf("the line is neither a section, a comment nor a key with %q", c.format.separator), line)
	case len(name) == 0:
		c.endValue()
		return c.reject(fmt.Sprintf("there is no key before %q", c.format.separator), line)
	default:
		c.begin(line, name, trim(text[i+len(c.format.separator):]), indent)
	}
	return nil
}

// begin takes the first line of a value.
func (c *sectionReader) begin(line, name, value []byte, indent int) {
	c.endValue()
	c.keep(line)
	if c.bad != "" {
		return
	}
	start := len(c.text)
	c.text = append(c.text, name...)
	c.key, c.hasKey, c.indent = record.Text(c.text[start:len(c.text):len(c.text)]), true, indent
	c.value = len(c.text)
	c.text = append(c.text, value...)
}

// section ends what was there before, and begins with [name].
func (c *sectionReader) section(line, text []byte) error {
	if err := c.flush(); err != nil {
		return err
	}
	c.keep(line)
	name, ok := c.sectionName(text)
	if !ok {
		c.bad = fmt.Sprintf("the name of the section %.60q has no ] at its end", text)
		return nil
	}
	c.name = string(name)
	return nil
}

// sectionName is what is between the brackets; a comment may follow.
func (c *sectionReader) sectionName(text []byte) ([]byte, bool) {
	for end := len(text); ; {
		i := bytes.LastIndexByte(text[:end], ']')
		if i < 0 {
			return nil, false
		}
		rest := trim(text[i+1:])
		if len(rest) == 0 {
			return trim(text[1:i]), true
		}
		for _, prefix := range c.format.comments {
			if bytes.HasPrefix(rest, prefix) {
				return trim(text[1:i]), true
			}
		}
		end = i
	}
}

// keep adds a line to the section.
func (c *sectionReader) keep(line []byte) {
	c.begun = true
	switch {
	case len(c.raw)+len(line)+1 > c.p.max && len(c.raw) > 0:
		c.bad = c.tooLong()
		c.members.reset()
		c.hasKey = false
		c.text, c.value = c.text[:0], 0
	case len(c.raw) > 0:
		c.raw = append(append(c.raw, '\n'), line...)
	default:
		c.raw = append(c.raw, line...)
	}
}

func (c *sectionReader) endValue() {
	if c.hasKey {
		c.members.add(c.key, record.Text(c.text[c.value:len(c.text):len(c.text)]))
	}
	c.hasKey = false
}

// flush hands on the section that has been read.
func (c *sectionReader) flush() error {
	if !c.begun {
		return nil
	}
	c.endValue()
	var err error
	if c.bad != "" {
		err = c.reject(c.bad, c.raw)
	} else {
		c.json = c.members.appendJSON(c.json[:0])
		err = c.made(c.walker, c.json, c.raw, c.name)
	}
	c.members.reset()
	c.begun, c.name, c.bad, c.raw, c.text = false, "", "", c.raw[:0], c.text[:0]
	return err
}
