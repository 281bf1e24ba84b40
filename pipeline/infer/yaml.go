package infer

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
)

// note writes the questions down, by rule.
func (d *drafting) note() {
	for i, r := range d.rules {
		if r.choice.Question() {
			d.draft.notes[i] = append(d.draft.notes[i], r.choice.ask())
		}
	}
}

// ask is the question as a sentence.
func (c *Choice) ask() string {
	s := fmt.Sprintf("%s -> %s? %s.", c.About, c.Chosen, strings.ToUpper(c.Reason[:1])+c.Reason[1:])
	if len(c.Alternatives) > 0 {
		s += " Or: " + strings.Join(c.Alternatives, ", ") + "."
	}
	return oneLine(s)
}

// String is the choice as a line.
func (c Choice) String() string {
	s := fmt.Sprintf("%.2f %s -> %s: %s", c.Confidence, c.About, c.Chosen, c.Reason)
	if len(c.Alternatives) > 0 {
		s += " (or " + strings.Join(c.Alternatives, ", ") + ")"
	}
	return oneLine(s)
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s, "?")), " ")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:297], "") + "..."
	}
	return s
}

// YAML is the manifest of the draft. What is not sure is a comment.
func (d *Draft) YAML() []byte {
	w := &writer{}
	for _, c := range d.Questions() {
		if c.Field == "" || c.About == "category" || c.Chosen == "required" {
			w.question(0, c.ask())
		}
	}
	if d.Source != nil {
		w.source(d.Source)
		w.line(0, "---")
	}
	w.parser(d)
	return []byte(w.String())
}

type writer struct{ strings.Builder }

func (w *writer) line(indent int, s string) {
	w.WriteString(strings.Repeat("  ", indent))
	w.WriteString(s)
	w.WriteByte('\n')
}

// question is a comment; what YAML does not allow in one is left out.
func (w *writer) question(indent int, s string) {
	w.line(indent, "# QUESTION: "+strings.Map(func(r rune) rune {
		if unprintable(r) || r == '\n' {
			return ' '
		}
		return r
	}, s))
}

func (w *writer) head(kind, name string) {
	w.line(0, "apiVersion: "+v1alpha1.GroupVersion.String())
	w.line(0, "kind: "+kind)
	w.line(0, "metadata:")
	w.line(1, "name: "+name)
	w.line(0, "spec:")
}

func (w *writer) source(s *v1alpha1.FeedSource) {
	w.head("FeedSource", s.Name)
	w.line(1, "provider: "+yamlText(s.Spec.Provider))
	w.line(1, "channel: "+yamlText(s.Spec.Channel))
	w.line(1, "exchangeRef: {name: "+s.Spec.ExchangeRef.Name+"}")
	w.line(1, "parserRef: {name: "+s.Spec.ParserRef.Name+"}")
	w.line(1, "schedule: "+flow(s.Spec.Schedule))
	w.line(1, "http: {url: "+yamlText(s.Spec.HTTP.URL)+"}")
	if u := s.Spec.Unpack; len(u.Include) > 0 || u.Mode != "" {
		w.line(1, "unpack: "+flow(u))
	}
	w.line(1, "policy: "+flow(s.Spec.Policy))
}

func (w *writer) parser(d *Draft) {
	p := d.Parser
	w.head("Parser", p.Name)
	if p.Spec.Kind != "" {
		w.line(1, "kind: "+string(p.Spec.Kind))
	}
	if p.Spec.Blacklist != nil {
		w.line(1, "blacklist: "+flow(p.Spec.Blacklist))
	}
	w.input(&p.Spec.Input)
	w.list("explode", p.Spec.Explode)
	w.list("derive", p.Spec.Derive)
	w.list("skip", p.Spec.Skip)
	if len(p.Spec.Mapping) > 0 {
		w.line(1, "mapping:")
	}
	for i := range p.Spec.Mapping {
		for _, n := range d.notes[i] {
			w.question(2, n)
		}
		w.rule(&p.Spec.Mapping[i])
	}
	if len(p.Spec.Constants) > 0 {
		w.line(1, "constants: "+flow(p.Spec.Constants))
	}
	if len(p.Spec.Examples) > 0 {
		w.line(1, "examples:")
	}
	for i := range p.Spec.Examples {
		w.example(&p.Spec.Examples[i])
	}
}

func (w *writer) list(name string, v any) {
	items, ok := generic(v).([]any)
	if !ok || len(items) == 0 {
		return
	}
	w.line(1, name+":")
	for _, i := range items {
		w.line(2, "- "+flow(i))
	}
}

func (w *writer) input(in *v1alpha1.InputSpec) {
	w.line(1, "input:")
	o, _ := generic(in).(*object)
	for _, k := range o.keys {
		if s := flow(o.values[k]); len(s) < 110 {
			w.line(2, k+": "+s)
			continue
		}
		inner, ok := o.values[k].(*object)
		if !ok {
			w.line(2, k+": "+flow(o.values[k]))
			continue
		}
		w.line(2, k+":")
		for _, m := range inner.keys {
			w.line(3, m+": "+flow(inner.values[m]))
		}
	}
}

