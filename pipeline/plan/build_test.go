package plan

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func meta(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "default", Name: name} }

func feed(name, channel, parser string) v1alpha1.FeedSource {
	return v1alpha1.FeedSource{ObjectMeta: meta(name), Spec: v1alpha1.FeedSourceSpec{
		Provider: "example-org", Channel: channel,
		ExchangeRef: v1alpha1.ExchangeReference{Name: "main"}, ParserRef: v1alpha1.LocalReference{Name: parser},
		HTTP:     &v1alpha1.HTTPSpec{URL: "https://feeds.example.org/" + channel},
		Schedule: v1alpha1.ScheduleSpec{Interval: "5m"},
		Policy:   v1alpha1.PolicySpec{TLP: "GREEN"},
	}}
}

func subscription(name, org string) v1alpha1.Subscription {
	return v1alpha1.Subscription{ObjectMeta: meta(name), Spec: v1alpha1.SubscriptionSpec{
		ExchangeRef:  v1alpha1.ExchangeReference{Name: "main"},
		Organisation: v1alpha1.OrganisationSpec{ID: org, Criteria: v1alpha1.CriteriaSpec{ASNs: []int64{64500}}},
		Zones:        v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}},
		Exports:      []v1alpha1.ExportSpec{{Name: "api", API: &v1alpha1.APIExport{}}},
	}}
}

func allowing(namespace, name string) v1alpha1.Exchange {
	e := v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	e.Spec.AllowedNamespaces.From = v1alpha1.NamespacesAll
	return e
}

func objects() Objects {
	return Objects{
		Exchanges: []v1alpha1.Exchange{{ObjectMeta: meta("main")}},
		Parsers: []v1alpha1.Parser{{ObjectMeta: meta("list"), Spec: v1alpha1.ParserSpec{
			Input:   v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{Comment: "#"}},
			Mapping: []v1alpha1.MappingRule{{Field: "ip", From: []string{"line"}}},
		}}},
		FeedSources:   []v1alpha1.FeedSource{feed("a", "bots", "list"), feed("b", "c2", "list")},
		Subscriptions: []v1alpha1.Subscription{subscription("bank", "bank.example")},
		FormatChanges: []v1alpha1.FormatChange{{ObjectMeta: meta("a-1"), Spec: v1alpha1.FormatChangeSpec{
			SourceRef: v1alpha1.LocalReference{Name: "a"}, Incident: "abc123", Decision: v1alpha1.DecisionRelease,
		}}},
	}
}

func TestThePlanOfASmallFolder(t *testing.T) {
	p, problems := Build(objects())
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	entries, err := p.Entries()
	if err != nil {
		t.Fatal(err)
	}
	readable := map[string]json.RawMessage{}
	for k, v := range entries {
		readable[k] = v
	}
	got, err := json.MarshalIndent(readable, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "small.golden.json")
	if *update {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(want)) != string(got) {
		t.Errorf("the plan differs from %s (go test -update rewrites it):\n%s", golden, got)
	}
}

func TestTheSamePlanWhateverTheOrderOfObjects(t *testing.T) {
	o := objects()
	first, _ := Build(o)
	slices.Reverse(o.FeedSources)
	second, _ := Build(o)
	a, _ := first.Entries()
	b, _ := second.Entries()
	if len(a) != len(b) {
		t.Fatalf("%d keys, then %d", len(a), len(b))
	}
	for k := range a {
		if string(a[k]) != string(b[k]) {
			t.Errorf("%s differs", k)
		}
	}
}

