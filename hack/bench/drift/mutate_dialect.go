package main

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf16"
)

func changeHeader(c *mutation) (*plan, string) {
	st := &c.f.style
	p := &plan{truth: truth{breaking: yes, classes: []string{hard}, repair: true}, target: asIs}
	switch {
	case c.form("html"):
		p.what, p.classes = "the header is gone", []string{hard, silent}
		p.change = func(d *doc) { d.style.noHead = true }
	case !c.form("csv"):
		return skip("there is no header")
	case st.header == "none":
		p.breaking, p.classes, p.repair, p.target = no, []string{cosmetic, degraded, additive}, false, nil
		p.what = "a header came"
		p.change = func(d *doc) { d.style.header = "first" }
	case c.r.IntN(2) == 0:
		p.what = "the header is gone"
		p.change = func(d *doc) { d.style.noHead = true }
	case st.header == "commented":
		p.what = "the header is no comment any more"
		p.change = func(d *doc) { d.style.headAsRow = true }
	default:
		p.what = "the header is a comment"
		if st.comment == "" { // only the first column has another name
			p.classes = []string{silent, hard}
		}
		p.change = func(d *doc) {
			d.style.header = "commented"
			if d.style.comment == "" {
				d.style.comment = "#"
			}
		}
	}
	return p, ""
}

func quoteAll(c *mutation) (*plan, string) {
	st := &c.f.style
	switch {
	case c.form("csv") && !st.noQuote:
		return &plan{truth: truth{classes: []string{cosmetic}, what: "fields are quoted, or not any more"},
			change: func(d *doc) { d.style.quoteAll = !d.style.quoteAll }}, ""
	case c.form("csv", "lines"):
		return &plan{truth: truth{breaking: yes, classes: []string{silent, hard}, repair: true, what: "fields are quoted, and the Parser knows no quotes"},
			target: asIs, change: func(d *doc) { d.style.quoteAll = true }}, ""
	case c.form("json", "ndjson"):
		f := c.any(func(f *field) bool { return f.typ == "int" || f.typ == "float" || f.typ == "bool" })
		if f == nil {
			return skip("there are no numbers to quote")
		}
		p := &plan{truth: truth{classes: []string{cosmetic, widening}, what: f.name + " is a string"},
			change: func(d *doc) { d.cols[d.col(f.name)].typ = "string" }}
		p.settle = func(t *truth, same bool) {
			if !same {
				t.breaking, t.classes, t.paths = either, []string{silent, widening}, c.names(f)
			}
		}
		return p, ""
	}
	return skip("there are no quotes")
}

func changeDelimiter(c *mutation) (*plan, string) {
	switch {
	case c.form("hosts"):
		return &plan{truth: truth{classes: []string{cosmetic}, what: "blanks instead of tabs"},
			change: func(d *doc) { d.style.delim = "  " }}, ""
	case c.form("cidr"):
		return &plan{truth: truth{breaking: yes, classes: []string{hard}, what: "a comma instead of the semicolon"},
			change: func(d *doc) { d.style.delim = "," }}, ""
	case !c.form("csv") || len(c.f.fields) == 1:
		return skip("there is no delimiter")
	}
	delims := slices.DeleteFunc([]string{",", ";", "\t", "|"}, func(s string) bool {
		return s == c.f.style.delim || c.f.style.noQuote && s == ";" || c.f.style.noQuote && s == ","
	})
	delim := delims[c.r.IntN(len(delims))]
	return &plan{truth: truth{breaking: yes, classes: []string{hard}, repair: true, what: "the delimiter is " + strings.ReplaceAll(delim, "\t", "a tab")},
		target: asIs, change: func(d *doc) { d.style.delim = delim }}, ""
}

func delimiterInside(c *mutation) (*plan, string) {
	if !c.form("csv") {
		return skip("there is no delimiter")
	}
	last := c.lastMapped()
	f := c.pick(func(f *field) bool {
		return slices.Contains([]string{"asname", "text", "family", "user", "brand"}, f.kind) &&
			slices.IndexFunc(c.f.fields, func(x field) bool { return x.name == f.name }) < last
	})
	if f == nil {
		return skip("no text stands before a mapped column")
	}
	return &plan{truth: truth{breaking: either, classes: []string{degraded}, what: "the delimiter is in " + f.name + ", without quotes"},
		change: func(d *doc) {
			col := d.col(f.name)
			for range 1 + len(d.rows)/100 {
				row := d.rng.IntN(len(d.rows))
				d.rows[row][col] = rawMark + d.rows[row][col] + d.style.delim + "Inc."
			}
		}}, ""
}

