package controllers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
)

// CacheOptions of the manager: of kinds that everybody uses, only what the
// operator made; no managed fields; and an error where code reads a kind that
// nobody watches, rather than a silent watch of all of it.
func CacheOptions(namespaces []string) cache.Options {
	o := cache.Options{
		DefaultTransform:            new(compactor).transform,
		ReaderFailOnMissingInformer: true,
		ByObject:                    map[client.Object]cache.ByObject{},
	}
	ours := cache.ByObject{Label: ours()}
	for _, kind := range []client.Object{
		&appsv1.Deployment{}, &appsv1.StatefulSet{}, &corev1.Service{}, &corev1.ServiceAccount{},
		&networkingv1.NetworkPolicy{}, &networkingv1.Ingress{}, &policyv1.PodDisruptionBudget{},
	} {
		o.ByObject[kind] = ours
	}
	confine(&o, namespaces)
	return o
}

func ours() labels.Selector {
	return labels.SelectorFromSet(labels.Set{workload.LabelManagedBy: workload.ManagedBy})
}

func confine(o *cache.Options, namespaces []string) {
	for _, ns := range namespaces {
		if o.DefaultNamespaces == nil {
			o.DefaultNamespaces = map[string]cache.Config{}
		}
		o.DefaultNamespaces[ns] = cache.Config{}
	}
}

// newSecretCache holds the metadata of Secrets, of which reconcilers want to know
// that they changed. The values never reach it. It is a cache of its own, since the
// manager's holds other things by label.
func newSecretCache(mgr ctrl.Manager, o Options) (cache.Cache, error) {
	opts := cache.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(), DefaultTransform: slim}
	if !o.SecretWatch {
		opts.DefaultLabelSelector = ours()
	}
	confine(&opts, o.WatchNamespaces)
	c, err := cache.New(mgr.GetConfig(), opts)
	if err != nil {
		return nil, fmt.Errorf("cache of Secrets: %w", err)
	}
	if err := mgr.Add(c); err != nil {
		return nil, fmt.Errorf("cache of Secrets: %w", err)
	}
	return c, nil
}

// slim keeps of an object's metadata what reconcilers look at.
func slim(in any) (any, error) {
	m, ok := in.(*metav1.PartialObjectMetadata)
	if !ok {
		return in, nil
	}
	m.ManagedFields = nil
	if m.Labels[workload.LabelManagedBy] != workload.ManagedBy {
		m.Labels, m.Annotations, m.OwnerReferences = nil, nil, nil
		return m, nil
	}
	for k := range m.Annotations {
		if !strings.HasPrefix(k, v1alpha1.GroupVersion.Group+"/") {
			delete(m.Annotations, k)
		}
	}
	return m, nil
}

// CachesSynced is ready when the caches hold what is there.
func CachesSynced(mgr ctrl.Manager) healthz.Checker {
	return func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		if !mgr.GetCache().WaitForCacheSync(ctx) {
			return errors.New("the caches are not filled yet")
		}
		return nil
	}
}
