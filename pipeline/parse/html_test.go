package parse

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/encoding/charmap"
)

func TestHTML(t *testing.T) {
	const rules = "\nmapping: [{field: ip, from: [Address], required: true}, {field: name, from: [Malware]}]"
	rows := func(settings string) string { return "input: {html: {" + settings + "}}" + rules }
	short := func(spec string) string { return strings.Replace(spec, "{html", "{maxRecordBytes: 256, html", 1) }
	fields := func(settings string) string { return "input: {html: {" + settings + "}}" + jsonMapping }
	both := []string{"192.0.2.1|a", "192.0.2.2|b"}
	const head = "<tr><th>Address</th><th>Malware</th></tr>"
	const one, two = "<tr><td>192.0.2.1</td><td>a</td></tr>", "<tr><td>192.0.2.2</td><td>b</td></tr>"
	latin, err := charmap.Windows1250.NewEncoder().String("żółć")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []parseCase{
		{name: "a table", spec: rows(""), payload: "<!DOCTYPE html><html><head><title>x</title></head><body><table><thead>" + head + "</thead><tbody>" + one + two + "</tbody></table></body></html>", events: both},
		{name: "a header in cells", spec: rows(""), payload: "<table><tr><td><b>Address</b><td> Malware\n</tr>" + one + two + "</table>", events: both},
		{name: "end tags left out", spec: rows(""), payload: "<table><thead><tr><th>Address<th>Malware<tbody><tr><td>192.0.2.1<td>a<tr><td>192.0.2.2<td>b</table>", events: both},
		{name: "rows without their tags", spec: rows(""), payload: "<table><thead><th>Address</th><th>Malware</th></thead><tbody><td>192.0.2.1</td><td>a</td></tr><td>192.0.2.2</td><td>b</td></tr></table>", events: both},
		{name: "tags, entities and white space in cells", spec: rows(""), payload: "<table>" + head + "<tr><td><p><b><a href='/x'>192.0.</a>2.1</b></td><td>&nbsp;a&amp;<br>b \n c<script>if (a < b) x('<td>')</script></td></tr></table>", events: []string{"192.0.2.1|a& b c"}},
		{name: "a table in a cell", spec: rows(""), payload: "<table>" + head + "<tr><td>192.0.2.1</td><td><table><tr><td>a</td><td>x</td></tr></table></td></tr>" + two + "</table>", events: []string{"192.0.2.1|a x", "192.0.2.2|b"}},
		{name: "tables for the layout", spec: rows("records: 'table table tr'"), payload: "<table><tr><td>menu</td><td><table>" + head + one + two + "</table></td></tr></table>", events: both},
		{name: "cells over columns", spec: rows(""), payload: "<table><tr><th colspan=2>Who</th><th>Address</th><th>Malware</th></tr><tr><td colspan='2'>x</td><td>192.0.2.1</td><td>a</td></tr><tr><td>x</td><td>y</td><td>192.0.2.2</td><td>b</td></tr></table>", events: both},
		{name: "cells over rows", spec: rows(""), payload: "<table><tr><th>Day</th><th>Address</th><th>Malware</th></tr><tr><td rowspan=2>x</td><td>192.0.2.1</td><td rowspan=2>a</td></tr><tr><td>192.0.2.2</td></tr><tr><td>y</td><td>192.0.2.3</td><td>c</td></tr></table>",
			events: []string{"192.0.2.1|a", "192.0.2.2|a", "192.0.2.3|c"}},
		{name: "rows that are none", spec: rows(""), payload: "<table><tr></tr>" + head + "<tr><!-- x --></tr>" + one + head + two + "</table>", events: both},
		{name: "short rows", spec: rows(""), payload: "<table>" + head + "<tr><td>nothing</td></tr>" + one + "</table>", events: both[:1], rejected: []string{"has 1 cell, the header has 2"}},
		{name: "a row over all columns", spec: rows(""), payload: "<table>" + head + "<tr><td colspan=2>advertisement</td></tr>" + one + "</table>", events: both[:1], rejected: []string{"ip: "}},
		{name: "other tables", spec: rows(""), payload: "<table><tr><th>News</th></tr><tr><td>Addresses</td></tr></table><table><caption>x</caption><tr><td colspan=2>Latest</td></tr>" + head + one + "</table><table><tr><th>Hash</th></tr><tr><td>192.0.2.9</td></tr></table><table>" + head + two + "</table>", events: both},
		{name: "names of cells", spec: rows("records: '#l tr.r', header: None, columns: [Address, Malware]"), payload: "<table id=l>" + head + strings.ReplaceAll(one, "<tr", "<tr class='x r'") + strings.ReplaceAll(two, "<tr", "<tr class=r") + one + "</table>", events: both},
		{name: "cells with a header that names them too", spec: rows("header: None, columns: [Address, Malware]"), payload: "<table>" + head + one + two + "</table>", events: both},
		{name: "positions", spec: "input: {html: {}}\nmapping: [{field: ip, from: ['[0]']}, {field: name, from: ['[1]']}]", payload: "<table>" + head + one + two + "</table>", events: both},
		{name: "an empty table", spec: rows(""), payload: "<table>" + head + "</table>"},
		{name: "an empty payload", spec: rows(""), payload: " \n"},
		{name: "a page without ends", spec: rows(""), payload: "<html><body><table>" + head + one + two + "</table><p>bye", events: both},
		{name: "tables that are not closed", spec: rows(""), payload: "<html><body><div><table>" + head + one + two + "</html>", events: both},
		{name: "a declared charset", spec: rows(""), payload: `<html><head><meta http-equiv="Content-Type" content="text/html; charset=windows-1250"></head><table>` + head + "<tr><td>192.0.2.1<td>" + latin + "</table></html>", events: []string{"192.0.2.1|żółć"}},
		{name: "bytes that are no UTF-8", spec: rows(""), payload: "<table>" + head + "<tr><td>192.0.2.1<td>\xff</tr>" + two + "</table>", events: both[1:], rejected: []string{"is not valid UTF-8 (byte 0xFF"}},
		{name: "a long row", spec: short(rows("")), payload: "<table>" + head + one + "<tr><td>192.0.2.9</td><td><a href='" + strings.Repeat("x", 70000) + "'>" + strings.Repeat("<b>x</b>", 9000) + "</a></td></tr>" + two + "</table>", events: both, rejected: []string{"longer than 256 bytes"}},
		{name: "long text between rows", spec: short(rows("")), payload: "<table><script>" + strings.Repeat("x<y>", 9000) + "</script>" + head + one + "<!--" + strings.Repeat("x", 70000) + "-->" + two + "</table>", events: both},
		{name: "the rejected bytes", spec: rows(""), payload: "<table>" + head + "<tr class=x><td>bad<td>a<tr>" + "<td>192.0.2.2<td>b</tr>\n</table>", events: both[1:], rejected: []string{"ip: "}, records: []string{"<tr class=x><td>bad<td>a"}},

		{name: "fields", spec: fields("records: 'ul.l > li', fields: {ip: '@data-ip', name: 'a @href'}"), payload: "<ul class=l><li data-ip=192.0.2.1><a HREF=' a '>x</a><li data-ip='192.0.2.2'><a href='b'></a></ul><ul><li></ul>", events: both},
		{name: "fields of rows", spec: fields("records: 'table.t tr', fields: {ip: 'table.t td:nth-child(2)', name: 'td:last-child b'}"), payload: "<table class=t>" + head + "<tr><td>x<td>192.0.2.1<td><b>a</b><tr><td>y<td>192.0.2.2<td><b>b</b></table>",
			events: both, rejected: []string{`ip: is required, but "ip" has no value`}},
		{name: "a field with several values", spec: fields("records: div.e, fields: {ip: 'li.ip, p.ip', name: 'h2'}"), payload: "<div class=e><h2>a</h2><ul><li class=ip>192.0.2.1<li>x<li class=ip>192.0.2.2</ul><p class=ip>192.0.2.3</div>", events: []string{"192.0.2.1,192.0.2.2,192.0.2.3|a"}},
		{name: "siblings", spec: fields("records: 'h2 + div, p:nth-child(3)', fields: {ip: b}"), payload: "<h2>x</h2><div><b>192.0.2.1</b></div><p><b>192.0.2.2</b></p><p><b>192.0.2.3</b></p><div><b>192.0.2.4</b></div>", events: []string{"192.0.2.1|", "192.0.2.2|"}},
		{name: "rows but the first", spec: fields("records: 'tr:nth-child(n+2)', fields: {ip: 'td:first-child'}"), payload: "<table>" + head + one + two + "</table>", events: []string{"192.0.2.1|", "192.0.2.2|"}},
		{name: "elements that end one another", spec: fields("records: 'p, hr', fields: {ip: b, name: '@n'}"), payload: "<p><b>192.0.2.1</b><hr n=a><p n=b><b>192.0.2.2</b>", events: []string{"192.0.2.1|", "192.0.2.2|b"}, rejected: []string{"ip"}},
		{name: "tbody as browsers have it", spec: fields("records: 'body > table > tbody > tr', fields: {ip: td}"), payload: "<table><tr><td>192.0.2.1</table>", events: []string{"192.0.2.1|"}},

		{name: "the end in a row", spec: rows(""), payload: "<html>\n<table>" + head + one + "<tr><td>192.", events: both[:1], err: "the page ends in the middle: <table> is not closed (line 2, after 1 record)"},
		{name: "the end between rows", spec: rows(""), payload: "<table>" + head + one + "\n", events: both[:1], err: "the page ends in the middle"},
		{name: "the end in a tag", spec: rows(""), payload: "<table>" + head + one + "</table><di", events: both[:1], err: "the page ends in the middle of a tag"},
		{name: "no table", spec: rows(""), payload: "<title>Sign in</title><form id=login class='a b'><input name=x></form>", err: `no element at spec.input.html.records "table tr"; the page ("Sign in") has no table; it has form#login.a.b`},
		{name: "another table", spec: rows("records: '#list tr'"), payload: "<table id=main>" + one + "</table><table class='t u'></table><table></table>", err: `no element at spec.input.html.records "#list tr"; the page has table#main, table.t.u, table`},
		{name: "another header", spec: rows(""), payload: "<table><tr><th>IP</th><th>Name</th></tr>" + one + "</table>", err: "no row has the columns of the mapping (Address, Malware); the rows begin with: IP, Name"},
		{name: "no rows", spec: rows("records: div"), payload: "<div>x</div>", err: `spec.input.html.records "div" finds <div>, which is no row of a table; say what to take from it in spec.input.html.fields`},
		{name: "JSON", spec: rows(""), payload: `{"a": 1}`, err: `it is no HTML; it begins with "{\"a\": 1}"`},
		{name: "XML", spec: rows(""), payload: `<?xml version="1.0"?><rss/>`, err: "it looks like XML, not HTML"},
		{name: "PDF", spec: rows(""), payload: "%PDF-1.4", err: "it looks like PDF, not HTML"},
	} {
		c.fields = "ip name"
		c.run(t)
	}
}

