package repair

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	maxNulls = 32 // of a rule, as the API has it
	// minWord is the share of the values that a word for nothing is at least, where the
	// field could hold it, and wasWord how much rarer it was before.
	minWord = 0.05
	wasWord = 0.2
)

// renull adds the words for nothing that the payload writes where cells were empty: to
// rules whose field takes none of them, and to those of columns that hardly had them.
func (t *trial) renull(ctx context.Context) error {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		words, err := t.wordsFor(ctx, r, t.of[i].From)
		if err != nil {
			return err
		}
		t.addNulls(r, words)
	}
	t.own = len(t.spec.Mapping)
	if t.vocabulary == nil || t.foreign {
		return nil
	}
	// A rule of the Parser's own that differs in nulls replaces that of the format.
	for _, rule := range t.vocabulary.Mapping {
		if slices.ContainsFunc(t.spec.Mapping, func(r v1alpha1.MappingRule) bool { return r.Field == rule.Field }) {
			continue
		}
		words, err := t.wordsFor(ctx, &rule, rule.From)
		if err != nil {
			return err
		}
		if len(words) > 0 {
			own := rule.DeepCopy()
			t.addNulls(own, words)
			t.spec.Mapping, t.of = append(t.spec.Mapping, *own), append(t.of, rule)
		}
	}
	return nil
}

func (t *trial) addNulls(r *v1alpha1.MappingRule, words []string) {
	for _, w := range words {
		if len(r.Nulls) < maxNulls {
			r.Nulls, t.risky = append(slices.Clone(r.Nulls), w), true
		}
	}
}

// wordsFor are the words for nothing that a rule must know; was are the columns that
// it read before.
func (t *trial) wordsFor(ctx context.Context, r *v1alpha1.MappingRule, was []string) ([]string, error) {
	if len(r.From) == 0 || len(r.Transform) > 0 {
		return nil, nil
	}
	values, err := t.read(ctx, r.From)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, v := range values {
		if (drift.IsNothing(v) || drift.MayBeNothing(v)) && !slices.Contains(r.Nulls, v) {
			counts[v]++
		}
	}
	var words []string
	for _, w := range slices.Sorted(maps.Keys(counts)) {
		share := float64(counts[w]) / float64(len(values))
		taken, err := takes(ctx, r, w)
		switch {
		case err != nil:
			return nil, err
		case t.rare(was, w, share) && (!taken || t.marked(was) || drift.IsNothing(w) && share >= minWord):
			words = append(words, w)
			t.wordsIn[r.Field+" "+w] = t.columnWith(ctx, r.From, w)
		}
	}
	return words, nil
}

// columnWith is the first of the columns that has a value.
func (t *trial) columnWith(ctx context.Context, columns []string, value string) string {
	byName, err := Values(ctx, t.spec, columns, t.bad, t.meta)
	if err != nil {
		return columns[0]
	}
	for _, name := range columns {
		if slices.ContainsFunc(byName[name], func(v string) bool { return strings.TrimSpace(v) == value }) {
			return name
		}
	}
	return columns[0]
}

// rare tells whether a word was much rarer in a column, in what was accepted.
func (t *trial) rare(columns []string, word string, share float64) bool {
	for i := range t.base.Inputs {
		c := &t.base.Inputs[i]
		if !slices.Contains(columns, c.Name) || c.Values == 0 {
			continue
		}
		at := slices.IndexFunc(c.Top, func(f drift.Frequent) bool { return f.Value == word })
		if at >= 0 && float64(c.Top[at].Count)/float64(c.Values) > wasWord*share {
			return false
		}
		if at < 0 && float64(min(c.Lost, t.before(c.Name, word)))/float64(c.Values) > wasWord*share {
			return false
		}
	}
	return true
}

// before is how often a column would have had a word in all payloads, if it had it as
// often as in the last one.
func (t *trial) before(name, word string) int64 {
	for _, c := range t.old {
		if c.name != name || len(c.values) == 0 {
			continue
		}
		n := 0
		for _, v := range c.values {
			if v == word {
				n++
			}
		}
		return int64(float64(n) / float64(len(c.values)) * float64(t.base.Records))
	}
	return 0
}

