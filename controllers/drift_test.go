package controllers_test

import (
	"errors"
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// kinds of children.
func kinds() []client.ObjectList {
	return []client.ObjectList{
		&appsv1.DeploymentList{}, &appsv1.StatefulSetList{}, &corev1.ServiceList{}, &corev1.ServiceAccountList{}, &corev1.SecretList{},
		&networkingv1.NetworkPolicyList{}, &networkingv1.IngressList{}, &policyv1.PodDisruptionBudgetList{},
	}
}

// children of the operator in the namespace.
func (s *site) children() []client.Object {
	s.t.Helper()
	var all []client.Object
	for _, list := range kinds() {
		err := world.Admin.List(s.t.Context(), list, client.InNamespace(s.ns), client.MatchingLabels{"app.kubernetes.io/managed-by": "weir-operator"})
		if err != nil {
			s.t.Fatal(err)
		}
		switch l := list.(type) {
		case *appsv1.DeploymentList:
			all = append(all, pointers(l.Items)...)
		case *appsv1.StatefulSetList:
			all = append(all, pointers(l.Items)...)
		case *corev1.ServiceList:
			all = append(all, pointers(l.Items)...)
		case *corev1.ServiceAccountList:
			all = append(all, pointers(l.Items)...)
		case *corev1.SecretList:
			all = append(all, pointers(l.Items)...)
		case *networkingv1.NetworkPolicyList:
			all = append(all, pointers(l.Items)...)
		case *networkingv1.IngressList:
			all = append(all, pointers(l.Items)...)
		case *policyv1.PodDisruptionBudgetList:
			all = append(all, pointers(l.Items)...)
		}
	}
	return all
}

func pointers[T any, P interface {
	*T
	client.Object
}](items []T) []client.Object {
	all := make([]client.Object, len(items))
	for i := range items {
		all[i] = P(&items[i])
	}
	return all
}

func TestChildrenAreKeptAsTheyAreWanted(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "drift")
	x := s.up()
	edit(s, x.s, func(o *v1alpha1.Subscription) {
		o.Spec.Replicas = ptr.To[int32](2)
		o.Spec.Expose = &v1alpha1.ExposeSpec{Host: "feeds.example.org", Ingress: &v1alpha1.IngressSpec{ClassName: "web"}}
	})
	s.ready(x.s)
	s.quiet()
	seen := map[string]int{}
	for _, o := range s.children() {
		seen[fmt.Sprintf("%T", o)]++
		if ref := metav1.GetControllerOf(o); ref == nil || ref.APIVersion != v1alpha1.GroupVersion.String() {
			t.Errorf("%T %s is not deleted with anything: %+v", o, o.GetName(), o.GetOwnerReferences())
		}
	}
	for _, list := range kinds() {
		if kind := fmt.Sprintf("%T", list); seen[kind[:len(kind)-len("List")]] == 0 {
			t.Errorf("there is no %s", kind)
		}
	}

	for _, o := range s.children() {
		if o.GetName() == "main-bus-keys" {
			continue // with other keys nobody is let in any more
		}
		t.Run(fmt.Sprintf("deleted %T %s", o, o.GetName()), func(t *testing.T) {
			s.in(t).remove(o)
			eventually(t, "it comes back", func() error {
				is := o.DeepCopyObject().(client.Object)
				if err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(o), is); err != nil {
					return err
				}
				if is.GetUID() == o.GetUID() {
					return errors.New("it is the same still")
				}
				return nil
			})
		})
	}

	for name, tc := range map[string]struct {
		object client.Object
		change func(client.Object)
		right  func(client.Object) bool
	}{
		"image of a Deployment": {
			&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "one-collector"}},
			func(o client.Object) { o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image = "evil" },
			func(o client.Object) bool {
				return o.(*appsv1.Deployment).Spec.Template.Spec.Containers[0].Image != "evil"
			},
		},
		"replicas of a Deployment": {
			&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "list-monitor"}},
			func(o client.Object) { o.(*appsv1.Deployment).Spec.Replicas = ptr.To[int32](5) },
			func(o client.Object) bool { return *o.(*appsv1.Deployment).Spec.Replicas == 1 },
		},
		"command of a StatefulSet": {
			&appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "main-hub"}},
			func(o client.Object) { o.(*appsv1.StatefulSet).Spec.Template.Spec.Containers[0].Args = []string{"hub"} },
			func(o client.Object) bool {
				return len(o.(*appsv1.StatefulSet).Spec.Template.Spec.Containers[0].Args) > 1
			},
		},
		"selector of a Service": {
			&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "bank-exporter"}},
			func(o client.Object) { o.(*corev1.Service).Spec.Selector["app.kubernetes.io/name"] = "other" },
			func(o client.Object) bool {
				return o.(*corev1.Service).Spec.Selector["app.kubernetes.io/name"] != "other"
			},
		},
		"token of a ServiceAccount": {
			&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "one-collector"}},
			func(o client.Object) { o.(*corev1.ServiceAccount).AutomountServiceAccountToken = ptr.To(true) },
			func(o client.Object) bool { return !*o.(*corev1.ServiceAccount).AutomountServiceAccountToken },
		},
		"rules of a NetworkPolicy": {
			&networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "main-hub"}},
			func(o client.Object) {
				o.(*networkingv1.NetworkPolicy).Spec.Ingress = append(o.(*networkingv1.NetworkPolicy).Spec.Ingress, networkingv1.NetworkPolicyIngressRule{})
			},
			func(o client.Object) bool {
				rules := o.(*networkingv1.NetworkPolicy).Spec.Ingress
				return len(rules[len(rules)-1].From) > 0 || len(rules[len(rules)-1].Ports) > 0
			},
		},
		"host of an Ingress": {
			&networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "bank-exporter"}},
			func(o client.Object) { o.(*networkingv1.Ingress).Spec.Rules[0].Host = "evil.example.org" },
			func(o client.Object) bool { return o.(*networkingv1.Ingress).Spec.Rules[0].Host == "feeds.example.org" },
		},
		"budget of the exporter": {
			&policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: "bank-exporter"}},
			func(o client.Object) {
				b := o.(*policyv1.PodDisruptionBudget)
				b.Spec.MinAvailable, b.Spec.MaxUnavailable = nil, ptr.To(intstr.FromInt32(2))
			},
			func(o client.Object) bool {
				b := o.(*policyv1.PodDisruptionBudget)
				return b.Spec.MaxUnavailable == nil || b.Spec.MaxUnavailable.IntValue() != 2
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t)
			tc.object.SetNamespace(s.ns)
			edit(s, tc.object, tc.change)
			if tc.right(tc.object) {
				t.Fatal("the change changed nothing")
			}
			eventually(t, "it is put right", func() error {
				if !tc.right(s.fresh(tc.object)) {
					return fmt.Errorf("%+v", tc.object)
				}
				return nil
			})
		})
	}
	s.ready(x.all()...)
}

