package controllers

import (
	"context"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/plan"
)

// gather is how long an Exchange or a Parser waits for more changes of what is
// attached to it: it looks at all of that each time, so with more of it, longer.
const (
	gather     = time.Second
	gatherMost = 15 * time.Second
)

// gatherEach is what one more source adds to it, by kind: to an Exchange, that is a
// line of its configuration; to a Parser, permissions, for which its monitor starts
// anew.
var gatherEach = map[string]time.Duration{"Exchange": 400 * time.Microsecond, "Parser": 100 * time.Millisecond}

// setup registers controllers with their watches.
type setup struct {
	mgr     ctrl.Manager
	options Options
	base    *scope.Base
	secrets cache.Cache
	bells   *bells
}

type requests = []reconcile.Request

func named(namespace, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
}

func requestsFor[T client.Object](list []T) requests {
	out := make(requests, len(list))
	for i, o := range list {
		out[i] = named(o.GetNamespace(), o.GetName())
	}
	return out
}

// mapped enqueues what fn finds.
func mapped(fn func(context.Context, client.Object) requests) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(fn)
}

// gathered enqueues what fn finds, which is of the kind, a little later and once.
func (s *setup) gathered(kind string, fn func(client.Object) requests) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, q queue, objects ...client.Object) {
		for _, o := range objects {
			for _, r := range fn(o) {
				q.AddAfter(r, min(gather+time.Duration(s.sources(ctx, kind, r))*gatherEach[kind], gatherMost))
			}
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) { add(ctx, q, e.ObjectOld, e.ObjectNew) },
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object) },
	}
}

// sources is how many sources an Exchange or a Parser said it has.
func (s *setup) sources(ctx context.Context, kind string, r reconcile.Request) int32 {
	if kind == "Exchange" {
		e := &v1alpha1.Exchange{}
		if s.base.Get(ctx, r.NamespacedName, e, client.UnsafeDisableDeepCopy) == nil {
			return e.Status.Sources
		}
		return 0
	}
	p := &v1alpha1.Parser{}
	if s.base.Get(ctx, r.NamespacedName, p, client.UnsafeDisableDeepCopy) == nil {
		return p.Status.Sources
	}
	return 0
}

func (s *setup) new(kind string, object client.Object) *builder.Builder {
	return ctrl.NewControllerManagedBy(s.mgr).Named(strings.ToLower(kind)).For(object, builder.WithPredicates(edited)).
		WithOptions(s.controllerOptions(kind)).
		WatchesRawSource(s.bells.source(kind, s.heard(kind)))
}

// ownsPods adds the children that every workload has.
func ownsPods(b *builder.Builder) *builder.Builder {
	return b.Owns(&appsv1.Deployment{}).Owns(&corev1.ServiceAccount{}).Owns(&networkingv1.NetworkPolicy{})
}

// watchSecrets enqueues the owner of a Secret that the operator made, and those
// objects that name the Secret.
func (s *setup) watchSecrets(b *builder.Builder, owner client.Object, users func(context.Context, client.Object) requests) *builder.Builder {
	secret := &metav1.PartialObjectMetadata{}
	secret.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	b = b.WatchesRawSource(source.Kind(s.secrets, client.Object(secret),
		handler.TypedEnqueueRequestForOwner[client.Object](s.mgr.GetScheme(), s.mgr.GetRESTMapper(), owner, handler.OnlyControllerOwner())))
	if users == nil {
		return b
	}
	return b.WatchesRawSource(source.Kind(s.secrets, client.Object(secret), mapped(users)))
}

// watchNamespaces enqueues what is attached to an Exchange elsewhere when the
// labels of its namespace change.
func (s *setup) watchNamespaces(b *builder.Builder, find func(context.Context, client.Object) requests) *builder.Builder {
	if len(s.options.WatchNamespaces) > 0 {
		return b
	}
	return b.WatchesMetadata(&corev1.Namespace{}, mapped(find), builder.WithPredicates(predicate.LabelChangedPredicate{}))
}

func (s *setup) world(ctx context.Context) *world.World { return s.base.World(ctx) }

func exchangeRef(o client.Object) plan.Ref {
	return plan.Ref{Namespace: o.GetNamespace(), Name: o.GetName()}
}

