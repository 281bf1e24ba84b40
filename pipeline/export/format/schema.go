package format

import (
	"encoding/json"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
)

// Described is what readers can rely on in a column of csv or a path of JSON.
type Described struct {
	// Name of the column; of JSON the path: address[].ip.
	Name string `json:"name"`
	// Field of events that it shows.
	Field string `json:"-"`
	// Kind of the values, as the format monitor names them.
	Kind string `json:"kind"`
	// Layout of timestamps.
	Layout string `json:"layout,omitempty"`
	// Required: no record is without.
	Required bool `json:"required"`
	// List: several values are possible, in csv separated by blanks.
	List bool `json:"list,omitempty"`
	// Values of an enum. There may be more in a later minor version.
	Values []string `json:"values,omitempty"`
}

// csvColumns are n6's choice.
var csvColumns = []string{"time", "id", "source", "category", "name", "md5", "ip", "url", "fqdn", "asn", "cc", "details"}

// jsonPaths are the leaves of an event's JSON form with the fields that they show.
var jsonPaths = [][2]string{
	{"id", "id"}, {"source", "source"}, {"restriction", "restriction"}, {"confidence", "confidence"}, {"category", "category"},
	{"time", "time"}, {"modified", "modified"}, {"name", "name"}, {"target", "target"},
	{"address[].ip", "ip"}, {"address[].asn", "asn"}, {"address[].cc", "cc"}, {"address[].dir", "dir"}, {"address[].rdns", "rdns"},
	{"fqdn", "fqdn"}, {"url", "url"}, {"proto", "proto"}, {"sport", "sport"}, {"dport", "dport"}, {"dip", "dip"}, {"adip", "adip"},
	{"md5", "md5"}, {"sha1", "sha1"}, {"sha256", "sha256"}, {"x509fp_sha1", "x509fp_sha1"}, {"origin", "origin"}, {"status", "status"},
	{"action", "action"}, {"email", "email"}, {"iban", "iban"}, {"phone", "phone"}, {"username", "username"}, {"registrar", "registrar"},
	{"url_pattern", "url_pattern"}, {"until", "until"}, {"count", "count"}, {"expires", "expires"}, {"first_seen", "first_seen"},
	{"last_seen", "last_seen"}, {"replaces", "replaces"}, {"client[]", "client"}, {"tlp", "tlp"},
	{"classification.taxonomy", "classification.taxonomy"}, {"classification.type", "classification.type"}, {"cves[]", "cves"},
}

// Describe says what the columns or paths of a shape hold.
func (s *Shape) Describe() []Described {
	var out []Described
	switch {
	case s.Columns != nil:
		for _, c := range s.Columns {
			out = append(out, describe(c.Name, c.Field))
		}
	case s.Format == CSV:
		for _, name := range csvColumns {
			out = append(out, describe(name, name))
		}
	default:
		for _, p := range jsonPaths {
			d := describe(p[0], p[1])
			d.List = false // the path tells
			out = append(out, d)
		}
		out = append(out, Described{Name: "ignored", Field: "ignored", Kind: kindBool}, Described{Name: "undated", Field: "undated", Kind: kindBool},
			Described{Name: "extra", Field: "extra", Kind: kindObject})
	}
	return out
}

func describe(name, fieldName string) Described {
	f := fields[fieldName]
	d := Described{Name: name, Field: fieldName, Kind: f.kind, Required: f.required, List: f.list}
	switch f.kind {
	case kindTimestamp:
		d.Layout = layoutRFC3339
	case kindEnum:
		if e, ok := event.Lookup(fieldName); ok {
			d.Values = e.Choices()
		}
	}
	return d
}

// MediaType is the content type with what a reader must know beside it.
func (s *Shape) MediaType() string {
	media := s.Encoder().ContentType()
	if s.Format != CSV {
		return media
	}
	if s.NoHeader {
		return media + "; header=absent"
	}
	return media + "; header=present"
}

// Schema is the JSON Schema (draft 2020-12) of one record: an element of json, a
// line of sjson, the data of an event of a stream; of csv the record that the cells
// make with the names of their columns, all of them strings. x-weir-kind says more
// of a value than JSON Schema can; x-weir-columns is the order in csv.
func (s *Shape) Schema(title, version string) []byte {
	root := object()
	var order []string
	for _, d := range s.Describe() {
		order = append(order, d.Name)
		s.place(root, d.Name, d)
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = title
	root["version"] = version
	root["x-weir-format"] = s.Format
	if s.Format == CSV {
		root["x-weir-columns"] = order
		root["x-weir-header"] = !s.NoHeader
		root["additionalProperties"] = false
	}
	b, _ := json.MarshalIndent(root, "", "  ") // maps of strings, lists and booleans always marshal
	return append(b, '\n')
}

func object() map[string]any {
	return map[string]any{"type": "object", "properties": map[string]any{}}
}

// place puts the schema of a path into that of the object which holds it.
func (s *Shape) place(in map[string]any, path string, d Described) {
	name, rest, nested := strings.Cut(path, ".")
	name, list := strings.CutSuffix(name, "[]")
	properties, _ := in["properties"].(map[string]any)
	value := s.value(d)
	if nested {
		inner, _ := properties[name].(map[string]any)
		if items, ok := inner["items"].(map[string]any); ok {
			inner = items
		}
		if inner == nil {
			inner = object()
		}
		s.place(inner, rest, d)
		value = inner
	}
	if list || d.List && s.Format != CSV {
		value = map[string]any{"type": "array", "items": value}
	}
	properties[name] = value
	if d.Required && !nested {
		required, _ := in["required"].([]string)
		in["required"] = append(required, name)
	}
}

// value is the schema of one value.
func (s *Shape) value(d Described) map[string]any {
	v := map[string]any{"type": "string", "x-weir-kind": d.Kind}
	text := s.Format == CSV
	switch {
	case text && d.List:
		v["x-weir-separator"] = " "
	case text && !d.Required: // absent values are empty cells
	case d.Kind == kindTimestamp:
		v["format"] = "date-time"
	case d.Kind == kindEnum:
		v["enum"] = d.Values
	case d.Kind == kindID:
		v["pattern"] = "^[0-9a-f]{32}$"
	case d.Kind == "url":
		v["format"] = "uri"
	case d.Kind == kindBool:
		v["type"] = "boolean"
	case d.Kind == kindObject:
		v["type"] = "object"
	case d.Kind == "asn" || d.Kind == "port" || d.Kind == kindInt:
		v["type"], v["minimum"] = "integer", 0
	}
	return v
}
