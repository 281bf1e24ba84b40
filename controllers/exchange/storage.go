package exchange

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/workload"
)

// keepClaimTemplate leaves the template of volumes as it is in a hub that exists:
// Kubernetes does not let it change. Volumes that are there grow by themselves.
func (r *Reconciler) keepClaimTemplate(ctx context.Context, o *observed, set workload.Set) error {
	hub, err := r.statefulSet(ctx, o.exchange)
	if err != nil || hub == nil || len(hub.Spec.VolumeClaimTemplates) != 1 {
		return err
	}
	was := hub.Spec.VolumeClaimTemplates[0].Spec.Resources.Requests[corev1.ResourceStorage]
	want := workload.StorageSize(o.exchange.Spec.Storage)
	if was.Cmp(want) == 0 {
		return nil
	}
	for _, child := range set {
		if s, ok := child.Config.(*applyapps.StatefulSetApplyConfiguration); ok {
			for i := range s.Spec.VolumeClaimTemplates {
				s.Spec.VolumeClaimTemplates[i].Spec.Resources.WithRequests(corev1.ResourceList{corev1.ResourceStorage: was})
			}
		}
	}
	for _, name := range workload.ClaimNames(o.exchange) {
		claim := &corev1.PersistentVolumeClaim{}
		if err := r.Applier.Live.Get(ctx, client.ObjectKey{Namespace: o.exchange.Namespace, Name: name}, claim); err != nil {
			if client.IgnoreNotFound(err) != nil {
				return fmt.Errorf("volume %s: %w", name, err)
			}
			continue
		}
		if size := claim.Spec.Resources.Requests[corev1.ResourceStorage]; size.Cmp(want) >= 0 {
			continue
		}
		ac := applycore.PersistentVolumeClaim(name, o.exchange.Namespace).WithSpec(applycore.PersistentVolumeClaimSpec().
			WithResources(applycore.VolumeResourceRequirements().WithRequests(corev1.ResourceList{corev1.ResourceStorage: want})))
		if err := r.Apply(ctx, ac, client.FieldOwner(apply.FieldOwner), client.ForceOwnership); err != nil {
			return fmt.Errorf("volume %s cannot grow to %s (spec.storage.size): %w", name, want.String(), err)
		}
	}
	return nil
}
