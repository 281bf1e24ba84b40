// Package v1alpha1 holds the custom resources of API group feeds.weir.dev.
//
// A FeedSource says where a feed comes from, a Parser how its bytes become
// events, a Subscription who gets what, an Exchange where all of that meets;
// a FormatChange records that a publisher changed the format and what was
// decided about it. References are local to a namespace.
//
// +kubebuilder:object:generate=true
// +kubebuilder:ac:generate=true
// +kubebuilder:ac:output:package="applyconfiguration"
// +groupName=feeds.weir.dev
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the API group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "feeds.weir.dev", Version: "v1alpha1"}

// SchemeGroupVersion is GroupVersion under the name that generated code uses.
var SchemeGroupVersion = GroupVersion

var (
	schemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme registers every kind of this package.
	AddToScheme = schemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Exchange{}, &ExchangeList{},
		&FeedSource{}, &FeedSourceList{},
		&Parser{}, &ParserList{},
		&Subscription{}, &SubscriptionList{},
		&FormatChange{}, &FormatChangeList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
