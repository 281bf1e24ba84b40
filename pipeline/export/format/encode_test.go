package format

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

var update = flag.Bool("update", false, "write the golden files")

func mustID(s string) event.ID {
	id, err := event.ParseID(s)
	if err != nil {
		panic(err)
	}
	return id
}

// sampleEvents are three events that between them use every column and shape.
func sampleEvents() []*event.Event {
	return []*event.Event{
		{
			ID: mustID("392ab73bbe7bcd6a56c84af2234987a4"), Source: "hidden.00000042",
			Time: time.Date(2024, 5, 4, 10, 59, 3, 250000000, time.UTC), Modified: time.Date(2024, 5, 4, 11, 45, 27, 0, time.UTC),
			Category: category("bots"), Confidence: event.ConfidenceMedium, Restriction: event.RestrictionNeedToKnow, TLP: event.TLPAmber,
			Name: "=HYPERLINK(\"http://example.com\")\nnext line", Target: "Example \"Bank\"\r\nS.A. ż",
			Address: []event.Address{
				{IP: netip.MustParseAddr("203.0.113.42"), ASN: event.Some(uint32(64496)), CC: "PL"},
				{IP: netip.MustParseAddr("2001:db8::7b"), ASN: event.Some(uint32(0))},
				{IP: netip.MustParseAddr("203.0.113.123"), CC: "GB"},
			},
			Proto: proto("tcp"), SPort: event.Some(uint16(58362)), DPort: event.Some(uint16(22)), ADIP: "x.x.51.198",
			Extra: []event.Extra{{Key: "product", Value: json.RawMessage(`{"name":"α,β","versions":[]}`)}},
		},
		{
			ID: mustID("eb450876ab458d05238ffe523e56d9b5"), Source: "example.phish",
			Time: time.Date(2024, 5, 3, 1, 57, 26, 0, time.UTC), Modified: time.Date(2024, 5, 4, 13, 18, 43, 123456000, time.UTC),
			Category: category("phish"), Confidence: event.ConfidenceLow, Restriction: event.RestrictionPublic, TLP: event.TLPClear,
			FQDN: "-odd.example.com", URL: "http://-odd.example.com/a,b?\"q\"=1", MD5: "0123456789abcdef0123456789abcdef",
			DIP: netip.MustParseAddr("2001:db8::1"), DPort: event.Some(uint16(0)), Count: event.Some(uint32(0)), CVEs: []string{"CVE-2024-0001"},
		},
		{
			ID: mustID("00000000000000000000000000000001"), Source: "example.scan",
			Time:     time.Date(2024, 5, 3, 0, 0, 0, 0, time.UTC),
			Category: category("scanning"), Confidence: event.ConfidenceHigh, Restriction: event.RestrictionPublic,
			DPort: event.Some(uint16(443)),
		},
	}
}

func category(s string) event.Category { v, _ := event.ParseCategory(s); return v }
func proto(s string) event.Proto       { v, _ := event.ParseProto(s); return v }

func encodeAll(enc Encoder, events []*event.Event) []byte {
	b := enc.Begin(nil)
	for _, e := range events {
		b = enc.Event(b, e)
	}
	return enc.End(b)
}

func TestFormatsAreAsPublished(t *testing.T) {
	for _, format := range Names {
		t.Run(format, func(t *testing.T) {
			got := encodeAll((&Shape{Format: format}).Encoder(), sampleEvents())
			file := filepath.Join("testdata", "events."+format)
			if *update {
				if err := os.WriteFile(file, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestEmptyAnswers(t *testing.T) {
	for format, want := range map[string]string{"json": "[\n\n]", "sjson": "\n", "csv": csvHeader + "\n"} {
		if got := string(encodeAll((&Shape{Format: format}).Encoder(), nil)); got != want {
			t.Errorf("%s: %q, want %q", format, got, want)
		}
	}
}

func TestJSONFormatsHoldTheCanonicalEvent(t *testing.T) {
	events := sampleEvents()
	var fromArray []json.RawMessage
	if err := json.Unmarshal(encodeAll((&Shape{Format: JSON}).Encoder(), events), &fromArray); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(encodeAll((&Shape{Format: SJSON}).Encoder(), events)), "\n")
	if len(lines) != len(events)+2 || lines[len(events)] != "" {
		t.Fatalf("sjson has %d lines", len(lines))
	}
	for i, e := range events {
		want := normalJSON(t, event.AppendJSON(nil, e))
		if got := normalJSON(t, fromArray[i]); got != want {
			t.Errorf("json: %s, want %s", got, want)
		}
		if got := normalJSON(t, []byte(lines[i])); got != want {
			t.Errorf("sjson: %s, want %s", got, want)
		}
	}
}

func normalJSON(t *testing.T, b []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func TestCSVIsReadBackCellByCell(t *testing.T) {
	rows, err := csv.NewReader(strings.NewReader(string(encodeAll(&csvEncoder{}, sampleEvents())))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 4 {
		t.Fatalf("%d rows", len(rows))
	}
	want := []string{"2024-05-04T10:59:03.25Z", "392ab73bbe7bcd6a56c84af2234987a4", "hidden.00000042", "bots",
		`'=HYPERLINK("http://example.com")\nnext line`, "", "203.0.113.42 2001:db8::7b 203.0.113.123", "", "", "64496 0", "PL GB",
		`tcp from port 58362 to x.x.51.198:22 target Example "Bank"\r\nS.A. ż`}
	for i, cell := range want {
		if rows[1][i] != cell {
			t.Errorf("column %s: %q, want %q", rows[0][i], rows[1][i], cell)
		}
	}
	if got := rows[2][11]; got != "to [2001:db8::1]:0" {
		t.Errorf("details of an IPv6 destination: %q", got)
	}
	if got := rows[2][7]; got != `http://-odd.example.com/a,b?"q"=1` {
		t.Errorf("url: %q", got)
	}
	if got := rows[3][11]; got != "to port 443" {
		t.Errorf("details without destination: %q", got)
	}
}

func TestCSVNamesAreNoFormulas(t *testing.T) {
	for name, want := range map[string]string{"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "mirai": "mirai", "a=1": "a=1"} {
		e := sampleEvents()[2]
		e.Name = name
		rows, err := csv.NewReader(strings.NewReader(string((&csvEncoder{}).Event(nil, e)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if got := rows[0][4]; got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}

func TestAnonymizedIPv6DestinationInCSV(t *testing.T) {
	e := sampleEvents()[2]
	e.ADIP = "x:x:x:x:x:x:x:b"
	if got := string(appendDetails(nil, e)); got != "to [x:x:x:x:x:x:x:b]:443" {
		t.Error(got)
	}
	e.DPort.Set = false
	if got := string(appendDetails(nil, e)); got != "to x:x:x:x:x:x:x:b" {
		t.Error(got)
	}
}

func BenchmarkEncoders(b *testing.B) {
	events := sampleEvents()
	for _, format := range Names {
		b.Run(format, func(b *testing.B) {
			enc := (&Shape{Format: format}).Encoder()
			buf := enc.Begin(nil)
			b.ReportAllocs()
			i := 0
			bytes := 0
			for b.Loop() {
				buf = enc.Event(buf[:0], events[i%len(events)])
				bytes += len(buf)
				i++
			}
			b.ReportMetric(float64(i)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
		})
	}
}
