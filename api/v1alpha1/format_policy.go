package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// FormatAction is what to do with a payload whose format changed.
type FormatAction string

// The actions, of which each class of changes allows some.
const (
	// FormatHold keeps the whole payload back until somebody decides.
	FormatHold FormatAction = "Hold"
	// FormatEmitValid lets records that still validate pass and rejects the rest.
	FormatEmitValid FormatAction = "EmitValid"
	// FormatReport lets the payload pass, and tells of the change.
	FormatReport FormatAction = "Report"
	// FormatPass lets the payload pass without a word.
	FormatPass FormatAction = "Pass"
	// FormatRetire drops the payload: the publisher has given the feed up.
	// Collecting goes on, so that a comeback is noticed.
	FormatRetire FormatAction = "Retire"
)

// RepairMode says what becomes of a changed Parser that reads what is held.
type RepairMode string

// The modes.
const (
	// RepairPropose shows it; a person decides.
	RepairPropose RepairMode = "Propose"
	// RepairAutomatic applies it, if it is safe: at most once a day.
	RepairAutomatic RepairMode = "Automatic"
	// RepairNever does not look for one.
	RepairNever RepairMode = "Never"
)

// FormatPolicySpec says what happens on drift, by the class of the change. Of
// several differences the worst decides; a class that is not listed is held.
// Changes of the looks alone always pass.
type FormatPolicySpec struct {
	// OnBreaking is for a change that would break the mapping: what cannot be read
	// any more, or would be read wrongly.
	// +kubebuilder:validation:Enum=Hold;EmitValid
	// +kubebuilder:default=Hold
	// +optional
	OnBreaking FormatAction `json:"onBreaking,omitempty"`

	// OnDegraded is for a payload of which a part is damaged or missing.
	// +kubebuilder:validation:Enum=EmitValid;Hold
	// +kubebuilder:default=EmitValid
	// +optional
	OnDegraded FormatAction `json:"onDegraded,omitempty"`

	// OnWidening is for columns that hold other kinds of values besides the usual.
	// +kubebuilder:validation:Enum=Report;Pass;Hold
	// +kubebuilder:default=Report
	// +optional
	OnWidening FormatAction `json:"onWidening,omitempty"`

	// OnAdditive is for new columns and keys that no rule uses yet.
	// +kubebuilder:validation:Enum=Pass;Report;Hold
	// +kubebuilder:default=Pass
	// +optional
	OnAdditive FormatAction `json:"onAdditive,omitempty"`

	// OnSemantic is for values that look as before and seem to mean something else.
	// +kubebuilder:validation:Enum=Report;Hold
	// +kubebuilder:default=Report
	// +optional
	OnSemantic FormatAction `json:"onSemantic,omitempty"`

	// OnAnomaly is for unusual amounts without a cause in the structure.
	// +kubebuilder:validation:Enum=Report;Pass
	// +kubebuilder:default=Report
	// +optional
	OnAnomaly FormatAction `json:"onAnomaly,omitempty"`

	// OnRetired is for a notice that the feed was given up. Retire emits nothing of
	// it and says so in the conditions; collecting goes on.
	// +kubebuilder:validation:Enum=Retire;Report
	// +kubebuilder:default=Retire
	// +optional
	OnRetired FormatAction `json:"onRetired,omitempty"`

	// Repair says what becomes of a changed Parser that would read what is held.
	// Automatic applies it when it is safe, at most once a day, and not if it would
	// change another feed that is well.
	// +kubebuilder:validation:Enum=Propose;Automatic;Never
	// +kubebuilder:default=Propose
	// +optional
	Repair RepairMode `json:"repair,omitempty"`

	// Redact leaves values of the feed out of statuses, events, FormatChanges and
	// logs. Names of columns stay.
	// +optional
	Redact bool `json:"redact,omitempty"`
}

// AnnouncedChange is a change of the format that the publisher has told of.
type AnnouncedChange struct {
	// ParserRef is the Parser that takes over.
	// +required
	ParserRef LocalReference `json:"parserRef"`

	// From is when the publisher will change, RFC 3339. The payload decides, not the
	// clock: it switches from seven days before on.
	// +kubebuilder:validation:MaxLength=25
	// +kubebuilder:validation:Pattern=`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[+-][0-9]{2}:[0-9]{2})$`
	// +kubebuilder:validation:XValidation:rule="timestamp(self) > timestamp('2000-01-01T00:00:00Z')",message="must be a time of this century, such as 2026-12-01T00:00:00Z"
	// +required
	From string `json:"from"`

	// Note is for people: where it was announced.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Note string `json:"note,omitempty"`
}

// FormatStatus is what the monitor knows of the format of a feed.
type FormatStatus struct {
	// Baseline counts the formats that were accepted, one after the other.
	// +optional
	Baseline int64 `json:"baseline,omitempty"`

	// Parser is the one in force, where a change was announced.
	// +optional
	Parser string `json:"parser,omitempty"`

	// ParserSince is when the payload was collected that it took over with, and
	// ParserPayload the id of that; absent as long as it is that of spec.parserRef.
	// +optional
	ParserSince *metav1.Time `json:"parserSince,omitempty"`

	// +kubebuilder:validation:MaxLength=256
	// +optional
	ParserPayload string `json:"parserPayload,omitempty"`

	// Reported is the change that was reported last: its payload passed.
	// +optional
	Reported *ReportedChange `json:"reported,omitempty"`
}

// ReportedChange is a change that was let pass.
type ReportedChange struct {
	// ID tells one set of differences from another.
	// +required
	ID string `json:"id"`

	// Since is when it was first seen.
	// +required
	Since metav1.Time `json:"since"`

	// Class of the change.
	// +optional
	Class string `json:"class,omitempty"`

	// Summary is the change in one sentence.
	// +required
	Summary string `json:"summary"`
}
