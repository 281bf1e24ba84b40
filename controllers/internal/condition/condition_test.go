package condition_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/conditiontest"
	"github.com/weir-project/weir/controllers/internal/failure"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestTheSummaryKeepsTheContractOfKstatus(t *testing.T) {
	yes := func(kind string) metav1.Condition { return condition.True(kind, v1alpha1.ReasonSucceeded, "") }
	no := func(kind, reason string) metav1.Condition { return condition.False(kind, reason, "because "+reason) }
	for name, tc := range map[string]struct {
		summary            condition.Summary
		ready              metav1.ConditionStatus
		reason, message    string
		stalled, reconcile bool
	}{
		"all parts true": {
			summary: condition.Summary{Parts: []metav1.Condition{yes("A"), yes("B")}, Message: "fine"},
			ready:   metav1.ConditionTrue, reason: v1alpha1.ReasonSucceeded, message: "fine",
		},
		"the first that is not true explains": {
			summary: condition.Summary{Parts: []metav1.Condition{yes("A"), no("B", "Second"), no("C", "Third")}},
			ready:   metav1.ConditionFalse, reason: "Second", message: "because Second", reconcile: true,
		},
		"unknown is not ready": {
			summary: condition.Summary{Parts: []metav1.Condition{condition.Unknown("A", v1alpha1.ReasonWaiting, "not yet")}},
			ready:   metav1.ConditionFalse, reason: v1alpha1.ReasonWaiting, message: "not yet", reconcile: true,
		},
		"a failure that only an edit ends stalls": {
			summary: condition.Summary{Parts: []metav1.Condition{no("A", v1alpha1.ReasonInvalidSpec)}, Err: failure.Stalled(v1alpha1.ReasonInvalidSpec, "x")},
			ready:   metav1.ConditionFalse, reason: v1alpha1.ReasonInvalidSpec, message: "because InvalidSpec", stalled: true,
		},
		"a failure that may pass reconciles": {
			summary: condition.Summary{Parts: []metav1.Condition{no("A", "Boom")}, Err: errors.New("x")},
			ready:   metav1.ConditionFalse, reason: "Boom", message: "because Boom", reconcile: true,
		},
		"suspended is as wanted": {
			summary: condition.Summary{Parts: []metav1.Condition{no("A", v1alpha1.ReasonScaledToZero)}, Suspended: true},
			ready:   metav1.ConditionTrue, reason: v1alpha1.ReasonSuspended, message: "spec.suspend is true",
		},
		"what Ready does not depend on": {
			summary: condition.Summary{Parts: []metav1.Condition{yes("B")}, Also: []metav1.Condition{no("A", "Other")}},
			ready:   metav1.ConditionTrue, reason: v1alpha1.ReasonSucceeded,
		},
	} {
		t.Run(name, func(t *testing.T) {
			all := condition.Merge(nil, tc.summary.All(), 7, now)
			if err := conditiontest.Contract(all, 7); err != nil {
				t.Error(err)
			}
			ready := meta.FindStatusCondition(all, v1alpha1.ConditionReady)
			if ready.Status != tc.ready || ready.Reason != tc.reason || ready.Message != tc.message {
				t.Errorf("Ready is %+v", ready)
			}
			if got := meta.IsStatusConditionTrue(all, v1alpha1.ConditionStalled); got != tc.stalled {
				t.Errorf("Stalled is %t: %+v", got, all)
			}
			if got := meta.IsStatusConditionTrue(all, v1alpha1.ConditionReconciling); got != tc.reconcile {
				t.Errorf("Reconciling is %t: %+v", got, all)
			}
		})
	}
}

func TestTransitionTimesChangeWithTheStatusOnly(t *testing.T) {
	old := condition.Merge(nil, []metav1.Condition{condition.True("A", "One", ""), condition.False("B", "One", ""), condition.True("Gone", "One", "")}, 1, now)
	later := now.Add(time.Hour + 123*time.Millisecond)
	merged := condition.Merge(old, []metav1.Condition{condition.True("A", "Two", "other"), condition.True("B", "One", ""), condition.True("C", "One", "")}, 2, later)
	want := map[string]time.Time{"A": now, "B": now.Add(time.Hour), "C": now.Add(time.Hour)}
	if len(merged) != len(want) {
		t.Fatalf("%+v", merged)
	}
	for _, c := range merged {
		if !c.LastTransitionTime.Time.Equal(want[c.Type]) || c.ObservedGeneration != 2 {
			t.Errorf("%+v, wanted the time %s", c, want[c.Type])
		}
	}
	again := condition.Merge(merged, []metav1.Condition{condition.True("A", "Two", "other"), condition.True("B", "One", ""), condition.True("C", "One", "")}, 2, later.Add(time.Hour))
	if !slices.Equal(merged, again) {
		t.Errorf("a second merge of the same differs:\n%+v\n%+v", merged, again)
	}
}

func TestAnErrorBecomesAConditionWithItsReason(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		status metav1.ConditionStatus
		reason string
	}{
		"none":                {nil, metav1.ConditionTrue, v1alpha1.ReasonSucceeded},
		"with a reason":       {failure.Waiting(v1alpha1.ReasonReferenceMissing, "no Parser"), metav1.ConditionFalse, v1alpha1.ReasonReferenceMissing},
		"without":             {errors.New("connection refused"), metav1.ConditionFalse, v1alpha1.ReasonProgressing},
		"joined: first known": {errors.Join(errors.New("x"), failure.Waiting("Known", "y")), metav1.ConditionFalse, "Known"},
	} {
		t.Run(name, func(t *testing.T) {
			c := condition.Of("A", tc.err, "")
			if c.Status != tc.status || c.Reason != tc.reason {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestMessagesAreOneShortLine(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"plain":               {"as it is", "as it is"},
		"lines":               {"one\ntwo", "one; two"},
		"control characters":  {"a\tb\x00c\x7f", "a b c "},
		"not UTF-8":           {"a\xffb", "a\uFFFDb"},
		"long":                {strings.Repeat("x", 2000), strings.Repeat("x", 1021) + "..."},
		"long, cut in a rune": {strings.Repeat("ż", 1000), strings.Repeat("ż", 510) + "..."},
	} {
		t.Run(name, func(t *testing.T) {
			got := condition.Clean(tc.in)
			if got != tc.want {
				t.Errorf("%q", got)
			}
			if len(got) > 1024 || !utf8.ValidString(got) {
				t.Errorf("%d bytes, valid: %t", len(got), utf8.ValidString(got))
			}
		})
	}
}
