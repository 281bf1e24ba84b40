// Package markup reads documents of XML one record at a time: it finds the
// elements that are records, builds a tree of each, and writes it as JSON or looks
// things up in it by XPath. Memory is bounded by the size of one record.
package markup

import (
	"errors"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Kind is what a node of a tree is.
type Kind uint8

// The kinds of nodes.
const (
	Document Kind = iota
	Element
	Attribute
	Text
)

// maxNodes bounds the elements, attributes and texts of one record: a node takes
// more memory than the few bytes that it may have in the payload.
const maxNodes = 1 << 16

var (
	errTooMany = errors.New("the record has more than 65536 elements, attributes and texts")
	errTooDeep = errors.New("the record is nested deeper than 64 levels")
)

// Node is an element of a record, an attribute or a text. All its text is valid
// until the tree is used for the next record. Methods work on a nil Node, which
// has nothing inside: paths into a tree need no checks on the way.
type Node struct {
	Kind Kind
	Name string // without the prefix of a namespace
	// Value is that of an attribute or text.
	Value string

	parent, child, last, next, prev *Node
	attrs, lastAttr                 *Node // others follow by next
	// same is the next child of the parent with this name; later says that there
	// is one before.
	same  *Node
	later bool
}

// Tree is one record. Its memory is used again for the next one.
type Tree struct {
	slabs [][]Node
	used  int
	text  []byte
	root  *Node
	open  *Node
	depth int
}

const slab = 256

// Reset makes the tree empty.
func (t *Tree) Reset() {
	// What a large record needed is not kept for the small ones after it.
	if len(t.slabs) > 64 {
		t.slabs = t.slabs[:64]
	}
	if cap(t.text) > 1<<20 {
		t.text = nil
	}
	t.used, t.text, t.depth = 0, t.text[:0], 0
	t.root, _ = t.node(Document)
	t.open = t.root
}

func (t *Tree) node(k Kind) (*Node, error) {
	if t.used == maxNodes {
		return nil, errTooMany
	}
	if t.used/slab == len(t.slabs) {
		t.slabs = append(t.slabs, make([]Node, slab))
	}
	n := &t.slabs[t.used/slab][t.used%slab]
	t.used++
	*n = Node{Kind: k}
	return n, nil
}

// add appends a node to the children of the open element.
func (t *Tree) add(k Kind) (*Node, error) {
	n, err := t.node(k)
	if err != nil {
		return nil, err
	}
	n.parent, n.prev = t.open, t.open.last
	if n.prev != nil {
		n.prev.next = n
	} else {
		t.open.child = n
	}
	t.open.last = n
	return n, nil
}

// Open begins an element inside of the one that is open.
func (t *Tree) Open(name string) error {
	if t.depth == record.MaxDepth {
		return errTooDeep
	}
	n, err := t.add(Element)
	if err != nil {
		return err
	}
	n.Name = name
	t.open = n
	t.depth++
	return nil
}

// Attr adds an attribute to the open element.
func (t *Tree) Attr(name, value string) error {
	n, err := t.node(Attribute)
	if err != nil {
		return err
	}
	n.Name, n.Value, n.parent = name, value, t.open
	if n.prev = t.open.lastAttr; n.prev != nil {
		n.prev.next = n
	} else {
		t.open.attrs = n
	}
	t.open.lastAttr = n
	return nil
}

// Text adds text to the open element.
func (t *Tree) Text(s []byte) error {
	if len(s) == 0 {
		return nil
	}
	n, err := t.add(Text)
	if err != nil {
		return err
	}
	// Text that lies in memory that append has left stays as it is.
	from := len(t.text)
	t.text = append(t.text, s...)
	n.Value = record.Text(t.text[from:])
	return nil
}

// Close ends the open element.
func (t *Tree) Close() {
	t.open = t.open.parent
	t.depth--
}

// Root is the element of the record; nil if there is none.
func (t *Tree) Root() *Node {
	for n := t.root.child; n != nil; n = n.next {
		if n.Kind == Element {
			return n
		}
	}
	return nil
}

// Parent is the element around n.
func (n *Node) Parent() *Node {
	if n == nil || n.parent == nil || n.parent.Kind != Element {
		return nil
	}
	return n.parent
}

// Attr is the value of an attribute, without the white space around it; "" if
// there is none.
func (n *Node) Attr(name string) string {
	if n == nil {
		return ""
	}
	for a := n.attrs; a != nil; a = a.next {
		if a.Name == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// Child is the first child element that has one of the names; with no names, the
// first of any.
func (n *Node) Child(names ...string) *Node {
	for c := range n.Children(names...) {
		return c
	}
	return nil
}

// Children yields the child elements that have one of the names; with no names,
// all.
func (n *Node) Children(names ...string) func(yield func(*Node) bool) {
	return func(yield func(*Node) bool) {
		if n == nil {
			return
		}
		for c := n.child; c != nil; c = c.next {
			if c.Kind == Element && named(c.Name, names) && !yield(c) {
				return
			}
		}
	}
}

// All yields the elements below n, at any depth, that have one of the names.
func (n *Node) All(names ...string) func(yield func(*Node) bool) {
	return func(yield func(*Node) bool) { n.all(names, yield) }
}

func (n *Node) all(names []string, yield func(*Node) bool) bool {
	for c := range n.Children() {
		if named(c.Name, names) && !yield(c) {
			return false
		}
		if !c.all(names, yield) {
			return false
		}
	}
	return true
}

func named(name string, names []string) bool {
	if len(names) == 0 {
		return true
	}
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// At goes down from child to child.
func (n *Node) At(path ...string) *Node {
	for _, name := range path {
		n = n.Child(name)
	}
	return n
}

// Trimmed is all the text in n without the white space around it.
func (n *Node) Trimmed() string { return strings.TrimSpace(n.Content()) }

// Content is all the text in n, at any depth.
func (n *Node) Content() string {
	switch {
	case n == nil:
		return ""
	case n.Kind == Text || n.Kind == Attribute:
		return n.Value
	case n.child == nil:
		return ""
	case n.child == n.last && n.child.Kind == Text:
		return n.child.Value
	}
	var b strings.Builder
	n.content(&b)
	return b.String()
}

func (n *Node) content(b *strings.Builder) {
	for c := n.child; c != nil; c = c.next {
		if c.Kind == Text {
			b.WriteString(c.Value)
		} else {
			c.content(b)
		}
	}
}

// Attrs yields the attributes of an element. Two may have the same name, apart from
// the prefixes of namespaces.
func (n *Node) Attrs(yield func(name, value string) bool) {
	if n == nil {
		return
	}
	for a := n.attrs; a != nil; a = a.next {
		if !yield(a.Name, strings.TrimSpace(a.Value)) {
			return
		}
	}
}
