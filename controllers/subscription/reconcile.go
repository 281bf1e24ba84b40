// Package subscription reconciles Subscriptions: each has an exporter, a Service
// and, if it is exposed, a way in from outside the cluster.
package subscription

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const kind = "Subscription"

// Reconciler of Subscriptions.
type Reconciler struct {
	*scope.Base
	// Routes makes, keeps and removes HTTPRoutes.
	Routes *Routes
}

// observed is everything that one reconcile found out. The status is computed from
// it alone.
type observed struct {
	sub      *v1alpha1.Subscription
	world    *world.World
	exchange *v1alpha1.Exchange // nil unless the subscription is accepted
	link     *buslink.Link

	accepted   error
	workload   error
	configured error

	shared     bool
	deployment *appsv1.Deployment
	exporter   *status.Exporter
	rotateAt   time.Time
}

// Reconcile brings the exporter and the configuration on the bus in line with the
// Subscription and writes its status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	sub := &v1alpha1.Subscription{}
	if err := r.Get(ctx, req.NamespacedName, sub); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get Subscription: %w", err)
		}
		return ctrl.Result{}, r.forget(ctx, req.NamespacedName)
	}
	if !sub.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	o := &observed{sub: sub, world: r.World(ctx)}
	r.check(o)
	if err := o.world.Err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("read cache: %w", err)
	}
	// What a subscriber may not have any more is taken away first, whatever else
	// fails.
	o.configured = r.configure(ctx, o)
	o.workload = r.exporterPods(ctx, o)

	st := computeStatus(o, r.Now())
	out := scope.Outcome{
		Kind: kind, Object: sub, Was: sub.Status.Conditions, Conditions: st.Conditions,
		Changed: !scope.Same(sub.Status, st), Err: errors.Join(o.accepted, o.workload, o.configured), Again: o.rotateAt, Link: o.link,
	}
	var err error
	if out.Status, err = applyConfiguration(sub, st); err != nil {
		return ctrl.Result{}, err
	}
	return r.Finish(ctx, out)
}

func (r *Reconciler) check(o *observed) {
	o.accepted = failure.Problems(plan.CheckSubscription(o.world, o.sub))
	ref := plan.ExchangeOf(o.sub.Namespace, o.sub.Spec.ExchangeRef)
	o.link = r.Link(ref)
	if o.accepted == nil {
		o.exchange = plan.FindExchange(o.world, ref)
		o.shared = workload.Shares(o.exchange, o.exchange.Spec.Exporters, o.sub.Namespace)
	}
}

// exporterPods makes the exporter with its Service, or removes them from a
// subscription that is refused.
func (r *Reconciler) exporterPods(ctx context.Context, o *observed) error {
	var set workload.Set
	secret := workload.CredsSecretName(workload.ComponentExporter, o.sub.Name)
	if o.accepted == nil {
		versions, err := r.SecretVersions(ctx, o.sub.Namespace, workload.SubscriptionSecrets(o.sub))
		if err != nil {
			return err
		}
		set = workload.Exporter(r.Workload, o.exchange, o.sub, versions, true)
	}
	if o.accepted == nil && !o.shared {
		var err error
		if o.rotateAt, err = r.Credentials(ctx, o.exchange, o.sub, set, scope.Component{
			Secret: secret,
			Labels: workload.Labels(workload.ComponentExporter, kind, o.sub.Name),
			Role:   creds.Exporter(o.sub.Namespace, o.sub.Name, o.exchange.Namespace, o.exchange.Name),
		}); err != nil {
			return err
		}
	} else if err := r.DropCredentials(ctx, o.sub, secret); err != nil {
		return err
	}
	prune := append(scope.Prunable(), &corev1.ServiceList{}, &policyv1.PodDisruptionBudgetList{}, &networkingv1.IngressList{})
	if err := r.Applier.Set(ctx, o.sub, set, prune...); err != nil {
		return err
	}
	if err := r.Routes.Prune(ctx, o.sub, set); err != nil {
		return err
	}
	if o.exchange == nil {
		return nil
	}
	name := workload.ServiceName(o.sub.Name)
	if o.shared {
		name = workload.ShardName(o.exchange, workload.ComponentExporters, o.exchange.Spec.Exporters, o.sub.Namespace, o.sub.Name)
	}
	var err error
	o.deployment, err = r.Deployment(ctx, o.sub.Namespace, name)
	return err
}

// configure puts the subscription on the bus, or takes it off: then the hub
// delivers nothing for it and exporters refuse it.
func (r *Reconciler) configure(ctx context.Context, o *observed) error {
	elsewhere := r.forgetOn(ctx, types.NamespacedName{Namespace: o.sub.Namespace, Name: o.sub.Name}, o.link)
	if o.accepted != nil && o.link == nil {
		return elsewhere
	}
	// What was reported is remembered while the bus is away.
	o.exporter = scope.Reported[status.Exporter](o.link, plan.Key(plan.PrefixExporter, o.sub.Namespace, o.sub.Name))
	if err := o.link.Ready(); err != nil {
		return errors.Join(elsewhere, err)
	}
	if o.accepted != nil || o.sub.Spec.Suspend {
		return errors.Join(elsewhere, Clean(ctx, o.link, types.NamespacedName{Namespace: o.sub.Namespace, Name: o.sub.Name}))
	}
	return errors.Join(elsewhere, Put(ctx, o.link, o.sub))
}

// Put puts an accepted Subscription on the bus, if it is not there as it is.
func Put(ctx context.Context, link *buslink.Link, sub *v1alpha1.Subscription) error {
	value, err := json.Marshal(plan.SubscriptionOf(sub))
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = link.Put(ctx, plan.Key(plan.PrefixSubscription, sub.Namespace, sub.Name), value)
	return err
}

func (r *Reconciler) forget(ctx context.Context, name types.NamespacedName) error {
	r.Forget(kind, name)
	return r.forgetOn(ctx, name, nil)
}

// forgetOn takes a subscription off every bus that knows it but one.
func (r *Reconciler) forgetOn(ctx context.Context, name types.NamespacedName, but *buslink.Link) error {
	var failed error
	r.Links.Each(func(exchange types.NamespacedName, link *buslink.Link) {
		if link == but || len(link.Config(plan.Key(plan.PrefixSubscription, name.Namespace, name.Name))) == 0 {
			return
		}
		if link.Ready() != nil {
			return // cleaned when the link is back
		}
		if err := Clean(ctx, link, name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("clean the bus of Exchange %s: %w", exchange, err))
		}
	})
	return failed
}

// Clean removes what a Subscription left on a bus.
func Clean(ctx context.Context, link *buslink.Link, name types.NamespacedName) error {
	_, err := link.Delete(ctx, plan.Key(plan.PrefixSubscription, name.Namespace, name.Name))
	return errors.Join(err, link.RemoveStatus(ctx, plan.Key(plan.PrefixExporter, name.Namespace, name.Name)))
}
