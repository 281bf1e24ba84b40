// Package world answers the questions of plan's checks from the manager's cache.
package world

import (
	"context"
	"errors"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// Indexes of the cache.
const (
	IndexExchange     = "exchange"     // FeedSource, Subscription: "<namespace>/<name>"
	IndexParser       = "parser"       // FeedSource: name
	IndexSource       = "source"       // FeedSource: "<exchange>|<source>"
	IndexOrganisation = "organisation" // Subscription: "<exchange>|<id>"
	IndexSecret       = "secret"       // FeedSource, Subscription, Exchange: names
	IndexFeed         = "feed"         // FormatChange: name of the FeedSource
	IndexBase         = "base"         // Parser: name
	IndexAnnounced    = "announced"    // FeedSource: names of Parsers
)

// Index registers the indexes.
func Index(ctx context.Context, ix client.FieldIndexer) error {
	feed := func(fn func(*v1alpha1.FeedSource) []string) client.IndexerFunc {
		return func(o client.Object) []string { return fn(o.(*v1alpha1.FeedSource)) }
	}
	sub := func(fn func(*v1alpha1.Subscription) []string) client.IndexerFunc {
		return func(o client.Object) []string { return fn(o.(*v1alpha1.Subscription)) }
	}
	return errors.Join(
		ix.IndexField(ctx, &v1alpha1.FeedSource{}, IndexExchange, feed(func(f *v1alpha1.FeedSource) []string {
			return []string{plan.ExchangeOf(f.Namespace, f.Spec.ExchangeRef).String()}
		})),
		ix.IndexField(ctx, &v1alpha1.FeedSource{}, IndexParser, feed(func(f *v1alpha1.FeedSource) []string {
			return []string{f.Spec.ParserRef.Name}
		})),
		ix.IndexField(ctx, &v1alpha1.FeedSource{}, IndexAnnounced, feed(func(f *v1alpha1.FeedSource) (names []string) {
			for _, a := range f.Spec.Announced {
				names = append(names, a.ParserRef.Name)
			}
			return names
		})),
		ix.IndexField(ctx, &v1alpha1.FeedSource{}, IndexSource, feed(func(f *v1alpha1.FeedSource) []string {
			return []string{held(plan.ExchangeOf(f.Namespace, f.Spec.ExchangeRef), f.Spec.Provider+"."+f.Spec.Channel)}
		})),
		ix.IndexField(ctx, &v1alpha1.FeedSource{}, IndexSecret, feed(func(f *v1alpha1.FeedSource) []string {
			return SecretNames(f.Spec.SecretRefs())
		})),
		ix.IndexField(ctx, &v1alpha1.Subscription{}, IndexExchange, sub(func(s *v1alpha1.Subscription) []string {
			return []string{plan.ExchangeOf(s.Namespace, s.Spec.ExchangeRef).String()}
		})),
		ix.IndexField(ctx, &v1alpha1.Subscription{}, IndexOrganisation, sub(func(s *v1alpha1.Subscription) []string {
			return []string{held(plan.ExchangeOf(s.Namespace, s.Spec.ExchangeRef), s.Spec.Organisation.ID)}
		})),
		ix.IndexField(ctx, &v1alpha1.Subscription{}, IndexSecret, sub(func(s *v1alpha1.Subscription) []string {
			return SecretNames(s.Spec.Access.SecretRefs())
		})),
		ix.IndexField(ctx, &v1alpha1.Parser{}, IndexBase, func(o client.Object) []string {
			if base := o.(*v1alpha1.Parser).Spec.Base; base != nil {
				return []string{base.Name}
			}
			return nil
		}),
		ix.IndexField(ctx, &v1alpha1.FormatChange{}, IndexFeed, func(o client.Object) []string {
			return []string{o.(*v1alpha1.FormatChange).Spec.SourceRef.Name}
		}),
	)
}

func held(exchange plan.Ref, name string) string { return exchange.String() + "|" + name }

// SecretNames of references, each once.
func SecretNames(refs []v1alpha1.FieldRef) []string {
	var names []string
	seen := map[string]bool{}
	for _, r := range refs {
		if !seen[r.Ref.Name] {
			seen[r.Ref.Name] = true
			names = append(names, r.Ref.Name)
		}
	}
	return names
}

// World is what the cache holds during one reconcile. The first error of a read
// is kept for Err: an answer that could not be had is "nothing there", so a caller
// asks Err before it acts on what it heard.
type World struct {
	ctx    context.Context //nolint:containedctx // plan.World is pure and has none
	reader client.Reader
	// cluster tells whether namespaces can be read.
	namespaces bool
	// What whoever checks every object of a namespace asks for each of them.
	attached  map[string][]plan.Attachment    // by namespace
	exchanges map[string][]*v1alpha1.Exchange // by namespace
	parsers   map[plan.Ref]*v1alpha1.Parser   // nil where there is none
	err       error
}

// New makes the world of one reconcile. With namespaces false (the operator is
// confined to some), namespaces have no labels.
func New(ctx context.Context, r client.Reader, namespaces bool) *World {
	return &World{
		ctx: ctx, reader: r, namespaces: namespaces,
		attached: map[string][]plan.Attachment{}, exchanges: map[string][]*v1alpha1.Exchange{}, parsers: map[plan.Ref]*v1alpha1.Parser{},
	}
}

// Err is the first read that failed.
func (w *World) Err() error { return w.err }

// list reads without copying: nobody may change what it returns.
func list[T any, L client.ObjectList](w *World, into L, items func(L) []T, opts ...client.ListOption) []*T {
	opts = append(opts, client.UnsafeDisableDeepCopy)
	if err := w.reader.List(w.ctx, into, opts...); err != nil {
		w.err = errors.Join(w.err, err)
		return nil
	}
	all := items(into)
	out := make([]*T, len(all))
	for i := range all {
		out[i] = &all[i]
	}
	return out
}

func (w *World) get(r plan.Ref, into client.Object) bool {
	err := w.reader.Get(w.ctx, client.ObjectKey{Namespace: r.Namespace, Name: r.Name}, into, client.UnsafeDisableDeepCopy)
	if err != nil && !apierrors.IsNotFound(err) {
		w.err = errors.Join(w.err, err)
	}
	return err == nil
}

// Exchanges of a namespace, those that are being deleted left out.
func (w *World) Exchanges(namespace string) []*v1alpha1.Exchange {
	all, ok := w.exchanges[namespace]
	if !ok {
		all = present(list(w, &v1alpha1.ExchangeList{}, func(l *v1alpha1.ExchangeList) []v1alpha1.Exchange { return l.Items },
			client.InNamespace(namespace)))
		w.exchanges[namespace] = all
	}
	return all
}

// Parser returns nil if there is none.
func (w *World) Parser(r plan.Ref) *v1alpha1.Parser {
	if p, ok := w.parsers[r]; ok {
		return p
	}
	p := &v1alpha1.Parser{}
	if !w.get(r, p) {
		p = nil
	}
	w.parsers[r] = p
	return p
}

// FeedSource returns nil if there is none.
func (w *World) FeedSource(r plan.Ref) *v1alpha1.FeedSource {
	f := &v1alpha1.FeedSource{}
	if !w.get(r, f) {
		return nil
	}
	return f
}

// Subscription returns nil if there is none.
func (w *World) Subscription(r plan.Ref) *v1alpha1.Subscription {
	s := &v1alpha1.Subscription{}
	if !w.get(r, s) {
		return nil
	}
	return s
}

// ParserNames of a namespace.
func (w *World) ParserNames(namespace string) []string {
	var names []string
	for _, p := range list(w, &v1alpha1.ParserList{}, func(l *v1alpha1.ParserList) []v1alpha1.Parser { return l.Items },
		client.InNamespace(namespace)) {
		names = append(names, p.Name)
	}
	return names
}

// BuiltOn are the Parsers that build on one, or on one that does.
func (w *World) BuiltOn(p plan.Ref) []*v1alpha1.Parser {
	var out []*v1alpha1.Parser
	seen := map[string]bool{p.Name: true}
	for names := []string{p.Name}; len(names) > 0; names = names[1:] {
		for _, on := range list(w, &v1alpha1.ParserList{}, func(l *v1alpha1.ParserList) []v1alpha1.Parser { return l.Items },
			client.InNamespace(p.Namespace), client.MatchingFields{IndexBase: names[0]}) {
			if !seen[on.Name] {
				seen[on.Name] = true
				names, out = append(names, on.Name), append(out, on)
			}
		}
	}
	return out
}

// NamespaceLabels of a namespace.
func (w *World) NamespaceLabels(namespace string) map[string]string {
	if !w.namespaces {
		return nil
	}
	meta := &metav1.PartialObjectMetadata{}
	meta.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Namespace"))
	if !w.get(plan.Ref{Name: namespace}, meta) {
		return nil
	}
	return meta.Labels
}

// FeedSources that match opts.
func (w *World) FeedSources(opts ...client.ListOption) []*v1alpha1.FeedSource {
	return present(list(w, &v1alpha1.FeedSourceList{}, func(l *v1alpha1.FeedSourceList) []v1alpha1.FeedSource { return l.Items }, opts...))
}

// Subscriptions that match opts.
func (w *World) Subscriptions(opts ...client.ListOption) []*v1alpha1.Subscription {
	return present(list(w, &v1alpha1.SubscriptionList{}, func(l *v1alpha1.SubscriptionList) []v1alpha1.Subscription { return l.Items }, opts...))
}

// SourceHolders are the FeedSources that name the exchange and have the source.
func (w *World) SourceHolders(exchange plan.Ref, source string) []*v1alpha1.FeedSource {
	return w.FeedSources(client.MatchingFields{IndexSource: held(exchange, source)})
}

// OrganisationHolders are the Subscriptions of an organisation at the exchange.
func (w *World) OrganisationHolders(exchange plan.Ref, organisation string) []*v1alpha1.Subscription {
	return w.Subscriptions(client.MatchingFields{IndexOrganisation: held(exchange, organisation)})
}

// Attached are the exchanges that objects of a namespace name.
func (w *World) Attached(namespace string) []plan.Attachment {
	if all, ok := w.attached[namespace]; ok {
		return all
	}
	oldest := map[plan.Ref]metav1.Object{}
	note := func(o metav1.Object, ref v1alpha1.ExchangeReference) {
		k := plan.ExchangeOf(namespace, ref)
		if was, ok := oldest[k]; !ok || plan.Older(o, was) < 0 {
			oldest[k] = o
		}
	}
	for _, f := range w.FeedSources(client.InNamespace(namespace)) {
		note(f, f.Spec.ExchangeRef)
	}
	for _, s := range w.Subscriptions(client.InNamespace(namespace)) {
		note(s, s.Spec.ExchangeRef)
	}
	var all []plan.Attachment
	for k, by := range oldest {
		all = append(all, plan.Attachment{Exchange: k, By: by})
	}
	w.attached[namespace] = all
	return all
}

// AcceptedFeeds are the FeedSources that match opts and have no problem.
func (w *World) AcceptedFeeds(opts ...client.ListOption) []*v1alpha1.FeedSource {
	var accepted []*v1alpha1.FeedSource
	for _, f := range w.FeedSources(opts...) {
		if len(plan.CheckFeedSource(w, f)) == 0 {
			accepted = append(accepted, f)
		}
	}
	return accepted
}

// AcceptedSubscriptions are the Subscriptions that match opts and have no problem.
func (w *World) AcceptedSubscriptions(opts ...client.ListOption) []*v1alpha1.Subscription {
	var accepted []*v1alpha1.Subscription
	for _, s := range w.Subscriptions(opts...) {
		if len(plan.CheckSubscription(w, s)) == 0 {
			accepted = append(accepted, s)
		}
	}
	return accepted
}

// NamesExchange matches what names the exchange.
func NamesExchange(e plan.Ref) client.ListOption {
	return client.MatchingFields{IndexExchange: e.String()}
}

// UsesParser matches the FeedSources that use the parser.
func UsesParser(p plan.Ref) []client.ListOption {
	return []client.ListOption{client.InNamespace(p.Namespace), client.MatchingFields{IndexParser: p.Name}}
}

// WaitsForParser matches the FeedSources that announce the parser.
func WaitsForParser(p plan.Ref) []client.ListOption {
	return []client.ListOption{client.InNamespace(p.Namespace), client.MatchingFields{IndexAnnounced: p.Name}}
}

func present[T interface{ GetDeletionTimestamp() *metav1.Time }](list []T) []T {
	out := list[:0]
	for _, v := range list {
		if v.GetDeletionTimestamp() == nil {
			out = append(out, v)
		}
	}
	return out
}
