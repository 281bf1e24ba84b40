package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weir-project/weir/api/v1alpha1"
)

// list reads all objects of a namespace; of all namespaces if it is empty.
func (c *Client) list(ctx context.Context, resource, namespace string, into runtime.Object) error {
	err := c.weir.Get().Namespace(namespace).Resource(resource).Do(ctx).Into(into)
	return c.explain(target{"list", resource + ".feeds.weir.dev", namespace, ""}, err)
}

// Exchanges lists the Exchanges of all namespaces.
func (c *Client) Exchanges(ctx context.Context) ([]v1alpha1.Exchange, error) {
	var l v1alpha1.ExchangeList
	err := c.list(ctx, "exchanges", "", &l)
	if err == nil && len(l.Items) == 0 {
		return nil, fmt.Errorf("there is no Exchange in the cluster of %s", c)
	}
	return l.Items, err
}

// Exchange finds the Exchange that the objects of a namespace work with: the one
// that choice names as NAME or NAMESPACE/NAME, else that of the namespace, else the
// one that its FeedSources and Subscriptions name.
func (c *Client) Exchange(ctx context.Context, namespace, choice string) (*v1alpha1.Exchange, error) {
	if choice != "" {
		ns, name, ok := strings.Cut(choice, "/")
		if !ok {
			ns, name = namespace, choice
		}
		if ns == "" || name == "" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("--exchange %s: write NAME or NAMESPACE/NAME", choice)
		}
		return c.exchange(ctx, ns, name)
	}
	var own v1alpha1.ExchangeList
	if err := c.list(ctx, "exchanges", namespace, &own); err != nil {
		return nil, err
	}
	switch len(own.Items) {
	case 0:
		return c.foreignExchange(ctx, namespace)
	case 1:
		return &own.Items[0], nil
	}
	names := make([]string, 0, len(own.Items))
	for i := range own.Items {
		names = append(names, own.Items[i].Name)
	}
	return nil, fmt.Errorf("namespace %s has several Exchanges; choose one with --exchange: %s", namespace, strings.Join(names, ", "))
}

func (c *Client) foreignExchange(ctx context.Context, namespace string) (*v1alpha1.Exchange, error) {
	var feeds v1alpha1.FeedSourceList
	if err := c.list(ctx, "feedsources", namespace, &feeds); err != nil {
		return nil, err
	}
	var subs v1alpha1.SubscriptionList
	if err := c.list(ctx, "subscriptions", namespace, &subs); err != nil {
		return nil, err
	}
	var named []string
	add := func(ref v1alpha1.ExchangeReference) { named = append(named, ref.In(namespace)+"/"+ref.Name) }
	for i := range feeds.Items {
		add(feeds.Items[i].Spec.ExchangeRef)
	}
	for i := range subs.Items {
		add(subs.Items[i].Spec.ExchangeRef)
	}
	slices.Sort(named)
	named = slices.Compact(named)
	switch len(named) {
	case 0:
		return nil, fmt.Errorf("namespace %s has no Exchange, and no FeedSource or Subscription that names one; choose the namespace with -n or the Exchange with --exchange NAMESPACE/NAME", namespace)
	case 1:
		ns, name, _ := strings.Cut(named[0], "/")
		return c.exchange(ctx, ns, name)
	}
	return nil, fmt.Errorf("objects of namespace %s name several Exchanges; choose one with --exchange: %s", namespace, strings.Join(named, ", "))
}

func (c *Client) exchange(ctx context.Context, namespace, name string) (*v1alpha1.Exchange, error) {
	var e v1alpha1.Exchange
	err := c.weir.Get().Namespace(namespace).Resource("exchanges").Name(name).Do(ctx).Into(&e)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("there is no Exchange %s/%s: %w", namespace, name, err)
	}
	return &e, c.explain(target{"get", "exchanges.feeds.weir.dev", namespace, name}, err)
}
