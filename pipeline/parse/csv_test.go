package parse

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

const csvMapping = `
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [name]}
`

func TestCSV(t *testing.T) {
	const header = "ip,name\n"
	long := strings.Repeat("x", 200)
	for _, c := range []parseCase{
		{name: "rows", payload: header + "192.0.2.1,a\n192.0.2.2,b\n", events: []string{"192.0.2.1|a", "192.0.2.2|b"}},
		{name: "the last line without its end", payload: header + "192.0.2.1,a", events: []string{"192.0.2.1|a"}},
		{name: "CRLF and blank lines", payload: "ip,name\r\n\r\n192.0.2.1,a\r\n  \t \r\n192.0.2.2,\r\n", events: []string{"192.0.2.1|a", "192.0.2.2|"}},
		{name: "CR alone", payload: "ip,name\r192.0.2.1,a\r\r192.0.2.2,b", events: []string{"192.0.2.1|a", "192.0.2.2|b"}},
		{name: "a lone CR among LF is text", payload: "ip,name\n192.0.2.1,a\rb\n", rejected: []string{"name: has the control character U+000D"}},
		{name: "cells are trimmed", payload: " ip ,\tname\n 192.0.2.1 ,\ta b \n", events: []string{"192.0.2.1|a b"}},
		{name: "quotes", payload: header + `"192.0.2.1","a ""b"", c"` + "\n" + `192.0.2.2, "d" ` + "\n", events: []string{`192.0.2.1|a "b", c`, "192.0.2.2|d"}},
		{name: "empty quoted cells", payload: header + "192.0.2.1,\"\"\n\"192.0.2.2\",\"\"\"\"\n", events: []string{"192.0.2.1|", `192.0.2.2|"`}},
		{name: "bare quotes in cells", payload: header + "192.0.2.1,5\" disk\n192.0.2.2,\"5\" disk\"\n", events: []string{`192.0.2.1|5" disk`, `192.0.2.2|5" disk`}},
		{
			name: "quoted line breaks", spec: "input: {csv: {}}\nmapping: [{field: ip, from: [ip], extract: '(?s)\\n(.*)'}, {field: name, from: [name]}]",
			payload: header + "\"x\n192.0.2.1\",a\r\n\"y\r\n192.0.2.2\",\"b\"\r\n", events: []string{"192.0.2.1|a", "192.0.2.2|b"},
		},
		{
			name:    "a quote that never closes costs its own line",
			payload: header + "192.0.2.1,a\n192.0.2.2,\"b\n192.0.2.3,c\n192.0.2.4,\"d\"\"\n192.0.2.5,\"e\"\n",
			events:  []string{"192.0.2.1|a", "192.0.2.3|c", "192.0.2.5|e"},
			rejected: []string{
				`a quote that opens in column "name" never closes`, `a quote that opens in column "name" never closes`,
			},
			records: []string{`192.0.2.2,"b`, `192.0.2.4,"d""`},
		},
		{
			name:    "a cell of several lines after a quote that never closes",
			payload: header + "192.0.2.1,\"a\n192.0.2.2,b\n192.0.2.3,\"c\n\"\n192.0.2.4,\"d\"\n", events: []string{"192.0.2.2|b", "192.0.2.3|c", "192.0.2.4|d"},
			rejected: []string{"never closes"},
		},
		{
			name: "a quoted cell longer than a record", spec: "input: {maxRecordBytes: 64, csv: {}}" + csvMapping,
			payload: header + "192.0.2.1,\"" + strings.Repeat("x\n", 40) + "\"\n192.0.2.2,b\n", events: []string{"192.0.2.2|b"},
			rejected: append([]string{"never closes"}, append(repeat("the row has 1 cell, the header has 2", 39), "never closes")...),
		},
		{
			name: "a line longer than a record", spec: "input: {maxRecordBytes: 64, csv: {}}" + csvMapping,
			payload: header + "192.0.2.1,a\n" + long + "\n192.0.2.2,b\n" + long, events: []string{"192.0.2.1|a", "192.0.2.2|b"},
			rejected: []string{"the record is longer than 64 bytes (spec.input.maxRecordBytes)", "longer than 64"},
			records:  []string{long, long},
		},
		{name: "rows of another width", payload: header + "192.0.2.1\n192.0.2.1,a,b\n192.0.2.1,a\n", events: []string{"192.0.2.1|a"},
			rejected: []string{"the row has 1 cell, the header has 2", "the row has 3 cells, the header has 2"}},
		{
			name: "no header, appended columns", spec: "input: {csv: {header: None, columns: [ip, name]}}" + csvMapping,
			payload: "192.0.2.1,a\n192.0.2.2,b,new\n192.0.2.3\n", events: []string{"192.0.2.1|a", "192.0.2.2|b"},
			rejected: []string{"the row has 1 cell, spec.input.csv.columns has 2"},
		},
		{
			name: "comments", spec: "input: {csv: {comment: '#'}}" + csvMapping,
			payload: "# hello\n#\n" + header + "#192.0.2.9,z\n192.0.2.1,#a\n # is no comment\n", events: []string{"192.0.2.1|#a"},
			rejected: []string{"the row has 1 cell"},
		},
		{
			name: "a commented header", spec: "input: {csv: {comment: '#', header: Commented}}" + csvMapping,
			payload: "# made by us\n#\n# \"name\",\"ip\"\n#########\n\na,192.0.2.1\n# more\nb,192.0.2.2\n", events: []string{"192.0.2.1|a", "192.0.2.2|b"},
		},
		{
			name: "a commented header that is missing", spec: "input: {csv: {comment: '#', header: Commented}}" + csvMapping,
			payload: "\n192.0.2.1,a\n", err: "no comment line (#) comes before the first record",
		},
		{
			name: "tabs", spec: "input: {csv: {delimiter: \"\\t\", quote: None}}" + csvMapping,
			payload: "ip\tname\n192.0.2.1\t\"a\n192.0.2.2\t\n\t\n", events: []string{`192.0.2.1|"a`, "192.0.2.2|"},
		},
		{
			name: "a wide delimiter", spec: "input: {csv: {delimiter: '  |  ', header: None, columns: [x, ip, name]}}" + csvMapping,
			payload: "NA  |  192.0.2.1  |  a | b\n1  |    192.0.2.2  |  \"c  |  d\"\n", events: []string{"192.0.2.1|a | b", "192.0.2.2|c  |  d"},
		},
		{
			name: "apostrophes as quotes", spec: "input: {csv: {quote: \"'\", delimiter: ;}}" + csvMapping,
			payload: "ip;name\n192.0.2.1;'a;''b'\n192.0.2.2;\"x\"\n", events: []string{"192.0.2.1|a;'b", `192.0.2.2|"x"`},
		},
		{
			name: "columns that occur twice, and one without a name", fields: "ip name username action target",
			spec:    "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}, {field: name, from: [x]}, {field: username, from: [x_2]}, {field: action, from: [x_3]}, {field: target, from: [column_4]}]",
			payload: "ip,x,x,,x_2,x\n192.0.2.1,a,b,c,d,e\n", events: []string{"192.0.2.1|a|d|b|c"},
		},
		{
			name: "escapes in quoted cells", spec: `input: {csv: {escape: "\\"}}` + csvMapping,
			payload: header + `192.0.2.1,"a \"b\", c\\"` + "\n" + `192.0.2.2,C:\x` + "\n" + `"192.0.2.3","a ""b"" \c"` + "\n" + `192.0.2.4,"\\"` + "\n" + `192.0.2.5,"x\",y` + "\n192.0.2.6,z\n",
			events:  []string{`192.0.2.1|a "b", c\`, `192.0.2.2|C:\x`, `192.0.2.3|a "b" c`, `192.0.2.4|\`, "192.0.2.6|z"},
			rejected: []string{
				`a quote that opens in column "name" never closes`,
			},
			records: []string{`192.0.2.5,"x\",y`},
		},
		{
			name: "an escaped line break", spec: `input: {csv: {escape: "\\"}}` + "\nmapping: [{field: ip, from: [ip]}, {field: name, from: [name], extract: '(?s)a\\n(.*)'}]",
			payload: header + "192.0.2.1,\"a\\\nb\"\n192.0.2.2,\"a\\", events: []string{"192.0.2.1|b"}, rejected: []string{"never closes"},
		},
		{
			name: "lines before the header", spec: "input: {csv: {skipLines: 3, comment: '#'}}" + csvMapping,
			payload: "Threat list, \"unclosed\n\n# x\n# y\n" + header + "192.0.2.1,a\n", events: []string{"192.0.2.1|a"},
		},
		{
			name: "lines before records without a header", spec: "input: {csv: {skipLines: 1, header: None, columns: [ip, name]}}" + csvMapping,
			payload: "[{ made today }]\n192.0.2.1,a\n", events: []string{"192.0.2.1|a"},
		},
		{name: "fewer lines than are skipped", spec: "input: {csv: {skipLines: 9}}" + csvMapping, payload: header + "192.0.2.1,a\n"},
		{
			name: "short rows that are filled", spec: "input: {csv: {shortRows: Fill}}\nskip: [{when: 'record.more == \"x\"', reason: x}]" + csvMapping,
			payload: "ip,name,more\n192.0.2.1\n192.0.2.2,b\n192.0.2.3,c,x\n192.0.2.4,a,b,c\n", events: []string{"192.0.2.1|", "192.0.2.2|b"},
			rejected: []string{"the row has 4 cells, the header has 3"},
		},
		{
			name: "short rows without a header that are filled", spec: "input: {csv: {shortRows: Fill, header: None, columns: [ip, name]}}" + csvMapping,
			payload: "192.0.2.1\n192.0.2.2,b,c\n", events: []string{"192.0.2.1|", "192.0.2.2|b"},
		},
		{
			name: "runs of white space", spec: "input: {csv: {delimiter: Whitespace, comment: '#', header: Commented}}" + csvMapping,
			payload:  "#  ip \t name\n  192.0.2.1\t \ta  \n192.0.2.2 \"b c\"\t\n \"192.0.2.3\"\t\t\"d\"  \n192.0.2.4 e f\n192.0.2.5 \"\"\n192.0.2.6 \"g\nh\"\n",
			events:   []string{"192.0.2.1|a", "192.0.2.2|b c", "192.0.2.3|d", "192.0.2.5|"},
			rejected: []string{"the row has 3 cells, the header has 2", "name: has the control character U+000A"},
		},
		{
			name: "one space is a delimiter", spec: "input: {csv: {delimiter: ' ', header: None, columns: [ip, x, name]}}" + csvMapping,
			payload: "192.0.2.1  a\n192.0.2.2 x \"b c\"\n", events: []string{"192.0.2.1|a", "192.0.2.2|b c"},
		},
		{name: "an empty payload"},
		{name: "a header only", payload: header},
		{name: "a byte-order mark", payload: "\xEF\xBB\xBF" + header + "192.0.2.1,a\n", events: []string{"192.0.2.1|a"}},
		{
			name: "a missing column of a required field", payload: "addr,name\n192.0.2.1,a\n",
			rejected: []string{`ip: column "ip" is not in the header (has: addr, name)`},
		},
		{
			name: "an empty required field", payload: header + ",a\n",
			rejected: []string{`ip: is required, but "ip" has no value`},
		},
		{name: "none of the columns", payload: "a,b\n1,2\n", err: "the header has none of the columns of the mapping (ip, name); it has: a, b"},
		{name: "an open quote in the header", payload: "ip,\"name\n192.0.2.1,a\n", err: `the header cannot be read: a quote that opens in cell 2 never closes`},
		{name: "a header that is too long", spec: "input: {maxRecordBytes: 64, csv: {}}" + csvMapping, payload: long + "\n", err: "the header cannot be read: the record is longer"},
		{name: "HTML", payload: "<!DOCTYPE html>\n<html><head><title>Just a moment...</title>", err: `it looks like HTML ("Just a moment..."), not CSV`},
		{name: "XML", payload: "<?xml version=\"1.0\"?><a/>", err: "it looks like XML, not CSV"},
		{name: "JSON", payload: `{"error": "rate limit"}`, err: "it looks like JSON, not CSV"},
		{name: "an array", payload: `[{"ip": "192.0.2.1"}]`, err: "it looks like JSON, not CSV"},
		{name: "gzip", payload: "\x1f\x8b\x08\x00\x00", err: "it looks like gzip, not CSV"},
		{name: "zero bytes", payload: "ip,name\n192.0.2.1\x00,a\n", err: "it is not text (byte 18 is zero)"},
		{name: "nothing but zero bytes", payload: strings.Repeat("\x00", 64), err: "it is not text (byte 1 is zero)"},
		{name: "UTF-16 without a mark", payload: "\x00i\x00p\x00\n", err: "it looks like UTF-16; set spec.input.charset to utf-16be"},
	} {
		if c.spec == "" {
			c.spec = "input: {csv: {}}" + csvMapping
		}
		if c.fields == "" {
			c.fields = "ip name"
		}
		c.run(t)
	}
}

// The name of the character set ends the sentence: nothing after it can be taken
// for a part of it.
func TestUTF16WithoutAMarkNamesTheCharsetToSet(t *testing.T) {
	p := parserOf(t, "input: {csv: {}}"+csvMapping+"\nconstants: {category: bots}")
	for name, enc := range map[string]encoding.Encoding{
		"utf-16le": unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
		"utf-16be": unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	} {
		payload, err := enc.NewEncoder().String("ip,name\n192.0.2.1,\u017c\u00f3\u0142w \u0100\n")
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Parse(t.Context(), strings.NewReader(payload), testMeta, &collect{}, nil)
		if err == nil || !strings.HasSuffix(err.Error(), "set spec.input.charset to "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func repeat(s string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = s
	}
	return out
}

func TestBadCSVSpecsAreRefusedWithTheMend(t *testing.T) {
	for spec, want := range map[string]string{
		"{}":                                       "spec.input: has 0 formats; give exactly one, such as csv, json, jsonLines, text or xml",
		"{csv: {}, json: {}}":                      "spec.input: has 2 formats",
		"{csv: {header: None}}":                    "spec.input.csv.columns: are needed for header: None",
		"{csv: {columns: [ip]}}":                   "spec.input.csv.columns: are for header: None",
		"{csv: {header: Commented}}":               "spec.input.csv.comment: is needed for header: Commented",
		"{csv: {header: Last}}":                    `spec.input.csv.header: "Last" is none of`,
		"{csv: {quote: x}}":                        "spec.input.csv.quote:",
		`{csv: {delimiter: "a\"b"}}`:               "spec.input.csv.delimiter:",
		"{csv: {delimiter: ';;;;;;;;;'}}":          "spec.input.csv.delimiter: \";;;;;;;;;\" is longer than 8 characters; for spaces and tabs write Whitespace",
		"{csv: {escape: x}}":                       "spec.input.csv.escape:",
		`{csv: {escape: "\\", quote: None}}`:       "spec.input.csv.escape: is for quoted cells",
		"{csv: {shortRows: Keep}}":                 `spec.input.csv.shortRows: "Keep" is neither Reject nor Fill`,
		"{csv: {header: None, columns: [ip, ip]}}": `spec.input.csv.columns[1]: "ip" is columns[0] already`,
		"{charset: klingon, csv: {}}":              `spec.input.charset: "klingon" is no name of the WHATWG Encoding Standard`,
		"{text: {pattern: '('}}":                   "spec.input.text.pattern: error parsing regexp",
		"{text: {pattern: '(a)'}}":                 "spec.input.text.pattern: has no named group",
		"{json: {records: 'a['}}":                  "spec.input.json.records: path",
		"{json: {records: '$key'}}":                "spec.input.json.records: $key is for the mapping",
	} {
		_, err := Compile(specOf(t, "input: "+spec+csvMapping+"constants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
}
