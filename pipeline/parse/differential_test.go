package parse

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// differential is a format, payloads of it, and a reader of somebody else that says
// how many records a payload has.
type differential struct {
	spec   string
	make   func(r *rand.Rand) string
	refer  func(payload string) (int, error)
	strict bool // the payload may not be cut
}

// value is a word that is good or bad for a field that wants an address, in forms
// that make trouble: quotes, brackets, letters outside of ASCII.
func value(r *rand.Rand) string {
	words := []string{"192.0.2.1", "198.51.100.7", "2001:db8::1", "999.1.1.1", "zażółć", "a b", "x;y", "", "-", "192.0.2.1:80"}
	return words[r.IntN(len(words))]
}

func lines(payload string, counts func(line string) int) (int, error) {
	n := 0
	s := bufio.NewScanner(strings.NewReader(payload))
	for s.Scan() {
		n += counts(s.Text())
	}
	return n, s.Err()
}

func plainLine(line string) int {
	if strings.Trim(line, " \t\r") == "" || strings.HasPrefix(line, "#") {
		return 0
	}
	return 1
}

func many(r *rand.Rand, one func() string) string {
	var b strings.Builder
	for range r.IntN(30) {
		b.WriteString(one())
	}
	return b.String()
}

func jsonString(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func countJSON(payload string, of func(v any) int) (int, error) {
	n := 0
	for d := json.NewDecoder(strings.NewReader(payload)); ; {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n += of(v)
	}
}

func elements(v any) int {
	list, ok := v.([]any)
	if !ok {
		return 1
	}
	return len(list)
}

func countXML(payload, name string) (int, error) {
	n := 0
	for d := xml.NewDecoder(strings.NewReader(payload)); ; {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if start, ok := t.(xml.StartElement); ok && start.Name.Local == name {
			n++
		}
	}
}

func countRows(payload string) (int, error) {
	doc, err := html.Parse(strings.NewReader(payload))
	n := 0
	for node := range doc.Descendants() {
		if node.Type == html.ElementNode && node.Data == "tr" {
			n++
		}
	}
	return n - 1, err // the header is none
}

var differentials = map[string]differential{
	"csv": {
		spec: "input: {csv: {header: None, columns: [a, b]}}\nmapping: [{field: ip, from: [a], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string {
				return fmt.Sprintf(`"%s","%s %s"`+"\n", value(r), strings.Repeat(`""`, r.IntN(3)), strings.Repeat("\n", r.IntN(2))+value(r))
			})
		},
		refer: func(p string) (int, error) {
			all, err := csv.NewReader(strings.NewReader(p)).ReadAll()
			return len(all), err
		},
		strict: true,
	},
	"text": {
		spec: "input: {text: {comment: '#'}}\nmapping: [{field: ip, from: [line], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string { return []string{"#", ""}[r.IntN(2)] + value(r) + "\n" })
		},
		refer: func(p string) (int, error) { return lines(p, plainLine) },
	},
	"keyValue": {
		spec: "input: {keyValue: {comment: '#'}}\nmapping: [{field: ip, from: [a], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string { return "a=" + value(r) + " b=" + value(r) + "\n" })
		},
		refer: func(p string) (int, error) { return lines(p, plainLine) },
	},
	"hosts": {
		spec: "input: {hosts: {}}\nmapping: [{field: fqdn, from: [host], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string {
				return "0.0.0.0 a" + strings.Repeat(" b.example", r.IntN(3)) + []string{"", " # c d", "#e"}[r.IntN(3)] + "\n"
			})
		},
		refer: func(p string) (int, error) {
			return lines(p, func(line string) int {
				line, _, _ = strings.Cut(line, "#")
				words := len(strings.Fields(line))
				return max(words-1, min(words, 1)) // a word alone is a record, too: it is rejected
			})
		},
	},
	"jsonLines": {
		spec: "input: {jsonLines: {}}\nmapping: [{field: ip, from: [a], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string { return `{"a": ` + jsonString(value(r)) + `, "b": [1, {"a": null}]}` + "\n" })
		},
		refer: func(p string) (int, error) { return countJSON(p, func(any) int { return 1 }) },
	},
	"json": {
		spec: "input: {json: {}}\nmapping: [{field: ip, from: [a], required: true}]",
		make: func(r *rand.Rand) string {
			items := many(r, func() string { return `{"a": ` + jsonString(value(r)) + "}, " })
			return "[" + strings.TrimSuffix(items, ", ") + "]"
		},
		refer:  func(p string) (int, error) { return countJSON(p, elements) },
		strict: true,
	},
	"concatenated": {
		spec: "input: {json: {concatenated: true}}\nmapping: [{field: ip, from: [a], required: true}]",
		make: func(r *rand.Rand) string {
			return many(r, func() string { return `[{"a": ` + jsonString(value(r)) + `}, {}]` + strings.Repeat(" ", r.IntN(2)) })
		},
		refer:  func(p string) (int, error) { return countJSON(p, elements) },
		strict: true,
	},
	"xml": {
		spec: "input: {xml: {records: /l/e}}\nmapping: [{field: ip, from: ['@a', a], required: true}]",
		make: func(r *rand.Rand) string {
			return "<l>" + many(r, func() string {
				return []string{"<e a='192.0.2.1'/>", "<e><a>" + value(r) + "</a></e>", "<f/>", "<!-- <e/> -->", "<e><![CDATA[<e>]]></e>\n"}[r.IntN(5)]
			}) + "</l>"
		},
		refer:  func(p string) (int, error) { return countXML(p, "e") },
		strict: true,
	},
	"html": {
		spec: "input: {html: {}}\nmapping: [{field: ip, from: [IP], required: true}]",
		make: func(r *rand.Rand) string {
			return "<html><body><table><tr><th>IP<th>Name" + many(r, func() string {
				return "<tr><td>" + html.EscapeString(value(r)) + []string{"<td>x", "</td><td><b>x</b></td></tr>", "<td>"}[r.IntN(3)]
			}) + "</table></body></html>"
		},
		refer:  countRows,
		strict: true,
	},
	"n6": {
		spec: "input: {n6: {}}",
		make: func(r *rand.Rand) string {
			items := many(r, func() string {
				return `{"id": "a", "time": "2026-11-20T08:00:00Z", "category": "bots", "address": [{"ip": ` + jsonString(value(r)) + `}]}, `
			})
			return "[" + strings.TrimSuffix(items, ", ") + "]"
		},
		refer:  func(p string) (int, error) { return countJSON(p, elements) },
		strict: true,
	},
}

