package parse

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

const (
	maxMemberName = 4 << 10
	// maxSeenNames is how many member names an error lists.
	maxSeenNames = 12
)

func (j *jsonDocument) read(r *run) error {
	d := &documentReader{run: r, format: j, walker: record.NewWalker(j.tree)}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if err := foreign(start, r.set, "JSON"); err != nil {
		return err
	}
	if j.many {
		return d.documents(func() error { return d.find(j.path) })
	}
	return d.document()
}

// document reads the only document.
func (d *documentReader) document() error {
	c, err := d.peek()
	if err != nil || c == 0 && d.src.pos == d.src.end {
		return err
	}
	if err := d.find(d.format.path); err != nil {
		return err
	}
	if c, err = d.peek(); err != nil {
		return err
	}
	switch {
	case c != 0 || d.src.pos < d.src.end:
		return d.unreadable("more text follows the document; is it jsonLines, or json with concatenated: true?")
	case !d.found:
		return &UnreadableError{d.hint}
	}
	return nil
}

// documentReader walks through a document to its records. The current position
// is src.pos: what lies before it is forgotten, so that the size of a document
// does not matter.
type documentReader struct {
	*run
	format *jsonDocument
	walker *record.Walker
	// take takes a record; nil for one that goes to the mapping as it is.
	take func(raw []byte, name string) error
	// found: there was a place for records; hint says what was there instead.
	found bool
	hint  string
	name  []byte
}

func (d *documentReader) unreadable(format string, args ...any) error {
	return &UnreadableError{fmt.Sprintf(format, args...) +
		fmt.Sprintf(" (at byte %d, after %s)", d.src.offset(d.src.pos), count(int(d.stats.Records), "record"))}
}

// peek passes over white space and returns the next byte; 0 at the end.
func (d *documentReader) peek() (byte, error) {
	for {
		for d.src.pos < d.src.end {
			switch c := d.src.buf[d.src.pos]; c {
			case ' ', '\t', '\r', '\n':
				d.src.pos++
			default:
				return c, nil
			}
		}
		if more, err := d.src.fill(); !more {
			return 0, err
		}
	}
}

// expect is peek where the document may not end.
func (d *documentReader) expect() (byte, error) {
	c, err := d.peek()
	if err == nil && c == 0 && d.src.pos == d.src.end {
		err = d.truncated()
	}
	return c, err
}

func (d *documentReader) truncated() error { return d.unreadable("the JSON ends in the middle") }

// value reads the next value. One that is longer than limit is passed over, and
// only its beginning returned. It is valid until the next call.
func (d *documentReader) value(limit int) (raw []byte, long bool, err error) {
	if _, err := d.expect(); err != nil {
		return nil, false, err
	}
	src := d.src
	var scan record.Scanner
	for at := 0; ; {
		end, done := scan.Scan(src.buf[:src.end], src.pos+at)
		if done || src.eof && scan.Scalar() {
			raw, long = d.cut(end, limit, long)
			if len(raw) == 0 {
				err = d.unreadable("expected a value")
			}
			return raw, long, err
		}
		if at = end - src.pos; at > limit || long {
			if !long {
				src.head = src.head[:0]
			}
			src.keep(end)
			long, at, src.pos = true, 0, end
		}
		more, err := src.fill()
		if err != nil {
			return nil, false, err
		}
		if !more && !scan.Scalar() {
			src.pos = src.end
			return nil, false, d.truncated()
		}
	}
}

// cut takes the value that ends at end; of a long one the beginning is in head.
func (d *documentReader) cut(end, limit int, long bool) ([]byte, bool) {
	raw := d.src.buf[d.src.pos:end]
	if long {
		d.src.keep(end)
		raw = d.src.head
	}
	d.src.pos = end
	if long || len(raw) > limit {
		return raw[:min(len(raw), maxRejected)], true
	}
	return raw, false
}

