package schema

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
)

// Program makes events of the rows of one report. It is safe for concurrent use.
type Program struct {
	report *Report
	// constants are fields of events that no column sets.
	constants map[string]string
	fields    []target
	extras    []target
	// columns are those that the document mentions.
	columns map[string]bool
	inputs  []Input
}

// Input is a column that fills fields other than extras.
type Input struct {
	Name     string
	Fields   []string
	Required bool
}

// target is one field, and the column that it is read from.
type target struct {
	column   string
	fn       Func
	required bool
	field    event.Field
	// fallback takes a value that the field does not.
	fallback event.Field
	key      string // of an extra
	constant []byte // JSON of an extra without a column
	of       kind
}

// kind tells fields apart that are more than a text to set.
type kind uint8

const (
	plain kind = iota
	isType
	isAccount
	ofAddress
	isAddress
)

// Compile makes a report ready to run. Of its constants those in replaced are left
// out.
func Compile(r *Report, replaced map[string]string) *Program {
	p := &Program{report: r, constants: map[string]string{}, columns: map[string]bool{}}
	for i := range r.Columns {
		p.column(&r.Columns[i])
	}
	// The other members of an address are about the one before.
	slices.SortStableFunc(p.fields, func(a, b target) int { return cmp.Compare(b.of, a.of) })
	for _, key := range slices.Sorted(maps.Keys(r.Constants)) {
		if name := r.place(key, ""); name != "" {
			p.constant(key, name, r.Constants[key], replaced)
		}
	}
	if p.constants["category"] == "" {
		p.constants["category"] = categoryOf(p.constants["classification.type"])
	}
	p.keepIdentifier()
	slices.SortStableFunc(p.extras, func(a, b target) int { return strings.Compare(a.key, b.key) })
	return p
}

func (p *Program) column(c *Column) {
	p.columns[c.Name] = true
	name := p.report.place(c.Key, c.Name)
	if name == "" {
		if c.Required {
			p.note(c, "")
		}
		return
	}
	t := target{column: c.Name, fn: c.Func, required: c.Required, fallback: field(extraKey + extraName(c.Name))}
	t.field = field(name)
	if key, ok := strings.CutPrefix(name, extraKey); ok {
		t.key = key
		p.extras = append(p.extras, t)
		if c.Required {
			p.note(c, name)
		}
		return
	}
	switch name {
	case "ip":
		t.of = isAddress
	case "asn", "cc", "rdns":
		t.of = ofAddress
	case "classification.type":
		t.of = isType
	case "username":
		t.of = isAccount
	}
	p.fields = append(p.fields, t)
	p.note(c, name)
}

// note adds an input, or a field of one.
func (p *Program) note(c *Column, name string) {
	i := slices.IndexFunc(p.inputs, func(in Input) bool { return in.Name == c.Name })
	if i < 0 {
		i = len(p.inputs)
		p.inputs = append(p.inputs, Input{Name: c.Name})
	}
	in := &p.inputs[i]
	in.Required = in.Required || c.Required
	if name != "" && !slices.Contains(in.Fields, name) {
		in.Fields = append(in.Fields, name)
	}
}

func (p *Program) constant(key, name, value string, replaced map[string]string) {
	if key == "classification.type" {
		value = typeOf(value)
		p.constants["category"] = categoryOf(value)
	}
	var e event.Event
	f := field(name)
	switch _, ok := replaced[name]; {
	case value == "" || ok:
	case f.Set(&e, value) != nil: // a document that was let through all the same
		p.constant(key, extraKey+extraName(strings.ReplaceAll(key, ".", "_")), value, replaced)
	case len(e.Extra) > 0:
		p.extras = append(p.extras, target{key: e.Extra[0].Key, constant: e.Extra[0].Value, field: f})
	default:
		p.constants[name] = value
	}
}

// keepIdentifier names events without malware after what identifies the report.
func (p *Program) keepIdentifier() {
	if id := p.report.Constants["classification.identifier"]; id != "" && p.constants["name"] == "" {
		if field("name").Set(&event.Event{}, id) == nil {
			p.constants["name"] = id
		}
	}
}

// Constants are fields of events that no column sets.
func (p *Program) Constants() map[string]string { return p.constants }

// Inputs are the columns that a report must have, and those that fill fields.
func (p *Program) Inputs() []Input { return p.inputs }

// Rules tells what the document says of a column; it changes when that does.
func (p *Program) Rules(column string) string {
	var b strings.Builder
	for _, c := range p.report.Columns {
		if c.Name == column {
			fmt.Fprintf(&b, "%s %d %t;", c.Key, c.Func, c.Required)
		}
	}
	return b.String()
}

// MissingError says that a report does not have the columns that it must have.
type MissingError struct {
	Report  string
	Columns []string
}

func (e *MissingError) Error() string {
	noun := "column"
	if len(e.Columns) > 1 {
		noun = "columns"
	}
	return fmt.Sprintf("the report %s lacks the required %s %s", e.Report, noun, strings.Join(e.Columns, ", "))
}

// Reader reads the rows of one payload.
type Reader struct {
	p      *Program
	at     map[string]int // by column
	fields []bound
	extras []bound
	row    []string
	quoted []byte
}

type bound struct {
	*target
	at int
}

