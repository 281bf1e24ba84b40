// Package exchange reconciles Exchanges: each has a hub, the keys of its bus, and
// the configuration that concerns all of its sources.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/keyring"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const kind = "Exchange"

// Reconciler of Exchanges.
type Reconciler struct{ *scope.Base }

// observed is everything that one reconcile found out. The status is computed from
// it alone.
type observed struct {
	exchange *v1alpha1.Exchange
	world    *world.World
	keys     *keyring.Keys
	link     *buslink.Link

	accepted   error
	workload   error
	bus        error
	configured error

	feeds         []*v1alpha1.FeedSource // accepted
	subscriptions []*v1alpha1.Subscription
	hub           *appsv1.StatefulSet
	reports       []*status.Hub // by replica; nil where there is none
	rotateAt      time.Time
}

func (o *observed) ref() plan.Ref {
	return plan.Ref{Namespace: o.exchange.Namespace, Name: o.exchange.Name}
}

// Reconcile brings the hub, the bus's keys and the configuration in line with the
// Exchange and writes its status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	exchange := &v1alpha1.Exchange{}
	if err := r.Get(ctx, req.NamespacedName, exchange); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get Exchange: %w", err)
		}
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if !exchange.DeletionTimestamp.IsZero() {
		r.forget(req.NamespacedName)
		return ctrl.Result{}, nil
	}
	o := &observed{exchange: exchange, world: r.World(ctx)}
	o.accepted = failure.Problems(plan.CheckExchange(o.world, exchange))
	if o.accepted == nil {
		named := world.NamesExchange(o.ref())
		o.feeds = o.world.AcceptedFeeds(named)
		o.subscriptions = o.world.AcceptedSubscriptions(named)
	}
	if err := o.world.Err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("read cache: %w", err)
	}
	if o.accepted == nil {
		o.workload = r.pods(ctx, o)
		o.bus = r.connect(ctx, o)
		o.configured = r.configure(ctx, o)
	} else {
		r.Links.Remove(req.NamespacedName)
	}
	st := computeStatus(o, r.Now())
	out := scope.Outcome{
		Kind: kind, Object: exchange, Was: exchange.Status.Conditions, Conditions: st.Conditions,
		Changed: !scope.Same(exchange.Status, st),
		Err:     errors.Join(o.accepted, o.workload, o.bus, o.configured), Again: o.rotateAt, Link: o.link,
	}
	var err error
	if out.Status, err = applyConfiguration(exchange, st); err != nil {
		return ctrl.Result{}, err
	}
	return r.Finish(ctx, out)
}

func (r *Reconciler) forget(name types.NamespacedName) {
	r.Forget(kind, name)
	r.Links.Remove(name)
	r.Ring.Forget(name)
}

// pods makes the hub and the shared pods, with the keys and credentials of the bus.
func (r *Reconciler) pods(ctx context.Context, o *observed) error {
	e := o.exchange
	var err error
	if o.keys, err = r.Ring.Keys(ctx, e); err != nil {
		return fmt.Errorf("keys of the bus: %w", err)
	}
	if e.Spec.Bus.NATS == nil {
		if err := r.Ring.Trust(ctx, e, o.keys); err != nil {
			return fmt.Errorf("trust of the bus: %w", err)
		}
	}
	versions, err := r.versions(ctx, o)
	if err != nil {
		return err
	}
	set := append(workload.Hub(r.Workload, e), workload.Shared(r.Workload, e, o.feeds, o.subscriptions, versions)...)
	if err := r.credentials(ctx, o, set); err != nil {
		return err
	}
	if err := r.keepClaimTemplate(ctx, o, set); err != nil {
		return err
	}
	prune := append(scope.Prunable(), &policyv1.PodDisruptionBudgetList{})
	if err := r.Applier.Set(ctx, e, set, prune...); err != nil {
		return err
	}
	o.hub, err = r.statefulSet(ctx, e)
	return err
}

// versions of the Secrets that shared pods mount.
func (r *Reconciler) versions(ctx context.Context, o *observed) (map[string]string, error) {
	var refs []v1alpha1.FieldRef
	e := o.exchange
	if workload.Shares(e, e.Spec.Collectors, e.Namespace) {
		for _, f := range o.feeds {
			refs = append(refs, workload.FeedSecrets(f)...)
		}
	}
	if workload.Shares(e, e.Spec.Exporters, e.Namespace) {
		for _, s := range o.subscriptions {
			refs = append(refs, workload.SubscriptionSecrets(s)...)
		}
	}
	return r.SecretResourceVersions(ctx, e.Namespace, refs)
}

