package record

// Writer writes members of JSON objects. Members without a value are left out.
type Writer struct {
	buf  []byte
	more bool // a comma comes before the next member
}

// NewWriter goes on behind buf, which ends inside of an object; more says that the
// object has members already.
func NewWriter(buf []byte, more bool) Writer { return Writer{buf: buf, more: more} }

// Bytes is what has been written.
func (w *Writer) Bytes() []byte { return w.buf }

// Name begins a member; the value must follow.
func (w *Writer) Name(name string) {
	if w.more {
		w.buf = append(w.buf, ',')
	}
	w.more = true
	w.buf = append(AppendString(w.buf, name), ':')
}

// Text writes a string.
func (w *Writer) Text(name, value string) {
	if value != "" {
		w.Name(name)
		w.buf = AppendString(w.buf, value)
	}
}

// Raw writes JSON text.
func (w *Writer) Raw(name, json string) {
	if json != "" {
		w.Name(name)
		w.buf = append(w.buf, json...)
	}
}

// Value writes a value of a record.
func (w *Writer) Value(name string, v Value) {
	if v.Present() {
		w.Name(name)
		w.buf = AppendValue(w.buf, v)
	}
}

// Texts writes an array of strings.
func (w *Writer) Texts(name string, values []string) {
	if len(values) == 0 {
		return
	}
	w.Name(name)
	for i, v := range values {
		c := byte(',')
		if i == 0 {
			c = '['
		}
		w.buf = AppendString(append(w.buf, c), v)
	}
	w.buf = append(w.buf, ']')
}

// Open begins an object as a member, Close ends an object.
func (w *Writer) Open(name string) {
	w.Name(name)
	w.buf, w.more = append(w.buf, '{'), false
}

// Close ends an object.
func (w *Writer) Close() { w.buf, w.more = append(w.buf, '}'), true }

// AppendValue writes a value of a record as JSON.
func AppendValue(dst []byte, v Value) []byte {
	switch v.Kind {
	case String:
		return AppendString(dst, v.Text)
	case Absent, Null:
		return append(dst, "null"...)
	}
	return append(dst, v.Text...)
}