// Bind finds the columns. Those in used that the document does not mention are
// left to whoever uses them; all others become extras under their own names. The
// error is a *MissingError.
func (p *Program) Bind(names []string, used func(string) bool) (*Reader, error) {
	r := &Reader{p: p, at: make(map[string]int, len(names))}
	for i, name := range names {
		r.at[name] = i
	}
	missing := &MissingError{Report: p.report.Name}
	for _, in := range p.inputs {
		if _, ok := r.at[in.Name]; !ok && in.Required {
			missing.Columns = append(missing.Columns, in.Name)
		}
	}
	if len(missing.Columns) > 0 {
		return nil, missing
	}
	r.fields, r.extras = r.bind(p.fields), r.bind(p.extras)
	for i, name := range names {
		if p.columns[name] || used(name) {
			continue
		}
		key := extraName(name)
		r.extras = append(r.extras, bound{&target{column: name, key: key, field: field(extraKey + key)}, i})
	}
	slices.SortStableFunc(r.extras, func(a, b bound) int { return strings.Compare(a.key, b.key) })
	return r, nil
}

func (r *Reader) bind(list []target) []bound {
	out := make([]bound, 0, len(list))
	for i := range list {
		at, ok := r.at[list[i].column]
		if !ok && list[i].constant == nil {
			continue
		}
		out = append(out, bound{&list[i], at})
	}
	return out
}

func (r *Reader) cell(name string) (string, bool) {
	i, ok := r.at[name]
	if !ok || i >= len(r.row) {
		return "", false
	}
	return r.row[i], true
}

// Fill sets the fields of e that are not set, from a row. Its text aliases the
// row. A refusal names the field and the reason.
func (r *Reader) Fill(row []string, e *event.Event) (fieldName, reason string) {
	r.row, r.quoted = row, r.quoted[:0]
	for i := range r.fields {
		b := &r.fields[i]
		if b.field.Has(e) {
			continue
		}
		if reason := r.set(b, e); reason != "" {
			return b.field.Name(), reason
		}
	}
	if e.Type != "" && e.Category == 0 {
		// The type came from a column, and with it the category.
		_ = categoryField.Set(e, categoryOf(e.Type))
	}
	r.fillExtras(e)
	return "", ""
}

// means tells whether a cell has a value.
func means(s string) bool { return s != "" && s != "-" && s != "N/A" }

func (r *Reader) value(b *bound) string {
	if b.at < len(r.row) {
		return r.row[b.at]
	}
	return ""
}

// absent says what it means that a cell has no value.
func (b *bound) absent() (reason string) {
	if b.required && (b.field.Name() == "time" || b.of == isAddress) {
		return fmt.Sprintf("is required, but %q has no value", b.column)
	}
	return ""
}

func (r *Reader) set(b *bound, e *event.Event) (reason string) {
	s := r.value(b)
	if !means(s) {
		return b.absent()
	}
	value, form := b.fn.apply(s, r)
	switch {
	case form == isNone && b.required && b.of == isAddress && !r.network(b.column, s):
		return fmt.Sprintf("%q of column %q is no address", s, b.column)
	case form == isNone:
		return ""
	case b.of == isType:
		value = typeOf(value)
	}
	f := b.field
	switch {
	case b.of == ofAddress && len(e.Address) == 0:
		r.putText(&b.fallback, e, s) // it is of no use there without the address
		return ""
	case b.of == isAccount && strings.IndexByte(value, '@') >= 0:
		f = emailField
	}
	err := f.Set(e, value)
	if err == nil {
		return ""
	}
	if b.required {
		return reasonOf(err, b.column, s)
	}
	r.putText(&b.fallback, e, s)
	return ""
}

var emailField, categoryField = field("email"), field("category")

func reasonOf(err error, column, value string) string {
	var fe *event.FieldError
	if errors.As(err, &fe) {
		return fmt.Sprintf("%s (column %q has %.128q)", fe.Reason, column, value)
	}
	return err.Error()
}

// network tells whether what is no address is a network, which the report may
// have in the same column.
func (r *Reader) network(column, s string) bool {
	return slices.ContainsFunc(r.extras, func(b bound) bool {
		if b.column != column || b.fn != onlyNetwork {
			return false
		}
		_, form := onlyNetwork.apply(s, r)
		return form == isText
	})
}

// fillExtras appends extras in the order of their keys, which is the one that
// events have.
func (r *Reader) fillExtras(e *event.Event) {
	before := len(e.Extra)
	for i := range r.extras {
		b := &r.extras[i]
		if before > 0 && b.field.Has(e) {
			continue
		}
		if n := len(e.Extra); n > 0 && e.Extra[n-1].Key == b.key {
			continue
		}
		if b.constant != nil {
			e.Extra = append(e.Extra, event.Extra{Key: b.key, Value: b.constant})
			continue
		}
		s := r.value(b)
		if !means(s) {
			continue
		}
		value, form := b.fn.apply(s, r)
		switch form {
		case isNone:
		case isJSON:
			e.Extra = append(e.Extra, event.Extra{Key: b.key, Value: r.keep("", value, "")})
		case isWrong:
			r.putText(&b.field, e, s)
		case isText:
			if !plainText(value) {
				r.putText(&b.field, e, value)
				continue
			}
			e.Extra = append(e.Extra, event.Extra{Key: b.key, Value: r.keep(`"`, value, `"`)})
		}
	}
}

// keep copies JSON into memory that lasts until the next row.
func (r *Reader) keep(open, text, end string) []byte {
	start := len(r.quoted)
	r.quoted = append(append(append(r.quoted, open...), text...), end...)
	return r.quoted[start:len(r.quoted):len(r.quoted)]
}

// putText sets an extra to text that may need escapes.
func (r *Reader) putText(f *event.Field, e *event.Event, s string) {
	if f.Set(e, s) == nil {
		return
	}
	// What databases cannot hold is taken out, what is too long is cut.
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	s = strings.ToValidUTF8(s[:min(len(s), event.MaxExtraBytes/4)], "")
	_ = f.Set(e, s)
}

// plainText reports whether s is the body of a JSON string as it is.
func plainText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= event.MaxExtraBytes
}
