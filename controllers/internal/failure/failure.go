// Package failure holds the errors of reconcilers: each carries what to do about
// it, so that a reconciler never guesses.
package failure

import (
	"errors"
	"fmt"
	"slices"
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

// Only reports whether there is a failure, and every part of it has this reason.
func Only(err error, reason string) bool {
	parts := Parts(err)
	return len(parts) > 0 && !slices.ContainsFunc(parts, func(e error) bool { return Reason(e, "") != reason })
}

// Parts of an error that joins several, at any depth. A failure is one part,
// whatever it wraps.
func Parts(err error) []error {
	for e := err; e != nil; e = errors.Unwrap(e) {
		if _, ok := e.(*Error); ok { //nolint:errorlint // each step of the chain is looked at
			break
		}
		if joined, ok := e.(interface{ Unwrap() []error }); ok {
			var parts []error
			for _, part := range joined.Unwrap() {
				parts = append(parts, Parts(part)...)
			}
			return parts
		}
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// PolicyOf an error: Retry unless every part of it is a failure that says
// otherwise.
func PolicyOf(err error) Policy {
	parts := Parts(err)
	if len(parts) == 0 {
		return Retry
	}
	least := Stall
	for _, part := range parts {
		least = min(least, policyOf(part))
	}
	return least
}

func policyOf(err error) Policy {
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
