package markup

import (
	"strings"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// AppendJSON appends an element as JSON: attributes are @name, child elements are
// members (arrays where they repeat), the text beside attributes or children is
// #text; an element with text alone is that text. White space around text is left
// out.
func AppendJSON(dst []byte, n *Node) []byte {
	if n == nil {
		return append(dst, "null"...)
	}
	if n.attrs == nil && n.Child() == nil {
		return record.AppendString(dst, n.Trimmed())
	}
	dst = append(dst, '{')
	begin := len(dst)
	link(n.attrs)
	for a := n.attrs; a != nil; a = a.next {
		dst = appendMember(dst, begin, "@", a)
	}
	link(n.child)
	for c := n.child; c != nil; c = c.next {
		if c.Kind == Element {
			dst = appendMember(dst, begin, "", c)
		}
	}
	if text := n.own(); text != "" {
		dst = record.AppendString(append(comma(dst, begin), `"#text":`...), text)
	}
	return append(dst, '}')
}

// appendMember appends all the nodes with the name of n, unless an earlier one
// has done so.
func appendMember(dst []byte, begin int, prefix string, n *Node) []byte {
	if n.later {
		return dst
	}
	dst = record.AppendString(comma(dst, begin), prefix+n.Name)
	dst = append(dst, ':')
	if n.same == nil {
		return appendValue(dst, n)
	}
	dst = append(dst, '[')
	first := len(dst)
	for ; n != nil; n = n.same {
		dst = appendValue(comma(dst, first), n)
	}
	return append(dst, ']')
}

func appendValue(dst []byte, n *Node) []byte {
	if n.Kind == Attribute {
		return record.AppendString(dst, n.Value)
	}
	return AppendJSON(dst, n)
}

// comma appends one unless dst ends where the list begins.
func comma(dst []byte, begin int) []byte {
	if len(dst) == begin {
		return dst
	}
	return append(dst, ',')
}

// few is how many siblings are compared with one another rather than by a map.
const few = 24

// link connects the siblings that have the same name.
func link(first *Node) {
	n := 0
	for c := first; c != nil; c = c.next {
		c.same, c.later = nil, false
		n++
	}
	var last map[string]*Node
	if n > few {
		last = make(map[string]*Node, few)
	}
	for c := first; c != nil; c = c.next {
		if c.Kind == Text {
			continue
		}
		before := last[c.Name]
		if last == nil {
			before = lastNamed(c.prev, c.Name)
		} else {
			last[c.Name] = c
		}
		if before != nil {
			before.same, c.later = c, true
		}
	}
}

func lastNamed(n *Node, name string) *Node {
	for ; n != nil; n = n.prev {
		if n.Kind != Text && n.Name == name {
			return n
		}
	}
	return nil
}

// own is the text directly in n.
func (n *Node) own() string {
	var only string
	var b strings.Builder
	for c := n.child; c != nil; c = c.next {
		if c.Kind != Text {
			continue
		}
		if only == "" && b.Len() == 0 {
			only = c.Value
			continue
		}
		if b.Len() == 0 {
			b.WriteString(only)
		}
		b.WriteString(c.Value)
	}
	if b.Len() > 0 {
		only = b.String()
	}
	return strings.TrimSpace(only)
}
