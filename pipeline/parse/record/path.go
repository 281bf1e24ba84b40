package record

import (
	"fmt"
	"strconv"
	"strings"
)

// MaxDepth bounds how deep the values of a record may be nested.
const MaxDepth = 64

const maxIndex = 1 << 20

// NamePath is the path of a record's own name, where records are the values of
// an object: {"192.0.2.1": {...}, "192.0.2.2": {...}}.
const NamePath = "$key"

// SegmentKind tells the segments of a path apart.
type SegmentKind uint8

// The kinds of segments.
const (
	Key   SegmentKind = iota // .name or ["name"]
	Index                    // [0]
	Any                      // * or [*]: every value of an object or array
	Name                     // $key
)

// Segment is one step of a path.
type Segment struct {
	Kind  SegmentKind
	Key   string
	Index int
}

// Path leads from a JSON value to one inside it. Its text form is
//
//	a            the member a of an object
//	a.b          the member b of the member a
//	a[0]         the first element of an array
//	["a.b"]      a member whose name has dots, brackets or quotes, as JSON string
//	$.a  $[0]    the same as a and [0]; $ alone is the whole record
//	$key         the name of the record itself, where the records are the values
//	             of an object (records: data.*)
//	*            every value of an object or array; only where records are found
type Path []Segment

// ParsePath reads the text form. The empty text is the empty path, as is $.
func ParsePath(s string) (Path, error) {
	if s == NamePath {
		return Path{{Kind: Name}}, nil
	}
	rest, rooted := strings.CutPrefix(s, "$")
	if rooted && rest == "" {
		return Path{}, nil
	}
	if rooted {
		rest = strings.TrimPrefix(rest, ".")
	}
	p := Path{}
	for first := true; rest != ""; first = false {
		seg, n, err := parseSegment(rest, first)
		if err != nil {
			return nil, fmt.Errorf("path %q: %w", s, err)
		}
		p = append(p, seg)
		rest = rest[n:]
	}
	if len(p) > MaxDepth {
		return nil, fmt.Errorf("path %q: more than %d steps", s, MaxDepth)
	}
	return p, nil
}

func parseSegment(s string, first bool) (Segment, int, error) {
	if s[0] == '[' {
		return parseBracket(s)
	}
	skipped := 0
	if !first {
		if s[0] != '.' {
			return Segment{}, 0, fmt.Errorf(`expected "." or "[" before %q`, s)
		}
		skipped = 1
	}
	name := s[skipped:]
	if i := strings.IndexAny(name, ".[]\""); i >= 0 {
		if name[i] == ']' || name[i] == '"' {
			return Segment{}, 0, fmt.Errorf(`a name with %q is written ["name"]`, name[i:i+1])
		}
		name = name[:i]
	}
	switch name {
	case "":
		return Segment{}, 0, fmt.Errorf("a name is missing")
	case "*":
		return Segment{Kind: Any}, skipped + 1, nil
	}
	return Segment{Kind: Key, Key: name}, skipped + len(name), nil
}

func parseBracket(s string) (Segment, int, error) {
	if strings.HasPrefix(s, `["`) {
		quoted, err := strconv.QuotedPrefix(s[1:])
		if err != nil || !strings.HasPrefix(s[1+len(quoted):], "]") {
			return Segment{}, 0, fmt.Errorf(`[" has no closing "]`)
		}
		name, err := strconv.Unquote(quoted)
		if err != nil {
			return Segment{}, 0, fmt.Errorf("name %s: %w", quoted, err)
		}
		return Segment{Kind: Key, Key: name}, len(quoted) + 2, nil
	}
	inner, _, ok := strings.Cut(s[1:], "]")
	if !ok {
		return Segment{}, 0, fmt.Errorf("[ has no closing ]")
	}
	if inner == "*" {
		return Segment{Kind: Any}, 3, nil
	}
	n, err := strconv.ParseUint(inner, 10, 32)
	if err != nil || n > maxIndex {
		return Segment{}, 0, fmt.Errorf(`[%s] is no index; a name is written ["name"]`, inner)
	}
	return Segment{Kind: Index, Index: int(n)}, len(inner) + 2, nil
}

// String is the text form.
func (p Path) String() string {
	if len(p) == 0 {
		return "$"
	}
	var b []byte
	for _, s := range p {
		b = s.append(b)
	}
	return string(b)
}

func (s Segment) append(b []byte) []byte {
	switch s.Kind {
	case Name:
		return append(b, NamePath...)
	case Index:
		b = append(b, '[')
		b = strconv.AppendInt(b, int64(s.Index), 10)
		return append(b, ']')
	case Any:
		if len(b) > 0 {
			b = append(b, '.')
		}
		return append(b, '*')
	default:
		return appendKey(b, s.Key)
	}
}

// appendKey appends a member's name to a path.
func appendKey(b []byte, key string) []byte {
	if key == "" || key == "*" || key[0] == '$' || special(key) {
		b = append(b, '[')
		b = strconv.AppendQuote(b, key)
		return append(b, ']')
	}
	if len(b) > 0 {
		b = append(b, '.')
	}
	return append(b, key...)
}

// special tells whether a key has characters that mean something in paths.
func special(key string) bool {
	for i := range len(key) {
		switch key[i] {
		case '.', '[', ']', '"':
			return true
		}
	}
	return false
}

// Has reports whether p has a segment of the kind.
func (p Path) Has(k SegmentKind) bool {
	for _, s := range p {
		if s.Kind == k {
			return true
		}
	}
	return false
}

// Under returns the rest of p below base, and whether p is base or below it.
func (p Path) Under(base Path) (Path, bool) {
	if len(p) < len(base) {
		return nil, false
	}
	for i, s := range base {
		if p[i] != s {
			return nil, false
		}
	}
	return p[len(base):], true
}
