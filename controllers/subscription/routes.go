package subscription

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/controllers/internal/workload"
)

// Routes removes HTTPRoutes that are not wanted any more. The kind is in the
// cluster only where the Gateway API is installed, so it cannot be watched as other
// children are: the API server is asked once for each Subscription, and the answer
// remembered.
type Routes struct {
	Live   client.Reader
	Client client.Client

	mu   sync.Mutex
	none map[types.UID]bool
}

// Prune deletes the route of a Subscription that wants none.
func (r *Routes) Prune(ctx context.Context, owner client.Object, set workload.Set) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.none == nil {
		r.none = map[types.UID]bool{}
	}
	for _, o := range set {
		if o.GVK.Kind == workload.HTTPRoute.Kind {
			delete(r.none, owner.GetUID())
			return nil
		}
	}
	if r.none[owner.GetUID()] {
		return nil
	}
	route := &unstructured.Unstructured{}
	route.SetGroupVersionKind(workload.HTTPRoute)
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: owner.GetNamespace(), Name: workload.ServiceName(owner.GetName())}, route)
	if err == nil && metav1.IsControlledBy(route, owner) {
		err = r.Client.Delete(ctx, route, client.Preconditions{UID: ptr.To(route.GetUID())})
	}
	if err != nil && client.IgnoreNotFound(err) != nil && !meta.IsNoMatchError(err) {
		return fmt.Errorf("HTTPRoute that is not wanted any more: %w", err)
	}
	r.none[owner.GetUID()] = true
	return nil
}
