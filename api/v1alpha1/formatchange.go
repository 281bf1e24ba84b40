package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Decision is what to do with the payloads that an incident holds.
// +kubebuilder:validation:Enum=Release;Adopt;Repair;Discard
type Decision string

// The decisions.
const (
	// DecisionRelease parses what is held, once, with the Parser as it is. What was
	// normal before stays so: the next payload of the new format is held again.
	DecisionRelease Decision = "Release"
	// DecisionAdopt parses what is held, and takes the new format as normal.
	DecisionAdopt Decision = "Adopt"
	// DecisionRepair applies the proposed change to the Parser, which then reads what
	// is held.
	DecisionRepair Decision = "Repair"
	// DecisionDiscard drops what is held.
	DecisionDiscard Decision = "Discard"
)

// FormatChangeSpec names an incident and carries the decision about it.
type FormatChangeSpec struct {
	// SourceRef is the FeedSource whose format changed.
	// +required
	SourceRef LocalReference `json:"sourceRef"`

	// Incident is the identifier that the monitor gave it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-z0-9]+$`
	// +required
	Incident string `json:"incident"`

	// Decision is set by a person.
	// +optional
	Decision Decision `json:"decision,omitempty"`
}

// FormatChangeStatus tells what changed.
type FormatChangeStatus struct {
	ObjectStatus `json:",inline"`

	// Class of the change: what kind of difference it is.
	// +optional
	Class string `json:"class,omitempty"`

	// Opened is when the first payload was held.
	// +optional
	Opened *metav1.Time `json:"opened,omitempty"`

	// Findings are the differences, explained.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Findings []FormatFinding `json:"findings,omitempty"`

	// Summary is the change in one sentence.
	// +optional
	Summary string `json:"summary,omitempty"`

	// Held is how many payloads wait for the decision.
	// +optional
	Held int64 `json:"held"`

	// LastGood is when the last payload was collected that was as it should be.
	// +optional
	LastGood *metav1.Time `json:"lastGood,omitempty"`

	// Records that are withheld, as far as they could be counted.
	// +optional
	Records int64 `json:"records,omitempty"`

	// Group is the same for incidents of one provider that began within a day.
	// +optional
	Group string `json:"group,omitempty"`

	// Subscriptions that get less for it: those whose selection takes the source.
	// +optional
	Subscriptions *AffectedSubscriptions `json:"subscriptions,omitempty"`

	// Repair is a change of the Parser that would read what is held.
	// +optional
	Repair *ProposedRepair `json:"repair,omitempty"`
}

// FormatFinding is one difference between the format as it was and as it is.
type FormatFinding struct {
	// Code of the difference, for example column-renamed.
	// +required
	Code string `json:"code"`

	// Path of what differs: a column or a field.
	// +optional
	Path string `json:"path,omitempty"`

	// Class of the difference, for example BREAKING-silent.
	// +optional
	Class string `json:"class,omitempty"`

	// Sentence explains it.
	// +required
	Sentence string `json:"sentence"`

	// Before and After describe the values, with samples unless
	// spec.formatPolicy.redact of the FeedSource leaves them out.
	// +optional
	Before string `json:"before,omitempty"`

	// +optional
	After string `json:"after,omitempty"`

	// Fields of the events that are affected.
	// +listType=atomic
	// +optional
	Fields []string `json:"fields,omitempty"`

	// Evidence is what it rests on, in words.
	// +optional
	Evidence string `json:"evidence,omitempty"`

	// Breaking tells that records would be lost or misread.
	// +optional
	Breaking bool `json:"breaking,omitempty"`
}

// AffectedSubscriptions are those that a change concerns.
type AffectedSubscriptions struct {
	// Count of all of them.
	// +required
	Count int64 `json:"count"`

	// Names are the first of them, <namespace>/<name>.
	// +listType=atomic
	// +optional
	Names []string `json:"names,omitempty"`
}

// ProposedRepair is a changed Parser that reads what is held.
type ProposedRepair struct {
	// Patch of the Parser's spec: a JSON merge patch (RFC 7386).
	// +required
	Patch string `json:"patch"`

	// Changes tells what the patch does, a sentence each.
	// +listType=atomic
	// +optional
	Changes []string `json:"changes,omitempty"`

	// Confidence in percent.
	// +optional
	Confidence int32 `json:"confidence,omitempty"`

	// Safe tells that it is applied without asking where
	// spec.formatPolicy.repair of the FeedSource is Automatic.
	// +optional
	Safe bool `json:"safe,omitempty"`

	// Events and Rejected are what the changed Parser makes of the first payload that
	// is held.
	// +optional
	Events int64 `json:"events,omitempty"`

	// +optional
	Rejected int64 `json:"rejected,omitempty"`

	// Applied is when the operator applied it.
	// +optional
	Applied *metav1.Time `json:"applied,omitempty"`

	// Refused says why it is not applied without asking, or cannot be.
	// +optional
	Refused string `json:"refused,omitempty"`
}

// FormatChange records that a publisher changed the format of a feed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fc,categories=weir
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.sourceRef.name`
// +kubebuilder:printcolumn:name="Class",type=string,JSONPath=`.status.class`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
// +kubebuilder:printcolumn:name="Records",type=integer,JSONPath=`.status.records`,priority=1
// +kubebuilder:printcolumn:name="Repair",type=integer,JSONPath=`.status.repair.confidence`
// +kubebuilder:printcolumn:name="Group",type=string,JSONPath=`.status.group`,priority=1
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type FormatChange struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec FormatChangeSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status FormatChangeStatus `json:"status,omitempty"`
}

// FormatChangeList is a list of FormatChanges.
// +kubebuilder:object:root=true
type FormatChangeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FormatChange `json:"items"`
}
