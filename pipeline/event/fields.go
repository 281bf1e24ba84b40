package event

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is what the values of a field are.
type Kind uint8

// The kinds of fields.
const (
	KindText Kind = iota + 1
	KindTime
	KindIP
	KindInt
	KindEnum
	KindHash
	KindJSON
)

var kindNames = []string{"", "text", "time", "ip", "int", "enum", "hash", "json"}

func (k Kind) String() string { return name(kindNames, int(k)) }

const (
	extraPrefix = "extra."
	extraAny    = "extra.<key>"
)

// Field is one field that a Parser may fill, resolved once by Lookup. It is a
// small value, safe for concurrent use on different events.
type Field struct {
	name string
	key  string // of an extra
	at   accessor
}

// mappable are the fields that a record may fill. What is missing here belongs to
// the platform: id, source, modified, client, ignored, replaces, undated.
var mappable = withTexts(map[string]accessor{
	"time":        timeField{func(e *Event) *time.Time { return &e.Time }},
	"until":       timeField{func(e *Event) *time.Time { return &e.Until }},
	"expires":     timeField{func(e *Event) *time.Time { return &e.Expires }},
	"first_seen":  timeField{func(e *Event) *time.Time { return &e.FirstSeen }},
	"last_seen":   timeField{func(e *Event) *time.Time { return &e.LastSeen }},
	"category":    enumField[Category]{func(e *Event) *Category { return &e.Category }, categoryNames, nil},
	"confidence":  enumField[Confidence]{func(e *Event) *Confidence { return &e.Confidence }, confidenceNames, nil},
	"restriction": enumField[Restriction]{func(e *Event) *Restriction { return &e.Restriction }, restrictionNames, nil},
	"tlp":         enumField[TLP]{func(e *Event) *TLP { return &e.TLP }, tlpNames, withoutTLP},
	"proto":       enumField[Proto]{func(e *Event) *Proto { return &e.Proto }, protoNames, nil},
	"origin":      enumField[Origin]{func(e *Event) *Origin { return &e.Origin }, originNames, nil},
	"status":      enumField[Status]{func(e *Event) *Status { return &e.Status }, statusNames, nil},
	"ip":          ipField{},
	"asn":         asnField,
	"cc":          ccField,
	"dir":         dirField,
	"rdns":        rdnsField,
	"dip":         dipField{},
	"sport":       portField{func(e *Event) *Opt[uint16] { return &e.SPort }},
	"dport":       portField{func(e *Event) *Opt[uint16] { return &e.DPort }},
	"count":       countField{},
	"cves":        cvesField{},
})

// withTexts adds the fields of text that a record may fill.
func withTexts(fields map[string]accessor) map[string]accessor {
	for i := range textFields {
		if t := &textFields[i]; t.name != "source" {
			fields[t.name] = t.textField
		}
	}
	return fields
}

// fieldNames are the names of mappable fields and extraAny, sorted.
var fieldNames = func() []string {
	names := append(slices.Collect(maps.Keys(mappable)), extraAny)
	slices.Sort(names)
	return names
}()

// Fields lists the fields that a Parser may fill, sorted; extra.<key> stands for
// all extras.
func Fields() []string { return slices.Clone(fieldNames) }

// Lookup finds a field by the name that Parsers use: time, ip, asn,
// classification.type, extra.<key>. It is false for a name that is none, for the
// fields of the platform (id, source, modified, ...), and for a key of an extra
// outside [A-Za-z0-9_.-]{1,64}. address and extra take JSON apart: a list of
// addresses with their parts, an object of extras.
func Lookup(name string) (Field, bool) {
	if at, ok := mappable[name]; ok {
		return Field{name: name, at: at}, true
	}
	if at, ok := composites[name]; ok {
		return Field{name: name, at: at}, true
	}
	if key, ok := strings.CutPrefix(name, extraPrefix); ok && isExtraKey(key) {
		return Field{name: name, key: key, at: extraField{key}}, true
	}
	return Field{}, false
}

// Name is the name that Lookup was given.
func (f Field) Name() string { return f.name }

// Kind is what the values of the field are.
func (f Field) Kind() Kind { return f.at.kind() }

// List reports whether the field may have several values: ip and cves.
func (f Field) List() bool { return f.name == "ip" || f.name == "cves" }

// Choices lists the values of an enum or of a classification; nil for others.
func (f Field) Choices() []string {
	switch f.name {
	case "dir":
		return slices.Clone(dirNames[1:])
	case "classification.taxonomy":
		return Taxonomies()
	case "classification.type":
		return Types("")
	}
	if at, ok := f.at.(interface{ choices() []string }); ok {
		return at.choices()
	}
	return nil
}

// Set parses text into the field and normalizes it; of a list it appends. asn, cc,
// dir and rdns are about the last address; before the first ip they start one,
// which the ip then completes. The error is a *FieldError, and e is as before.
// Text that is normal already is kept, not copied: it must not change while e is
// in use. Set does not allocate for such text, except for extras.
func (f Field) Set(e *Event, value string) error {
	if reason := f.at.set(e, value); reason != "" {
		return fieldError(f.name, reason, value)
	}
	return nil
}

// SetValues sets each of several values. A field that is no list takes one.
func (f Field) SetValues(e *Event, values ...string) error {
	if len(values) > 1 && !f.List() {
		return fieldError(f.name, "takes one value, not "+strconv.Itoa(len(values)), strings.Join(values[:2], ", "))
	}
	for _, v := range values {
		if err := f.Set(e, v); err != nil {
			return err
		}
	}
	return nil
}

// SetTime sets a field of KindTime; an extra takes it as text in RFC 3339.
func (f Field) SetTime(e *Event, t time.Time) error {
	reason := "is no time"
	switch at := f.at.(type) {
	case timeField:
		reason = at.setTime(e, t)
	case extraField:
		if t, reason = normalTime(t); reason == "" {
			b := append(appendTime([]byte{'"'}, t), '"')
			at.put(e, b)
		}
	}
	if reason != "" {
		return fieldError(f.name, reason, t.String())
	}
	return nil
}

// SetJSON stores a JSON value in an extra; other fields take strings and numbers as
// text. The bytes are kept, not copied, unless there is white space to remove.
func (f Field) SetJSON(e *Event, value json.RawMessage) error {
	if at, ok := f.at.(jsonField); ok {
		if reason := at.setJSON(e, value); reason != "" {
			return fieldError(f.name, reason, string(value[:min(len(value), maxErrorValue)]))
		}
		return nil
	}
	s := scanner{in: value}
	switch c := s.peek(); {
	case c == '"':
		text := s.text(string(value))
		if s.end() {
			return f.Set(e, text)
		}
	case c == '-' || isDigit(c):
		if start := s.pos; s.number() && s.end() {
			return f.Set(e, string(value[start:s.pos]))
		}
	}
	return fieldError(f.name, "takes a JSON string or number", string(value[:min(len(value), maxErrorValue)]))
}

// Get gives the field as text, as Set would take it; of several values all, with
// commas between. It is false if the field is absent.
func (f Field) Get(e *Event) (string, bool) { return f.at.get(e) }

// Has reports whether the field is present.
func (f Field) Has(e *Event) bool { return f.at.has(e) }

// Clear makes the field absent. Clearing ip removes the addresses.
func (f Field) Clear(e *Event) { f.at.clear(e) }
