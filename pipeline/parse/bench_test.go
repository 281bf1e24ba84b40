package parse

import (
	"bytes"
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// encodeSink does what the stage after the parser does with an event.
type encodeSink struct {
	buf    []byte
	events int
}

func (s *encodeSink) Event(e *event.Event) error {
	s.events++
	s.buf = event.AppendJSON(s.buf[:0], e)
	return nil
}

func (s *encodeSink) Reject(r *Rejection) error { return fmt.Errorf("rejected: %+v", *r) }

const benchMapping = `
mapping:
- {field: time, from: [date], time: {layouts: ["%Y-%m-%d %H:%M:%S"]}, required: true}
- {field: ip, from: [ip], required: true}
- {field: dport, from: [port]}
- {field: name, from: [malware]}
- {field: url, from: [url]}
constants: {category: malurl, confidence: high}
`

const benchRows = 20_000

// eachRow writes rows of eight columns and about 110 bytes.
func eachRow(format string) []byte {
	var b bytes.Buffer
	for i := range benchRows {
		fmt.Fprintf(&b, format, i%28+1, i%60, 1000+i, i%256, i%200, i%65536, 0x1000+i, i)
	}
	return b.Bytes()
}

func benchmark(b *testing.B, input string, payload []byte) {
	benchmarkSpec(b, input+benchMapping, payload)
}

func benchmarkSpec(b *testing.B, spec string, payload []byte) {
	benchmarkVocabulary(b, spec, payload, benchRows)
}

// benchmarkVocabulary parses a payload of so many events.
func benchmarkVocabulary(b *testing.B, spec string, payload []byte, events int) {
	p, err := Compile(specOf(b, spec))
	if err != nil {
		b.Fatal(err)
	}
	var sink encodeSink
	meta := Meta{Source: "example.bench", Collected: time.Unix(1700000000, 0)}
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
	if sink.events != b.N*events {
		b.Fatalf("%d events from %d runs", sink.events, b.N)
	}
}

// cpuTime is the processor time of this process: machines that run benchmarks
// are rarely idle.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func BenchmarkCSV(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d,%d,198.51.%d.%d,%d,emotet-%x,http://bad.example/dir/file%d.exe,online,AS64496 Example Hosting\n")
	payload := append([]byte("date,id,ip,port,malware,url,status,owner\n"), rows...)
	benchmark(b, "input: {csv: {}}", payload)
}

func BenchmarkCSVQuoted(b *testing.B) {
	rows := eachRow(`"2024-05-%02d 07:08:%02d","%d","198.51.%d.%d","%d","emotet-%x","http://bad.example/dir/file%d.exe","online","Example ""Hosting"""` + "\n")
	payload := append([]byte("date,id,ip,port,malware,url,status,owner\n"), rows...)
	benchmark(b, "input: {csv: {}}", payload)
}

func BenchmarkCSVWideDelimiter(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d  |  %d  |  198.51.%d.%d  |  %d  |  emotet-%x  |  http://bad.example/dir/file%d.exe  |  online  |  x\n")
	benchmark(b, `input: {csv: {delimiter: "  |  ", header: None, columns: [date, id, ip, port, malware, url, status, owner]}}`, rows)
}

func BenchmarkCSVWindows1250(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d,%d,198.51.%d.%d,%d,emotet-%x,http://bad.example/dir/file%d.exe,online,\xbf\xf3\xb3\xe6 Hosting\n")
	payload := append([]byte("date,id,ip,port,malware,url,status,owner\n"), rows...)
	benchmark(b, "input: {charset: windows-1250, csv: {}}", payload)
}

const jsonRow = `{"date":"2024-05-%02d 07:08:%02d","id":%d,"ip":"198.51.%d.%d","port":%d,"malware":"emotet-%x","url":"http://bad.example/dir/file%d.exe","status":"online","owner":{"asn":64496,"name":"Example Hosting"}}`

func BenchmarkJSONLines(b *testing.B) {
	benchmark(b, "input: {jsonLines: {}}", eachRow(jsonRow+"\n"))
}

func BenchmarkJSON(b *testing.B) {
	rows := bytes.TrimSuffix(eachRow(jsonRow+",\n"), []byte(",\n"))
	payload := append(append([]byte(`{"meta":{"n":1},"data":[`), rows...), "]}"...)
	benchmark(b, "input: {json: {records: data}}", payload)
}

func BenchmarkText(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d %d 198.51.%d.%d:%d emotet-%x http://bad.example/dir/file%d.exe online\n")
	benchmark(b, `input: {text: {pattern: '^(?P<date>\S+ \S+) \d+ (?P<ip>[^:]+):(?P<port>\d+) (?P<malware>\S+) (?P<url>\S+) online$'}}`, rows)
}

func BenchmarkExpressions(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d,%d,198.51.%d.%d,%d,emotet-%x,http://bad.example/dir/file%d.exe,online,AS64496 Example Hosting\n")
	payload := append([]byte("date,id,ip,port,malware,url,status,owner\n"), rows...)
	benchmark(b, `
input: {csv: {}}
skip:
- {when: record.status == "offline", reason: offline}
`, payload)
}

func BenchmarkObservable(b *testing.B) {
	rows := eachRow("2024-05-%02d 07:08:%02d,%d,198.51.%d.%d:%d,emotet-%x,http://bad.example/dir/file%d.exe,online,AS64496 Example Hosting\n")
	payload := append([]byte("date,id,ioc,malware,url,status,owner\n"), rows...)
	p := `
input: {csv: {}}
mapping:
- {field: time, from: [date], time: {layouts: ["%Y-%m-%d %H:%M:%S"]}, required: true}
- {field: observable, from: [ioc], required: true}
- {field: name, from: [malware]}
lookups: [{from: [status], entries: {online: {category: cnc}}, default: {category: other}}]
`
	benchmarkSpec(b, p, payload)
}
