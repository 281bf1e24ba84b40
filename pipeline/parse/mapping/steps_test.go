package mapping

import (
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Extras are quoted here where no escapes are needed; the outcome must be that of
// Field.Set.
func TestExtrasAreQuotedAsTheEventDoes(t *testing.T) {
	p, err := Compile(specOf(t, "mapping: [{field: extra.x, from: [x]}]\nconstants: {category: bots}"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner(Meta{Source: "a.b", Collected: time.Unix(0, 0)}, nil)
	field, _ := event.Lookup("extra.x")
	for c := range rune(0x300) {
		text := "a" + string(c) + "b"
		var got, want event.Event
		rec := &Record{Values: []record.Value{{Text: text, Kind: record.String}}}
		if _, _, fail := r.Skip(rec); fail != nil {
			t.Fatal(fail)
		}
		fail := r.Map(0, rec, &got)
		if err := field.Set(&want, text); (err != nil) != (fail != nil) {
			t.Errorf("%q: %v, but Set gives %v", text, fail, err)
		}
		if fail == nil && string(got.Extra[0].Value) != string(want.Extra[0].Value) {
			t.Errorf("%q: got %s, want %s", text, got.Extra[0].Value, want.Extra[0].Value)
		}
	}
}

func TestMappingDoesNotAllocateOnceWarm(t *testing.T) {
	p, err := Compile(specOf(t, `
mapping:
- {field: time, from: [t], time: {layouts: ["%d/%m/%Y %H:%M"]}}
- {field: ip, from: [ip], split: " "}
- {field: url, from: [url]}
- {field: proto, from: [p], values: {ignoreCase: true, entries: {t: tcp}}}
- {field: extra.x, from: [x]}
constants: {category: bots}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := p.NewRunner(Meta{Source: "a.b", Collected: time.Unix(0, 0)}, nil)
	values := map[string]string{"t": "06/05/2024 07:08", "ip": "192.0.2.1 192.0.2.2", "url": "http://a.example/b", "p": "t", "x": "text"}
	rec := &Record{}
	for _, in := range p.Inputs() {
		rec.Values = append(rec.Values, record.Value{Text: values[in.Name], Kind: record.String})
	}
	var e event.Event
	if n := testing.AllocsPerRun(100, func() {
		e.Reset()
		if _, _, fail := r.Skip(rec); fail != nil {
			t.Fatal(fail)
		}
		if fail := r.Map(0, rec, &e); fail != nil {
			t.Fatal(fail)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
