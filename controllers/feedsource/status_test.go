package feedsource

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

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// working is a feed with which everything is in order.
func working() *observed {
	ok := status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}
	return &observed{
		feed: &v1alpha1.FeedSource{
			ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "phish", Generation: 3},
			Spec: v1alpha1.FeedSourceSpec{
				Schedule:  v1alpha1.ScheduleSpec{Interval: "1h"},
				ParserRef: v1alpha1.LocalReference{Name: "list"}, ExchangeRef: v1alpha1.ExchangeReference{Name: "main"},
			},
		},
		deployment: &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Name: "phish-collector", Generation: 1}, Spec: appsv1.DeploymentSpec{Replicas: ptr.To[int32](1)},
			Status: appsv1.DeploymentStatus{ObservedGeneration: 1, Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1},
		},
		collector: &status.Collector{Result: ok, Attempts: 5, LastSuccess: now.Add(-10 * time.Minute), Next: now.Add(50 * time.Minute)},
		monitor:   &status.Monitor{Result: ok},
	}
}

func TestStatusOfAFeedSource(t *testing.T) {
	broken := func(reason, message string) status.Result { return status.Result{Reason: reason, Message: message} }
	for name, tc := range map[string]struct {
		change  func(*observed)
		ready   metav1.ConditionStatus
		reason  string
		message string // part of it
		stalled bool
		// also are conditions beside Ready: type=status/reason.
		also []string
	}{
		"everything works": {change: func(*observed) {}, ready: "True", reason: v1alpha1.ReasonSucceeded, also: []string{"Fresh=True/Fresh", "FormatStable=True/Succeeded"}},
		"there is no exchange": {
			change: func(o *observed) {
				o.accepted = failure.Waiting(v1alpha1.ReasonReferenceMissing, `there is no Exchange "main"`)
			},
			ready: "False", reason: v1alpha1.ReasonReferenceMissing, message: "no Exchange", also: []string{"Accepted=False/ReferenceMissing"},
		},
		"the exchange does not allow the namespace": {
			change: func(o *observed) { o.accepted = failure.Waiting(v1alpha1.ReasonNamespaceForbidden, "does not allow") },
			ready:  "False", reason: v1alpha1.ReasonNamespaceForbidden,
		},
		"another feed has the source": {
			change: func(o *observed) { o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "is already the source") },
			ready:  "False", reason: v1alpha1.ReasonConflict,
		},
		"the schedule is wrong": {
			change: func(o *observed) {
				o.accepted = failure.Stalled(v1alpha1.ReasonInvalidSpec, "spec.schedule.cron: five fields")
			},
			ready: "False", reason: v1alpha1.ReasonInvalidSpec, stalled: true,
		},
		"refused, and suspended": {
			change: func(o *observed) {
				o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "x")
				o.feed.Spec.Suspend = true
			},
			ready: "False", reason: v1alpha1.ReasonConflict,
		},
		"the bus is away": {
			change: func(o *observed) {
				o.configured = failure.Waiting(v1alpha1.ReasonBusUnavailable, "the bus does not answer")
			},
			ready: "False", reason: v1alpha1.ReasonBusUnavailable, also: []string{"Configured=False/BusUnavailable", "Fetched=True/Succeeded"},
		},
		"an object of somebody else is in the way": {
			change: func(o *observed) {
				o.workload = &failure.Error{Policy: failure.Retry, Reason: v1alpha1.ReasonNotOwned, Err: errors.New("an object of this name exists")}
			},
			ready: "False", reason: v1alpha1.ReasonNotOwned, also: []string{"Available=False/NotOwned"},
		},
		"the API server refuses": {
			change: func(o *observed) { o.workload = errors.New("deployments is forbidden") },
			ready:  "False", reason: v1alpha1.ReasonProgressing, message: "forbidden",
		},
		"the pod is being made": {
			change: func(o *observed) { o.deployment = nil },
			ready:  "False", reason: v1alpha1.ReasonProgressing, also: []string{"Available=Unknown/Progressing"},
		},
		"the pod rolls out": {
			change: func(o *observed) { o.deployment.Generation = 2 },
			ready:  "False", reason: v1alpha1.ReasonProgressing, message: "rolling out",
		},
		"the pod is not ready": {
			change: func(o *observed) { o.deployment.Status.AvailableReplicas = 0 },
			ready:  "False", reason: v1alpha1.ReasonPodsNotReady, message: "kubectl describe pods",
		},
		"the quota is used up": {
			change: func(o *observed) {
				o.deployment.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentReplicaFailure, Status: "True", Message: "exceeded quota"}}
			},
			ready: "False", reason: v1alpha1.ReasonPodsNotReady, message: "exceeded quota",
		},
		"suspended": {
			change: func(o *observed) { o.feed.Spec.Suspend, o.deployment.Spec.Replicas = true, ptr.To[int32](0) },
			ready:  "True", reason: v1alpha1.ReasonSuspended, also: []string{"Available=False/ScaledToZero"},
		},
		"nothing was collected yet": {
			change: func(o *observed) { o.collector, o.monitor = nil, nil },
			ready:  "False", reason: v1alpha1.ReasonWaiting, also: []string{"Fetched=Unknown/Waiting", "FormatStable=Unknown/Waiting"},
		},
		"no payload came yet, which is no fault": {
			change: func(o *observed) { o.monitor = nil },
			ready:  "True", reason: v1alpha1.ReasonSucceeded, also: []string{"FormatStable=Unknown/Waiting"},
		},
		"the publisher refuses": {
			change: func(o *observed) {
				o.collector.Result = broken(v1alpha1.ReasonUnauthorized, "401: check spec.http.auth")
			},
			ready: "False", reason: v1alpha1.ReasonUnauthorized, message: "spec.http.auth",
		},
		"the Secret is missing": {
			change: func(o *observed) { o.collector.Result = broken(v1alpha1.ReasonSecretNotFound, "Secret key") },
			ready:  "False", reason: v1alpha1.ReasonSecretNotFound,
		},
		"the collector gives no reason": {
			change: func(o *observed) { o.collector.Result = broken("", "something") },
			ready:  "False", reason: v1alpha1.ReasonProgressing,
		},
		"a collection is overdue": {
			change: func(o *observed) { o.collector.Next = now.Add(-time.Hour) },
			ready:  "False", reason: v1alpha1.ReasonStale, message: "2026-03-01T11:00:00Z",
		},
		"late, within grace": {change: func(o *observed) { o.collector.Next = now.Add(-5 * time.Minute) }, ready: "True", reason: v1alpha1.ReasonSucceeded},
		"overdue, but suspended": {
			change: func(o *observed) { o.collector.Next, o.feed.Spec.Suspend = now.Add(-time.Hour), true },
			ready:  "True", reason: v1alpha1.ReasonSuspended,
		},
		"the format changed": {
			change: func(o *observed) {
				o.monitor.Held = 4
				o.monitor.Incident = &status.Incident{ID: "a1", Summary: "column url was renamed"}
			},
			ready: "False", reason: v1alpha1.ReasonFormatChanged, message: "column url was renamed", also: []string{"FormatStable=False/FormatChanged"},
		},
		"the monitor cannot parse": {
			change: func(o *observed) { o.monitor.Result = broken(v1alpha1.ReasonInvalidSpec, "no such field") },
			ready:  "False", reason: v1alpha1.ReasonInvalidSpec, message: "no such field",
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := working()
			tc.change(o)
			st := computeStatus(o, now)
			if err := conditiontest.Contract(st.Conditions, 3); err != nil {
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

			// The next pass sees what this one wrote, later: it has nothing to write.
			o.feed.Status = st
			if again := computeStatus(o, now.Add(30*time.Second)); !scope.Same(st, again) {
				t.Errorf("the same, seen again, differs:\n%+v\n%+v", st, again)
			}
		})
	}
}

