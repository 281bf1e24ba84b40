package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const schemaDocument = `{"_meta": {"date_created": "2026-01-01"}, "scan": {"file_name": "scan",
"constant_fields": {"classification.type": "scanner"},
"required_fields": [["time.source", "seen"], ["source.ip", "ip"]]}}`

const schemaParser = `apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: reports}
spec:
  input: {schemaSet: {schemaFrom: documents}}
  examples:
    - name: one
      meta: {filename: scan.csv}
      input: "seen,ip\n2026-01-01,192.0.2.1\n"
      events: [{category: scanning, address: [{ip: 192.0.2.1}]}]
`

func TestASchemaDocumentOnTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	parser, doc := file("parser.yaml", schemaParser), file("schema.json", schemaDocument)
	report := file("2026-01-31-scan-example.csv", "seen,ip\n2026-01-01,192.0.2.1\n")
	odd := file("odd.json", strings.Replace(schemaDocument, `"source.ip", "ip"`, `"source.ip", "ip", "to_ip"`, 1))
	pinned := file("pinned.yaml", strings.Replace(schemaParser, "documents}", "documents, sha256: \""+strings.Repeat("0", 64)+"\"}", 1))
	csv := file("csv.yaml", strings.Replace(schemaParser, "schemaSet: {schemaFrom: documents}", "csv: {}", 1)+"  constants: {category: cnc}\n")
	for _, tc := range []struct {
		args      []string
		code      int
		out, errs string
	}{
		{[]string{"try", "-f", parser, report, "--schema", doc}, 0, "scanning", "1 records: 1 events, 0 rejected"},
		{[]string{"try", "-f", parser, report}, 2, "", "needs --schema, the file with the schema document"},
		{[]string{"try", "-f", parser, report, "--schema", report}, 2, "", "the schema document is no JSON object"},
		{[]string{"try", "-f", parser, report, "--schema", odd}, 0, "", `does not know the function "to_ip"`},
		{[]string{"try", "-f", pinned, report, "--schema", doc}, 2, "", "but spec.input.schemaSet.sha256 is 0000"},
		{[]string{"try", "-f", csv, report, "--schema", doc}, 2, "", "--schema is for Parsers with spec.input.schemaSet"},
		{[]string{"test", "-f", parser, "--schema", doc}, 0, "1 passed, 0 failed", ""},
		{[]string{"test", "-f", parser}, 1, "there is no schema document yet", ""},
		{[]string{"check", "-f", parser}, 0, "no problems", ""},
	} {
		code, out, errs := weir(t, "", tc.args...)
		if code != tc.code || !strings.Contains(out, tc.out) || !strings.Contains(errs, tc.errs) {
			t.Errorf("%s: exit %d\n%s%s\nwant exit %d, %s, %s", tc.args[:3], code, out, errs, tc.code, tc.out, tc.errs)
		}
	}
}

func TestCheckMissesTheFeedSourceOfTheSchemaDocument(t *testing.T) {
	dir := t.TempDir()
	manifests := schemaParser + `---
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: reports}
spec: {provider: example, channel: reports, exchangeRef: {name: main}, parserRef: {name: reports}, schedule: {interval: 1h}, file: {path: reports}}
`
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := weir(t, "", "check", "-f", dir); code != 1 || !strings.Contains(out, `no FeedSource "documents" uses this Parser`) {
		t.Errorf("exit %d\n%s", code, out)
	}
}
