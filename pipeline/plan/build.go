package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Plan is the configuration of every component.
type Plan struct {
	Collectors    []Collector
	Monitors      []Monitor
	Hubs          []Hub
	Sources       []Sources
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
	// Reason is one of the Reason constants of the API.
	Reason  string
	Field   string
	Message string
}

func (p Problem) String() string {
	return fmt.Sprintf("%s %s/%s: %s: %s", p.Kind, p.Namespace, p.Name, p.Field, p.Message)
}

// Build makes the plan. Objects with problems are left out of it, and so is what
// depends on them; the rest is complete.
func Build(o Objects) (*Plan, []Problem) {
	b := builder{world: newWorld(o), feeds: map[Ref][]*v1alpha1.FeedSource{}, namespaces: map[Ref]map[string]bool{}}
	b.feedSources()
	b.monitors()
	b.subscriptions()
	b.exchanges()
	b.decisions()
	return &b.plan, b.problems
}

type builder struct {
	world    *world
	plan     Plan
	problems []Problem

	accepted   []*v1alpha1.FeedSource
	feeds      map[Ref][]*v1alpha1.FeedSource // accepted ones by parser
	namespaces map[Ref]map[string]bool        // by exchange
}

// fits keeps the problems and reports whether there are none.
func (b *builder) fits(problems []Problem) bool {
	b.problems = append(b.problems, problems...)
	return len(problems) == 0
}

func (b *builder) attach(exchange Ref, namespace string) {
	if b.namespaces[exchange] == nil {
		b.namespaces[exchange] = map[string]bool{}
	}
	b.namespaces[exchange][namespace] = true
}

func (b *builder) feedSources() {
	for _, f := range b.world.feedSources {
		if !b.fits(CheckFeedSource(b.world, f)) {
			continue
		}
		b.attach(ExchangeOf(f.Namespace, f.Spec.ExchangeRef), f.Namespace)
		b.accepted = append(b.accepted, f)
		parser := Ref{f.Namespace, f.Spec.ParserRef.Name}
		b.feeds[parser] = append(b.feeds[parser], f)
		b.plan.Collectors = append(b.plan.Collectors, CollectorOf(f))
	}
}

func (b *builder) monitors() {
	for _, p := range b.world.parsers {
		if _, problems := ParserSpec(b.world, p); !b.fits(problems) {
			continue
		}
		if feeds := b.feeds[Ref{p.Namespace, p.Name}]; len(feeds) > 0 {
			b.plan.Monitors = append(b.plan.Monitors, MonitorOf(b.world, p, feeds))
		}
	}
}

func (b *builder) subscriptions() {
	for _, s := range b.world.subscriptions {
		if !b.fits(CheckSubscription(b.world, s)) || s.Spec.Suspend {
			continue
		}
		b.attach(ExchangeOf(s.Namespace, s.Spec.ExchangeRef), s.Namespace)
		b.plan.Subscriptions = append(b.plan.Subscriptions, SubscriptionOf(s))
	}
}

func (b *builder) exchanges() {
	for _, e := range b.world.exchanges {
		if !b.fits(CheckExchange(b.world, e)) {
			continue
		}
		attached := b.namespaces[Ref{e.Namespace, e.Name}]
		b.plan.Hubs = append(b.plan.Hubs, HubOf(e, slices.Collect(maps.Keys(attached))))
		feeds := slices.DeleteFunc(slices.Clone(b.accepted), func(f *v1alpha1.FeedSource) bool {
			return ExchangeOf(f.Namespace, f.Spec.ExchangeRef) != Ref{e.Namespace, e.Name}
		})
		b.plan.Sources = append(b.plan.Sources, SourcesOf(e, feeds))
	}
}

func (b *builder) decisions() {
	for _, c := range b.world.formatChanges {
		if b.fits(CheckFormatChange(b.world, c)) && c.Spec.Decision != "" {
			b.plan.Decisions = append(b.plan.Decisions, FeedDecision{c.Namespace, c.Spec.SourceRef.Name,
				Decision{c.Spec.Incident, c.Spec.Decision}})
		}
	}
}

// CollectorOf is the configuration of a FeedSource's collector. What concerns its
// pod is left out, so that a change of it changes no configuration.
func CollectorOf(f *v1alpha1.FeedSource) Collector {
	spec := *f.Spec.DeepCopy()
	spec.Pod = nil
	return Collector{f.Namespace, f.Name, spec}
}

