package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Duration is a time span such as 30s, 5m, 12h or 1h30m, as Go writes it.
// Days are written in hours: 30 days are 720h.
//
// It is a string in the schema, checked by pattern, so that one object with an
// unreadable duration cannot break the decoding of a whole list of objects.
//
// +kubebuilder:validation:Type=string
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
type Duration string

// LocalReference names another object of the same namespace.
type LocalReference struct {
	// Name of the object.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`
}

// ExchangeReference names an Exchange: of the same namespace, or of another one
// whose Exchange allows this namespace (spec.allowedNamespaces).
type ExchangeReference struct {
	// Name of the Exchange.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`

	// Namespace of the Exchange; the object's own if absent.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// In returns the namespace of the Exchange for an object of the given namespace.
func (r ExchangeReference) In(namespace string) string {
	if r.Namespace != "" {
		return r.Namespace
	}
	return namespace
}

// SecretKeyReference names one key of a Secret of the same namespace.
type SecretKeyReference struct {
	// Name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Key inside the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +required
	Key string `json:"key"`
}

// TLP is a label of the Traffic Light Protocol 2.0 (https://www.first.org/tlp/).
// +kubebuilder:validation:Enum=CLEAR;GREEN;AMBER;AMBER+STRICT;RED
type TLP string

// The labels of TLP 2.0, from the widest audience to the narrowest.
const (
	TLPClear       TLP = "CLEAR"
	TLPGreen       TLP = "GREEN"
	TLPAmber       TLP = "AMBER"
	TLPAmberStrict TLP = "AMBER+STRICT"
	TLPRed         TLP = "RED"
)

// Restriction says who may see an event at all, as in n6: public and
// need-to-know events go to every cleared subscriber, internal ones only to
// subscribers with full access.
// +kubebuilder:validation:Enum=public;need-to-know;internal
type Restriction string

// Confidence is how sure the publisher is that an event is true.
// +kubebuilder:validation:Enum=low;medium;high
type Confidence string

// Category is what an event is about: the closed list of n6.
// +kubebuilder:validation:Enum=amplifier;bots;backdoor;cnc;deface;dns-query;dos-attacker;dos-victim;exposed;flow;flow-anomaly;fraud;leak;malurl;malware-action;other;phish;proxy;sandbox-url;scam;scanning;server-exploit;spam;spam-url;tor;vulnerable;webinject
type Category string

// SourceName is "<provider>.<channel>", the source of an event as n6 writes it.
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:Pattern=`^[-0-9a-z]+\.[-0-9a-z]+$`
type SourceName string

// AnnotationRequestedAt on an object asks the operator to look at it now, and a
// FeedSource to be collected now. Any new value counts; the time of the request
// is usual. status.lastHandledReconcileAt repeats the last value that was acted on.
const AnnotationRequestedAt = "feeds.weir.dev/requestedAt"

const (
	// LabelProvider on FormatChanges is the provider of their feed.
	LabelProvider = "feeds.weir.dev/provider"
	// AnnotationRepair on Parsers, with the name of a FeedSource behind it, is the
	// incident of that feed that a repair was applied for last, and when.
	AnnotationRepair = "repair.feeds.weir.dev/"
)

// ObjectStatus is the part of the status that every kind has.
type ObjectStatus struct {
	// ObservedGeneration is the generation of the spec that this status is about;
	// -1 before the operator saw the object.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// LastHandledReconcileAt is the last value of the annotation
	// feeds.weir.dev/requestedAt that was acted on.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	LastHandledReconcileAt string `json:"lastHandledReconcileAt,omitempty"`

	// Conditions tell what works and what does not; see the condition constants.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// Binding is one object that this one works with, and whether they fit.
type Binding struct {
	// Kind of the other object.
	// +required
	Kind string `json:"kind"`

	// Namespace of the other object.
	// +required
	Namespace string `json:"namespace"`

	// Name of the other object.
	// +required
	Name string `json:"name"`

	// Accepted tells whether the two work together.
	// +required
	Accepted bool `json:"accepted"`

	// Reason of a refusal, as conditions have it.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Message of a refusal: what to do.
	// +optional
	Message string `json:"message,omitempty"`
}

// MaxBindings is how many bindings a status lists; the rest is only counted.
const MaxBindings = 100
