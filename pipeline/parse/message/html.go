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
	var out strings.Builder
	var href string
	var hide atom.Atom
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return strings.TrimSpace(blanks.ReplaceAllString(out.String(), "\n"))
		}
		t := z.Token()
		switch kind {
		case html.TextToken:
			if hide == 0 {
				out.WriteString(space.ReplaceAllString(t.Data, " "))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			switch {
			case hidden[t.DataAtom] && kind == html.StartTagToken:
				hide = t.DataAtom
			case breaks[t.DataAtom]:
				out.WriteByte('\n')
			case t.DataAtom == atom.Td || t.DataAtom == atom.Th:
				out.WriteByte('\t')
			case t.DataAtom == atom.A:
				href = link(t)
			}
		case html.EndTagToken:
			switch {
			case t.DataAtom == hide:
				hide = 0
			case breaks[t.DataAtom]:
				out.WriteByte('\n')
			case t.DataAtom == atom.A && href != "":
				if !strings.HasSuffix(out.String(), href) {
					out.WriteString(" (" + href + ")")
				}
				href = ""
			}
		}
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