func TestWhatAFeedSourceShowsBesideConditions(t *testing.T) {
	o := working()
	o.handled = "today"
	o.monitor.Held = 7
	st := computeStatus(o, now)
	if st.ObservedGeneration != 3 || st.LastHandledReconcileAt != "today" || st.Held != 7 || !st.LastCollected.Time.Equal(now.Add(-10*time.Minute)) {
		t.Errorf("%+v", st)
	}
	if len(st.Bindings) != 2 || !st.Bindings[0].Accepted || st.Bindings[0].Name != "main" || st.Bindings[1].Name != "list" {
		t.Errorf("bindings %+v", st.Bindings)
	}
	// When nobody can be heard, what was known stays.
	o.feed.Status = st
	o.collector, o.monitor = nil, nil
	if again := computeStatus(o, now); again.Held != 7 || !again.LastCollected.Equal(st.LastCollected) {
		t.Errorf("%+v", again)
	}
	o.accepted = failure.Waiting(v1alpha1.ReasonConflict, "taken")
	if b := computeStatus(o, now).Bindings[0]; b.Accepted || b.Reason != v1alpha1.ReasonConflict || b.Message != "taken" {
		t.Errorf("%+v", b)
	}
}

func TestTheTimeOfTheLastCollectionIsCoarse(t *testing.T) {
	o := working()
	o.feed.Status = computeStatus(o, now)
	shown := o.feed.Status.LastCollected.Time
	for after, want := range map[time.Duration]time.Time{
		time.Minute:                  shown,
		time.Minute + 59*time.Second: shown,
		6 * time.Minute:              shown.Add(6 * time.Minute),
	} {
		o.collector.LastSuccess = shown.Add(after)
		if got := computeStatus(o, now).LastCollected.Time; !got.Equal(want) {
			t.Errorf("a collection %s later is shown as %s, wanted %s", after, got, want)
		}
	}
	// Something else changes: then the time may as well.
	o.collector.LastSuccess = shown.Add(time.Minute)
	o.monitor.Held = 1
	if got := computeStatus(o, now).LastCollected.Time; !got.Equal(shown.Add(time.Minute)) {
		t.Errorf("%s", got)
	}
}
