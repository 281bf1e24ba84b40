package parse

import (
	"bytes"
	"fmt"
	"regexp"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/message"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// defaultMaxMessage is how long a message may be if spec.input.maxRecordBytes is
// not said: reports have the mail or malware that they are about with them.
const defaultMaxMessage = 16 << 20

// mailbox has a record a message.
type mailbox struct {
	tree *record.Tree
}

func compileMail(*v1alpha1.MailSpec) (format, error) { return &mailbox{}, nil }

func (*mailbox) base() (*v1alpha1.ParserSpec, error) { return vocabularyOf("mail") }

func (*mailbox) options() mapping.Options { return mapping.Options{JSON: true} }

func (m *mailbox) bind(p *mapping.Program) error {
	m.tree = treeOf(p)
	return nil
}

// binary: every part of a message says what its character set is.
func (*mailbox) binary() {}

func (*mailbox) capture(captures []capture) error {
	if len(captures) > 0 {
		return fmt.Errorf("spec.input.capture[0]: is not for mail; rules read all that a message says by paths")
	}
	return nil
}

var (
	// fromLine begins a message in an mbox.
	fromLine = regexp.MustCompile(`^From \S+ .*\d\d?:\d\d`)
	escaped  = regexp.MustCompile(`^>+From `)
	// headerLine begins a message.
	headerLine = regexp.MustCompile(`^[!-9;-~]+[ \t]*:`)
)

func (m *mailbox) read(r *run) error {
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	start = bytes.TrimPrefix(start, []byte("\xEF\xBB\xBF"))
	begin := bytes.TrimLeft(start, " \t\r\n")
	if len(begin) == 0 && len(start) < sniffSize {
		return nil
	}
	if err := foreign(start, r.set, "mail"); err != nil {
		return err
	}
	if !headerLine.Match(begin) && !fromLine.Match(begin) {
		line, _, _ := bytes.Cut(begin, []byte("\n"))
		return &UnreadableError{fmt.Sprintf("it is no mail: it begins with %.60q, not with a header such as From: or Received:", line)}
	}
	c := &mailReader{run: r, walker: record.NewWalker(m.tree), mbox: fromLine.Match(begin), max: r.p.max}
	if c.max == defaultMaxRecord {
		c.max = defaultMaxMessage
	}
	r.src.max = c.max
	return c.messages()
}

// mailReader is the way of one payload through its messages.
type mailReader struct {
	*run
	walker *record.Walker
	mbox   bool
	max    int
	begun  bool
	long   bool
	raw    []byte
	json   []byte
}

func (c *mailReader) messages() error {
	blankBefore := true
	for {
		line, long, ok, err := c.src.line()
		if err != nil {
			return err
		}
		if !ok {
			return c.flush()
		}
		if !c.begun {
			line = bytes.TrimPrefix(line, []byte("\xEF\xBB\xBF"))
		}
		switch {
		case !c.begun && blank(line):
			continue
		case c.mbox && blankBefore && fromLine.Match(line):
			if err := c.flush(); err != nil {
				return err
			}
			c.begun = true
		case c.mbox && escaped.Match(line):
			c.add(line[1:], long)
		default:
			c.add(line, long)
		}
		blankBefore = len(line) == 0
	}
}

func (c *mailReader) add(line []byte, long bool) {
	c.begun = true
	if long || c.long || len(c.raw)+len(line)+1 > c.max {
		c.long = true
		if room := maxRejected - len(c.raw); room > 0 {
			c.raw = append(c.raw, line[:min(len(line), room)]...)
		}
		return
	}
	c.raw = append(append(c.raw, line...), '\n')
}

// flush hands on the message that has been read.
func (c *mailReader) flush() error {
	if !c.begun {
		return nil
	}
	var err error
	if c.long {
		err = c.reject(fmt.Sprintf("the message is longer than %d bytes (spec.input.maxRecordBytes)", c.max), c.raw)
	} else {
		err = c.message()
	}
	c.begun, c.long, c.raw = false, false, c.raw[:0]
	return err
}

func (c *mailReader) message() error {
	var err error
	if c.json, err = message.AppendJSON(c.json[:0], c.raw); err != nil {
		return c.reject(err.Error(), c.raw)
	}
	return c.made(c.walker, c.json, c.raw, "")
}