func TestAnObjectOfSomebodyElseIsToldAndLeftAlone(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "foreign")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "one-collector", Labels: map[string]string{"is": "mine"}}}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "list-monitor-bus"}, StringData: map[string]string{"user.creds": "mine"}}
	s.create(account, secret)
	e, p, f := exchange(s.ns), parser(s.ns), feed(s.ns, "one")
	s.create(e, p, f)
	s.has(f, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOwned)
	s.has(p, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonNotOwned)
	for _, o := range []client.Object{account, secret} {
		was := o.GetResourceVersion()
		if s.fresh(o).GetResourceVersion() != was || len(o.GetOwnerReferences()) > 0 {
			t.Errorf("%T was changed: %+v", o, o)
		}
	}
	s.remove(account, secret)
	s.ready(f, p) // soon enough: it tries again with a growing pause
}

// gone waits until the operator took an object away.
func (s *site) gone(objects ...client.Object) {
	s.t.Helper()
	for _, o := range objects {
		o.SetNamespace(s.ns)
		eventually(s.t, fmt.Sprintf("%T %s goes", o, o.GetName()), func() error {
			err := world.Admin.Get(s.t.Context(), client.ObjectKeyFromObject(o), o)
			if apierrors.IsNotFound(err) {
				return nil
			}
			return errors.Join(errors.New("it is there"), err)
		})
	}
}