func TestWhatDoesNotFitIsLeftOutAndExplained(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Objects)
		want   string
		// how many collectors and subscriptions are left of 2 and 1
		collectors, subscriptions int
	}{
		{"two exchanges of a namespace", func(o *Objects) {
			o.Exchanges = append(o.Exchanges, v1alpha1.Exchange{ObjectMeta: meta("second")})
		}, `Exchange default/second: metadata.name: the namespace already has the Exchange "main"`, 2, 1},
		{"a feed without its parser", func(o *Objects) { o.FeedSources[0].Spec.ParserRef.Name = "lost" },
			`FeedSource default/a: spec.parserRef.name: there is no Parser "lost" in namespace default (there are: list)`, 1, 1},
		{"a parser without its base", func(o *Objects) { o.Parsers[0].Spec.Base = &v1alpha1.LocalReference{Name: "lost"} },
			`Parser default/list: spec.base.name: there is no Parser "lost" in namespace default (there are: list)`, 0, 1},
		{"parsers in a circle", func(o *Objects) {
			o.Parsers[0].Spec.Base = &v1alpha1.LocalReference{Name: "other"}
			o.Parsers = append(o.Parsers, v1alpha1.Parser{ObjectMeta: meta("other"), Spec: v1alpha1.ParserSpec{Base: &v1alpha1.LocalReference{Name: "list"}}})
		}, `build on one another, or in a circle: list -> other -> list`, 0, 1},
		{"a feed of a parser without its base", func(o *Objects) { o.Parsers[0].Spec.Base = &v1alpha1.LocalReference{Name: "lost"} },
			`FeedSource default/a: spec.parserRef.name: the Parser "list" cannot be used: spec.base.name: there is no Parser "lost"`, 0, 1},
		{"a parser of another namespace", func(o *Objects) { o.Parsers[0].Namespace = "other" },
			`there is no Parser "list" in namespace default`, 0, 1},
		{"an exchange that does not allow the namespace", func(o *Objects) {
			o.Exchanges = append(o.Exchanges, v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "central", Name: "hub"}})
			o.Exchanges = o.Exchanges[1:]
			for i := range o.FeedSources {
				o.FeedSources[i].Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "hub", Namespace: "central"}
			}
		}, `spec.exchangeRef.namespace: the Exchange central/hub does not allow namespace default`, 0, 0},
		{"another exchange than the namespace's own", func(o *Objects) {
			o.Exchanges = append(o.Exchanges, allowing("central", "hub"))
			o.FeedSources[0].Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "hub", Namespace: "central"}
		}, `FeedSource default/a: spec.exchangeRef: the namespace has an Exchange of its own, "main"`, 1, 1},
		{"two exchanges elsewhere", func(o *Objects) {
			o.Exchanges = []v1alpha1.Exchange{allowing("central", "hub"), allowing("north", "hub")}
			o.FeedSources[0].Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "hub", Namespace: "central"}
			o.FeedSources[1].Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "hub", Namespace: "north"}
			o.Subscriptions[0].Spec.ExchangeRef = v1alpha1.ExchangeReference{Name: "hub", Namespace: "central"}
		}, `FeedSource default/b: spec.exchangeRef: the namespace already works with the Exchange central/hub (see a)`, 1, 1},
		{"a source that another namespace has", func(o *Objects) {
			o.Exchanges[0].Spec.AllowedNamespaces.From = v1alpha1.NamespacesAll
			late := feed("late", "bots", "list")
			late.Namespace, late.Spec.ExchangeRef.Namespace = "alpha", "default"
			late.CreationTimestamp = metav1.Unix(1_800_000_000, 0)
			o.FeedSources = append(o.FeedSources, late)
		}, `FeedSource alpha/late: spec.channel: example-org.bots is already the source of FeedSource "a" of another namespace`, 2, 1},
		{"a feed without its exchange", func(o *Objects) { o.FeedSources[1].Spec.ExchangeRef.Name = "lost" },
			`FeedSource default/b: spec.exchangeRef.name: there is no Exchange "lost"`, 1, 1},
		{"two feeds of one source", func(o *Objects) { o.FeedSources[1].Spec.Channel = "bots" },
			`spec.channel: example-org.bots is already the source of FeedSource "a"`, 1, 1},
		{"an organisation with two subscriptions", func(o *Objects) {
			o.Subscriptions = append(o.Subscriptions, subscription("shop", "bank.example"))
		}, `Subscription default/shop: spec.organisation.id: "bank.example" belongs to Subscription "bank"`, 2, 1},
		{"a cron that is none", func(o *Objects) { o.FeedSources[0].Spec.Schedule = v1alpha1.ScheduleSpec{Cron: "* * * * tomorrow"} },
			"spec.schedule.cron", 1, 1},
		{"a decision about nothing", func(o *Objects) { o.FormatChanges[0].Spec.SourceRef.Name = "lost" },
			`FormatChange default/a-1: spec.sourceRef.name: there is no FeedSource "lost"`, 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := objects()
			tt.change(&o)
			p, problems := Build(o)
			if !slices.ContainsFunc(problems, func(p Problem) bool { return strings.Contains(p.String(), tt.want) }) {
				t.Errorf("no problem says %q: %v", tt.want, problems)
			}
			if len(p.Collectors) != tt.collectors || len(p.Subscriptions) != tt.subscriptions {
				t.Errorf("%d collectors and %d subscriptions are left, want %d and %d",
					len(p.Collectors), len(p.Subscriptions), tt.collectors, tt.subscriptions)
			}
		})
	}
}

