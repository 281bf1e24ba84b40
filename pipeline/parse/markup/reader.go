package markup

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrLong is why a record has no tree that is longer than Reader allows.
var ErrLong = errors.New("the record is too long")

// SyntaxError says why a document cannot be read on.
type SyntaxError struct {
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s (line %d)", e.Reason, e.Line) }

// Attr is an attribute of an element around records.
type Attr struct{ Name, Value string }

// Open is an element that has begun and not ended.
type Open struct {
	Name  string
	Attrs []Attr
	// Nr counts the elements of the document that are in no record.
	Nr int
}

// Attr is the value of an attribute; "" if there is none.
func (o *Open) Attr(name string) string {
	for _, a := range o.Attrs {
		if a.Name == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// Record is one element.
type Record struct {
	// Root is the element; nil if Err says why it cannot be read: then reading
	// may go on with the next record.
	Root *Node
	Err  error
	// Raw is its bytes, or at least the first 64 KiB if it is too long.
	Raw []byte
	// Around are the elements that it is in, from the root of the document.
	Around []Open
}

// maxOpen bounds the depth of a document outside of records.
const maxOpen = 256

// Reader finds records. What it returns is valid until the next call.
type Reader struct {
	want func(open []Open) bool
	win  window
	dec  *xml.Decoder
	// from is the offset in the document where dec has begun, lines how many ends
	// of lines are before.
	from  int64
	lines int

	open  []Open
	nr    int
	begun bool // the element of the document
	any   bool // there was something but white space
	tree  Tree
	names []string // open elements of the record
	rec   Record
}

// NewReader reads a document from r, which must be UTF-8. An element is a record if
// want says so of the elements that are open there, the last of which is the
// element itself. Elements inside of a record are no records. One that has more
// than limit bytes has no tree.
func NewReader(r io.Reader, limit int, want func(open []Open) bool) *Reader {
	return &Reader{want: want, win: window{r: r, limit: limit}}
}

// Next returns the next record. The error is io.EOF at the end of the document,
// which has to be well formed: otherwise a *SyntaxError follows the records. An
// empty document is none.
func (r *Reader) Next() (*Record, error) {
	if r.dec == nil {
		if err := r.prolog(); err != nil {
			return nil, err
		}
	}
	for {
		r.win.forget(r.position())
		tok, err := r.dec.RawToken()
		if err != nil {
			rec, err := r.recover(err)
			if rec != nil || err != nil {
				return rec, err
			}
			continue
		}
		if rec, err := r.token(tok); rec != nil || err != nil {
			return rec, err
		}
	}
}

// token takes what is between records; the result is a record if one begins.
func (r *Reader) token(tok xml.Token) (*Record, error) {
	switch t := tok.(type) {
	case xml.StartElement:
		return r.element(t)
	case xml.EndElement:
		return nil, r.end(t.Name.Local)
	case xml.Comment, xml.Directive, xml.ProcInst:
		r.any = true
	case xml.CharData:
		if len(r.open) == 0 && len(bytes.TrimSpace(t)) > 0 {
			return nil, r.stray(string(t))
		}
	}
	return nil, nil
}

// prolog passes over the XML declaration: the caller has decoded the document
// already, and versions do not matter.
func (r *Reader) prolog() error {
	w := &r.win
	for w.end-w.at < len("<?xml ") {
		if err := w.fill(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		if trimmed := strings.TrimLeft(string(w.buf[w.at:w.end]), " \t\r\n"); len(trimmed) < w.end-w.at {
			w.at = w.end - len(trimmed)
			w.forget(w.at)
		}
	}
	if strings.HasPrefix(string(w.buf[w.at:min(w.end, w.at+5)]), "<?xml") {
		if _, _, err := w.skipMarkup(nil); err != nil {
			return r.ended(err)
		}
		r.any = true
	}
	r.restart()
	return nil
}

// restart begins to decode where the window is.
func (r *Reader) restart() {
	r.dec = xml.NewDecoder(&r.win)
	r.dec.Entity = xml.HTMLEntity
	// The document is UTF-8, whatever it was before.
	r.dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	r.win.forget(r.win.at)
	r.from, r.lines = r.win.base+int64(r.win.at), r.win.lines
}

// position is where the decoder is in the window.
func (r *Reader) position() int { return int(r.from + r.dec.InputOffset() - r.win.base) }

func (r *Reader) line() int {
	line, _ := r.dec.InputPos()
	return r.lines + line
}

func (r *Reader) syntax(format string, args ...any) error {
	return &SyntaxError{Line: r.line(), Reason: fmt.Sprintf(format, args...)}
}

func (r *Reader) stray(text string) error {
	text = strings.TrimSpace(text)
	line, _, _ := strings.Cut(text, "\n")
	if r.begun {
		return r.syntax("malformed XML: text follows the document: %.40q", line)
	}
	return r.syntax("it is no XML; it begins with %.40q", line)
}

// recover decides about an error between records: what is no element may be passed
// over if it is only its text that is wrong, and a record whose tag is wrong is
// one without a tree.
func (r *Reader) recover(err error) (*Record, error) {
	if errors.Is(err, io.EOF) && len(r.open) == 0 {
		if r.any && !r.begun {
			return nil, r.syntax("the XML ends in the middle: there is no element")
		}
		return nil, io.EOF
	}
	if !passable(err) {
		return nil, r.ended(err)
	}
	w := &r.win
	if w.at = w.start; w.at == w.end {
		if err := w.fill(); err != nil {
			return nil, r.ended(err)
		}
	}
	if w.buf[w.at] != '<' {
		if !r.begun {
			return nil, r.stray(string(w.buf[w.at:min(w.end, w.at+80)]))
		}
		if _, err := w.skipText(nil); err != nil {
			return nil, r.ended(err)
		}
		r.restart()
		return nil, nil
	}
	if name := w.tag(); name != "" {
		return r.unreadable(name, err)
	}
	if w.element() { // its name has no end: who knows what it is
		return nil, r.ended(err)
	}
	if _, _, err := w.skipMarkup(nil); err != nil {
		return nil, r.ended(err)
	}
	r.restart()
	return nil, nil
}

// unreadable takes an element outside of records whose tag cannot be read.
func (r *Reader) unreadable(name string, err error) (*Record, error) {
	if len(r.open) == maxOpen || r.begun && len(r.open) == 0 {
		return nil, r.ended(err)
	}
	r.begun = true
	r.nr++
	around := r.open
	if r.open = append(r.open, Open{Name: name, Nr: r.nr}); !r.want(r.open) {
		return nil, r.ended(err)
	}
	r.open = around
	return r.skip(err)
}

// skip passes over a record that cannot be read.
func (r *Reader) skip(why error) (*Record, error) {
	head, err := r.win.skipElement()
	if err != nil {
		return nil, r.ended(err)
	}
	r.restart()
	r.rec = Record{Err: reasonOf(why), Raw: head, Around: r.open}
	return &r.rec, nil
}

// passable reports whether an error leaves the structure of the document intact.
func passable(err error) bool {
	if errors.Is(err, errLong) || errors.Is(err, errTooDeep) || errors.Is(err, errTooMany) {
		return true
	}
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return false
	}
	for _, prefix := range []string{"invalid UTF-8", "illegal character code", "invalid character entity"} {
		if strings.HasPrefix(syntax.Msg, prefix) {
			return true
		}
	}
	return false
}

// message is what the decoder says, without all of a name that never ends.
func message(err *xml.SyntaxError) string {
	const most = 120
	return strings.ToValidUTF8(err.Msg[:min(len(err.Msg), most)], "\uFFFD")
}

// ended makes an error of one of the decoder.
func (r *Reader) ended(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, errLong):
		return r.syntax("a tag outside of records is longer than a record may be")
	case errors.As(err, &syntax) && syntax.Msg != "unexpected EOF":
		return &SyntaxError{Line: r.lines + syntax.Line, Reason: "malformed XML: " + message(syntax)}
	case errors.As(err, &syntax), errors.Is(err, io.EOF):
		return &SyntaxError{Line: r.win.lines + 1 + strings.Count(string(r.win.buf[r.win.start:r.win.end]), "\n"),
			Reason: "the XML ends in the middle" + r.unclosed()}
	}
	return err
}

func (r *Reader) unclosed() string {
	switch {
	case len(r.names) > 0:
		return ": <" + r.names[len(r.names)-1] + "> is not closed"
	case len(r.open) > 0:
		return ": <" + r.open[len(r.open)-1].Name + "> is not closed"
	}
	return ""
}

// element begins one outside of records; it is nil if that is no record.
func (r *Reader) element(t xml.StartElement) (*Record, error) {
	switch {
	case r.begun && len(r.open) == 0:
		return nil, r.syntax("malformed XML: a second element <%s> follows the document", t.Name.Local)
	case len(r.open) == maxOpen:
		return nil, r.syntax("elements are nested deeper than %d levels", maxOpen)
	}
	r.begun = true
	r.nr++
	o := Open{Name: t.Name.Local, Nr: r.nr}
	for _, a := range t.Attr {
		if !isNamespace(a.Name) {
			o.Attrs = append(o.Attrs, Attr{a.Name.Local, a.Value})
		}
	}
	r.open = append(r.open, o)
	if !r.want(r.open) {
		return nil, nil
	}
	around := r.open[:len(r.open)-1]
	r.open = around
	r.names = r.names[:0]
	err := r.record(t)
	if err != nil && !passable(err) {
		return nil, r.ended(err)
	}
	if err == nil {
		r.rec = Record{Root: r.tree.Root(), Raw: r.win.buf[r.win.start:r.position()], Around: around}
		return &r.rec, nil
	}
	return r.skip(err)
}

func reasonOf(err error) error {
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, errLong):
		return ErrLong
	case errors.As(err, &syntax):
		return errors.New("malformed XML: " + syntax.Msg)
	}
	return err
}

