package controllers

import (
	"reflect"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

func collectorDeployment(name string) *appsv1.Deployment {
	labels := map[string]string{"app.kubernetes.io/instance": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{"feeds.weir.dev/applied": name}},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: ptr.To(true)},
					Containers: []corev1.Container{{
						Name: "collector", Args: []string{"collect", "--key=" + name}, Image: "image",
						Env:             []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "OF", Value: name}},
						VolumeMounts:    []corev1.VolumeMount{{Name: "tmp", MountPath: "/tmp"}},
						SecurityContext: &corev1.SecurityContext{ReadOnlyRootFilesystem: ptr.To(true)},
						LivenessProbe:   &corev1.Probe{PeriodSeconds: 10},
						Resources:       corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m")}},
					}},
				},
			},
		},
	}
}

func collectorPolicy(name string) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"feed": name}},
			Ingress:     []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}}},
			Egress:      []networkingv1.NetworkPolicyEgressRule{{To: []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}}}}},
		},
	}
}

func TestCompactObjectsAreAsTheyWere(t *testing.T) {
	c := new(compactor)
	for _, o := range []client.Object{
		collectorDeployment("one"), collectorDeployment("two"), collectorPolicy("one"), collectorPolicy("two"),
		&appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: collectorDeployment("hub").Spec.Template}},
		&v1alpha1.FeedSource{Status: v1alpha1.FeedSourceStatus{ObjectStatus: v1alpha1.ObjectStatus{
			Conditions: []metav1.Condition{{Type: "Ready", Reason: "Succeeded", Message: "m"}}}}},
		&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "plain"}},
	} {
		want := o.DeepCopyObject()
		got, err := c.transform(o)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(want, got) {
			t.Errorf("%T %s changed:\n%+v\n%+v", o, o.GetName(), want, got)
		}
	}
}

func TestCompactObjectsShareWhatIsTheSame(t *testing.T) {
	c := new(compactor)
	one, two := collectorDeployment("one"), collectorDeployment("two")
	for _, o := range []any{one, two} {
		if _, err := c.transform(o); err != nil {
			t.Fatal(err)
		}
	}
	x, y := one.Spec.Template.Spec, two.Spec.Template.Spec
	if x.SecurityContext != y.SecurityContext || x.Containers[0].SecurityContext != y.Containers[0].SecurityContext ||
		x.Containers[0].LivenessProbe != y.Containers[0].LivenessProbe {
		t.Error("equal parts of two pods are kept twice")
	}
}

func TestCompactObjectsLoseWhatNobodyReads(t *testing.T) {
	o := &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{
		ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl"}},
		Annotations:   map[string]string{lastApplied: "{}", v1alpha1.AnnotationRequestedAt: "now"},
	}}
	if _, err := new(compactor).transform(o); err != nil {
		t.Fatal(err)
	}
	if len(o.ManagedFields) != 0 || len(o.Annotations) != 1 || o.Annotations[v1alpha1.AnnotationRequestedAt] != "now" {
		t.Errorf("%+v", o.ObjectMeta)
	}
}

func TestWhatIsKeptForSharingIsBounded(t *testing.T) {
	c := new(compactor)
	for i := range 2*mostKnown + 10 {
		p := &corev1.EnvVar{Name: "N", Value: string(rune(i))}
		if got := shared(c, p); got.Value != p.Value {
			t.Fatalf("%d became %q", i, got.Value)
		}
		if len(c.known) > mostKnown {
			t.Fatalf("%d are kept", len(c.known))
		}
	}
}
