package parse

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

func TestXML(t *testing.T) {
	at := func(records string) string { return "input: {xml: {records: '" + records + "'}}" + jsonMapping }
	fields := func(records, fields string) string {
		return "input: {xml: {records: '" + records + "', fields: {" + fields + "}}}" + jsonMapping
	}
	const one = `<e><ip>192.0.2.1</ip><name>a</name></e>`
	const two = `<e><ip> 192.0.2.2
 </ip><name><![CDATA[b]]></name></e>`
	both := []string{"192.0.2.1|a", "192.0.2.2|b"}
	long := `<e><ip>192.0.2.9</ip><!-- </e> --><name>` + strings.Repeat("x", 3000) + `</name><e/></e>`
	short := func(spec string) string { return strings.Replace(spec, "{xml", "{maxRecordBytes: 1024, xml", 1) }
	latin := func(s string) string {
		b, err := charmap.Windows1250.NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	utf16, err := unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewEncoder().String(`<?xml version="1.0" encoding="UTF-16"?><l>` + one + `</l>`)
	if err != nil {
		t.Fatal(err)
	}
	inTransport := testMeta
	inTransport.ContentType = "text/xml; charset=windows-1250"
	for _, c := range []parseCase{
		{name: "from the root", spec: at("/l/e"), payload: `<?xml version="1.0"?>` + "\n<l>" + one + "<x>" + one + "</x>" + two + "</l>\n<!-- end -->", events: both},
		{name: "at any depth", spec: at("//e"), payload: "<l><x>" + one + "<y>" + two + "</y></x></l>", events: both},
		{name: "a path at any depth", spec: at("//y/e"), payload: "<l><x>" + one + "<y>" + two + "</y></x></l>", events: both[1:]},
		{name: "any name", spec: at("/*/e"), payload: "<l>" + one + two + "</l>", events: both},
		{name: "any record", spec: at("/l/*"), payload: "<l>" + one + "<f><ip>192.0.2.2</ip><name>b</name></f></l>", events: both},
		{name: "records in records", spec: at("//e"), payload: "<l><e>" + one + "<ip>192.0.2.1</ip><name>a</name></e></l>", events: both[:1]},
		{name: "prefixes", spec: at("/l/e"), payload: `<p:l xmlns:p="urn:x"><q:e xmlns:q="urn:y"><q:ip>192.0.2.1</q:ip><name>a</name></q:e></p:l>`, events: both[:1]},
		{name: "the document", spec: at("/e"), payload: one, events: both[:1]},
		{name: "attributes and text", spec: "input: {xml: {records: //e}}\nmapping: [{field: ip, from: ['@ip']}, {field: name, from: ['#text']}]",
			payload: `<l><e ip="192.0.2.1">a</e><e ip='192.0.2.2'>b<x/></e></l>`, events: both},
		{name: "elements that repeat", spec: "input: {xml: {records: //e}}\nmapping: [{field: ip, from: [ip]}, {field: name, from: ['t[1].n']}]",
			payload: `<l><e><ip>192.0.2.1</ip><ip>192.0.2.2</ip><t><n>x</n></t><t><n>a</n></t></e></l>`, events: []string{"192.0.2.1,192.0.2.2|a"}},
		{name: "text alone", spec: "input: {xml: {records: //e}}\nmapping: [{field: ip, from: [$]}]", payload: `<l><e>192.0.2.1</e><e>192.0.2.2</e></l>`, events: []string{"192.0.2.1|", "192.0.2.2|"}},
		{name: "entities", spec: at("//e"), payload: `<l><e><ip>192.0.2.&#49;</ip><name>a&amp;&lt;&nbsp;&eacute;</name></e></l>`, events: []string{"192.0.2.1|a&<\u00a0é"}},
		{name: "an empty list", spec: at("/l/e"), payload: "<l/>"},
		{name: "a list with other elements", spec: at("/l/e"), payload: "<l><title>none today</title></l>"},
		{name: "an empty payload", spec: at("/l/e"), payload: " \n"},
		{name: "XML 1.1", spec: at("//e"), payload: `<?xml version="1.1" standalone="yes" ?><l>` + one + `</l>`, events: both[:1]},

		{name: "expressions", spec: fields("//e", `ip: host/@ip, name: 'concat(count(t), "-", t[@k="n"])'`),
			payload: `<l><e><host ip="192.0.2.1"/><t k="n">a</t><t/></e></l>`, events: []string{"192.0.2.1|2-a"}},
		{name: "an expression with several values", spec: fields("//e", `ip: './/ip', name: 'string(../@none)'`),
			payload: `<l n="1"><e><ip>192.0.2.1</ip><x><ip>192.0.2.2</ip></x></e></l>`, events: []string{"192.0.2.1,192.0.2.2|"}},
		{name: "expressions that find nothing", spec: fields("//e", `ip: a, name: 'number("x")', other: '*'`), payload: `<l>` + one + `</l>`,
			rejected: []string{`ip: is required, but "ip" has no value`}},
		{name: "kinds of values", spec: "input: {xml: {records: //e, fields: {num: 'count(*)', b: 'boolean(x)', s: 'name(*[1])'}}}\nmapping: [{field: name, expr: 'string(record.num) + string(record.b || false) + record.s'}]",
			payload: `<l>` + one + `</l>`, events: []string{"|2falseip"}},

		{name: "a record that is too long", spec: short(at("/l/e")), payload: "<l>" + one + long + two + "</l>", events: both, rejected: []string{"longer than 1024 bytes"}},
		{name: "a long record in one tag", spec: short(at("/l/e")), payload: "<l>" + one + `<e name="` + strings.Repeat(">", 99000) + `"/>` + two + "</l>", events: both, rejected: []string{"longer than 1024 bytes"}},
		{name: "long text, comments and instructions between records", spec: short(at("/l/e")), payload: `<!DOCTYPE l [<!ENTITY x "` + strings.Repeat("<y>", 99000) + `">]><l>` + one + "<!--" + strings.Repeat("-x>", 99000) + "-->" +
			strings.Repeat("x ", 99000) + "<![CDATA[" + strings.Repeat("]>", 99000) + "]]><?p " + strings.Repeat(">", 99000) + "?>" + two + "</l>", events: both},
		{name: "a record that is too deep", spec: at("/l/e"), payload: "<l>" + one + "<e>" + strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70) + "</e>" + two + "</l>",
			events: both, rejected: []string{"nested deeper than 64 levels"}},
		{name: "a record of too many elements", spec: at("/l/e"), payload: "<l>" + one + "<e>" + strings.Repeat("<a/>", 70000) + "</e>" + two + "</l>", events: both, rejected: []string{"more than 65536 elements"}},
		{name: "an entity of the DTD", spec: at("/l/e"), payload: `<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]><l>` + one + `<e><name>&b;</name></e><e><name>&f;</name></e>` + two + `</l>`,
			events: both, rejected: []string{"invalid character entity &b;", "invalid character entity &f;"}},
		{name: "a character that is none", spec: at("/l/e"), payload: "<l>" + one + "<e>\x01</e>\x02" + two + "</l>", events: both, rejected: []string{"illegal character code U+0001"}},
		{name: "bytes that are no UTF-8", spec: at("/l/e"), payload: "<l>" + one + "<e>\xff</e>\xff" + two + "</l>", events: both, rejected: []string{"is not valid UTF-8 (byte 0xFF at position 4); set spec.input.charset"}, records: []string{"<e>\xff</e>"}},

		{name: "a declared charset", spec: at("/l/e"), payload: `<?xml version="1.0" encoding="windows-1250"?><l>` + latin("<e><ip>192.0.2.1</ip><name>żółć</name></e></l>"), events: []string{"192.0.2.1|żółć"}},
		{name: "a charset of the transport", meta: &inTransport, spec: at("/l/e"), payload: `<?xml version="1.0" encoding="utf-8"?><l>` + latin("<e><ip>192.0.2.1</ip><name>żółć</name></e></l>"), events: []string{"192.0.2.1|żółć"}},
		{name: "a charset of the Parser", spec: strings.Replace(at("/l/e"), "{xml", "{charset: windows-1250, xml", 1), payload: `<?xml version="1.0" encoding="iso-8859-1"?><l>` + latin("<e><ip>192.0.2.1</ip><name>żółć</name></e></l>"), events: []string{"192.0.2.1|żółć"}},
		{name: "bytes that a charset does not have", spec: at("/l/e"), payload: `<?xml encoding='windows-1250'?><l>` + one + "<e>\x81</e></l>", events: both[:1], rejected: []string{"holds bytes that windows-1250 does not have"}},
		{name: "UTF-16 with a mark", spec: at("/l/e"), payload: "\xff\xfe" + utf16, events: both[:1]},
		{name: "UTF-16 without a mark", spec: at("/l/e"), payload: utf16, events: both[:1]},
		{name: "UTF-8 that says UTF-16", spec: at("/l/e"), payload: `<?xml version="1.0" encoding="UTF-16"?><l>` + one + `</l>`, events: both[:1]},
		{name: "an unknown charset", spec: at("/l/e"), payload: `<?xml version="1.0" encoding="x-mine"?><l>` + one + `</l>`, err: `declares the character set "x-mine", which is not known`},

		{name: "the end in a record", spec: at("/l/e"), payload: "<l>\n" + one + "\n<e><ip>192", events: both[:1], err: "the XML ends in the middle: <ip> is not closed (line 3, after 1 record)"},
		{name: "the end between records", spec: at("/l/e"), payload: "<l>\n" + one + "\n", events: both[:1], err: "the XML ends in the middle: <l> is not closed (line 3, after 1 record)"},
		{name: "a wrong end", spec: at("/l/e"), payload: "<l>\n" + one + "\n<e><ip></e></l>", events: both[:1], err: "malformed XML: <ip> is closed by </e> (line 3, after 1 record)"},
		{name: "a wrong end between records", spec: short(at("/l/e")), payload: "<l>\n" + long + one + "\n</m>", events: both[:1], rejected: []string{"longer"}, err: "malformed XML: <l> is closed by </m> (line 3, after 2 records)"},
		{name: "a tag that is none", spec: at("/l/e"), payload: "<l>" + one + "<e a=1></e></l>", events: both[:1], err: "malformed XML: unquoted or missing attribute value in element (line 1"},
		{name: "text after the document", spec: at("/l/e"), payload: "<l>" + one + "</l>\nx", events: both[:1], err: `malformed XML: text follows the document: "x"`},
		{name: "a second document", spec: at("/l/e"), payload: "<l>" + one + "</l><l/>", events: both[:1], err: "a second element <l> follows the document"},
		{name: "no such document", spec: at("/l/e"), payload: "<rss><e/></rss>", err: `no records at spec.input.xml.records "/l/e": the document is <rss>, not <l>`},
		{name: "no such path", spec: at("/l/m/n/e"), payload: "<l><m><x/><y/><x/></m><z/></l>", err: `no records at spec.input.xml.records "/l/m/n/e": in <m> there is no <n>; it has: x, y`},
		{name: "an empty path", spec: at("/l/m/n/e"), payload: "<l><m/></l>", err: `in <m> there is no <n>; it is empty`},
		{name: "HTML", spec: at("/l/e"), payload: "<!DOCTYPE html><title>Sign in</title>", err: `it looks like HTML ("Sign in"), not XML`},
		{name: "HTML as XML", spec: at("//e"), payload: `<?xml version="1.0"?><html><body/></html>`, err: `the document is HTML`},
		{name: "a page that is wanted", spec: at("/html/e"), payload: `<html>` + one + `</html>`, events: both[:1]},
		{name: "JSON", spec: at("/l/e"), payload: `{"a": 1}`, err: `it is no XML; it begins with "{\"a\": 1}"`},
		{name: "CSV in Latin-1", spec: at("/l/e"), payload: "a,\xff\n", err: `it is no XML; it begins with`},
		{name: "gzip", spec: at("/l/e"), payload: "\x1f\x8b\x08\x00", err: `it looks like gzip, not XML`},
	} {
		if c.fields == "" {
			c.fields = "ip name"
		}
		c.run(t)
	}
}