// skip passes over the next value.
func (d *documentReader) skip() error {
	_, _, err := d.value(0)
	return err
}

// find goes from the next value along the path to the records.
func (d *documentReader) find(path record.Path) error {
	c, err := d.expect()
	if err != nil {
		return err
	}
	if len(path) == 0 {
		return d.records(c)
	}
	step := path[0]
	switch {
	case c == '{' && step.Kind != record.Index:
		return d.object(path)
	case c == '[' && step.Kind != record.Key:
		return d.array(path)
	}
	if kindName(c) == noJSON {
		return d.notJSON()
	}
	d.missed(path, "there is "+kindName(c)+", not "+kindName(wanted(step.Kind)))
	return d.skip()
}

func wanted(k record.SegmentKind) byte {
	if k == record.Index {
		return '['
	}
	return '{'
}

const noJSON = "no JSON"

// kindName says what a value is by its first byte.
func kindName(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	if c == '-' || c-'0' <= 9 {
		return "a number"
	}
	return noJSON
}

// missed keeps the first reason why there are no records.
func (d *documentReader) missed(rest record.Path, what string) {
	if d.hint != "" {
		return
	}
	place := "the document"
	if walked := d.format.path[:len(d.format.path)-len(rest)]; len(walked) > 0 {
		place = quoted(walked.String())
	}
	if d.format.at == "" {
		d.hint = what
		return
	}
	d.hint = fmt.Sprintf("no records at spec.input.json.records %q: in %s %s", d.format.at, place, what)
}

// records takes the value at the end of the path.
func (d *documentReader) records(c byte) error {
	switch {
	case c == '[':
		d.found = true
		return d.array(record.Path{{Kind: record.Any}})
	case c == 'n':
		d.found = true
		return d.skip()
	case c == '{' && len(d.format.path) == 0:
		d.found = true
		return d.one("")
	case c == '{':
		d.missed(nil, fmt.Sprintf("there is an object, not an array; %s.* takes its values", d.format.path))
	default:
		if d.format.at == "" || kindName(c) == noJSON {
			return d.notJSON()
		}
		d.missed(nil, "there is "+kindName(c)+", not an array")
	}
	return d.skip()
}

func (d *documentReader) notJSON() error {
	start, err := d.src.peek(40)
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(start), "\n")
	return &UnreadableError{fmt.Sprintf("it is no JSON array or object; it begins with %q", line)}
}

// one takes the next value as a record.
func (d *documentReader) one(name string) error {
	raw, long, err := d.value(d.p.max)
	if err != nil {
		return err
	}
	reason := ""
	if long {
		reason = d.tooLong()
	} else {
		reason = d.set.invalid(raw)
	}
	if reason != "" {
		return d.reject(reason, raw)
	}
	if d.take != nil {
		return d.take(raw, name)
	}
	return d.extract(d.walker, raw, name)
}

// object goes through the members of an object, by path[0].
func (d *documentReader) object(path record.Path) error {
	d.src.pos++
	o := objectWalk{documentReader: d, path: path}
	for n := 0; ; n++ {
		if done, err := d.separator(n, '}'); done || err != nil {
			if err == nil {
				o.end(n)
			}
			return err
		}
		name, err := d.member()
		if err != nil {
			return err
		}
		if err := o.take(name); err != nil {
			return err
		}
	}
}

// objectWalk is the way through one object.
type objectWalk struct {
	*documentReader
	path record.Path
	hit  bool     // the member of the path was there
	seen []string // the names of others
}

// take takes the value of a member.
func (o *objectWalk) take(name string) error {
	step := o.path[0]
	switch {
	case step.Kind == record.Any && len(o.path) == 1:
		o.found = true
		return o.one(name)
	case step.Kind == record.Any || step.Key == name:
		// A member that is there twice is read twice: what the first one held has
		// become events already, and what the second one holds must not be lost.
		o.hit = true
		return o.find(o.path[1:])
	}
	if len(o.seen) < maxSeenNames && !slices.Contains(o.seen, name) {
		o.seen = append(o.seen, strings.Clone(name))
	}
	return o.aside(name)
}

