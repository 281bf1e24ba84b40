package subscription

import (
	"errors"
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
		sub: &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "bank", Generation: 2}, Spec: v1alpha1.SubscriptionSpec{
			ExchangeRef: v1alpha1.ExchangeReference{Name: "main"},
		}},
		exchange: &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "main"}},
		deployment: &appsv1.Deployment{
			Spec:   appsv1.DeploymentSpec{Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}},
			Status: appsv1.DeploymentStatus{Replicas: 2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2},
		},
		exporter: &status.Exporter{Result: status.Result{OK: true}, Requests: 5},
	}
}

func TestStatusOfASubscription(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		change func(*observed)
		ready  metav1.ConditionStatus
		reason string
		also   []string
	}{
		"everything works": {func(*observed) {}, "True", v1alpha1.ReasonSucceeded, []string{"Delivering=True/Succeeded"}},
		"counters change":  {func(o *observed) { o.exporter.Requests = 9 }, "True", v1alpha1.ReasonSucceeded, nil},
		"another has the organisation": {func(o *observed) { o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "x") },
			"False", v1alpha1.ReasonConflict, []string{"Accepted=False/Conflict"}},
		"the namespace is not allowed": {func(o *observed) { o.accepted = failure.Waiting(v1alpha1.ReasonNamespaceForbidden, "x") },
			"False", v1alpha1.ReasonNamespaceForbidden, nil},
		"the cluster has no Gateway API": {func(o *observed) { o.workload = failure.Waiting(v1alpha1.ReasonMissingAPI, "x") },
			"False", v1alpha1.ReasonMissingAPI, []string{"Available=False/MissingAPI"}},
		"an object of somebody else": {func(o *observed) { o.workload = &failure.Error{Reason: v1alpha1.ReasonNotOwned, Err: errors.New("x")} },
			"False", v1alpha1.ReasonNotOwned, nil},
		"the bus is away": {func(o *observed) { o.configured = failure.Waiting(v1alpha1.ReasonBusUnavailable, "x") },
			"False", v1alpha1.ReasonBusUnavailable, []string{"Delivering=True/Succeeded"}},
		"nothing reported": {func(o *observed) { o.exporter = nil }, "False", v1alpha1.ReasonWaiting, []string{"Delivering=Unknown/Waiting"}},
		"the key is missing": {func(o *observed) {
			o.exporter.Result = status.Result{Reason: v1alpha1.ReasonSecretNotFound, Message: "x"}
		},
			"False", v1alpha1.ReasonSecretNotFound, nil},
		"one pod of two": {func(o *observed) { o.deployment.Status.AvailableReplicas = 1 }, "False", v1alpha1.ReasonPodsNotReady, nil},
		"scaled to zero": {func(o *observed) { o.deployment.Spec.Replicas = ptr.To[int32](0) }, "False", v1alpha1.ReasonScaledToZero, nil},
		"suspended": {func(o *observed) {
			o.sub.Spec.Suspend, o.exporter, o.deployment.Spec.Replicas = true, nil, ptr.To[int32](0)
		},
			"True", v1alpha1.ReasonSuspended, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := working()
			tc.change(o)
			st := computeStatus(o, now)
			if err := conditiontest.Contract(st.Conditions, 2); err != nil {
				t.Error(err)
			}
			if ready := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady); ready.Status != tc.ready || ready.Reason != tc.reason {
				t.Errorf("Ready is %+v", ready)
			}
			conditiontest.Has(t, st.Conditions, tc.also...)
			o.sub.Status = st
			if again := computeStatus(o, now.Add(time.Hour)); !scope.Same(st, again) {
				t.Errorf("the same, seen again, differs:\n%+v\n%+v", st, again)
			}
		})
	}
}

func TestWhatTheScaleOfASubscriptionShows(t *testing.T) {
	o := working()
	st := computeStatus(o, time.Now())
	if st.Replicas != 2 || st.Selector != "a=b" || st.URL != "http://bank-exporter.feeds.svc/s/feeds.bank" {
		t.Errorf("%+v", st)
	}
	o.shared = true // the pods are the exchange's
	if st := computeStatus(o, time.Now()); st.Replicas != 0 || st.Selector != "" {
		t.Errorf("%+v", st)
	}
	o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "taken")
	st = computeStatus(o, time.Now())
	if st.URL != "" || st.Bindings[0].Accepted || st.Bindings[0].Message != "taken" {
		t.Errorf("%+v", st)
	}
}
