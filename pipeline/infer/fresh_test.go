package infer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// fresh are feeds that no rule was written for: a publisher's choice of names and
// nesting, and what the first events must have. Time and the other fields are as
// the event writes them; a field that is not listed must be absent, extras may be
// anything.
type fresh struct {
	name, url, sample string
	want              []map[string]string
}

// measured counts what drafts do with the fields of fresh feeds, as
// hack/bench/infer does for the catalogue.
type measured struct{ right, asked, missed, wrong, extra int }

func (m *measured) all() int { return m.right + m.asked + m.missed + m.wrong + m.extra }

func (m *measured) add(o measured) {
	m.right += o.right
	m.asked += o.asked
	m.missed += o.missed
	m.wrong += o.wrong
	m.extra += o.extra
}

// notJudged are fields that no column has, or that are a matter of opinion.
var notJudged = []string{"id", "source", "restriction", "tlp", "modified", "category", "undated"}

// measure compares the first events of a draft with what they must be.
func (f *fresh) measure(t *testing.T) (m measured) {
	t.Helper()
	d := mustInfer(t, Sample{Data: []byte(f.sample), URL: f.url}, Options{})
	got := f.events(t, d)
	fields := map[string]bool{}
	for i, want := range f.want {
		if i >= len(got) {
			got = append(got, map[string]string{})
		}
		for k := range want {
			fields[k] = true
		}
		for k := range got[i] {
			fields[k] = true
		}
	}
	for _, k := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(k, "extra.") {
			if !slices.ContainsFunc(f.want, func(w map[string]string) bool { return slices.Contains(slices.Collect(maps.Values(w)), got[0][k]) }) {
				m.extra++
			}
			continue
		}
		m.add(f.judge(t, d, got, k))
	}
	return m
}

// judge compares one field of all events.
func (f *fresh) judge(t *testing.T, d *Draft, got []map[string]string, field string) measured {
	for i, want := range f.want {
		w, g := want[field], got[i][field]
		if w == g {
			continue
		}
		if asks(d, field, w, got[i]) {
			return measured{asked: 1}
		}
		t.Logf("%s: event %d: %s is %q, want %q", f.name, i+1, field, g, w)
		if g == "" {
			return measured{missed: 1}
		}
		return measured{wrong: 1}
	}
	return measured{right: 1}
}

// asks reports whether there is a question about a field, or about the extra
// that has its value.
func asks(d *Draft, field, value string, e map[string]string) bool {
	field = strings.TrimPrefix(field, "address.")
	return slices.ContainsFunc(d.Questions(), func(q Choice) bool {
		return q.Field == field || q.About == field || slices.Contains(q.Alternatives, field) ||
			q.Field == "observable" && slices.Contains([]string{"ip", "fqdn", "url"}, field) ||
			value != "" && strings.HasPrefix(q.Field, "extra.") && strings.Contains(e[q.Field], value)
	})
}

// rawEvents are what a draft makes of the sample.
func (f *fresh) rawEvents(t *testing.T, d *Draft) []string {
	t.Helper()
	made := &drafting{text: &text{sample: &Sample{Data: []byte(f.sample), URL: f.url}}, spec: d.Parser.Spec}
	for _, r := range d.Parser.Spec.Mapping {
		made.rules = append(made.rules, planned{rule: r})
	}
	o, err := made.run()
	if err != nil {
		t.Fatal(err)
	}
	return o.events
}

// events are what a draft makes of the sample, flat.
func (f *fresh) events(t *testing.T, d *Draft) []map[string]string {
	t.Helper()
	var out []map[string]string
	for _, e := range f.rawEvents(t, d) {
		var v map[string]any
		if err := json.Unmarshal([]byte(e), &v); err != nil {
			t.Fatal(err)
		}
		flat := map[string]string{}
		flatEvent(flat, "", v)
		if flat["undated"] != "" {
			delete(flat, "time")
		}
		if d.Parser.Spec.Blacklist != nil {
			delete(flat, "expires") // it has all entries expire
		}
		for _, k := range notJudged {
			delete(flat, k)
		}
		if !slices.ContainsFunc(d.Choices, func(c Choice) bool {
			return c.Field == "confidence" && c.About != "confidence" || c.About == "confidence"
		}) {
			delete(flat, "confidence")
		}
		out = append(out, flat)
	}
	return out
}

func flatEvent(to map[string]string, prefix string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			flatEvent(to, strings.TrimPrefix(prefix+"."+k, "."), inner)
		}
	case []any:
		if prefix == "address" && len(v) > 0 {
			flatEvent(to, prefix, v[0])
			return
		}
		b, _ := json.Marshal(v)
		to[prefix] = string(b)
	case float64:
		to[prefix] = strings.TrimSuffix(fmt.Sprintf("%.0f", v), ".0")
	default:
		to[prefix] = fmt.Sprint(v)
	}
}

// The figures of docs/infer.md for feeds that are not in the catalogue.
func TestDraftsOfFreshFeeds(t *testing.T) {
	for _, test := range []struct {
		name  string
		feeds []fresh
	}{{"seen while rules were written", freshFeeds}, {"held out", heldOut}, {"unseen", unseen}} {
		t.Run(test.name, func(t *testing.T) {
			var sum measured
			for _, f := range test.feeds {
				m := f.measure(t)
				t.Logf("%-50s right %d, asked %d, missed %d, wrong %d, extra %d", f.name, m.right, m.asked, m.missed, m.wrong, m.extra)
				sum.add(m)
			}
			all, fields := float64(sum.all()), float64(sum.all()-sum.extra)
			right, wrong := 100*float64(sum.right+sum.extra)/all, 100*float64(sum.wrong)/all
			t.Logf("of %.0f columns %.1f %% are right, %.1f %% asked, %.1f %% missed, %.1f %% wrong; of %.0f fields %.1f %% right, %.1f %% wrong", all, right,
				100*float64(sum.asked)/all, 100*float64(sum.missed)/all, wrong, fields, 100*float64(sum.right)/fields, 100*float64(sum.wrong)/fields)
			if right < 85 {
				t.Errorf("%.1f %% of the columns are right, want 85", right)
			}
			if wrong > 2 {
				t.Errorf("%.1f %% of the columns are wrong without a question, want at most 2", wrong)
			}
		})
	}
}
