package workload

import (
	"net/netip"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Options are the operator's settings that reach what it makes.
type Options struct {
	// Image of the data plane, with tag or digest.
	Image string
	// PullPolicy of the image; the cluster's default if empty.
	PullPolicy string
	// PullSecrets are names of Secrets in the namespace of each pod.
	PullSecrets []string

	// AllowNetworks are private networks that feeds may come from.
	AllowNetworks []netip.Prefix
	// NetworkPolicies are made for every workload.
	NetworkPolicies bool
	// DNSNamespace is where the cluster's DNS runs; kube-system if empty.
	DNSNamespace string
	// MetricsFrom are the namespaces whose pods may read metrics; all if empty.
	MetricsFrom []string

	// OperatorNamespace and OperatorLabels are those of the operator's pods, which
	// an embedded bus lets in: nobody without a namespace, every pod of it without
	// labels.
	OperatorNamespace string
	OperatorLabels    map[string]string

	// UserNamespaces gives pods a user namespace of their own (hostUsers: false).
	UserNamespaces bool
	// PlatformGroup leaves the group that owns volumes to the platform, as OpenShift
	// wants it: its security context constraints assign one from the namespace's
	// range and refuse any other.
	PlatformGroup bool

	// LogLevel of the data plane; its default if empty.
	LogLevel string
}

// Object is an apply configuration with its key.
type Object struct {
	GVK             schema.GroupVersionKind
	Namespace, Name string
	Config          runtime.ApplyConfiguration
}

// Set is what one custom resource wants to exist. The custom resource is the
// controller of each object (metadata.ownerReferences).
type Set []Object

// applied is what generated apply configurations say about themselves.
type applied interface {
	runtime.ApplyConfiguration
	GetAPIVersion() *string
	GetKind() *string
	GetNamespace() *string
	GetName() *string
}

// setOf lists apply configurations. Each must have been made by its generated
// constructor, which fills in all four fields.
func setOf(configs ...applied) Set {
	set := make(Set, 0, len(configs))
	for _, c := range configs {
		set = append(set, Object{
			GVK:       schema.FromAPIVersionAndKind(*c.GetAPIVersion(), *c.GetKind()),
			Namespace: *c.GetNamespace(),
			Name:      *c.GetName(),
			Config:    c,
		})
	}
	return set
}
