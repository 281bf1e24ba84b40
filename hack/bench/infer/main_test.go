package main

import (
	"testing"

	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/infer"
)

// The figures of docs/infer.md, over the whole catalogue, must not get worse.
func TestDraftsAgreeWithTheCatalogue(t *testing.T) {
	feeds, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	results := measure(feeds, "")
	if len(results) < 100 {
		t.Fatalf("only %d Parsers were compared", len(results))
	}
	for _, r := range results {
		if r.failed != nil {
			t.Errorf("%s: %v", r.name, r.failed)
		}
	}
	all, _, category := totals(results)
	if got := share(all.all, right); got < 93 {
		t.Errorf("%.1f%% of the columns are right, want 93", got)
	}
	if got := share(all.all, wrong); got > 0.6 {
		t.Errorf("%.1f%% of the columns are wrong without a question, want at most 0.6", got)
	}
	if got := share(all.fields, wrong); got > 1.1 {
		t.Errorf("%.1f%% of the fields are wrong without a question, want at most 1.1", got)
	}
	if got := share(category, wrong); got > 2.1 {
		t.Errorf("%.1f%% of the categories are wrong without a question, want at most 2.1", got)
	}
	if got := share(kinds(results), wrong); got > 3 {
		t.Errorf("%.1f%% of the kinds are wrong without a question, want at most 3", got)
	}
}

// The comparison itself must see what is wrong: it is given drafts that are.
func TestTheComparisonSeesDifferences(t *testing.T) {
	same := map[string]string{"address.ip": "192.0.2.1", "name": "emotet", "dport": "443"}
	for _, test := range []struct {
		name  string
		draft map[string]string
		field string
		want  verdict
	}{
		{"the same", same, "name", right},
		{"another value", map[string]string{"address.ip": "192.0.2.1", "name": "c2", "dport": "443"}, "name", wrong},
		{"no value", map[string]string{"address.ip": "192.0.2.1", "dport": "443", "extra.malware": "emotet"}, "name", missed},
		{"a field that is none", map[string]string{"address.ip": "192.0.2.1", "name": "emotet", "dport": "443", "sport": "1"}, "sport", wrong},
	} {
		t.Run(test.name, func(t *testing.T) {
			pairs, more := align([]map[string]string{same}, []map[string]string{test.draft})
			if len(pairs) != 1 || more != 0 {
				t.Fatalf("pairs %v, %d more", pairs, more)
			}
			if u := judgeField(test.field, pairs, &infer.Draft{}); u.verdict != test.want {
				t.Errorf("%s is %s, want %s", test.field, verdictNames[u.verdict], verdictNames[test.want])
			}
		})
	}
}
