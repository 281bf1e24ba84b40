package infer

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// text is a sample as Unicode, with its lines.
type text struct {
	sample *Sample
	// charset is what spec.input.charset must say; "" for auto.
	charset string
	body    string
	lines   []string // without those that are blank
	comment string   // prefix of comment lines, "" if there are none
	// comments are the lines with the prefix, data the others.
	comments, data []string
	// before is how many comments come before the first data line.
	before int
}

const maxLines = 2000

func newText(s *Sample) (*text, error) {
	if len(s.Data) > MaxSample {
		s.Data, s.Truncated = s.Data[:MaxSample], true
	}
	if packed := packedAs(s.Data); packed != "" {
		return nil, fmt.Errorf("the sample is %s: unpack it first", packed)
	}
	t := &text{sample: s}
	if err := t.decode(); err != nil {
		return nil, err
	}
	for line := range strings.Lines(t.body) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if t.lines = append(t.lines, line); len(t.lines) == maxLines {
			break
		}
	}
	if s.Truncated && len(t.lines) > 1 && len(t.lines) < maxLines {
		t.lines = t.lines[:len(t.lines)-1]
	}
	if len(t.lines) == 0 {
		return nil, ErrEmpty
	}
	t.partComments()
	return t, nil
}

func packedAs(b []byte) string {
	for _, m := range []struct{ magic, name string }{
		{"\x1f\x8b", "gzip"}, {"BZh", "bzip2"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"},
		{"7z\xBC\xAF\x27\x1C", "7-Zip"}, {"%PDF-", "PDF"}, {"\xD0\xCF\x11\xE0", "an old Office document"},
	} {
		if bytes.HasPrefix(b, []byte(m.magic)) {
			return m.name
		}
	}
	return ""
}

// decode makes Unicode of the bytes.
func (t *text) decode() error {
	b := t.sample.Data
	switch {
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		u, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder().Bytes(b)
		if err != nil {
			return fmt.Errorf("the sample begins as UTF-16 and is none: %w", err)
		}
		t.body = string(u)
		return nil
	case bytes.HasPrefix(b, []byte("PK\x03\x04")):
		t.body = "PK"
		return nil
	case bytes.IndexByte(b, 0) >= 0:
		return fmt.Errorf("the sample is no text (byte %d is zero)", bytes.IndexByte(b, 0)+1)
	}
	if t.sample.Truncated {
		for i := 0; i < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b[max(0, len(b)-utf8.UTFMax):]); i++ {
			b = b[:len(b)-1]
		}
	}
	if !utf8.Valid(b) {
		t.charset = "windows-1252"
		u, err := charmap.Windows1252.NewDecoder().Bytes(b)
		if err != nil {
			return fmt.Errorf("the sample is neither UTF-8 nor windows-1252: %w", err)
		}
		b = u
	}
	t.body = strings.TrimPrefix(string(b), "\ufeff")
	return nil
}

// commentMarks are what comment lines begin with; the longer ones first.
var commentMarks = []string{"//", "#", ";", "!", "%"}

// partComments finds the comment prefix and tells comments from data. A prefix
// that all lines have is none.
func (t *text) partComments() {
	t.data = t.lines
	if t.structured() {
		return
	}
	most := 0
	for _, mark := range commentMarks {
		n, leading := t.commentLines(mark)
		// At the top comments are sure; later on a few.
		if n > most && n < len(t.lines) && (leading || n*3 <= len(t.lines)) {
			t.comment, most = mark, n
		}
	}
	if t.comment == "" {
		if t.onlyComments("#") {
			t.comment, t.comments, t.data = "#", t.lines, nil
		}
		return
	}
	t.data = nil
	for _, line := range t.lines {
		if strings.HasPrefix(line, t.comment) {
			t.comments = append(t.comments, line)
			if len(t.data) == 0 {
				t.before++
			}
			continue
		}
		t.data = append(t.data, line)
	}
}

// structured reports whether the sample begins as JSON, INI or markup.
func (t *text) structured() bool {
	first := t.lines[0]
	return first[0] == '{' || first[0] == '<' || first[0] == '[' && len(first) > 1 && first[1] != '.'
}

// commentLines counts the lines with a mark; leading says that the first has it.
func (t *text) commentLines(mark string) (n int, leading bool) {
	for _, line := range t.lines {
		if strings.HasPrefix(line, mark) {
			n++
		}
	}
	return n, strings.HasPrefix(t.lines[0], mark)
}

func (t *text) onlyComments(mark string) bool {
	for _, line := range t.lines {
		if !strings.HasPrefix(line, mark) {
			return false
		}
	}
	return true
}

// words are those that say what the feed is about: of its URL, file name and
// comments.
func (t *text) words(o *Options) []string {
	names := []string{o.Provider, o.Channel}
	if u, err := url.Parse(t.sample.URL); err == nil && t.sample.URL != "" {
		names = append(names, u.Hostname(), u.Path)
	}
	names = append(names, path.Base(t.sample.Filename))
	names = append(names, t.comments[:min(len(t.comments), 30)]...)
	var out []string
	for _, n := range names {
		out = append(out, tokens(n)...)
	}
	return out
}
