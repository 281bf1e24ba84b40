package parse

import (
	"strings"
	"testing"
)

const jsonMapping = `
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [name]}
`

func TestJSON(t *testing.T) {
	at := func(records string) string { return "input: {json: {records: '" + records + "'}}" + jsonMapping }
	many := func(records string) string {
		return "input: {json: {concatenated: true, records: '" + records + "'}}" + jsonMapping
	}
	const one = `{"ip":"192.0.2.1","name":"a"}`
	const two = `{"ip":"192.0.2.2","name":"b"}`
	both := []string{"192.0.2.1|a", "192.0.2.2|b"}
	long := `{"ip":"192.0.2.9","name":"` + strings.Repeat("x", 3000) + `"}`
	for _, c := range []parseCase{
		{name: "an array", spec: at(""), payload: "[" + one + "," + two + "]", events: both},
		{name: "white space everywhere", spec: at("data"), payload: " {\n\"x\" : [ 1 , {} ] ,\n\"data\" : [ " + one + " ,\n" + two + " ] , \"z\" : null }\n ", events: both},
		{name: "one object", spec: at(""), payload: one, events: both[:1]},
		{name: "an empty array", spec: at(""), payload: "[]"},
		{name: "an array that is null", spec: at("data"), payload: `{"data":null}`},
		{name: "an empty payload", spec: at("data"), payload: " \n"},
		{name: "a path that is there twice", spec: at("a.b"), payload: `{"a":{"b":[` + one + `]},"a":{"b":[` + two + `]}}`, events: both},
		{name: "a path inside", spec: at("a.b[1].c"), payload: `{"a":{"b":[0,{"c":[` + one + `,` + two + `]}]}}`, events: both},
		{name: "values of an object", spec: at("data.*"), payload: `{"data":{"x":` + one + `,"y":` + two + `}}`, events: both},
		{name: "values of an empty object", spec: at("data.*"), payload: `{"data":{}}`},
		{name: "values of the document", spec: at("*"), payload: `{"x":` + one + `,"y":` + two + `}`, events: both},
		{name: "arrays in values", spec: at("*.list"), payload: `{"x":{"list":[` + one + `]},"y":{"list":[` + two + `]}}`, events: both},
		{name: "names of values", fields: "ip name", spec: "input: {json: {records: '*'}}\nmapping: [{field: ip, from: [$key]}, {field: name, expr: 'record.n + record[\"$key\"]'}]",
			payload: `{"192.0.2.1":{"n":"x"},"192.0.2.\u0032":{"n":"y"}}`, events: []string{"192.0.2.1|x192.0.2.1", "192.0.2.2|y192.0.2.2"}},
		{name: "scalars", spec: "input: {json: {}}\nmapping: [{field: ip, from: [$]}]", payload: `["192.0.2.1","192.0.2.2"]`, events: []string{"192.0.2.1|", "192.0.2.2|"}},
		{name: "strings with brackets and escapes", spec: at("data"), payload: `{"q":"]}\"[","data":[{"ip":"192.0.2.1","name":"\u0061 \"[{"}]}`, events: []string{`192.0.2.1|a "[{`}},
		{name: "a malformed record", spec: at(""), payload: `[{"ip":nil},` + two + `]`, events: both[1:],
			rejected: []string{"malformed JSON: no JSON value at byte 6"}, records: []string{`{"ip":nil}`}},
		{name: "a record that is too deep", spec: at(""), payload: `[` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `,` + two + `]`,
			events: both[1:], rejected: []string{"nested deeper than 64 levels"}},
		{name: "a record that is too long", spec: strings.Replace(at(""), "{json", "{maxRecordBytes: 1024, json", 1),
			payload: "[" + one + "," + long + "," + two + "]", events: both, rejected: []string{"longer than 1024 bytes"}},
		{name: "a record that is no object", spec: at(""), payload: `[7,` + one + `]`, events: both[:1], rejected: []string{`ip: is required, but "ip" has no value`}},
		{name: "a required value that is null", spec: at(""), payload: `[{"ip":null}]`, rejected: []string{`ip: is required`}},
		{name: "an object for a text", spec: at(""), payload: `[{"ip":{"v":1}}]`, rejected: []string{`ip: takes one value, not an object; name a path inside it`}},
		{name: "bytes that are no UTF-8", spec: at(""), payload: "[{\"ip\":\"\xff\"}," + two + "]", events: both[1:], rejected: []string{"is not valid UTF-8 (byte 0xFF at position 8)"}},

		{name: "documents on end", spec: many("d"), payload: `{"d":[` + one + `]}{"d":[` + two + `]}`, events: both},
		{name: "a text sequence of documents", spec: many(""), payload: "\x1e" + one + "\n\x1e" + two + "\n", events: both},
		{name: "documents of arrays and objects", spec: many(""), payload: "[" + one + "]\n\n " + two + "\n", events: both},
		{name: "one document of possibly several", spec: many("d"), payload: `{"d":[` + one + `,` + two + `]}`, events: both},
		{name: "no document", spec: many("d"), payload: "\x1e\n"},
		{name: "a document without the path", spec: many("d"), payload: `{"d":[` + one + `]}{"error":"x"}{"d":[` + two + `]}`, events: both, err: `document 2: no records at spec.input.json.records "d": in the document there is no "d"; it has: error`},
		{name: "a document that is none", spec: many(""), payload: one + ` x ` + two, events: both[:1], err: "no JSON array or object"},
		{name: "a cut document", spec: many("d"), payload: `{"d":[` + one + `]}{"d":[` + two, events: both, err: "ends in the middle"},

		{name: "the end in a record", spec: at(""), payload: "[" + one + `,{"ip":`, events: both[:1], err: "the JSON ends in the middle (at byte"},
		{name: "the end between records", spec: at(""), payload: "[" + one + ",", events: both[:1], err: "after 1 record)"},
		{name: "the end before the bracket", spec: at("data"), payload: `{"data":[` + one, events: both[:1], err: "the JSON ends in the middle"},
		{name: "the end after the records", spec: at("data"), payload: `{"data":[` + one + `],"x":[1`, events: both[:1], err: "the JSON ends in the middle"},
		{name: "a missing comma", spec: at(""), payload: "[" + one + two + "]", events: both[:1], err: `malformed JSON: expected "," or "]" (at byte`},
		{name: "a second document", spec: at(""), payload: one + "\n" + two, events: both[:1], err: "more text follows the document; is it jsonLines, or json with concatenated: true?"},
		{name: "a name without quotes", spec: at("data"), payload: `{data:[]}`, err: "expected a member name in quotes"},
		{name: "a missing colon", spec: at("data"), payload: `{"data" []}`, err: `expected ":" after a member name`},
		{name: "a missing value", spec: at("data"), payload: `{"data":}`, err: "no JSON array or object"},
		{name: "no such path", spec: at("data.items"), payload: `{"status":1,"data":{"list":[],"next":null}}`, err: `no records at spec.input.json.records "data.items": in "data" there is no "items"; it has: list, next`},
		{name: "no such path in an empty object", spec: at("data.items"), payload: `{"data":{}}`, err: `in "data" there is no "items"; it is empty`},
		{name: "no such path at the top", spec: at("items"), payload: `{"status":1}`, err: `in the document there is no "items"; it has: status`},
		{name: "no such element", spec: at("[3]"), payload: `[[]]`, err: "in the document there are only 1 element"},
		{name: "an array for an object", spec: at("data"), payload: `[1]`, err: "in the document there is an array, not an object"},
		{name: "a text for an array", spec: at("data"), payload: `{"data":"none"}`, err: `in "data" there is a string, not an array`},
		{name: "an object for an array", spec: at("data"), payload: `{"data":{"a":{}}}`, err: `in "data" there is an object, not an array; data.* takes its values`},
		{name: "CSV", spec: at(""), payload: "ip,name\n192.0.2.1,a\n", err: `it is no JSON array or object; it begins with "ip,name"`},
		{name: "CSV for a path", spec: at("data"), payload: "ip,name\n", err: `it begins with "ip,name"`},
		{name: "HTML", spec: at(""), payload: "<html><title>Sign in</title>", err: `it looks like HTML ("Sign in"), not JSON`},
		{name: "UTF-16 without a mark", spec: at(""), payload: "[\x00]\x00", err: "it looks like UTF-16; set spec.input.charset to utf-16le"},
		{name: "UTF-32", spec: at(""), payload: "\xff\xfe\x00\x00[\x00\x00\x00]\x00\x00\x00", err: "it is not text (byte 1 is zero)"},
		{name: "UTF-16", spec: at(""), payload: "\xff\xfe[\x00\"\x00x\x00\"\x00]\x00", rejected: []string{"ip: is required"}},
	} {
		if c.fields == "" {
			c.fields = "ip name"
		}
		c.run(t)
	}
}

