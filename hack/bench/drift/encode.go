package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"html"
	"strconv"
	"strings"
)

// encode writes a payload in its style.
func (d *doc) encode() []byte {
	switch d.style.form {
	case "csv":
		return d.csv()
	case "lines", "cidr", "hosts":
		return d.text()
	case "ndjson":
		return d.ndjson()
	case "json":
		return d.json()
	case "xml":
		return d.xml()
	case "html":
		return d.html()
	}
	return d.stix()
}

func (d *doc) eol() string {
	if d.style.eol != "" {
		return d.style.eol
	}
	return "\n"
}

// cell is a value as text: the parts of a list are joined.
func (d *doc) cell(row, col int) string {
	v := d.rows[row][col]
	if strings.Contains(v, listSep) {
		sep := d.cols[col].sep
		if sep == "" {
			sep = ","
		}
		v = strings.ReplaceAll(v, listSep, sep)
	}
	return v
}

func (d *doc) csv() []byte {
	var b bytes.Buffer
	st := &d.style
	delim, eol := st.delim, d.eol()
	if st.pad {
		delim = "  " + delim + "  "
	}
	for _, line := range st.preamble {
		b.WriteString(line + eol)
	}
	names := make([]string, len(d.cols))
	for i := range d.cols {
		names[i] = d.quote(d.cols[i].name)
	}
	if header := strings.Join(names, delim); !st.noHead {
		switch {
		case st.header == "commented" && !st.headAsRow:
			b.WriteString(st.comment + " " + header + eol)
		case st.header != "none":
			b.WriteString(header + eol)
		}
	}
	for i := range d.rows {
		for j := range d.rows[i] {
			if j > 0 {
				b.WriteString(delim)
			}
			b.WriteString(d.quote(d.cell(i, j)))
		}
		if d.tail != nil {
			b.WriteString(d.tail(i))
		}
		b.WriteString(eol)
	}
	for _, line := range st.footer {
		b.WriteString(line + eol)
	}
	return b.Bytes()
}

// rawMark before a value keeps quotes off it, even where it needs them.
const rawMark = "\x02"

func (d *doc) quote(s string) string {
	if raw, ok := strings.CutPrefix(s, rawMark); ok {
		return raw
	}
	if d.style.noQuote && !d.style.quoteAll {
		return s
	}
	if d.style.quoteAll || strings.Contains(s, d.style.delim) || strings.ContainsAny(s, "\"\n\r") {
		return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
	}
	return s
}

// text writes lists of lines, networks and hosts.
func (d *doc) text() []byte {
	var b bytes.Buffer
	eol := d.eol()
	between := map[string]string{"cidr": " ; ", "hosts": "\t", "lines": ","}[d.style.form]
	if d.style.delim != "" {
		between = d.style.delim
	}
	for _, line := range d.style.preamble {
		b.WriteString(line + eol)
	}
	for i := range d.rows {
		for j := range d.rows[i] {
			if j > 0 {
				b.WriteString(between)
			}
			v := d.cell(i, j)
			if d.style.quoteAll {
				v = `"` + v + `"`
			}
			b.WriteString(strings.TrimPrefix(v, rawMark))
		}
		if d.tail != nil {
			b.WriteString(d.tail(i))
		}
		b.WriteString(eol)
	}
	for _, line := range d.style.footer {
		b.WriteString(line + eol)
	}
	return b.Bytes()
}

// node is a member of a record.
type node struct {
	name string
	col  int // -1: it has members
	kids []*node
}

// tree makes members of dotted names.
func (d *doc) tree() []*node {
	root := &node{}
	for i := range d.cols {
		at := root
		parts := strings.Split(d.cols[i].name, ".")
		for k, part := range parts {
			var next *node
			for _, kid := range at.kids {
				if kid.name == part && kid.col < 0 && k < len(parts)-1 {
					next = kid
				}
			}
			if next == nil {
				next = &node{name: part, col: -1}
				at.kids = append(at.kids, next)
			}
			at = next
		}
		at.col = i
	}
	return root.kids
}

