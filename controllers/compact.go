package controllers

import (
	"fmt"
	"sync"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// compactor makes objects small before a cache keeps them: ten thousand collectors
// differ in few places, and what is the same in them is kept once. Objects of a
// cache are not changed by anybody, so they may share. Safe for concurrent use.
type compactor struct {
	mu    sync.Mutex
	known map[string]any // by type and content
}

// mostKnown bounds what is kept for sharing. Beyond it everything is forgotten, and
// objects that come later share anew.
const mostKnown = 4096

// lastApplied is what kubectl apply remembers: the object once more. Nobody here
// reads it, and nobody writes whole objects.
const lastApplied = corev1.LastAppliedConfigAnnotation

// transform is a cache's.
func (c *compactor) transform(in any) (any, error) {
	o, err := meta.Accessor(in)
	if err != nil {
		return in, nil //nolint:nilerr // a tombstone, not an object
	}
	o.SetManagedFields(nil)
	o.SetLabels(interned(o.GetLabels()))
	annotations := o.GetAnnotations()
	delete(annotations, lastApplied)
	o.SetAnnotations(interned(annotations))
	switch x := in.(type) {
	case *appsv1.Deployment:
		c.template(x.Spec.Selector, &x.Spec.Template)
	case *appsv1.StatefulSet:
		c.template(x.Spec.Selector, &x.Spec.Template)
	case *networkingv1.NetworkPolicy:
		x.Spec.PodSelector.MatchLabels = interned(x.Spec.PodSelector.MatchLabels)
		for i := range x.Spec.Ingress {
			x.Spec.Ingress[i] = *shared(c, &x.Spec.Ingress[i])
		}
		for i := range x.Spec.Egress {
			x.Spec.Egress[i] = *shared(c, &x.Spec.Egress[i])
		}
	case *v1alpha1.FeedSource:
		for i := range x.Status.Conditions {
			k := &x.Status.Conditions[i]
			k.Type, k.Reason, k.Message = intern(k.Type), intern(k.Reason), intern(k.Message)
		}
	}
	return in, nil
}

// template shares the parts of a pod that are the same in many.
func (c *compactor) template(selector *metav1.LabelSelector, t *corev1.PodTemplateSpec) {
	if selector != nil {
		selector.MatchLabels = interned(selector.MatchLabels)
	}
	t.Labels, t.Annotations = interned(t.Labels), interned(t.Annotations)
	p := &t.Spec
	p.SecurityContext, p.Affinity = shared(c, p.SecurityContext), shared(c, p.Affinity)
	for i := range p.Containers {
		k := &p.Containers[i]
		k.Image = intern(k.Image)
		k.Resources = *shared(c, &k.Resources)
		k.SecurityContext = shared(c, k.SecurityContext)
		k.LivenessProbe, k.ReadinessProbe, k.StartupProbe = shared(c, k.LivenessProbe), shared(c, k.ReadinessProbe), shared(c, k.StartupProbe)
		for j, a := range k.Args {
			k.Args[j] = intern(a)
		}
		for j := range k.Env {
			k.Env[j] = *shared(c, &k.Env[j])
		}
		for j := range k.VolumeMounts {
			k.VolumeMounts[j] = *shared(c, &k.VolumeMounts[j])
		}
	}
}

// part of an object that can be compared by its encoding.
type part[T any] interface {
	*T
	Marshal() ([]byte, error)
}

// shared is the first value that was seen with this content.
func shared[T any, P part[T]](c *compactor, p P) P {
	if p == nil {
		return nil
	}
	data, err := p.Marshal()
	if err != nil {
		return p
	}
	key := fmt.Sprintf("%T\x00%s", p, data)
	c.mu.Lock()
	defer c.mu.Unlock()
	if was, ok := c.known[key]; ok {
		return was.(P)
	}
	if c.known == nil || len(c.known) >= mostKnown {
		c.known = make(map[string]any)
	}
	kept := *(*T)(p) // p may be part of an object that others change
	c.known[key] = P(&kept)
	return &kept
}

// interned is a copy of a map whose strings are kept once.
func interned(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[intern(k)] = intern(v)
	}
	return out
}

func intern(s string) string { return unique.Make(s).Value() }
