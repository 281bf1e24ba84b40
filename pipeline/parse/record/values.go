package record

import (
	"math"
	"strconv"
	"strings"
)

// The functions of this file read JSON text that a Walker has accepted: where
// they meet malformed text they stop.

// Elements yields the elements of a JSON array. Strings with escapes are
// decoded into memory of their own.
func Elements(array string, yield func(Value) bool) {
	c := cursor{data: bytesOf(array)}
	if !c.enter('[') {
		return
	}
	for c.more(']') {
		v, ok := c.value()
		if !ok || !yield(v) {
			return
		}
	}
}

// Members yields the members of a JSON object.
func Members(object string, yield func(name string, v Value) bool) {
	c := cursor{data: bytesOf(object)}
	if !c.enter('{') {
		return
	}
	for c.more('}') {
		name, ok := c.name()
		if !ok {
			return
		}
		v, ok := c.value()
		if !ok || !yield(name, v) {
			return
		}
	}
}

// Parse reads one JSON value with white space around it, and checks it.
func Parse(s string) (Value, error) {
	t := NewTree()
	t.Add(nil, 0)
	var out [1]Value
	err := NewWalker(t).Extract(bytesOf(s), out[:])
	return out[0], err
}

// Native is the value as any: string, int64, uint64, float64, bool, nil, []any
// and map[string]any. It shares no memory with the record but strings.
func Native(v Value) any {
	switch v.Kind {
	case String:
		return v.Text
	case Number:
		return number(v.Text)
	case Bool:
		return v.Text == "true"
	case Object:
		m := map[string]any{}
		Members(v.Text, func(name string, v Value) bool {
			m[name] = Native(v)
			return true
		})
		return m
	case Array:
		l := []any{}
		Elements(v.Text, func(v Value) bool {
			l = append(l, Native(v))
			return true
		})
		return l
	default:
		return nil
	}
}

func number(s string) any {
	if !strings.ContainsAny(s, ".eE") {
		if i, err := strconv.ParseInt(s, 10, 64); err == nil {
			return i
		}
		if u, err := strconv.ParseUint(s, 10, 64); err == nil {
			return u
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return math.Inf(1)
	}
	return f
}

// Leaves yields the path and kind of every value of a record that has no values
// inside: the elements of an array share the path a[], an empty object or array
// is a leaf itself. A path may come several times and is valid during the call.
// buf is scratch memory; it is returned for the next call.
func Leaves(json string, buf []byte, yield func(path string, k Kind) bool) []byte {
	l := leaves{cursor: cursor{data: bytesOf(json)}, path: buf[:0], yield: yield}
	l.walk(0)
	return l.path[:0]
}

type leaves struct {
	cursor
	path  []byte
	yield func(string, Kind) bool
}

func (l *leaves) walk(depth int) bool {
	l.space()
	switch c := l.peek(); {
	case (c == '{' || c == '[') && depth < MaxDepth:
		return l.inside(c, depth)
	default:
		v, ok := l.value()
		return ok && l.leaf(v.Kind)
	}
}

func (l *leaves) leaf(k Kind) bool {
	if len(l.path) == 0 {
		return l.yield("$", k)
	}
	return l.yield(Text(l.path), k)
}

func (l *leaves) inside(open byte, depth int) bool {
	end, kind := byte('}'), Object
	if open == '[' {
		end, kind = ']', Array
	}
	base, empty := len(l.path), true
	l.enter(open)
	for l.more(end) {
		empty = false
		if open == '[' {
			l.path = append(l.path, "[]"...)
		} else {
			name, ok := l.name()
			if !ok {
				return false
			}
			l.path = appendKey(l.path, name)
		}
		if !l.walk(depth + 1) {
			return false
		}
		l.path = l.path[:base]
	}
	return !empty || l.leaf(kind)
}

// cursor steps through JSON text that is known to be well formed.
type cursor struct {
	data  []byte
	pos   int
	first bool
}

func (c *cursor) space() {
	for c.pos < len(c.data) && isSpace(c.data[c.pos]) {
		c.pos++
	}
}

func (c *cursor) peek() byte {
	if c.pos < len(c.data) {
		return c.data[c.pos]
	}
	return 0
}

func (c *cursor) enter(open byte) bool {
	c.space()
	if c.peek() != open {
		return false
	}
	c.pos++
	c.first = true
	return true
}

// more steps to the next member or element, or over the end of them.
func (c *cursor) more(end byte) bool {
	c.space()
	switch b := c.peek(); {
	case b == 0 && c.pos >= len(c.data):
		return false
	case b == end:
		c.pos++
		c.first = false
		return false
	case b == ',' && !c.first:
		c.pos++
		c.space()
	}
	c.first = false
	return true
}

// name reads a member's name and the colon.
func (c *cursor) name() (string, bool) {
	v, ok := c.value()
	if !ok || v.Kind != String {
		return "", false
	}
	c.space()
	if c.peek() != ':' {
		return "", false
	}
	c.pos++
	return v.Text, true
}

func (c *cursor) value() (Value, bool) {
	c.space()
	if c.pos >= len(c.data) {
		return Value{}, false
	}
	start := c.pos
	if c.data[start] == '"' {
		end, escaped := stringEnd(c.data, start+1)
		if end < 0 {
			return Value{}, false
		}
		c.pos = end + 1
		body := c.data[start+1 : end]
		if !escaped {
			return Value{Text(body), String}, true
		}
		plain, err := appendUnescaped(nil, body)
		return Value{Text(plain), String}, err == nil
	}
	var s Scanner
	end, ok := s.Scan(c.data, start)
	if !ok && !s.scalar {
		return Value{}, false
	}
	c.pos = end
	return Value{Text(c.data[start:end]), kindOf(c.data[start])}, end > start
}

func kindOf(first byte) Kind {
	switch first {
	case '"':
		return String
	case '{':
		return Object
	case '[':
		return Array
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	}
	return Number
}

// EachText yields the texts and numbers of an array, or one that stands alone.
func EachText(v Value, yield func(string)) {
	switch v.Kind {
	case String, Number:
		if v.Text != "" {
			yield(v.Text)
		}
	case Array:
		Elements(v.Text, func(v Value) bool {
			if (v.Kind == String || v.Kind == Number) && v.Text != "" {
				yield(v.Text)
			}
			return true
		})
	}
}

// EachObject yields the objects of an array, or one that stands alone.
func EachObject(v Value, yield func(string)) {
	switch v.Kind {
	case Object:
		yield(v.Text)
	case Array:
		Elements(v.Text, func(v Value) bool {
			if v.Kind == Object {
				yield(v.Text)
			}
			return true
		})
	}
}
