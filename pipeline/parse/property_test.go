package parse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
)

// rubbishSpecs are Parsers for payloads that are not what they should be.
var rubbishSpecs = map[string]string{
	"csv": `
input: {maxRecordBytes: 64, csv: {comment: "#"}}
mapping: [{field: ip, from: [a], required: true, split: " "}, {field: name, from: [b]}, {field: time, from: [c], onInvalid: Drop}]
explode: [{from: b, separator: "/"}]
skip: [{when: record.b == "x", reason: x}]`,
	"csv commented": `
input: {maxRecordBytes: 64, csv: {comment: "#", header: Commented, delimiter: "||"}}
mapping: [{field: ip, from: [a]}, {field: dport, from: [b]}]`,
	"csv plain": `
input: {maxRecordBytes: 64, charset: windows-1252, csv: {quote: None, delimiter: ";", header: None, columns: [a, b]}}
mapping: [{field: ip, from: [a]}, {field: name, expr: 'record.b + meta.url'}]
explode: [{from: b}]`,
	"csv escapes": `
input: {maxRecordBytes: 64, csv: {escape: "\\", delimiter: Whitespace, skipLines: 1, shortRows: Fill, header: None, columns: [a, b]}}
mapping: [{field: ip, from: [a]}, {field: name, expr: 'record.b'}]`,
	"keyValue": `
input: {maxRecordBytes: 64, keyValue: {}}
mapping: [{field: ip, from: [a]}, {field: name, from: [b]}, {field: extra.all, expr: size(record)}]
explode: [{from: a}]`,
	"keyValue pairs": `
input: {maxRecordBytes: 64, keyValue: {pairSeparator: ",", separator: ":", quote: "'", comment: "#"}}
mapping: [{field: ip, from: ["a[0]", a]}]`,
	"ini": `
input: {maxRecordBytes: 64, ini: {separator: ":", comments: ["#"]}}
mapping: [{field: ip, from: [a]}, {field: name, from: [$key]}]`,
	"hosts": `
input: {maxRecordBytes: 64, hosts: {}}
mapping: [{field: fqdn, from: [host]}, {field: extra.ip, from: [ip]}]`,
	"zone": `
input: {maxRecordBytes: 64, zone: {}}
mapping: [{field: fqdn, from: [name]}, {field: extra.n, expr: string(size(record))}]`,
	"rbl": `
input: {maxRecordBytes: 64, zone: {dialect: RBL}}
mapping: [{field: fqdn, from: [name]}, {field: ip, from: [ip]}, {field: extra.n, from: [text]}]`,
	"json": `
input: {maxRecordBytes: 64, json: {records: a}}
mapping: [{field: ip, from: ["b[0]", b]}, {field: cves, from: [a.b]}, {field: extra.a, from: [a]}]
explode: [{from: a}, {from: a.b}]
skip: [{when: has(record.x), reason: x}]`,
	"json values": `
input: {maxRecordBytes: 64, json: {records: "a.*"}}
mapping: [{field: name, from: [$key]}, {field: extra.n, expr: size(record)}]`,
	"json root": `
input: {maxRecordBytes: 64, json: {}}
mapping: [{field: ip, from: [a]}, {field: name, expr: record.a}]`,
	"jsonLines": `
input: {maxRecordBytes: 64, jsonLines: {}}
mapping: [{field: ip, from: [a]}, {field: time, from: [b], time: {layouts: [unix]}}]
explode: [{from: a}]`,
	"text": `
input: {maxRecordBytes: 64, text: {comment: "#", pattern: '^(?P<a>[^ ]*) (?P<b>.*)'}}
mapping: [{field: ip, from: [a]}, {field: name, from: [b], nulls: ["-"]}]`,
	"captures": `
input: {maxRecordBytes: 64, capture: [{name: a, pattern: '^#(.*)'}, {name: b, pattern: 'x$', footer: true}], text: {comment: "#"}}
mapping: [{field: observable, from: [line], onInvalid: Drop}, {field: name, from: [$meta.a, $meta.b]}]`,
	"members": `
input: {maxRecordBytes: 64, capture: [{name: a, path: b}, {name: b, path: "c[0].b", footer: true}], json: {records: a}}
mapping: [{field: observable, from: [$], required: true}, {field: name, from: [$meta.a, $meta.b]}]`,
	"derive and emit": `
input: {maxRecordBytes: 64, csv: {header: None, columns: [a, b], shortRows: Fill}}
derive: [{from: [a], pattern: '^(?P<d>[^.]*)[.](?P<e>.*)'}, {from: [b], as: JSON, name: j}, {from: [a], as: URL, name: u}]
emit: [{when: 'has(record.d)', constants: {category: cnc}}, {when: 'record.a == "x"'}]
mapping: [{field: ip, from: [j.a, a], onInvalid: Drop}, {field: name, from: [u.file, e, "[3]"]}, {field: extra.n, from: [b], type: JSON, onInvalid: Drop}]
lookups: [{from: [a, b], entries: {a: {name: x}}, default: {category: bots}}]`,
	"blacklist": `
kind: Blacklist
blacklist: {expiresAfter: 1h}
input: {maxRecordBytes: 64, text: {}}
explode: [{from: line, addresses: 16}]
mapping: [{field: ip, from: [line], transform: [UnpadOctets]}]`,
	"high frequency": `
kind: HighFrequency
highFrequency: {groupBy: [ip, name], window: 10m}
input: {maxRecordBytes: 64, csv: {header: None, columns: [a, b]}}
mapping: [{field: ip, from: [a], onInvalid: Drop}, {field: name, from: [b], transform: [Unquote, Lower]}, {field: time, from: ["[2]"], time: {layouts: [fuzzy]}, onInvalid: Drop}]`,
	"text lines": `
input: {maxRecordBytes: 64, charset: utf-16le, text: {}}
mapping: [{field: name, from: [line], extract: "a(.)"}]`,
}