func commentLines(c *mutation) (*plan, string) {
	st := &c.f.style
	text := "Last updated 2025-06-01, 1234 entries. Terms of use apply."
	switch {
	case c.form("xml"):
		return &plan{truth: truth{classes: []string{cosmetic}, what: "an XML comment"},
			change: func(d *doc) { d.style.preamble = append(d.style.preamble, "<!-- "+text+" -->") }}, ""
	case c.form("html"):
		return &plan{truth: truth{classes: []string{cosmetic}, what: "a paragraph"},
			change: func(d *doc) { d.style.preamble = append(d.style.preamble, "<p>"+text+"</p>") }}, ""
	case c.form("ndjson"):
		return &plan{truth: truth{breaking: no, classes: []string{cosmetic, degraded, additive}, what: "a record with metadata at the end"},
			change: func(d *doc) {
				d.style.footer = append(d.style.footer, `{"type":"metadata","generated":"2025-06-01T00:00:00Z","records":123}`)
			}}, ""
	case !c.form("csv", "lines", "cidr", "hosts"):
		return skip("there are no lines")
	case st.header == "commented" && c.r.IntN(2) == 0:
		return &plan{truth: truth{breaking: yes, classes: []string{hard}, repair: true, what: "a comment below the header"}, target: asIs,
			change: func(d *doc) {
				header := d.style.comment + " "
				for i := range d.cols {
					if i > 0 {
						header += d.style.delim
					}
					header += d.cols[i].name
				}
				d.style.noHead = true
				d.style.preamble = append(d.style.preamble, header, d.style.comment+" "+text)
			}}, ""
	case st.comment != "":
		n := c.r.IntN(4)
		return &plan{truth: truth{classes: []string{cosmetic}, what: "other comment lines"},
			change: func(d *doc) {
				d.style.preamble = nil
				for range n {
					d.style.preamble = append(d.style.preamble, d.style.comment+" "+text)
				}
				d.style.footer = append(d.style.footer, d.style.comment+" end of list")
			}}, ""
	}
	p := &plan{truth: truth{breaking: yes, classes: []string{hard}, repair: true, what: "a line above the header"}, target: asIs,
		change: func(d *doc) { d.style.preamble = append(d.style.preamble, text) }}
	if st.header != "first" {
		p.breaking, p.classes, p.repair, p.what = no, []string{cosmetic, degraded}, false, "a line of text that is no record"
	}
	return p, ""
}

func charset(c *mutation) (*plan, string) {
	switch c.r.IntN(5) {
	case 0:
		return &plan{truth: truth{classes: []string{cosmetic}, what: "a byte-order mark"},
			change: func(d *doc) { d.bytes = func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), b...) } }}, ""
	case 1:
		return &plan{truth: truth{classes: []string{cosmetic}, what: "lines end in CR LF"}, change: func(d *doc) { d.style.eol = "\r\n" }}, ""
	case 2:
		if c.form("xml", "html") {
			return skip("markup says itself what its character set is")
		}
		return &plan{truth: truth{classes: []string{cosmetic}, what: "UTF-16 with a byte-order mark"},
			change: func(d *doc) { d.bytes = utf16le }}, ""
	case 3:
		f := c.pick(func(f *field) bool { return f.kind == "text" || f.kind == "asname" })
		if f == nil {
			return skip("there is no text")
		}
		return &plan{truth: truth{breaking: either, classes: []string{degraded, cosmetic, hard}, what: "ISO 8859-1 instead of UTF-8", repair: true},
			target: func(d *doc) { latinOnly(d) }, settle: unneeded,
			change: func(d *doc) { latinOnly(d); d.bytes = latin1 }}, ""
	}
	if c.form("json", "ndjson", "xml", "html", "stix") {
		return skip("no NUL can be written")
	}
	return &plan{truth: truth{breaking: either, classes: []string{degraded, hard, cosmetic}, what: "NUL in 3 % of the lines"},
		change: func(d *doc) {
			d.tail = func(row int) string {
				if row == len(d.rows)/2 || d.rng.IntN(33) == 0 {
					return "\x00"
				}
				return ""
			}
		}}, ""
}

// latinOnly leaves out what ISO 8859-1 does not have.
func latinOnly(d *doc) {
	for i := range d.rows {
		for j := range d.rows[i] {
			d.rows[i][j] = strings.NewReplacer("Š", "S", "Kraków", "Kraköw").Replace(d.rows[i][j])
		}
	}
}

func latin1(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for _, r := range string(b) {
		out = append(out, byte(r))
	}
	return out
}

func utf16le(b []byte) []byte {
	out := bytes.NewBufferString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(string(b))) {
		out.WriteByte(byte(u & 255))
		out.WriteByte(byte(u >> 8))
	}
	return out.Bytes()
}
