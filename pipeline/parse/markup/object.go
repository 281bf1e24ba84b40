package markup

import "github.com/weir-project/weir/pipeline/parse/record"

// Object is the members of a JSON object to be written, those that are empty left
// out. The zero Object is ready.
type Object struct {
	buf  []byte
	some bool
}

// Reset begins another object.
func (o *Object) Reset() { o.buf, o.some = o.buf[:0], false }

func (o *Object) name(name string) {
	if o.some {
		o.buf = append(o.buf, ',')
	}
	o.some = true
	o.buf = append(record.AppendString(o.buf, name), ':')
}

// Text adds a text.
func (o *Object) Text(name, value string) {
	if value != "" {
		o.name(name)
		o.buf = record.AppendString(o.buf, value)
	}
}

// Raw adds what is JSON already.
func (o *Object) Raw(name, json string) {
	if json != "" && json != "{}" && json != "[]" {
		o.name(name)
		o.buf = append(o.buf, json...)
	}
}

// Texts adds an array of texts.
func (o *Object) Texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	o.name(name)
	for i, v := range values {
		o.buf = record.AppendString(append(o.buf, "[,"[min(i, 1)]), v)
	}
	o.buf = append(o.buf, ']')
}

// Append appends the object.
func (o *Object) Append(dst []byte) []byte {
	return append(append(append(dst, '{'), o.buf...), '}')
}

// String is the object as JSON text.
func (o *Object) String() string { return string(o.Append(nil)) }
