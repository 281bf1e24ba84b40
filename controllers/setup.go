// Package controllers makes the operator: one controller a kind, and what they
// share. The manager's main is cmd/operator.
package controllers

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/weir-project/weir/controllers/exchange"
	"github.com/weir-project/weir/controllers/feedsource"
	"github.com/weir-project/weir/controllers/formatchange"
	"github.com/weir-project/weir/controllers/internal/apply"
	"github.com/weir-project/weir/controllers/internal/buslink"
	"github.com/weir-project/weir/controllers/internal/keyring"
	"github.com/weir-project/weir/controllers/internal/metrics"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/controllers/internal/workload"
	"github.com/weir-project/weir/controllers/internal/world"
	"github.com/weir-project/weir/controllers/parser"
	"github.com/weir-project/weir/controllers/subscription"
	"github.com/weir-project/weir/pipeline/bus"
)

// PodSettings are the operator's settings that reach the pods it makes.
type PodSettings = workload.Options

// LinkConfig says how the operator reaches a bus.
type LinkConfig = buslink.Config

// Options of the operator.
type Options struct {
	Pods PodSettings
	// WatchNamespaces confines the operator; empty is the whole cluster.
	WatchNamespaces []string
	// SecretWatch rolls pods when a Secret that they use changes.
	SecretWatch bool
	// Concurrency by kind; 1 for those that are absent, 10 for FeedSources.
	Concurrency map[string]int
	// Dial connects to the bus of an Exchange; nil is the address that its hub has in
	// the cluster. Tests have no cluster network.
	Dial func(ctx context.Context, exchange types.NamespacedName, c LinkConfig) (*bus.Conn, error)
	// CredentialsLifetime is 30 days if 0.
	CredentialsLifetime time.Duration
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Registerer takes the metrics; the manager's registry if nil.
	Registerer prometheus.Registerer
	Log        logr.Logger
}

const (
	retryFirst = 500 * time.Millisecond
	retryMost  = 10 * time.Minute
	// reconcileMost bounds one reconcile.
	reconcileMost = time.Minute
	lifetime      = 30 * 24 * time.Hour
)

// defaultConcurrency is how many objects of a kind are reconciled at a time.
var defaultConcurrency = map[string]int{"FeedSource": 10, "Parser": 4, "Subscription": 4, "FormatChange": 2, "Exchange": 2}

// Kinds that Options.Concurrency may name.
func Kinds() map[string]int { return defaultConcurrency }

// Setup registers every controller with the manager, which ends with ctx.
func Setup(ctx context.Context, mgr ctrl.Manager, o Options) error {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.CredentialsLifetime == 0 {
		o.CredentialsLifetime = lifetime
	}
	if o.Registerer == nil {
		o.Registerer = crmetrics.Registry
	}
	m, err := metrics.New(o.Registerer)
	if err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	if err := index(ctx, mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("index the cache: %w", err)
	}
	secrets, err := newSecretCache(mgr, o)
	if err != nil {
		return err
	}
	bells := newBells(ctx)
	links := buslink.New(buslink.Options{
		Log: o.Log.WithName("bus"), Notify: bells.ring, Dial: o.Dial, Registerer: o.Registerer,
	})
	if err := mgr.Add(links); err != nil {
		return fmt.Errorf("bus links: %w", err)
	}
	base := &scope.Base{
		Client:  mgr.GetClient(),
		Applier: &apply.Applier{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		Links:   links,
		Ring: &keyring.Ring{
			Reader: mgr.GetAPIReader(), Writer: mgr.GetClient(), Meta: secrets, Now: o.Now, Lifetime: o.CredentialsLifetime,
		},
		Recorder: mgr.GetEventRecorder("weir-operator"), Metrics: m, Secrets: secrets, Workload: o.Pods,
		Namespaces: len(o.WatchNamespaces) == 0, SecretWatch: o.SecretWatch, Now: o.Now,
	}
	s := &setup{mgr: mgr, options: o, base: base, secrets: secrets, bells: bells}
	for _, one := range []struct {
		kind string
		make func() error
	}{
		{"Exchange", func() error { return s.exchange(&exchange.Reconciler{Base: base}) }},
		{"FeedSource", func() error { return s.feedSource(&feedsource.Reconciler{Base: base}) }},
		{"Parser", func() error { return s.parser(&parser.Reconciler{Base: base}) }},
		{"Subscription", func() error {
			return s.subscription(&subscription.Reconciler{Base: base,
				Routes: &subscription.Routes{Live: mgr.GetAPIReader(), Client: mgr.GetClient()}})
		}},
		{"FormatChange", func() error { return s.formatChange(&formatchange.Reconciler{Base: base}) }},
	} {
		if err := one.make(); err != nil {
			return fmt.Errorf("%s controller: %w", one.kind, err)
		}
	}
	return nil
}

// index makes the indexes that reconcilers look things up by.
func index(ctx context.Context, ix client.FieldIndexer) error {
	if err := world.Index(ctx, ix); err != nil {
		return err
	}
	for _, child := range []client.Object{
		&appsv1.Deployment{}, &corev1.ServiceAccount{}, &corev1.Service{}, &networkingv1.NetworkPolicy{},
		&networkingv1.Ingress{}, &policyv1.PodDisruptionBudget{},
	} {
		if err := ix.IndexField(ctx, child, apply.IndexOwner, apply.OwnerUID); err != nil {
			return err
		}
	}
	return nil
}

func (s *setup) controllerOptions(kind string) controller.Options {
	n := s.options.Concurrency[kind]
	if n == 0 {
		n = defaultConcurrency[kind]
	}
	warm := true
	return controller.Options{
		MaxConcurrentReconciles: n,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryMost),
		ReconciliationTimeout:   reconcileMost,
		EnableWarmup:            &warm,
	}
}
