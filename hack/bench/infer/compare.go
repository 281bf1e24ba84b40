package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
)

// verdict on one use of a column: right without help, right or wrong but with a
// question beside it, kept in extra where the catalogue has a field, or wrong
// without a question.
type verdict int

const (
	right verdict = iota
	asked
	missed
	wrong
)

var verdictNames = [...]string{"right", "asked", "missed", "WRONG"}

// unit is one thing that the draft had to find out.
type unit struct {
	about   string
	verdict verdict
	detail  string
	// extra: the catalogue has no field for it, or ignores it.
	extra bool
}

// result is the comparison of one Parser.
type result struct {
	name, format string
	units        []unit
	category     verdict
	kind         verdict // of the Parser: Event or Blacklist
	listed       bool    // one of both says Blacklist
	chosen       string  // category
	// more are events of records that the catalogue passes over.
	more, events, questions int
	failed                  error
	took                    time.Duration
	bytes                   int
}

// formatOf is the name of the format.
func formatOf(in *v1alpha1.InputSpec) string {
	b, err := json.Marshal(in)
	var m map[string]any
	if err == nil && json.Unmarshal(b, &m) == nil {
		for k := range m {
			if k != "charset" && k != "maxRecordBytes" && k != "capture" {
				return k
			}
		}
	}
	return "none"
}

// sample is what the draft is made from: the examples of a Parser that become
// events, one after the other where the format allows it, else the largest.
func sample(f *catalog.Feed) (infer.Sample, bool) {
	spec := &f.Parser.Spec
	p, err := parse.Compile(spec)
	if err != nil {
		return infer.Sample{}, false
	}
	s := infer.Sample{}
	if f.Source.Spec.HTTP != nil {
		s.URL = f.Source.Spec.HTTP.URL
	}
	in := &spec.Input
	joins := in.Text != nil || in.JSONLines != nil || in.CSV != nil && in.CSV.Header == v1alpha1.HeaderNone
	most := 0
	for i := range spec.Examples {
		x := &spec.Examples[i]
		got := run(p, []byte(x.Input), infer.Sample{})
		if x.Input == "" || len(got.events) == 0 || got.rejected > 0 || got.broken != nil {
			continue
		}
		if joins && sameStart(string(s.Data), x.Input) {
			s.Data = append(s.Data, x.Input...)
			continue
		}
		if len(got.events) > most {
			s.Data, most = []byte(x.Input), len(got.events)
		}
		if u := x.Meta["url"]; u != "" {
			s.URL = u
		}
	}
	return s, len(s.Data) > 0
}

// sameStart: a payload with a heading goes on with others that have none.
func sameStart(have, next string) bool {
	if have == "" {
		return true
	}
	a, _, _ := strings.Cut(have, "\n")
	b, _, _ := strings.Cut(next, "\n")
	return strings.HasSuffix(have, "\n") && a != b && !strings.HasPrefix(b, "#")
}

// outcome is what a Parser makes of a sample.
type outcome struct {
	events   []map[string]string // fields and values
	rejected int
	broken   error
}

func (o *outcome) Event(e *event.Event) error {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(event.AppendJSON(nil, e)))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return err
	}
	flat := map[string]string{}
	for k, v := range m {
		flatten(flat, k, v)
	}
	for _, k := range []string{"id", "source", "restriction", "tlp", "modified"} {
		delete(flat, k)
	}
	if flat["undated"] != "" {
		delete(flat, "time")
		delete(flat, "undated")
	}
	o.events = append(o.events, flat)
	return nil
}

func flatten(to map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatten(to, name+"."+k, inner)
		}
	case []any:
		if name == "address" {
			for i, a := range v {
				flatten(to, pick(i == 0, name, fmt.Sprintf("%s[%d]", name, i)), a)
			}
			return
		}
		b, err := json.Marshal(v)
		if err == nil {
			to[name] = string(b)
		}
	default:
		to[name] = fmt.Sprint(v)
	}
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

func (o *outcome) Reject(*parse.Rejection) error { o.rejected++; return nil }

var collected = time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)

func run(p *parse.Parser, data []byte, s infer.Sample) *outcome {
	o := &outcome{}
	meta := parse.Meta{Source: "example.example", URL: s.URL, Collected: collected}
	_, o.broken = p.Parse(context.Background(), bytes.NewReader(data), meta, o, nil)
	return o
}

