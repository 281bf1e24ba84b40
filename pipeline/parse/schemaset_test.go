package parse

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/parse/schema"
)

func exampleDocument(t testing.TB) *schema.Document {
	t.Helper()
	data, err := os.ReadFile("schema/testdata/example.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := schema.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

const echoReport = `timestamp,ip,port,protocol,asn,geo,sector
2026-01-01 00:00:01,192.0.2.1,7,udp,64500,PL,"a, b"
2026-01-01 00:00:02,192.0.2.2,seven,udp,64500,PL,x
`

func TestTheNameOfTheFileTellsTheReport(t *testing.T) {
	for _, tc := range []struct{ spec, file, url, want string }{
		{"", "2026-01-01-open_echo-example-asn.csv", "", ""},
		{"", "folder/2026-01-01-open_echo-12-example.csv.gz", "", ""},
		{"", "open_echo.csv", "", ""},
		{"", "", "https://example.org/d/2026-01-01-open_echo-x.csv?token=1", ""},
		{"", "2026-01-01-open_chargen-example.csv", "", `the schema document of 2026-01-02T03:04:05Z has no report "open_chargen", which the file name "2026-01-01-open_chargen-example.csv" tells`},
		{"", "report.txt", "", `the file name "report.txt" does not tell the report; see spec.input.schemaSet.report`},
		{"", "", "", `the file name "." does not tell the report`},
		{", report: {name: open_echo}", "anything", "", ""},
		{`, report: {fromFilename: '^x-(?P<report>[a-z_]+)$'}`, "x-open_echo", "", ""},
	} {
		p, err := CompileWith(specOf(t, "input: {schemaSet: {schemaFrom: docs"+tc.spec+"}}"), exampleDocument(t))
		if err != nil {
			t.Fatal(err)
		}
		c := &collect{fields: []string{"time", "ip", "dport", "category", "name", "extra.sector"}}
		stats, err := p.Parse(context.Background(), strings.NewReader(echoReport), Meta{Source: "a.b", Filename: tc.file, URL: tc.url,
			Collected: testMeta.Collected}, c, nil)
		if tc.want != "" {
			var unreadable *UnreadableError
			if !errors.As(err, &unreadable) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v, want %s", tc.file, err, tc.want)
			}
			continue
		}
		want := []string{"2026-01-01T00:00:01Z", "192.0.2.1", "7", "amplifier", "open-echo", "a, b"}
		if err != nil || len(c.events) != 1 || !slices.Equal(c.events[0], want) {
			t.Errorf("%s: %v, %q, want %q", tc.file, err, c.events, want)
		}
		if stats.Records != 2 || stats.Rejected != 1 || !strings.HasPrefix(c.rejected[0], `dport: is not a port`) {
			t.Errorf("%s: %+v, %q", tc.file, stats, c.rejected)
		}
	}
}

func TestRulesOfTheParserComeBeforeTheDocument(t *testing.T) {
	p, err := CompileWith(specOf(t, `
input: {schemaSet: {schemaFrom: docs}}
skip: [{when: "record.protocol == 'icmp'", reason: icmp}]
explode: [{from: ip, separator: " "}]
mapping:
- {field: name, from: [sector]}
- {field: cc, value: DE}
- {field: extra.geo, from: [geo]}
constants: {category: vulnerable, extra.protocol_application: none, target: all}
`), exampleDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	c := &collect{fields: []string{"ip", "name", "cc", "category", "target", "extra.geo", "extra.protocol_application", "extra.sector"}}
	stats, err := p.Parse(context.Background(), strings.NewReader(
		"timestamp,ip,port,protocol,geo,sector\n2026-01-01,192.0.2.1 192.0.2.2,7,udp,PL,web\n2026-01-01,192.0.2.3,7,icmp,PL,web\n"),
		Meta{Source: "a.b", Filename: "open_echo.csv"}, c, nil)
	want := [][]string{
		{"192.0.2.1", "web", "DE", "vulnerable", "all", "PL", "none", ""},
		{"192.0.2.2", "web", "DE", "vulnerable", "all", "PL", "none", ""},
	}
	if err != nil || stats.Skipped["icmp"] != 1 || !slices.EqualFunc(c.events, want, slices.Equal) {
		t.Errorf("%v, %+v, %q", err, stats, c.events)
	}
}

func TestAReportWithoutARequiredColumnIsUnreadable(t *testing.T) {
	p, err := CompileWith(specOf(t, "input: {schemaSet: {schemaFrom: docs}}"), exampleDocument(t))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(context.Background(), strings.NewReader("timestamp,address,port\n"), Meta{Filename: "open_echo.csv"}, &collect{}, nil)
	if err == nil || err.Error() != "payload cannot be read: the report open_echo lacks the required column ip; it has: timestamp, address, port" {
		t.Error(err)
	}
	p, err = Compile(specOf(t, "input: {schemaSet: {schemaFrom: docs}}"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Parse(context.Background(), strings.NewReader(echoReport), Meta{Filename: "open_echo.csv"}, &collect{}, nil)
	if err == nil || !strings.Contains(err.Error(), "no schema document") {
		t.Error(err)
	}
}

func TestSchemaSetsThatCannotWork(t *testing.T) {
	for spec, want := range map[string]string{
		"{}":                          "spec.input.schemaSet.schemaFrom: is needed",
		"{schemaFrom: s, report: {}}": "spec.input.schemaSet.report: needs exactly one of fromFilename and name",
		"{schemaFrom: s, report: {fromFilename: '('}}":        "spec.input.schemaSet.report.fromFilename: error parsing regexp",
		"{schemaFrom: s, report: {fromFilename: '(a)'}}":      "has no group named report",
		"{schemaFrom: s, csv: {header: None, columns: [ip]}}": "csv.header: cannot be None",
		"{schemaFrom: s, csv: {header: Commented}}":           "spec.input.schemaSet.csv.comment: is needed",
		"{schemaFrom: s, csv: {delimiter: \"\\n\"}}":          "spec.input.schemaSet.csv.delimiter",
	} {
		if _, err := Compile(specOf(t, "input: {schemaSet: "+spec+"}")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", spec, err, want)
		}
	}
}

const exampleSpec = `
input: {schemaSet: {schemaFrom: docs}}
examples:
- name: schema
  meta: {feed: docs}
  input: |
    {"_meta": {"date_created": "2026-01-01"},
     "a": {"file_name": "a", "required_fields": [["time.source", "seen"], ["source.ip", "addr", "to_addr"], ["source.ip", "ip"]]}}
  rejected: ["does not know the function \"to_addr\""]
- name: report
  meta: {filename: a.csv}
  input: "seen,addr,ip\n2026-01-01,x,192.0.2.1\n"
  events: [{address: [{ip: 192.0.2.1}], extra: {addr: x}}]
`

func TestAnExampleCanBeTheSchemaOfOthers(t *testing.T) {
	for _, r := range RunExamples(specOf(t, exampleSpec)) {
		if !r.OK {
			t.Errorf("%s: %s", r.Name, r.Diff)
		}
	}
	spec := specOf(t, exampleSpec)
	if results := RunExamplesWith(spec, exampleDocument(t)); !results[0].OK || results[1].OK ||
		!strings.Contains(results[1].Diff, `has no report "a"`) {
		t.Errorf("%+v", results)
	}
	spec.Examples = spec.Examples[1:]
	if results := RunExamples(spec); results[0].OK || !strings.Contains(results[0].Diff, "there is no schema document yet") {
		t.Errorf("%+v", results)
	}
	spec.Examples[0].Meta["feed"] = "other"
	if results := RunExamples(spec); results[0].OK || !strings.Contains(results[0].Diff, "meta.feed: is only for the schema document") {
		t.Errorf("%+v", results)
	}
}

// A report in CSV and an event of IntelMQ of the same type have the same category.
func TestTypesHaveTheCategoriesOfIntelMQ(t *testing.T) {
	spec, err := vocabularyOf("intelmq")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range spec.Mapping {
		if r.Field != "category" || r.Values == nil {
			continue
		}
		for typ, category := range r.Values.Entries {
			if n++; schema.Category(typ) != category {
				t.Errorf("%s is %s, and %s of IntelMQ", typ, schema.Category(typ), category)
			}
		}
	}
	if n < 40 {
		t.Errorf("%d types", n)
	}
}
