// Package keyring makes the keys of buses and the credentials of components, and
// keeps them as Secrets in the cluster.
//
// The keys of an embedded bus are made once and never written again. Credentials
// are written when they are missing, near their end, or made for something else;
// whether that is so stands in their annotations, so the operator never reads them
// back. Key material is in no log line and in no error.
package keyring

import (
	"context"
	"fmt"
	"hash/fnv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	fieldOwner     = "weir-operator"
	labelManagedBy = "app.kubernetes.io/managed-by"

	// AnnotationExpires is when credentials expire, RFC 3339.
	AnnotationExpires = "feeds.weir.dev/expires"
	// AnnotationRole is the hash of what credentials allow and who signed them.
	AnnotationRole = "feeds.weir.dev/role"

	annotationCA      = "feeds.weir.dev/ca"      // hash of the CA beside credentials
	annotationApplied = "feeds.weir.dev/applied" // hash of what was applied

	// defaultLifetime of credentials.
	defaultLifetime = 30 * 24 * time.Hour
)

// Error says why there are no keys or credentials. It is made for a condition.
type Error struct {
	Reason  string // ReasonSecretNotFound, ReasonInvalidSpec, ReasonNotOwned or ReasonDeleting
	Message string // what to do, without secrets
	Err     error  // the cause, may be nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return e.Message
	}
	return e.Message + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// ConditionReason is the reason of a condition that this error explains.
func (e *Error) ConditionReason() string { return e.Reason }

func failed(reason string, cause error, format string, args ...any) error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, args...), Err: cause}
}

// Ring makes keys and credentials. Safe for concurrent use; the fields must not
// change.
type Ring struct {
	// Reader reads Secrets past any cache.
	Reader client.Reader
	// Writer makes and applies Secrets.
	Writer client.Client
	// Meta reads the metadata of Secrets (PartialObjectMetadata) from a cache.
	Meta client.Reader
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Lifetime of credentials; 0 is 30 days.
	Lifetime time.Duration

	mu       sync.Mutex
	held     map[types.NamespacedName]*held // by Exchange
	operator map[string]*minted             // by hash of the role
}

func (r *Ring) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *Ring) lifetime() time.Duration {
	if r.Lifetime <= 0 {
		return defaultLifetime
	}
	return r.Lifetime
}

// rotateAt is when credentials are to be made anew: when a third of their life is
// left, up to a sixth of it earlier, so that not all of them are made at once.
func (r *Ring) rotateAt(expires time.Time, uid types.UID) time.Time {
	life := r.lifetime()
	h := fnv.New32a()
	_, _ = h.Write([]byte(uid))
	jitter := time.Duration(float64(life/6) * float64(h.Sum32()) / (1 << 32))
	return expires.Add(-life/3 - jitter)
}

// Forget drops what is kept in memory of an Exchange that is gone.
func (r *Ring) Forget(exchange types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.held, exchange)
}

// secretMeta reads the metadata of a Secret, nil if there is none.
func secretMeta(ctx context.Context, from client.Reader, key client.ObjectKey) (*metav1.PartialObjectMetadata, error) {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := from.Get(ctx, key, m)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // nothing there is no failure
	}
	if err != nil {
		return nil, fmt.Errorf("look at Secret %s: %w", key, err)
	}
	return m, nil
}

// owned refuses a Secret that was not made for owner.
func (r *Ring) owned(secret, owner client.Object) error {
	if metav1.IsControlledBy(secret, owner) {
		return nil
	}
	kind := r.kind(owner)
	ref := metav1.GetControllerOf(secret)
	if ref != nil && ref.Kind == kind && ref.Name == owner.GetName() {
		return failed(v1alpha1.ReasonDeleting, nil,
			"Secret %s belongs to the %s of this name that was deleted: wait until it is gone too", secret.GetName(), kind)
	}
	return failed(v1alpha1.ReasonNotOwned, nil,
		"Secret %s was not made for this %s: delete or rename one of them", secret.GetName(), kind)
}

func (r *Ring) kind(o client.Object) string {
	gvk, err := r.Writer.GroupVersionKindFor(o)
	if err != nil {
		return "object"
	}
	return gvk.Kind
}

// controller is the reference of a child to its owner.
func (r *Ring) controller(owner client.Object) (*applymeta.OwnerReferenceApplyConfiguration, error) {
	gvk, err := r.Writer.GroupVersionKindFor(owner)
	if err != nil {
		return nil, fmt.Errorf("kind of the owner: %w", err)
	}
	return applymeta.OwnerReference().
		WithAPIVersion(gvk.GroupVersion().String()).
		WithKind(gvk.Kind).
		WithName(owner.GetName()).
		WithUID(owner.GetUID()).
		WithController(true).
		WithBlockOwnerDeletion(true), nil
}
