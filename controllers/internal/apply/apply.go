// Package apply brings child objects to the state that is wanted, by server-side
// apply, and writes only when something differs.
package apply

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/workload"
)

const (
	// FieldOwner of everything that the operator applies.
	FieldOwner = "weir-operator"
	// AnnotationApplied is the hash of what was applied last. It tells when a field
	// is not wanted any more, which a look at the fields that are cannot.
	AnnotationApplied = "feeds.weir.dev/applied"
	// LabelManagedBy is on every object that the operator makes.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// IndexOwner finds children by the UID of their controller.
	IndexOwner = "controller-uid"
)

// Applier applies. Safe for concurrent use.
type Applier struct {
	client.Client
	// Live reads past the cache, which holds only what the operator made: what is
	// not in it may still be somebody else's.
	Live client.Reader
}

// Set applies every object of the set for the owner and deletes those children of
// the prunable kinds that are not in it. It goes on after a failure and returns all
// of them.
func (a *Applier) Set(ctx context.Context, owner client.Object, set workload.Set, prune ...client.ObjectList) error {
	var failed error
	for _, o := range set {
		if err := a.object(ctx, owner.GetUID(), o); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s %s/%s: %w", o.GVK.Kind, o.Namespace, o.Name, err))
		}
	}
	for _, list := range prune {
		failed = errors.Join(failed, a.prune(ctx, owner, set, list))
	}
	return failed
}

func (a *Applier) object(ctx context.Context, owner types.UID, o workload.Object) error {
	want, hash, err := wanted(o)
	if err != nil {
		return err
	}
	live, err := a.live(ctx, o)
	if err != nil {
		return err
	}
	if live != nil {
		if ref := metav1.GetControllerOf(live); ref == nil || ref.UID != owner {
			return &failure.Error{Policy: failure.Retry, Reason: v1alpha1.ReasonNotOwned,
				Err: errors.New("an object of this name exists and belongs to somebody else; rename one of them")}
		}
		same, err := asWanted(want.Object, live, hash)
		if err != nil || same {
			return err
		}
	}
	return a.Apply(ctx, client.ApplyConfigurationFromUnstructured(want), client.FieldOwner(FieldOwner), client.ForceOwnership)
}

// wanted is the object with the hash of it.
func wanted(o workload.Object) (*unstructured.Unstructured, string, error) {
	data, err := json.Marshal(o.Config)
	if err != nil {
		return nil, "", fmt.Errorf("encode: %w", err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(data, &u.Object); err != nil {
		return nil, "", fmt.Errorf("encode: %w", err)
	}
	sum := sha256.Sum256(data)
	hash := hex.EncodeToString(sum[:8])
	annotations := u.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[AnnotationApplied] = hash
	u.SetAnnotations(annotations)
	return u, hash, nil
}

// live is the object as it is, or nil.
func (a *Applier) live(ctx context.Context, o workload.Object) (client.Object, error) {
	key := client.ObjectKey{Namespace: o.Namespace, Name: o.Name}
	if typed, err := a.Scheme().New(o.GVK); err == nil {
		obj := typed.(client.Object)
		err := a.Get(ctx, key, obj, client.UnsafeDisableDeepCopy) // it is only looked at
		if !apierrors.IsNotFound(err) {
			return obj, err
		}
	}
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(o.GVK)
	err := a.Live.Get(ctx, key, obj)
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil //nolint:nilnil // nothing there is no failure
	case meta.IsNoMatchError(err):
		return nil, failure.Waiting(v1alpha1.ReasonMissingAPI, "the cluster has no API %s: install it, or remove the field that asks for it", o.GVK)
	}
	return obj, err
}

func asWanted(want map[string]any, live client.Object, hash string) (bool, error) {
	if live.GetAnnotations()[AnnotationApplied] != hash {
		return false, nil
	}
	have, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, fmt.Errorf("compare: %w", err)
	}
	// What came out of the cache has no kind.
	have["apiVersion"], have["kind"] = want["apiVersion"], want["kind"]
	if !contains(have, want) {
		return false, nil
	}
	policy, ok := live.(*networkingv1.NetworkPolicy)
	if !ok {
		return true, nil
	}
	// Nothing of a policy belongs to others: one more way to choose a peer is a hole.
	only := &networkingv1.NetworkPolicy{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(want, only); err != nil {
		return false, fmt.Errorf("compare: %w", err)
	}
	return equality.Semantic.DeepEqual(policy.Spec, only.Spec), nil
}

// prune deletes children that are in the list's kind and not in the set.
func (a *Applier) prune(ctx context.Context, owner client.Object, set workload.Set, list client.ObjectList) error {
	gvk, err := apiutil.GVKForObject(list, a.Scheme())
	if err != nil {
		return err
	}
	kind := gvk.Kind[:len(gvk.Kind)-len("List")]
	if err := a.List(ctx, list, client.InNamespace(owner.GetNamespace()), client.MatchingFields{IndexOwner: string(owner.GetUID())},
		client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("list %s: %w", kind, err)
	}
	var failed error
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		child := item.(client.Object)
		for _, o := range set {
			if o.GVK.Kind == kind && o.Name == child.GetName() {
				return nil
			}
		}
		if child.GetDeletionTimestamp() != nil {
			return nil
		}
		err := a.Delete(ctx, child, client.Preconditions{UID: ptr.To(child.GetUID())}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			failed = errors.Join(failed, fmt.Errorf("delete %s %s/%s: %w", kind, child.GetNamespace(), child.GetName(), err))
		}
		return nil
	})
	return failed
}

// OwnerUID is the index function of IndexOwner.
func OwnerUID(o client.Object) []string {
	if ref := metav1.GetControllerOf(o); ref != nil {
		return []string{string(ref.UID)}
	}
	return nil
}
