package main

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// style is how a payload is written.
type style struct {
	form      string // csv, lines, cidr, hosts, ndjson, json, xml, html, stix
	delim     string
	header    string // of csv: first, commented, none
	comment   string
	quoteAll  bool
	noQuote   bool // there are no quotes at all
	pad       bool // blanks around the delimiter
	preamble  []string
	footer    []string
	envelope  string // path to the records in JSON
	wrap      string // member that each record is inside of
	around    string // further members of the document, in JSON
	root      string // of XML
	record    string
	eol       string
	report    string // whether the name of the file is mapped: optional, required
	noHead    bool   // the header is left out
	headAsRow bool   // the header comes without its comment prefix
	title     string // of a page
}

// doc is a payload before it is written.
type doc struct {
	feed  *feed
	style style
	now   time.Time
	cols  []field
	rows  [][]string
	// objects are columns whose JSON value is wrapped: "object" or "array".
	objects map[string]string
	// raw replaces the whole payload.
	raw []byte
	// tail is appended to a line as it is.
	tail func(row int) string
	rng  *rand.Rand
	file string
	// bytes changes what was written.
	bytes func([]byte) []byte
}

// clone is a copy that can be changed.
func (d *doc) clone() *doc {
	c := *d
	c.cols = slices.Clone(d.cols)
	c.rows = make([][]string, len(d.rows))
	for i := range d.rows {
		c.rows[i] = slices.Clone(d.rows[i])
	}
	c.style.preamble, c.style.footer = slices.Clone(d.style.preamble), slices.Clone(d.style.footer)
	return &c
}

// col is the index of a column, -1 if there is none.
func (d *doc) col(name string) int {
	return slices.IndexFunc(d.cols, func(f field) bool { return f.name == name })
}

// insert puts a column at a position.
func (d *doc) insert(at int, f field, value func(row int) string) {
	d.cols = slices.Insert(d.cols, at, f)
	for i := range d.rows {
		d.rows[i] = slices.Insert(d.rows[i], at, value(i))
	}
}

func (d *doc) remove(at int) {
	d.cols = slices.Delete(d.cols, at, at+1)
	for i := range d.rows {
		d.rows[i] = slices.Delete(d.rows[i], at, at+1)
	}
}

// move takes a column to another position.
func (d *doc) move(from, to int) {
	f := d.cols[from]
	values := make([]string, len(d.rows))
	for i := range d.rows {
		values[i] = d.rows[i][from]
	}
	d.remove(from)
	d.insert(to, f, func(row int) string { return values[row] })
}

// each changes the values of a column; empty ones are left alone.
func (d *doc) each(col int, change func(row int, value string) string) {
	for i := range d.rows {
		if d.rows[i][col] != "" {
			d.rows[i][col] = change(i, d.rows[i][col])
		}
	}
}

// payload is what a collector brings.
type payload struct {
	bytes []byte
	meta  parse.Meta
	rows  int
	at    time.Time
	// digest is made by the collector.
	digest string
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// write makes the bytes.
func (d *doc) write() *payload {
	b := d.raw
	if b == nil {
		b = d.encode()
	}
	if d.bytes != nil {
		b = d.bytes(b)
	}
	name := d.file
	if name == "" && d.feed.file != "" {
		name = d.now.Format("2006-01-02") + d.feed.file[len("2006-01-02"):]
	}
	url := "https://feed.example.org/" + d.feed.name
	if d.feed.file != "" { // it came by mail
		url = ""
	}
	return &payload{bytes: b, digest: digest(b), rows: len(d.rows), at: d.now, meta: parse.Meta{Source: "example.feed", URL: url,
		Filename: name, Collected: d.now, TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}}
}
