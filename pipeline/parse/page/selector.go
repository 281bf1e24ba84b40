package page

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// Selector finds records.
type Selector struct {
	group cascadia.SelectorGroup
	// siblings: it looks at the elements before one.
	siblings bool
}

var (
	quotes = regexp.MustCompile(`"[^"]*"|'[^']*'|\[[^\]]*\]`)
	ahead  = regexp.MustCompile(`:(has|haschild|contains|containsown|matches|matchesown|last-child|last-of-type|only-child|only-of-type|nth-last-child|nth-last-of-type|empty)\b`)
	behind = regexp.MustCompile(`[+~]|:(nth|first)-`)
)

// Compile checks the selector of records. It may not depend on what comes after
// the start of an element.
func Compile(s string) (*Selector, error) {
	group, err := parse(s)
	if err != nil {
		return nil, err
	}
	bare := quotes.ReplaceAllString(s, "")
	if m := ahead.FindStringSubmatch(strings.ToLower(bare)); m != nil {
		return nil, fmt.Errorf(":%s depends on what comes after the start of an element, which is not known there; "+
			"choose records by spec.skip", m[1])
	}
	return &Selector{group: group, siblings: behind.MatchString(bare)}, nil
}

func parse(s string) (group cascadia.SelectorGroup, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	return cascadia.ParseGroup(s)
}

func (s *Selector) match(n *html.Node) bool { return s.group.Match(n) }

// Field is a value in a record: the text of elements, or an attribute of them.
type Field struct {
	group cascadia.SelectorGroup // nil: the record itself
	attr  string
}

var attribute = regexp.MustCompile(`(?:^|\s)@([^\s@"'<>/=\[\]]+)\s*$`)

// CompileField reads a CSS selector with an attribute behind it, both optional:
// td:nth-child(2), a @href, @id.
func CompileField(s string) (*Field, error) {
	f := &Field{}
	if m := attribute.FindStringSubmatchIndex(s); m != nil {
		f.attr = strings.ToLower(s[m[2]:m[3]])
		s = s[:m[0]]
	}
	if strings.TrimSpace(s) == "" {
		if f.attr == "" {
			return nil, fmt.Errorf("is empty; write a selector such as td:nth-child(2), or an attribute such as @id")
		}
		return f, nil
	}
	group, err := parse(s)
	if err != nil {
		return nil, err
	}
	f.group = group
	return f, nil
}

// Append appends what the field finds in n as JSON: one text, or an array of them.
// It is false if it finds nothing.
func (f *Field) Append(dst []byte, n *html.Node) ([]byte, bool) {
	nodes := []*html.Node{n}
	if f.group != nil {
		nodes = cascadia.QueryAll(n, f.group)
	}
	var values []string
	for _, n := range nodes {
		if f.attr == "" {
			values = append(values, Text(n))
		} else if i := slices.IndexFunc(n.Attr, func(a html.Attribute) bool { return a.Key == f.attr }); i >= 0 {
			values = append(values, strings.TrimSpace(n.Attr[i].Val))
		}
	}
	switch len(values) {
	case 0:
		return dst, false
	case 1:
		return record.AppendString(dst, values[0]), true
	}
	for i, v := range values {
		dst = record.AppendString(append(dst, "[,"[min(i, 1)]), v)
	}
	return append(dst, ']'), true
}

// Text is the text in n, with one space for each run of white space and line
// break.
func Text(n *html.Node) string {
	if c := n.FirstChild; c != nil && c == n.LastChild && c.Type == html.TextNode {
		return collapse(c.Data)
	}
	var b strings.Builder
	appendText(&b, n)
	return collapse(b.String())
}

// inline are elements that words go through.
var inline = map[atom.Atom]bool{
	atom.A: true, atom.Abbr: true, atom.B: true, atom.Bdi: true, atom.Bdo: true, atom.Big: true, atom.Cite: true, atom.Code: true,
	atom.Del: true, atom.Dfn: true, atom.Em: true, atom.Font: true, atom.I: true, atom.Ins: true, atom.Kbd: true, atom.Label: true,
	atom.Mark: true, atom.Q: true, atom.S: true, atom.Samp: true, atom.Small: true, atom.Span: true, atom.Strike: true,
	atom.Strong: true, atom.Sub: true, atom.Sup: true, atom.Time: true, atom.Tt: true, atom.U: true, atom.Var: true, atom.Wbr: true,
	atom.Img: true, 0: true,
}

func appendText(b *strings.Builder, n *html.Node) {
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch {
		case c.Type == html.TextNode:
			b.WriteString(c.Data)
		case c.DataAtom == atom.Script || c.DataAtom == atom.Style || c.DataAtom == atom.Template:
		case inline[c.DataAtom]:
			appendText(b, c)
		default:
			b.WriteByte(' ')
			appendText(b, c)
			b.WriteByte(' ')
		}
	}
}

func collapse(s string) string {
	return strings.Join(strings.Fields(s), " ")
}

// Survey is what a page has, for those whose selector found nothing.
type Survey struct {
	Title  string
	tables int
	names  []string // tables
	others []string // elements with an id or class
}

const maxSeen = 12

func (s *Survey) note(n *html.Node) {
	list := &s.others
	name := describe(n)
	if n.DataAtom == atom.Table {
		list = &s.names
	} else if name == n.Data {
		return
	}
	if len(*list) < maxSeen && !slices.Contains(*list, name) {
		*list = append(*list, name)
	}
}

// describe is a selector of an element.
func describe(n *html.Node) string {
	name := n.Data
	for _, a := range n.Attr {
		if v := strings.Fields(a.Val); len(v) > 0 && (a.Key == "id" || a.Key == "class") {
			name += clip(map[string]string{"id": "#", "class": "."}[a.Key] + strings.Join(v, "."))
		}
	}
	return name
}

// String lists the tables, or other elements if there are none.
func (s *Survey) String() string {
	page := "the page"
	if s.Title != "" {
		page += fmt.Sprintf(" (%q)", s.Title)
	}
	switch {
	case len(s.names) > 0:
		return page + " has " + strings.Join(s.names, ", ")
	case len(s.others) > 0:
		return page + " has no table; it has " + strings.Join(s.others, ", ")
	}
	return page + " has no table"
}
