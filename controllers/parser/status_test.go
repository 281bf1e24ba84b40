package parser

import (
	"errors"
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/conditiontest"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func feed(name string) *v1alpha1.FeedSource {
	return &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: name}}
}

func working() *observed {
	one := feed("one")
	return &observed{
		parser: &v1alpha1.Parser{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "list", Generation: 2}, Spec: v1alpha1.ParserSpec{
			Examples: []v1alpha1.Example{{Name: "plain"}},
		}},
		feeds: []*v1alpha1.FeedSource{one}, accepted: []*v1alpha1.FeedSource{one}, problems: map[string][]plan.Problem{},
		exchange: &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "main"}},
		deployment: &appsv1.Deployment{Status: appsv1.DeploymentStatus{
			Replicas: 1, UpdatedReplicas: 1, ReadyReplicas: 1, AvailableReplicas: 1,
		}},
		examples: &status.Parser{Result: status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}, Examples: 1},
	}
}

func TestStatusOfAParser(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*observed)
		ready  metav1.ConditionStatus
		reason string
		also   []string
	}{
		"everything works": {func(*observed) {}, "True", v1alpha1.ReasonSucceeded, []string{"ExamplesPassed=True/Succeeded"}},
		"nobody uses it": {func(o *observed) {
			o.feeds, o.accepted, o.exchange, o.deployment, o.examples = nil, nil, nil, nil, nil
		}, "True", v1alpha1.ReasonSucceeded, nil},
		"nobody uses it, and it cannot be cleaned up": {func(o *observed) {
			o.feeds, o.accepted, o.exchange, o.workload = nil, nil, nil, errors.New("forbidden")
		}, "False", v1alpha1.ReasonProgressing, []string{"Available=False/Progressing"}},
		"no examples":              {func(o *observed) { o.parser.Spec.Examples, o.examples = nil, nil }, "True", v1alpha1.ReasonSucceeded, []string{"ExamplesPassed=True/Succeeded"}},
		"examples did not run yet": {func(o *observed) { o.examples = nil }, "False", v1alpha1.ReasonWaiting, []string{"ExamplesPassed=Unknown/Waiting"}},
		"an example fails": {func(o *observed) {
			o.examples.Result = status.Result{Reason: v1alpha1.ReasonExampleMismatch, Message: `example "plain": event 1: ip is missing`}
		}, "False", v1alpha1.ReasonExampleMismatch, []string{"ExamplesPassed=False/ExampleMismatch"}},
		"it cannot be compiled": {func(o *observed) {
			o.examples.Result = status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: "bad CEL"}
		},
			"False", v1alpha1.ReasonInvalidSpec, nil},
		"the bus is away": {func(o *observed) { o.configured = failure.Waiting(v1alpha1.ReasonBusUnavailable, "away") },
			"False", v1alpha1.ReasonBusUnavailable, []string{"ExamplesPassed=True/Succeeded"}},
		"no monitor yet":    {func(o *observed) { o.deployment = nil }, "False", v1alpha1.ReasonProgressing, nil},
		"monitor not ready": {func(o *observed) { o.deployment.Status.AvailableReplicas = 0 }, "False", v1alpha1.ReasonPodsNotReady, nil},
		"an object of somebody else": {func(o *observed) { o.workload = &failure.Error{Reason: v1alpha1.ReasonNotOwned, Err: errors.New("x")} },
			"False", v1alpha1.ReasonNotOwned, nil},
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
			o.parser.Status = st
			if again := computeStatus(o, now.Add(time.Hour)); !scope.Same(st, again) {
				t.Errorf("the same, seen again, differs:\n%+v\n%+v", st, again)
			}
		})
	}
}

func TestBindingsOfAParser(t *testing.T) {
	o := working()
	o.feeds = nil
	for i := range 120 {
		o.feeds = append(o.feeds, feed(fmt.Sprintf("f%03d", 119-i)))
	}
	o.problems["f001"] = []plan.Problem{{Reason: v1alpha1.ReasonConflict, Field: "spec.channel", Message: "taken"}}
	st := computeStatus(o, now)
	if st.Sources != 120 || len(st.Bindings) != v1alpha1.MaxBindings {
		t.Fatalf("%d sources, %d bindings", st.Sources, len(st.Bindings))
	}
	if b := st.Bindings[0]; b.Name != "f000" || !b.Accepted || b.Kind != "FeedSource" || b.Namespace != "feeds" {
		t.Errorf("%+v", b)
	}
	if b := st.Bindings[1]; b.Accepted || b.Reason != v1alpha1.ReasonConflict || b.Message != "spec.channel: taken" {
		t.Errorf("%+v", b)
	}
}