// What a reader of somebody else counts in a payload is what becomes events, is
// skipped or rejected; and of a payload that is cut somewhere, as much as that
// reader finds before the cut.
func TestNoRecordThatOthersSeeDisappears(t *testing.T) {
	for name, d := range differentials {
		t.Run(name, func(t *testing.T) {
			p := parserOf(t, d.spec+"\nconstants: {category: bots}")
			r := rand.New(rand.NewPCG(1, 2))
			for range 300 {
				payload := d.make(r)
				want, err := d.refer(payload)
				if err != nil {
					t.Fatalf("the reference cannot read %q: %v", payload, err)
				}
				d.compare(t, p, payload, want)
				if cut := payload[:r.IntN(len(payload)+1)]; !d.strict {
					if want, err := d.refer(cut); err == nil {
						d.compare(t, p, cut, want)
					}
				}
			}
		})
	}
}

func (d *differential) compare(t *testing.T, p *Parser, payload string, want int) {
	t.Helper()
	var sink whole
	stats, err := p.Parse(context.Background(), strings.NewReader(payload), testMeta, &sink, nil)
	balanced(t, stats)
	if err != nil && want > 0 {
		t.Fatalf("%q: %v", payload, err)
	}
	skipped := int64(0)
	for _, n := range stats.Skipped {
		skipped += n
	}
	if stats.Records != int64(want) || int64(len(sink.events)+len(sink.rejected))+skipped != int64(want)+stats.Exploded {
		t.Fatalf("%d records in %q, but %d events, %d rejected %q, %d skipped of %d", want, payload, len(sink.events),
			len(sink.rejected), sink.rejected, skipped, stats.Records)
	}
}
