package main

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
)

// shape is how FeedSources are spread.
type shape struct {
	Name       string
	Namespaces int // each with an Exchange
	Shared     int // pods that the collectors of an Exchange share; 0: each has its own
}

var shapes = []shape{
	{Name: "one", Namespaces: 1},
	{Name: "ten", Namespaces: 10},
	{Name: "shared", Namespaces: 1, Shared: 10},
}

const (
	subscriptions = 10
	exchangeName  = "main"
)

// parsers of all namespaces together: 20, and of 10,000 feeds 100 use one each.
func (b *bench) parsers() int { return max(20, b.feeds/100) }

func (s shape) namespace(i int) string { return fmt.Sprintf("tenant-%d", i%s.Namespaces) }

// parser and feed are spread evenly over the namespaces.
func (s shape) parser(i int) *v1alpha1.Parser {
	return &v1alpha1.Parser{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(i), Name: fmt.Sprintf("parser-%d", i/s.Namespaces)},
		Spec: v1alpha1.ParserSpec{
			Input:     v1alpha1.InputSpec{Text: &v1alpha1.TextSpec{Comment: "#"}},
			Mapping:   []v1alpha1.MappingRule{{Field: "ip", From: []string{"line"}, Required: true}},
			Constants: map[string]string{"category": "cnc", "confidence": "high"},
		}}
}

func (s shape) feed(i, parsers int) *v1alpha1.FeedSource {
	name := fmt.Sprintf("feed-%05d", i)
	return &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(i), Name: name}, Spec: v1alpha1.FeedSourceSpec{
		Provider: "example-org", Channel: name, ExchangeRef: v1alpha1.ExchangeReference{Name: exchangeName},
		ParserRef: v1alpha1.LocalReference{Name: fmt.Sprintf("parser-%d", i/s.Namespaces%(parsers/s.Namespaces))},
		HTTP:      &v1alpha1.HTTPSpec{URL: "https://feeds.example.org/" + name},
		Schedule:  v1alpha1.ScheduleSpec{Interval: "1h"},
	}}
}

func (s shape) subscription(i int) *v1alpha1.Subscription {
	name := fmt.Sprintf("subscriber-%d", i)
	return &v1alpha1.Subscription{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace(i), Name: name}, Spec: v1alpha1.SubscriptionSpec{
		ExchangeRef:  v1alpha1.ExchangeReference{Name: exchangeName},
		Organisation: v1alpha1.OrganisationSpec{ID: name + ".example", Criteria: v1alpha1.CriteriaSpec{ASNs: []int64{64500 + int64(i)}}},
		Zones:        v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}},
		Exports:      []v1alpha1.ExportSpec{{Name: "api", API: &v1alpha1.APIExport{}}},
	}}
}

// exchanges makes a namespace, a bus and an Exchange each, and waits for them.
func (b *bench) exchanges(ctx context.Context) error {
	const secret, key = "bus", "seed"
	for i := range b.shape.Namespaces {
		name := types.NamespacedName{Namespace: b.shape.namespace(i), Name: exchangeName}
		s, err := newStation(ctx, b.dir, name)
		if err != nil {
			return fmt.Errorf("bus of %s: %w", name, err)
		}
		b.stations = append(b.stations, s)
		e := &v1alpha1.Exchange{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}}
		e.Spec.Bus.NATS = &v1alpha1.NATSSpec{URLs: []string{s.server.URL()}, SigningKey: v1alpha1.SecretKeyReference{Name: secret, Key: key}}
		if b.shape.Shared > 0 {
			e.Spec.Collectors = v1alpha1.SharingSpec{Mode: v1alpha1.Shared, Shards: int32(b.shape.Shared)}
		}
		for _, o := range []client.Object{
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name.Namespace}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: secret}, Data: map[string][]byte{key: s.keys.AccountSeed}},
			e,
		} {
			if err := b.client.Create(ctx, o); err != nil {
				return err
			}
		}
	}
	for i := range b.shape.Namespaces {
		e := &v1alpha1.Exchange{}
		key := client.ObjectKey{Namespace: b.shape.namespace(i), Name: exchangeName}
		if err := until(ctx, patience, tick, "Exchange "+key.String()+" is Ready", func() (bool, error) {
			err := b.client.Get(ctx, key, e)
			return meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.ConditionReady), err
		}); err != nil {
			return fmt.Errorf("%w: %+v", err, e.Status.Conditions)
		}
	}
	return nil
}

// create makes all feeds, eight at a time.
func (b *bench) create(ctx context.Context, objects func(i int) client.Object, n int) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error { return b.client.Create(ctx, objects(i)) })
	}
	return g.Wait()
}
