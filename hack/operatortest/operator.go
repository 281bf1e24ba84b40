package operatortest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/weir-project/weir/controllers"
	"github.com/weir-project/weir/pipeline/bus"
)

// OperatorOptions adjust an operator.
type OperatorOptions struct {
	// Account is the ServiceAccount; weir-operator if empty.
	Account    string
	Namespaces []string
	// Elect makes it one of several.
	Elect bool
	Dial  func(ctx context.Context, exchange types.NamespacedName, c controllers.LinkConfig) (*bus.Conn, error)
	Log   logr.Logger
	// Change adjusts the rest.
	Change func(*controllers.Options)
}

// Operator is a running operator.
type Operator struct {
	Manager  ctrl.Manager
	Requests *Requests

	stop context.CancelFunc
	done chan error
}

// Run starts an operator that ends with ctx or Stop.
func (w *World) Run(ctx context.Context, o OperatorOptions) (*Operator, error) {
	if o.Account == "" {
		o.Account = "weir-operator"
	}
	cfg, err := w.user(o.Account)
	if err != nil {
		return nil, err
	}
	op := &Operator{Requests: &Requests{counts: map[string]int{}}, done: make(chan error, 1)}
	cfg.Wrap(op.Requests.count)
	if op.Manager, err = manager(w, cfg, o); err != nil {
		return nil, err
	}
	ctx, op.stop = context.WithCancel(ctx)
	opts := controllers.Options{
		Pods: controllers.PodSettings{
			Image: "registry.example.org/weir-pipeline:test", NetworkPolicies: true, DNSNamespace: "kube-system",
			OperatorNamespace: Namespace, OperatorLabels: map[string]string{"app.kubernetes.io/name": "weir-operator"},
		},
		WatchNamespaces: o.Namespaces, SecretWatch: true, Dial: o.Dial, Log: o.Log, Registerer: prometheus.NewRegistry(),
	}
	if o.Change != nil {
		o.Change(&opts)
	}
	if err := controllers.Setup(ctx, op.Manager, opts); err != nil {
		op.stop()
		return nil, err
	}
	go func() { op.done <- op.Manager.Start(ctx) }()
	return op, nil
}

func manager(w *World, cfg *rest.Config, o OperatorOptions) (ctrl.Manager, error) {
	skip := true
	own, err := scheme() // a manager adds to it
	if err != nil {
		return nil, err
	}
	opts := ctrl.Options{
		Scheme: own, Logger: o.Log, Cache: controllers.CacheOptions(o.Namespaces),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip}, // several in one process
	}
	if o.Elect {
		lease, renew, retry := 4*time.Second, 3*time.Second, 500*time.Millisecond
		opts.LeaderElection, opts.LeaderElectionID, opts.LeaderElectionNamespace = true, "weir-operator.feeds.weir.dev", Namespace
		opts.LeaderElectionConfig = w.Config // the Role of the lease is the chart's
		opts.LeaderElectionReleaseOnCancel = true
		opts.LeaseDuration, opts.RenewDeadline, opts.RetryPeriod = &lease, &renew, &retry
	}
	return ctrl.NewManager(cfg, opts)
}

// Stop ends the operator and returns what it ended with.
func (o *Operator) Stop() error {
	o.stop()
	select {
	case err := <-o.done:
		return err
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("the operator did not stop")
	}
}

// Requests counts what was asked of the API server.
type Requests struct {
	mu     sync.Mutex
	counts map[string]int
}

func (r *Requests) count(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		path := strings.Split(strings.Trim(req.URL.Path, "/"), "/")
		what := req.Method + " " + strings.Join(path, "/")
		r.mu.Lock()
		r.counts[what]++
		r.mu.Unlock()
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Writes are the requests so far that change something, by method and path; leases
// and reviews left out.
func (r *Requests) Writes() map[string]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string]int{}
	for what, n := range r.counts {
		if strings.HasPrefix(what, "GET ") || strings.Contains(what, "/leases/") {
			continue
		}
		out[what] = n
	}
	return out
}

// Since are the writes after those that an earlier call of Writes returned.
func (r *Requests) Since(before map[string]int) map[string]int {
	after := r.Writes()
	for what, n := range before {
		if after[what] -= n; after[what] == 0 {
			delete(after, what)
		}
	}
	return after
}

// All requests so far, except for leases.
func (r *Requests) All() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for what, k := range r.counts {
		if !strings.Contains(what, "/leases/") {
			n += k
		}
	}
	return n
}

// Total of the writes so far.
func (r *Requests) Total() (n int) {
	for _, k := range r.Writes() {
		n += k
	}
	return n
}
