package workload

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

// servicePortHTTP is where the Service of a Subscription answers.
const servicePortHTTP = 80

// HTTPRoute is the kind of the Gateway API that is made for a Subscription.
var HTTPRoute = schema.GroupVersionKind{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"}

// wayIn makes the Service of a group reachable from outside the cluster.
func (g *group) wayIn(x *v1alpha1.ExposeSpec, gatewayAPI bool) Set {
	switch {
	case x == nil:
		return nil
	case x.Ingress != nil:
		return setOf(g.ingress(x.Host, x.Ingress))
	case x.HTTPRoute != nil && gatewayAPI:
		return Set{{
			GVK:       HTTPRoute,
			Namespace: g.namespace(),
			Name:      g.name,
			Config:    client.ApplyConfigurationFromUnstructured(g.httpRoute(x.Host, x.HTTPRoute)),
		}}
	}
	return nil
}

func (g *group) ingress(host string, i *v1alpha1.IngressSpec) *applynet.IngressApplyConfiguration {
	backend := applynet.IngressBackend().WithService(applynet.IngressServiceBackend().
		WithName(g.name).
		WithPort(applynet.ServiceBackendPort().WithName("http")))
	spec := applynet.IngressSpec().WithRules(applynet.IngressRule().
		WithHost(host).
		WithHTTP(applynet.HTTPIngressRuleValue().WithPaths(applynet.HTTPIngressPath().
			WithPath("/").
			WithPathType(networkingv1.PathTypePrefix).
			WithBackend(backend))))
	if i.ClassName != "" {
		spec.WithIngressClassName(i.ClassName)
	}
	if i.TLSSecretName != "" {
		spec.WithTLS(applynet.IngressTLS().WithHosts(host).WithSecretName(i.TLSSecretName))
	}
	return applynet.Ingress(g.name, g.namespace()).
		WithLabels(g.labels).
		WithAnnotations(i.Annotations).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(spec)
}

// httpRoute writes the defaults of the Gateway API out, so that what is applied is
// what the cluster then has.
func (g *group) httpRoute(host string, r *v1alpha1.HTTPRouteSpec) *unstructured.Unstructured {
	parents := make([]any, 0, len(r.ParentRefs))
	for _, p := range r.ParentRefs {
		parent := map[string]any{"group": HTTPRoute.Group, "kind": "Gateway", "name": p.Name}
		if p.Namespace != "" {
			parent["namespace"] = p.Namespace
		}
		if p.SectionName != "" {
			parent["sectionName"] = p.SectionName
		}
		parents = append(parents, parent)
	}
	ref := g.owner.reference()
	labels := make(map[string]any, len(g.labels))
	for k, v := range g.labels {
		labels[k] = v
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": HTTPRoute.GroupVersion().String(),
		"kind":       HTTPRoute.Kind,
		"metadata": map[string]any{
			"name":      g.name,
			"namespace": g.namespace(),
			"labels":    labels,
			"ownerReferences": []any{map[string]any{
				"apiVersion": *ref.APIVersion, "kind": *ref.Kind, "name": *ref.Name, "uid": string(*ref.UID),
				"controller": true, "blockOwnerDeletion": true,
			}},
		},
		"spec": map[string]any{
			"parentRefs": parents,
			"hostnames":  []any{host},
			"rules": []any{map[string]any{
				"matches": []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": "/"}}},
				"backendRefs": []any{map[string]any{
					"group": "", "kind": "Service", "name": g.name, "port": int64(servicePortHTTP), "weight": int64(1),
				}},
			}},
		},
	}}
}