func TestAMonitorIsToldWhatABaseAdds(t *testing.T) {
	o := objects()
	o.Parsers[0].Spec.Base = &v1alpha1.LocalReference{Name: "base"}
	o.Parsers = append(o.Parsers, v1alpha1.Parser{ObjectMeta: meta("base"), Spec: v1alpha1.ParserSpec{
		Mapping:   []v1alpha1.MappingRule{{Field: "name", From: []string{"family"}}},
		Constants: map[string]string{"confidence": "high"},
	}})
	p, problems := Build(o)
	if len(problems) > 0 || len(p.Monitors) != 1 {
		t.Fatal(problems, p.Monitors)
	}
	spec := p.Monitors[0].Spec
	if last := spec.Mapping[len(spec.Mapping)-1]; last.Field != "name" || spec.Constants["confidence"] != "high" || spec.Base != nil {
		t.Errorf("the base is missing: %+v", spec)
	}
	if len(o.Parsers[0].Spec.Mapping) == len(spec.Mapping) || len(o.Parsers[1].Spec.Mapping) != 1 {
		t.Error("the Parsers themselves have changed")
	}
}

func TestObjectsOfAllowedNamespacesWorkWithTheExchange(t *testing.T) {
	o := objects()
	o.Exchanges[0].Namespace = "central"
	o.Exchanges[0].Spec.AllowedNamespaces = v1alpha1.NamespacesSpec{From: v1alpha1.NamespacesSelector,
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"tenant": "yes"}}}
	for i := range o.FeedSources {
		o.FeedSources[i].Spec.ExchangeRef.Namespace = "central"
	}
	o.Subscriptions[0].Spec.ExchangeRef.Namespace = "central"
	if p, problems := Build(o); len(problems) != 3 || len(p.Collectors)+len(p.Subscriptions) != 0 {
		t.Errorf("a namespace without the label got in: %v", problems)
	}
	o.Namespaces = map[string]map[string]string{"default": {"tenant": "yes"}}
	p, problems := Build(o)
	if len(problems) > 0 || len(p.Collectors) != 2 || len(p.Subscriptions) != 1 {
		t.Fatalf("%v, %d collectors", problems, len(p.Collectors))
	}
	if got := p.Hubs[0].Namespaces; !slices.Equal(got, []string{"central", "default"}) {
		t.Errorf("the hub takes namespaces %v", got)
	}
	if len(p.Sources[0].Sources) != 2 {
		t.Errorf("sources %v", p.Sources)
	}
}

func TestShardsNeverChange(t *testing.T) {
	for name, want := range map[string]int{"a": 13, "feodo": 4} {
		if got := Shard("default", name, 16); got != want {
			t.Errorf("Shard(default, %s, 16) = %d, want %d: pods of two versions would share a feed", name, got, want)
		}
	}
}

func TestASuspendedFeedKeepsItsMonitor(t *testing.T) {
	o := objects()
	o.FeedSources[0].Spec.Suspend = true
	p, _ := Build(o)
	if len(p.Monitors) != 1 || len(p.Monitors[0].Feeds) != 2 {
		t.Errorf("what a suspended feed has collected would not be processed: %+v", p.Monitors)
	}
}

func TestAliasesNeverChange(t *testing.T) {
	for source, want := range map[string]string{"abuse-ch.feodotracker": "hidden.1f84c816", "example-org.c2": "hidden.e8f85108"} {
		if got := Alias(source); got != want {
			t.Errorf("Alias(%s) = %s, want %s: subscribers know sources by these names", source, got, want)
		}
	}
}
