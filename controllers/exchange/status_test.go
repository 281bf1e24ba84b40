package exchange

import (
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/conditiontest"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/status"
)

func working() *observed {
	return &observed{
		exchange: &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "main", Generation: 2}},
		feeds:    make([]*v1alpha1.FeedSource, 3), subscriptions: make([]*v1alpha1.Subscription, 2),
		hub: &appsv1.StatefulSet{
			ObjectMeta: metav1.ObjectMeta{Name: "main-hub", Generation: 1}, Spec: appsv1.StatefulSetSpec{Replicas: ptr.To[int32](2)},
			Status: appsv1.StatefulSetStatus{ObservedGeneration: 1, Replicas: 2, ReadyReplicas: 2, CurrentRevision: "a", UpdateRevision: "a"},
		},
		reports: []*status.Hub{{Result: status.Result{OK: true}}, {Result: status.Result{OK: true}, Events: 5}},
	}
}

func TestStatusOfAnExchange(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		change  func(*observed)
		ready   metav1.ConditionStatus
		reason  string
		message string
		stalled bool
		also    []string
	}{
		"everything works": {change: func(*observed) {}, ready: "True", reason: v1alpha1.ReasonSucceeded, also: []string{"BusReady=True/Succeeded", "Recording=True/Succeeded"}},
		"the namespace has another": {
			change: func(o *observed) { o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "already has the Exchange") },
			ready:  "False", reason: v1alpha1.ReasonConflict,
		},
		"the selector is wrong": {
			change: func(o *observed) { o.accepted = failure.Stalled(v1alpha1.ReasonInvalidSpec, "selector") },
			ready:  "False", reason: v1alpha1.ReasonInvalidSpec, stalled: true,
		},
		"keys of the bus are somebody else's": {
			change: func(o *observed) {
				o.workload = &failure.Error{Reason: v1alpha1.ReasonNotOwned, Err: errors.New("Secret main-bus-keys was not made for this Exchange")}
				o.bus = failure.Waiting(v1alpha1.ReasonProgressing, "the bus has no keys yet")
			},
			ready: "False", reason: v1alpha1.ReasonNotOwned, also: []string{"BusReady=False/Progressing"},
		},
		"no hub yet":    {change: func(o *observed) { o.hub = nil }, ready: "False", reason: v1alpha1.ReasonProgressing},
		"hub not ready": {change: func(o *observed) { o.hub.Status.ReadyReplicas = 1 }, ready: "False", reason: v1alpha1.ReasonPodsNotReady, message: "1 of 2"},
		"hub rolls out": {change: func(o *observed) { o.hub.Status.UpdateRevision = "b" }, ready: "False", reason: v1alpha1.ReasonProgressing, message: "rolling out"},
		"the bus is away": {
			change: func(o *observed) {
				o.bus = failure.Waiting(v1alpha1.ReasonBusUnavailable, "does not answer")
				o.configured = o.bus
			},
			ready: "False", reason: v1alpha1.ReasonBusUnavailable, also: []string{"BusReady=False/BusUnavailable", "Configured=False/BusUnavailable", "Recording=True/Succeeded"},
		},
		"nothing reported":         {change: func(o *observed) { o.reports = nil }, ready: "False", reason: v1alpha1.ReasonWaiting, also: []string{"Recording=Unknown/Waiting"}},
		"one hub has not reported": {change: func(o *observed) { o.reports[1] = nil }, ready: "False", reason: v1alpha1.ReasonWaiting},
		"one hub cannot record": {
			change: func(o *observed) { o.reports[1].Result = status.Result{Reason: "DiskFull", Message: "no space left"} },
			ready:  "False", reason: "DiskFull", message: "no space left",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := working()
			tc.change(o)
			st := computeStatus(o, now)
			if err := conditiontest.Contract(st.Conditions, 2); err != nil {
				t.Error(err)
			}
			ready := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady)
			if ready.Status != tc.ready || ready.Reason != tc.reason || !strings.Contains(ready.Message, tc.message) {
				t.Errorf("Ready is %+v", ready)
			}
			if meta.IsStatusConditionTrue(st.Conditions, v1alpha1.ConditionStalled) != tc.stalled {
				t.Errorf("stalled: %+v", st.Conditions)
			}
			conditiontest.Has(t, st.Conditions, tc.also...)
			if st.Sources != 3 || st.Subscriptions != 2 {
				t.Errorf("%+v", st)
			}
			o.exchange.Status = st
			if again := computeStatus(o, now.Add(time.Hour)); !scope.Same(st, again) {
				t.Errorf("the same, seen again, differs:\n%+v\n%+v", st, again)
			}
		})
	}
}
