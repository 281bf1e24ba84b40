package parse

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// keyValueLines has a record a line, as pairs of keys and values.
type keyValueLines struct {
	between   []byte // pairs; nil is white space
	separator []byte
	quote     byte // 0: quotes are plain text
	comment   []byte
	tree      *record.Tree
}

func compileKeyValue(spec *v1alpha1.KeyValueSpec) (format, error) {
	const at = "spec.input.keyValue."
	k := &keyValueLines{
		between: bytes.Trim([]byte(spec.PairSeparator), " \t"), separator: bytes.Trim([]byte(spec.Separator), " \t"),
		quote: '"', comment: []byte(spec.Comment),
	}
	if len(k.separator) == 0 {
		k.separator = []byte("=")
		if spec.Separator != "" {
			return nil, fmt.Errorf("%sseparator: %q is white space alone; write what is between key and value, such as \":\", or use text", at, spec.Separator)
		}
	}
	switch spec.Quote {
	case "", `"`:
	case "'":
		k.quote = '\''
	case "None":
		k.quote = 0
	default:
		return nil, fmt.Errorf(`%squote: %q is not supported; write '"', "'" or None`, at, spec.Quote)
	}
	switch {
	case bytes.Equal(k.between, k.separator):
		return nil, errors.New(at + "pairSeparator: is the same as separator; the one is between pairs, the other between key and value")
	case bytes.ContainsAny(k.between, "\r\n") || bytes.ContainsAny(k.separator, "\r\n"):
		return nil, errors.New(at + "pairSeparator: holds a line break; a record is one line")
	case k.quote != 0 && (bytes.IndexByte(k.between, k.quote) >= 0 || bytes.IndexByte(k.separator, k.quote) >= 0):
		return nil, fmt.Errorf("%squote: %q is also in a separator; set quote: None", at, k.quote)
	}
	return k, nil
}

func (*keyValueLines) options() mapping.Options { return mapping.Options{JSON: true} }

func (k *keyValueLines) bind(p *mapping.Program) error {
	k.tree = treeOf(p)
	return nil
}

func (k *keyValueLines) read(r *run) error {
	const name = "pairs of keys and values"
	if err := r.start(name); err != nil {
		return err
	}
	start, err := r.src.peek(sniffSize)
	if err != nil {
		return err
	}
	if looksLikeJSON(start) {
		return &UnreadableError{"it looks like JSON, not " + name}
	}
	c := pairReader{keyValueLines: k}
	w := record.NewWalker(k.tree)
	var text []byte
	for {
		line, err := r.nextLine(k.comment)
		if err != nil || line == nil {
			return err
		}
		if reason := c.split(line); reason != "" {
			err = r.reject(reason, line)
		} else {
			text = c.members.appendJSON(text[:0])
			err = r.made(w, text, line, "")
		}
		if err != nil {
			return err
		}
	}
}

// pairReader takes one line after the other apart.
type pairReader struct {
	*keyValueLines
	members members
	line    []byte
	at      int
	text    []byte // of quoted texts that are not as they were written
}

// split finds the pairs of a line; the reason says why it has none that are
// certain.
func (c *pairReader) split(line []byte) (reason string) {
	c.members.reset()
	c.line, c.at, c.text = line, 0, c.text[:0]
	for {
		c.passBetween()
		if c.at >= len(c.line) {
			break
		}
		key, reason := c.key()
		if reason != "" {
			return reason
		}
		value, reason := c.value(key)
		if reason != "" {
			return reason
		}
		c.members.add(key, value)
	}
	if c.members.empty() {
		return "the line has no pairs"
	}
	return ""
}

// passBetween passes over white space and separators of pairs.
func (c *pairReader) passBetween() {
	for {
		c.at = skipWhite(c.line, c.at)
		if len(c.between) == 0 || !bytes.HasPrefix(c.line[c.at:], c.between) {
			return
		}
		c.at += len(c.between)
	}
}

// key reads a key and what separates it from the value.
func (c *pairReader) key() (key, reason string) {
	if c.line[c.at] == c.quote && c.quote != 0 {
		text, ok := c.quoted(func(rest []byte) bool { return bytes.HasPrefix(rest[skipWhite(rest, 0):], c.separator) })
		if !ok {
			return "", "a quote that opens a key never closes"
		}
		c.at = skipWhite(c.line, c.at) + len(c.separator)
		c.passBefore(false)
		return text, ""
	}
	rest := c.line[c.at:]
	i := bytes.Index(rest, c.separator)
	if end := c.pairEnd(rest); end >= 0 && (i < 0 || end < i) {
		// a = 1: the white space belongs to the separator.
		if len(c.between) > 0 || i < 0 || skipWhite(rest, end) != i {
			return "", fmt.Sprintf("%.40q has no %q after it", rest[:end], c.separator)
		}
	} else if i < 0 {
		return "", fmt.Sprintf("%.40q has no %q after it", rest, c.separator)
	}
	name := trim(rest[:i])
	if len(name) == 0 {
		return "", fmt.Sprintf("a %q has no key before it", c.separator)
	}
	c.at += i + len(c.separator)
	c.passBefore(len(name) < i)
	return record.Text(name), ""
}

// passBefore passes over white space before a value. Where it is also what is
// between pairs, it belongs to the value after white space before the separator
// (a = 1), or a separator such as a colon (a: 1).
func (c *pairReader) passBefore(spaced bool) {
	if len(c.between) > 0 || spaced || string(c.separator) != "=" {
		c.at = skipWhite(c.line, c.at)
	}
}

// pairEnd is where white space or another separator of pairs comes; -1 if none
// does.
func (c *pairReader) pairEnd(rest []byte) int {
	if len(c.between) == 0 {
		return bytes.IndexAny(rest, " \t")
	}
	return bytes.Index(rest, c.between)
}

func (c *pairReader) value(key string) (value, reason string) {
	if c.at < len(c.line) && c.line[c.at] == c.quote && c.quote != 0 {
		text, ok := c.quoted(c.ends)
		if !ok {
			return "", "a quote that opens the value of " + quoted(key) + " never closes"
		}
		return text, ""
	}
	rest := c.line[c.at:]
	if end := c.pairEnd(rest); end >= 0 {
		rest = rest[:end]
	}
	c.at += len(rest)
	return record.Text(trim(rest)), ""
}

// ends reports whether a quoted value may end before rest.
func (c *pairReader) ends(rest []byte) bool {
	if len(c.between) == 0 {
		return len(rest) == 0 || white(rest[0])
	}
	rest = rest[skipWhite(rest, 0):]
	return len(rest) == 0 || bytes.HasPrefix(rest, c.between)
}

// quoted reads the text between the quote at c.at and the next one that closes
// it. Other quotes are text; a backslash before a quote or a backslash is none.
func (c *pairReader) quoted(closes func(rest []byte) bool) (string, bool) {
	start := len(c.text)
	copied := c.at + 1 // up to here text has it
	for i := c.at + 1; i < len(c.line); i++ {
		ch := c.line[i]
		if ch != c.quote && ch != '\\' {
			continue
		}
		if ch == c.quote && closes(c.line[i+1:]) {
			whole := c.line[copied:i]
			if len(c.text) > start || copied > c.at+1 {
				c.text = append(c.text, whole...)
				whole = c.text[start:len(c.text):len(c.text)]
			}
			c.at = i + 1
			return record.Text(whole), true
		}
		if i+1 < len(c.line) && (c.line[i+1] == c.quote || ch == '\\' && c.line[i+1] == '\\') {
			c.text = append(c.text, c.line[copied:i]...)
			i++
			copied = i
		}
	}
	return "", false
}
