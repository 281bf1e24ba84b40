// Package scope is what the reconcilers of all kinds share: what they work with,
// and how a reconcile ends.
package scope

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/recorder"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/keyring"
	"github.com/weir-project/weir/controllers/internal/metrics"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
)

// AnnotationRole on pods is the hash of what their credentials allow.
const AnnotationRole = "feeds.weir.dev/role"

// Base is what every reconciler has.
type Base struct {
	client.Client
	Applier  *apply.Applier
	Links    *buslink.Links
	Ring     *keyring.Ring
	Recorder recorder.EventRecorder
	Metrics  *metrics.Metrics
	// Secrets reads the metadata of Secrets from a cache of its own.
	Secrets  client.Reader
	Workload workload.Options
	// Namespaces tells whether the operator may read namespaces.
	Namespaces bool
	// SecretWatch rolls pods when a Secret that they use changes.
	SecretWatch bool
	Now         func() time.Time

	begun     sync.Once
	startedAt time.Time // the first look at anything
	memories  sync.Map  // objectKey to *memory
}

// World for one reconcile.
func (b *Base) World(ctx context.Context) *world.World { return world.New(ctx, b.Client, b.Namespaces) }

// Link to the bus of an exchange; what is not connected says so when it is used.
func (b *Base) Link(exchange plan.Ref) *buslink.Link {
	return b.Links.Get(types.NamespacedName(exchange))
}

// Credentials makes the Secret with which a component of the exchange talks to the
// bus, and puts the role on the pods in set, so that they start again when it
// changes. rotateAt is when to look again.
func (b *Base) Credentials(ctx context.Context, e *v1alpha1.Exchange, owner client.Object, set workload.Set, c Component) (rotateAt time.Time, err error) {
	keys, err := b.Ring.Keys(ctx, e)
	if err != nil {
		return time.Time{}, fmt.Errorf("keys of the bus: %w", err)
	}
	rotateAt, role, err := b.Ring.Credentials(ctx, owner, c.Secret, c.Labels, keys, c.Role)
	if err != nil {
		return time.Time{}, fmt.Errorf("credentials for the bus: %w", err)
	}
	if !c.Keep {
		annotatePods(set, c.Secret, role)
	}
	return rotateAt, nil
}

// Component of the data plane that needs credentials.
type Component struct {
	Secret string
	Labels map[string]string
	Role   creds.Role
	// Keep leaves pods running when the role changes: they take the new credentials
	// when the kubelet brings them, a minute later or so.
	Keep bool
}

// annotatePods puts the role on the pods that mount the Secret: a pod keeps the
// permissions that it connected with.
func annotatePods(set workload.Set, secret, role string) {
	for _, o := range set {
		var template *applycore.PodTemplateSpecApplyConfiguration
		switch w := o.Config.(type) {
		case *applyapps.DeploymentApplyConfiguration:
			template = w.Spec.Template
		case *applyapps.StatefulSetApplyConfiguration:
			template = w.Spec.Template
		default:
			continue
		}
		for _, v := range template.Spec.Volumes {
			if v.Secret != nil && v.Secret.SecretName != nil && *v.Secret.SecretName == secret {
				template.WithAnnotations(map[string]string{AnnotationRole: role})
			}
		}
	}
}

// DropCredentials deletes the Secret of a component that has no pod of its own any
// more.
func (b *Base) DropCredentials(ctx context.Context, owner client.Object, name string) error {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := b.Secrets.Get(ctx, client.ObjectKey{Namespace: owner.GetNamespace(), Name: name}, m)
	if err != nil || !metav1.IsControlledBy(m, owner) {
		return client.IgnoreNotFound(err)
	}
	return client.IgnoreNotFound(b.Delete(ctx, m, client.Preconditions{UID: ptr.To(m.UID)}))
}

// Prunable are the kinds of children that may be wanted no more.
func Prunable() []client.ObjectList {
	return []client.ObjectList{
		&appsv1.DeploymentList{}, &corev1.ServiceAccountList{}, &networkingv1.NetworkPolicyList{},
	}
}

