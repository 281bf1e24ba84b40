// Package parser reconciles Parsers: each has a monitor where FeedSources use it.
package parser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const kind = "Parser"

// Reconciler of Parsers.
type Reconciler struct{ *scope.Base }

// observed is everything that one reconcile found out. The status is computed from
// it alone.
type observed struct {
	parser   *v1alpha1.Parser
	world    *world.World
	feeds    []*v1alpha1.FeedSource // that name the parser, by name
	problems map[string][]plan.Problem
	accepted []*v1alpha1.FeedSource
	exchange *v1alpha1.Exchange // of the accepted feeds; nil without any
	link     *buslink.Link

	workload   error
	configured error

	deployment *appsv1.Deployment
	examples   *status.Parser
	rotateAt   time.Time
}

// Reconcile brings the monitor and its configuration on the bus in line with the
// Parser and writes its status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	parser := &v1alpha1.Parser{}
	if err := r.Get(ctx, req.NamespacedName, parser); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get Parser: %w", err)
		}
		return ctrl.Result{}, r.forget(ctx, req.NamespacedName)
	}
	if !parser.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	o := &observed{parser: parser, world: r.World(ctx), problems: map[string][]plan.Problem{}}
	r.look(o)
	if err := o.world.Err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("read cache: %w", err)
	}
	o.workload = r.monitorPods(ctx, o)
	o.configured = r.configure(ctx, o)

	st := computeStatus(o, r.Now())
	out := scope.Outcome{
		Kind: kind, Object: parser, Was: parser.Status.Conditions, Conditions: st.Conditions,
		Changed: !scope.Same(parser.Status, st), Err: errors.Join(o.workload, o.configured), Again: o.rotateAt, Link: o.link,
	}
	var err error
	if out.Status, err = applyConfiguration(parser, st); err != nil {
		return ctrl.Result{}, err
	}
	return r.Finish(ctx, out)
}

// look finds the feeds that use the parser. Those that take part have one exchange:
// a namespace works with one.
func (r *Reconciler) look(o *observed) {
	ref := plan.Ref{Namespace: o.parser.Namespace, Name: o.parser.Name}
	o.feeds = o.world.FeedSources(world.UsesParser(ref)...)
	slices.SortFunc(o.feeds, func(x, y *v1alpha1.FeedSource) int { return plan.Older(x, y) })
	for _, f := range o.feeds {
		if o.problems[f.Name] = plan.CheckFeedSource(o.world, f); len(o.problems[f.Name]) == 0 {
			o.accepted = append(o.accepted, f)
		}
	}
	if len(o.accepted) == 0 {
		return
	}
	exchange := plan.ExchangeOf(o.parser.Namespace, o.accepted[0].Spec.ExchangeRef)
	o.exchange = plan.FindExchange(o.world, exchange)
	o.link = r.Link(exchange)
}

// monitorPods makes the monitor, or removes it where there is none to be: nobody
// uses the parser, or it shares a pod with others.
func (r *Reconciler) monitorPods(ctx context.Context, o *observed) error {
	set := workload.Monitor(r.Workload, o.exchange, o.parser)
	secret := workload.CredsSecretName(workload.ComponentMonitor, o.parser.Name)
	if len(set) > 0 {
		feeds := make([]string, len(o.accepted))
		for i, f := range o.accepted {
			feeds[i] = f.Name
		}
		slices.Sort(feeds)
		var err error
		if o.rotateAt, err = r.Credentials(ctx, o.exchange, o.parser, set, scope.Component{
			Secret: secret,
			Labels: workload.Labels(workload.ComponentMonitor, kind, o.parser.Name),
			Role:   creds.Monitor(o.parser.Namespace, o.parser.Name, feeds),
		}); err != nil {
			return err
		}
	} else if err := r.DropCredentials(ctx, o.parser, secret); err != nil {
		return err
	}
	if err := r.Applier.Set(ctx, o.parser, set, scope.Prunable()...); err != nil {
		return err
	}
	if o.exchange == nil {
		return nil
	}
	name := workload.Child(o.parser.Name, workload.ComponentMonitor)
	if len(set) == 0 {
		name = workload.ShardName(o.exchange, workload.ComponentMonitors, o.exchange.Spec.Monitors, o.parser.Namespace, o.parser.Name)
	}
	var err error
	o.deployment, err = r.Deployment(ctx, o.parser.Namespace, name)
	return err
}

// configure puts the monitor's configuration on the bus, or takes it off, and reads
// what it said of the examples.
func (r *Reconciler) configure(ctx context.Context, o *observed) error {
	if o.exchange == nil {
		return r.forgetOn(ctx, types.NamespacedName{Namespace: o.parser.Namespace, Name: o.parser.Name})
	}
	// What was reported is remembered while the bus is away.
	o.examples = scope.Reported[status.Parser](o.link, plan.Key(plan.PrefixParser, o.parser.Namespace, o.parser.Name))
	if err := o.link.Ready(); err != nil {
		return err
	}
	value, err := json.Marshal(plan.MonitorOf(o.world, o.parser, o.accepted))
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = o.link.Put(ctx, plan.Key(plan.PrefixMonitor, o.parser.Namespace, o.parser.Name), value)
	return err
}

func (r *Reconciler) forget(ctx context.Context, name types.NamespacedName) error {
	r.Forget(kind, name)
	return r.forgetOn(ctx, name)
}

// forgetOn takes a parser off every bus that knows it.
func (r *Reconciler) forgetOn(ctx context.Context, name types.NamespacedName) error {
	var failed error
	r.Links.Each(func(exchange types.NamespacedName, link *buslink.Link) {
		key := plan.Key(plan.PrefixMonitor, name.Namespace, name.Name)
		if len(link.Config(key)) == 0 || link.Ready() != nil {
			return // not there, or cleaned when the link is back
		}
		if err := Clean(ctx, link, name); err != nil {
			failed = errors.Join(failed, fmt.Errorf("clean the bus of Exchange %s: %w", exchange, err))
		}
	})
	return failed
}

// Clean removes what a Parser left on a bus.
func Clean(ctx context.Context, link *buslink.Link, name types.NamespacedName) error {
	if err := link.RemoveStatus(ctx, plan.Key(plan.PrefixParser, name.Namespace, name.Name)); err != nil {
		return err
	}
	_, err := link.Delete(ctx, plan.Key(plan.PrefixMonitor, name.Namespace, name.Name))
	return err
}
