package format

import (
	"encoding/csv"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/export/exporttest"
)

var update = flag.Bool("update", false, "write the golden files")

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
			got := encodeAll((&Shape{Format: format}).Encoder(), exporttest.Events())
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
	events := exporttest.Events()
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
	rows, err := csv.NewReader(strings.NewReader(string(encodeAll(&csvEncoder{}, exporttest.Events())))).ReadAll()
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
		e := exporttest.Events()[2]
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
	e := exporttest.Events()[2]
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
	events := exporttest.Events()
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
