// Package condition makes conditions out of what was observed. It follows kstatus:
// Ready sums up, Reconciling and Stalled stand only while they are true.
package condition

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/failure"
)

// maxMessage is where messages are cut: what components report may contain text
// of a feed.
const maxMessage = 1024

// True makes a condition that holds.
func True(kind, reason, message string) metav1.Condition {
	return make3(kind, metav1.ConditionTrue, reason, message)
}

// False makes a condition that does not hold.
func False(kind, reason, message string) metav1.Condition {
	return make3(kind, metav1.ConditionFalse, reason, message)
}

// Unknown makes a condition that is not known yet.
func Unknown(kind, reason, message string) metav1.Condition {
	return make3(kind, metav1.ConditionUnknown, reason, message)
}

func make3(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: Clean(message)}
}

// Of is true when err is nil, otherwise false with the error's reason.
func Of(kind string, err error, message string) metav1.Condition {
	if err == nil {
		return True(kind, v1alpha1.ReasonSucceeded, message)
	}
	return False(kind, failure.Reason(err, v1alpha1.ReasonProgressing), err.Error())
}

// Clean makes one line of at most 1 KiB without control characters.
func Clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\n", "; ")
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if len(s) > maxMessage {
		s = strings.ToValidUTF8(s[:maxMessage-3], "") + "..."
	}
	return s
}

// Summary of the conditions that make an object ready.
type Summary struct {
	// Parts in order of weight: the first that is not true explains Ready.
	Parts []metav1.Condition
	// Also are conditions that Ready does not depend on.
	Also []metav1.Condition
	// Err is what the reconcile ended with; a failure that stalls shows as Stalled.
	Err error
	// Suspended keeps Ready from saying that something is wrong.
	Suspended bool
	// Message of Ready when it is true.
	Message string
}

// All computes Ready, Reconciling and Stalled and returns every condition, sorted
// by type.
func (s Summary) All() []metav1.Condition {
	all := append(slices.Clone(s.Parts), s.Also...)
	ready := True(v1alpha1.ConditionReady, v1alpha1.ReasonSucceeded, s.Message)
	for _, p := range s.Parts {
		if p.Status != metav1.ConditionTrue {
			ready = make3(v1alpha1.ConditionReady, metav1.ConditionFalse, p.Reason, p.Message)
			break
		}
	}
	stalled := s.Err != nil && failure.PolicyOf(s.Err) == failure.Stall
	switch {
	case stalled:
		all = append(all, True(v1alpha1.ConditionStalled, ready.Reason, ready.Message))
	case s.Suspended:
		ready = True(v1alpha1.ConditionReady, v1alpha1.ReasonSuspended, "spec.suspend is true")
	case ready.Status != metav1.ConditionTrue:
		all = append(all, True(v1alpha1.ConditionReconciling, ready.Reason, ready.Message))
	}
	all = append(all, ready)
	slices.SortFunc(all, func(x, y metav1.Condition) int { return strings.Compare(x.Type, y.Type) })
	return all
}

// Merge gives wanted the transition times of old where the status is the same, and
// the generation that it is about.
func Merge(old, wanted []metav1.Condition, generation int64, now time.Time) []metav1.Condition {
	next := make([]metav1.Condition, 0, len(wanted))
	for _, c := range wanted {
		c.ObservedGeneration = generation
		c.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second))
		if was := meta.FindStatusCondition(old, c.Type); was != nil && was.Status == c.Status {
			c.LastTransitionTime = was.LastTransitionTime
		}
		next = append(next, c)
	}
	return next
}
