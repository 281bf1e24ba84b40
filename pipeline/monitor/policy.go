package monitor

import (
	"cmp"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// action is what the policy wants for a payload with these findings. The worst
// class decides; one that is not known is held.
func action(p *v1alpha1.FormatPolicySpec, findings []status.Finding) v1alpha1.FormatAction {
	if len(findings) == 0 {
		return v1alpha1.FormatPass
	}
	for i := range findings {
		if _, known := actionOf(p, drift.ClassOf(&findings[i])); !known {
			return v1alpha1.FormatHold
		}
	}
	a, _ := actionOf(p, drift.Classify(findings))
	if a == v1alpha1.FormatEmitValid && drift.Hard(findings) {
		return v1alpha1.FormatHold // nothing in it is valid
	}
	return a
}

// actionOf is what the policy wants for one class, with the defaults of the API
// for what it leaves open.
func actionOf(p *v1alpha1.FormatPolicySpec, class string) (a v1alpha1.FormatAction, known bool) {
	switch class {
	case drift.ClassBreakingHard, drift.ClassBreakingSilent:
		return cmp.Or(p.OnBreaking, v1alpha1.FormatHold), true
	case drift.ClassDegraded:
		return cmp.Or(p.OnDegraded, v1alpha1.FormatEmitValid), true
	case drift.ClassWidening:
		return cmp.Or(p.OnWidening, v1alpha1.FormatReport), true
	case drift.ClassAdditive:
		return cmp.Or(p.OnAdditive, v1alpha1.FormatPass), true
	case drift.ClassSemantic:
		return cmp.Or(p.OnSemantic, v1alpha1.FormatReport), true
	case drift.ClassAnomaly:
		return cmp.Or(p.OnAnomaly, v1alpha1.FormatReport), true
	case drift.ClassRetired:
		return cmp.Or(p.OnRetired, v1alpha1.FormatRetire), true
	case drift.ClassCosmetic:
		return v1alpha1.FormatPass, true
	}
	return v1alpha1.FormatHold, false
}

// told are the findings that the policy wants to be reported.
func told(p *v1alpha1.FormatPolicySpec, findings []status.Finding) (out []status.Finding) {
	for i := range findings {
		if a, _ := actionOf(p, drift.ClassOf(&findings[i])); a != v1alpha1.FormatPass {
			out = append(out, findings[i])
		}
	}
	return out
}

// sound tells whether the baseline may learn from a payload with these findings:
// what is damaged, given up or has broken is no example of the format.
func sound(findings []status.Finding) bool {
	switch drift.Classify(findings) {
	case drift.ClassBreakingHard, drift.ClassBreakingSilent, drift.ClassRetired, drift.ClassDegraded:
		return false
	}
	return true
}