// rule is one line; the entries of a value map are lines of their own if they
// are many.
func (w *writer) rule(r *v1alpha1.MappingRule) {
	if s := flow(r); len(s) < 150 || r.Values == nil {
		w.line(2, "- "+s)
		return
	}
	o, _ := generic(r).(*object)
	for i, k := range o.keys {
		lead := pick(i == 0, "- ", "  ")
		if k != "values" {
			w.line(2, lead+k+": "+flow(o.values[k]))
			continue
		}
		w.line(2, lead+"values:")
		values, _ := o.values[k].(*object)
		for _, m := range values.keys {
			entries, ok := values.values[m].(*object)
			if !ok {
				w.line(4, m+": "+flow(values.values[m]))
				continue
			}
			w.line(4, m+":")
			for _, e := range slices.Sorted(maps.Keys(entries.values)) {
				w.line(5, yamlText(e)+": "+flow(entries.values[e]))
			}
		}
	}
}

func (w *writer) example(x *v1alpha1.Example) {
	w.line(2, "- name: "+yamlText(x.Name))
	if len(x.Meta) > 0 {
		w.line(3, "meta: "+flow(x.Meta))
	}
	switch {
	case x.InputBase64 != "":
		w.line(3, "inputBase64: "+x.InputBase64)
	case blockText(x.Input):
		w.line(3, "input: |")
		for l := range strings.Lines(x.Input) {
			if l = strings.TrimRight(l, "\n"); l == "" {
				w.WriteByte('\n')
				continue
			}
			w.line(4, l)
		}
	default:
		w.line(3, "input: "+yamlQuoted(x.Input))
	}
	if len(x.Events) > 0 {
		w.line(3, "events:")
	}
	for _, e := range x.Events {
		v, err := decodeRecord(string(e.Raw))
		if err != nil {
			continue
		}
		w.line(4, "- "+flow(v))
	}
	if x.Skipped > 0 {
		w.line(3, fmt.Sprintf("skipped: %d", x.Skipped))
	}
	if len(x.Rejected) > 0 {
		w.line(3, "rejected: "+flow(x.Rejected))
	}
}

// blockText reports whether a text can be written as a block without a change.
func blockText(s string) bool {
	if !strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\n\n") || !utf8.ValidString(s) {
		return false
	}
	if s[0] == ' ' || s[0] == '\t' || s[0] == '\n' {
		return false
	}
	if strings.ContainsFunc(s, unprintable) {
		return false
	}
	// Blank lines of spaces would lose them.
	for l := range strings.Lines(s) {
		if l != "\n" && strings.TrimSpace(l) == "" {
			return false
		}
	}
	return true
}

// unprintable are characters that YAML does not allow in text, or reads as the end
// of a line.
func unprintable(r rune) bool {
	switch r {
	case '\n', '\t':
		return false
	case 0x2028, 0x2029, 0xfffd:
		return true
	}
	return notYAML(r)
}

// notYAML are characters that YAML has in escapes only.
func notYAML(r rune) bool {
	return r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff
}

// generic is a value as JSON has it, in the order of its members.
func generic(v any) any {
	switch v := v.(type) {
	case *object, []any, string, json.Number, bool, nil:
		return v
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(v) != nil {
		return nil
	}
	out, err := decodeRecord(b.String())
	if err != nil {
		return nil
	}
	return out
}

// flow writes a value in flow style.
func flow(v any) string {
	switch v := generic(v).(type) {
	case *object:
		parts := make([]string, 0, len(v.keys))
		for _, k := range v.keys {
			parts = append(parts, yamlText(k)+": "+flow(v.values[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		parts := make([]string, 0, len(v))
		for _, e := range v {
			parts = append(parts, flow(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return yamlText(v)
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

// compact writes a value as JSON.
func compact(v any) string {
	switch v := v.(type) {
	case *object:
		parts := make([]string, 0, len(v.keys))
		for _, k := range v.keys {
			parts = append(parts, yamlQuoted(k)+":"+compact(v.values[k]))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		parts := make([]string, 0, len(v))
		for _, e := range v {
			parts = append(parts, compact(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case string:
		return yamlQuoted(v)
	case json.Number:
		return v.String()
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

var plainText = regexp.MustCompile(`^[A-Za-z_/%][A-Za-z0-9_./%+()-]*(?: [A-Za-z0-9_./%+()-]+)*$`)

// yamlText writes a text: plain where YAML reads it back as the same text.
func yamlText(s string) string {
	if plainText.MatchString(s) && !strings.HasPrefix(s, "%") {
		var back any
		if err := yaml.Unmarshal([]byte(s), &back); err == nil && back == s {
			return s
		}
	}
	if strings.Contains(s, `\`) && !strings.ContainsAny(s, "'\n\r\t") && utf8.ValidString(s) && !strings.ContainsFunc(s, unprintable) {
		return "'" + s + "'"
	}
	return yamlQuoted(s)
}

// yamlQuoted writes a text as JSON does, which YAML reads as well.
func yamlQuoted(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""`
	}
	var out strings.Builder
	for _, r := range strings.TrimSuffix(b.String(), "\n") {
		if notYAML(r) { // JSON has them as they are
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
