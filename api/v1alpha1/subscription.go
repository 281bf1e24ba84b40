package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SubscriptionSpec declares who gets what, and how.
type SubscriptionSpec struct {
	// ExchangeRef is the hub that serves the subscription.
	// +required
	ExchangeRef ExchangeReference `json:"exchangeRef"`

	// Organisation is who gets the events.
	// +required
	Organisation OrganisationSpec `json:"organisation"`

	// Clearance is what the organisation may see.
	// +kubebuilder:default={}
	// +optional
	Clearance ClearanceSpec `json:"clearance,omitempty"`

	// Zones are the views that the organisation may use. A zone that is absent
	// is refused.
	// +required
	Zones ZonesSpec `json:"zones"`

	// Access says who may log in. Without it nobody can.
	// +optional
	Access AccessSpec `json:"access,omitempty"`

	// Exports are the outputs.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	Exports []ExportSpec `json:"exports"`

	// Suspend stops serving.
	// +optional
	Suspend bool `json:"suspend,omitempty"`

	// Replicas of the exporter. It has no effect where exporters share pods.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=32
	// +kubebuilder:default=1
	// +optional
	Replicas *int32 `json:"replicas,omitempty"`

	// Expose makes the exporter reachable from outside the cluster; without it only
	// its Service is made.
	// +optional
	Expose *ExposeSpec `json:"expose,omitempty"`

	// Pod adjusts the exporter's pods. It has no effect where exporters share pods.
	// +optional
	Pod *PodOptions `json:"pod,omitempty"`
}

// ExposeSpec makes an exporter reachable from outside the cluster.
// +kubebuilder:validation:ExactlyOneOf=ingress;httpRoute
type ExposeSpec struct {
	// Host that clients use, for example feeds.example.org.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +required
	Host string `json:"host"`

	// Ingress makes an Ingress.
	// +optional
	Ingress *IngressSpec `json:"ingress,omitempty"`

	// HTTPRoute makes a route of the Gateway API.
	// +optional
	HTTPRoute *HTTPRouteSpec `json:"httpRoute,omitempty"`
}

