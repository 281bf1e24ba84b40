package formatchange

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/pipeline/plan"
)

const (
	// groupTime is within which incidents of a provider are one.
	groupTime = 24 * time.Hour
	// groupLayout is the time in the name of a group.
	groupLayout = "20060102t150405"
	// maxSubscriptions is how many affected ones a status names.
	maxSubscriptions = 20
)

// kin are the FormatChanges of the same provider, this one left out.
func (r *Reconciler) kin(ctx context.Context, o *observed) error {
	list := &v1alpha1.FormatChangeList{}
	err := r.List(ctx, list, client.InNamespace(o.change.Namespace), client.MatchingLabels{v1alpha1.LabelProvider: o.feed.Spec.Provider})
	if err != nil {
		return fmt.Errorf("list FormatChanges of provider %s: %w", o.feed.Spec.Provider, err)
	}
	for i := range list.Items {
		if c := &list.Items[i]; c.Name != o.change.Name {
			o.siblings = append(o.siblings, c)
		}
	}
	return nil
}

// groupOf is the group of an incident: that of the earliest of the provider within
// a day before, else one of its own. All that see the same make the same of it.
func groupOf(provider string, opened time.Time, siblings []*v1alpha1.FormatChange) string {
	start := opened
	for _, c := range siblings {
		at := began(provider, c)
		if at.Before(start) && opened.Sub(at) <= groupTime {
			start = at
		}
	}
	return provider + "-" + start.UTC().Format(groupLayout)
}

// began is when the group of a FormatChange began; far in the future if it has none.
func began(provider string, c *v1alpha1.FormatChange) time.Time {
	if text, ok := strings.CutPrefix(c.Status.Group, provider+"-"); ok {
		if at, err := time.Parse(groupLayout, text); err == nil {
			return at
		}
	}
	if c.Status.Opened != nil {
		return c.Status.Opened.Time
	}
	return time.Unix(1<<40, 0)
}

// affected are the subscriptions of the exchange that may get events of the feed.
func affected(w *world.World, f *v1alpha1.FeedSource) *v1alpha1.AffectedSubscriptions {
	out, source := &v1alpha1.AffectedSubscriptions{}, f.Spec.Provider+"."+f.Spec.Channel
	for _, s := range w.Subscriptions(world.NamesExchange(plan.ExchangeOf(f.Namespace, f.Spec.ExchangeRef))) {
		if plan.Takes(&s.Spec, source) {
			out.Names = append(out.Names, s.Namespace+"/"+s.Name)
		}
	}
	slices.Sort(out.Names)
	out.Count = int64(len(out.Names))
	out.Names = out.Names[:min(len(out.Names), maxSubscriptions)]
	return out
}