// compare drafts a Parser for a feed of the catalogue and compares the events of
// both, value by value.
func compare(f *catalog.Feed) *result {
	r := &result{name: f.Parser.Name, format: formatOf(&f.Parser.Spec.Input)}
	s, ok := sample(f)
	if !ok {
		return nil
	}
	r.bytes = len(s.Data)
	ref, err := parse.Compile(&f.Parser.Spec)
	if err != nil {
		r.failed = err
		return r
	}
	want := run(ref, s.Data, s)
	start := time.Now()
	d, err := infer.Infer(s, infer.Options{Provider: f.Source.Spec.Provider, Channel: f.Source.Spec.Channel})
	r.took = time.Since(start)
	if err != nil {
		r.failed = err
		return r
	}
	drafted, err := parse.Compile(&d.Parser.Spec)
	if err != nil {
		r.failed = err
		return r
	}
	for _, x := range parse.RunExamples(&d.Parser.Spec) {
		if !x.OK {
			r.failed = fmt.Errorf("the draft fails its own example: %s", x.Diff)
		}
	}
	if len(d.Parser.Spec.Examples) == 0 {
		r.failed = errors.New("the draft has no example")
	}
	got := run(drafted, s.Data, s)
	r.judge(want, got, d, &f.Parser.Spec)
	return r
}

// observables are the fields that a rule for an observable may fill.
var observables = []string{"ip", "dport", "url", "fqdn", "md5", "sha1", "sha256", "email", "cves"}

// fromColumns are the fields that a Parser takes out of records. What it says of
// all records is knowledge of the feed, which no sample has: constants, and when
// an entry of a list expires.
func fromColumns(spec *v1alpha1.ParserSpec) func(field string) bool {
	all := slices.Contains([]string{"stix", "misp", "n6", "intelmq", "iodef", "openioc", "idea", "mail"}, formatOf(&spec.Input))
	read := readFields(spec)
	return func(field string) bool {
		field, _, _ = strings.Cut(strings.TrimPrefix(field, "address."), "[")
		if field == "address" || strings.HasPrefix(field, "extra.") {
			return true
		}
		_, constant := spec.Constants[field]
		return read[field] || all && !constant && (field != "expires" || spec.Blacklist == nil)
	}
}

// readFields are the fields of rules that read the record.
func readFields(spec *v1alpha1.ParserSpec) map[string]bool {
	read := map[string]bool{}
	rules := slices.Clone(spec.Mapping)
	for _, e := range spec.Emit {
		rules = append(rules, e.Mapping...)
	}
	for _, r := range rules {
		metadata := !slices.ContainsFunc(r.From, func(f string) bool { return !strings.HasPrefix(f, "$meta.") })
		if len(r.From) > 0 && !metadata || strings.Contains(r.Expr, "record.") {
			read[r.Field] = true
		}
	}
	if read["observable"] {
		for _, f := range observables {
			read[f] = true
		}
	}
	return read
}

func (r *result) judge(want, got *outcome, d *infer.Draft, spec *v1alpha1.ParserSpec) {
	columns := fromColumns(spec)
	pairs, more := align(want.events, got.events)
	fields := map[string]bool{}
	r.judgeKind(spec, d)
	for _, p := range withoutKnowledge(pairs, d, columns) {
		for _, e := range p {
			for f := range e {
				fields[f] = true
			}
		}
	}
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case f == "category":
			r.category, r.chosen = judgeCategory(pairs, d)
		case !strings.HasPrefix(f, "extra."):
			r.units = append(r.units, judgeField(f, pairs, d))
		}
	}
	r.events, r.questions = len(want.events), len(d.Questions())
	extras(r, pairs)
	r.more = more
}

// withoutKnowledge removes what is not from records: constants of the catalogue,
// unless the draft has the same from a column, and defaults of the draft.
func withoutKnowledge(pairs [][2]map[string]string, d *infer.Draft, columns func(string) bool) [][2]map[string]string {
	drafted := reads(d, "confidence") || byColumn(pairs, 1, "confidence")
	for _, p := range pairs {
		if d.Parser.Spec.Blacklist != nil && !reads(d, "expires") {
			delete(p[1], "expires") // all entries of a list have it
		}
		if !drafted && (len(d.Parser.Spec.Mapping) > 0 || !columns("confidence") || p[0]["confidence"] != p[1]["confidence"]) {
			delete(p[1], "confidence") // the one that is the default
		}
		for f, v := range p[0] {
			if !columns(f) && f != "category" && (f == "confidence" || p[1][f] != v) {
				delete(p[0], f)
			}
		}
		withoutHosts(p)
	}
	return pairs
}

// reads reports whether a rule of the draft is for a field.
func reads(d *infer.Draft, field string) bool {
	return slices.ContainsFunc(d.Parser.Spec.Mapping, func(r v1alpha1.MappingRule) bool { return r.Field == field })
}

// judgeKind compares whether records are events or entries of a list. It is
// counted by itself.
func (r *result) judgeKind(want *v1alpha1.ParserSpec, d *infer.Draft) {
	is, drafted := want.Kind == v1alpha1.KindBlacklist, d.Parser.Spec.Kind == v1alpha1.KindBlacklist
	switch {
	case is == drafted:
		r.kind = right
	case hasQuestion(d, "kind", ""):
		r.kind = asked
	case is:
		r.kind = missed
	default:
		r.kind = wrong
	}
	r.listed = is || drafted
}

