package page

import (
	"golang.org/x/net/html/atom"
)

// void elements have no end tag.
var void = map[atom.Atom]bool{
	atom.Area: true, atom.Base: true, atom.Br: true, atom.Col: true, atom.Embed: true, atom.Hr: true, atom.Img: true,
	atom.Input: true, atom.Link: true, atom.Meta: true, atom.Param: true, atom.Source: true, atom.Track: true, atom.Wbr: true,
}

// optional elements need no end tag.
var optional = map[atom.Atom]bool{
	atom.Html: true, atom.Head: true, atom.Body: true, atom.P: true, atom.Li: true, atom.Dt: true, atom.Dd: true,
	atom.Option: true, atom.Optgroup: true,
}

// inHead are the elements that do not begin the body.
var inHead = map[atom.Atom]bool{
	atom.Base: true, atom.Link: true, atom.Meta: true, atom.Script: true, atom.Style: true, atom.Title: true,
	atom.Noscript: true, atom.Template: true,
}

// closesP are the elements that end a paragraph.
var closesP = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Blockquote: true, atom.Center: true, atom.Details: true,
	atom.Div: true, atom.Dl: true, atom.Fieldset: true, atom.Figure: true, atom.Footer: true, atom.Form: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Header: true,
	atom.Hr: true, atom.Main: true, atom.Nav: true, atom.Ol: true, atom.P: true, atom.Pre: true, atom.Section: true,
	atom.Table: true, atom.Ul: true,
}

var (
	cells  = []atom.Atom{atom.Td, atom.Th}
	row    = []atom.Atom{atom.Tr, atom.Td, atom.Th}
	groups = []atom.Atom{atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Colgroup, atom.Tr, atom.Td, atom.Th}
	items  = []atom.Atom{atom.Li}
	terms  = []atom.Atom{atom.Dt, atom.Dd}
	option = []atom.Atom{atom.Option}
	para   = []atom.Atom{atom.P}
)

// implied closes and opens the elements whose tags a page may leave out before an
// element: a row ends a row, a cell needs a row.
func (r *Reader) implied(next atom.Atom) {
	r.frame(next)
	switch next {
	case atom.Td, atom.Th:
		r.closeTo(cells)
		if t := r.inTable(); t == atom.Table || isGroup(t) {
			r.inside(t, atom.Tbody)
			r.imply(atom.Tr)
		}
	case atom.Tr:
		r.closeTo(row)
		r.inside(r.inTable(), atom.Tbody)
	case atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption, atom.Colgroup:
		r.closeTo(groups)
	case atom.Li:
		r.closeTo(items, atom.Ul, atom.Ol, atom.Menu)
	case atom.Dt, atom.Dd:
		r.closeTo(terms, atom.Dl)
	case atom.Option, atom.Optgroup:
		r.closeTo(option, atom.Select)
	}
	if closesP[next] {
		r.closeTo(para, atom.Td, atom.Th, atom.Li, atom.Button)
	}
}

// frame opens html, head and body where the page has left them out.
func (r *Reader) frame(next atom.Atom) {
	if next == atom.Html || next == atom.Frameset {
		return
	}
	if len(r.open) == 0 {
		r.imply(atom.Html)
	}
	switch top := r.top(); {
	case next == atom.Body || next == atom.Head:
		for len(r.open) > 1 && r.rec == nil {
			r.pop()
		}
	case top == atom.Html && r.within(atom.Body) < 0 && r.rec == nil:
		if inHead[next] {
			r.imply(atom.Head)
		} else {
			r.imply(atom.Body)
		}
	case top == atom.Head && !inHead[next] && r.rec == nil:
		r.pop()
		r.imply(atom.Body)
	}
}

// inside opens a group where a row or cell is directly in a table.
func (r *Reader) inside(at, group atom.Atom) {
	if at == atom.Table {
		r.imply(group)
	}
}

func isGroup(a atom.Atom) bool { return a == atom.Tbody || a == atom.Thead || a == atom.Tfoot }

// inTable is the part of a table that is open; 0 outside of tables.
func (r *Reader) inTable() atom.Atom {
	for i := len(r.open) - 1; i >= 0; i-- {
		switch a := r.open[i].DataAtom; a {
		case atom.Table, atom.Tbody, atom.Thead, atom.Tfoot, atom.Tr, atom.Td, atom.Th, atom.Caption:
			return a
		}
	}
	return 0
}

// closeTo closes the outermost of the elements that is open in this table, and
// inside of the scopes.
func (r *Reader) closeTo(which []atom.Atom, scopes ...atom.Atom) {
	found := -1
	for i := len(r.open) - 1; i >= 0; i-- {
		a := r.open[i].DataAtom
		if a == atom.Table || one(scopes, a) {
			break
		}
		if one(which, a) {
			found = i
		}
	}
	for found >= 0 && len(r.open) > found {
		r.pop()
	}
}

func one(atoms []atom.Atom, a atom.Atom) bool {
	for _, b := range atoms {
		if a == b {
			return true
		}
	}
	return false
}

// within is where in open an element is; -1 if it is not open.
func (r *Reader) within(a atom.Atom) int {
	for i := len(r.open) - 1; i >= 0; i-- {
		if r.open[i].DataAtom == a {
			return i
		}
	}
	return -1
}

// endTag takes an end tag. One that closes nothing is ignored; inside of a cell,
// only those of tables close the cell.
func (r *Reader) endTag(a atom.Atom, name string) {
	if a == atom.Html || a == atom.Body {
		r.finish()
		return
	}
	at := -1
	for i := len(r.open) - 1; i >= 0 && at < 0; i-- {
		n := r.open[i]
		switch {
		case n.DataAtom == a && n.Data == name:
			at = i
		case n.DataAtom == atom.Table, !one(groups, a) && a != atom.Table && one(cells, n.DataAtom):
			i = 0
		}
	}
	if at < 0 || r.rec == nil || at >= r.at {
		// The end of the record belongs to it, that of something around it does not.
		r.raw()
	}
	for at >= 0 && len(r.open) > at {
		r.pop()
	}
}

// finish is where the page says that it ends. What comes after it is read as
// browsers do.
func (r *Reader) finish() {
	r.ended = true
	for len(r.open) > 0 && r.open[len(r.open)-1].DataAtom != atom.Body && r.open[len(r.open)-1].DataAtom != atom.Html {
		r.pop()
	}
}
