package apply_test

import (
	"context"
	"maps"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/managedfields"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/workload"
)

const ns = "feeds"

var owner = &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "phish", UID: "uid-of-owner"}}

// server is a client that counts writes.
type server struct {
	client.WithWatch
	writes int
}

func newServer(t *testing.T, objects ...client.Object) (*server, *apply.Applier) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{}
	s.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithTypeConverters(managedfields.NewDeducedTypeConverter()).WithObjects(objects...).
		WithIndex(&corev1.ServiceAccount{}, apply.IndexOwner, apply.OwnerUID).
		WithIndex(&networkingv1.NetworkPolicy{}, apply.IndexOwner, apply.OwnerUID).
		WithInterceptorFuncs(interceptor.Funcs{
			Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
				s.writes++
				return c.Apply(ctx, o, opts...)
			},
			Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				s.writes++
				return c.Delete(ctx, o, opts...)
			},
		}).Build()
	return s, &apply.Applier{Client: s.WithWatch, Live: s.WithWatch}
}

func reference() *applymeta.OwnerReferenceApplyConfiguration {
	return applymeta.OwnerReference().WithAPIVersion("feeds.weir.dev/v1alpha1").WithKind("FeedSource").
		WithName(owner.Name).WithUID(owner.UID).WithController(true)
}

func account(labels map[string]string) workload.Object {
	return workload.Object{
		GVK: corev1.SchemeGroupVersion.WithKind("ServiceAccount"), Namespace: ns, Name: "phish-collector",
		Config: applycore.ServiceAccount("phish-collector", ns).WithLabels(labels).WithOwnerReferences(reference()).WithAutomountServiceAccountToken(false),
	}
}

func policy() workload.Object {
	return workload.Object{
		GVK: networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), Namespace: ns, Name: "phish-collector",
		Config: applynet.NetworkPolicy("phish-collector", ns).WithOwnerReferences(reference()).WithSpec(applynet.NetworkPolicySpec().
			WithPodSelector(applymeta.LabelSelector().WithMatchLabels(map[string]string{"a": "b"})).
			WithPolicyTypes(networkingv1.PolicyTypeIngress).
			WithIngress(applynet.NetworkPolicyIngressRule().WithFrom(applynet.NetworkPolicyPeer().
				WithPodSelector(applymeta.LabelSelector().WithMatchLabels(map[string]string{"c": "d"}))))),
	}
}

// set applies a set and returns how many writes it took.
func (s *server) set(t *testing.T, a *apply.Applier, want workload.Set) int {
	t.Helper()
	before := s.writes
	if err := a.Set(t.Context(), owner, want, &corev1.ServiceAccountList{}, &networkingv1.NetworkPolicyList{}); err != nil {
		t.Fatal(err)
	}
	return s.writes - before
}

