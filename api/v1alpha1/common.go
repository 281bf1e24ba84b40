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

// ObjectStatus is the part of the status that every kind has.
type ObjectStatus struct {
	// ObservedGeneration is the generation of the spec that this status is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// Conditions tell what works and what does not; see the condition constants.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
