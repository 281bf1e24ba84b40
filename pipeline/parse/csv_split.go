package parse

import (
	"bytes"

	"github.com/weir-project/weir/pipeline/parse/record"
)

// splitter takes one row apart. Rows without quotes are cut where delimiters are.
// Rows with quotes may arrive in pieces: split is called again with a longer row
// and goes on where it was.
type splitter struct {
	delimiter []byte
	white     bool // any run of spaces and tabs is a delimiter
	quote     byte
	escape    byte // 0: none
	cells     []string
	// What follows is for rows with quotes.
	spans []span
	at    int // where to go on
	open  bool
	start int  // of the quoted cell
	line  int  // where the line ends in which it begins
	twice bool // it has doubled quotes, or escapes
	ended bool
	// broken is where a quoted cell of several lines has a bare quote, which says
	// that the cell was never meant to go on; -1 if there is none.
	broken int
	text   []byte // of cells with doubled quotes or escapes
}

// span is where a cell lies in the row; twice says that it has doubled quotes or
// escapes.
type span struct {
	start, end int
	twice      bool
}

func (s *splitter) reset(t *csvTable) {
	s.delimiter, s.white, s.quote, s.escape = t.delimiter, t.white, t.quote, t.escape
	s.cells, s.spans, s.text = s.cells[:0], s.spans[:0], s.text[:0]
	s.at, s.open, s.ended, s.broken = 0, false, false, -1
}

// splitPlain takes a row without quotes apart.
func (s *splitter) splitPlain(row []byte) {
	if s.white {
		s.splitWhite(row)
		return
	}
	if len(s.delimiter) == 1 {
		d := s.delimiter[0]
		for {
			i := bytes.IndexByte(row, d)
			if i < 0 {
				break
			}
			s.cells = append(s.cells, record.Text(trim(row[:i])))
			row = row[i+1:]
		}
	} else {
		for {
			i := bytes.Index(row, s.delimiter)
			if i < 0 {
				break
			}
			s.cells = append(s.cells, record.Text(trim(row[:i])))
			row = row[i+len(s.delimiter):]
		}
	}
	s.cells = append(s.cells, record.Text(trim(row)))
}

// splitWhite is splitPlain where runs of white space are between cells.
func (s *splitter) splitWhite(row []byte) {
	for at := skipWhite(row, 0); at < len(row); at = skipWhite(row, at) {
		end := at
		for end < len(row) && !white(row[end]) {
			end++
		}
		s.cells = append(s.cells, record.Text(row[at:end]))
		at = end
	}
}

func white(c byte) bool { return c == ' ' || c == '\t' }

// skipWhite is where the white space at i ends.
func skipWhite(row []byte, i int) int {
	for i < len(row) && white(row[i]) {
		i++
	}
	return i
}

// split finds the cells of a row with quotes; false if a quoted cell is open at
// its end.
func (s *splitter) split(row []byte) bool {
	if s.open && !s.quoted(row) {
		return false
	}
	if s.white && s.at == 0 {
		s.at = skipWhite(row, 0)
	}
	for !s.ended {
		if i := s.opening(row); i >= 0 {
			s.open, s.start, s.twice, s.line = true, i+1, false, len(row)
			s.at = i + 1
			if !s.quoted(row) {
				return false
			}
			continue
		}
		end := s.cellEnd(row)
		s.spans = append(s.spans, span{start: s.at, end: end})
		s.after(row, end)
	}
	return true
}

// cellEnd is where the plain cell ends that begins at s.at.
func (s *splitter) cellEnd(row []byte) int {
	i := bytes.Index(row[s.at:], s.delimiter)
	if s.white {
		i = bytes.IndexAny(row[s.at:], " \t")
	}
	if i < 0 {
		return len(row)
	}
	return s.at + i
}

// opening is where the quote of a quoted cell is; -1 if the cell has none. Quotes
// in the middle of a cell are text.
func (s *splitter) opening(row []byte) int {
	i := s.at
	for i < len(row) && (row[i] == ' ' || row[i] == '\t') && row[i] != s.delimiter[0] {
		i++
	}
	if i < len(row) && row[i] == s.quote {
		return i
	}
	return -1
}

// quoted looks for the end of the quoted cell. A quote that is followed by
// neither a quote, a delimiter nor the end of the row is text, but only in the
// line where the cell begins: otherwise a quote that nobody closed would take the
// rows up to the next quoted cell with it.
func (s *splitter) quoted(row []byte) bool {
	for {
		i := s.nextQuote(row)
		if i < 0 {
			return false
		}
		if i+1 < len(row) && row[i+1] == s.quote {
			s.twice = true
			s.at = i + 2
			continue
		}
		if end := s.closes(row, i+1); end >= 0 {
			s.spans = append(s.spans, span{s.start, i, s.twice})
			s.open = false
			s.after(row, end)
			return true
		}
		if i > s.line {
			s.broken = i
			return false
		}
		s.at = i + 1
	}
}

// nextQuote finds the next quote that no escape precedes; -1 if there is none, and
// s.at is then where to look on.
func (s *splitter) nextQuote(row []byte) int {
	for {
		i := bytes.IndexByte(row[s.at:], s.quote)
		if s.escape != 0 {
			rest := row[s.at:]
			if i >= 0 {
				rest = rest[:i]
			}
			if e := bytes.IndexByte(rest, s.escape); e >= 0 {
				if s.at+e+1 >= len(row) {
					s.at += e
					return -1
				}
				s.twice = true
				s.at += e + 2
				continue
			}
		}
		if i < 0 {
			s.at = len(row)
			return -1
		}
		return s.at + i
	}
}

// closes finds the delimiter or end behind a quote; -1 if there is neither.
func (s *splitter) closes(row []byte, i int) int {
	for {
		if i >= len(row) || bytes.HasPrefix(row[i:], s.delimiter) {
			return min(i, len(row))
		}
		if !white(row[i]) {
			return -1
		}
		if s.white {
			return i
		}
		i++
	}
}

// after steps over the delimiter at end, if there is one.
func (s *splitter) after(row []byte, end int) {
	if s.white {
		end = skipWhite(row, end)
		s.at = end
	} else {
		s.at = end + len(s.delimiter)
	}
	s.ended = end >= len(row)
}

// finish makes the cells of a row that split has gone through.
func (s *splitter) finish(row []byte) {
	for _, p := range s.spans {
		cell := row[p.start:p.end]
		switch {
		case p.twice && s.escape != 0:
			cell = s.unescape(cell)
		case p.twice:
			cell = s.undouble(cell)
		}
		s.cells = append(s.cells, record.Text(trim(cell)))
	}
}

func (s *splitter) undouble(cell []byte) []byte {
	start := len(s.text)
	for {
		i := bytes.IndexByte(cell, s.quote)
		if i < 0 {
			s.text = append(s.text, cell...)
			return s.text[start:len(s.text):len(s.text)]
		}
		s.text = append(s.text, cell[:i+1]...)
		cell = cell[i+1:]
		if len(cell) > 0 && cell[0] == s.quote {
			cell = cell[1:]
		}
	}
}

// unescape is undouble for cells that may have escapes.
func (s *splitter) unescape(cell []byte) []byte {
	start := len(s.text)
	for i := 0; i < len(cell); i++ {
		c := cell[i]
		if i+1 < len(cell) && (c == s.escape || c == s.quote && cell[i+1] == s.quote) {
			i++
			c = cell[i]
		}
		s.text = append(s.text, c)
	}
	return s.text[start:len(s.text):len(s.text)]
}
