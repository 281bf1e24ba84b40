package page

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// As in the HTML standard.
const (
	maxColspan = 1000
	maxRowspan = 65534
	maxCells   = 1024
)

// Grid keeps the columns of a table in line. A cell that spans columns is followed
// by empty ones; one that spans rows is there in each of them.
type Grid struct {
	spans []span
	row   []string
}

// span is a cell that goes on in the rows below.
type span struct {
	text string
	rows int
}

// Reset begins a table.
func (g *Grid) Reset() { g.spans = g.spans[:0] }

// Row returns the texts of the cells of a row, valid until the next call. heads
// says that all cells are of a header, and n is how many there are in the row
// itself.
func (g *Grid) Row(tr *html.Node) (texts []string, heads bool, n int) {
	g.row, heads = g.row[:0], true
	for c := tr.FirstChild; c != nil; c = c.NextSibling {
		if c.DataAtom != atom.Td && c.DataAtom != atom.Th || len(g.row) >= maxCells {
			continue
		}
		n++
		heads = heads && c.DataAtom == atom.Th
		g.above()
		text, rows := Text(c), spanOf(c, "rowspan", maxRowspan)
		for i := range spanOf(c, "colspan", maxColspan) {
			if i > 0 {
				text = ""
			}
			g.cell(text, rows-1)
		}
	}
	g.above()
	return g.row, heads && n > 0, n
}

// above takes the cells that go on from the rows above.
func (g *Grid) above() {
	for i := len(g.row); i < len(g.spans) && g.spans[i].rows > 0; i++ {
		g.spans[i].rows--
		g.row = append(g.row, g.spans[i].text)
	}
}

func (g *Grid) cell(text string, below int) {
	i := len(g.row)
	if i >= maxCells {
		return
	}
	g.row = append(g.row, text)
	for below > 0 && i >= len(g.spans) {
		g.spans = append(g.spans, span{})
	}
	if i < len(g.spans) {
		g.spans[i] = span{text, below}
	}
}

func spanOf(n *html.Node, name string, most int) int {
	for _, a := range n.Attr {
		if a.Key == name {
			if v, err := strconv.Atoi(strings.TrimSpace(a.Val)); err == nil && v > 1 {
				return min(v, most)
			}
		}
	}
	return 1
}