func (s *setup) exchange(r reconcile.Reconciler) error {
	b := ownsPods(s.new("Exchange", &v1alpha1.Exchange{})).
		Owns(&appsv1.StatefulSet{}).Owns(&corev1.Service{}).Owns(&policyv1.PodDisruptionBudget{}).
		Watches(&v1alpha1.FeedSource{}, s.gathered("Exchange", func(o client.Object) requests {
			f := o.(*v1alpha1.FeedSource)
			return requests{named(f.Spec.ExchangeRef.In(f.Namespace), f.Spec.ExchangeRef.Name)}
		}), acceptance).
		Watches(&v1alpha1.Subscription{}, s.gathered("Exchange", func(o client.Object) requests {
			x := o.(*v1alpha1.Subscription)
			return requests{named(x.Spec.ExchangeRef.In(x.Namespace), x.Spec.ExchangeRef.Name)}
		}), acceptance).
		// Another Exchange of the namespace may have been in the way.
		Watches(&v1alpha1.Exchange{}, mapped(func(ctx context.Context, o client.Object) requests {
			return requestsFor(s.world(ctx).Exchanges(o.GetNamespace()))
		}), spec)
	return s.watchSecrets(b, &v1alpha1.Exchange{}, s.exchangesWithSecret).Complete(r)
}

func (s *setup) feedSource(r reconcile.Reconciler) error {
	b := ownsPods(s.new("FeedSource", &v1alpha1.FeedSource{})).
		Watches(&v1alpha1.Exchange{}, mapped(s.feedsOfExchange), spec).
		Watches(&appsv1.Deployment{}, mapped(s.feedsOfShard), shard).
		Watches(&v1alpha1.Parser{}, mapped(func(ctx context.Context, o client.Object) requests {
			return s.feedsOfParser(ctx, o)
		}), bases).
		// What was in the way may be gone.
		Watches(&v1alpha1.FeedSource{}, mapped(s.feedsBeside), builder.WithPredicates(left)).
		Watches(&v1alpha1.Subscription{}, mapped(s.feedsBeside), builder.WithPredicates(left)).
		// A FormatChange that was deleted too early comes back.
		Watches(&v1alpha1.FormatChange{}, mapped(func(_ context.Context, o client.Object) requests {
			return requests{named(o.GetNamespace(), o.(*v1alpha1.FormatChange).Spec.SourceRef.Name)}
		}), builder.WithPredicates(onlyDeleted))
	b = s.watchNamespaces(b, func(ctx context.Context, o client.Object) requests {
		return requestsFor(s.world(ctx).FeedSources(client.InNamespace(o.GetName())))
	})
	return s.watchSecrets(b, &v1alpha1.FeedSource{}, func(ctx context.Context, o client.Object) requests {
		return requestsFor(s.world(ctx).FeedSources(client.InNamespace(o.GetNamespace()), client.MatchingFields{world.IndexSecret: o.GetName()}))
	}).Complete(r)
}

func (s *setup) parser(r reconcile.Reconciler) error {
	b := ownsPods(s.new("Parser", &v1alpha1.Parser{})).
		Watches(&v1alpha1.FeedSource{}, s.gathered("Parser", func(o client.Object) requests {
			return requests{named(o.GetNamespace(), o.(*v1alpha1.FeedSource).Spec.ParserRef.Name)}
		}), acceptance).
		Watches(&v1alpha1.Exchange{}, mapped(func(ctx context.Context, o client.Object) requests {
			return s.parsersOf(ctx, exchangeRef(o))
		}), spec).
		Watches(&v1alpha1.Parser{}, mapped(func(ctx context.Context, o client.Object) requests {
			return append(requestsFor(s.world(ctx).BuiltOn(exchangeRef(o))), s.parsersBefore(ctx, o)...)
		}), spec).
		Watches(&appsv1.Deployment{}, mapped(s.parsersOfShard), shard)
	return s.watchSecrets(b, &v1alpha1.Parser{}, nil).Complete(r)
}