// told waits until the status bucket has a key, or has it not.
func (s *site) told(there bool, prefix string, names ...string) {
	s.t.Helper()
	key := plan.Key(prefix, names...)
	eventually(s.t, fmt.Sprintf("status %s there: %t", key, there), func() error {
		conn, err := s.cluster.Bus(s.t.Context(), s.hub())
		if err != nil {
			return err
		}
		if _, err = conn.Status().Get(s.t.Context(), key); (err == nil) != there {
			return fmt.Errorf("reading gave %w", err)
		}
		return nil
	})
}

func TestWhatIsDeletedLeavesNothingOnTheBus(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "deletion")
	x := s.up()
	for _, o := range x.all() {
		if len(s.fresh(o).GetFinalizers()) > 0 {
			t.Errorf("%T has finalizers: without an operator nobody could delete it", o)
		}
	}
	s.touch("collect", x.f)
	s.config(nil, plan.PrefixCollect, s.ns, "one")

	s.remove(x.s)
	s.noConfig(plan.PrefixSubscription, s.ns, "bank")
	s.told(false, plan.PrefixExporter, s.ns, "bank")

	s.remove(x.f)
	s.noConfig(plan.PrefixCollector, s.ns, "one")
	s.noConfig(plan.PrefixCollect, s.ns, "one")
	s.noConfig(plan.PrefixMonitor, s.ns, "list") // nobody uses the parser any more
	s.told(false, plan.PrefixCollector, s.ns, "one")
	s.told(false, plan.PrefixParser, s.ns, "list")
	s.gone(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "list-monitor"}}, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "list-monitor-bus"}})

	var sources plan.Sources
	eventually(t, "the hub knows no source", func() error {
		s.config(&sources, plan.PrefixSources, s.ns, "main")
		if len(sources.Sources) > 0 {
			return fmt.Errorf("%+v", sources)
		}
		sources = plan.Sources{}
		return nil
	})

	// What goes while nobody looks is cleaned up later.
	f := feed(s.ns, "two")
	s.create(f)
	s.ready(f, x.p)
	s.config(nil, plan.PrefixMonitor, s.ns, "list")
	s.stop()
	s.remove(f, x.p)
	s.start()
	s.noConfig(plan.PrefixCollector, s.ns, "two")
	s.noConfig(plan.PrefixMonitor, s.ns, "list")
	s.told(false, plan.PrefixCollector, s.ns, "two")

	s.remove(x.e)
	lonely := feed(s.ns, "three")
	s.create(lonely)
	s.has(lonely, v1alpha1.ConditionAccepted, metav1.ConditionFalse, v1alpha1.ReasonReferenceMissing)
	eventually(t, "an event of what has been missing for a while", func() error {
		if got := s.events(lonely); len(got) != 1 || got[0].Reason != v1alpha1.ReasonReferenceMissing {
			return fmt.Errorf("there are %v", got)
		}
		return nil
	})
}

// A reconcile may see its object as it was before the last write of its status.
func TestAStatusIsRightAfterChangesInQuickSuccession(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "quick")
	x := s.up()
	for range 10 {
		d := s.deployment("list-monitor")
		edit(s, d, func(o *appsv1.Deployment) { o.Spec.Replicas = ptr.To[int32](5) })
		eventually(t, "the Deployment is put right", func() error {
			if s.fresh(d); *d.Spec.Replicas != 1 || d.Status.ObservedGeneration != d.Generation {
				return fmt.Errorf("%d replicas", *d.Spec.Replicas)
			}
			return nil
		})
		s.ready(x.p)
	}
}
