package infer

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// place is where records may be in a JSON document.
type place struct {
	path    string
	records int
	// telling is how many of their values have a kind that feeds are made of.
	telling int
	// scalars: the records are values, not objects.
	scalars bool
	// explode: each record is a list of such values.
	explode bool
	sample  []any
}

const maxPlaces = 64

// document finds the records of a document.
func (t *text) document(doc any) []format {
	places := recordPaths(doc)
	if list, ok := doc.([]any); ok && len(places) == 0 {
		places = []place{{records: len(list), sample: list}}
	}
	slices.SortStableFunc(places, func(a, b place) int { return b.weight() - a.weight() })
	if v := vocabularyIn([]any{doc}); v != "" {
		return []format{vocabularyFormat(v)}
	}
	if len(places) == 0 {
		return []format{{name: "JSON", input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{}}, confidence: 0.5, score: 1,
			reason: "the document has no list of records: it is the only one"}}
	}
	best := places[0]
	if o, ok := doc.(*object); ok && best.records <= fewRecords && o.isRecord() {
		return []format{{name: "JSON", input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{}}, confidence: 0.75, score: 1,
			reason: "the document itself says what it is about: it is the only record", others: []string{"records: " + best.path}}}
	}
	if v := vocabularyIn(best.sample); v != "" && best.path == "" {
		return []format{vocabularyFormat(v)}
	}
	f := format{name: "JSON", input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{Records: best.path}}, confidence: 0.95, score: 1,
		reason: fmt.Sprintf("%s holds most of the records (%d)", nameOf(best.path), best.records)}
	f.explode = best.explode
	var rivals []string
	for _, p := range places[1:] {
		if p.weight()*4 >= best.weight() && p.weight() > 0 && p.scalars == best.scalars {
			rivals = append(rivals, p.path)
		}
	}
	if len(rivals) > 0 {
		f.choices = append(f.choices, Choice{About: "input", Chosen: "records: " + best.path, Confidence: 0.55,
			Reason: "other lists have as many records", Alternatives: rivals})
	}
	return []format{f}
}

// fewRecords is how many elements the lists of a report have at most; what has
// more is read element by element.
const fewRecords = 50

// isRecord reports whether a document is about one thing, and its lists are part
// of that: outside of lists it has an address, a domain, a hash or a CVE id, or an
// id, a title and a time.
func (o *object) isRecord() bool {
	var own ownValues
	own.look(o, 0)
	return own.telling || own.id && own.title && own.when
}

// ownValues is what a document has outside of lists.
type ownValues struct{ id, title, when, telling bool }

// aboutAnswer are members that tell of the answer or the publisher.
var aboutAnswer = set("meta metadata source publisher author contact query request api page pagination")

func (own *ownValues) look(o *object, depth int) {
	for _, k := range o.keys {
		words := tokens(k)
		if aboutAnswer.any(words) || refWords.any(words) && !slices.Contains(words, "id") {
			continue
		}
		switch v := o.values[k].(type) {
		case *object:
			if depth < 3 && !alike(v) && !listsByName(v) {
				inner := ownValues{}
				inner.look(v, depth+1)
				own.telling = own.telling || inner.telling
			}
		case string:
			own.see(words, v, kindsOf(v).has(drift.Timestamp))
		case json.Number:
			own.see(words, v.String(), kindsOf(v.String()).has(drift.Timestamp) && timeWords.any(words))
		}
	}
}

func (own *ownValues) see(words []string, value string, isTime bool) {
	kind := kindsOf(value)
	own.telling = own.telling || kind.has(ipKinds|drift.SHA256|drift.SHA1|drift.MD5|drift.CVE) || kind.has(drift.FQDN) && domainWords.any(words)
	own.id = own.id || idWords.any(words)
	own.title = own.title || set("title summary name subject").any(words)
	own.when = own.when || isTime
}

func (p *place) weight() int { return 8*p.telling + min(p.records, 1000) }