func (s *setup) subscription(r reconcile.Reconciler) error {
	b := ownsPods(s.new("Subscription", &v1alpha1.Subscription{})).
		Owns(&corev1.Service{}).Owns(&policyv1.PodDisruptionBudget{}).Owns(&networkingv1.Ingress{}).
		Watches(&v1alpha1.Exchange{}, mapped(s.subscriptionsOfExchange), spec).
		Watches(&appsv1.Deployment{}, mapped(s.subscriptionsOfShard), shard).
		// What was in the way may be gone.
		Watches(&v1alpha1.FeedSource{}, mapped(s.subscriptionsBeside), builder.WithPredicates(left)).
		Watches(&v1alpha1.Subscription{}, mapped(s.subscriptionsBeside), builder.WithPredicates(left))
	b = s.watchNamespaces(b, func(ctx context.Context, o client.Object) requests {
		return requestsFor(s.world(ctx).Subscriptions(client.InNamespace(o.GetName())))
	})
	return s.watchSecrets(b, &v1alpha1.Subscription{}, func(ctx context.Context, o client.Object) requests {
		return requestsFor(s.world(ctx).Subscriptions(client.InNamespace(o.GetNamespace()), client.MatchingFields{world.IndexSecret: o.GetName()}))
	}).Complete(r)
}

func (s *setup) formatChange(r reconcile.Reconciler) error {
	return s.new("FormatChange", &v1alpha1.FormatChange{}).
		Watches(&v1alpha1.FeedSource{}, mapped(func(ctx context.Context, o client.Object) requests {
			return s.formatChangesOf(ctx, o.GetNamespace(), o.GetName())
		}), spec). // its policy says what becomes of a repair
		Complete(r)
}

func (s *setup) parsersOf(ctx context.Context, exchange plan.Ref) requests {
	return parsersOf(s.world(ctx).FeedSources(world.NamesExchange(exchange)))
}

// parsersBefore are those that a Parser, or one that builds on it, is announced to
// take over from.
func (s *setup) parsersBefore(ctx context.Context, o client.Object) requests {
	w := s.world(ctx)
	feeds := w.FeedSources(world.WaitsForParser(exchangeRef(o))...)
	for _, p := range w.BuiltOn(exchangeRef(o)) {
		feeds = append(feeds, w.FeedSources(world.WaitsForParser(exchangeRef(p))...)...)
	}
	return parsersOf(feeds)
}

// parsersOf are the parsers of feeds, each once.
func parsersOf(feeds []*v1alpha1.FeedSource) requests {
	var out requests
	seen := map[reconcile.Request]bool{}
	for _, f := range feeds {
		if r := named(f.Namespace, f.Spec.ParserRef.Name); !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

func (s *setup) formatChangesOf(ctx context.Context, namespace, feed string) requests {
	list := &v1alpha1.FormatChangeList{}
	if err := s.base.List(ctx, list, client.InNamespace(namespace), client.MatchingFields{world.IndexFeed: feed}); err != nil {
		return nil
	}
	out := make(requests, len(list.Items))
	for i := range list.Items {
		out[i] = named(namespace, list.Items[i].Name)
	}
	return out
}

// heard is what a kind makes of something that a bus told.
func (s *setup) heard(kind string) func(context.Context, buslink.Change) requests {
	return func(ctx context.Context, c buslink.Change) requests {
		if c.Key == "" {
			return s.attached(ctx, kind, plan.Ref(c.Exchange))
		}
		prefix, rest, _ := strings.Cut(c.Key, ".")
		namespace, name, _ := strings.Cut(rest, ".")
		name, _, _ = strings.Cut(name, ".") // of a hub, the replica follows
		switch {
		case kind == "FormatChange" && prefix == plan.PrefixMonitor:
			return s.formatChangesOf(ctx, namespace, name)
		case kind == "FeedSource" && (prefix == plan.PrefixCollector || prefix == plan.PrefixMonitor),
			kind == "Parser" && prefix == plan.PrefixParser,
			kind == "Subscription" && prefix == plan.PrefixExporter,
			kind == "Exchange" && prefix == plan.PrefixHub:
			return requests{named(namespace, name)}
		}
		return nil
	}
}

// attached is everything of a kind that works with an exchange.
func (s *setup) attached(ctx context.Context, kind string, exchange plan.Ref) requests {
	switch kind {
	case "Exchange":
		return requests{named(exchange.Namespace, exchange.Name)}
	case "FeedSource":
		return requestsFor(s.world(ctx).FeedSources(world.NamesExchange(exchange)))
	case "Parser":
		return s.parsersOf(ctx, exchange)
	case "Subscription":
		return requestsFor(s.world(ctx).Subscriptions(world.NamesExchange(exchange)))
	case "FormatChange":
		var out requests
		for _, f := range s.world(ctx).FeedSources(world.NamesExchange(exchange)) {
			out = append(out, s.formatChangesOf(ctx, f.Namespace, f.Name)...)
		}
		return out
	}
	return nil
}