func TestJSONLines(t *testing.T) {
	spec := "input: {maxRecordBytes: 64, jsonLines: {}}" + jsonMapping
	long := `{"name":"` + strings.Repeat("x", 100) + `"}`
	for _, c := range []parseCase{
		{name: "lines", payload: "{\"ip\":\"192.0.2.1\",\"name\":\"a\"}\r\n\n  \n {\"ip\":\"192.0.2.2\"} ", events: []string{"192.0.2.1|a", "192.0.2.2|"}},
		{name: "a line cut off at the end", payload: "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0", events: []string{"192.0.2.1|"}, rejected: []string{"malformed JSON: unexpected end of JSON at byte 12"}},
		{name: "lines of other kinds", payload: "# comment\n" + long + "\n[]\n{\"ip\":\"192.0.2.1\"} {}\n",
			rejected: []string{"malformed JSON: no JSON value at byte 0", "longer than 64", `"ip" has no value`, "more text after the value"}},
		{name: "HTML", payload: "<html>", err: "looks like HTML, not JSON lines"},
	} {
		c.spec, c.fields = spec, "ip name"
		c.run(t)
	}
}

func TestText(t *testing.T) {
	pattern := "input: {text: {comment: '#', pattern: '^(?P<ip>\\S+)(?: +(?P<name>.*))?$'}}" + jsonMapping
	for _, c := range []parseCase{
		{name: "groups", spec: pattern, payload: "# list\n192.0.2.1   a b \n\n192.0.2.2\n", events: []string{"192.0.2.1|a b", "192.0.2.2|"}},
		{name: "lines that do not match", spec: pattern, payload: "192.0.2.1 a\n two\n", events: []string{"192.0.2.1|a"},
			rejected: []string{"the line does not match spec.input.text.pattern"}, records: []string{" two"}},
		{name: "whole lines", spec: "input: {text: {comment: '//'}}\nmapping: [{field: ip, from: [line]}]", payload: "// x\n 192.0.2.1\t\r\n192.0.2.2", events: []string{"192.0.2.1|", "192.0.2.2|"}},
		{name: "brackets at the beginning", spec: "input: {text: {pattern: '^<\\d+>(?P<ip>.*)'}}\nmapping: [{field: ip, from: [ip]}]", payload: "<34>192.0.2.1\n", events: []string{"192.0.2.1|"}},
		{name: "HTML", spec: pattern, payload: "\n <!-- x --> <html>", err: "looks like HTML, not text"},
	} {
		c.fields = "ip name"
		c.run(t)
	}
}
