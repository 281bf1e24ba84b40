package plan

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestAMonitorIsToldWhatIsAnnounced(t *testing.T) {
	o := objects()
	o.Parsers = append(o.Parsers,
		v1alpha1.Parser{ObjectMeta: meta("next"), Spec: v1alpha1.ParserSpec{Base: &v1alpha1.LocalReference{Name: "list"}, Constants: map[string]string{"name": "next"}}},
		v1alpha1.Parser{ObjectMeta: meta("orphan"), Spec: v1alpha1.ParserSpec{Base: &v1alpha1.LocalReference{Name: "nothing"}}},
		v1alpha1.Parser{ObjectMeta: meta("set"), Spec: v1alpha1.ParserSpec{Input: v1alpha1.InputSpec{SchemaSet: &v1alpha1.SchemaSetSpec{}}}})
	for _, name := range []string{"next", "missing", "orphan", "set"} {
		o.FeedSources[0].Spec.Announced = append(o.FeedSources[0].Spec.Announced,
			v1alpha1.AnnouncedChange{ParserRef: v1alpha1.LocalReference{Name: name}, From: "2026-12-01T00:00:00Z"})
	}
	p, problems := Build(o)
	for _, x := range problems {
		if x.Kind == "FeedSource" {
			t.Errorf("an announced Parser keeps the feed from working: %v", x)
		}
	}
	feed := p.Monitors[0].Feeds[0]
	if len(feed.Announced) != 4 || len(p.Monitors[0].Feeds[1].Announced) != 0 {
		t.Fatalf("%+v", p.Monitors)
	}
	if a := feed.Announced[0]; a.Problem != "" || a.From != "2026-12-01T00:00:00Z" || a.Spec.Constants["name"] != "next" || a.Spec.Input.Text == nil {
		t.Errorf("with what its base adds: %+v", a)
	}
	for i, want := range []string{"there is no such Parser in namespace default", `there is no Parser "nothing"`, "schema documents"} {
		if a := feed.Announced[i+1]; a.Spec != nil || !strings.Contains(a.Problem, want) {
			t.Errorf("%s: %+v", a.Parser, a)
		}
	}
}

func TestADigestDoesNotDependOnWhoReadTheSpec(t *testing.T) {
	spec := objects().Parsers[0].Spec
	b, err := json.Marshal(&spec)
	if err != nil {
		t.Fatal(err)
	}
	again := v1alpha1.ParserSpec{Skip: []v1alpha1.SkipRule{}}
	if err := json.Unmarshal(b, &again); err != nil || SpecDigest(&again) != SpecDigest(&spec) {
		t.Error("the same spec has two digests", err)
	}
	again.Constants = map[string]string{"name": "x"}
	if SpecDigest(&again) == SpecDigest(&spec) {
		t.Error("two specs have the same digest")
	}
}

func TestWhichSubscriptionsAChangeConcerns(t *testing.T) {
	for want, specs := range map[bool][]v1alpha1.SubscriptionSpec{
		true: {
			{Zones: v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}}},
			{Zones: v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{Sources: []v1alpha1.SourceName{"a.c"}}, Search: &v1alpha1.SelectionSpec{Sources: []v1alpha1.SourceName{"a.b"}}}},
		},
		false: {
			{},
			{Zones: v1alpha1.ZonesSpec{Threats: &v1alpha1.SelectionSpec{Sources: []v1alpha1.SourceName{"a.c"}}}},
			{Suspend: true, Zones: v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}}},
		},
	} {
		for i := range specs {
			if got := Takes(&specs[i], "a.b"); got != want {
				t.Errorf("%+v: %v", specs[i], got)
			}
		}
	}
}
