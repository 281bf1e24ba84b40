package mail

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
)

var separator = regexp.MustCompile(`^From \S.*\b[0-9]{4}\b`)

// SniffMbox tells whether something starts like an mbox.
func SniffMbox(head []byte) bool {
	line, rest, ok := bytes.Cut(head, []byte("\n"))
	return ok && separator.Match(line) && Sniff(rest)
}

// WalkMbox is Walk for each message of an mbox (RFC 4155).
func WalkMbox(r io.Reader, fn func(Attachment) error) error {
	b := &mbox{r: bufio.NewReaderSize(r, 64<<10), lineStart: true, empty: true}
	if err := b.skipSeparator(); err != nil {
		return err
	}
	for !b.done {
		b.ended = false
		if err := Walk(b, fn); err != nil {
			return err
		}
		// What is behind the last boundary belongs to the message.
		if _, err := io.Copy(io.Discard, b); err != nil {
			return err
		}
	}
	return nil
}

// mbox reads one message after the other: an end of file is that of a message
// until done.
type mbox struct {
	r         *bufio.Reader
	open      []byte
	lineStart bool
	empty     bool // the line before was empty
	ended     bool // the message
	done      bool // all of it
}

func (b *mbox) skipSeparator() error {
	_, err := b.r.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *mbox) Read(p []byte) (int, error) {
	for len(b.open) == 0 {
		if b.ended || b.done {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.open)
	b.open = b.open[n:]
	return n, nil
}

// next reads a line, or a part of a long one.
func (b *mbox) next() error {
	line, err := b.r.ReadSlice('\n')
	starts := b.lineStart
	b.lineStart = err == nil
	switch {
	case errors.Is(err, io.EOF):
		b.done = true
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return err
	}
	if starts {
		if b.empty && separator.Match(line) {
			b.ended, b.empty = true, true
			return nil
		}
		b.empty = len(bytes.TrimRight(line, "\r\n")) == 0
		if rest := bytes.TrimLeft(line, ">"); len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From ")) {
			line = line[1:]
		}
	}
	b.open = line
	return nil
}