func (d *doc) object(b *bytes.Buffer, kids []*node, row int) {
	b.WriteByte('{')
	first := true
	for _, n := range kids {
		if n.col >= 0 && d.rows[row][n.col] == "" {
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		b.WriteString(quoteJSON(n.name) + ":")
		if n.col < 0 {
			d.object(b, n.kids, row)
		} else {
			d.member(b, row, n.col)
		}
	}
	b.WriteByte('}')
}

// member writes one value with the JSON type of its column.
func (d *doc) member(b *bytes.Buffer, row, col int) {
	f, v := &d.cols[col], d.rows[row][col]
	var text string
	switch _, isNumber := strconv.ParseFloat(v, 64); {
	case f.typ == "list":
		parts := strings.Split(v, listSep)
		for i := range parts {
			parts[i] = quoteJSON(parts[i])
		}
		text = "[" + strings.Join(parts, ",") + "]"
	case (f.typ == "int" || f.typ == "float") && isNumber == nil, f.typ == "bool" && (v == "true" || v == "false"):
		text = v
	default:
		text = quoteJSON(strings.TrimPrefix(d.cell(row, col), rawMark))
	}
	switch d.objects[f.name] {
	case "object":
		text = `{"value":` + text + `,"source":"feed"}`
	case "array":
		text = "[" + text + "]"
	}
	b.WriteString(text)
}

func quoteJSON(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string cannot fail
	return strings.TrimSuffix(b.String(), "\n")
}

func (d *doc) objectOf(b *bytes.Buffer, kids []*node, row int) {
	if d.style.wrap == "" {
		d.object(b, kids, row)
		return
	}
	b.WriteString("{" + quoteJSON(d.style.wrap) + ":")
	d.object(b, kids, row)
	b.WriteByte('}')
}

func (d *doc) ndjson() []byte {
	var b bytes.Buffer
	kids := d.tree()
	for i := range d.rows {
		d.objectOf(&b, kids, i)
		b.WriteString(d.eol())
	}
	for _, line := range d.style.footer {
		b.WriteString(line + d.eol())
	}
	return b.Bytes()
}

func (d *doc) json() []byte {
	var b bytes.Buffer
	var steps []string
	if d.style.envelope != "" {
		steps = strings.Split(d.style.envelope, ".")
	}
	for i, s := range steps {
		b.WriteByte('{')
		if i == 0 {
			b.WriteString(d.style.around)
		}
		b.WriteString(quoteJSON(s) + ":")
	}
	b.WriteByte('[')
	kids := d.tree()
	for i := range d.rows {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(d.eol())
		d.objectOf(&b, kids, i)
	}
	b.WriteByte(']')
	b.WriteString(strings.Repeat("}", len(steps)) + d.eol())
	return b.Bytes()
}

func (d *doc) xml() []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + d.eol())
	for _, line := range d.style.preamble {
		b.WriteString(line + d.eol())
	}
	b.WriteString("<" + d.style.root + ">" + d.eol())
	kids := d.tree()
	for i := range d.rows {
		d.element(&b, d.style.record, kids, i)
		b.WriteString(d.eol())
	}
	b.WriteString("</" + d.style.root + ">" + d.eol())
	return b.Bytes()
}

func (d *doc) element(b *bytes.Buffer, name string, kids []*node, row int) {
	b.WriteString("<" + name)
	for _, n := range kids {
		if n.col >= 0 && n.name[0] == '@' && d.rows[row][n.col] != "" {
			b.WriteString(" " + n.name[1:] + `="` + escapeXML(d.cell(row, n.col)) + `"`)
		}
	}
	b.WriteByte('>')
	for _, n := range kids {
		switch {
		case n.col < 0:
			d.element(b, n.name, n.kids, row)
		case n.name[0] != '@' && d.rows[row][n.col] != "":
			text := escapeXML(d.cell(row, n.col))
			if d.objects[n.name] == "object" {
				text = "<value>" + text + "</value><source>feed</source>"
			}
			b.WriteString("<" + n.name + ">" + text + "</" + n.name + ">")
			if d.objects[n.name] == "array" {
				b.WriteString("<" + n.name + ">" + text + "</" + n.name + ">")
			}
		}
	}
	b.WriteString("</" + name + ">")
}

func escapeXML(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(strings.TrimPrefix(s, rawMark))) // a buffer cannot fail
	return b.String()
}

func (d *doc) html() []byte {
	var b bytes.Buffer
	title := d.style.title
	if title == "" {
		title = "Latest entries"
	}
	b.WriteString("<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body>\n")
	for _, line := range d.style.preamble {
		b.WriteString(line + d.eol())
	}
	b.WriteString("<table>\n")
	if !d.style.noHead {
		b.WriteString("<tr>")
		for i := range d.cols {
			b.WriteString("<th>" + html.EscapeString(d.cols[i].name) + "</th>")
		}
		b.WriteString("</tr>" + d.eol())
	}
	for i := range d.rows {
		b.WriteString("<tr>")
		for j := range d.rows[i] {
			b.WriteString("<td>" + html.EscapeString(strings.TrimPrefix(d.cell(i, j), rawMark)) + "</td>")
		}
		b.WriteString("</tr>" + d.eol())
	}
	b.WriteString("</table>\n")
	for _, line := range d.style.footer {
		b.WriteString(line + d.eol())
	}
	b.WriteString("</body></html>\n")
	return b.Bytes()
}

// stixProperty is what patterns of a kind compare.
var stixProperty = map[string]string{"ip": "ipv4-addr:value", "fqdn": "domain-name:value", "url": "url:value", "sha256": "file:hashes.'SHA-256'"}

func (d *doc) stix() []byte {
	c := d.clone()
	for j := range c.cols {
		f := &c.cols[j]
		c.each(j, func(_ int, v string) string {
			switch {
			case stixProperty[f.kind] != "":
				property := stixProperty[f.kind]
				if f.kind == "ip" && strings.Contains(v, ":") {
					property = "ipv6-addr:value"
				}
				return "[" + property + " = '" + strings.ReplaceAll(v, "'", `\'`) + "']"
			case f.kind == "uuid":
				return "indicator--" + v
			}
			return v
		})
	}
	var b bytes.Buffer
	if st := d.style.envelope; st != "" {
		b.WriteString("{" + quoteJSON(st) + ":")
	}
	b.WriteString(`{"type":"bundle","id":"bundle--7f1d5c1c-9a43-4a0e-a6a4-33b0f2f2c001","objects":[` + d.eol())
	kids := c.tree()
	for i := range c.rows {
		if i > 0 {
			b.WriteString("," + d.eol())
		}
		b.WriteString(`{"type":"indicator","spec_version":"2.1","pattern_type":"stix",`)
		var o bytes.Buffer
		c.objectOf(&o, kids, i)
		b.Write(o.Bytes()[1:])
	}
	b.WriteString("]}")
	if d.style.envelope != "" {
		b.WriteString("}")
	}
	b.WriteString(d.eol())
	return b.Bytes()
}
