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

	// Summary is the change in one sentence.
	// +optional
	Summary string `json:"summary,omitempty"`

	// Held is how many payloads wait for the decision.
	// +optional
	Held int64 `json:"held,omitempty"`
}

// FormatChange records that a publisher changed the format of a feed.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fc,categories=weir
// +kubebuilder:printcolumn:name="Source",type=string,JSONPath=`.spec.sourceRef.name`
// +kubebuilder:printcolumn:name="Decision",type=string,JSONPath=`.spec.decision`
// +kubebuilder:printcolumn:name="Held",type=integer,JSONPath=`.status.held`
// +kubebuilder:printcolumn:name="Summary",type=string,JSONPath=`.status.summary`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type FormatChange struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec   FormatChangeSpec   `json:"spec"`
	Status FormatChangeStatus `json:"status,omitempty"`
}

// FormatChangeList is a list of FormatChanges.
// +kubebuilder:object:root=true
type FormatChangeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FormatChange `json:"items"`
}
