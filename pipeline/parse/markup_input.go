package parse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"golang.org/x/text/transform"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

var (
	xmlCharset  = regexp.MustCompile(`^\s*<\?xml\s[^>]*?encoding\s*=\s*["']([^"']+)["']`)
	htmlCharset = regexp.MustCompile(`(?i)<meta\s[^>]*?charset\s*=\s*["']?([-_:.a-z0-9]+)`)
	htmlStart   = regexp.MustCompile(`(?i)^(<!--.*?-->\s*)?<(!doctype\s+html|html|head|body|title|script|meta)\b`)
)

// markup looks at the beginning of a document of XML or HTML and returns all of it
// as UTF-8. What the document says of its character set counts if nobody else has
// named one: the transport goes before it, as RFC 7303 has it, and may have
// recoded the document.
func (r *run) markup(format string, declaration *regexp.Regexp) (io.Reader, error) {
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return nil, err
	}
	if err := otherFile(start, format); err != nil {
		return nil, err
	}
	if r.set.assumed {
		if err := r.redeclare(start, declaration); err != nil {
			return nil, err
		}
		if start, err = r.src.peek(sniffSize); err != nil {
			return nil, err
		}
	}
	if err := notText(start, r.set); err != nil {
		return nil, err
	}
	return sourceReader{r.src}, nil
}

// redeclare turns to the character set that a document declares.
func (r *run) redeclare(start []byte, declaration *regexp.Regexp) error {
	label := likeUTF16(start)
	if m := declaration.FindSubmatch(start); label == "" && m != nil {
		label = string(m[1])
		if name := strings.ToLower(label); strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "ucs") {
			return nil // it was, before somebody recoded it
		}
	}
	if label == "" {
		return nil
	}
	set, err := lookupCharset(label)
	if err != nil {
		return &UnreadableError{fmt.Sprintf("it declares the character set %.40q, which is not known; set spec.input.charset", label)}
	}
	r.set = set
	if set.encoding != nil {
		src := r.src
		rest := io.MultiReader(bytes.NewReader(bytes.Clone(src.buf[src.pos:src.end])), eofReader{src.r, src.eof})
		src.r = transform.NewReader(rest, set.encoding.NewDecoder())
		src.end, src.next, src.eof = src.pos, src.pos, false
	}
	return nil
}

// eofReader does not read again what has ended.
type eofReader struct {
	r   io.Reader
	eof bool
}

func (e eofReader) Read(p []byte) (int, error) {
	if e.eof {
		return 0, io.EOF
	}
	return e.r.Read(p)
}

// sourceReader reads a source from where it is.
type sourceReader struct{ s *source }

func (r sourceReader) Read(p []byte) (int, error) {
	s := r.s
	if s.pos == s.end {
		if more, err := s.fill(); err != nil {
			return 0, err
		} else if !more {
			return 0, io.EOF
		}
	}
	n := copy(p, s.buf[s.pos:s.end])
	s.pos += n
	s.next = s.pos
	return n, nil
}

// xml looks at the beginning of a document of XML. allowed is the name of the
// document's element if it is known; a page of HTML is then something else.
func (r *run) xml(format, allowed string) (io.Reader, error) {
	in, err := r.markup(format, xmlCharset)
	if err != nil {
		return nil, err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return nil, err
	}
	text := bytes.TrimLeft(start, " \t\r\n")
	if m := htmlStart.FindSubmatch(text); m != nil && !strings.EqualFold(allowed, "html") && !strings.EqualFold(allowed, string(m[2])) {
		return nil, &UnreadableError{likeMarkup(text, string(m[2])) + ", not " + format}
	}
	return in, nil
}

// elements gives each record of a document of XML to take, and rejects those that
// cannot be read.
func (r *run) elements(in io.Reader, want func([]markup.Open) bool, take func(*markup.Record) error) error {
	reader := markup.NewReader(in, r.p.max, want)
	for {
		rec, err := reader.Next()
		var syntax *markup.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &syntax):
			return &UnreadableError{fmt.Sprintf("%s (line %d, after %s)", syntax.Reason, syntax.Line, count(int(r.stats.Records), "record"))}
		case err != nil:
			return err
		}
		if reason := r.unfit(rec); reason != "" {
			err = r.reject(reason, rec.Raw)
		} else {
			err = take(rec)
		}
		if err != nil {
			return err
		}
	}
}

// unfit says why an element cannot be a record.
func (r *run) unfit(rec *markup.Record) string {
	if errors.Is(rec.Err, markup.ErrLong) {
		return r.tooLong()
	}
	if reason := r.set.invalid(rec.Raw); reason != "" {
		return reason
	}
	if rec.Err != nil {
		return rec.Err.Error()
	}
	return ""
}