// marked tells whether a finding says that one of the columns has a word for nothing.
func (s *search) marked(names []string) bool {
	return slices.ContainsFunc(s.findings, func(f status.Finding) bool {
		return f.Code == drift.CodeMarker && slices.Contains(names, f.Path)
	})
}

// takes tells whether a rule makes something of a value.
func takes(ctx context.Context, r *v1alpha1.MappingRule, value string) (bool, error) {
	own := r.DeepCopy()
	own.From, own.When, own.Required = []string{"v"}, "", true
	probe := &v1alpha1.ParserSpec{Input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{}}, Mapping: []v1alpha1.MappingRule{*own},
		Constants: map[string]string{}}
	for field, constant := range map[string]string{"category": "other", "name": "x"} {
		if r.Field != field {
			probe.Constants[field] = constant
		}
	}
	p, err := parse.Compile(probe)
	if err != nil {
		return true, nil //nolint:nilerr // a rule that cannot stand alone is left alone
	}
	record, err := json.Marshal([]map[string]string{{"v": value}})
	if err != nil {
		return true, nil //nolint:nilerr // text is always JSON
	}
	n := counter(0)
	if _, err := p.Parse(ctx, strings.NewReader(string(record)), parse.Meta{Source: "example.feed", Collected: time.Unix(1e9, 0)}, &n, nil); err != nil {
		return true, ctx.Err()
	}
	return n > 0, nil
}

// counter counts events.
type counter int

func (c *counter) Event(*event.Event) error {
	*c++
	return nil
}

func (*counter) Reject(*parse.Rejection) error { return nil }

// listFields are the fields that may have several values.
var listFields = []string{"ip", "cves"}

var separators = []string{";", ",", "|", " "}

// resplit follows a separator inside of cells, also where a list was an array.
func (t *trial) resplit(ctx context.Context) error {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		array := t.array(t.of[i].From)
		if len(r.From) == 0 || r.Split == "" && !slices.Contains(listFields, r.Field) && !array {
			continue
		}
		values, err := t.read(ctx, r.From)
		if err != nil {
			return err
		}
		old := t.oldValues(t.of[i].From)
		if r.Split != "" && (has(values, r.Split) || !has(old, r.Split)) {
			continue
		}
		for _, s := range separators {
			if s != r.Split && (listed(values, s) || array && elements(old, values, s)) {
				r.Split, t.risky = s, true
				break
			}
		}
	}
	return nil
}

// array tells whether one of the columns was an array.
func (t *trial) array(from []string) bool {
	return t.foreign && slices.ContainsFunc(from, func(name string) bool { return t.base.Paths[name+"[]"] != nil })
}

// elements tells whether the parts of values are what the elements of arrays were.
func elements(old, values []string, separator string) bool {
	known := map[string]bool{}
	for _, v := range old {
		var list []string
		if json.Unmarshal([]byte(v), &list) != nil {
			continue
		}
		for _, e := range list {
			known[e] = true
		}
	}
	parts, right := 0, 0
	for _, v := range values {
		if !strings.Contains(v, separator) || strings.HasPrefix(v, "[") {
			continue
		}
		for p := range strings.SplitSeq(v, separator) {
			if parts++; known[strings.TrimSpace(p)] {
				right++
			}
		}
	}
	return parts > 0 && 2*right >= parts
}

// listed tells whether some values are lists whose parts are of one telling kind, and
// others shorter ones or single values of it: what has the same number of parts
// everywhere is columns.
func listed(values []string, separator string) bool {
	lists := map[int]bool{}
	for _, v := range values {
		if v == "" || v[0] == '[' || v[0] == '{' {
			return false
		}
		parts := strings.Split(v, separator)
		for _, p := range parts {
			if drift.KindsOf(p)&strong == 0 {
				return false
			}
		}
		lists[len(parts)] = true
	}
	return len(lists) > 1
}

func has(values []string, s string) bool {
	return slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, s) })
}
