package exchange

import (
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/status"
)

// computeStatus is a pure function of what was observed.
func computeStatus(o *observed, now time.Time) v1alpha1.ExchangeStatus {
	e := o.exchange
	st := v1alpha1.ExchangeStatus{
		ObjectStatus: v1alpha1.ObjectStatus{
			ObservedGeneration: e.Generation, LastHandledReconcileAt: e.Annotations[v1alpha1.AnnotationRequestedAt],
		},
		Sources:       int32(len(o.feeds)),
		Subscriptions: int32(len(o.subscriptions)),
	}
	summary := condition.Summary{
		Err:   errors.Join(o.accepted, o.workload, o.bus, o.configured),
		Parts: []metav1.Condition{condition.Of(v1alpha1.ConditionAccepted, o.accepted, "")},
	}
	if o.accepted == nil {
		available := scope.AvailableSet(o.hub)
		if o.workload != nil {
			available = condition.Of(v1alpha1.ConditionAvailable, o.workload, "")
		}
		summary.Parts = append(summary.Parts, available,
			condition.Of(v1alpha1.ConditionBusReady, o.bus, ""),
			condition.Of(v1alpha1.ConditionConfigured, o.configured, ""),
			recording(o.reports))
	}
	st.Conditions = condition.Merge(e.Status.Conditions, summary.All(), e.Generation, now)
	return st
}

// recording is true when every replica of the hub says so.
func recording(reports []*status.Hub) metav1.Condition {
	const kind = v1alpha1.ConditionRecording
	if len(reports) == 0 {
		return scope.Result(kind, nil, "the hub has not reported yet")
	}
	for _, h := range reports {
		if h == nil {
			return scope.Result(kind, nil, "the hub has not reported yet")
		}
		if c := scope.Result(kind, &h.Result, ""); c.Status != metav1.ConditionTrue {
			return c
		}
	}
	return condition.True(kind, v1alpha1.ReasonSucceeded, "")
}

func applyConfiguration(e *v1alpha1.Exchange, st v1alpha1.ExchangeStatus) (*v1alpha1ac.ExchangeApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.ExchangeStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.Exchange(e.Name, e.Namespace).WithStatus(ac), nil
}
