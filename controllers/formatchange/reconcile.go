// Package formatchange reconciles FormatChanges: it shows what a monitor holds and
// carries a person's decision to it.
package formatchange

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	kind = "FormatChange"
	// keep is how long a FormatChange that the operator made stays after it was
	// resolved.
	keep = 30 * 24 * time.Hour
)

// Reconciler of FormatChanges.
type Reconciler struct{ *scope.Base }

// observed is everything that one reconcile found out. The status is computed from
// it alone.
type observed struct {
	change *v1alpha1.FormatChange
	feed   *v1alpha1.FeedSource
	link   *buslink.Link

	accepted   error
	configured error
	monitor    *status.Monitor // nil when the monitor cannot be heard

	siblings []*v1alpha1.FormatChange        // of the same provider
	affected *v1alpha1.AffectedSubscriptions // while it is open
	repaired repaired
	mended   error // why the repair was not applied, though it is wanted
}

// open reports whether something is held for this very incident.
func (o *observed) open() bool {
	return o.monitor != nil && o.monitor.Incident != nil && o.monitor.Incident.ID == o.change.Spec.Incident
}

// Reconcile passes the decision on and writes the status.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	change := &v1alpha1.FormatChange{}
	if err := r.Get(ctx, req.NamespacedName, change); err != nil {
		if !apierrors.IsNotFound(err) {
			return ctrl.Result{}, fmt.Errorf("get FormatChange: %w", err)
		}
		r.Forget(kind, req.NamespacedName)
		return ctrl.Result{}, nil
	}
	if !change.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	o := &observed{change: change}
	w := r.World(ctx)
	o.accepted = failure.Problems(plan.CheckFormatChange(w, change))
	if o.accepted == nil {
		o.feed = w.FeedSource(plan.Ref{Namespace: change.Namespace, Name: change.Spec.SourceRef.Name})
	}
	if err := w.Err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("read cache: %w", err)
	}
	if o.feed != nil {
		o.link = r.Link(plan.ExchangeOf(o.feed.Namespace, o.feed.Spec.ExchangeRef))
		o.configured = r.decide(ctx, o)
		if err := r.kin(ctx, o); err != nil {
			return ctrl.Result{}, err
		}
		if o.open() {
			o.affected = affected(w, o.feed)
			o.mended = r.mend(ctx, o, w)
		}
	}
	st := computeStatus(o, r.Now())
	again, done, err := r.expire(ctx, change, st)
	if err != nil || done {
		return ctrl.Result{}, err
	}
	out := scope.Outcome{
		Kind: kind, Object: change, Was: change.Status.Conditions, Conditions: st.Conditions,
		Changed: !scope.Same(change.Status, st), Err: errors.Join(o.accepted, o.configured, o.mended), Again: again, Link: o.link,
	}
	if out.Status, err = applyConfiguration(change, st); err != nil {
		return ctrl.Result{}, err
	}
	return r.Finish(ctx, out)
}

// decide puts the decision on the bus while the incident is open, and takes it off
// when it is over. A repair is not for the monitor: the changed Parser is.
func (r *Reconciler) decide(ctx context.Context, o *observed) error {
	if err := o.link.Ready(); err != nil {
		return err
	}
	c := o.change
	o.monitor = scope.Reported[status.Monitor](o.link, plan.Key(plan.PrefixMonitor, c.Namespace, c.Spec.SourceRef.Name))
	key := plan.Key(plan.PrefixDecision, c.Namespace, c.Spec.SourceRef.Name, c.Spec.Incident)
	if c.Spec.Decision == "" || c.Spec.Decision == v1alpha1.DecisionRepair || !o.open() {
		_, err := o.link.Delete(ctx, key)
		return err
	}
	value, err := json.Marshal(plan.Decision{Incident: c.Spec.Incident, Decision: c.Spec.Decision})
	if err != nil {
		return fmt.Errorf("decision: %w", err)
	}
	_, err = o.link.Put(ctx, key, value)
	return err
}

// expire deletes what was resolved long ago, if the operator made it.
func (r *Reconciler) expire(ctx context.Context, c *v1alpha1.FormatChange, st v1alpha1.FormatChangeStatus) (at time.Time, done bool, err error) {
	resolved := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionResolved)
	if resolved == nil || resolved.Status != "True" || c.Labels[workload.LabelManagedBy] != workload.ManagedBy {
		return time.Time{}, false, nil
	}
	at = resolved.LastTransitionTime.Add(keep)
	if r.Now().Before(at) {
		return at, false, nil
	}
	if err := r.Delete(ctx, c, client.Preconditions{UID: ptr.To(c.UID)}); client.IgnoreNotFound(err) != nil {
		return time.Time{}, false, fmt.Errorf("delete a FormatChange that is over: %w", err)
	}
	return time.Time{}, true, nil
}
