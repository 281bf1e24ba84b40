package format

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/export/exporttest"
)

func TestColumnsOfN6MakeItsCSV(t *testing.T) {
	s := Shape{Format: CSV}
	for _, name := range csvColumns {
		s.Columns = append(s.Columns, Column{Name: name, Field: name})
	}
	for _, events := range [][]*event.Event{exporttest.Events(), Samples(), nil} {
		got, want := string(encodeAll(s.Encoder(), events)), string(encodeAll(&csvEncoder{}, events))
		if got != want {
			t.Errorf("got:\n%s\nwant:\n%s", got, want)
		}
	}
}

func TestColumnsHaveTheNamesAndOrderOfTheVersion(t *testing.T) {
	columns := []Column{{"host", "fqdn"}, {"when", "time"}, {"addresses", "ip"}, {"asns", "asn"}, {"port", "dport"}, {"who", "name"}, {"what", "details"}}
	e := exporttest.Events()[0]
	e.FQDN = ""
	for format, want := range map[string]string{
		CSV: `"host","when","addresses","asns","port","who","what"` + "\r\n" +
			`"","2024-05-04T10:59:03.25Z","203.0.113.42 2001:db8::7b 203.0.113.123","64496 0","22","'=HYPERLINK(""http://example.com"")\nnext line",` +
			`"tcp from port 58362 to x.x.51.198:22 target Example ""Bank""\r\nS.A. ż"` + "\r\n\n",
		SJSON: `{"when": "2024-05-04T10:59:03.25Z", "addresses": ["203.0.113.42", "2001:db8::7b", "203.0.113.123"], "asns": [64496, 0], "port": 22, ` +
			`"who": "=HYPERLINK(\"http://example.com\")\u000anext line", ` +
			`"what": "tcp from port 58362 to x.x.51.198:22 target Example \"Bank\"\\r\\nS.A. \u017c"}` + "\n\n",
	} {
		s := Shape{Format: format, Columns: columns}
		if got := string(encodeAll(s.Encoder(), []*event.Event{e})); got != want {
			t.Errorf("%s:\n%s\nwant:\n%s", format, got, want)
		}
	}
	array := Shape{Format: JSON, Columns: columns}
	var list []map[string]any
	if err := json.Unmarshal(encodeAll(array.Encoder(), []*event.Event{e, e}), &list); err != nil || len(list) != 2 || list[1]["port"] != 22.0 {
		t.Errorf("json: %v, %v", list, err)
	}
	bare := Shape{Format: CSV, Columns: columns[1:2], NoHeader: true}
	if got := string(encodeAll(bare.Encoder(), []*event.Event{e})); got != "\"2024-05-04T10:59:03.25Z\"\r\n\n" {
		t.Errorf("without header: %q", got)
	}
}

func TestEveryFieldIsReadBack(t *testing.T) {
	var columns []Column
	for i, name := range Fields() {
		columns = append(columns, Column{Name: "c" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Field: name})
	}
	events := Samples()
	rows, err := csv.NewReader(strings.NewReader(string(encodeAll((&Shape{Format: CSV, Columns: columns}).Encoder(), events)))).ReadAll()
	if err != nil || len(rows) != len(events)+1 {
		t.Fatal(len(rows), err)
	}
	var objects []map[string]any
	if err := json.Unmarshal(encodeAll((&Shape{Format: JSON, Columns: columns}).Encoder(), events), &objects); err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		if rows[1][i] == "" || objects[0][c.Name] == nil {
			t.Errorf("%s: %q in csv, %v in json", c.Field, rows[1][i], objects[0][c.Name])
		}
	}
}

func TestSamplesAreEventsWithEveryValueOfEveryEnum(t *testing.T) {
	seen := map[string]map[string]bool{}
	for i, e := range Samples() {
		if err := event.Validate(e); err != nil {
			t.Errorf("sample %d: %v", i, err)
		}
		for name, f := range fields {
			if seen[name] == nil {
				seen[name] = map[string]bool{}
			}
			if v := string(f.join(nil, e)); v != "" {
				seen[name][v] = true
			}
		}
	}
	for name := range fields {
		f, ok := event.Lookup(name)
		want := 1
		if ok {
			want = max(1, len(f.Choices()))
		}
		if len(seen[name]) < want {
			t.Errorf("%s has %d values in the samples, want %d", name, len(seen[name]), want)
		}
	}
}

// The schema of Subscriptions offers the fields that there are.
func TestTheFieldsAreThoseOfTheCustomResource(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("..", "..", "..", "config", "crd", "feeds.weir.dev_subscriptions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var at any
	if err := yaml.Unmarshal(data, &at); err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"spec", "versions", "0", "schema", "openAPIV3Schema", "properties", "spec", "properties", "exports", "items",
		"properties", "api", "properties", "versions", "items", "properties", "columns", "items", "properties", "field", "enum"} {
		if list, ok := at.([]any); ok {
			at = list[0]
			continue
		}
		at = at.(map[string]any)[step]
	}
	var offered []string
	for _, v := range at.([]any) {
		offered = append(offered, v.(string))
	}
	slices.Sort(offered)
	if !slices.Equal(offered, Fields()) {
		t.Errorf("offered: %v\nthere are: %v", offered, Fields())
	}
}

func BenchmarkColumns(b *testing.B) {
	events := exporttest.Events()
	s := Shape{Columns: []Column{{"time", "time"}, {"ip", "ip"}, {"asn", "asn"}, {"host", "fqdn"}, {"url", "url"}, {"name", "name"}, {"details", "details"}}}
	for _, s.Format = range Names {
		b.Run(s.Format, func(b *testing.B) {
			enc := s.Encoder()
			buf := enc.Begin(nil)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				buf = enc.Event(buf[:0], events[i%len(events)])
				i++
			}
			b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "events/s")
		})
	}
}
