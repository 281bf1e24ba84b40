package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ParserSpec declares how the bytes of a payload become events: how to find
// the records, which of them to skip, and which column or path becomes which
// field of the event.
//
// The steps run in this order for every record: explode, derive, skip, emit,
// mapping, lookups, constants, validation. A record that fails is rejected with
// its reason.
//
// +kubebuilder:validation:XValidation:rule="has(self.input) || has(self.base)",message="input says what the format is; it may be left out only where base names a Parser that has it"
// +kubebuilder:validation:XValidation:rule="has(self.blacklist) == (has(self.kind) && self.kind == 'Blacklist')",message="kind: Blacklist and blacklist go together: blacklist.expiresAfter says how long an entry holds"
// +kubebuilder:validation:XValidation:rule="has(self.highFrequency) == (has(self.kind) && self.kind == 'HighFrequency')",message="kind: HighFrequency and highFrequency go together: highFrequency.groupBy says what is one group"
type ParserSpec struct {
	// Base is a Parser of the same namespace that this one builds on: what is not
	// said here is as it is there. Rules and entries of lists come before those of
	// the base, constants replace those of the same name; examples are not taken
	// over.
	// +optional
	Base *LocalReference `json:"base,omitempty"`

	// Kind says what a record is: an Event, an entry of a Blacklist, or one of so
	// many sightings that they are counted (HighFrequency).
	// +kubebuilder:default=Event
	// +optional
	Kind ParserKind `json:"kind,omitempty"`

	// Blacklist is for kind: Blacklist.
	// +optional
	Blacklist *BlacklistSpec `json:"blacklist,omitempty"`

	// HighFrequency is for kind: HighFrequency.
	// +optional
	HighFrequency *HighFrequencySpec `json:"highFrequency,omitempty"`

	// Input is the format of the payload.
	// +optional
	Input InputSpec `json:"input,omitzero"`

	// Explode makes several records out of one, by the parts of a cell or the
	// elements of an array. Several rules multiply.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=4
	// +optional
	Explode []ExplodeRule `json:"explode,omitempty"`

	// Derive adds columns or members to a record, out of another one: the named
	// groups of a regular expression, or what is packed in a cell.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Derive []DeriveRule `json:"derive,omitempty"`

	// Skip drops records that are not meant to become events. They are counted
	// by reason.
	// +listType=map
	// +listMapKey=reason
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Skip []SkipRule `json:"skip,omitempty"`

	// Emit makes several events of one record: one for each entry whose condition
	// holds. A record for which none holds is skipped, as "no-emit". Without emit a
	// record is one event.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Emit []EmitRule `json:"emit,omitempty"`

	// Mapping fills the fields of the event. Rules run in order; the first that
	// yields a value for a field sets it.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +optional
	Mapping []MappingRule `json:"mapping,omitempty"`

	// Lookups fill fields that no rule has set, by a key: the name of the file, a
	// cell.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Lookups []LookupRule `json:"lookups,omitempty"`

	// Constants are fields that no rule has set: category: cnc.
	// +kubebuilder:validation:MaxProperties=64
	// +optional
	Constants map[string]string `json:"constants,omitempty"`

	// Examples are payloads with the events they must give. They are the
	// Parser's tests: weir test runs them.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Examples []Example `json:"examples,omitempty"`
}

// ParserKind says what a record is.
// +kubebuilder:validation:Enum=Event;Blacklist;HighFrequency
type ParserKind string

// The kinds of records.
const (
	// KindEvent: a record tells that something happened.
	KindEvent ParserKind = "Event"
	// KindBlacklist: a record says that something is listed, until it expires or a
	// newer list says so again.
	KindBlacklist ParserKind = "Blacklist"
	// KindHighFrequency: records of one group become one event with a count.
	KindHighFrequency ParserKind = "HighFrequency"
)

// BlacklistSpec says how long the entries of a list hold.
type BlacklistSpec struct {
	// ExpiresAfter is how long an entry holds at least after the list was collected.
	// It fills expires where no rule does, in steps of half of it: an entry that
	// stays on the list is the same event for that long, and then a new one that
	// expires later.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="must be between 1m and 8760h"
	// +required
	ExpiresAfter Duration `json:"expiresAfter"`
}

// HighFrequencySpec says which records of a payload are counted as one event. Its
// time is the first of them, until the last, count how many there are.
type HighFrequencySpec struct {
	// GroupBy are the fields of the event that are the same in a group.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +required
	GroupBy []string `json:"groupBy"`

	// Window is how far apart two times of a group may be; a group that lasts
	// longer begins anew. No group spans two payloads or two days (UTC).
	// +kubebuilder:default="12h"
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="must be between 1s and 24h"
	// +optional
	Window Duration `json:"window,omitempty"`
}

// Example is a payload and what it must become.
// +kubebuilder:validation:XValidation:rule="!(has(self.input) && has(self.inputBase64))",message="give input or inputBase64, not both"
type Example struct {
	// Name of the example.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Name string `json:"name"`

	// Input is the payload.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	Input string `json:"input,omitempty"`

	// InputBase64 is the payload where it is no text.
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:Format=byte
	// +optional
	InputBase64 string `json:"inputBase64,omitempty"`

	// Meta is what a collector would know: url, filename, collected.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Meta map[string]string `json:"meta,omitempty"`

	// Events in order. The fields that are written must be equal; null means
	// that the field must be absent.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:XPreserveUnknownFields
	// +optional
	Events []runtime.RawExtension `json:"events,omitempty"`

	// Skipped is how many records a skip rule drops.
	// +kubebuilder:validation:Minimum=0
	// +optional
	Skipped int32 `json:"skipped,omitempty"`

	// Rejected lists, in order, parts of the reasons of rejected records.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=1024
	// +optional
	Rejected []string `json:"rejected,omitempty"`
}

// ParserStatus is what is known about a Parser.
type ParserStatus struct {
	ObjectStatus `json:",inline"`

	// Sources is how many FeedSources use the Parser.
	// +optional
	Sources int32 `json:"sources,omitempty"`

	// Bindings are the first 100 FeedSources that use the Parser, by name.
	// +listType=atomic
	// +optional
	Bindings []Binding `json:"bindings,omitempty"`
}

// Parser declares how the bytes of a feed become events.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wp,categories=weir
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Sources",type=integer,JSONPath=`.status.sources`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type Parser struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec ParserSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ParserStatus `json:"status,omitempty"`
}

// ParserList is a list of Parsers.
// +kubebuilder:object:root=true
type ParserList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Parser `json:"items"`
}