// aside takes what is captured out of a member that is not on the way to the
// records, and passes over it.
func (o *objectWalk) aside(name string) error {
	walked := o.format.path[:len(o.format.path)-len(o.path)]
	here := append(slices.Clip(walked), record.Segment{Kind: record.Key, Key: name})
	var found []*capture
	for i := range o.format.captures {
		if c := &o.format.captures[i]; under(c.steps, here) {
			found = append(found, c)
		}
	}
	if found == nil {
		return o.skip()
	}
	raw, long, err := o.value(o.p.max)
	if err != nil || long {
		return err
	}
	for _, c := range found {
		tree := record.NewTree()
		tree.Add(c.steps[len(here):], 0)
		var value [1]record.Value
		if err := record.NewWalker(tree).Extract(raw, value[:]); err != nil {
			return o.unreadable("malformed JSON: %v", err)
		}
		if value[0].Present() {
			o.know(c, strings.Clone(value[0].Text))
		}
	}
	return nil
}

// end notes what the object lacked.
func (o *objectWalk) end(members int) {
	step := o.path[0]
	switch {
	case step.Kind == record.Any && members == 0:
		o.found = true
	case step.Kind == record.Key && members == 0:
		o.missed(o.path, fmt.Sprintf("there is no %q; it is empty", step.Key))
	case step.Kind == record.Key && !o.hit:
		o.missed(o.path, fmt.Sprintf("there is no %q; it has: %s", step.Key, strings.Join(o.seen, ", ")))
	}
}

// array goes through the elements of an array, by path[0].
func (d *documentReader) array(path record.Path) error {
	d.src.pos++
	step := path[0]
	for i := 0; ; i++ {
		if done, err := d.separator(i, ']'); done || err != nil {
			switch {
			case err != nil:
			case step.Kind == record.Any && i == 0:
				d.found = true
			case step.Kind == record.Index && i <= step.Index:
				d.missed(path, fmt.Sprintf("there are only %s", count(i, "element")))
			}
			return err
		}
		var err error
		switch {
		case step.Kind == record.Any && len(path) == 1:
			d.found = true
			err = d.one("")
		case step.Kind == record.Any || step.Index == i:
			err = d.find(path[1:])
		default:
			err = d.skip()
		}
		if err != nil {
			return err
		}
	}
}

// separator steps to the n-th member or element, or over the end of them.
func (d *documentReader) separator(n int, end byte) (done bool, err error) {
	c, err := d.expect()
	switch {
	case err != nil:
		return false, err
	case c == end:
		d.src.pos++
		return true, nil
	case n == 0:
		return false, nil
	case c != ',':
		return false, d.unreadable(`malformed JSON: expected "," or "%c"`, end)
	}
	d.src.pos++
	return false, nil
}

// member reads the name of a member and its colon. Names that are longer than
// any path are cut.
func (d *documentReader) member() (string, error) {
	if c, err := d.expect(); err != nil || c != '"' {
		if err == nil {
			err = d.unreadable("malformed JSON: expected a member name in quotes")
		}
		return "", err
	}
	raw, long, err := d.value(maxMemberName)
	if err != nil {
		return "", err
	}
	if long {
		d.name = append(d.name[:0], raw[:min(len(raw), maxMemberName)]...)
	} else {
		name, err := record.Unquote(raw)
		if err != nil {
			return "", d.unreadable("malformed JSON: %v", err)
		}
		d.name = append(d.name[:0], name...)
	}
	c, err := d.expect()
	if err == nil && c != ':' {
		err = d.unreadable(`malformed JSON: expected ":" after a member name`)
	}
	d.src.pos++
	return record.Text(d.name), err
}
