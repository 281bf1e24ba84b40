package failure_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/pipeline/plan"
)

// busError is how packages tell a reason that do not know this one.
type busError struct{ reason string }

func (e busError) Error() string           { return "the bus is away" }
func (e busError) ConditionReason() string { return e.reason }

func TestAnErrorSaysWhatToDoAboutIt(t *testing.T) {
	plain := errors.New("connection refused")
	waiting := failure.Waiting(v1alpha1.ReasonReferenceMissing, "no Parser")
	stalled := failure.Stalled(v1alpha1.ReasonInvalidSpec, "bad cron")
	bus := busError{v1alpha1.ReasonBusUnavailable}
	for name, tc := range map[string]struct {
		err    error
		policy failure.Policy
		reason string
	}{
		"plain":                    {plain, failure.Retry, "fallback"},
		"waiting":                  {waiting, failure.Wait, v1alpha1.ReasonReferenceMissing},
		"stalled":                  {stalled, failure.Stall, v1alpha1.ReasonInvalidSpec},
		"wrapped":                  {fmt.Errorf("check: %w", stalled), failure.Stall, v1alpha1.ReasonInvalidSpec},
		"the bus is away":          {bus, failure.Wait, v1alpha1.ReasonBusUnavailable},
		"the bus refuses":          {busError{v1alpha1.ReasonUnauthorized}, failure.Retry, v1alpha1.ReasonUnauthorized},
		"stalled and waiting":      {errors.Join(stalled, waiting), failure.Wait, v1alpha1.ReasonInvalidSpec},
		"stalled and plain":        {errors.Join(stalled, plain), failure.Retry, v1alpha1.ReasonInvalidSpec},
		"joined twice":             {errors.Join(errors.Join(stalled, stalled), fmt.Errorf("also: %w", waiting)), failure.Wait, v1alpha1.ReasonInvalidSpec},
		"wrapped join":             {fmt.Errorf("objects: %w", errors.Join(waiting, plain)), failure.Retry, v1alpha1.ReasonReferenceMissing},
		"bus and stalled":          {errors.Join(bus, stalled), failure.Wait, v1alpha1.ReasonInvalidSpec},
		"two wrapped in one":       {fmt.Errorf("%w and %w", stalled, waiting), failure.Wait, v1alpha1.ReasonInvalidSpec},
		"a failure rules its join": {&failure.Error{Policy: failure.Wait, Reason: "Own", Err: errors.Join(plain, stalled)}, failure.Wait, "Own"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := failure.PolicyOf(tc.err); got != tc.policy {
				t.Errorf("policy %d, wanted %d", got, tc.policy)
			}
			if got := failure.Reason(tc.err, "fallback"); got != tc.reason {
				t.Errorf("reason %q, wanted %q", got, tc.reason)
			}
		})
	}
}

func TestOnlyOneReason(t *testing.T) {
	bus, other := busError{v1alpha1.ReasonBusUnavailable}, failure.Waiting("Other", "x")
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"nothing":   {nil, false},
		"one":       {bus, true},
		"two":       {errors.Join(bus, fmt.Errorf("also: %w", bus)), true},
		"and other": {errors.Join(bus, other), false},
		"other":     {other, false},
		"plain":     {errors.Join(bus, errors.New("x")), false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := failure.Only(tc.err, v1alpha1.ReasonBusUnavailable); got != tc.want {
				t.Errorf("%t", got)
			}
		})
	}
}

func TestWhatAChecksFindsStallsOnlyIfAllOfItIsInvalid(t *testing.T) {
	invalid := plan.Problem{Reason: v1alpha1.ReasonInvalidSpec, Field: "spec.schedule.cron", Message: "five fields"}
	missing := plan.Problem{Reason: v1alpha1.ReasonReferenceMissing, Field: "spec.parserRef.name", Message: "there is no Parser"}
	for name, tc := range map[string]struct {
		problems []plan.Problem
		policy   failure.Policy
		message  string
	}{
		"invalid": {[]plan.Problem{invalid}, failure.Stall, "spec.schedule.cron: five fields"},
		"missing": {[]plan.Problem{missing}, failure.Wait, "spec.parserRef.name: there is no Parser"},
		"both":    {[]plan.Problem{invalid, missing}, failure.Wait, "spec.schedule.cron: five fields\nspec.parserRef.name: there is no Parser"},
	} {
		t.Run(name, func(t *testing.T) {
			err := failure.Problems(tc.problems)
			if got := failure.PolicyOf(err); got != tc.policy || err.Error() != tc.message {
				t.Errorf("policy %d, %q", got, err)
			}
		})
	}
	if err := failure.Problems(nil); err != nil {
		t.Errorf("no problems: %v", err)
	}
}