func TestHTMLIsCheckedWhenItIsCompiled(t *testing.T) {
	for spec, want := range map[string]string{
		"{records: 'tr['}":                            `spec.input.html.records: "tr[" is no CSS selector`,
		"{records: 'table:has(td) tr'}":               ":has depends on what comes after the start of an element",
		"{records: 'tr:last-child'}":                  ":last-child depends on what comes after",
		"{fields: {ip: 'td['}}":                       `spec.input.html.fields.ip: "td[" is no CSS selector with an optional @attribute`,
		"{fields: {ip: ' '}}":                         "is empty; write a selector",
		"{fields: {ip: td}, columns: [a]}":            "spec.input.html.columns: with fields there are no cells to name",
		"{header: None}":                              "columns and header: None go together",
		"{columns: [ip]}":                             "columns and header: None go together",
		"{header: None, columns: [a]}":                `"ip" is not in spec.input.html.columns (has: a)`,
		"{records: 'a:contains(x)', fields: {ip: a}}": ":contains depends on",
	} {
		_, err := Compile(specOf(t, "input: {html: "+spec+"}\nmapping: [{field: ip, from: [ip]}]\nconstants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
	// What is in quotes is no pseudo-class.
	parserOf(t, `input: {html: {records: 'tr[title=":has(x)"]', fields: {ip: 'a:contains("x") @href'}}}`+"\nmapping: [{field: ip, from: [ip]}]\nconstants: {category: bots}")
}

func TestATruncatedPageNeverPanics(t *testing.T) {
	payload := `<!DOCTYPE html><html><head><title>x</title><body><!-- c --><table class="a"><tr><th>ip<th>name<tr><td rowspan=2>192.0.2.1<td>a &amp; b<tr><td>c</table><p>x</body></html>`
	p := parserOf(t, "input: {html: {}}"+jsonMapping+"constants: {category: bots}")
	for i := 1; i < len(payload); i++ {
		out := parseRubbish(t, p, strings.NewReader(payload[:i]))
		inTable := i > strings.Index(payload, "<table") && i < strings.Index(payload, "</table>")+8
		if last := out[len(out)-1]; inTable && last == "<nil>" {
			t.Errorf("%q is taken as a whole page", payload[:i])
		}
	}
}

func TestMemoryDoesNotGrowWithAPage(t *testing.T) {
	const head = "<table><tr><th>ip</th><th>name</th></tr>"
	for name, x := range map[string]struct {
		input string
		data  endless
	}{
		"rows":     {"{html: {}}", endless{head: head, body: "<tr><td>192.0.2.1<td><b>x</b></tr>\n", tail: "</table>"}},
		"siblings": {"{html: {records: 'tr:nth-child(n+2)', fields: {ip: td}}}", endless{head: head, body: "<tr><td>192.0.2.1<td>x</tr>", tail: "</table>"}},
		"a row":    {"{html: {}}", endless{head: head + "<tr>", body: "<td><b>x", tail: "</table>"}},
		"others":   {"{html: {records: '.x', fields: {ip: td}}}", endless{head: "<p class=x></p>", body: "<div><p>x</div>", tail: ""}},
		"unclosed": {"{html: {records: '.x', fields: {ip: td}}}", endless{head: "<p class=x></p>", body: "<font>x", tail: "</body>"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := parserOf(t, "input: "+x.input+"\nmapping: [{field: ip, from: [ip]}]\nconstants: {category: bots}")
			x.data.left = 4 << 20
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

func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<table><tr><th>ip<th>name<tr><td>192.0.2.1<td>a</table>", "<html><body><ul><li class=x>a<li></ul></html>",
		"<table><tr><td><table><tr><td colspan=3 rowspan=2>x</table></td></tr>", "<p><div></p><script>a<b</script><!--", "<select><option>a<option>b</select></table></tr>",
	} {
		f.Add([]byte(s))
	}
	var parsers []*Parser
	for _, spec := range []string{"", "header: None, columns: [ip, name]", "records: 'li, td:nth-child(2), p + div, body', fields: {ip: '@class', name: 'a, b', x: 'td @class'}"} {
		parsers = append(parsers, parserOf(f, "input: {maxRecordBytes: 128, html: {"+spec+"}}"+jsonMapping+"constants: {category: bots}"))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, p := range parsers {
			whole := parseRubbish(t, p, bytes.NewReader(payload))
			if bytewise := parseRubbish(t, p, iotest.OneByteReader(bytes.NewReader(payload))); fmt.Sprint(whole) != fmt.Sprint(bytewise) {
				t.Errorf("byte by byte %q, not %q", bytewise, whole)
			}
		}
	})
}

func BenchmarkHTML(b *testing.B) {
	rows := eachRow("<tr class=\"odd\"><td>2024-05-%02d 07:08:%02d</td><td>%d</td><td>198.51.%d.%d</td><td>%d</td><td><b>emotet-%x</b></td><td><a href=\"/x\">http://bad.example/dir/file%d.exe</a></td></tr>\n")
	benchmark(b, "input: {html: {}}", []byte("<table><tr><th>date<th>id<th>ip<th>port<th>malware<th>url</tr>"+string(rows)+"</table>"))
}
