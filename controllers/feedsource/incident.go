package feedsource

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metaac "k8s.io/client-go/applyconfigurations/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	v1alpha1ac "github.com/weir-project/weir/api/v1alpha1/applyconfiguration/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/pipeline/plan"
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
		WithLabels(map[string]string{workload.LabelManagedBy: workload.ManagedBy, v1alpha1.LabelProvider: feed.Spec.Provider}).
		WithOwnerReferences(metaac.OwnerReference().WithAPIVersion(v1alpha1.GroupVersion.String()).WithKind(kind).
			WithName(feed.Name).WithUID(feed.UID).WithController(true).WithBlockOwnerDeletion(true)).
		WithSpec(v1alpha1ac.FormatChangeSpec().
			WithSourceRef(v1alpha1ac.LocalReference().WithName(feed.Name)).
			WithIncident(incident))
	if err := r.Apply(ctx, ac, client.FieldOwner(apply.FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("make FormatChange %s: %w", name, err)
	}
	if !r.News(kind, feed, "incident", incident) { // the cache lacks it yet
		return nil
	}
	return r.announceChange(ctx, o, name)
}

// groupTime is within which incidents of a provider are one.
const groupTime = 24 * time.Hour

// announceChange makes an Event: on the feed, for the first of its provider in a
// day. If more follow, the first of them gets one that counts them, each time their
// number has doubled: hundreds of reports may change at once.
func (r *Reconciler) announceChange(ctx context.Context, o *observed, name string) error {
	feed, list := o.feed, &v1alpha1.FormatChangeList{}
	err := r.List(ctx, list, client.InNamespace(feed.Namespace), client.MatchingLabels{v1alpha1.LabelProvider: feed.Spec.Provider})
	if err != nil {
		return fmt.Errorf("list FormatChanges of provider %s: %w", feed.Spec.Provider, err)
	}
	var first *v1alpha1.FormatChange
	n := 1 // this one may not be in the cache yet
	for i := range list.Items {
		c := &list.Items[i]
		if c.Name == name || r.Now().Sub(c.CreationTimestamp.Time) > groupTime {
			continue
		}
		if n++; first == nil || plan.Older(c, first) < 0 {
			first = c
		}
	}
	if first == nil {
		r.Recorder.Eventf(feed, nil, "Warning", v1alpha1.ReasonFormatChanged, "Hold", "%s; see kubectl weir explain %s -n %s, or decide with: "+
			"kubectl patch formatchange %s -n %[3]s --type=merge -p '{\"spec\":{\"decision\":\"Adopt\"}}'",
			o.monitor.Incident.Summary, feed.Name, feed.Namespace, name)
	} else if n&(n-1) == 0 {
		r.Recorder.Eventf(first, feed, "Warning", v1alpha1.ReasonFormatChanged, "Hold", "%d feeds of %s changed within a day, last %s: %s",
			n, feed.Spec.Provider, feed.Name, o.monitor.Incident.Summary)
	}
	return nil
}

// tellReport makes an Event of a change that was let pass, once.
func (r *Reconciler) tellReport(o *observed) {
	if o.monitor == nil || o.monitor.Report == nil {
		return
	}
	was, is := o.feed.Status.Format, o.monitor.Report
	if r.News(kind, o.feed, "report", is.ID) && (was == nil || was.Reported == nil || was.Reported.ID != is.ID) {
		r.Recorder.Eventf(o.feed, nil, "Normal", v1alpha1.ReasonFormatReported, "Report", "%s (%s)", is.Summary, is.Class)
	}
}