var rubbishPieces = []string{
	"192.0.2.1", "198.51.100.7", "a", "b", "x", ",", ",", ";", "||", "/", " ", "\n", "\n", "\r\n", "\r", "\"", "\"", "\"\"", "'",
	"#", "# a,b,c\n", "#a||b\n", "a,b,c\n", "{", "}", "[", "]", ":", "{\"a\":", "\"a\":", "\"b\":", "{\"a\":[", "{\"a\":{\"b\":",
	"\"192.0.2.1\"", "null", "true", "1", "1700000000", "\\", "\\u00", "\xff", "\x00", "\xEF\xBB\xBF", "<html>", "é", "\t",
	"=", "a=", "b='x", "[a]\n", "a:", "\n\t", "localhost", "(", ")", "a CNAME .\n", "@ SOA a b 1 2 3 4 5\n", "$TTL 1", "$ORIGIN a", ":2:", "!", "192.0.2.0/24", strings.Repeat("y", 70), "{\"a\":\"192.0.2.1\"}\n", "{\"a\":[{\"b\":\"192.0.2.1\"}]}",
}

func rubbish(r *rand.Rand) []byte {
	var b bytes.Buffer
	for range r.IntN(60) {
		b.WriteString(rubbishPieces[r.IntN(len(rubbishPieces))])
	}
	return b.Bytes()
}

// strictSink checks what every sink may rely on.
type strictSink struct {
	t       testing.TB
	outcome []string
	buf     []byte
}

func (s *strictSink) Event(e *event.Event) error {
	if e.ID != event.ComputeID(e) {
		s.t.Errorf("the id of %+v is not that of its content", e)
	}
	s.buf = event.AppendJSON(s.buf[:0], e)
	var again event.Event
	if err := event.DecodeJSON(s.buf, &again); err != nil {
		s.t.Errorf("%s: %v", s.buf, err)
	}
	s.outcome = append(s.outcome, string(s.buf))
	return nil
}

func (s *strictSink) Reject(r *Rejection) error {
	if r.Reason == "" || len(r.Record) > maxRejected {
		s.t.Errorf("rejection %+v", r)
	}
	s.outcome = append(s.outcome, r.Field+": "+r.Reason+": "+string(r.Record))
	return nil
}

// parseRubbish parses a payload and checks the accounts.
func parseRubbish(t testing.TB, p *Parser, r io.Reader) []string {
	t.Helper()
	sink := &strictSink{t: t}
	stats, err := p.Parse(context.Background(), r, testMeta, sink, &observer{inputs: len(p.Inputs())})
	balanced(t, stats)
	if int(stats.Events+stats.Rejected) != len(sink.outcome) {
		t.Errorf("%+v, but the sink has seen %d", stats, len(sink.outcome))
	}
	var unreadable *UnreadableError
	if err != nil && !errors.As(err, &unreadable) {
		t.Errorf("error %v", err)
	}
	return append(sink.outcome, fmt.Sprint(err))
}

func rubbishParsers(t testing.TB) map[string]*Parser {
	parsers := map[string]*Parser{}
	for name, spec := range rubbishSpecs {
		parsers[name] = parserOf(t, spec+"\nconstants: {category: bots}")
	}
	return parsers
}

