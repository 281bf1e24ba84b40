package parse

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/parse/schema"
)

// wideSchema has reports of 40 columns, as many as are asked for: 7 that fill
// fields, 33 extras with the functions that are usual.
func wideSchema(reports, columns int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"_meta": {"date_created": "2026-01-02T03:04:05Z"}`)
	for r := range reports {
		fmt.Fprintf(&b, `, "scan_test%d": {"feed_name": "Test %d", "file_name": "scan_test%d", "url": "https://example.org/reports/scan_test%d/",
 "constant_fields": {"classification.identifier": "open-test%d", "classification.taxonomy": "vulnerable",
  "classification.type": "vulnerable-system", "protocol.application": "test"},
 "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"],
  ["source.port", "port", "convert_int"]],
 "optional_fields": [["protocol.transport", "protocol"], ["source.reverse_dns", "hostname"],
  ["source.asn", "asn", "invalidate_zero"], ["source.geolocation.cc", "geo"]`, r, r, r, r, r)
		for c := 7; c < columns; c++ {
			fn := []string{`"validate_to_none"`, `"convert_int"`, `"validate_to_none"`, `"convert_bool"`, `"validate_to_none"`}[c%5]
			fmt.Fprintf(&b, `, ["extra.", "column_%02d", %s]`, c, fn)
		}
		b.WriteString("]}")
	}
	b.WriteString("}")
	return b.Bytes()
}

func wideReport(rows, columns int) []byte {
	var b bytes.Buffer
	b.WriteString("timestamp,ip,protocol,port,hostname,asn,geo")
	for c := 7; c < columns; c++ {
		fmt.Fprintf(&b, ",column_%02d", c)
	}
	b.WriteByte('\n')
	for i := range rows {
		fmt.Fprintf(&b, "2026-01-01 00:%02d:%02d,198.51.%d.%d,udp,%d,host-%d.example.net,645%02d,PL", i/60%60, i%60, i>>8&255, i&255, i%60000+1, i, i%100)
		for c := 7; c < columns; c++ {
			b.WriteString([]string{`,value of it`, `,4711`, `,0`, `,Y`, `,`}[c%5])
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

func BenchmarkSchemaSet40Columns(b *testing.B) {
	doc, err := schema.Decode(wideSchema(2, 40))
	if err != nil || doc.Err() != nil {
		b.Fatal(err, doc.Err())
	}
	p, err := CompileWith(specOf(b, `input: {schemaSet: {schemaFrom: s}}`), doc)
	if err != nil {
		b.Fatal(err)
	}
	payload := wideReport(benchRows, 40)
	meta := Meta{Source: "example.bench", Collected: time.Unix(1700000000, 0), Filename: "2026-01-01-scan_test1-bench.csv"}
	var sink encodeSink
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		if _, err := p.Parse(context.Background(), bytes.NewReader(payload), meta, &sink, nil); err != nil {
			b.Fatal(err)
		}
	}
	cpu = cpuTime(b) - cpu
	b.ReportMetric(float64(sink.events)/cpu.Seconds(), "events/cpu-s")
	if sink.events != b.N*benchRows {
		b.Fatalf("%d events from %d runs", sink.events, b.N)
	}
}

// BenchmarkSchemaDocument reads a document as large as the one of Shadowserver,
// and tells what it takes of memory for good.
func BenchmarkSchemaDocument(b *testing.B) {
	data := wideSchema(170, 36) // 6,120 mappings
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var doc *schema.Document
	for b.Loop() {
		var err error
		if doc, err = schema.Decode(data); err != nil || doc.Err() != nil {
			b.Fatal(err, doc.Err())
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(doc.Columns()), "mappings")
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)), "B-kept")
	if len(doc.Reports) != 170 || !strings.Contains(string(data), "scan_test169") {
		b.Fatal(len(doc.Reports))
	}
	runtime.KeepAlive(doc)
}

// BenchmarkSchemaSetOfAllReports makes a Parser for each of 170 reports, which
// happens when every one of them has come.
func BenchmarkSchemaSetOfAllReports(b *testing.B) {
	doc, err := schema.Decode(wideSchema(170, 36))
	if err != nil {
		b.Fatal(err)
	}
	spec := specOf(b, `
input: {schemaSet: {schemaFrom: s}}
mapping: [{field: target, from: [sector]}]
skip: [{when: "record.column_07 == 'honeypot'", reason: honeypot}]`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var set *Set
	for b.Loop() {
		if set, err = NewSet(spec, doc); err != nil {
			b.Fatal(err)
		}
		for i := range 170 {
			if _, _, err := set.Parser(Meta{Filename: fmt.Sprintf("scan_test%d.csv", i)}); err != nil {
				b.Fatal(err)
			}
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc)), "B-kept")
	runtime.KeepAlive(set)
}
