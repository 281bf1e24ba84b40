// Command operator turns the custom resources of feeds.weir.dev into running
// collectors, monitors, hubs and exporters.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/operator/selftest"
	"github.com/weir-project/weir/controllers"
)

func main() {
	if err := run(ctrl.SetupSignalHandler(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "operator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "selftest" {
		return selftest.Run(ctx, args[1:], connect, os.Stdout)
	}
	f, err := parse(args)
	if err != nil || f == nil {
		return err
	}
	boundMemory(cgroupLimit)
	log := zap.New(zap.Level(f.level), zap.JSONEncoder())
	ctrl.SetLogger(log)
	mgr, err := manager(f, log)
	if err != nil {
		return err
	}
	if err := controllers.Setup(ctx, mgr, controllers.Options{
		Pods:            f.pods,
		WatchNamespaces: f.watchNamespaces,
		SecretWatch:     f.secretWatch,
		Concurrency:     f.concurrency,
		Log:             log,
	}); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// kinds that the operator knows.
func kinds() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// connect makes a client without a cache.
func connect() (client.Client, error) {
	ctrl.SetLogger(logr.Discard())
	scheme, err := kinds()
	if err != nil {
		return nil, err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	return client.New(cfg, client.Options{Scheme: scheme})
}

func manager(f *flags, log logr.Logger) (ctrl.Manager, error) {
	scheme, err := kinds()
	if err != nil {
		return nil, err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return nil, fmt.Errorf("reach the API server: %w", err)
	}
	cfg.QPS = -1 // the API server's priority and fairness decides
	metrics := metricsserver.Options{BindAddress: f.metricsAddress, SecureServing: f.metricsSecure}
	if f.metricsSecure {
		metrics.FilterProvider = filters.WithAuthenticationAndAuthorization
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:                        scheme,
		Logger:                        log,
		Cache:                         controllers.CacheOptions(f.watchNamespaces),
		Metrics:                       metrics,
		HealthProbeBindAddress:        f.probeAddress,
		LeaderElection:                f.leaderElect,
		LeaderElectionID:              "weir-operator.feeds.weir.dev",
		LeaderElectionNamespace:       f.leaseNamespace,
		LeaderElectionReleaseOnCancel: true,
		LeaseDuration:                 &f.leaseDuration,
		RenewDeadline:                 &f.renewDeadline,
		RetryPeriod:                   &f.retryPeriod,
	})
	if err != nil {
		return nil, err
	}
	if err := mgr.AddHealthzCheck("ping", healthz.Ping); err != nil {
		return nil, err
	}
	return mgr, mgr.AddReadyzCheck("caches", controllers.CachesSynced(mgr))
}
