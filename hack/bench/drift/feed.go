package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

// field is one column or path of a feed, and what the Parser does with it.
type field struct {
	name, kind, option string
	sep                string  // of the parts of a list
	typ                string  // of JSON: string, int, bool, list
	null               float64 // share of records without a value
	target             string  // field of the event; "" if no rule reads it
	required           bool
	values             map[string]string // translation of an enum
}

func (f *field) isTime() bool { return f.kind == "first" || f.kind == "last" }
func (f *field) isList() bool { return f.sep != "" || f.typ == "list" }

// feed is one publisher's feed of an archetype.
type feed struct {
	archetype, name string
	tune            bool // not part of what is reported
	fields          []field
	style           style
	size            int
	churn           float64 // share of entries that are new each time
	period          time.Duration
	spec            *v1alpha1.ParserSpec
	file            string // name of the file, with a layout of time
}

func (f *feed) String() string { return f.archetype + "/" + f.name }

// byName tells whether the Parser finds values by their names.
func (f *feed) byName() bool {
	switch f.style.form {
	case "csv":
		return f.style.header != "none"
	case "lines", "cidr", "hosts":
		return false
	}
	return true
}

// parseFields reads a list such as "first_seen=first:space >time; dst_ip=ip >ip!".
//
//	name=kind[:option] [>target[!]] [?share of nulls] [sep=,] [type=int] [map=a:b|c:d]
func parseFields(text string) []field {
	var out []field
	for def := range strings.SplitSeq(text, ";") {
		words := strings.Fields(def)
		name, kind, _ := strings.Cut(words[0], "=")
		f := field{name: name, typ: "string"}
		f.kind, f.option, _ = strings.Cut(kind, ":")
		for _, w := range words[1:] {
			switch key, value, _ := strings.Cut(w, "="); {
			case w[0] == '>':
				f.target, f.required = strings.TrimSuffix(w[1:], "!"), strings.HasSuffix(w, "!")
			case w[0] == '?':
				f.null, _ = strconv.ParseFloat(w[1:], 64)
			case key == "sep":
				f.sep = strings.ReplaceAll(value, "semicolon", ";")
			case key == "type":
				f.typ = value
			case key == "map":
				f.values = map[string]string{}
				for pair := range strings.SplitSeq(value, "|") {
					from, to, _ := strings.Cut(pair, ":")
					f.values[from] = to
				}
			default:
				panic("field " + def)
			}
		}
		out = append(out, f)
	}
	return out
}

// parserLayouts are what a Parser for times of a layout has.
var parserLayouts = map[string][]string{
	"space": {"%Y-%m-%d %H:%M:%S"}, "date": {"%Y-%m-%d"}, "epoch": {"unix"}, "epochms": {"unix_ms"}, "dmy": {"%d/%m/%Y %H:%M"},
	"utc": {"%Y-%m-%d %H:%M:%S UTC", "iso8601"},
}

// rule is the mapping rule of a field.
func (f *field) rule(form string) v1alpha1.MappingRule {
	r := v1alpha1.MappingRule{Field: f.target, From: []string{f.name}, Required: f.required}
	if f.isTime() {
		if l := parserLayouts[f.option]; l != nil {
			r.Time = &v1alpha1.TimeSpec{Layouts: l}
		}
	}
	if f.sep != "" && f.target == "cves" && form == "csv" {
		r.Split = f.sep
	}
	if f.values != nil {
		other := "other"
		r.Values = &v1alpha1.ValueMap{Entries: f.values, Default: &other}
	}
	if f.null > 0 && f.isTime() {
		r.OnInvalid = v1alpha1.InvalidDrop
	}
	if f.kind == "text" { // publishers' prose is longer than some fields
		r.Extract = "^.{1,200}"
	}
	return r
}

// compile makes the Parser of a feed.
func (f *feed) compile() {
	s := &v1alpha1.ParserSpec{Constants: map[string]string{"category": "other"}, Input: f.input()}
	st := &f.style
	for i := range f.fields {
		if f.fields[i].target != "" && st.form != "stix" {
			s.Mapping = append(s.Mapping, f.fields[i].rule(st.form))
		}
	}
	if st.report != "" {
		s.Mapping = append(s.Mapping, v1alpha1.MappingRule{Field: "extra.report", From: []string{"$meta.basename"},
			Extract: `^\d{4}-\d\d-\d\d-([a-z0-9_]+)-`, Required: st.report == "required"})
	}
	f.spec = s
}

// input is the input of the Parser.
func (f *feed) input() (in v1alpha1.InputSpec) {
	st := &f.style
	switch st.form {
	case "csv":
		in.CSV = f.csv()
	case "lines":
		in.Text = &v1alpha1.TextSpec{Comment: st.comment}
	case "cidr":
		in.Text = &v1alpha1.TextSpec{Comment: st.comment,
			Pattern: `^\s*(?P<network>[0-9A-Fa-f:.]+/\d+)(?:\s*;\s*(?P<ref>\S+).*)?\s*$`}
	case "hosts":
		in.Hosts = &v1alpha1.HostsSpec{}
	case "ndjson":
		in.JSONLines = &v1alpha1.JSONLinesSpec{}
	case "json":
		in.JSON = &v1alpha1.JSONSpec{Records: st.envelope}
	case "xml":
		in.XML = &v1alpha1.XMLSpec{Records: "/" + st.root + "/" + st.record}
	case "html":
		in.HTML = &v1alpha1.HTMLSpec{Records: "table tr"}
	case "stix":
		in.STIX = &v1alpha1.STIXSpec{}
	}
	return in
}

func (f *feed) csv() *v1alpha1.CSVSpec {
	c := &v1alpha1.CSVSpec{Delimiter: f.style.delim, Comment: f.style.comment}
	if f.style.noQuote {
		c.Quote = "None"
	}
	switch f.style.header {
	case "none":
		c.Header = v1alpha1.HeaderNone
		for i := range f.fields {
			c.Columns = append(c.Columns, f.fields[i].name)
		}
	case "commented":
		c.Header = v1alpha1.HeaderCommented
	}
	return c
}

// archetype is a way in which publishers write feeds.
type archetype struct {
	name  string
	style style
	feeds []feed
}

// allFeeds makes the Parsers of all feeds.
func allFeeds() []*feed {
	var out []*feed
	for _, a := range archetypes {
		for i := range a.feeds {
			f := a.feeds[i]
			f.archetype = a.name
			if f.style.form == "" {
				f.style = a.style
			}
			if f.period == 0 {
				f.period = []time.Duration{time.Hour, 6 * time.Hour, 24 * time.Hour}[i%3]
			}
			if f.churn == 0 {
				f.churn = 0.15
			}
			f.compile()
			out = append(out, &f)
		}
	}
	return out
}

func findFeed(name string) (*feed, error) {
	for _, f := range allFeeds() {
		if f.String() == name {
			return f, nil
		}
	}
	return nil, fmt.Errorf("there is no feed %s", name)
}
