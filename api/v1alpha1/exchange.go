package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ExchangeSpec declares the hub that feeds and subscribers of a namespace share.
type ExchangeSpec struct {
	// Store keeps the events that were recorded.
	// +optional
	Store StoreSpec `json:"store,omitempty"`

	// Raw keeps the payloads as they were collected, so that they can be
	// replayed through a changed Parser.
	// +kubebuilder:default={}
	// +optional
	Raw RawSpec `json:"raw,omitempty"`

	// Stream keeps delivered events for subscribers that reconnect to a live
	// stream.
	// +kubebuilder:default={}
	// +optional
	Stream StreamRetentionSpec `json:"stream,omitempty"`
}

// StoreSpec says how long recorded events are kept.
type StoreSpec struct {
	// Retention is how long after its time an event stays searchable. Without
	// it, events are kept for ever.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('24h')",message="must be at least 24h: events are dropped by whole days"
	// +optional
	Retention Duration `json:"retention,omitempty"`
}

// RawSpec says how long collected payloads are kept.
type RawSpec struct {
	// Retention of collected payloads; 720h (30 days) if absent. Held payloads
	// do not age out.
	// +kubebuilder:default="720h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h')",message="must be at least 1h, or nothing can be replayed"
	// +optional
	Retention Duration `json:"retention,omitempty"`
}

// StreamRetentionSpec says how long delivered events can be resumed from.
type StreamRetentionSpec struct {
	// Retention of delivered events; 168h (7 days) if absent.
	// +kubebuilder:default="168h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m')",message="must be at least 1m"
	// +optional
	Retention Duration `json:"retention,omitempty"`
}

// ExchangeStatus is what is known about a hub.
type ExchangeStatus struct {
	ObjectStatus `json:",inline"`
}

// Exchange is the hub of a namespace: bus, store and retention.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wex,categories=weir
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type Exchange struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={}
	// +optional
	Spec   ExchangeSpec   `json:"spec,omitempty"`
	Status ExchangeStatus `json:"status,omitempty"`
}

// ExchangeList is a list of Exchanges.
// +kubebuilder:object:root=true
type ExchangeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Exchange `json:"items"`
}
