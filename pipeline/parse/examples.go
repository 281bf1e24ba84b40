package parse

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

// exampleSource and exampleTime are those of examples that do not give any.
const exampleSource = "example.example"

var exampleTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// ExampleResult is the outcome of one example of a Parser.
type ExampleResult struct {
	Name string
	OK   bool
	// Diff has a line for each difference: event 1: name: expected "a", got "b".
	Diff string
}

// RunExamples runs the examples of a Parser, in order. If the spec does not
// compile, every example fails with the reason.
//
// Of a schema set, an example whose meta.feed is schemaFrom is the schema document
// of those after it.
func RunExamples(spec *v1alpha1.ParserSpec) []ExampleResult { return runExamples(spec, nil, false) }

// RunExamplesWith is RunExamples with a schema document. It replaces those that are
// examples themselves, which are then not read.
func RunExamplesWith(spec *v1alpha1.ParserSpec, doc *schema.Document) []ExampleResult {
	return runExamples(spec, doc, true)
}

func runExamples(spec *v1alpha1.ParserSpec, doc *schema.Document, given bool) []ExampleResult {
	p, err := CompileWith(spec, doc)
	results := make([]ExampleResult, len(spec.Examples))
	for i := range spec.Examples {
		x := exampleRun{example: &spec.Examples[i]}
		switch {
		case err != nil:
			x.differ("the Parser is invalid: %v", err)
		case !isSchema(spec, x.example):
			x.run(p)
		case !given:
			if doc = x.schema(); doc != nil {
				p, err = CompileWith(spec, doc)
			}
		}
		results[i] = ExampleResult{Name: x.example.Name, OK: len(x.diff) == 0, Diff: strings.Join(x.diff, "\n")}
	}
	return results
}

// HasSchema tells whether the examples of a schema set bring a document.
func HasSchema(spec *v1alpha1.ParserSpec) bool {
	return slices.ContainsFunc(spec.Examples, func(x v1alpha1.Example) bool { return isSchema(spec, &x) })
}

func isSchema(spec *v1alpha1.ParserSpec, x *v1alpha1.Example) bool {
	set := spec.Input.SchemaSet
	return set != nil && x.Meta[metaFeed] == set.SchemaFrom
}

// metaFeed is the key of the FeedSource in the meta of an example.
const metaFeed = "feed"

// schema reads an example that is a schema document; what it says that is refused
// is in rejected.
func (x *exampleRun) schema() *schema.Document {
	doc, err := schema.Decode([]byte(x.example.Input))
	if err != nil {
		x.differ("%v", err)
		return nil
	}
	x.rejected = doc.Problems
	x.compareRejected()
	if len(x.example.Events) > 0 || x.example.Skipped > 0 {
		x.differ("a schema document has no events; leave events and skipped out")
	}
	return doc
}

// exampleRun is the sink of one example.
type exampleRun struct {
	example  *v1alpha1.Example
	events   []map[string]any
	rejected []string
	diff     []string
}

func (x *exampleRun) differ(format string, args ...any) {
	x.diff = append(x.diff, fmt.Sprintf(format, args...))
}

func (x *exampleRun) Event(e *event.Event) error {
	m, err := decodeJSON(event.AppendJSON(nil, e))
	if err != nil {
		return err
	}
	x.events = append(x.events, m)
	return nil
}

func (x *exampleRun) Reject(r *Rejection) error {
	f := r.Reason
	if r.Field != "" {
		f = r.Field + ": " + f
	}
	x.rejected = append(x.rejected, fmt.Sprintf("%s (record %.200q)", f, r.Record))
	return nil
}

func (x *exampleRun) run(p *Parser) {
	input, meta, err := p.ExamplePayload(x.example)
	if err != nil {
		x.differ("%v", err)
		return
	}
	stats, err := p.Parse(context.Background(), bytes.NewReader(input), meta, x, nil)
	if err != nil {
		x.differ("%v", err)
	}
	x.compareEvents()
	x.compareRejected()
	skipped := int64(0)
	for _, n := range stats.Skipped {
		skipped += n
	}
	if skipped != int64(x.example.Skipped) {
		x.differ("skipped: expected %d, got %d", x.example.Skipped, skipped)
	}
}

// ExamplePayload is the payload of an example, and what a collector would know of it.
func (p *Parser) ExamplePayload(x *v1alpha1.Example) ([]byte, Meta, error) {
	meta, err := exampleMeta(x.Meta)
	if err != nil {
		return nil, meta, err
	}
	input, err := p.payload(x)
	return input, meta, err
}

// payload is the bytes of an example.
func (p *Parser) payload(x *v1alpha1.Example) ([]byte, error) {
	if x.InputBase64 == "" {
		input, err := p.encode(x.Input)
		if err != nil {
			return nil, fmt.Errorf("input: %w", err)
		}
		return input, nil
	}
	input, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(x.InputBase64), ""))
	if err != nil {
		return nil, fmt.Errorf("inputBase64: %w", err)
	}
	return input, nil
}