func nameOf(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

// recordPaths lists where the records may be: arrays, and objects whose values
// are alike.
func recordPaths(doc any) []place {
	var out []place
	walkPlaces(doc, "", 0, &out)
	return out
}

func walkPlaces(v any, path string, depth int, out *[]place) {
	if depth > 5 || len(*out) >= maxPlaces {
		return
	}
	switch v := v.(type) {
	case []any:
		if p, ok := placeOf(v, path); ok {
			*out = append(*out, p)
		}
	case *object:
		if listsByName(v) {
			if list, _ := membersOf(v); list != nil {
				if p, ok := placeOf(list, join(path, "*")); ok {
					p.explode = true
					*out = append(*out, p)
					return
				}
			}
		}
		if alike(v) {
			list, step := membersOf(v)
			if p, ok := placeOf(list, join(path, step)); ok {
				*out = append(*out, p)
				return
			}
		}
		for _, k := range v.keys {
			if len(*out) < maxPlaces && !harmless.MatchString(k) {
				walkPlaces(v.values[k], join(path, quoteKey(k)), depth+1, out)
			}
		}
	}
}

// membersOf are the values of an object; those of lists one by one.
func membersOf(o *object) (list []any, step string) {
	step = "*"
	for _, k := range o.keys {
		if inner, ok := o.values[k].([]any); ok {
			list, step = append(list, inner...), "*.*"
		} else {
			list = append(list, o.values[k])
		}
	}
	return list, step
}

// harmless are the names of lists of what is no threat.
var harmless = regexp.MustCompile(`(?i)^(?:white_?list|allow(?:ed|_?list)?|false_?positives?|fuzzy_?list|safe_?list|exclu(?:de|sion)s?)$`)

func placeOf(list []any, path string) (place, bool) {
	p := place{path: path, records: len(list), sample: list}
	objects, scalars := 0, 0
	for i, v := range list {
		switch v := v.(type) {
		case *object:
			objects++
			if i < 50 {
				p.telling += tellingValues(v, 0)
			}
		case string:
			scalars++
			if i < 50 && kindsOf(v).strong() != 0 {
				p.telling++
			}
		}
	}
	p.scalars = scalars > objects
	return p, objects > 0 && objects*2 >= len(list) || p.telling > 0 && p.scalars
}

func tellingValues(o *object, depth int) int {
	n := 0
	for _, k := range o.keys {
		switch v := o.values[k].(type) {
		case string:
			if kindsOf(v).strong() != 0 {
				n++
			}
		case json.Number:
			n += 0
		case *object:
			if depth < 3 {
				n += tellingValues(v, depth+1)
			}
		}
	}
	return n
}

// alike reports whether the values of an object look like records of one list:
// several objects with the same members, or names that are values themselves.
func alike(o *object) bool {
	objects, named := 0, 0
	counts := map[string]int{}
	for _, k := range o.keys {
		if kindsOf(k).strong() != 0 || isNumber(k) {
			named++
		}
		if inner, ok := firstOf(o.values[k]).(*object); ok {
			objects++
			for _, m := range inner.keys {
				counts[m]++
			}
		}
	}
	switch {
	case objects == 0 || objects < len(o.keys):
		return false
	case named == len(o.keys):
		return true
	case objects < 2 || objects < 3 && slices.ContainsFunc(o.keys, isRole):
		return false
	}
	shared := 0
	for _, n := range counts {
		if n*5 >= objects*4 {
			shared++
		}
	}
	return shared >= pick(objects < 3, 4, 2) && shared*2 >= len(counts)
}

// firstOf is the first element of a list, or the value itself.
func firstOf(v any) any {
	if list, ok := v.([]any); ok && len(list) > 0 {
		return list[0]
	}
	return v
}

// isRole reports whether a name is that of a part of a record: source, dst_info.
func isRole(name string) bool {
	ws := tokens(name)
	return endOf(ws) != noEnd && !slices.ContainsFunc(ws, func(w string) bool { return !isKnownName(w) && w != "info" }) || len(ws) == 1 && isKnownName(name)
}

// listsByName reports whether all members of an object are lists of values, under
// names that are the publisher's own (families, campaigns): the name says
// something of the values. What kind they are does not: domains, ips.
func listsByName(o *object) bool {
	for _, k := range o.keys {
		list, ok := o.values[k].([]any)
		if !ok || len(list) == 0 || harmless.MatchString(k) || isKnownName(k) {
			return false
		}
		for _, v := range list[:min(len(list), 20)] {
			if s, ok := v.(string); !ok || kindsOf(s).strong() == 0 {
				return false
			}
		}
	}
	return len(o.keys) > 1
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_@#$-]+$`)

func quoteKey(k string) string {
	if plainKey.MatchString(k) && !strings.HasPrefix(k, "$") && k != "*" {
		return k
	}
	b, err := json.Marshal(k)
	if err != nil {
		return k
	}
	return "[" + string(b) + "]"
}

func join(path, step string) string {
	if path == "" || strings.HasPrefix(step, "[") {
		return path + step
	}
	return path + "." + step
}
