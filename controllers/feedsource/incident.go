package feedsource

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/workload"
)

// formatChange makes a FormatChange for the incident that is open, once. What it
// tells is the business of its own reconciler, and the decision is a person's.
func (r *Reconciler) formatChange(ctx context.Context, o *observed) error {
	if o.monitor == nil || o.monitor.Incident == nil {
		return nil
	}
	feed, incident := o.feed, o.monitor.Incident.ID
	name := workload.Child(feed.Name, incident)
	err := r.Get(ctx, client.ObjectKey{Namespace: feed.Namespace, Name: name}, &v1alpha1.FormatChange{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	ac := v1alpha1ac.FormatChange(name, feed.Namespace).
		WithLabels(map[string]string{workload.LabelManagedBy: workload.ManagedBy}).
		WithOwnerReferences(metaac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kind).
			WithName(feed.Name).WithUID(feed.UID).WithController(true).WithBlockOwnerDeletion(true)).
		WithSpec(v1alpha1ac.FormatChangeSpec().
			WithSourceRef(v1alpha1ac.LocalReference().WithName(feed.Name)).
			WithIncident(incident))
	if err := r.Apply(ctx, ac, client.FieldOwner(apply.FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("make FormatChange %s: %w", name, err)
	}
	r.Recorder.Eventf(feed, nil, "Warning", v1alpha1.ReasonFormatChanged, "Hold", "%s; decide with: kubectl patch formatchange %s -n %s --type=merge -p '{\"spec\":{\"decision\":\"Release\"}}'",
		o.monitor.Incident.Summary, name, feed.Namespace)
	return nil
}
