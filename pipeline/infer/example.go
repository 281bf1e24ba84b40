package infer

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	exampleRecords = 6
	exampleBytes   = 24 << 10
	// maxExampleEvents is what the schema allows.
	maxExampleEvents = 256
	longExtra        = 100
)

// examples keeps the first records and one of each other shape, with the events
// that the draft makes of them.
func (d *drafting) examples() error {
	x := v1alpha1.Example{Name: "the first records of the sample, and one of each other shape"}
	payload, o, err := d.tryPayload(&x)
	if err != nil {
		return err
	}
	if o.broken != nil || o.stats.Events+o.stats.Rejected > maxExampleEvents || len(payload) > 64<<10 {
		d.choose(Choice{About: "examples", Chosen: "none", Confidence: 0.3, Reason: "no part of the sample is small enough to be one"})
		return nil //nolint:nilerr // a draft without an example is one
	}
	switch {
	case d.text.charset != "":
		x.Input = d.decoded(payload)
	case strings.HasPrefix(string(payload), "PK") || !utf8.Valid(payload):
		x.InputBase64 = base64.StdEncoding.EncodeToString(payload)
	default:
		x.Input = string(payload)
	}
	if d.text.sample.URL != "" {
		x.Meta = map[string]string{"url": d.text.sample.URL}
	}
	for _, e := range o.events {
		x.Events = append(x.Events, runtime.RawExtension{Raw: []byte(expected(e))})
	}
	for _, n := range o.stats.Skipped {
		x.Skipped += int32(min(n, 1<<20))
	}
	for _, r := range o.rejected {
		x.Rejected = append(x.Rejected, stableReason(r))
	}
	d.draft.Parser.Spec.Mapping = d.spec.Mapping
	d.draft.Parser.Spec.Examples = []v1alpha1.Example{x}
	d.note()
	return nil
}

// tryPayload runs the draft on the payload of the example; if that does not work,
// on the whole sample.
func (d *drafting) tryPayload(x *v1alpha1.Example) ([]byte, *outcome, error) {
	payload := d.encoded(d.payload())
	o, err := d.runOn(payload, maxExampleEvents)
	failed := err != nil || o.broken != nil || o.stats.Events == 0
	if failed && len(d.text.sample.Data) <= 2*exampleBytes && !d.text.sample.Truncated {
		x.Name, payload = "the sample", d.encoded(d.text.sample.Data)
		o, err = d.runOn(payload, maxExampleEvents)
	}
	return payload, o, err
}

// encoded is a payload in the character set of the sample, without what the
// character set does not have.
func (d *drafting) encoded(payload []byte) []byte {
	if d.text.charset == "" {
		return payload
	}
	s := string(payload)
	if !utf8.Valid(payload) {
		s = d.decoded(payload)
	}
	var out []byte
	for _, r := range s {
		if b, ok := charmap.Windows1252.EncodeRune(r); ok && r != utf8.RuneError {
			out = append(out, b)
		}
	}
	return out
}

// decoded is a payload in the character set of the sample as Unicode.
func (d *drafting) decoded(payload []byte) string {
	var b strings.Builder
	for _, c := range payload {
		b.WriteRune(charmap.Windows1252.DecodeByte(c))
	}
	return b.String()
}

// stableReason is the part of a reason that does not depend on values.
func stableReason(reason string) string {
	if i := strings.IndexAny(reason, `("`); i > 4 {
		reason = reason[:i]
	}
	return strings.TrimSpace(reason[:min(len(reason), 80)])
}

// written tells whether a manifest can have a value: YAML has no number like 1e999.
func written(v any) bool {
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return err == nil && !math.IsInf(f, 0)
	case []any:
		return !slices.ContainsFunc(v, func(e any) bool { return !written(e) })
	case *object:
		return !slices.ContainsFunc(v.keys, func(k string) bool { return !written(v.values[k]) })
	}
	return true
}

// expected is what an example says of an event: not what the platform adds, and
// no long text.
func expected(e string) string {
	v, err := decodeRecord(e)
	o, ok := v.(*object)
	if err != nil || !ok {
		return "{}"
	}
	undated := o.has("undated")
	keep := &object{values: o.values}
	for _, k := range o.keys {
		switch k {
		case "id", "source", "modified", "restriction", "tlp":
			continue
		case "time":
			if undated {
				continue
			}
		case "extra":
			if x, ok := o.values[k].(*object); ok {
				x.keys = slices.DeleteFunc(x.keys, func(k string) bool { return len(compact(x.values[k])) > longExtra || !written(x.values[k]) })
				if len(x.keys) == 0 {
					continue
				}
			}
		}
		if len(compact(o.values[k])) > 400 && k != "extra" {
			continue
		}
		keep.keys = append(keep.keys, k)
	}
	return compact(keep)
}