// withoutHosts removes the values that are only there because the draft takes the
// host out of URLs: they are no column that was given a meaning.
func withoutHosts(p [2]map[string]string) {
	for _, f := range []string{"fqdn", "address.ip"} {
		if v := p[1][f]; v != "" && p[0][f] == "" && strings.Contains(p[1]["url"], "://"+v) {
			delete(p[1], f)
		}
	}
}

// byColumn reports whether a field differs among events: it is no constant.
func byColumn(pairs [][2]map[string]string, side int, field string) bool {
	seen := map[string]bool{}
	for _, p := range pairs {
		if len(p[side]) > 0 {
			seen[p[side][field]] = true
		}
	}
	return len(seen) > 1
}

// align finds the events of two Parsers that are of the same record, in order,
// so that as many values as possible are equal.
func align(want, got []map[string]string) (pairs [][2]map[string]string, more int) {
	n, m := len(want), len(got)
	best := make([][]int, n+1)
	for i := range best {
		best[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			best[i][j] = max(best[i+1][j], best[i][j+1], best[i+1][j+1]+alike(want[i], got[j]))
		}
	}
	i, j := 0, 0
	for i < n || j < m {
		switch {
		case i < n && j < m && best[i][j] == best[i+1][j+1]+alike(want[i], got[j]) && alike(want[i], got[j]) > 0:
			pairs = append(pairs, [2]map[string]string{want[i], got[j]})
			i, j = i+1, j+1
		case i < n && (j == m || best[i][j] == best[i+1][j]):
			pairs = append(pairs, [2]map[string]string{want[i], {}})
			i++
		default:
			more++
			j++
		}
	}
	return pairs, more
}

func alike(a, b map[string]string) int {
	n := 0
	for f, v := range a {
		if f != "category" && f != "confidence" && f != "time" && slices.Contains(slices.Collect(maps.Values(b)), v) {
			n++
		}
	}
	return n
}

func judgeField(f string, pairs [][2]map[string]string, d *infer.Draft) unit {
	u := unit{about: f}
	for _, p := range pairs {
		w, g := p[0][f], p[1][f]
		if w == g {
			continue
		}
		u.verdict = max(u.verdict, pickVerdict(g == "", missed, wrong))
		if u.detail == "" || u.verdict == wrong {
			u.detail = fmt.Sprintf("catalogue %q, draft %q", clip(w), clip(g))
		}
	}
	if u.verdict != right && hasQuestion(d, f, valueColumn(f, pairs)) {
		u.verdict = asked
	}
	return u
}

func pickVerdict(first bool, a, b verdict) verdict {
	if first {
		return a
	}
	return b
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "..."
	}
	return s
}

// valueColumn is the extra that has the catalogue's value of a field in the
// draft.
func valueColumn(f string, pairs [][2]map[string]string) string {
	for _, p := range pairs {
		for k, v := range p[1] {
			if v != "" && strings.HasPrefix(k, "extra.") && strings.Contains(v, p[0][f]) && p[0][f] != "" {
				return k
			}
		}
	}
	return ""
}

// hasQuestion reports whether the draft asks about a field, or about the column
// that went to an extra.
func hasQuestion(d *infer.Draft, field, extra string) bool {
	field = strings.TrimPrefix(field, "address.")
	for _, q := range d.Questions() {
		if q.Field == field || q.About == field || extra != "" && q.Field == extra || slices.Contains(q.Alternatives, field) {
			return true
		}
		if q.Field == "observable" && slices.Contains([]string{"ip", "fqdn", "url"}, field) {
			return true
		}
	}
	return false
}

func judgeCategory(pairs [][2]map[string]string, d *infer.Draft) (verdict, string) {
	for _, p := range pairs {
		if len(p[1]) == 0 || p[0]["category"] == p[1]["category"] {
			continue
		}
		detail := fmt.Sprintf("catalogue %s, draft %s", p[0]["category"], p[1]["category"])
		if hasQuestion(d, "category", "") {
			return asked, detail
		}
		return wrong, detail
	}
	return right, ""
}

// extras are units of columns that the draft keeps in extra. That is right where
// the catalogue has the value in extra too, or nowhere; a value that it has in a
// field was judged there. A value of the catalogue's extras that the draft has
// lost is missed.
func extras(r *result, pairs [][2]map[string]string) {
	done := map[string]bool{}
	for _, p := range pairs {
		for _, k := range slices.Sorted(maps.Keys(p[1])) {
			if strings.HasPrefix(k, "extra.") && !done[k] && !inField(p[0], p[1][k]) {
				done[k] = true
				r.units = append(r.units, unit{about: k, extra: true})
			}
		}
	}
}

func inField(e map[string]string, v string) bool {
	for f, w := range e {
		if !strings.HasPrefix(f, "extra.") && w == v && f != "category" {
			return true
		}
	}
	return false
}
