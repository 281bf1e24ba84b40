package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Decision is what to do with the payloads that an incident holds.
// +kubebuilder:validation:Enum=Release;Discard
type Decision string

// The decisions.
const (
	// DecisionRelease accepts the new format and parses what is held.
	DecisionRelease Decision = "Release"
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
}

// FormatFinding is one difference between the format as it was and as it is.
type FormatFinding struct {
	// Code of the difference, for example column-renamed.
	// +required
	Code string `json:"code"`

	// Path of what differs: a column or a field.
	// +optional
	Path string `json:"path,omitempty"`

	// Sentence explains it.
	// +required
	Sentence string `json:"sentence"`

	// Breaking tells that records would be lost or misread.
	// +optional
	Breaking bool `json:"breaking,omitempty"`
}

// FormatChange records that a publisher changed the format of a feed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fc,categories=weir
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.sourceRef.name`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
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