// encode writes the input of an example, which YAML has as Unicode, in the
// character set that the Parser reads.
func (p *Parser) encode(input string) ([]byte, error) {
	if p.charset == nil || p.charset.encoding == nil {
		return []byte(input), nil
	}
	out, err := p.charset.encoding.NewEncoder().Bytes([]byte(input))
	if err != nil {
		return nil, fmt.Errorf("has characters that %s does not have", p.charset.name)
	}
	return out, nil
}

func exampleMeta(given map[string]string) (Meta, error) {
	m := Meta{Source: exampleSource, Collected: exampleTime}
	if _, ok := given[metaFeed]; ok {
		return m, errors.New("meta.feed: is only for the schema document of a schema set: it must be spec.input.schemaSet.schemaFrom")
	}
	if err := m.Set(given); err != nil {
		return m, fmt.Errorf("meta.%w", err)
	}
	return m, nil
}

// Set fills in what people write about a payload: url, filename, contentType,
// source and collected (RFC 3339). The error begins with the key.
func (m *Meta) Set(given map[string]string) error {
	for _, key := range slices.Sorted(maps.Keys(given)) {
		value := given[key]
		switch key {
		case "url":
			m.URL = value
		case "filename":
			m.Filename = value
		case "contentType":
			m.ContentType = value
		case "source":
			m.Source = value
		case "collected":
			t, err := time.Parse(time.RFC3339, value)
			if err != nil {
				return fmt.Errorf("collected: %q is no time such as 2026-01-31T12:00:00Z", value)
			}
			m.Collected = t.UTC()
		default:
			return fmt.Errorf("%s: is not known; there are url, filename, contentType, source and collected", key)
		}
	}
	return nil
}

func (x *exampleRun) compareEvents() {
	if len(x.events) != len(x.example.Events) {
		x.differ("events: expected %d, got %d", len(x.example.Events), len(x.events))
	}
	for i, want := range x.example.Events {
		place := fmt.Sprintf("event %d: ", i+1)
		expected, err := decodeJSON(want.Raw)
		switch {
		case err != nil:
			x.differ("%sexpected is no object: %v", place, err)
		case i >= len(x.events):
			x.differ("%sexpected %s, got none", place, want.Raw)
		default:
			x.compareFields(place, "", expected, x.events[i])
		}
	}
	for i := len(x.example.Events); i < len(x.events); i++ {
		x.differ("event %d: not expected: %s", i+1, show(x.events[i]))
	}
}

// compareFields compares the fields that are expected; prefix is that of their
// names.
func (x *exampleRun) compareFields(place, prefix string, want, got map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		name := prefix + key
		value, ok := got[key]
		switch {
		case want[key] == nil && ok:
			x.differ("%s%s: expected to be absent, got %s", place, name, show(value))
		case want[key] == nil:
		case !ok:
			x.differ("%s%s: expected %s, got nothing", place, name, show(want[key]))
		default:
			x.compareValue(place, name, want[key], value)
		}
	}
}

func (x *exampleRun) compareValue(place, name string, want, got any) {
	switch w := want.(type) {
	case map[string]any:
		if g, ok := got.(map[string]any); ok {
			x.compareFields(place, name+".", w, g)
			return
		}
	case []any:
		if g, ok := got.([]any); ok && len(g) == len(w) {
			for i := range w {
				x.compareValue(place, fmt.Sprintf("%s[%d]", name, i), w[i], g[i])
			}
			return
		}
	default:
		if sameScalar(want, got) {
			return
		}
	}
	x.differ("%s%s: expected %s, got %s", place, name, show(want), show(got))
}

// sameScalar compares numbers by value and times by instant.
func sameScalar(want, got any) bool {
	if want == got {
		return true
	}
	switch w := want.(type) {
	case json.Number:
		g, ok := got.(json.Number)
		if !ok {
			return false
		}
		a, errA := w.Float64()
		b, errB := g.Float64()
		return errA == nil && errB == nil && a == b
	case string:
		g, ok := got.(string)
		if !ok {
			return false
		}
		a, errA := time.Parse(time.RFC3339Nano, w)
		b, errB := time.Parse(time.RFC3339Nano, g)
		return errA == nil && errB == nil && a.Equal(b)
	}
	return false
}

func (x *exampleRun) compareRejected() {
	if len(x.rejected) != len(x.example.Rejected) {
		x.differ("rejected: expected %d, got %d", len(x.example.Rejected), len(x.rejected))
	}
	for i, want := range x.example.Rejected {
		if i < len(x.rejected) && !strings.Contains(x.rejected[i], want) {
			x.differ("rejected %d: expected a reason with %q, got %s", i+1, want, x.rejected[i])
		}
	}
	for i := len(x.example.Rejected); i < len(x.rejected); i++ {
		x.differ("rejected %d: not expected: %s", i+1, x.rejected[i])
	}
}

func show(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func decodeJSON(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var m map[string]any
	err := d.Decode(&m)
	return m, err
}
