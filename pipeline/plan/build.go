package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Objects are the resources that a plan is made from.
type Objects struct {
	Exchanges     []v1alpha1.Exchange
	FeedSources   []v1alpha1.FeedSource
	Parsers       []v1alpha1.Parser
	Subscriptions []v1alpha1.Subscription
	FormatChanges []v1alpha1.FormatChange
}

// sorted makes the plan independent of the order of files.
func (o Objects) sorted() Objects {
	return Objects{
		Exchanges:     sortedByName(o.Exchanges, func(v *v1alpha1.Exchange) (string, string) { return v.Namespace, v.Name }),
		FeedSources:   sortedByName(o.FeedSources, func(v *v1alpha1.FeedSource) (string, string) { return v.Namespace, v.Name }),
		Parsers:       sortedByName(o.Parsers, func(v *v1alpha1.Parser) (string, string) { return v.Namespace, v.Name }),
		Subscriptions: sortedByName(o.Subscriptions, func(v *v1alpha1.Subscription) (string, string) { return v.Namespace, v.Name }),
		FormatChanges: sortedByName(o.FormatChanges, func(v *v1alpha1.FormatChange) (string, string) { return v.Namespace, v.Name }),
	}
}

func sortedByName[T any](list []T, name func(*T) (namespace, name string)) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int {
		ans, an := name(&a)
		bns, bn := name(&b)
		return cmp.Or(cmp.Compare(ans, bns), cmp.Compare(an, bn))
	})
}

// Plan is the configuration of every component.
type Plan struct {
	Collectors    []Collector
	Monitors      []Monitor
	Hubs          []Hub
	Subscriptions []Subscription
	// Decisions by the FeedSource they are about.
	Decisions []FeedDecision
}

// FeedDecision is a decision with the FeedSource that it is about.
type FeedDecision struct {
	Namespace string
	Feed      string
	Decision
}

// Problem is why an object is not part of the plan. Field is a path such as
// spec.parserRef.name, Message says what is wrong and how to mend it.
type Problem struct {
	Kind      string
	Namespace string
	Name      string
	Field     string
	Message   string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s %s/%s: %s: %s", p.Kind, p.Namespace, p.Name, p.Field, p.Message)
}

// Build makes the plan. Objects with problems are left out of it, and so is what
// depends on them; the rest stands.
func Build(o Objects) (*Plan, []Problem) {
	b := builder{objects: o.sorted()}
	b.exchanges()
	b.parsers()
	b.feedSources()
	b.hubs()
	b.subscriptions()
	b.decisions()
	return &b.plan, b.problems
}

type key struct{ namespace, name string }

type builder struct {
	objects  Objects
	plan     Plan
	problems []Problem

	exchange  map[key]*v1alpha1.Exchange
	parser    map[key]*v1alpha1.Parser
	feeds     map[key][]MonitorFeed  // by parser
	sources   map[key][]SourcePolicy // by exchange
	feedNames map[key]bool
}

func (b *builder) problem(kind, namespace, name, field, format string, args ...any) {
	b.problems = append(b.problems, Problem{kind, namespace, name, field, fmt.Sprintf(format, args...)})
}

// exchanges accepts one Exchange a namespace: feeds and subscribers of a
// namespace share bus subjects, so two hubs would each take a part of the events.
func (b *builder) exchanges() {
	b.exchange = map[key]*v1alpha1.Exchange{}
	first := map[string]string{}
	for i := range b.objects.Exchanges {
		e := &b.objects.Exchanges[i]
		if other, ok := first[e.Namespace]; ok {
			b.problem("Exchange", e.Namespace, e.Name, "metadata.name",
				"the namespace already has the Exchange %q; use one, or another namespace", other)
			continue
		}
		first[e.Namespace] = e.Name
		b.exchange[key{e.Namespace, e.Name}] = e
	}
}

func (b *builder) parsers() {
	b.parser = map[key]*v1alpha1.Parser{}
	for i := range b.objects.Parsers {
		p := &b.objects.Parsers[i]
		b.parser[key{p.Namespace, p.Name}] = p
	}
}

func (b *builder) feedSources() {
	b.feeds = map[key][]MonitorFeed{}
	b.sources = map[key][]SourcePolicy{}
	b.feedNames = map[key]bool{}
	owner := map[key]string{} // namespace and source to the FeedSource that has it
	for i := range b.objects.FeedSources {
		f := &b.objects.FeedSources[i]
		source := f.Spec.Provider + "." + f.Spec.Channel
		if !b.checkFeed(f) {
			continue
		}
		if other, ok := owner[key{f.Namespace, source}]; ok {
			b.problem("FeedSource", f.Namespace, f.Name, "spec.channel",
				"%s is already the source of FeedSource %q; choose another channel", source, other)
			continue
		}
		owner[key{f.Namespace, source}] = f.Name
		b.feedNames[key{f.Namespace, f.Name}] = true

		// A suspended feed keeps its monitor: what was collected is still processed.
		b.plan.Collectors = append(b.plan.Collectors, Collector{f.Namespace, f.Name, f.Spec})
		pk := key{f.Namespace, f.Spec.ParserRef.Name}
		b.feeds[pk] = append(b.feeds[pk], MonitorFeed{f.Name, source, f.Spec.FormatPolicy, f.Spec.Policy})
		ek := key{f.Namespace, f.Spec.ExchangeRef.Name}
		b.sources[ek] = append(b.sources[ek], SourcePolicy{source, Alias(source), f.Spec.Policy.ShowSource})
	}
	for i := range b.objects.Parsers {
		p := &b.objects.Parsers[i]
		if feeds := b.feeds[key{p.Namespace, p.Name}]; len(feeds) > 0 {
			b.plan.Monitors = append(b.plan.Monitors, Monitor{p.Namespace, p.Name, p.Spec, feeds})
		}
	}
}

