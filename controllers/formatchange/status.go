package formatchange

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/status"
)

// maxFindings is how many findings a status lists.
const maxFindings = 64

// computeStatus is a pure function of what was observed. What was known of an
// incident stays when it is over, or when its monitor cannot be heard.
func computeStatus(o *observed, now time.Time) v1alpha1.FormatChangeStatus {
	c := o.change
	st := *c.Status.DeepCopy()
	st.ObservedGeneration = c.Generation
	st.LastHandledReconcileAt = c.Annotations[v1alpha1.AnnotationRequestedAt]
	summary := condition.Summary{
		Err:   errors.Join(o.accepted, o.configured),
		Parts: []metav1.Condition{condition.Of(v1alpha1.ConditionAccepted, o.accepted, "")},
	}
	if o.accepted == nil {
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionConfigured, o.configured, ""))
	}
	if o.open() {
		describe(&st, o.monitor)
	} else if o.monitor != nil {
		st.Held = 0
	}
	if c := resolved(o); c.Type != "" {
		summary.Parts = append(summary.Parts, c)
	}
	st.Conditions = condition.Merge(c.Status.Conditions, summary.All(), c.Generation, now)
	return st
}

func resolved(o *observed) metav1.Condition {
	const kind = v1alpha1.ConditionResolved
	was := meta.FindStatusCondition(o.change.Status.Conditions, kind)
	switch {
	case o.open() && o.change.Spec.Decision == "":
		return condition.False(kind, v1alpha1.ReasonAwaitingDecision, "set spec.decision to Release or Discard")
	case o.open():
		return condition.False(kind, v1alpha1.ReasonDecided, "the monitor is carrying the decision out")
	case o.monitor != nil:
		return condition.True(kind, v1alpha1.ReasonResolved, "nothing is held for it")
	case was != nil:
		return *was
	}
	return metav1.Condition{}
}

func describe(st *v1alpha1.FormatChangeStatus, m *status.Monitor) {
	i := m.Incident
	opened := metav1.NewTime(i.Opened.UTC().Truncate(time.Second))
	st.Opened, st.Class, st.Summary, st.Held = &opened, i.Class, condition.Clean(i.Summary), m.Held
	st.Findings = nil
	for _, f := range i.Findings[:min(len(i.Findings), maxFindings)] {
		st.Findings = append(st.Findings, v1alpha1.FormatFinding{
			Code: f.Code, Path: condition.Clean(f.Path), Sentence: condition.Clean(f.Sentence), Breaking: f.Breaking,
		})
	}
}

func applyConfiguration(c *v1alpha1.FormatChange, st v1alpha1.FormatChangeStatus) (*v1alpha1ac.FormatChangeApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.FormatChangeStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.FormatChange(c.Name, c.Namespace).WithStatus(ac), nil
}