func TestXMLIsCheckedWhenItIsCompiled(t *testing.T) {
	for spec, want := range map[string]string{
		"{records: a/b}":                       `spec.input.xml.records: "a/b": begins with / (from the root`,
		"{records: /a//b}":                     "// is only for the beginning",
		"{records: '/a/b[1]'}":                 `"b[1]" is no name of an element`,
		"{records: '/x:a/b'}":                  `names have no prefixes; write a`,
		"{records: //a, fields: {ip: 'a['}}":   "spec.input.xml.fields.ip: \"a[\" is no XPath 1.0 expression",
		"{records: //a, fields: {ip: 'x:a'}}":  `spec.input.xml.fields.ip: "x:a" is no XPath 1.0 expression: "x:a": names are compared without prefixes; write a`,
		"{records: //a, fields: {ip: '$a'}}":   "there are no variables",
		"{records: //a, fields: {ip: 'f(a)'}}": "spec.input.xml.fields.ip",
	} {
		_, err := Compile(specOf(t, "input: {xml: "+spec+"}\nmapping: [{field: ip, from: [ip]}]\nconstants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
}

// Whatever is cut off, what is there is read and the rest is reported.
func TestATruncatedDocumentIsReported(t *testing.T) {
	payload := `<?xml version="1.0"?><!DOCTYPE l><l a="b"><!-- c --><e><ip>192.0.2.1</ip></e><![CDATA[x]]><e ip=""><ip>&#49;92.0.2.2</ip></e></l>`
	p := parserOf(t, "input: {xml: {records: /l/e}}"+jsonMapping+"constants: {category: bots}")
	for i := 1; i < len(payload); i++ {
		out := parseRubbish(t, p, strings.NewReader(payload[:i]))
		if last := out[len(out)-1]; i > 2 && last == "<nil>" && strings.TrimSpace(payload[:i]) != "" {
			t.Errorf("%q is taken as a whole document", payload[:i])
		}
	}
}

func FuzzXML(f *testing.F) {
	for _, s := range []string{
		`<l><e><ip>192.0.2.1</ip></e></l>`, `<?xml version="1.0" encoding="windows-1250"?><l><e ip="x"/></l>`,
		`<!DOCTYPE l [<!ENTITY a "b">]><l><e>&a;</e><e><![CDATA[x]]></e></l>`, "<l><e>\xff</e><!-- -- --></l>",
		"<l><e>" + strings.Repeat("x", 300) + "</e><e/></l>", "<a:l><b:e b:c='d'/></a:l>",
	} {
		f.Add([]byte(s))
	}
	var parsers []*Parser
	for _, spec := range []string{"records: //e", "records: /l/e, fields: {ip: './/ip', n: 'count(*)', t: 'string(@*)'}"} {
		parsers = append(parsers, parserOf(f, "input: {maxRecordBytes: 128, xml: {"+spec+"}}"+jsonMapping+"constants: {category: bots}"))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, p := range parsers {
			whole := unexplained(parseRubbish(t, p, bytes.NewReader(payload)))
			if bytewise := unexplained(parseRubbish(t, p, iotest.OneByteReader(bytes.NewReader(payload)))); fmt.Sprint(whole) != fmt.Sprint(bytewise) {
				t.Errorf("byte by byte %q, not %q", bytewise, whole)
			}
		}
	})
}

// unexplained leaves out reasons: of what is both wrong and endless, which is found
// first depends on how the bytes arrive.
func unexplained(outcome []string) []string {
	for i, o := range outcome {
		switch {
		case strings.HasPrefix(o, "payload cannot be read: "):
			outcome[i] = "payload cannot be read"
		case !strings.HasPrefix(o, "{") && o != "<nil>":
			outcome[i] = "rejected"
		}
	}
	return outcome
}

func BenchmarkXML(b *testing.B) {
	rows := eachRow(xmlRow)
	benchmark(b, "input: {xml: {records: /list/item}}", []byte("<list>"+string(rows)+"</list>"))
}

const xmlRow = "<item><date>2024-05-%02d 07:08:%02d</date><id>%d</id><ip>198.51.%d.%d</ip><port>%d</port><malware>emotet-%x</malware><url>http://bad.example/dir/file%d.exe</url><status>online</status></item>\n"

func BenchmarkXMLFields(b *testing.B) {
	rows := eachRow(xmlRow)
	benchmark(b, "input: {xml: {records: /list/item, fields: {date: date, ip: ip, port: port, malware: malware, url: 'url'}}}", []byte("<list>"+string(rows)+"</list>"))
}

func TestMemoryDoesNotGrowWithADocument(t *testing.T) {
	const e = "<e><ip>192.0.2.1</ip><name>x</name></e>\n"
	for name, x := range map[string]struct {
		input string
		data  endless
	}{
		"records":       {"{xml: {records: /l/e}}", endless{head: "<l>", body: strings.Repeat(e, 100), tail: "</l>"}},
		"fields":        {"{xml: {records: /l/e, fields: {ip: ip, name: 'string(name)'}}}", endless{head: "<l>", body: strings.Repeat(e, 100), tail: "</l>"}},
		"no records":    {"{xml: {records: /l/e}}", endless{head: "<l>", body: "<f a='b'><g/></f>", tail: "</l>"}},
		"one record":    {"{xml: {records: /l/e}}", endless{head: "<l><e>", body: "<f a='b'><g/></f>", tail: "</e></l>"}},
		"one text":      {"{xml: {records: /l/e}}", endless{head: "<l><e>", body: "x", tail: "</e></l>"}},
		"one comment":   {"{xml: {records: /l/e}}", endless{head: "<l><!--", body: "x", tail: "--></l>"}},
		"one attribute": {"{xml: {records: /l/e}}", endless{head: "<l><e a='", body: "x", tail: "'/></l>"}},
		"one DTD":       {"{xml: {records: /l/e}}", endless{head: "<!DOCTYPE l [", body: "<!ENTITY a '&a;&a;'>", tail: "]><l/>"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := parserOf(t, "input: "+x.input+jsonMapping+"constants: {category: bots}")
			x.data.left = 16 << 20
			x.data.body = strings.Repeat(x.data.body, 8192/len(x.data.body)+1)
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
