package v1alpha1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

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

	// AllowedNamespaces says which namespaces' FeedSources and Subscriptions may
	// name this Exchange; only its own if absent.
	// +kubebuilder:default={from: Same}
	// +optional
	AllowedNamespaces NamespacesSpec `json:"allowedNamespaces,omitempty"`

	// Bus carries everything between the components; embedded in the hub if
	// absent. In a cluster only.
	// +kubebuilder:validation:XValidation:rule="has(self.nats) == has(oldSelf.nats)",message="the bus cannot move between embedded and external: what it holds would be lost; make a new Exchange"
	// +kubebuilder:default={}
	// +optional
	Bus BusSpec `json:"bus,omitempty"`

	// Storage is the volume of each hub replica. In a cluster only.
	// +kubebuilder:default={}
	// +optional
	Storage StorageSpec `json:"storage,omitempty"`

	// Replicas of the hub. Each owns a share of the sources and keeps their events,
	// so there may be more later but never fewer.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=16
	// +kubebuilder:validation:XValidation:rule="self >= oldSelf",message="replicas cannot shrink: what the last replica recorded would not be found any more"
	// +kubebuilder:default=1
	// +optional
	Replicas int32 `json:"replicas,omitempty"`

	// Collectors says how FeedSources share pods. In a cluster only.
	// +kubebuilder:default={}
	// +optional
	Collectors SharingSpec `json:"collectors,omitempty"`

	// Monitors says how Parsers share pods. In a cluster only.
	// +kubebuilder:default={}
	// +optional
	Monitors SharingSpec `json:"monitors,omitempty"`

	// Exporters says how Subscriptions share pods. In a cluster only.
	// +kubebuilder:default={}
	// +optional
	Exporters SharingSpec `json:"exporters,omitempty"`

	// Pod adjusts the pods of the hub.
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`
}

// NamespacesFrom is a way to choose namespaces.
// +kubebuilder:validation:Enum=Same;All;Selector
type NamespacesFrom string

// The ways to choose namespaces.
const (
	NamespacesSame     NamespacesFrom = "Same"
	NamespacesAll      NamespacesFrom = "All"
	NamespacesSelector NamespacesFrom = "Selector"
)

// NamespacesSpec chooses namespaces.
// +kubebuilder:validation:XValidation:rule="(self.from == 'Selector') == has(self.selector)",message="selector goes with from: Selector, and only with it"
type NamespacesSpec struct {
	// From is Same, All or Selector.
	// +kubebuilder:default=Same
	// +optional
	From NamespacesFrom `json:"from,omitempty"`

	// Selector chooses namespaces by their labels.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// BusSpec says which NATS JetStream carries the exchange.
type BusSpec struct {
	// NATS is an external cluster; without it the hub runs an embedded server.
	// +optional
	NATS *NATSSpec `json:"nats,omitempty"`

	// MaxBytes bounds what an embedded bus keeps on the hub's volume; half of the
	// volume if absent.
	// +optional
	MaxBytes *resource.Quantity `json:"maxBytes,omitempty"`
}

// NATSSpec is an external NATS with JetStream. One account serves one Exchange.
type NATSSpec struct {
	// URLs of the servers, for example nats://nats.nats.svc:4222 or tls://....
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.all(u, u.matches('^(nats|tls)://[^/@?# ]+$'))",message="urls are nats://host:port or tls://host:port, without user, password or path"
	// +required
	URLs []string `json:"urls"`

	// SigningKey is the seed (SA...) of the account's key, or of one of its signing
	// keys: the operator makes a user for each component with it.
	// +required
	SigningKey SecretKeyReference `json:"signingKey"`

	// Account is the public key (A...) of the account, if SigningKey is not the
	// account's own key.
	// +kubebuilder:validation:Pattern=`^A[A-Z2-7]{55}$`
	// +optional
	Account string `json:"account,omitempty"`

	// CA is a PEM bundle that tls:// servers are checked against; the system's if
	// absent.
	// +optional
	CA *SecretKeyReference `json:"ca,omitempty"`

	// Replicas of each stream.
	// +kubebuilder:validation:Enum=1;3;5
	// +kubebuilder:default=3
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
}

// DeletionPolicy says what becomes of data when its object goes.
// +kubebuilder:validation:Enum=Retain;Delete
type DeletionPolicy string

// The deletion policies.
const (
	DeletionRetain DeletionPolicy = "Retain"
	DeletionDelete DeletionPolicy = "Delete"
)

// StorageSpec is the volume of a hub replica: archive, and embedded bus.
type StorageSpec struct {
	// Size of the volume. It can grow where the storage class allows it.
	// +kubebuilder:default="20Gi"
	// +kubebuilder:validation:XValidation:rule="type(self) == int ? self >= 1073741824 : quantity(self).compareTo(quantity('1Gi')) >= 0",message="must be at least 1Gi"
	// +optional
	Size *resource.Quantity `json:"size,omitempty"`

	// ClassName of the volume; the cluster's default if absent.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="the storage class of a volume cannot change"
	// +optional
	ClassName string `json:"className,omitempty"`

	// DeletionPolicy says what becomes of the archive when the Exchange is deleted.
	// +kubebuilder:default=Retain
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// SharingMode says whether objects have pods of their own.
// +kubebuilder:validation:Enum=Dedicated;Shared
type SharingMode string

// The sharing modes.
const (
	// Dedicated gives each object a pod, with credentials for itself only.
	Dedicated SharingMode = "Dedicated"
	// Shared spreads the objects of the Exchange's own namespace over a fixed number
	// of pods, by a hash of the name. Objects of other namespaces stay Dedicated.
	Shared SharingMode = "Shared"
)

// SharingSpec says how objects of one kind share pods.
// +kubebuilder:validation:XValidation:rule="!has(self.shards) || self.mode == 'Shared'",message="shards goes with mode: Shared"
type SharingSpec struct {
	// Mode is Dedicated or Shared.
	// +kubebuilder:default=Dedicated
	// +optional
	Mode SharingMode `json:"mode,omitempty"`

	// Shards is how many pods share the objects; 1 if absent.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +optional
	Shards int32 `json:"shards,omitempty"`

	// Pod adjusts the shared pods.
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`
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

	// Sources is how many FeedSources are attached.
	// +optional
	Sources int32 `json:"sources,omitempty"`

	// Subscriptions is how many Subscriptions are attached.
	// +optional
	Subscriptions int32 `json:"subscriptions,omitempty"`
}

// Exchange is the hub of a namespace: bus, store and retention.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=wex,categories=weir
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Sources",type=integer,JSONPath=`.status.sources`
// +kubebuilder:printcolumn:name="Subscriptions",type=integer,JSONPath=`.status.subscriptions`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type Exchange struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +kubebuilder:default={}
	// +optional
	Spec ExchangeSpec `json:"spec,omitempty"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status ExchangeStatus `json:"status,omitempty"`
}

// ExchangeList is a list of Exchanges.
// +kubebuilder:object:root=true
type ExchangeList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Exchange `json:"items"`
}
