package parse

import (
	"bytes"
	"context"
	"errors"
	"io"
)

const (
	bufferSize = 64 << 10
	// maxRejected bounds the bytes of a record that a Rejection carries.
	maxRejected = 64 << 10
	// sniffSize is how much of a payload is looked at before it is read.
	sniffSize = 1024
	// eolWindow is where the first end of a line is looked for.
	eolWindow = 16 << 10
)

// source is the payload as UTF-8 in a sliding buffer. A record starts at pos
// and lies in one piece; fill makes room and reads on. Bytes before pos are
// overwritten by fill, and by nothing else.
type source struct {
	r io.Reader
	// canceled is asked before every read.
	canceled func() error
	buf      []byte
	// pos is the start of the current record, next of the one after it, end
	// that of what has been read.
	pos, next, end int
	// base is the offset in the payload of buf[0].
	base int64
	eof  bool
	max  int
	eol  byte
	head []byte // of a record that is too long
}

func newSource(ctx context.Context, r io.Reader, maxRecord int) *source {
	return &source{r: r, canceled: ctx.Err, buf: make([]byte, bufferSize), max: maxRecord, eol: '\n'}
}

// offset is the position of buf[i] in the payload.
func (s *source) offset(i int) int64 { return s.base + int64(i) }

// fill reads more behind end. It moves what begins at pos to the front if there
// is no room, and grows the buffer if that is not enough. It returns false at
// the end of the payload.
func (s *source) fill() (bool, error) {
	if s.eof {
		return false, nil
	}
	if err := s.canceled(); err != nil {
		return false, err
	}
	if s.end == len(s.buf) {
		s.makeRoom()
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if errors.Is(err, io.EOF) {
			s.eof = true
			return n > 0, nil
		}
		if err != nil {
			return false, err
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, io.ErrNoProgress
}

func (s *source) makeRoom() {
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.base += int64(s.pos)
		s.end -= s.pos
		s.next -= s.pos
		s.pos = 0
	}
	if s.end > len(s.buf)/2 {
		grown := make([]byte, 2*len(s.buf))
		copy(grown, s.buf[:s.end])
		s.buf = grown
	}
}

// peek returns up to n bytes from pos without consuming them.
func (s *source) peek(n int) ([]byte, error) {
	for s.end-s.pos < n {
		more, err := s.fill()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
	}
	return s.buf[s.pos:min(s.end, s.pos+n)], nil
}

// detectEOL finds out whether lines end in CR alone: the beginning of the payload
// has CR and no LF. In a payload with LF a lone CR is text.
func (s *source) detectEOL() error {
	start, err := s.peek(eolWindow)
	if err != nil {
		return err
	}
	if bytes.IndexByte(start, '\n') >= 0 {
		return nil
	}
	if i := bytes.IndexByte(start, '\r'); i >= 0 && (i+1 < len(start) || s.eof) {
		s.eol = '\r'
	}
	return nil
}

// line moves to the next line and returns it without its end. ok is false at
// the end of the payload. long says that the line is longer than a record may
// be: the line is then only its beginning.
func (s *source) line() (line []byte, long, ok bool, err error) {
	s.pos = s.next
	for from := s.pos; ; {
		if i := bytes.IndexByte(s.buf[from:s.end], s.eol); i >= 0 {
			end := from + i
			s.next = end + 1
			line = s.chomp(s.buf[s.pos:end])
			if len(line) > s.max {
				return line[:min(len(line), maxRejected)], true, true, nil
			}
			return line, false, true, nil
		}
		if s.end-s.pos > s.max+1 {
			line, err = s.skipLine()
			return line, true, true, err
		}
		scanned := s.end - s.pos
		more, err := s.fill()
		if err != nil {
			return nil, false, false, err
		}
		from = s.pos + scanned
		if !more {
			s.next = s.end
			line = s.chomp(s.buf[s.pos:s.end])
			if len(line) > s.max {
				return line[:min(len(line), maxRejected)], true, true, nil
			}
			return line, false, s.end > s.pos, nil
		}
	}
}

func (s *source) chomp(line []byte) []byte {
	if n := len(line); s.eol == '\n' && n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}

// skipLine passes over a line that is too long and returns its beginning.
func (s *source) skipLine() ([]byte, error) {
	s.head = s.head[:0]
	for {
		if i := bytes.IndexByte(s.buf[s.pos:s.end], s.eol); i >= 0 {
			s.keep(s.pos + i)
			s.next = s.pos + i + 1
			return s.chomp(s.head), nil
		}
		s.keep(s.end)
		s.pos, s.next = s.end, s.end
		if more, err := s.fill(); !more {
			return s.chomp(s.head), err
		}
	}
}

// keep adds what lies between pos and end to the beginning of a long record.
func (s *source) keep(end int) {
	s.head = append(s.head, s.buf[s.pos:min(end, s.pos+maxRejected-len(s.head))]...)
}

// longer adds one more line to the record that begins at pos, and returns all
// of it without the end of the last line. ok is false if there is no further
// line or the record would be too long.
func (s *source) longer() (rec []byte, ok bool, err error) {
	for from := s.next; ; {
		if i := bytes.IndexByte(s.buf[from:s.end], s.eol); i >= 0 {
			rec = s.chomp(s.buf[s.pos : from+i])
			if len(rec) > s.max {
				return nil, false, nil
			}
			s.next = from + i + 1
			return rec, true, nil
		}
		if s.end-s.pos > s.max {
			return nil, false, nil
		}
		scanned := s.end - s.pos
		more, err := s.fill()
		if err != nil {
			return nil, false, err
		}
		from = s.pos + scanned
		if !more {
			if s.next >= s.end {
				return nil, false, nil
			}
			rec = s.chomp(s.buf[s.pos:s.end])
			s.next = s.end
			return rec, len(rec) <= s.max, nil
		}
	}
}

// mark remembers the line that was read last, relative to pos.
type mark struct{ length, next int }

func (s *source) mark() mark {
	line := s.chomp(bytes.TrimSuffix(s.buf[s.pos:s.next], []byte{s.eol}))
	return mark{len(line), s.next - s.pos}
}

// rewind makes the marked line the last one again, after longer, and returns it.
func (s *source) rewind(m mark) []byte {
	s.next = s.pos + m.next
	return s.buf[s.pos : s.pos+m.length]
}
