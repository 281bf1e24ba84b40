package controllers_test

import (
	"fmt"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/workload"
)

func TestTheVolumesOfAHubGrow(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "storage")
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "grows"}, Provisioner: "example.org/none", AllowVolumeExpansion: ptr.To(true)}
	size := func(q string) *resource.Quantity { return ptr.To(resource.MustParse(q)) }
	e := exchange(s.ns)
	e.Spec.Storage = v1alpha1.StorageSpec{Size: size("2Gi"), ClassName: class.Name}
	s.create(class, e)
	s.ready(e)

	// The volume, as the StatefulSet's controller and the storage make it.
	claim := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: workload.ClaimNames(e)[0]},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class.Name,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: *size("2Gi")}},
		},
	}
	s.create(claim)
	claim.Status.Phase = corev1.ClaimBound
	if err := world.Admin.Status().Update(t.Context(), claim); err != nil {
		t.Fatal(err)
	}

	edit(s, e, func(o *v1alpha1.Exchange) { o.Spec.Storage.Size = size("5Gi") })
	eventually(t, "the volume grows", func() error {
		s.fresh(claim)
		if q := claim.Spec.Resources.Requests.Storage(); q.Cmp(*size("5Gi")) != 0 {
			return fmt.Errorf("it is of %s", q)
		}
		return nil
	})
	s.ready(e)
	hub := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "main-hub"}}
	s.fresh(hub)
	if q := hub.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests.Storage(); q.Cmp(*size("2Gi")) != 0 {
		t.Errorf("the template, which cannot change, is of %s", q)
	}

	// It never shrinks: a smaller number changes nothing.
	edit(s, e, func(o *v1alpha1.Exchange) { o.Spec.Storage.Size = size("3Gi") })
	s.touch("smaller", e)
	s.ready(e)
	if s.fresh(claim); claim.Spec.Resources.Requests.Storage().Cmp(*size("5Gi")) != 0 {
		t.Errorf("%+v", claim.Spec)
	}
}

func TestAnExternalBusWithoutAKeySaysSo(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "external")
	e := exchange(s.ns)
	e.Spec.Bus.NATS = &v1alpha1.NATSSpec{URLs: []string{"nats://nats.example.org:4222"}, SigningKey: v1alpha1.SecretKeyReference{Name: "nats", Key: "seed"}}
	s.create(e)
	s.has(e, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonSecretNotFound)
	s.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "nats"}, StringData: map[string]string{"seed": "no seed at all"}})
	s.has(e, v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonInvalidSpec)
}
