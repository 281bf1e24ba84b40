package exchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/feedsource"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/controllers/parser"
	"github.com/weir-project/weir/controllers/subscription"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// configure puts on the bus what concerns the exchange as a whole, cleans up what
// belongs to objects that are gone, and reads what the hub reports.
func (r *Reconciler) configure(ctx context.Context, o *observed) error {
	e := o.exchange
	for i := range e.Spec.Replicas { // what was reported is remembered while the bus is away
		key := plan.Key(plan.PrefixHub, e.Namespace, e.Name)
		if i > 0 {
			key = plan.Key(key, strconv.Itoa(int(i)))
		}
		o.reports = append(o.reports, scope.Reported[status.Hub](o.link, key))
	}
	if err := o.link.Ready(); err != nil {
		return err
	}
	namespaces := map[string]bool{}
	for _, f := range o.feeds {
		namespaces[f.Namespace] = true
	}
	for _, s := range o.subscriptions {
		namespaces[s.Namespace] = true
	}
	if err := subscribersFirst(ctx, o); err != nil {
		return err
	}
	err := errors.Join(
		put(ctx, o, plan.PrefixHub, plan.HubOf(e, slices.Collect(maps.Keys(namespaces)))),
		put(ctx, o, plan.PrefixSources, plan.SourcesOf(e, o.feeds)),
	)
	if err != nil {
		return err
	}
	return r.sweep(ctx, o)
}

// subscribersFirst puts the subscriptions on a new bus before the hub is told to
// work: whose an event is, is decided when it is recorded, and those that were
// declared with the hub must not miss its first events.
func subscribersFirst(ctx context.Context, o *observed) error {
	if len(o.link.Config(plan.Key(plan.PrefixHub, o.exchange.Namespace, o.exchange.Name))) > 0 {
		return nil
	}
	var failed error
	for _, s := range o.subscriptions {
		if !s.Spec.Suspend {
			failed = errors.Join(failed, subscription.Put(ctx, o.link, s))
		}
	}
	return failed
}

func put(ctx context.Context, o *observed, prefix string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = o.link.Put(ctx, plan.Key(prefix, o.exchange.Namespace, o.exchange.Name), value)
	return err
}

// sweep cleans up after objects whose end the operator did not see, or saw while
// the bus was away. What exists and names the exchange is the business of its own
// reconciler, also when it is refused.
func (r *Reconciler) sweep(ctx context.Context, o *observed) error {
	w := r.World(ctx) // the cache as it is now: what was configured meanwhile is in it
	var failed error
	for name := range configured(o, plan.PrefixSubscription) {
		if s := w.Subscription(name); s == nil || plan.ExchangeOf(s.Namespace, s.Spec.ExchangeRef) != o.ref() {
			failed = errors.Join(failed, clean(w, func() error { return subscription.Clean(ctx, o.link, types.NamespacedName(name)) }))
		}
	}
	for name := range configured(o, plan.PrefixCollector) {
		if f := w.FeedSource(name); f == nil || !o.here(f) {
			failed = errors.Join(failed, clean(w, func() error { return feedsource.Clean(ctx, o.link, bus.Feed(name)) }))
		}
	}
	for name := range configured(o, plan.PrefixMonitor) {
		if w.Parser(name) == nil || !slices.ContainsFunc(w.FeedSources(world.UsesParser(name)...), o.here) {
			failed = errors.Join(failed, clean(w, func() error { return parser.Clean(ctx, o.link, types.NamespacedName(name)) }))
		}
	}
	return failed
}

// here reports whether a feed names the exchange.
func (o *observed) here(f *v1alpha1.FeedSource) bool {
	return plan.ExchangeOf(f.Namespace, f.Spec.ExchangeRef) == o.ref()
}

// clean calls fn unless the world could not be read: then nothing is known to be gone.
func clean(w *world.World, fn func() error) error {
	if err := w.Err(); err != nil {
		return fmt.Errorf("read cache: %w", err)
	}
	return fn()
}

// configured yields what the bus has a configuration for.
func configured(o *observed, prefix string) func(func(plan.Ref) bool) {
	return func(yield func(plan.Ref) bool) {
		for _, key := range o.link.Config(prefix + ".") {
			namespace, name, _ := strings.Cut(strings.TrimPrefix(key, prefix+"."), ".")
			if !yield(plan.Ref{Namespace: namespace, Name: name}) {
				return
			}
		}
	}
}
