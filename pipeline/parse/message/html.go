package message

import (
	"regexp"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// breaks are the elements that begin or end a line.
var breaks = map[atom.Atom]bool{
	atom.P: true, atom.Br: true, atom.Div: true, atom.Tr: true, atom.Li: true, atom.Ul: true, atom.Ol: true, atom.Table: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Hr: true, atom.Pre: true,
	atom.Blockquote: true, atom.Title: true, atom.Section: true, atom.Article: true, atom.Dt: true, atom.Dd: true,
}

// hidden are the elements whose text nobody sees.
var hidden = map[atom.Atom]bool{atom.Script: true, atom.Style: true, atom.Title: true}

var (
	space  = regexp.MustCompile(`[ \t\r\n\f\x{00a0}]+`)
	blanks = regexp.MustCompile(`[ ]*\n\s*`)
)

// htmlText is the text of a page: a line a block, a tab before a cell, and the
// address of a link behind its text.
func htmlText(page string) string {
	z := html.NewTokenizer(strings.NewReader(page))
	var p pageText
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return strings.TrimSpace(blanks.ReplaceAllString(p.out.String(), "\n"))
		}
		switch t := z.Token(); kind {
		case html.TextToken:
			if p.hide == 0 {
				p.out.WriteString(space.ReplaceAllString(t.Data, " "))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			p.start(t, kind == html.StartTagToken)
		case html.EndTagToken:
			p.end(t)
		}
	}
}

// pageText is the text of a page in the making.
type pageText struct {
	out  strings.Builder
	href string    // of the link that is open
	hide atom.Atom // the hidden element that is open
}

func (p *pageText) start(t html.Token, open bool) {
	switch {
	case hidden[t.DataAtom] && open:
		p.hide = t.DataAtom
	case breaks[t.DataAtom]:
		p.out.WriteByte('\n')
	case t.DataAtom == atom.Td || t.DataAtom == atom.Th:
		p.out.WriteByte('\t')
	case t.DataAtom == atom.A:
		p.href = link(t)
	}
}

func (p *pageText) end(t html.Token) {
	switch {
	case t.DataAtom == p.hide:
		p.hide = 0
	case breaks[t.DataAtom]:
		p.out.WriteByte('\n')
	case t.DataAtom == atom.A && p.href != "":
		if !strings.HasSuffix(p.out.String(), p.href) {
			p.out.WriteString(" (" + p.href + ")")
		}
		p.href = ""
	}
}

func link(t html.Token) string {
	for _, a := range t.Attr {
		if a.Key == "href" && !strings.HasPrefix(a.Val, "#") {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}