// pieces gives a payload in pieces of random size.
type pieces struct {
	data []byte
	r    *rand.Rand
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 1+p.r.IntN(20))], p.data)
	p.data = p.data[n:]
	return n, nil
}

// Whatever a payload is, every record is accounted for, and it does not matter in
// which pieces it arrives.
func TestEveryRecordIsAccountedFor(t *testing.T) {
	parsers := rubbishParsers(t)
	r := rand.New(rand.NewPCG(3, 4))
	rounds := 1000
	if testing.Short() {
		rounds = 300
	}
	for range rounds {
		payload := rubbish(r)
		for name, p := range parsers {
			whole := parseRubbish(t, p, bytes.NewReader(payload))
			inPieces := parseRubbish(t, p, &pieces{payload, r})
			if strings.Join(whole, "\n") != strings.Join(inPieces, "\n") {
				t.Errorf("%s: in pieces\n%q\nnot\n%q", name, inPieces, whole)
			}
			if t.Failed() {
				t.Fatalf("%s: payload %q", name, payload)
			}
		}
	}
}

// In a table, every line is a comment, blank, the header, or part of a record
// that came out as event or rejection.
func TestNoLineDisappears(t *testing.T) {
	p := parserOf(t, "input: {maxRecordBytes: 64, csv: {comment: '#', header: None, columns: [a, b]}}\nmapping: [{field: name, from: [a]}]\nconstants: {category: bots}")
	r := rand.New(rand.NewPCG(5, 6))
	alphabet := []string{"a", "b", ",", ",", "\"", "\"\"", "#", " ", "\n", "\n", "é", strings.Repeat("z", 66)}
	for range 5000 {
		var b strings.Builder
		for range r.IntN(60) {
			b.WriteString(alphabet[r.IntN(len(alphabet))])
		}
		lines := 0
		for _, line := range strings.Split(b.String(), "\n") {
			if !strings.HasPrefix(line, "#") && !blank([]byte(line)) {
				lines++
			}
		}
		seen := &lineObserver{}
		stats, err := p.Parse(context.Background(), strings.NewReader(b.String()), testMeta, seen, seen)
		if err != nil {
			t.Fatal(err)
		}
		balanced(t, stats)
		// Lines inside quoted cells may look like comments or blank ones.
		if got := int(stats.Records) + seen.breaks; got < lines || seen.breaks == 0 && got != lines {
			t.Fatalf("%q has %d lines with content; %d records with %d line breaks inside came out", b.String(), lines, stats.Records, seen.breaks)
		}
	}
}

// lineObserver counts the line breaks inside records.
type lineObserver struct {
	breaks int
}

func (*lineObserver) Columns([]string)         {}
func (*lineObserver) Event(*event.Event) error { return nil }
func (o *lineObserver) Record(r *Record)       { o.breaks += bytes.Count(r.raw, []byte("\n")) }
func (o *lineObserver) Reject(r *Rejection) error {
	o.breaks += bytes.Count(r.Record, []byte("\n"))
	return nil
}

// endless gives n bytes of a repeated text behind a beginning.
type endless struct {
	head, body, tail string
	left             int64
	at               int
	state            int
}

func (e *endless) Read(b []byte) (int, error) {
	for {
		part := [...]string{e.head, e.body, e.tail, ""}[e.state]
		switch {
		case e.state == 3:
			return 0, io.EOF
		case e.at < len(part):
			n := copy(b, part[e.at:])
			e.at += n
			e.left -= int64(n)
			return n, nil
		case e.state == 1 && e.left > 0:
			e.at = 0
		default:
			e.state++
			e.at = 0
		}
	}
}

// heapSink looks at the heap now and then.
type heapSink struct {
	n    int
	most uint64
}

func (s *heapSink) look() error {
	if s.n++; s.n%100_000 == 0 {
		var m runtime.MemStats
		runtime.GC() // what earlier tests left behind is not the payload
		runtime.ReadMemStats(&m)
		s.most = max(s.most, m.HeapAlloc)
	}
	return nil
}

func (s *heapSink) Event(*event.Event) error { return s.look() }
func (s *heapSink) Reject(*Rejection) error  { return s.look() }

