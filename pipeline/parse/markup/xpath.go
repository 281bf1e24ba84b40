package markup

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/antchfx/xpath"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Expression is an expression of XPath 1.0. It is for one record at a time.
type Expression struct{ expr *xpath.Expr }

var (
	literal = regexp.MustCompile(`"[^"]*"|'[^']*'`)
	// sideBySide are two operands, or an operand and the name of an operator.
	sideBySide = regexp.MustCompile(`([\w\])]+)\s+([\w@]+)`)
	operator   = regexp.MustCompile(`^(and|or|div|mod)$`)
	prefixed   = regexp.MustCompile(`([A-Za-z_][\w.-]*):([A-Za-z_*][\w.-]*)`)
)

// CompileXPath checks an expression.
func CompileXPath(s string) (e *Expression, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	bare := strings.ReplaceAll(literal.ReplaceAllString(s, "0"), "::", "\x00")
	if m := prefixed.FindStringSubmatch(bare); m != nil {
		return nil, fmt.Errorf("%q: names are compared without prefixes; write %s", m[0], m[2])
	}
	if strings.Contains(bare, "$") {
		return nil, fmt.Errorf("there are no variables")
	}
	if word := unread(bare); word != "" {
		return nil, fmt.Errorf("there is no operator before %q", word)
	}
	if name := misread(bare); name != "" {
		return nil, fmt.Errorf("%s() has a condition in [] in an argument before the last one, which is not supported; "+
			"make each argument a field of its own, and put them together in spec.mapping with expr", name)
	}
	expr, err := xpath.Compile(s)
	if err != nil {
		return nil, err
	}
	// Some mistakes, such as the wrong kind of an argument, show when the
	// expression is used.
	var t Tree
	t.Reset()
	if err := t.Open("x"); err != nil {
		return nil, err
	}
	t.Close()
	e = &Expression{expr}
	if _, _, err := e.Append(nil, t.Root()); err != nil {
		return nil, err
	}
	return e, nil
}

// unread is a word that the library would not read, since the expression ends
// before it; "" if there is none.
func unread(expr string) string {
	for _, m := range sideBySide.FindAllStringSubmatch(expr, -1) {
		if !operator.MatchString(m[1]) && !operator.MatchString(m[2]) {
			return m[2]
		}
	}
	return ""
}

// misread is a function of which the library would read an argument after one with
// a condition at the node that the condition has found; "" if there is none.
func misread(expr string) string {
	type call struct {
		name string
		cond bool // in the arguments so far
	}
	var open []call
	begin := 0
	for i := range len(expr) {
		switch expr[i] {
		case '(':
			open = append(open, call{name: strings.TrimSpace(expr[begin:i])})
		case ')':
			if n := len(open); n > 1 {
				open[n-2].cond = open[n-2].cond || open[n-1].cond
			}
			open = open[:max(len(open)-1, 0)]
		case '[':
			if n := len(open); n > 0 {
				open[n-1].cond = true
			}
		case ',':
			if n := len(open); n > 0 && open[n-1].cond {
				return open[n-1].name
			}
		}
		if c := expr[i]; c != '-' && c != '_' && (c|0x20)-'a' > 25 {
			begin = i + 1
		}
	}
	return ""
}

// Append appends what the expression finds at n as JSON: one value, or an array of
// them. It is false if it finds nothing.
func (e *Expression) Append(dst []byte, n *Node) (out []byte, found bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, found, err = dst, false, fmt.Errorf("%v", p)
		}
	}()
	switch v := e.expr.Evaluate(&navigator{at: n}).(type) {
	case bool:
		return strconv.AppendBool(dst, v), true, nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return dst, false, nil
		}
		return strconv.AppendFloat(dst, v, 'f', -1, 64), true, nil
	case string:
		return record.AppendString(dst, strings.TrimSpace(v)), true, nil
	case *xpath.NodeIterator:
		out, found = appendNodes(dst, v)
		return out, found, nil
	}
	return dst, false, nil
}

func appendNodes(dst []byte, it *xpath.NodeIterator) ([]byte, bool) {
	begin, n := len(dst), 0
	for it.MoveNext() {
		switch n++; n {
		case 1:
		case 2:
			first := append([]byte(nil), dst[begin:]...)
			dst = append(append(append(dst[:begin], '['), first...), ',')
		default:
			dst = append(dst, ',')
		}
		dst = record.AppendString(dst, strings.TrimSpace(it.Current().Value()))
	}
	if n > 1 {
		dst = append(dst, ']')
	}
	return dst, n > 0
}

// navigator walks through a tree for XPath.
type navigator struct{ at *Node }

var kinds = [...]xpath.NodeType{Document: xpath.RootNode, Element: xpath.ElementNode,
	Attribute: xpath.AttributeNode, Text: xpath.TextNode}

func (n *navigator) NodeType() xpath.NodeType  { return kinds[n.at.Kind] }
func (n *navigator) LocalName() string         { return n.at.Name }
func (n *navigator) Prefix() string            { return "" }
func (n *navigator) Value() string             { return n.at.Content() }
func (n *navigator) Copy() xpath.NodeNavigator { c := *n; return &c }
func (n *navigator) MoveToParent() bool        { return n.move(n.at.parent) }
func (n *navigator) MoveToChild() bool         { return n.move(n.at.child) }
func (n *navigator) MoveToNext() bool          { return n.at.Kind != Attribute && n.move(n.at.next) }
func (n *navigator) MoveToPrevious() bool      { return n.at.Kind != Attribute && n.move(n.at.prev) }
func (n *navigator) move(to *Node) bool {
	if to == nil {
		return false
	}
	n.at = to
	return true
}

func (n *navigator) MoveToRoot() {
	for n.at.parent != nil {
		n.at = n.at.parent
	}
}

func (n *navigator) MoveToNextAttribute() bool {
	if n.at.Kind == Attribute {
		return n.move(n.at.next)
	}
	return n.move(n.at.attrs)
}

func (n *navigator) MoveToFirst() bool {
	if n.at.Kind == Attribute || n.at.prev == nil {
		return false
	}
	for n.at.prev != nil {
		n.at = n.at.prev
	}
	return true
}

func (n *navigator) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*navigator)
	if ok {
		n.at = o.at
	}
	return ok
}
