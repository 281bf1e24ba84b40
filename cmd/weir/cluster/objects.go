package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Object is what the API server knows about one object of Weir.
type Object struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Ready is True, False or Unknown; also Unknown as long as the operator has not
	// seen the object as it is now.
	Ready   string `json:"ready"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

func object(kind string, m *metav1.ObjectMeta, s *v1alpha1.ObjectStatus) Object {
	o := Object{Kind: kind, Namespace: m.Namespace, Name: m.Name, Ready: string(metav1.ConditionUnknown)}
	ready := meta.FindStatusCondition(s.Conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		o.Reason, o.Message = v1alpha1.ReasonWaiting, "the operator has not looked at it yet"
	case s.ObservedGeneration < m.Generation:
		o.Reason, o.Message = v1alpha1.ReasonProgressing, "the operator has not looked at the last change yet"
	default:
		o.Ready, o.Reason, o.Message = string(ready.Status), ready.Reason, ready.Message
	}
	return o
}

// Objects lists the Exchanges, FeedSources, Parsers and Subscriptions of a
// namespace, of all if it is empty, by namespace, kind and name.
func (c *Client) Objects(ctx context.Context, namespace string) ([]Object, error) {
	var exchanges v1alpha1.ExchangeList
	var feeds v1alpha1.FeedSourceList
	var parsers v1alpha1.ParserList
	var subs v1alpha1.SubscriptionList
	for _, l := range []struct {
		resource string
		into     runtime.Object
	}{{"exchanges", &exchanges}, {"feedsources", &feeds}, {"parsers", &parsers}, {"subscriptions", &subs}} {
		if err := c.list(ctx, l.resource, namespace, l.into); err != nil {
			return nil, err
		}
	}
	var out []Object
	for i := range exchanges.Items {
		out = append(out, object("Exchange", &exchanges.Items[i].ObjectMeta, &exchanges.Items[i].Status.ObjectStatus))
	}
	for i := range feeds.Items {
		out = append(out, object("FeedSource", &feeds.Items[i].ObjectMeta, &feeds.Items[i].Status.ObjectStatus))
	}
	for i := range parsers.Items {
		out = append(out, object("Parser", &parsers.Items[i].ObjectMeta, &parsers.Items[i].Status.ObjectStatus))
	}
	for i := range subs.Items {
		out = append(out, object("Subscription", &subs.Items[i].ObjectMeta, &subs.Items[i].Status.ObjectStatus))
	}
	slices.SortFunc(out, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out, nil
}

// CollectNow asks the operator to have a FeedSource collected, and returns it.
func (c *Client) CollectNow(ctx context.Context, namespace, name string, at time.Time) (*v1alpha1.FeedSource, error) {
	var f v1alpha1.FeedSource
	err := c.patch(ctx, "feedsources", namespace, name, map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{v1alpha1.AnnotationRequestedAt: at.UTC().Format(time.RFC3339Nano)},
	}}, &f)
	return &f, err
}

// OpenChanges lists the FormatChanges of a FeedSource that are not resolved.
func (c *Client) OpenChanges(ctx context.Context, namespace, feed string) ([]v1alpha1.FormatChange, error) {
	var l v1alpha1.FormatChangeList
	if err := c.list(ctx, "formatchanges", namespace, &l); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(l.Items, func(f v1alpha1.FormatChange) bool {
		return f.Spec.SourceRef.Name != feed || meta.IsStatusConditionTrue(f.Status.Conditions, v1alpha1.ConditionResolved)
	}), nil
}

// ChangesOfProvider lists the FormatChanges of a provider that are not resolved.
func (c *Client) ChangesOfProvider(ctx context.Context, namespace, provider string) ([]v1alpha1.FormatChange, error) {
	var l v1alpha1.FormatChangeList
	if err := c.list(ctx, "formatchanges", namespace, &l); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(l.Items, func(f v1alpha1.FormatChange) bool {
		return f.Labels[v1alpha1.LabelProvider] != provider || meta.IsStatusConditionTrue(f.Status.Conditions, v1alpha1.ConditionResolved)
	}), nil
}

// Decide puts a decision into a FormatChange.
func (c *Client) Decide(ctx context.Context, f *v1alpha1.FormatChange, d v1alpha1.Decision) error {
	return c.patch(ctx, "formatchanges", f.Namespace, f.Name, map[string]any{"spec": map[string]any{"decision": d}}, f)
}

// patch merges and reads back.
func (c *Client) patch(ctx context.Context, resource, namespace, name string, merge map[string]any, into runtime.Object) error {
	body, err := json.Marshal(merge)
	if err != nil {
		return err
	}
	err = c.weir.Patch(types.MergePatchType).Namespace(namespace).Resource(resource).Name(name).
		Param("fieldManager", client).Body(body).Do(ctx).Into(into)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	return c.explain(target{"patch", resource + ".feeds.weir.dev", namespace, name}, err)
}
