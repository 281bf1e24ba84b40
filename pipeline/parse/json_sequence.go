package parse

import (
	"bytes"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// jsonObjects are the records of a vocabulary in JSON, however they are strung
// together: an array, one a line, one after the other, or an array in a member of
// an object around them.
type jsonObjects struct {
	name string // of the vocabulary
	what string // for reasons
	// around are the members that objects around the records may have them in.
	around []string
	// rewrite appends a record to dst in the form that the mapping knows, or says why
	// it is none; nil: records are in that form.
	rewrite func(dst []byte, object string) (rec []byte, pass string)
	tree    *record.Tree
}

func (*jsonObjects) options() mapping.Options { return mapping.Options{JSON: true} }

func (j *jsonObjects) base() (*v1alpha1.ParserSpec, error) { return vocabularyOf(j.name) }

func (j *jsonObjects) bind(p *mapping.Program) error {
	j.tree = treeOf(p)
	return nil
}

func (j *jsonObjects) read(r *run) error {
	if err := r.start(j.what); err != nil {
		return err
	}
	return j.each(r, nil)
}

// each reads the objects of a payload that has been started. take takes them,
// well-formed; nil is for records.
func (j *jsonObjects) each(r *run, take func(raw []byte) error) error {
	o := &objectReader{jsonObjects: j, check: record.NewWalker(record.NewTree()), taken: take}
	o.documentReader = &documentReader{
		run: r, format: &jsonDocument{}, walker: record.NewWalker(j.tree), take: o.object,
	}
	lines, err := o.areLines()
	if err != nil {
		return err
	}
	if lines {
		return o.lines()
	}
	return o.documents(o.document)
}

type objectReader struct {
	*documentReader
	*jsonObjects
	check *record.Walker
	taken func(raw []byte) error
	text  []byte // of a record that has been rewritten
}

// object takes a record.
func (o *objectReader) object(raw []byte, name string) error {
	if !isObject(raw) {
		return o.reject("the record is no JSON object", raw)
	}
	if o.rewrite == nil && o.taken == nil {
		return o.extract(o.walker, raw, name)
	}
	if err := o.check.Extract(raw, nil); err != nil {
		return o.reject("malformed JSON: "+err.Error(), raw)
	}
	if o.taken != nil {
		return o.taken(raw)
	}
	text, pass := o.rewrite(o.text[:0], record.Text(raw))
	if o.text = text; pass != "" {
		o.passAs(pass)
		return nil
	}
	return o.made(o.walker, o.text, raw, name)
}

func isObject(raw []byte) bool {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	return len(raw) > 0 && raw[0] == '{'
}

// areLines reports whether the first line is one whole record: a record that is
// broken then costs one line, and not the rest of the payload.
func (o *objectReader) areLines() (bool, error) {
	if c, err := o.peek(); err != nil || c != '{' {
		return false, err
	}
	o.src.next = o.src.pos
	value, whole, err := o.ahead(o.p.max)
	if err != nil || !whole || o.isAround(value) {
		return false, err
	}
	after, err := o.src.peek(len(value) + 1)
	return err == nil && bytes.IndexByte(value, o.src.eol) < 0 && (len(after) == len(value) || blankUntilEnd(after[len(value):])), err
}

func blankUntilEnd(b []byte) bool { return b[0] == '\n' || b[0] == '\r' || b[0] == ' ' || b[0] == '\t' }

// isAround reports whether an object has records in one of its members.
func (o *objectReader) isAround(object []byte) bool {
	found := false
	record.Members(record.Text(object), func(name string, v record.Value) bool {
		found = v.Kind == record.Array && o.wraps(name)
		return !found
	})
	return found
}

func (o *objectReader) wraps(name string) bool {
	for _, a := range o.around {
		if a == name {
			return true
		}
	}
	return false
}

func (o *objectReader) lines() error {
	for {
		line, err := o.nextLine(nil)
		if err != nil || line == nil {
			return err
		}
		if err := o.object(bytes.TrimLeft(line, "\x1e"), ""); err != nil {
			return err
		}
	}
}

// document reads one of several values.
func (o *objectReader) document() error {
	o.found = true
	c, err := o.expect()
	if err != nil {
		return err
	}
	switch c {
	case '[':
		return o.array(record.Path{{Kind: record.Any}})
	case '{':
		if len(o.around) == 0 {
			return o.one("")
		}
		value, whole, err := o.ahead(o.p.max)
		if err != nil {
			return err
		}
		if whole && !o.isAround(value) {
			return o.one("")
		}
		return o.members()
	}
	if o.stats.Records > 0 {
		return o.unreadable("malformed JSON: expected a record")
	}
	return o.notJSON()
}

// members goes through an object that has the records in a member, or is too long
// for a record.
func (o *objectReader) members() error {
	start, err := o.src.peek(sniffSize)
	if err != nil {
		return err
	}
	head, hit := bytes.Clone(start), false
	err = o.membersOf(func(name string) error {
		c, err := o.expect()
		if err == nil && c == '[' && o.wraps(name) {
			hit = true
			return o.array(record.Path{{Kind: record.Any}})
		}
		if err == nil {
			err = o.skip()
		}
		return err
	})
	if err == nil && !hit {
		err = o.reject(o.tooLong(), head)
	}
	return err
}