// payload is a small payload of the sample's format.
func (d *drafting) payload() []byte {
	raws := d.picked()
	t, in := d.text, &d.spec.Input
	if len(t.sample.Data) <= 2048 && !t.sample.Truncated || d.format.vocabulary || len(raws) == 0 {
		return t.sample.Data
	}
	var b strings.Builder
	switch {
	case in.JSON != nil && in.JSON.Concatenated, in.JSONLines != nil, in.KeyValue != nil, in.Hosts != nil:
		lines(&b, raws)
	case in.JSON != nil:
		b.WriteString(envelope(in.JSON.Records, raws, d.format.records.names))
	case in.XML != nil:
		b.WriteString(xmlEnvelope(in.XML.Records, raws))
	case in.CSV != nil, in.Text != nil:
		d.preamble(&b)
		lines(&b, raws)
	default:
		return t.sample.Data
	}
	return []byte(b.String())
}

func lines(b *strings.Builder, raws []string) {
	for _, r := range raws {
		b.WriteString(strings.TrimRight(r, "\r\n"))
		b.WriteByte('\n')
	}
}

// preamble is what comes before the records of a table.
func (d *drafting) preamble(b *strings.Builder) {
	t := d.text
	said := t.comments[:t.before]
	said = slices.DeleteFunc(slices.Clone(said), func(l string) bool { return strings.Trim(l, "#;/!%-=* \t") == "" })
	last := said[max(0, len(said)-2):]
	for _, c := range d.spec.Input.Capture {
		for _, l := range said[:len(said)-len(last)] {
			if ok, err := regexp.MatchString(c.Pattern, l); ok && err == nil {
				lines(b, []string{l})
			}
		}
	}
	lines(b, last)
	if csv := d.spec.Input.CSV; csv != nil && csv.Header == "" && len(t.data) > 0 {
		lines(b, t.data[:1])
	}
}

// picked are the records for the example.
func (d *drafting) picked() []string {
	r := d.format.records
	seen := map[string]bool{}
	var out []string
	size := 0
	for i := range r.raws {
		if i >= len(r.rows) || len(out) == exampleRecords {
			break
		}
		shape := d.shape(i)
		if len(out) >= 3 && seen[shape] || size+len(r.raws[i]) > exampleBytes {
			continue
		}
		seen[shape] = true
		size += len(r.raws[i])
		out = append(out, r.raws[i])
	}
	return out
}

// shape is what kinds of values a record has.
func (d *drafting) shape(record int) string {
	if len(d.spec.Explode) > 0 {
		return ""
	}
	var b strings.Builder
	for _, c := range d.columns {
		v := ""
		if record < len(c.values) {
			v = c.values[record]
		}
		switch {
		case v == "":
			b.WriteByte('-')
		case slices.Contains(c.nulls, v):
			b.WriteByte('0')
		default:
			fmt.Fprintf(&b, "%x,", kindsOf(v).strong())
		}
	}
	return b.String()
}

// envelope is a document with these records at the path.
func envelope(at string, raws, names []string) string {
	var b strings.Builder
	open, object := "", strings.HasSuffix(at, "*")
	steps := strings.Split(strings.TrimSuffix(strings.TrimSuffix(at, "*"), "."), ".")
	for _, s := range steps {
		if s == "" {
			continue
		}
		if strings.Contains(s, "[") {
			return ""
		}
		b.WriteString(`{"` + s + `": `)
		open += "}"
	}
	b.WriteString(pick(object, "{", "[") + "\n")
	for i, r := range raws {
		b.WriteString("  ")
		if object {
			name := fmt.Sprintf("r%d", i)
			if i < len(names) && names[i] != "" {
				name = names[i]
			}
			b.WriteString(yamlQuoted(name) + ": ")
		}
		b.WriteString(r + pick(i+1 < len(raws), ",\n", "\n"))
	}
	return b.String() + pick(object, "}", "]") + open + "\n"
}

// xmlEnvelope is a document with these elements at the path.
func xmlEnvelope(at string, raws []string) string {
	steps := strings.Split(strings.Trim(path.Dir(at), "/"), "/")
	if strings.HasPrefix(at, "//") || at == "" {
		return ""
	}
	var b strings.Builder
	for _, s := range steps {
		b.WriteString("<" + s + ">\n")
	}
	lines(&b, raws)
	for _, s := range slices.Backward(steps) {
		b.WriteString("</" + s + ">\n")
	}
	return b.String()
}
