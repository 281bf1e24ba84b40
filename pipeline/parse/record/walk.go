package record

import "fmt"

// SyntaxError is malformed JSON.
type SyntaxError struct {
	Offset int // bytes from the start of the record
	Reason string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%s at byte %d", e.Reason, e.Offset) }

var errDepth = fmt.Errorf("nested deeper than %d levels", MaxDepth)

// Walker takes the values at the paths of a tree out of JSON text, in one pass
// and without allocating once it is warm. Members of equal name: the last counts.
type Walker struct {
	tree *Tree
	data []byte
	pos  int
	out  []Value
	// text holds the strings that had escapes.
	text []byte
	// seen remembers, for every node, which member came at which position:
	// records of a feed mostly have the same members in the same order.
	seen [][]member
}

type member struct {
	key  string
	node *node
}

// What a Walker remembers of one object is bounded.
const (
	maxSeen    = 64
	maxSeenKey = 128
)

// NewWalker returns a Walker for t.
func NewWalker(t *Tree) *Walker {
	return &Walker{tree: t, seen: make([][]member, t.nodes)}
}

// Extract sets the slots of the tree in out from data, one JSON value with
// optional white space around it. The values are valid until data changes or
// Extract is called again.
func (w *Walker) Extract(data []byte, out []Value) error {
	w.tree.Clear(out)
	w.data, w.pos, w.out, w.text = data, 0, out, w.text[:0]
	if err := w.value(w.tree.root, 0); err != nil {
		return err
	}
	w.space()
	if w.pos != len(data) {
		return w.fail("more text after the value")
	}
	return nil
}

// ExtractText is Extract from a value that has been taken out before.
func (w *Walker) ExtractText(s string, out []Value) error { return w.Extract(bytesOf(s), out) }

func (w *Walker) fail(reason string) error {
	if w.pos >= len(w.data) {
		return &SyntaxError{Offset: len(w.data), Reason: "unexpected end of JSON"}
	}
	return &SyntaxError{Offset: w.pos, Reason: reason}
}

// value reads one value; n is nil where nobody asked for it.
func (w *Walker) value(n *node, depth int) error {
	w.space()
	if w.pos >= len(w.data) {
		return w.fail("")
	}
	start := w.pos
	var kind Kind
	var err error
	switch c := w.data[w.pos]; c {
	case '"':
		return w.str(n)
	case '{':
		kind, err = Object, w.object(n, depth+1)
	case '[':
		kind, err = Array, w.array(n, depth+1)
	case 't':
		kind, err = Bool, w.literal("true")
	case 'f':
		kind, err = Bool, w.literal("false")
	case 'n':
		kind, err = Null, w.literal("null")
	default:
		kind, err = Number, w.number()
	}
	if err != nil {
		return err
	}
	if n != nil {
		w.set(n, Value{Text(w.data[start:w.pos]), kind})
	}
	return nil
}

func (w *Walker) set(n *node, v Value) {
	for _, s := range n.slots {
		w.out[s] = v
	}
}

func (w *Walker) str(n *node) error {
	body, escaped, err := w.stringBody()
	if err != nil || n == nil || len(n.slots) == 0 {
		return err
	}
	if escaped {
		if body, err = w.unescape(body); err != nil {
			return err
		}
	}
	w.set(n, Value{Text(body), String})
	return nil
}

// stringBody reads a string from its opening quote and returns what is between
// the quotes.
func (w *Walker) stringBody() (body []byte, escaped bool, err error) {
	start := w.pos + 1
	end, escaped := stringEnd(w.data, start)
	if end < 0 {
		w.pos = len(w.data)
		return nil, false, w.fail("")
	}
	w.pos = end + 1
	return w.data[start:end], escaped, nil
}

func (w *Walker) unescape(body []byte) ([]byte, error) {
	start := len(w.text)
	var err error
	w.text, err = appendUnescaped(w.text, body)
	if err != nil {
		return nil, &SyntaxError{Offset: w.pos, Reason: err.Error()}
	}
	return w.text[start:len(w.text):len(w.text)], nil
}

func (w *Walker) object(n *node, depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	w.pos++
	w.space()
	if w.peek() == '}' {
		w.pos++
		return nil
	}
	for i := 0; ; i++ {
		w.space()
		if w.peek() != '"' {
			return w.fail("expected a member name in quotes")
		}
		key, escaped, err := w.stringBody()
		if err != nil {
			return err
		}
		var child *node
		if !n.leaf() {
			if child, err = w.member(n, i, key, escaped); err != nil {
				return err
			}
		}
		w.space()
		if w.peek() != ':' {
			return w.fail(`expected ":" after a member name`)
		}
		w.pos++
		if err := w.value(child, depth); err != nil {
			return err
		}
		if more, err := w.next('}'); !more {
			return err
		}
	}
}

// member finds the node of the i-th member of an object.
func (w *Walker) member(n *node, i int, key []byte, escaped bool) (*node, error) {
	seen := w.seen[n.id]
	if i < len(seen) && seen[i].key == string(key) && !escaped {
		return seen[i].node, nil
	}
	if escaped {
		plain, err := w.unescape(key)
		if err != nil {
			return nil, err
		}
		return n.key(Text(plain)), nil
	}
	child := n.key(Text(key))
	switch {
	case i < len(seen):
		// A member that is not asked for is not worth a copy of its name, which
		// may be different in every record.
		if child != nil {
			seen[i] = member{childKey(n, child), child}
		}
	case i == len(seen) && i < maxSeen && len(key) <= maxSeenKey:
		m := member{node: child}
		if child != nil {
			m.key = childKey(n, child)
		} else {
			m.key = string(key)
		}
		w.seen[n.id] = append(seen, m)
	}
	return child, nil
}

func childKey(n, child *node) string {
	for i := range n.keys {
		if n.keys[i].node == child {
			return n.keys[i].key
		}
	}
	return ""
}

func (w *Walker) array(n *node, depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	w.pos++
	w.space()
	if w.peek() == ']' {
		w.pos++
		return nil
	}
	for i := 0; ; i++ {
		if err := w.value(n.at(i), depth); err != nil {
			return err
		}
		if more, err := w.next(']'); !more {
			return err
		}
	}
}

// next reads the comma between two members or elements, or the end of them.
func (w *Walker) next(end byte) (more bool, err error) {
	w.space()
	switch w.peek() {
	case ',':
		w.pos++
		return true, nil
	case end:
		w.pos++
		return false, nil
	}
	return false, w.fail(`expected "," or "` + string(rune(end)) + `"`)
}

func (w *Walker) peek() byte {
	if w.pos < len(w.data) {
		return w.data[w.pos]
	}
	return 0
}

func (w *Walker) space() {
	for w.pos < len(w.data) && isSpace(w.data[w.pos]) {
		w.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func (w *Walker) literal(s string) error {
	if len(w.data)-w.pos < len(s) || string(w.data[w.pos:w.pos+len(s)]) != s {
		return w.fail("no JSON value")
	}
	w.pos += len(s)
	return nil
}

// number reads a number by RFC 8259.
func (w *Walker) number() error {
	end := numberEnd(w.data, w.pos)
	if end < 0 {
		return w.fail("no JSON value")
	}
	w.pos = end
	return nil
}

// numberEnd is where the number at b[i] ends; -1 if it is none.
func numberEnd(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	start := i
	i = digits(b, i)
	if i == start || b[start] == '0' && i > start+1 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if start, i = i+1, digits(b, i+1); i == start {
			return -1
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		return exponentEnd(b, i+1)
	}
	return i
}

func exponentEnd(b []byte, i int) int {
	if i < len(b) && (b[i] == '+' || b[i] == '-') {
		i++
	}
	if end := digits(b, i); end > i {
		return end
	}
	return -1
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}
