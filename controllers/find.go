package controllers

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/plan"
)

// feedsOfExchange are the feeds that name an Exchange, and those of its namespace:
// there they may use no other.
func (s *setup) feedsOfExchange(ctx context.Context, o client.Object) requests {
	w := s.world(ctx)
	return requestsFor(append(w.FeedSources(world.NamesExchange(exchangeRef(o))), w.FeedSources(client.InNamespace(o.GetNamespace()))...))
}

// feedsOfParser are the feeds that use a Parser, or one that builds on it.
func (s *setup) feedsOfParser(ctx context.Context, o client.Object) requests {
	w := s.world(ctx)
	out := requestsFor(w.FeedSources(world.UsesParser(exchangeRef(o))...))
	for _, p := range w.BuiltOn(exchangeRef(o)) {
		out = append(out, requestsFor(w.FeedSources(world.UsesParser(exchangeRef(p))...))...)
	}
	return out
}

func (s *setup) subscriptionsOfExchange(ctx context.Context, o client.Object) requests {
	w := s.world(ctx)
	return requestsFor(append(w.Subscriptions(world.NamesExchange(exchangeRef(o))), w.Subscriptions(client.InNamespace(o.GetNamespace()))...))
}

// feedsBeside are the feeds that an object may have been in the way of: with its
// source, or by the exchange of another namespace that its own namespace works with.
func (s *setup) feedsBeside(ctx context.Context, o client.Object) requests {
	var out requests
	at := place(o)
	if _, ok := o.(*v1alpha1.FeedSource); ok {
		out = requestsFor(s.world(ctx).SourceHolders(at.exchange, at.name))
	}
	if at.exchange.Namespace != o.GetNamespace() {
		out = append(out, requestsFor(s.world(ctx).FeedSources(client.InNamespace(o.GetNamespace())))...)
	}
	return out
}

// subscriptionsBeside are the subscriptions that an object may have been in the way
// of.
func (s *setup) subscriptionsBeside(ctx context.Context, o client.Object) requests {
	var out requests
	at := place(o)
	if _, ok := o.(*v1alpha1.Subscription); ok {
		out = requestsFor(s.world(ctx).OrganisationHolders(at.exchange, at.name))
	}
	if at.exchange.Namespace != o.GetNamespace() {
		out = append(out, requestsFor(s.world(ctx).Subscriptions(client.InNamespace(o.GetNamespace())))...)
	}
	return out
}

// feedsOfShard, parsersOfShard and subscriptionsOfShard are what one shared
// Deployment works for.
func (s *setup) feedsOfShard(ctx context.Context, o client.Object) requests {
	e, w := s.exchangeOfShard(ctx, o)
	if e == nil {
		return nil
	}
	return inShard(e, o, workload.ComponentCollectors, e.Spec.Collectors, requestsFor(w.FeedSources(world.NamesExchange(exchangeRef(e)))))
}

func (s *setup) parsersOfShard(ctx context.Context, o client.Object) requests {
	e, w := s.exchangeOfShard(ctx, o)
	if e == nil {
		return nil
	}
	return inShard(e, o, workload.ComponentMonitors, e.Spec.Monitors, parsersOf(w.FeedSources(world.NamesExchange(exchangeRef(e)))))
}

func (s *setup) subscriptionsOfShard(ctx context.Context, o client.Object) requests {
	e, w := s.exchangeOfShard(ctx, o)
	if e == nil {
		return nil
	}
	return inShard(e, o, workload.ComponentExporters, e.Spec.Exporters, requestsFor(w.Subscriptions(world.NamesExchange(exchangeRef(e)))))
}

// exchangeOfShard is nil if o is not an Exchange's.
func (s *setup) exchangeOfShard(ctx context.Context, o client.Object) (*v1alpha1.Exchange, *world.World) {
	w := s.world(ctx)
	owner := metav1.GetControllerOf(o)
	if owner == nil || owner.Kind != "Exchange" {
		return nil, w
	}
	return plan.FindExchange(w, plan.Ref{Namespace: o.GetNamespace(), Name: owner.Name}), w
}

func inShard(e *v1alpha1.Exchange, o client.Object, component string, sharing v1alpha1.SharingSpec, all requests) requests {
	var out requests
	for _, r := range all {
		if workload.Shares(e, sharing, r.Namespace) && workload.ShardName(e, component, sharing, r.Namespace, r.Name) == o.GetName() {
			out = append(out, r)
		}
	}
	return out
}

// exchangesWithSecret are those that use a Secret for their bus, or mount it into
// pods that objects share.
func (s *setup) exchangesWithSecret(ctx context.Context, o client.Object) requests {
	var out requests
	w := s.world(ctx)
	for _, e := range w.Exchanges(o.GetNamespace()) {
		n := e.Spec.Bus.NATS
		if n != nil && (n.SigningKey.Name == o.GetName() || n.CA != nil && n.CA.Name == o.GetName()) || mounts(w, e, o.GetName()) {
			out = append(out, named(e.Namespace, e.Name))
		}
	}
	return out
}

func mounts(w *world.World, e *v1alpha1.Exchange, secret string) bool {
	in, of := client.InNamespace(e.Namespace), client.MatchingFields{world.IndexSecret: secret}
	return workload.Shares(e, e.Spec.Collectors, e.Namespace) && len(w.FeedSources(in, of)) > 0 ||
		workload.Shares(e, e.Spec.Exporters, e.Namespace) && len(w.Subscriptions(in, of)) > 0
}