func (b *builder) checkFeed(f *v1alpha1.FeedSource) bool {
	before := len(b.problems)
	if _, ok := b.exchange[key{f.Namespace, f.Spec.ExchangeRef.Name}]; !ok {
		b.problem("FeedSource", f.Namespace, f.Name, "spec.exchangeRef.name",
			"there is no Exchange %q in namespace %s", f.Spec.ExchangeRef.Name, f.Namespace)
	}
	if _, ok := b.parser[key{f.Namespace, f.Spec.ParserRef.Name}]; !ok {
		b.problem("FeedSource", f.Namespace, f.Name, "spec.parserRef.name",
			"there is no Parser %q in namespace %s%s", f.Spec.ParserRef.Name, f.Namespace,
			b.parserHint(f.Namespace))
	}
	if s := f.Spec.Schedule; s.Cron != "" {
		if _, err := cron.ParseStandard(s.Cron); err != nil {
			b.problem("FeedSource", f.Namespace, f.Name, "spec.schedule.cron", "%v", err)
		}
		if _, err := time.LoadLocation(s.TimeZone); err != nil {
			b.problem("FeedSource", f.Namespace, f.Name, "spec.schedule.timeZone",
				"%q is no time zone; write a name such as Europe/Warsaw", s.TimeZone)
		}
	}
	return len(b.problems) == before
}

func (b *builder) parserHint(namespace string) string {
	var names []string
	for k := range b.parser {
		if k.namespace == namespace {
			names = append(names, k.name)
		}
	}
	if len(names) == 0 || len(names) > 8 {
		return ""
	}
	slices.Sort(names)
	return " (there are: " + strings.Join(names, ", ") + ")"
}

func (b *builder) hubs() {
	for i := range b.objects.Exchanges {
		e := &b.objects.Exchanges[i]
		k := key{e.Namespace, e.Name}
		if b.exchange[k] != nil {
			b.plan.Hubs = append(b.plan.Hubs, Hub{e.Namespace, e.Name, e.Spec, b.sources[k]})
		}
	}
}

func (b *builder) subscriptions() {
	orgs := map[key]string{}
	for i := range b.objects.Subscriptions {
		s := &b.objects.Subscriptions[i]
		ek := key{s.Namespace, s.Spec.ExchangeRef.Name}
		if b.exchange[ek] == nil {
			b.problem("Subscription", s.Namespace, s.Name, "spec.exchangeRef.name",
				"there is no Exchange %q in namespace %s", s.Spec.ExchangeRef.Name, s.Namespace)
			continue
		}
		// Two subscriptions of one organisation would each see the inside events of
		// the other's criteria, since events carry the organisation's id.
		ok := key{s.Namespace, s.Spec.Organisation.ID}
		if other, taken := orgs[ok]; taken {
			b.problem("Subscription", s.Namespace, s.Name, "spec.organisation.id",
				"%q belongs to Subscription %q; an organisation has one subscription", s.Spec.Organisation.ID, other)
			continue
		}
		orgs[ok] = s.Name
		if !s.Spec.Suspend {
			b.plan.Subscriptions = append(b.plan.Subscriptions, Subscription{s.Namespace, s.Name, s.Spec, b.sources[ek]})
		}
	}
}

func (b *builder) decisions() {
	for i := range b.objects.FormatChanges {
		c := &b.objects.FormatChanges[i]
		if !b.feedNames[key{c.Namespace, c.Spec.SourceRef.Name}] {
			b.problem("FormatChange", c.Namespace, c.Name, "spec.sourceRef.name",
				"there is no FeedSource %q in namespace %s", c.Spec.SourceRef.Name, c.Namespace)
			continue
		}
		if c.Spec.Decision != "" {
			b.plan.Decisions = append(b.plan.Decisions, FeedDecision{c.Namespace, c.Spec.SourceRef.Name,
				Decision{c.Spec.Incident, c.Spec.Decision}})
		}
	}
}

// Entries is the plan as keys and values of the config bucket.
func (p *Plan) Entries() (map[string][]byte, error) {
	entries := map[string][]byte{}
	put := func(v any, prefix string, names ...string) error {
		data, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("config %s: %w", Key(prefix, names...), err)
		}
		entries[Key(prefix, names...)] = data
		return nil
	}
	for i := range p.Collectors {
		if err := put(&p.Collectors[i], PrefixCollector, p.Collectors[i].Namespace, p.Collectors[i].Name); err != nil {
			return nil, err
		}
	}
	for i := range p.Monitors {
		if err := put(&p.Monitors[i], PrefixMonitor, p.Monitors[i].Namespace, p.Monitors[i].Name); err != nil {
			return nil, err
		}
	}
	for i := range p.Hubs {
		if err := put(&p.Hubs[i], PrefixHub, p.Hubs[i].Namespace, p.Hubs[i].Name); err != nil {
			return nil, err
		}
	}
	for i := range p.Subscriptions {
		s := &p.Subscriptions[i]
		if err := put(s, PrefixSubscription, s.Namespace, s.Name); err != nil {
			return nil, err
		}
	}
	for i := range p.Decisions {
		d := &p.Decisions[i]
		if err := put(&d.Decision, PrefixDecision, d.Namespace, d.Feed, d.Incident); err != nil {
			return nil, err
		}
	}
	return entries, nil
}