// SecretVersions hashes the versions of the Secrets that refs name, those that are
// missing included. It is empty when Secrets are not watched.
func (b *Base) SecretVersions(ctx context.Context, namespace string, refs []v1alpha1.FieldRef) (string, error) {
	versions, err := b.SecretResourceVersions(ctx, namespace, refs)
	if err != nil || len(versions) == 0 {
		return "", err
	}
	return workload.SecretsHash(versions), nil
}

// SecretResourceVersions are those of the Secrets that refs name, by name.
func (b *Base) SecretResourceVersions(ctx context.Context, namespace string, refs []v1alpha1.FieldRef) (map[string]string, error) {
	versions := map[string]string{}
	if !b.SecretWatch {
		return versions, nil
	}
	for _, name := range world.SecretNames(refs) {
		m := &metav1.PartialObjectMetadata{}
		m.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
		err := b.Secrets.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, m)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("look at Secret %s: %w", name, err)
		}
		versions[name] = m.ResourceVersion
	}
	return versions, nil
}

// Outcome is how a reconcile ended.
type Outcome struct {
	// Kind and Object that was reconciled.
	Kind   string
	Object client.Object
	// Was and Conditions are the conditions before and now. Conditions are merged
	// already.
	Was, Conditions []metav1.Condition
	// Changed tells that the status differs; Status is what to apply then.
	Changed bool
	Status  runtime.ApplyConfiguration
	// Err of the phases.
	Err error
	// Link to the bus that the status is about.
	Link *buslink.Link
	// Again is when to look again at the latest; zero is never.
	Again time.Time
}

// Finish writes the status if it changed, tells transitions, and turns the outcome
// into what the queue wants.
func (b *Base) Finish(ctx context.Context, o Outcome) (ctrl.Result, error) {
	if b.early(o) {
		return ctrl.Result{RequeueAfter: settling / 2}, nil
	}
	ready := meta.FindStatusCondition(o.Conditions, v1alpha1.ConditionReady)
	b.Metrics.Ready(o.Kind, o.Object.GetNamespace(), o.Object.GetName(), ready.Status == metav1.ConditionTrue)
	is, err := statusSum(o)
	if err != nil {
		return ctrl.Result{}, errors.Join(o.Err, err)
	}
	m := b.memory(o)
	if o.Changed || m.wrote && m.status != is {
		if err := b.Status().Apply(ctx, o.Status, client.FieldOwner(apply.FieldOwner), client.ForceOwnership); err != nil {
			return ctrl.Result{}, errors.Join(o.Err, client.IgnoreNotFound(fmt.Errorf("write status: %w", err)))
		}
		m.wrote, m.status = true, is
	}
	o.Again = Earliest(o.Again, b.tell(o.Object, m, ready))
	return b.result(ctx, o)
}

type objectKey struct {
	kind string
	name types.NamespacedName
}

// memory is what was last written and told of an object. The cache may show what
// was before: nobody wants to be told twice. Reconciles of one object do not run at
// the same time.
type memory struct {
	uid    types.UID
	wrote  bool
	status [sha256.Size]byte // what was written
	looked bool              // ready is known
	ready  *metav1.Condition // what was told; nil is nothing
	news   map[string]string // what was told of topics
}

func (b *Base) memory(o Outcome) *memory {
	m := b.recall(o.Kind, o.Object)
	if !m.looked {
		m.looked, m.ready = true, meta.FindStatusCondition(o.Was, v1alpha1.ConditionReady).DeepCopy()
	}
	return m
}

func (b *Base) recall(kind string, o client.Object) *memory {
	key := objectKey{kind, client.ObjectKeyFromObject(o)}
	if m, ok := b.memories.Load(key); ok && m.(*memory).uid == o.GetUID() {
		return m.(*memory)
	}
	m := &memory{uid: o.GetUID(), news: map[string]string{}}
	b.memories.Store(key, m)
	return m
}

// News reports whether id is not what was last told of a topic of an object, and
// takes it as told.
func (b *Base) News(kind string, o client.Object, topic, id string) bool {
	m := b.recall(kind, o)
	was := m.news[topic]
	m.news[topic] = id
	return was != id
}

