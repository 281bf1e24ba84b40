// Package failure holds the errors of reconcilers: each carries what to do about
// it, so that a reconciler never guesses.
package failure

import (
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// Policy says when to try again.
type Policy int

const (
	// Retry soon, with growing delay: the cause may be gone by itself.
	Retry Policy = iota
	// Wait until something else changes; the change itself wakes the reconciler.
	Wait
	// Stall until the object changes: trying again cannot help.
	Stall
)

// Error is a failure with a reason for conditions.
type Error struct {
	Policy Policy
	// Reason is one of the Reason constants of the API.
	Reason string
	// After is when to look again at the latest; 0 leaves it to the policy.
	After time.Duration
	Err   error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Waiting is a failure that ends when something else changes.
func Waiting(reason, format string, args ...any) error {
	return &Error{Policy: Wait, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Stalled is a failure that only a change of the object ends.
func Stalled(reason, format string, args ...any) error {
	return &Error{Policy: Stall, Reason: reason, Err: fmt.Errorf(format, args...)}
}

// Problems makes one failure of what a check found; nil if it found nothing. What
// is invalid stalls, what is missing elsewhere waits.
func Problems(list []plan.Problem) error {
	var all []error
	for _, p := range list {
		policy := Wait
		if p.Reason == v1alpha1.ReasonInvalidSpec {
			policy = Stall
		}
		all = append(all, &Error{Policy: policy, Reason: p.Reason, Err: fmt.Errorf("%s: %s", p.Field, p.Message)})
	}
	return errors.Join(all...)
}

// Reason of the first failure in err that has one, or fallback.
func Reason(err error, fallback string) string {
	var e *Error
	if errors.As(err, &e) && e.Reason != "" {
		return e.Reason
	}
	var r interface{ ConditionReason() string }
	if errors.As(err, &r) {
		return r.ConditionReason()
	}
	return fallback
}

// PolicyOf an error: Retry unless every part of it is a failure that says
// otherwise.
func PolicyOf(err error) Policy {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		least := Stall
		for _, part := range joined.Unwrap() {
			least = min(least, PolicyOf(part))
		}
		return least
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Policy
	}
	// A bus that is back tells so itself.
	if Reason(err, "") == v1alpha1.ReasonBusUnavailable {
		return Wait
	}
	return Retry
}
