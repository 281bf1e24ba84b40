package drift_test

import (
	"io"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

const scanSchema = `{"_meta": {"date_created": "2026-01-01"}, "scan": {"file_name": "scan",
"required_fields": [["time.source", "timestamp"], ["source.ip", "ip"]],
"optional_fields": [["source.reverse_dns", "hostname"], ["source.asn", "asn"], ["extra.", "tag"]]}}`

func scanRows(header, row string) string { return header + "\n" + strings.Repeat(row+"\n", 30) }

// A schema document says which columns there must be; only those, and what is in
// the columns that fill fields, can break.
func TestReportsOfASchemaSetChangeAsTheirDocumentAllows(t *testing.T) {
	doc, err := schema.Decode([]byte(scanSchema))
	if err != nil {
		t.Fatal(err)
	}
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte("input: {schemaSet: {schemaFrom: s}}"), &spec); err != nil {
		t.Fatal(err)
	}
	set, err := drift.NewSetLens(&spec, doc)
	if err != nil {
		t.Fatal(err)
	}
	m := parse.Meta{Source: "a.b", Filename: "scan.csv"}
	lens := set.Of(m)
	if lens.Report != "scan" || set.Of(m) != lens || set.Of(parse.Meta{Filename: "other.csv"}) != set {
		t.Fatalf("report %q", lens.Report)
	}
	learnAs := func(payload string) *drift.Profile {
		p, err := lens.Learn(t.Context(), strings.NewReader(payload), m)
		if err != nil {
			t.Fatal(err)
		}
		open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(payload)), nil }
		if err := lens.Probe(t.Context(), open, m, p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	base := drift.Merge(nil, learnAs(scanRows("timestamp,ip,hostname,asn,tag", "2026-01-01 00:00:00,192.0.2.1,h.example.net,64500,x")))
	for _, tc := range []struct {
		name, header, row, want string
		breaking                bool
	}{
		{"as ever", "timestamp,ip,hostname,asn,tag", "2026-01-01 00:00:00,192.0.2.1,h.example.net,64500,x", "The format has not changed.", false},
		{"another order", "ip,timestamp,hostname,asn,tag", "192.0.2.1,2026-01-01 00:00:00,h.example.net,64500,x",
			`The columns are in another order: "timestamp" is now at position 2.`, false},
		{"an optional column is gone", "timestamp,ip,hostname,tag", "2026-01-01 00:00:00,192.0.2.1,h.example.net,x",
			`Column "asn" is gone; it fills asn; the schema document does not require it.`, false},
		{"a column is new", "timestamp,ip,hostname,asn,tag,new", "2026-01-01 00:00:00,192.0.2.1,h.example.net,64500,x,y",
			`Column "new" is new; no rule uses it yet.`, false},
		{"a required column is renamed", "timestamp,address,hostname,asn,tag", "2026-01-01 00:00:00,192.0.2.1,h.example.net,64500,x",
			`Column "ip" is gone; "address"`, true},
		{"values changed places", "timestamp,ip,hostname,asn,tag", "2026-01-01 00:00:00,192.0.2.1,64500,h.example.net,x",
			`Column "hostname"`, true},
	} {
		findings := drift.Compare(base.For(lens), learnAs(scanRows(tc.header, tc.row)))
		if got := drift.Summarize(findings); !strings.HasPrefix(got, tc.want) || drift.Breaking(findings) != tc.breaking {
			t.Errorf("%s: %s (breaking: %t), want %s", tc.name, got, drift.Breaking(findings), tc.want)
		}
	}
	if first := drift.Compare(nil, learnAs(scanRows("ip,timestamp", "192.0.2.1,2026-01-01"))); len(first) > 0 {
		t.Errorf("the first report: %+v", first)
	}
}
