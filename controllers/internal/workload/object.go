package workload

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	appsv1 "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
)

// Object is an apply configuration with its key.
type Object struct {
	GVK             schema.GroupVersionKind
	Namespace, Name string
	Config          runtime.ApplyConfiguration
}

// Set is what one custom resource wants to exist.
type Set []Object

var _ = appsv1.Deployment
var _ = corev1.Service
