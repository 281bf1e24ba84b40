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

// Bounds of what a status tells of a change.
const (
	maxFindings = 64
	maxFields   = 16
	maxChanges  = 16
	maxPatch    = 64 << 10
)

// computeStatus is a pure function of what was observed. What was known of an
// incident stays when it is over, or when its monitor cannot be heard.
func computeStatus(o *observed, now time.Time) v1alpha1.FormatChangeStatus {
	c := o.change
	st := *c.Status.DeepCopy()
	st.ObservedGeneration = c.Generation
	st.LastHandledReconcileAt = c.Annotations[v1alpha1.AnnotationRequestedAt]
	summary := condition.Summary{
		Err:   errors.Join(o.accepted, o.configured, o.mended),
		Parts: []metav1.Condition{condition.Of(v1alpha1.ConditionAccepted, o.accepted, "")},
	}
	if o.accepted == nil {
		summary.Parts = append(summary.Parts, condition.Of(v1alpha1.ConditionConfigured, o.configured, ""))
	}
	if o.open() {
		describe(&st, o)
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
	case o.open():
		reason, message := waits(o)
		return condition.False(kind, reason, message)
	case o.monitor != nil:
		return condition.True(kind, v1alpha1.ReasonResolved, "nothing is held for it")
	case was != nil:
		return *was
	}
	return metav1.Condition{}
}

// waits says what an open incident waits for.
func waits(o *observed) (reason, message string) {
	switch d := o.change.Spec.Decision; {
	case !o.repaired.at.IsZero() && (d == "" || d == v1alpha1.DecisionRepair):
		return v1alpha1.ReasonRepaired, "the Parser was changed, and the monitor tries what is held with it; what stays held needs another decision"
	case d == "" && o.monitor.Incident.Repair != nil:
		return v1alpha1.ReasonAwaitingDecision, "set spec.decision to Repair, Adopt, Release or Discard"
	case d == "":
		return v1alpha1.ReasonAwaitingDecision, "change the Parser, or set spec.decision to Adopt, Release or Discard"
	case d == v1alpha1.DecisionRepair && o.mended != nil:
		return v1alpha1.ReasonNotRepaired, o.mended.Error()
	case d == v1alpha1.DecisionRepair:
		return v1alpha1.ReasonNotRepaired, o.repaired.refused
	}
	return v1alpha1.ReasonDecided, "the monitor is carrying the decision out"
}

func describe(st *v1alpha1.FormatChangeStatus, o *observed) {
	i := o.monitor.Incident
	opened := metav1.NewTime(i.Opened.UTC().Truncate(time.Second))
	st.Opened, st.Class, st.Summary, st.Held = &opened, i.Class, condition.Clean(i.Summary), o.monitor.Held
	st.Records, st.LastGood, st.Subscriptions = i.Records, nil, o.affected
	if !i.LastGood.IsZero() {
		good := metav1.NewTime(i.LastGood.UTC().Truncate(time.Second))
		st.LastGood = &good
	}
	if st.Group == "" && o.feed != nil {
		st.Group = groupOf(o.feed.Spec.Provider, opened.Time, o.siblings)
	}
	st.Findings = nil
	for _, f := range i.Findings[:min(len(i.Findings), maxFindings)] {
		st.Findings = append(st.Findings, findingOf(&f))
	}
	st.Repair = repairOf(st.Repair, o)
}

func findingOf(f *status.Finding) v1alpha1.FormatFinding {
	out := v1alpha1.FormatFinding{
		Code: condition.Clean(f.Code), Path: condition.Clean(f.Path), Class: condition.Clean(f.Class), Sentence: condition.Clean(f.Sentence),
		Before: condition.Clean(f.Before), After: condition.Clean(f.After), Evidence: f.Evidence.String(), Breaking: f.Breaking,
	}
	for _, name := range f.Fields[:min(len(f.Fields), maxFields)] {
		out.Fields = append(out.Fields, condition.Clean(name))
	}
	return out
}

// repairOf shows what is proposed. What was applied stays, also when nothing is
// proposed for the changed Parser.
func repairOf(was *v1alpha1.ProposedRepair, o *observed) *v1alpha1.ProposedRepair {
	r := o.monitor.Incident.Repair
	if !o.repaired.at.IsZero() {
		if o.repaired.what != nil {
			was = proposed(o.repaired.what)
		}
		if was == nil && r != nil {
			was = proposed(r)
		}
		if was == nil {
			return nil
		}
		out := *was
		at := metav1.NewTime(o.repaired.at.UTC().Truncate(time.Second))
		out.Applied, out.Refused = &at, ""
		return &out
	}
	if r == nil || len(r.Patch) > maxPatch {
		return nil
	}
	out := proposed(r)
	out.Refused = condition.Clean(o.repaired.refused)
	return out
}

func proposed(r *status.Repair) *v1alpha1.ProposedRepair {
	out := &v1alpha1.ProposedRepair{Patch: r.Patch, Confidence: int32(100 * min(max(r.Confidence, 0), 1)), Safe: r.Safe,
		Events: r.Events, Rejected: r.Rejected}
	for _, c := range r.Changes[:min(len(r.Changes), maxChanges)] {
		out.Changes = append(out.Changes, condition.Clean(c))
	}
	return out
}

func applyConfiguration(c *v1alpha1.FormatChange, st v1alpha1.FormatChangeStatus) (*v1alpha1ac.FormatChangeApplyConfiguration, error) {
	ac, err := scope.Configuration[v1alpha1ac.FormatChangeStatusApplyConfiguration](st)
	if err != nil {
		return nil, err
	}
	return v1alpha1ac.FormatChange(c.Name, c.Namespace).WithStatus(ac), nil
}
