// Package feedsource reconciles FeedSources: each has a collector, a place in its
// exchange, and a FormatChange while its publisher's change waits for a decision.
package feedsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const kind = "FeedSource"

// Reconciler of FeedSources.
type Reconciler struct{ *scope.Base }

// observed is everything that one reconcile found out. The status is computed from
// it alone.
type observed struct {
	feed     *v1alpha1.FeedSource
	world    *world.World
	exchange *v1alpha1.Exchange // nil unless the feed is accepted
	link     *buslink.Link

	accepted   error // why the feed does not take part
	workload   error // why the collector is not as wanted
	configured error // why the collector does not know its configuration

	shared     bool // the collector is one of the exchange's
	deployment *appsv1.Deployment
	collector  *status.Collector
	monitor    *status.Monitor
	handled    string // value of requestedAt that was acted on
	rotateAt   time.Time
}

// Reconcile brings the collector and the configuration on the bus in line with the
// FeedSource and writes its status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	feed := &v1alpha1.FeedSource{}
	if err := r.Get(ctx, req.NamespacedName, feed); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get FeedSource: %w", err)
		}
		return ctrl.Result{}, r.forget(ctx, req.NamespacedName)
	}
	if !feed.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	o := &observed{feed: feed, world: r.World(ctx), handled: feed.Status.LastHandledReconcileAt}
	r.check(o)
	if err := o.world.Err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("read cache: %w", err)
	}
	o.workload = r.collectorPods(ctx, o)
	o.configured = r.configure(ctx, o)
	incident := r.formatChange(ctx, o)
	r.tellReport(o)

	now := r.Now()
	st := computeStatus(o, now)
	out := scope.Outcome{
		Kind: kind, Object: feed, Was: feed.Status.Conditions, Conditions: st.Conditions,
		Changed: !scope.Same(feed.Status, st),
		Err:     errors.Join(o.accepted, o.workload, o.configured, incident),
		Again:   scope.Earliest(o.rotateAt, staleAt(o)), Link: o.link,
	}
	var err error
	if out.Status, err = applyConfiguration(feed, st); err != nil {
		return ctrl.Result{}, err
	}
	return r.Finish(ctx, out)
}

// check finds the exchange, or why the feed may not take part.
func (r *Reconciler) check(o *observed) {
	o.accepted = failure.Problems(plan.CheckFeedSource(o.world, o.feed))
	ref := plan.ExchangeOf(o.feed.Namespace, o.feed.Spec.ExchangeRef)
	if f := o.feed.Spec.File; f != nil && f.ClaimName == "" {
		o.accepted = errors.Join(o.accepted, failure.Stalled(v1alpha1.ReasonInvalidSpec,
			"spec.file.claimName: name the PersistentVolumeClaim that holds the files"))
	}
	o.link = r.Link(ref)
	if o.accepted == nil {
		o.exchange = plan.FindExchange(o.world, ref)
		o.shared = workload.Shares(o.exchange, o.exchange.Spec.Collectors, o.feed.Namespace)
	}
}

// collectorPods makes the collector, or removes it where there is none to be: a
// refused feed, and one that shares a pod with others.
func (r *Reconciler) collectorPods(ctx context.Context, o *observed) error {
	var set workload.Set
	if o.accepted == nil && !o.shared {
		versions, err := r.SecretVersions(ctx, o.feed.Namespace, workload.FeedSecrets(o.feed))
		if err != nil {
			return err
		}
		set = workload.Collector(r.Workload, o.exchange, o.feed, versions)
		if o.rotateAt, err = r.Credentials(ctx, o.exchange, o.feed, set, scope.Component{
			Secret: workload.CredsSecretName(workload.ComponentCollector, o.feed.Name),
			Labels: workload.Labels(workload.ComponentCollector, kind, o.feed.Name),
			Role:   creds.Collector(o.feed.Namespace, o.feed.Name),
		}); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		if err := r.DropCredentials(ctx, o.feed, workload.CredsSecretName(workload.ComponentCollector, o.feed.Name)); err != nil {
			return err
		}
	}
	if err := r.Applier.Set(ctx, o.feed, set, scope.Prunable()...); err != nil {
		return err
	}
	name, owner := workload.Child(o.feed.Name, workload.ComponentCollector), client.Object(o.feed)
	if o.shared {
		name, owner = workload.ShardName(o.exchange, workload.ComponentCollectors, o.exchange.Spec.Collectors, o.feed.Namespace, o.feed.Name), o.exchange
	}
	var err error
	o.deployment, err = r.Deployment(ctx, owner.GetNamespace(), name)
	return err
}

// configure puts the collector's configuration on the bus, or takes it off, passes
// a request to collect now on, and reads what was reported.
func (r *Reconciler) configure(ctx context.Context, o *observed) error {
	feed, key := o.feed, plan.Key(plan.PrefixCollector, o.feed.Namespace, o.feed.Name)
	if o.accepted == nil { // what was reported is remembered while the bus is away
		o.collector = scope.Reported[status.Collector](o.link, key)
		o.monitor = scope.Reported[status.Monitor](o.link, plan.Key(plan.PrefixMonitor, feed.Namespace, feed.Name))
	}
	if err := o.link.Ready(); err != nil {
		return err
	}
	if o.accepted != nil {
		_, err := o.link.Delete(ctx, key)
		return err
	}
	cfg := plan.CollectorOf(feed)
	if o.shared && cfg.Spec.File != nil {
		// A shared pod has the claims of several feeds, each in a folder of its own.
		cfg.Spec.File.Path = cfg.Spec.File.ClaimName + "/" + cfg.Spec.File.Path
	}
	value, err := json.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if _, err := o.link.Put(ctx, key, value); err != nil {
		return err
	}
	if id := feed.Annotations[v1alpha1.AnnotationRequestedAt]; id != "" && id != o.handled && !feed.Spec.Suspend {
		value, err := json.Marshal(plan.CollectNow{ID: id})
		if err != nil {
			return fmt.Errorf("request to collect: %w", err)
		}
		if _, err := o.link.Put(ctx, plan.Key(plan.PrefixCollect, feed.Namespace, feed.Name), value); err != nil {
			return err
		}
		o.handled = id
	}
	return nil
}

// forget cleans what a FeedSource that is gone left on the buses. Its pods go with
// it; what it recorded stays.
func (r *Reconciler) forget(ctx context.Context, name types.NamespacedName) error {
	r.Forget(kind, name)
	key := plan.Key(plan.PrefixCollector, name.Namespace, name.Name)
	feed := bus.Feed{Namespace: name.Namespace, Name: name.Name}
	var failed error
	r.Links.Each(func(exchange types.NamespacedName, link *buslink.Link) {
		if len(link.Config(key)) == 0 || link.Ready() != nil {
			return // not attached there, or cleaned when the link is back
		}
		if err := Clean(ctx, link, feed); err != nil {
			failed = errors.Join(failed, fmt.Errorf("clean the bus of Exchange %s: %w", exchange, err))
		}
	})
	return failed
}

// Clean removes what a FeedSource left on a bus. The key of its configuration goes
// last: as long as it is there, the rest is known to be there, too.
func Clean(ctx context.Context, link *buslink.Link, feed bus.Feed) error {
	if err := link.Forget(ctx, feed); err != nil {
		return err
	}
	for _, prefix := range []string{plan.PrefixCollect, plan.PrefixReplay, plan.PrefixCollector} {
		if _, err := link.Delete(ctx, plan.Key(prefix, feed.Namespace, feed.Name)); err != nil {
			return err
		}
	}
	return nil
}
