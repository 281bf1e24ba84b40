package scope

import (
	"encoding/json"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/pipeline/status"
)

// Configuration turns a status into the apply configuration of it, which has the
// same fields.
func Configuration[A any](st any) (*A, error) {
	data, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	ac := new(A)
	if err := json.Unmarshal(data, ac); err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return ac, nil
}

// Reported reads what a component told about itself. A value that cannot be read
// is as good as none: a newer version may have written it.
func Reported[T any](link *buslink.Link, key string) *T {
	data, ok := link.Status(key)
	if !ok {
		return nil
	}
	v := new(T)
	if json.Unmarshal(data, v) != nil {
		return nil
	}
	return v
}

// Result makes a condition of what a component reported. A component that works
// may give changing reasons (new, unchanged); the condition has one.
func Result(kind string, r *status.Result, waiting string) metav1.Condition {
	switch {
	case r == nil:
		return condition.Unknown(kind, v1alpha1.ReasonWaiting, waiting)
	case r.OK:
		return condition.True(kind, v1alpha1.ReasonSucceeded, "")
	}
	reason := r.Reason
	if reason == "" {
		reason = v1alpha1.ReasonProgressing
	}
	return condition.False(kind, reason, r.Message)
}

// Available is the condition of a Deployment; nil is one that is not there yet.
func Available(d *appsv1.Deployment) metav1.Condition {
	const kind = v1alpha1.ConditionAvailable
	if d == nil {
		return condition.Unknown(kind, v1alpha1.ReasonProgressing, "the Deployment is being made")
	}
	want := int32(1)
	if d.Spec.Replicas != nil {
		want = *d.Spec.Replicas
	}
	if want == 0 {
		return condition.False(kind, v1alpha1.ReasonScaledToZero, fmt.Sprintf("Deployment %s has no replicas", d.Name))
	}
	if d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < want {
		return condition.False(kind, v1alpha1.ReasonProgressing, fmt.Sprintf("Deployment %s is rolling out", d.Name))
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return condition.False(kind, v1alpha1.ReasonPodsNotReady, c.Message)
		}
	}
	if d.Status.AvailableReplicas < want {
		return condition.False(kind, v1alpha1.ReasonPodsNotReady, fmt.Sprintf(
			"%d of %d pods are ready; see: kubectl describe pods -n %s -l app.kubernetes.io/instance=%s,app.kubernetes.io/component=%s",
			d.Status.AvailableReplicas, want, d.Namespace, d.Labels["app.kubernetes.io/instance"], d.Labels["app.kubernetes.io/component"]))
	}
	return condition.True(kind, v1alpha1.ReasonSucceeded, "")
}

// AvailableSet is the condition of a StatefulSet; nil is one that is not there yet.
func AvailableSet(s *appsv1.StatefulSet) metav1.Condition {
	const kind = v1alpha1.ConditionAvailable
	if s == nil {
		return condition.Unknown(kind, v1alpha1.ReasonProgressing, "the StatefulSet is being made")
	}
	want := int32(1)
	if s.Spec.Replicas != nil {
		want = *s.Spec.Replicas
	}
	switch {
	case s.Status.ReadyReplicas < want:
		return condition.False(kind, v1alpha1.ReasonPodsNotReady, fmt.Sprintf(
			"%d of %d hubs are ready; see: kubectl describe pods -n %s -l app.kubernetes.io/instance=%s,app.kubernetes.io/component=hub",
			s.Status.ReadyReplicas, want, s.Namespace, s.Labels["app.kubernetes.io/instance"]))
	case !RolledOut(s):
		return condition.False(kind, v1alpha1.ReasonProgressing, fmt.Sprintf("StatefulSet %s is rolling out", s.Name))
	}
	return condition.True(kind, v1alpha1.ReasonSucceeded, "")
}

// RolledOut reports whether every pod of a StatefulSet is of its newest template.
func RolledOut(s *appsv1.StatefulSet) bool {
	return s.Status.ObservedGeneration >= s.Generation && s.Status.CurrentRevision == s.Status.UpdateRevision &&
		(s.Spec.Replicas == nil || s.Status.Replicas == *s.Spec.Replicas)
}

// timesEvery is how often a time that a component reports is written when nothing
// else changed: ten thousand feeds are collected all the time.
const timesEvery = 2 * time.Minute

// Coarse is the time to show, given the one that is shown.
func Coarse(shown *metav1.Time, now time.Time) *metav1.Time {
	if now.IsZero() {
		return shown
	}
	next := metav1.NewTime(now.Truncate(time.Second).UTC())
	if shown != nil && next.Sub(shown.Time) < timesEvery && !next.Before(shown) {
		return shown
	}
	return &next
}