// credentials makes those of the hub, of the command line, and of shared pods.
func (r *Reconciler) credentials(ctx context.Context, o *observed, set workload.Set) error {
	e := o.exchange
	components := []struct {
		component string
		wanted    bool
		secret    string
		role      creds.Role
	}{
		{workload.ComponentHub, true, workload.CredsSecretName(workload.ComponentHub, e.Name), creds.Hub(e.Namespace, e.Name)},
		{workload.ComponentHub, true, workload.AdminSecretName(e.Name), creds.Admin()},
		{workload.ComponentCollectors, workload.Shares(e, e.Spec.Collectors, e.Namespace),
			workload.CredsSecretName(workload.ComponentCollectors, e.Name), creds.Collectors(e.Namespace)},
		{workload.ComponentMonitors, workload.Shares(e, e.Spec.Monitors, e.Namespace),
			workload.CredsSecretName(workload.ComponentMonitors, e.Name), creds.Monitors(e.Namespace, o.monitoredFeeds()...)},
		{workload.ComponentExporters, workload.Shares(e, e.Spec.Exporters, e.Namespace),
			workload.CredsSecretName(workload.ComponentExporters, e.Name), creds.Exporters(e.Namespace, e.Namespace, e.Name)},
	}
	for _, c := range components {
		if !c.wanted {
			if err := r.DropCredentials(ctx, e, c.secret); err != nil {
				return err
			}
			continue
		}
		at, err := r.Credentials(ctx, e, e, set, scope.Component{
			Secret: c.secret, Labels: workload.Labels(c.component, kind, e.Name), Role: c.role,
			// Feeds come and go; pods that are shared take new credentials without a restart.
			Keep: c.component == workload.ComponentMonitors,
		})
		if err != nil {
			return err
		}
		o.rotateAt = scope.Earliest(o.rotateAt, at)
	}
	return nil
}

// maxNamedFeeds is for how many feeds the credentials of shared monitors name each:
// a Secret has an end. Beyond, they open what monitors of the namespace need.
const maxNamedFeeds = 200

// monitoredFeeds are the feeds of the exchange's own namespace, whose monitors may
// share pods.
func (o *observed) monitoredFeeds() []string {
	var names []string
	for _, f := range o.feeds {
		if f.Namespace == o.exchange.Namespace {
			names = append(names, f.Name)
		}
	}
	if len(names) > maxNamedFeeds {
		return nil
	}
	slices.Sort(names)
	return names
}

// connect keeps the operator's own link to the bus.
func (r *Reconciler) connect(_ context.Context, o *observed) error {
	if o.keys == nil {
		return failure.Waiting(v1alpha1.ReasonProgressing, "the bus has no keys yet")
	}
	own, err := r.Ring.Operator(o.keys)
	if err != nil {
		return fmt.Errorf("credentials of the operator: %w", err)
	}
	name := types.NamespacedName(o.ref())
	b := workload.BusOf(o.exchange)
	cfg := buslink.Config{URLs: b.URL, Creds: own, CA: o.keys.CA}
	r.Links.Ensure(name, cfg)
	o.link = r.Links.Get(name)
	if expires, err := creds.Expires(own); err == nil && r.Ring.Lifetime > 0 {
		// They are made anew by then: with more than half of their life gone.
		o.rotateAt = scope.Earliest(o.rotateAt, expires.Add(-r.Ring.Lifetime/4))
	}
	return o.link.Ready()
}

func (r *Reconciler) statefulSet(ctx context.Context, e *v1alpha1.Exchange) (*appsv1.StatefulSet, error) {
	s := &appsv1.StatefulSet{}
	err := r.Get(ctx, client.ObjectKey{Namespace: e.Namespace, Name: workload.Child(e.Name, workload.ComponentHub)}, s)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // not there yet is no failure
	}
	if err != nil {
		return nil, fmt.Errorf("get StatefulSet: %w", err)
	}
	return s, nil
}