func TestMemoryDoesNotGrowWithThePayload(t *testing.T) {
	size := int64(256 << 20) // of the CSV; the others take an eighth
	if testing.Short() {
		size = 16 << 20
	}
	const rules = "\nmapping: [{field: ip, from: [ip]}, {field: name, from: [name]}, {field: extra.n, from: [no]}]\nconstants: {category: bots}"
	object := `{"ip":"192.0.2.1","name":"` + strings.Repeat("n", 400) + `","no":17}`
	for name, x := range map[string]struct {
		input string
		share int64 // of the size
		data  endless
	}{
		"csv":         {"{csv: {}}", 1, endless{head: "ip,name,no\n", body: strings.Repeat("192.0.2.1,\""+strings.Repeat("n", 400)+"\",17\n", 100)}},
		"json":        {"{json: {records: data}}", 8, endless{head: `{"data":[`, body: strings.Repeat(object+",", 100), tail: object + "]}"}},
		"jsonLines":   {"{jsonLines: {}}", 8, endless{body: strings.Repeat(object+"\n", 100)}},
		"one line":    {"{jsonLines: {}}", 8, endless{body: strings.Repeat("x", 10_000)}},
		"one string":  {"{json: {records: data}}", 8, endless{head: `{"other":"`, body: strings.Repeat("x", 10_000), tail: `","data":[]}`}},
		"open quotes": {"{csv: {}}", 8, endless{head: "ip,name,no\n", body: strings.Repeat("192.0.2.1,\"x,1\n", 100)}},
	} {
		t.Run(name, func(t *testing.T) {
			p := parserOf(t, "input: "+x.input+rules)
			x.data.left = size / x.share
			sink := &heapSink{}
			stats, err := p.Parse(context.Background(), &x.data, testMeta, sink, nil)
			if err != nil {
				t.Fatal(err)
			}
			balanced(t, stats)
			if sink.most > 64<<20 {
				t.Errorf("the heap grew to %d MiB after %d records", sink.most>>20, sink.n)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 20 {
		f.Add(rubbish(r))
	}
	for _, s := range []string{"a,b,c\n192.0.2.1,x/y,2024-05-06\n", `{"a":[{"b":"192.0.2.1"}]}`, "#a||b\n192.0.2.1||80\n", "192.0.2.1 x\n"} {
		f.Add([]byte(s))
	}
	parsers := rubbishParsers(f)
	f.Fuzz(func(t *testing.T, payload []byte) {
		for name, p := range parsers {
			whole := parseRubbish(t, p, bytes.NewReader(payload))
			inPieces := parseRubbish(t, p, &pieces{payload, rand.New(rand.NewPCG(uint64(len(payload)), 1))})
			if strings.Join(whole, "\n") != strings.Join(inPieces, "\n") {
				t.Errorf("%s: in pieces\n%q\nnot\n%q", name, inPieces, whole)
			}
		}
	})
}

// FuzzSplit: rows with quotes are taken apart as rows without are, if the quotes
// are only around cells.
func FuzzSplit(f *testing.F) {
	f.Add("a,b, c\td", ",")
	f.Add("x  |  y", "  |  ")
	f.Fuzz(func(t *testing.T, row, delimiter string) {
		if delimiter == "" || strings.ContainsAny(delimiter, "\"\r\n \t") || strings.ContainsAny(row, "\"\r\n") {
			return
		}
		table := &csvTable{delimiter: []byte(delimiter), quote: '"'}
		var plain, other splitter
		plain.reset(table)
		plain.splitPlain([]byte(row))
		quotedRow := `"` + strings.Join(strings.Split(row, delimiter), `"`+delimiter+`"`) + `"`
		other.reset(table)
		if !other.split([]byte(quotedRow)) {
			t.Fatalf("%q: a quote is open", quotedRow)
		}
		other.finish([]byte(quotedRow))
		if fmt.Sprintf("%q", plain.cells) != fmt.Sprintf("%q", other.cells) {
			t.Errorf("%q: got %q, quoted %q", row, plain.cells, other.cells)
		}
	})
}

func TestAParserServesManyPayloadsAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var payloads [][]byte
	for range 20 {
		payloads = append(payloads, rubbish(r))
	}
	for name, p := range rubbishParsers(t) {
		var want []string
		for _, payload := range payloads {
			want = append(want, strings.Join(parseRubbish(t, p, bytes.NewReader(payload)), "\n"))
		}
		var group sync.WaitGroup
		for range 4 {
			group.Go(func() {
				for i, payload := range payloads {
					if got := strings.Join(parseRubbish(t, p, bytes.NewReader(payload)), "\n"); got != want[i] {
						t.Errorf("%s: %q gives\n%s\nnot\n%s", name, payload, got, want[i])
					}
				}
			})
		}
		group.Wait()
	}
}