// IngressSpec configures an Ingress.
type IngressSpec struct {
	// ClassName of the Ingress; the cluster's default if absent.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ClassName string `json:"className,omitempty"`

	// TLSSecretName holds the certificate of the host. Without it tokens travel in
	// clear text to the ingress.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	TLSSecretName string `json:"tlsSecretName,omitempty"`

	// Annotations of the Ingress, for its controller.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// HTTPRouteSpec configures an HTTPRoute.
type HTTPRouteSpec struct {
	// ParentRefs are the Gateways that the route attaches to.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +required
	ParentRefs []GatewayReference `json:"parentRefs"`
}

// GatewayReference names a Gateway, or one listener of it.
type GatewayReference struct {
	// Name of the Gateway.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`

	// Namespace of the Gateway; the Subscription's own if absent.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// SectionName is the listener.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	SectionName string `json:"sectionName,omitempty"`
}

// OrganisationSpec is an organisation and what belongs to it.
type OrganisationSpec struct {
	// ID of the organisation, as n6 writes it: at most 32 characters, usually
	// its domain. It stands in the client field of events.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[-.a-z0-9_]+$`
	// +required
	ID string `json:"id"`

	// Criteria make an event the organisation's own: one that fits is enough.
	// +optional
	Criteria CriteriaSpec `json:"criteria,omitempty"`
}

// CriteriaSpec tells an organisation's own networks and names.
type CriteriaSpec struct {
	// ASNs are autonomous system numbers.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:Minimum=0
	// +kubebuilder:validation:items:Maximum=4294967295
	// +optional
	ASNs []int64 `json:"asns,omitempty"`

	// CIDRs are IPv4 and IPv6 networks.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=49
	// +kubebuilder:validation:items:Pattern=`^[0-9a-fA-F:.]+/[0-9]{1,3}$`
	// +optional
	CIDRs []string `json:"cidrs,omitempty"`

	// Countries are ISO 3166-1 alpha-2 codes of addresses.
	// +listType=set
	// +kubebuilder:validation:MaxItems=300
	// +kubebuilder:validation:items:Pattern=`^[A-Z]{2}$`
	// +optional
	Countries []string `json:"countries,omitempty"`

	// FQDNs are domains; their subdomains belong too.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:MinLength=1
	// +optional
	FQDNs []string `json:"fqdns,omitempty"`

	// URLs are prefixes: an event whose url starts with one, up to a boundary of
	// host, path segment or query, belongs.
	// +listType=set
	// +kubebuilder:validation:MaxItems=10000
	// +kubebuilder:validation:items:MaxLength=2048
	// +kubebuilder:validation:items:MinLength=8
	// +optional
	URLs []string `json:"urls,omitempty"`
}

// ClearanceSpec is what an organisation may see.
type ClearanceSpec struct {
	// TLP is the narrowest label that the organisation may receive.
	// +kubebuilder:default=GREEN
	// +optional
	TLP TLP `json:"tlp,omitempty"`

	// FullAccess shows internal events, restricted fields, real sources and
	// unanonymized addresses, as n6's full_access.
	// +optional
	FullAccess bool `json:"fullAccess,omitempty"`
}

// ZonesSpec grants views. As in n6: inside are events about the organisation's
// own networks and names, threats are events that everybody should know, search
// is everything the organisation may see.
//
// +kubebuilder:validation:XValidation:rule="has(self.inside) || has(self.threats) || has(self.search)",message="grant at least one zone: inside: {}, threats: {} or search: {}"
type ZonesSpec struct {
	// Inside grants /report/inside.
	// +optional
	Inside *SelectionSpec `json:"inside,omitempty"`

	// Threats grants /report/threats.
	// +optional
	Threats *SelectionSpec `json:"threats,omitempty"`

	// Search grants /search/events.
	// +optional
	Search *SelectionSpec `json:"search,omitempty"`
}

// SelectionSpec narrows a zone. Empty selects all.
type SelectionSpec struct {
	// Sources of the events, <provider>.<channel>; all if absent.
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Sources []SourceName `json:"sources,omitempty"`

	// Categories of the events; all if absent.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Categories []Category `json:"categories,omitempty"`

	// MinConfidence of the events.
	// +optional
	MinConfidence Confidence `json:"minConfidence,omitempty"`
}

// AccessSpec says who may log in.
type AccessSpec struct {
	// Keys are bearer tokens.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Keys []AccessKey `json:"keys,omitempty"`

	// JWT accepts n6's API keys: JSON Web Tokens (HS256) with the claims login
	// and api_key_id.
	// +optional
	JWT *JWTAccess `json:"jwt,omitempty"`
}

// AccessKey is one bearer token.
type AccessKey struct {
	// Name of the key, for logs and metrics.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// SecretRef holds sha256:<hex> of the token (weir key new prints both), or
	// the token itself, of at least 24 characters.
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`
}

// JWTAccess accepts signed tokens.
type JWTAccess struct {
	// SecretRef holds the key that signs the tokens, of at least 32 bytes.
	// +required
	SecretRef SecretKeyReference `json:"secretRef"`

	// Users that may log in.
	// +listType=map
	// +listMapKey=login
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +required
	Users []JWTUser `json:"users"`
}

// JWTUser is one user and the one key id that is valid for it.
type JWTUser struct {
	// Login claim, usually an e-mail address.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=254
	// +required
	Login string `json:"login"`

	// APIKeyID claim; another id revokes the tokens issued before.
	// +kubebuilder:validation:MinLength=8
	// +kubebuilder:validation:MaxLength=64
	// +required
	APIKeyID string `json:"apiKeyID"`
}

// SubscriptionStatus is what is known about a subscription.
type SubscriptionStatus struct {
	ObjectStatus `json:",inline"`

	// URL of the exports inside the cluster.
	// +optional
	URL string `json:"url,omitempty"`

	// Replicas that are ready, and Selector of the pods: for the scale subresource.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// +optional
	Selector string `json:"selector,omitempty"`

	// Bindings is the Exchange that the subscription works with.
	// +listType=atomic
	// +optional
	Bindings []Binding `json:"bindings,omitempty"`
}

// Subscription declares who gets which events, and how.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:shortName=wsub,categories=weir
// +kubebuilder:selectablefield:JSONPath=`.spec.exchangeRef.name`
// +kubebuilder:printcolumn:name="Organisation",type=string,JSONPath=`.spec.organisation.id`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule="self.metadata.name.matches('^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$')",message="metadata.name must be a DNS label of at most 63 characters: it becomes part of bus subjects"
type Subscription struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// +required
	Spec SubscriptionSpec `json:"spec"`
	// +kubebuilder:default={"observedGeneration":-1}
	// +optional
	Status SubscriptionStatus `json:"status,omitempty"`
}

// SubscriptionList is a list of Subscriptions.
// +kubebuilder:object:root=true
type SubscriptionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Subscription `json:"items"`
}
