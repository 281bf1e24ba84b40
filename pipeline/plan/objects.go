package plan

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Objects are the resources that a plan is made from.
type Objects struct {
	Exchanges     []v1alpha1.Exchange
	FeedSources   []v1alpha1.FeedSource
	Parsers       []v1alpha1.Parser
	Subscriptions []v1alpha1.Subscription
	FormatChanges []v1alpha1.FormatChange
	// Namespaces with their labels, for Exchanges that choose them by selector.
	Namespaces map[string]map[string]string
}

// world answers the questions of checks from Objects. Its lists are sorted by
// namespace and name, so that a plan does not depend on the order of files.
type world struct {
	exchanges     []*v1alpha1.Exchange
	feedSources   []*v1alpha1.FeedSource
	parsers       []*v1alpha1.Parser
	subscriptions []*v1alpha1.Subscription
	formatChanges []*v1alpha1.FormatChange
	namespaces    map[string]map[string]string

	exchangesIn map[string][]*v1alpha1.Exchange
	feedByName  map[Ref]*v1alpha1.FeedSource
	parserNamed map[Ref]*v1alpha1.Parser
	bySource    map[holding][]*v1alpha1.FeedSource
	byOrg       map[holding][]*v1alpha1.Subscription
	attached    map[string][]Attachment
}

// holding is a name that one object of an exchange may have.
type holding struct {
	exchange Ref
	name     string
}

// NewWorld answers the questions of checks from objects.
func NewWorld(o Objects) World { return newWorld(o) }

func newWorld(o Objects) *world {
	w := &world{
		exchanges: sorted[v1alpha1.Exchange](o.Exchanges), feedSources: sorted[v1alpha1.FeedSource](o.FeedSources),
		parsers: sorted[v1alpha1.Parser](o.Parsers), subscriptions: sorted[v1alpha1.Subscription](o.Subscriptions),
		formatChanges: sorted[v1alpha1.FormatChange](o.FormatChanges), namespaces: o.Namespaces,
		exchangesIn: map[string][]*v1alpha1.Exchange{}, feedByName: map[Ref]*v1alpha1.FeedSource{},
		parserNamed: map[Ref]*v1alpha1.Parser{}, bySource: map[holding][]*v1alpha1.FeedSource{},
		byOrg: map[holding][]*v1alpha1.Subscription{}, attached: map[string][]Attachment{},
	}
	for _, e := range w.exchanges {
		w.exchangesIn[e.Namespace] = append(w.exchangesIn[e.Namespace], e)
	}
	for _, p := range w.parsers {
		w.parserNamed[Ref{p.Namespace, p.Name}] = p
	}
	for _, f := range w.feedSources {
		w.feedByName[Ref{f.Namespace, f.Name}] = f
		k := holding{ExchangeOf(f.Namespace, f.Spec.ExchangeRef), sourceOf(f)}
		w.bySource[k] = append(w.bySource[k], f)
		w.attach(f, k.exchange)
	}
	for _, s := range w.subscriptions {
		k := holding{ExchangeOf(s.Namespace, s.Spec.ExchangeRef), s.Spec.Organisation.ID}
		w.byOrg[k] = append(w.byOrg[k], s)
		w.attach(s, k.exchange)
	}
	return w
}

func (w *world) attach(by metav1.Object, exchange Ref) {
	list := w.attached[by.GetNamespace()]
	for i := range list {
		if list[i].Exchange == exchange {
			if Older(by, list[i].By) < 0 {
				list[i].By = by
			}
			return
		}
	}
	w.attached[by.GetNamespace()] = append(list, Attachment{exchange, by})
}

func sorted[T any, P interface {
	*T
	metav1.Object
}](list []T) []P {
	out := make([]P, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortStableFunc(out, func(x, y P) int {
		return cmp.Or(cmp.Compare(x.GetNamespace(), y.GetNamespace()), cmp.Compare(x.GetName(), y.GetName()))
	})
	return out
}

// Takes tells whether a Subscription may get events of a source. Its criteria are
// not asked: they are about the events.
func Takes(s *v1alpha1.SubscriptionSpec, source string) bool {
	takes := func(zone *v1alpha1.SelectionSpec) bool {
		return zone != nil && (len(zone.Sources) == 0 || slices.Contains(zone.Sources, v1alpha1.SourceName(source)))
	}
	return !s.Suspend && (takes(s.Zones.Inside) || takes(s.Zones.Threats) || takes(s.Zones.Search))
}

func (w *world) Exchanges(namespace string) []*v1alpha1.Exchange { return w.exchangesIn[namespace] }

func (w *world) Parser(r Ref) *v1alpha1.Parser { return w.parserNamed[r] }

func (w *world) FeedSource(r Ref) *v1alpha1.FeedSource { return w.feedByName[r] }

func (w *world) ParserNames(namespace string) []string {
	var names []string
	for _, p := range w.parsers {
		if p.Namespace == namespace {
			names = append(names, p.Name)
		}
	}
	return names
}

func (w *world) NamespaceLabels(namespace string) map[string]string { return w.namespaces[namespace] }

func (w *world) SourceHolders(exchange Ref, source string) []*v1alpha1.FeedSource {
	return w.bySource[holding{exchange, source}]
}

func (w *world) OrganisationHolders(exchange Ref, organisation string) []*v1alpha1.Subscription {
	return w.byOrg[holding{exchange, organisation}]
}

func (w *world) Attached(namespace string) []Attachment { return w.attached[namespace] }
