package catalog

import (
	"encoding/json"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/extend"
)

// Provider is the folder of the feed.
func (f *Feed) Provider() string { return path.Dir(f.File) }

// Spec is that of the Parser together with those that it builds on. Its examples
// are the Parser's own.
func (f *Feed) Spec() *v1alpha1.ParserSpec {
	out := &f.Parser.Spec
	for _, base := range f.bases {
		out = extend.Spec(out, base)
	}
	return out
}

// Format is the format of the payload, as spec.input names it: csv, json, misp.
func (f *Feed) Format() string {
	in := reflect.ValueOf(f.Spec().Input)
	for i := range in.NumField() {
		if v := in.Field(i); v.Kind() == reflect.Pointer && !v.IsNil() {
			name, _, _ := strings.Cut(in.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}

// Needs is what one must have or do before the feed can be used; empty if
// nothing.
func (f *Feed) Needs() string {
	auth := f.Auth
	if strings.HasPrefix(auth, "none") {
		auth = ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(auth+"; "+f.Transport, "; "), "; ")
}

// SecretRefs are the Secrets that the FeedSource names.
func (f *Feed) SecretRefs() []v1alpha1.FieldRef {
	return f.Source.Spec.SecretRefs()
}

// Schedule is how often the FeedSource collects: an interval such as 15m, or a
// cron expression.
func (f *Feed) Schedule() string {
	switch s := &f.Source.Spec.Schedule; {
	case s.Cron != "":
		return s.Cron
	case s.Interval != "":
		return string(s.Interval)
	default:
		return "1h"
	}
}

// Categories are those that the Parser can give to an event.
func (f *Feed) Categories() []string { return f.can("category") }

// Confidences are those that the Parser can give to an event.
func (f *Feed) Confidences() []string { return f.can("confidence") }

// can lists the values that rules, lookups and constants write into a field.
func (f *Feed) can(field string) []string {
	spec := f.Spec()
	var out []string
	add := func(values map[string]string) {
		if v, ok := values[field]; ok {
			out = append(out, v)
		}
	}
	rules(spec.Mapping, field, &out)
	for _, e := range spec.Emit {
		rules(e.Mapping, field, &out)
		add(e.Constants)
	}
	for _, l := range spec.Lookups {
		for _, entry := range l.Entries {
			add(entry)
		}
		add(l.Default)
	}
	add(spec.Constants)
	if len(out) == 0 {
		// The format has a vocabulary of its own; the examples show a part of it.
		out = shown(f.Parser.Spec.Examples, field)
	}
	if field == "confidence" && spec.Constants[field] == "" && !settles(spec, field) {
		out = append(out, "medium")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// shown lists the values that a field has in the events of examples.
func shown(examples []v1alpha1.Example, field string) []string {
	var out []string
	for i := range examples {
		for _, e := range examples[i].Events {
			var got map[string]any
			if json.Unmarshal(e.Raw, &got) == nil {
				if v, ok := got[field].(string); ok {
					out = append(out, v)
				}
			}
		}
	}
	return out
}

// settles reports whether the rules alone give every event a value.
func settles(spec *v1alpha1.ParserSpec, field string) bool {
	return slices.ContainsFunc(spec.Mapping, func(r v1alpha1.MappingRule) bool { return r.Field == field && r.When == "" })
}

// rules adds what the rules of a field write. Those with an expression are read for
// the texts that look like a value of the field.
func rules(mapping []v1alpha1.MappingRule, field string, out *[]string) {
	for i := range mapping {
		r := &mapping[i]
		if r.Field != field {
			continue
		}
		if r.Value != nil {
			*out = append(*out, *r.Value)
		}
		if r.Values != nil {
			for _, v := range r.Values.Entries {
				*out = append(*out, v)
			}
			if r.Values.Default != nil {
				*out = append(*out, *r.Values.Default)
			}
		}
		for i, part := range strings.Split(r.Expr, `"`) {
			if i%2 == 1 && isValue(field, part) {
				*out = append(*out, part)
			}
		}
	}
}

func isValue(field, text string) bool {
	ok := false
	switch field {
	case "category":
		_, ok = event.ParseCategory(text)
	case "confidence":
		_, ok = event.ParseConfidence(text)
	}
	return ok
}