// statusSum stands for a status that was written. What the cache shows may be older
// than the last write; a status that is as the cache shows it, but not as it was
// written, has to be written again.
func statusSum(o Outcome) (sum [sha256.Size]byte, err error) {
	data, err := json.Marshal(o.Status)
	if err != nil {
		return sum, fmt.Errorf("encode status: %w", err)
	}
	return sha256.Sum256(append(data, o.Object.GetUID()...)), nil
}

// Forget an object that is gone.
func (b *Base) Forget(kind string, name types.NamespacedName) {
	b.Metrics.Forget(kind, name.Namespace, name.Name)
	b.memories.Delete(objectKey{kind, name})
}

// settling is how long after its start an operator may lack links to the buses.
const settling = 10 * time.Second

// early reports whether all that is wrong is that the operator has only just begun
// to connect to the bus. A status that was about this very specification stays as
// it is then: a new operator, or new credentials, are no news of a feed.
func (b *Base) early(o Outcome) bool {
	b.begun.Do(func() { b.startedAt = time.Now() })
	was := meta.FindStatusCondition(o.Was, v1alpha1.ConditionReady)
	if !o.Changed || was == nil || was.ObservedGeneration != o.Object.GetGeneration() || !failure.Only(o.Err, v1alpha1.ReasonBusUnavailable) {
		return false
	}
	return o.Link.Settling() || o.Link == nil && time.Since(b.startedAt) < settling
}

// underWay are reasons that pass by themselves: they are worth an event only when
// the object was Ready before.
var underWay = map[string]bool{
	v1alpha1.ReasonProgressing: true, v1alpha1.ReasonWaiting: true,
	v1alpha1.ReasonPodsNotReady: true, v1alpha1.ReasonBusUnavailable: true,
}

// tell records an event when Ready or its reason changed. A reference that is missing
// is told of an object that has been there for a while; until then, that time is returned:
// things that belong together are created in any order.
func (b *Base) tell(o client.Object, m *memory, ready *metav1.Condition) time.Time {
	was := m.ready
	isReady, wasReady := ready.Status == metav1.ConditionTrue, was != nil && was.Status == metav1.ConditionTrue
	if ready.Reason == v1alpha1.ReasonReferenceMissing && !wasReady {
		if grown := o.GetCreationTimestamp().Add(settling); b.Now().Before(grown) {
			return grown
		}
	}
	m.ready = ready.DeepCopy()
	switch {
	case was != nil && isReady == wasReady && was.Reason == ready.Reason,
		!isReady && !wasReady && underWay[ready.Reason]:
		return time.Time{}
	}
	kind, message := corev1.EventTypeNormal, ready.Message
	if !isReady {
		kind = corev1.EventTypeWarning
	}
	if message == "" {
		message = "everything is in place"
	}
	b.Recorder.Eventf(o, nil, kind, ready.Reason, "Reconcile", "%s", message)
	return time.Time{}
}

func (b *Base) result(ctx context.Context, o Outcome) (ctrl.Result, error) {
	var r ctrl.Result
	if !o.Again.IsZero() {
		r.RequeueAfter = max(o.Again.Sub(b.Now()), time.Second)
		r.Priority = ptr.To(handler.LowPriority) // nobody waits for it
	}
	if o.Err == nil {
		return r, nil
	}
	if failure.PolicyOf(o.Err) == failure.Retry {
		return ctrl.Result{}, o.Err
	}
	logr.FromContextOrDiscard(ctx).V(1).Info("waiting", "reason", failure.Reason(o.Err, ""), "error", o.Err.Error())
	return r, nil
}

// Same compares statuses.
func Same(x, y any) bool { return equality.Semantic.DeepEqual(x, y) }

// Earliest of times that are set.
func Earliest(times ...time.Time) (first time.Time) {
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// Deployment returns nil if it is not in the cache.
func (b *Base) Deployment(ctx context.Context, namespace, name string) (*appsv1.Deployment, error) {
	d := &appsv1.Deployment{}
	err := b.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, d)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // not there yet is no failure
	}
	if err != nil {
		return nil, fmt.Errorf("get Deployment %s: %w", name, err)
	}
	return d, nil
}
