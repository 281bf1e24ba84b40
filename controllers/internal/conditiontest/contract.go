// Package conditiontest checks conditions in tests.
package conditiontest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Contract says what in the conditions of an object breaks the contract that tools
// which wait for it rely on (kstatus): Ready is always there, Reconciling and Stalled
// only while they are true, not both, and neither beside a Ready that is true. It
// also holds Weir's own rules: each has a reason, and one line of at most 1 KiB.
func Contract(conditions []metav1.Condition, generation int64) error {
	is := func(kind string) bool { return meta.IsStatusConditionTrue(conditions, kind) }
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return fmt.Errorf("there is no Ready in %+v", conditions)
	case ready.Status == metav1.ConditionTrue && (is(v1alpha1.ConditionReconciling) || is(v1alpha1.ConditionStalled)):
		return fmt.Errorf("ready and at work at once: %+v", conditions)
	case ready.Status != metav1.ConditionTrue && is(v1alpha1.ConditionReconciling) == is(v1alpha1.ConditionStalled):
		return fmt.Errorf("not ready, and not either reconciling or stalled: %+v", conditions)
	case !slices.IsSortedFunc(conditions, func(x, y metav1.Condition) int { return strings.Compare(x.Type, y.Type) }):
		return fmt.Errorf("not sorted by type: %+v", conditions)
	}
	for _, c := range conditions {
		if err := one(c, generation); err != nil {
			return err
		}
	}
	return nil
}

func one(c metav1.Condition, generation int64) error {
	switch {
	case (c.Type == v1alpha1.ConditionReconciling || c.Type == v1alpha1.ConditionStalled) && c.Status != metav1.ConditionTrue:
		return fmt.Errorf("%s stands although it is not true: %+v", c.Type, c)
	case c.Reason == "" || c.LastTransitionTime.IsZero() || c.ObservedGeneration != generation:
		return fmt.Errorf("no reason, time or generation %d: %+v", generation, c)
	case len(c.Message) > 1024 || strings.ContainsAny(c.Message, "\n\t\x00"):
		return fmt.Errorf("the message is not one short line: %+v", c)
	}
	return nil
}

// Has checks conditions that are written Type=Status/Reason.
func Has(t testing.TB, conditions []metav1.Condition, want ...string) {
	t.Helper()
	for _, w := range want {
		if !slices.ContainsFunc(conditions, func(c metav1.Condition) bool {
			return fmt.Sprintf("%s=%s/%s", c.Type, c.Status, c.Reason) == w
		}) {
			t.Errorf("no condition %s in %+v", w, conditions)
		}
	}
}
