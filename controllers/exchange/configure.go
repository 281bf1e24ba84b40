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

	"github.com/weir-project/weir/controllers/feedsource"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/parser"
	"github.com/weir-project/weir/controllers/subscription"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// configure puts on the bus what concerns the exchange as a whole, cleans up what
// belongs to objects that are gone, and reads what the hub reports.
func (r *Reconciler) configure(ctx context.Context, o *observed) error {
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
	e := o.exchange
	err := errors.Join(
		put(ctx, o, plan.PrefixHub, plan.HubOf(e, slices.Collect(maps.Keys(namespaces)))),
		put(ctx, o, plan.PrefixSources, plan.SourcesOf(e, o.feeds)),
	)
	if err != nil {
		return err
	}
	for i := range e.Spec.Replicas {
		key := plan.Key(plan.PrefixHub, e.Namespace, e.Name)
		if i > 0 {
			key = plan.Key(key, strconv.Itoa(int(i)))
		}
		o.reports = append(o.reports, scope.Reported[status.Hub](o.link, key))
	}
	return r.sweep(ctx, o)
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
// the bus was away.
func (r *Reconciler) sweep(ctx context.Context, o *observed) error {
	feeds, parsers, subs := map[types.NamespacedName]bool{}, map[types.NamespacedName]bool{}, map[types.NamespacedName]bool{}
	for _, f := range o.feeds {
		feeds[types.NamespacedName{Namespace: f.Namespace, Name: f.Name}] = true
		parsers[types.NamespacedName{Namespace: f.Namespace, Name: f.Spec.ParserRef.Name}] = true
	}
	for _, s := range o.subscriptions {
		subs[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = true
	}
	var failed error
	for name := range gone(o, plan.PrefixSubscription, subs) {
		failed = errors.Join(failed, subscription.Clean(ctx, o.link, name))
	}
	for name := range gone(o, plan.PrefixCollector, feeds) {
		failed = errors.Join(failed, feedsource.Clean(ctx, o.link, bus.Feed{Namespace: name.Namespace, Name: name.Name}))
	}
	for name := range gone(o, plan.PrefixMonitor, parsers) {
		failed = errors.Join(failed, parser.Clean(ctx, o.link, name))
	}
	return failed
}

// gone yields what the bus has a configuration for and the cluster does not.
func gone(o *observed, prefix string, there map[types.NamespacedName]bool) func(func(types.NamespacedName) bool) {
	return func(yield func(types.NamespacedName) bool) {
		for _, key := range o.link.Config(prefix + ".") {
			namespace, name, _ := strings.Cut(strings.TrimPrefix(key, prefix+"."), ".")
			if n := (types.NamespacedName{Namespace: namespace, Name: name}); !there[n] && !yield(n) {
				return
			}
		}
	}
}
