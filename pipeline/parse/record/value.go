// Package record reads what one record holds: values at paths. It knows JSON
// text, the grammar of paths, and nothing of where records come from.
package record

import "unsafe"

// Kind is what a value is. The zero Kind is "absent".
type Kind uint8

// The kinds of values. Cells of tables and groups of a pattern are strings.
const (
	Absent Kind = iota
	Null
	String
	Number
	Bool
	Object
	Array
)

var kindNames = [...]string{"absent", "null", "string", "number", "boolean", "object", "array"}

// String is the JSON name of the kind.
func (k Kind) String() string { return kindNames[k] }

// Value is one value of a record. Text is the decoded text of a string and the
// JSON of everything else. It aliases the buffer that the record was read from
// and is valid as long as the record is.
type Value struct {
	Text string
	Kind Kind
}

// Present reports whether there is a value that is not null.
func (v Value) Present() bool { return v.Kind > Null }

// Text is a string that shares its bytes with b; b must not change while the
// string is in use. Values without copies are what makes reading fast.
func Text(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // the bytes stay as they are while the record is in use
}

// bytesOf is the reverse of Text; the bytes must not be written to.
func bytesOf(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s)) //nolint:gosec // nobody writes to the bytes
}
