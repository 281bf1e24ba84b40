package subscription

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// computeStatus is a pure function of what was observed.
func computeStatus(o *observed, now time.Time) v1alpha1.SubscriptionStatus {
	sub := o.sub
	st := v1alpha1.SubscriptionStatus{
		ObjectStatus: v1alpha1.ObjectStatus{
			ObservedGeneration: sub.Generation, LastHandledReconcileAt: sub.Annotations[v1alpha1.AnnotationRequestedAt],
		},
		Bindings: bindings(o),
	}
	summary := condition.Summary{
		Err: errors.Join(o.accepted, o.workload, o.configured), Suspended: sub.Spec.Suspend && o.accepted == nil,
		Parts: []metav1.Condition{condition.Of(v1alpha1.ConditionAccepted, o.accepted, "")},
	}
	if o.accepted == nil {
		st.URL = fmt.Sprintf("http://%s.%s.svc/s/%s.%s", workload.ServiceName(sub.Name), sub.Namespace, sub.Namespace, sub.Name)
		available := scope.Available(o.deployment)
		if o.workload != nil {
			available = condition.Of(v1alpha1.ConditionAvailable, o.workload, "")
		}
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionConfigured, o.configured, ""), available)
		var r *status.Result
		if o.exporter != nil {
			r = &o.exporter.Result
		}
		if !sub.Spec.Suspend {
			summary.Parts = append(summary.Parts, scope.Result(v1alpha1.ConditionDelivering, r, "the exporter has not reported yet"))
		}
		scale(&st, o)
	}
	st.Conditions = condition.Merge(sub.Status.Conditions, summary.All(), sub.Generation, now)
	return st
}

// scale is what the scale subresource shows.
func scale(st *v1alpha1.SubscriptionStatus, o *observed) {
	if o.shared || o.deployment == nil {
		return
	}
	st.Replicas = o.deployment.Status.ReadyReplicas
	st.Selector = metav1.FormatLabelSelector(o.deployment.Spec.Selector)
}

func bindings(o *observed) []v1alpha1.Binding {
	exchange := plan.ExchangeOf(o.sub.Namespace, o.sub.Spec.ExchangeRef)
	b := v1alpha1.Binding{Kind: "Exchange", Namespace: exchange.Namespace, Name: exchange.Name, Accepted: true}
	if o.accepted != nil {
		b.Accepted = false
		b.Reason = failure.Reason(o.accepted, v1alpha1.ReasonProgressing)
		b.Message = condition.Clean(o.accepted.Error())
	}
	return []v1alpha1.Binding{b}
}

func applyConfiguration(sub *v1alpha1.Subscription, st v1alpha1.SubscriptionStatus) (*v1alpha1ac.SubscriptionApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.SubscriptionStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.Subscription(sub.Name, sub.Namespace).WithStatus(ac), nil
}
