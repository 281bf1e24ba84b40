package markup

import (
	"bytes"
	"errors"
	"io"
)

// errLong stops a decoder in the middle of what is longer than a record may be.
var errLong = errors.New("too long")

const (
	chunk = 32 << 10
	// headSize is how much is kept of what is too long.
	headSize = 64 << 10
)

// window is the bytes of a document from the beginning of the current record, or
// of what is between two records.
type window struct {
	r     io.Reader
	buf   []byte
	start int // what is before it is forgotten
	at    int // the next byte
	end   int
	limit int   // of at - start
	base  int64 // offset in the document of buf[0]
	lines int   // ends of lines before start
	err   error // of r
}

// ReadByte is for the decoder, which takes its bytes one by one.
func (w *window) ReadByte() (byte, error) {
	if w.at == w.end {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	c := w.buf[w.at]
	w.at++
	return c, nil
}

// Read makes the window an io.Reader.
func (w *window) Read(p []byte) (int, error) {
	if w.at == w.end {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.buf[w.at:w.end])
	w.at += n
	return n, nil
}

func (w *window) fill() error {
	if w.at-w.start > w.limit {
		return errLong
	}
	if w.err != nil {
		return w.err
	}
	if w.start > 0 {
		w.base += int64(w.start)
		copy(w.buf, w.buf[w.start:w.end])
		w.at, w.end, w.start = w.at-w.start, w.end-w.start, 0
	}
	if len(w.buf)-w.end < chunk {
		grown := make([]byte, max(2*len(w.buf), 2*chunk))
		copy(grown, w.buf[:w.end])
		w.buf = grown
	}
	for range 100 {
		n, err := w.r.Read(w.buf[w.end:])
		w.end += n
		w.err = err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// forget moves the beginning of the window.
func (w *window) forget(to int) {
	w.lines += bytes.Count(w.buf[w.start:to], []byte{'\n'})
	w.start = to
}

// markupKind is what a piece of markup does to the nesting.
type markupKind uint8

const (
	neither markupKind = iota // comment, CDATA, processing instruction, DTD
	opens
	closes
	empty
)

// skipElement passes over the element that begins at start, by its brackets
// alone.
func (w *window) skipElement() (head []byte, err error) {
	w.at = w.start
	for depth := 0; ; {
		if head, err = w.skipText(head); err != nil {
			return head, err
		}
		var kind markupKind
		if head, kind, err = w.skipMarkup(head); err != nil {
			return head, err
		}
		switch kind {
		case opens:
			depth++
		case closes:
			depth--
		}
		if depth <= 0 && kind != neither {
			return head, nil
		}
	}
}

// pass moves over one byte and forgets it, except for the first ones.
func (w *window) pass(head []byte) (byte, []byte, error) {
	if w.at == w.end || w.at-w.start >= chunk {
		head = w.keep(head)
	}
	c, err := w.ReadByte()
	return c, head, err
}

// skipText passes over text to the next markup.
func (w *window) skipText(head []byte) ([]byte, error) {
	for {
		c, h, err := w.pass(head)
		head = h
		if err != nil {
			return head, err
		}
		if c == '<' {
			w.at--
			return head, nil
		}
	}
}

// skipMarkup passes over what begins with <.
func (w *window) skipMarkup(head []byte) ([]byte, markupKind, error) {
	s := markupScanner{}
	for {
		c, h, err := w.pass(head)
		head = h
		if err != nil {
			return head, neither, err
		}
		if s.next(c) {
			head = w.keep(head)
			return head, s.kind(), nil
		}
	}
}

// keep forgets what has been passed over, except for the first bytes.
func (w *window) keep(head []byte) []byte {
	head = append(head, w.buf[w.start:min(w.at, w.start+headSize-len(head))]...)
	w.forget(w.at)
	return head
}

// markupScanner finds the end of a piece of markup.
type markupScanner struct {
	n     int
	begin [9]byte
	last  [2]byte
	quote byte
	depth int // of brackets in a DTD
}

// next takes a byte; true if it is the last one.
func (s *markupScanner) next(c byte) (done bool) {
	if s.n < len(s.begin) {
		s.begin[s.n] = c
	}
	s.n++
	defer func() { s.last = [2]byte{s.last[1], c} }()
	switch {
	case s.starts("<!--"):
		return s.n > 6 && c == '>' && s.last == [2]byte{'-', '-'}
	case s.starts("<![CDATA["):
		return s.n > 11 && c == '>' && s.last == [2]byte{']', ']'}
	case s.starts("<?"):
		return s.n > 3 && c == '>' && s.last[1] == '?'
	}
	return s.brackets(c)
}

// brackets counts those of a tag or a DTD, outside of quotes; true at the last.
func (s *markupScanner) brackets(c byte) bool {
	switch {
	case s.quote != 0:
		if c == s.quote {
			s.quote = 0
		}
	case c == '"' || c == '\'':
		s.quote = c
	case c == '<':
		s.depth++
	case c == '>':
		s.depth--
		return s.depth == 0
	}
	return false
}

func (s *markupScanner) starts(with string) bool {
	return s.n >= len(with) && string(s.begin[:len(with)]) == with
}

func (s *markupScanner) kind() markupKind {
	switch {
	case s.starts("<!"), s.starts("<?"):
		return neither
	case s.starts("</"):
		return closes
	case s.last[0] == '/':
		return empty
	}
	return opens
}

// tag is the name, without its prefix, of the element whose tag begins at start;
// "" if it is some other markup.
func (w *window) tag() string {
	text := w.buf[w.start+1 : w.end]
	if i := bytes.IndexAny(text[:min(len(text), maxName)], " \t\r\n/>"); i > 0 {
		text = text[:i]
	} else {
		return ""
	}
	if text[0] == '!' || text[0] == '?' {
		return ""
	}
	return string(text[bytes.LastIndexByte(text, ':')+1:])
}

// element reports whether what begins at start is the tag of an element.
func (w *window) element() bool {
	text := w.buf[w.start+1 : w.end]
	return len(text) > 0 && text[0] != '!' && text[0] != '?' && text[0] != '/'
}

const maxName = 1024
