package parse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

const (
	n6Spec = "input: {n6: {}}\nconstants: {}"
	n6One  = `{"id":"0123456789abcdef0123456789abcdef","rid":"fedcba9876543210fedcba9876543210","source":"example.c2","restriction":"internal",` +
		`"confidence":"high","category":"cnc","time":"2026-11-20T08:15:30Z","modified":"2026-11-20T08:20:00Z","address":[{"ip":"192.0.2.1","asn":64496,"cc":"PL"},` +
		`{"ip":"192.0.2.2","asn":64497}],"fqdn":"c2.example.org","dport":443,"proto":"tcp","name":"emotet","count":7,"until":"2026-11-20T09:00:00Z","additional_data":{"a":[1]},"unheard_of":1}`
	n6Two = `{"id":"1123456789abcdef0123456789abcdef","source":"example.phish","restriction":"public","confidence":"low","category":"phish",` +
		`"time":"2026-11-20 09:00:00","url":"http://a.example.net/x","expires":"2026-11-22T00:00:00","status":"active","target":"Bank"}`
)

var n6Rows = []string{
	"2026-11-20T08:15:30Z|cnc|high|internal|192.0.2.1,192.0.2.2|64497|c2.example.org||443|emotet||{\"a\":[1]}|0123456789abcdef0123456789abcdef",
	"2026-11-20T09:00:00Z|phish|low|need-to-know||||http://a.example.net/x|||2026-11-22T00:00:00Z||1123456789abcdef0123456789abcdef",
}

const n6Fields = "time category confidence restriction ip asn fqdn url dport name expires extra.additional_data extra.n6_id"

func TestN6(t *testing.T) {
	pretty := strings.NewReplacer(`,"`, ",\n  \"", `{"id`, "{\n  \"id").Replace
	long := `{"category":"cnc","name":"` + strings.Repeat("x", 2000) + `"}`
	for _, c := range []parseCase{
		{name: "an array", payload: "[" + n6One + "," + n6Two + "]\n", events: n6Rows},
		{name: "one a line", payload: n6One + "\n" + n6Two + "\n", events: n6Rows},
		{name: "one a line, with CR and empty lines", payload: "\r\n" + n6One + "\r\n\r\n" + n6Two + "\r\n", events: n6Rows},
		{name: "without anything between", payload: n6One + n6Two, events: n6Rows},
		{name: "pretty documents", payload: pretty(n6One) + "\n" + pretty(n6Two) + "\n", events: n6Rows},
		{name: "a text sequence", payload: "\x1e" + n6One + "\n\x1e" + n6Two + "\n", events: n6Rows},
		{name: "in an object", payload: `{"total":2,"next":{"events":[1]},"events":[` + n6One + "," + n6Two + `]}`, events: n6Rows},
		{name: "arrays after one another", payload: "[" + n6One + "]\n[" + n6Two + "]", events: n6Rows},
		{name: "one event", payload: n6One, events: n6Rows[:1]},
		{name: "nothing", payload: " \n"},
		{name: "an empty array", payload: "[]"},
		{name: "a broken line", payload: n6One + "\n{\"category\":\n" + n6Two, events: n6Rows, rejected: []string{"malformed JSON: unexpected end"}},
		{name: "a line that is no object", payload: n6One + "\n7\n" + n6Two, events: n6Rows, rejected: []string{"no JSON object"}},
		{name: "an element that is no object", payload: "[" + n6One + ",[]," + n6Two + "]", events: n6Rows, rejected: []string{"no JSON object"}},
		{name: "an event that is too long, in an array", spec: "input: {maxRecordBytes: 1024, n6: {}}\nconstants: {}", payload: "[" + n6One + "," + long + "," + n6Two + "]", events: n6Rows, rejected: []string{"longer than 1024"}},
		{name: "an event that is too long, first", spec: "input: {maxRecordBytes: 1024, n6: {}}\nconstants: {}", payload: long + "\n" + n6One, events: n6Rows[:1], rejected: []string{"longer than 1024"}},
		{name: "a category that is none", payload: `[{"category":"x","time":"2026-11-20T08:15:30Z"}]`, rejected: []string{"category: is not known"}},
		{name: "no category", payload: `[{"time":"2026-11-20T08:15:30Z"}]`, rejected: []string{"category"}},
		{name: "cut", payload: "[" + n6One + ",{", events: n6Rows[:1], err: "ends in the middle"},
		{name: "a comma too many", payload: n6One + ",\n" + n6Two, events: n6Rows[:1], err: "expected a record"},
		{name: "an error page", payload: "<html><title>Login</title>", err: "it looks like HTML"},
		{name: "text", payload: "Forbidden", err: "no JSON array or object"},
	} {
		if c.spec == "" {
			c.spec = n6Spec
		}
		c.fields = n6Fields
		c.run(t)
	}
	cutDocument(t, n6Spec, "["+n6One+","+n6Two+"]")
	cutDocument(t, n6Spec, `{"events":[`+n6One+","+n6Two+`]}`)
}

func TestRulesOfAParserComeBeforeThoseOfItsVocabulary(t *testing.T) {
	c := parseCase{
		name: "category", spec: "input: {n6: {}}\nmapping: [{field: category, value: bots}, {field: ip, value: 203.0.113.9}, {field: extra.new, from: [unheard_of]}]\nconstants: {name: x}",
		fields: "category ip name extra.new", payload: n6One, events: []string{"bots|203.0.113.9|emotet|1"},
	}
	c.run(t)
}

func FuzzN6(f *testing.F) {
	fuzzVocabulary(f, n6Spec, n6One, "["+n6One+","+n6Two+"]", n6One+"\n"+n6Two, `{"events":[`+n6Two+`]}`, "\x1e{}\n", "[{\"category\":\"cnc\",\"address\":[\"192.0.2.1\"]}]")
}

func BenchmarkN6(b *testing.B) {
	var payload bytes.Buffer
	for i := range benchRows {
		fmt.Fprintf(&payload, `{"id":"%032x","rid":"fedcba9876543210fedcba9876543210","source":"example.c2","restriction":"public","confidence":"high","category":"cnc",`+
			`"time":"2026-11-20T08:15:30Z","modified":"2026-11-20T08:20:00Z","address":[{"ip":"198.51.%d.%d","asn":64496,"cc":"PL"}],"dport":443,"proto":"tcp","name":"emotet"}`+"\n", i, i%256, i%200)
	}
	benchmarkVocabulary(b, n6Spec, payload.Bytes(), benchRows)
}
