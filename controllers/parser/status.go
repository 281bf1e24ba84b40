package parser

import (
	"errors"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// computeStatus is a pure function of what was observed.
func computeStatus(o *observed, now time.Time) v1alpha1.ParserStatus {
	p := o.parser
	st := v1alpha1.ParserStatus{
		ObjectStatus: v1alpha1.ObjectStatus{
			ObservedGeneration: p.Generation, LastHandledReconcileAt: p.Annotations[v1alpha1.AnnotationRequestedAt],
		},
		Sources:  int32(len(o.feeds)),
		Bindings: bindings(o),
	}
	summary := condition.Summary{Err: errors.Join(o.workload, o.configured)}
	if p.Spec.Base != nil {
		_, problems := plan.ParserSpec(o.world, p)
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionAccepted, failure.Problems(problems), ""))
	}
	if o.exchange == nil {
		summary.Message = "no FeedSource uses it"
		if o.workload != nil {
			summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionAvailable, o.workload, ""))
		}
	} else {
		available := scope.Available(o.deployment)
		if o.workload != nil {
			available = condition.Of(v1alpha1.ConditionAvailable, o.workload, "")
		}
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionConfigured, o.configured, ""), examples(p, o.examples), available)
	}
	st.Conditions = condition.Merge(p.Status.Conditions, summary.All(), p.Generation, now)
	return st
}

func examples(p *v1alpha1.Parser, s *status.Parser) metav1.Condition {
	if len(p.Spec.Examples) == 0 {
		return condition.True(v1alpha1.ConditionExamplesPassed, v1alpha1.ReasonSucceeded, "there are no examples; add some: they show at once when a change of the Parser breaks it")
	}
	if s == nil {
		return scope.Result(v1alpha1.ConditionExamplesPassed, nil, "the monitor has not run the examples yet")
	}
	return scope.Result(v1alpha1.ConditionExamplesPassed, &s.Result, "")
}

// bindings are the first feeds by name.
func bindings(o *observed) []v1alpha1.Binding {
	feeds := slices.SortedFunc(slices.Values(o.feeds), func(x, y *v1alpha1.FeedSource) int { return strings.Compare(x.Name, y.Name) })
	var all []v1alpha1.Binding
	for _, f := range feeds[:min(len(feeds), v1alpha1.MaxBindings)] {
		b := v1alpha1.Binding{Kind: "FeedSource", Namespace: f.Namespace, Name: f.Name, Accepted: true}
		if problems := o.problems[f.Name]; len(problems) > 0 {
			b.Accepted = false
			b.Reason = problems[0].Reason
			b.Message = condition.Clean(problems[0].Field + ": " + problems[0].Message)
		}
		all = append(all, b)
	}
	return all
}

func applyConfiguration(p *v1alpha1.Parser, st v1alpha1.ParserStatus) (*v1alpha1ac.ParserApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.ParserStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.Parser(p.Name, p.Namespace).WithStatus(ac), nil
}