func (r *Reader) end(name string) error {
	if len(r.open) == 0 {
		return r.syntax("malformed XML: </%s> closes nothing", name)
	}
	if last := r.open[len(r.open)-1].Name; last != name {
		return r.syntax("malformed XML: <%s> is closed by </%s>", last, name)
	}
	r.open = r.open[:len(r.open)-1]
	return nil
}

// record builds the tree of the element that begins with t.
func (r *Reader) record(t xml.StartElement) error {
	r.tree.Reset()
	if err := r.enter(t); err != nil {
		return err
	}
	for len(r.names) > 0 {
		tok, err := r.dec.RawToken()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			err = r.enter(t)
		case xml.EndElement:
			if last := r.names[len(r.names)-1]; last != t.Name.Local {
				return r.syntax("malformed XML: <%s> is closed by </%s>", last, t.Name.Local)
			}
			r.names = r.names[:len(r.names)-1]
			r.tree.Close()
		case xml.CharData:
			err = r.tree.Text(t)
		}
		if err != nil {
			return err
		}
		if r.position()-r.win.start > r.win.limit {
			return errLong
		}
	}
	return nil
}

func (r *Reader) enter(t xml.StartElement) error {
	if err := r.tree.Open(t.Name.Local); err != nil {
		return err
	}
	r.names = append(r.names, t.Name.Local)
	for _, a := range t.Attr {
		if isNamespace(a.Name) {
			continue
		}
		if err := r.tree.Attr(a.Name.Local, a.Value); err != nil {
			return err
		}
	}
	return nil
}

func isNamespace(n xml.Name) bool { return n.Space == "xmlns" || n.Space == "" && n.Local == "xmlns" }
