// Package page reads HTML one record at a time: it finds the elements that a CSS
// selector names, builds a tree of each, and takes texts and attributes out of it.
// Markup is taken as browsers take it, with end tags missing; memory is bounded by
// the size of one record.
package page

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

var (
	// ErrLong is why a record has no tree that is longer than Reader allows.
	ErrLong    = errors.New("the record is too long")
	errTooMany = errors.New("the record has more than 65536 elements and texts")
)

// SyntaxError says why a page cannot be read on.
type SyntaxError struct {
	Line   int
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s (line %d)", e.Reason, e.Line) }

const (
	maxNodes = 1 << 16
	// maxAttrs is how many attributes of an element are read.
	maxAttrs = 256
	// maxToken bounds one text, comment, script or tag.
	maxToken = 16 << 20
	// maxOpen is how deep elements are nested; deeper ones are siblings.
	maxOpen = 512
	// headSize is how much is kept of a record that is too long.
	headSize = 64 << 10
)

// Element is one record.
type Element struct {
	Node *html.Node
	// Err says why there is no Node.
	Err error
	// Raw is its bytes, or at least the first 64 KiB if it is too long.
	Raw []byte
	// Table counts the tables of the page: the one that the element is in.
	Table int
}

// Reader finds records. What it returns is valid until the next call.
type Reader struct {
	sel   *Selector
	limit int
	z     *html.Tokenizer
	root  *html.Node
	open  []*html.Node
	line  int

	token []byte // the current one
	// rec is the record that is open; at is where it is in open.
	rec   *Element
	at    int
	nodes int
	size  int
	// done are the records that are complete, given the one that was returned.
	done  []*Element
	given *Element
	// later are elements around done that are closed, but may be asked for.
	later []*html.Node
	// kept is how many closed elements their parents still have.
	kept  map[*html.Node]int
	spare []byte

	tables  []int // that are open, by their numbers
	Survey  Survey
	begun   bool // there was a tag
	html    bool // the page says that it begins, or ends
	ended   bool
	started string // what a page without tags begins with
}

// NewReader reads a page from r, which must be UTF-8. Elements inside of a record
// are no records. One that has more than limit bytes has no tree.
func NewReader(r io.Reader, limit int, sel *Selector) *Reader {
	z := html.NewTokenizer(r)
	z.SetMaxBuf(maxToken)
	root := &html.Node{Type: html.DocumentNode}
	return &Reader{sel: sel, limit: limit, z: z, root: root, line: 1, kept: map[*html.Node]int{}}
}

// Next returns the next record. The error is io.EOF at the end of the page. A page
// that ends in the middle gives a *SyntaxError after the records.
func (r *Reader) Next() (*Element, error) {
	r.release()
	for len(r.done) == 0 {
		kind := r.z.Next()
		if kind != html.ErrorToken {
			r.take(kind)
			continue
		}
		err := r.end()
		if !errors.Is(err, io.EOF) {
			return nil, err
		}
		for len(r.open) > 0 {
			r.pop()
		}
		if len(r.done) == 0 {
			return nil, err
		}
	}
	r.given, r.done = r.done[0], r.done[1:]
	return r.given, nil
}

// Empty reports whether there was nothing in the page.
func (r *Reader) Empty() bool { return !r.begun && r.started == "" }

// release forgets the record that was returned.
func (r *Reader) release() {
	if r.given == nil {
		return
	}
	r.spare = r.given.Raw[:0]
	if n := r.given.Node; n != nil {
		r.closed(n)
	}
	r.given = nil
	if len(r.done) == 0 {
		for _, n := range r.later {
			r.closed(n)
		}
		r.later = r.later[:0]
	}
}

// end is at the end of the page, or where it cannot be read on.
func (r *Reader) end() error {
	err := r.z.Err()
	switch {
	case errors.Is(err, html.ErrBufferExceeded):
		return &SyntaxError{r.line, fmt.Sprintf("a text, comment, script or tag has more than %d bytes", maxToken)}
	case !errors.Is(err, io.EOF):
		return err
	case !r.begun && r.started != "":
		return &SyntaxError{r.line, fmt.Sprintf("it is no HTML; it begins with %.40q", r.started)}
	case r.ended:
		return io.EOF
	case bytes.HasPrefix(r.z.Raw(), []byte("<")):
		return &SyntaxError{r.line, "the page ends in the middle of a tag"}
	}
	for _, n := range r.open {
		if !optional[n.DataAtom] {
			return &SyntaxError{r.line, "the page ends in the middle: <" + n.Data + "> is not closed"}
		}
	}
	return io.EOF
}

// take goes on by one token.
func (r *Reader) take(kind html.TokenType) {
	raw := r.z.Raw()
	if r.rec != nil || kind == html.StartTagToken || kind == html.SelfClosingTagToken {
		r.token = append(r.token[:0], raw...)
	}
	lines := bytes.Count(raw, []byte{'\n'})
	switch kind {
	case html.TextToken:
		r.text()
	case html.StartTagToken, html.SelfClosingTagToken:
		r.begun = true
		r.start()
	case html.EndTagToken:
		r.begun = true
		name, _ := r.z.TagName()
		r.endTag(atom.Lookup(name), string(name))
	case html.CommentToken, html.DoctypeToken:
		r.raw()
	}
	r.line += lines
}

// raw adds the token to the bytes of the record.
func (r *Reader) raw() {
	if r.rec == nil {
		return
	}
	r.size += len(r.token)
	if r.size > r.limit {
		r.fail(ErrLong)
	}
	most := len(r.token)
	if r.rec.Err != nil {
		most = min(most, max(headSize-len(r.rec.Raw), 0))
	}
	r.rec.Raw = append(r.rec.Raw, r.token[:most]...)
}

// fail makes the record one that cannot be read.
func (r *Reader) fail(err error) {
	if r.rec.Err == nil {
		r.rec.Err = err
		strip(r.rec.Node)
	}
}

func (r *Reader) text() {
	r.raw()
	if r.rec == nil {
		if !r.begun && r.started == "" {
			text := bytes.TrimSpace(r.z.Text())
			line, _, _ := bytes.Cut(text[:min(len(text), 80)], []byte("\n"))
			r.started = string(line)
		} else if r.Survey.Title == "" && r.top() == atom.Title {
			r.Survey.Title = clip(collapse(string(r.z.Text())))
		}
		return
	}
	if r.rec.Err == nil && !r.count() {
		r.current().AppendChild(&html.Node{Type: html.TextNode, Data: string(r.z.Text())})
	}
}

// count counts a node of the record; true if there are too many.
func (r *Reader) count() bool {
	if r.nodes++; r.nodes > maxNodes {
		r.fail(errTooMany)
		return true
	}
	return false
}

func (r *Reader) current() *html.Node {
	if n := len(r.open); n > 0 {
		return r.open[n-1]
	}
	return r.root
}

func (r *Reader) top() atom.Atom { return r.current().DataAtom }

// start takes a start tag.
func (r *Reader) start() {
	name, more := r.z.TagName()
	n := &html.Node{Type: html.ElementNode, DataAtom: atom.Lookup(name)}
	n.Data = n.DataAtom.String()
	if n.DataAtom == 0 {
		n.Data = string(name)
	}
	for more && len(n.Attr) < maxAttrs {
		var key, value []byte
		key, value, more = r.z.TagAttr()
		n.Attr = append(n.Attr, html.Attribute{Key: string(key), Val: string(value)})
	}
	if n.DataAtom == atom.Html {
		r.html = true
		if len(r.open) > 0 {
			return // its attributes would go to the first one
		}
	}
	if n.DataAtom == atom.Body && r.within(atom.Body) >= 0 {
		return
	}
	r.implied(n.DataAtom)
	r.push(n)
	if r.rec == nil {
		r.Survey.note(n)
		if r.sel.match(n) {
			r.begin(n)
		}
	} else {
		r.raw()
	}
	if void[n.DataAtom] || len(r.open) > maxOpen {
		r.pop()
	}
}

// begin makes the element that has just been opened the record.
func (r *Reader) begin(n *html.Node) {
	r.rec = &Element{Node: n, Raw: r.spare[:0]}
	r.spare = nil
	if len(r.tables) > 0 {
		r.rec.Table = r.tables[len(r.tables)-1]
	}
	r.at, r.nodes, r.size = len(r.open)-1, 0, 0
	r.raw()
}

// push opens an element.
func (r *Reader) push(n *html.Node) {
	if r.rec == nil || r.rec.Err == nil && !r.count() {
		r.current().AppendChild(n)
	}
	r.open = append(r.open, n)
	if n.DataAtom == atom.Table {
		if r.rec == nil {
			r.Survey.tables++
		}
		r.tables = append(r.tables, r.Survey.tables)
	}
}

// imply opens an element that the page has left out.
func (r *Reader) imply(a atom.Atom) {
	n := &html.Node{Type: html.ElementNode, DataAtom: a, Data: a.String()}
	r.push(n)
	if r.rec == nil && r.sel.match(n) {
		r.begin(n)
		r.rec.Raw, r.size = r.rec.Raw[:0], 0
	}
}

// pop closes the element that is open.
func (r *Reader) pop() {
	i := len(r.open) - 1
	n := r.open[i]
	r.open = r.open[:i]
	if n.DataAtom == atom.Table && len(r.tables) > 0 {
		r.tables = r.tables[:len(r.tables)-1]
	}
	switch {
	case r.rec == nil && len(r.done) > 0:
		r.later = append(r.later, n)
	case r.rec == nil:
		r.closed(n)
	case r.at == i:
		if r.rec.Err != nil {
			r.closed(n)
			r.rec.Node = nil
		}
		r.done, r.rec = append(r.done, r.rec), nil
	}
}

// closed makes what is left of an element outside of records small.
func (r *Reader) closed(n *html.Node) {
	strip(n)
	delete(r.kept, n)
	p := n.Parent
	if p == nil {
		return
	}
	if !r.sel.siblings {
		p.RemoveChild(n)
		return
	}
	// The first one stays, and so many go that the remainders of positions by small
	// numbers stay as they are.
	const bunch = 120
	if r.kept[p]++; r.kept[p] > 2*bunch {
		r.kept[p] -= bunch
		for range bunch {
			p.RemoveChild(p.FirstChild.NextSibling)
		}
	}
}

// strip removes what is inside of an element.
func strip(n *html.Node) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		n.RemoveChild(c)
		c = next
	}
}

func clip(s string) string {
	if len(s) > 100 {
		return strings.ToValidUTF8(s[:100], "") + "..."
	}
	return s
}