func (s *server) get(t *testing.T, o client.Object) {
	t.Helper()
	if err := s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "phish-collector"}, o); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsAsWantedIsNotWritten(t *testing.T) {
	s, a := newServer(t)
	want := workload.Set{account(map[string]string{"x": "1"}), policy()}
	if n := s.set(t, a, want); n != 2 {
		t.Errorf("%d writes of 2 new objects", n)
	}
	if n := s.set(t, a, want); n != 0 {
		t.Errorf("%d writes of what is as wanted", n)
	}
	// Others may add what is theirs.
	live := &corev1.ServiceAccount{}
	s.get(t, live)
	live.Labels["theirs"] = "y"
	live.Secrets = []corev1.ObjectReference{{Name: "token"}}
	if err := s.Update(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	if n := s.set(t, a, want); n != 0 {
		t.Errorf("%d writes over what others added", n)
	}
}

func TestAFieldThatIsNotWantedAnyMoreGoes(t *testing.T) {
	s, a := newServer(t)
	s.set(t, a, workload.Set{account(map[string]string{"x": "1", "y": "2"})})
	if n := s.set(t, a, workload.Set{account(map[string]string{"x": "1"})}); n != 1 {
		t.Errorf("%d writes", n)
	}
	live := &corev1.ServiceAccount{}
	s.get(t, live)
	if !maps.Equal(live.Labels, map[string]string{"x": "1"}) {
		t.Errorf("labels %v", live.Labels)
	}
}

func TestDriftIsPutRight(t *testing.T) {
	peer := func(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicyPeer { return &p.Spec.Ingress[0].From[0] }
	for name, edit := range map[string]func(*networkingv1.NetworkPolicy){
		"one more rule": func(p *networkingv1.NetworkPolicy) {
			p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
		},
		"a wider peer":      func(p *networkingv1.NetworkPolicy) { peer(p).NamespaceSelector = &metav1.LabelSelector{} },
		"another peer":      func(p *networkingv1.NetworkPolicy) { peer(p).PodSelector.MatchLabels["c"] = "e" },
		"no rule":           func(p *networkingv1.NetworkPolicy) { p.Spec.Ingress = nil },
		"one more type":     func(p *networkingv1.NetworkPolicy) { p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, "Egress") },
		"a narrower choice": func(p *networkingv1.NetworkPolicy) { p.Spec.PodSelector.MatchLabels["also"] = "x" },
		"no hash":           func(p *networkingv1.NetworkPolicy) { delete(p.Annotations, apply.AnnotationApplied) },
	} {
		t.Run(name, func(t *testing.T) {
			s, a := newServer(t)
			s.set(t, a, workload.Set{policy()})
			live := &networkingv1.NetworkPolicy{}
			s.get(t, live)
			edit(live)
			if err := s.Update(t.Context(), live); err != nil {
				t.Fatal(err)
			}
			if n := s.set(t, a, workload.Set{policy()}); n != 1 {
				t.Errorf("%d writes", n)
			}
		})
	}
}

func TestAnObjectOfSomebodyElseIsLeftAlone(t *testing.T) {
	other := func(refs ...metav1.OwnerReference) *corev1.ServiceAccount {
		return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "phish-collector", OwnerReferences: refs, Labels: map[string]string{"is": "mine"}}}
	}
	yes := true
	for name, foreign := range map[string]*corev1.ServiceAccount{
		"nobody's":               other(),
		"somebody's":             other(metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "x", UID: "another", Controller: &yes}),
		"of an owner before":     other(metav1.OwnerReference{APIVersion: "feeds.weir.dev/v1alpha1", Kind: "FeedSource", Name: owner.Name, UID: "uid-before", Controller: &yes}),
		"owned, not controlled,": other(metav1.OwnerReference{APIVersion: "feeds.weir.dev/v1alpha1", Kind: "FeedSource", Name: owner.Name, UID: owner.UID}),
	} {
		t.Run(name, func(t *testing.T) {
			s, a := newServer(t, foreign)
			was := &corev1.ServiceAccount{}
			s.get(t, was)
			// The rest of the set is made all the same.
			err := a.Set(t.Context(), owner, workload.Set{account(map[string]string{"x": "1"}), policy()}, &corev1.ServiceAccountList{})
			if failure.Reason(err, "") != v1alpha1.ReasonNotOwned || failure.PolicyOf(err) != failure.Retry {
				t.Errorf("%v", err)
			}
			is := &corev1.ServiceAccount{}
			s.get(t, is)
			if is.ResourceVersion != was.ResourceVersion || s.writes != 1 {
				t.Errorf("%d writes, the object is now %+v", s.writes, is.ObjectMeta)
			}
			s.get(t, &networkingv1.NetworkPolicy{})
		})
	}
}

func TestChildrenThatAreNotWantedAnyMoreAreDeleted(t *testing.T) {
	yes := true
	foreign := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "foreign", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: "feeds.weir.dev/v1alpha1", Kind: "FeedSource", Name: "other", UID: types.UID("another"), Controller: &yes},
	}}}
	s, a := newServer(t, foreign)
	s.set(t, a, workload.Set{account(nil), policy()})
	if n := s.set(t, a, workload.Set{policy()}); n != 1 {
		t.Errorf("%d writes", n)
	}
	err := s.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "phish-collector"}, &corev1.ServiceAccount{})
	if !apierrors.IsNotFound(err) {
		t.Errorf("it is still there: %v", err)
	}
	if err := s.Get(t.Context(), client.ObjectKeyFromObject(foreign), &corev1.ServiceAccount{}); err != nil {
		t.Errorf("another's: %v", err)
	}
	s.get(t, &networkingv1.NetworkPolicy{})
}