// MonitorOf is the configuration of a Parser's monitor, with the accepted feeds
// that use it; its spec has what its bases add. A suspended feed keeps its monitor:
// what was collected is still processed.
func MonitorOf(w World, p *v1alpha1.Parser, feeds []*v1alpha1.FeedSource) Monitor {
	spec, problems := ParserSpec(w, p)
	if len(problems) > 0 {
		spec = &p.Spec // with such a Parser no feed is accepted
	}
	m := Monitor{Namespace: p.Namespace, Name: p.Name, Spec: *spec.DeepCopy(), Feeds: make([]MonitorFeed, 0, len(feeds))}
	for _, f := range feeds {
		m.Feeds = append(m.Feeds, MonitorFeed{f.Name, sourceOf(f), f.Spec.FormatPolicy, f.Spec.Policy, announced(w, f)})
	}
	slices.SortFunc(m.Feeds, func(x, y MonitorFeed) int { return cmp.Compare(x.Name, y.Name) })
	return m
}

// announced are the Parsers that a feed waits for. One that is not there yet keeps
// the feed from nothing.
func announced(w World, f *v1alpha1.FeedSource) []AnnouncedParser {
	var list []AnnouncedParser
	for _, a := range f.Spec.Announced {
		next := AnnouncedParser{Parser: a.ParserRef.Name, From: a.From}
		p := w.Parser(Ref{f.Namespace, a.ParserRef.Name})
		if p == nil {
			next.Problem = "there is no such Parser in namespace " + f.Namespace
		} else if spec, problems := ParserSpec(w, p); len(problems) > 0 {
			next.Problem = problems[0].Field + ": " + problems[0].Message
		} else if spec.Input.SchemaSet != nil {
			next.Problem = "spec.input.schemaSet: a schema set follows its schema documents"
		} else {
			next.Spec = spec.DeepCopy()
		}
		list = append(list, next)
	}
	return list
}

// HubOf is the configuration of an Exchange's hub. namespaces are those of
// accepted FeedSources and Subscriptions, in any order.
func HubOf(e *v1alpha1.Exchange, namespaces []string) Hub {
	all := append(slices.Clone(namespaces), e.Namespace)
	slices.Sort(all)
	return Hub{e.Namespace, e.Name, v1alpha1.ExchangeSpec{
		Store: e.Spec.Store, Raw: e.Spec.Raw, Stream: e.Spec.Stream,
	}, slices.Compact(all)}
}

// SourcesOf are the sources of an Exchange, given its accepted FeedSources.
func SourcesOf(e *v1alpha1.Exchange, feeds []*v1alpha1.FeedSource) Sources {
	s := Sources{Namespace: e.Namespace, Name: e.Name, Replicas: max(e.Spec.Replicas, 1), Sources: make([]SourcePolicy, 0, len(feeds)),
		Retention: e.Spec.Store.Retention, StreamRetention: e.Spec.Stream.Retention}
	for _, f := range feeds {
		source := sourceOf(f)
		s.Sources = append(s.Sources, SourcePolicy{source, Alias(source), f.Spec.Policy.ShowSource})
	}
	slices.SortFunc(s.Sources, func(x, y SourcePolicy) int { return cmp.Compare(x.Source, y.Source) })
	return s
}

// SubscriptionOf is the configuration of a Subscription's exporter. What concerns
// its pods is left out.
func SubscriptionOf(s *v1alpha1.Subscription) Subscription {
	spec := *s.Spec.DeepCopy()
	spec.Pod, spec.Expose, spec.Replicas = nil, nil, nil
	return Subscription{s.Namespace, s.Name, spec}
}

func sourceOf(f *v1alpha1.FeedSource) string { return f.Spec.Provider + "." + f.Spec.Channel }

// Entries is the plan as keys and values of the config bucket.
func (p *Plan) Entries() (map[string][]byte, error) {
	entries := map[string][]byte{}
	var failed error
	put := func(v any, prefix string, names ...string) {
		key := Key(prefix, names...)
		data, err := json.Marshal(v)
		if err != nil {
			failed = cmp.Or(failed, fmt.Errorf("config %s: %w", key, err))
		}
		entries[key] = data
	}
	for _, v := range p.Collectors {
		put(&v, PrefixCollector, v.Namespace, v.Name)
	}
	for _, v := range p.Monitors {
		put(&v, PrefixMonitor, v.Namespace, v.Name)
	}
	for _, v := range p.Hubs {
		put(&v, PrefixHub, v.Namespace, v.Name)
	}
	for _, v := range p.Sources {
		put(&v, PrefixSources, v.Namespace, v.Name)
	}
	for _, v := range p.Subscriptions {
		put(&v, PrefixSubscription, v.Namespace, v.Name)
	}
	for _, v := range p.Decisions {
		put(&v.Decision, PrefixDecision, v.Namespace, v.Feed, v.Incident)
	}
	return entries, failed
}
