package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/weir-project/weir/controllers"
)

// flags of the command line.
type flags struct {
	pods            controllers.PodSettings
	watchNamespaces []string
	secretWatch     bool
	concurrency     map[string]int

	leaderElect                               bool
	leaseNamespace                            string
	leaseDuration, renewDeadline, retryPeriod time.Duration
	metricsAddress                            string
	metricsSecure                             bool
	probeAddress                              string
	level                                     zapcore.Level
}

// parse returns nil without an error when help was asked for.
func parse(args []string) (*flags, error) {
	f := &flags{concurrency: map[string]int{}, level: zapcore.InfoLevel}
	fs := flag.NewFlagSet("operator", flag.ContinueOnError)
	f.podFlags(fs)
	fs.Func("watch-namespace", "namespace to look after; may be repeated; all if absent", list(&f.watchNamespaces))
	fs.BoolVar(&f.secretWatch, "secret-watch", true, "roll pods when a Secret that they use changes")
	fs.Func("concurrency", "KIND=N: how many objects of a kind are reconciled at once; may be repeated", f.setConcurrency)
	fs.BoolVar(&f.leaderElect, "leader-elect", true, "work only while holding the lease, so that several replicas may run")
	fs.StringVar(&f.leaseNamespace, "leader-election-namespace", "", "namespace of the lease; that of the pod if empty")
	fs.DurationVar(&f.leaseDuration, "lease-duration", 15*time.Second, "how long others wait before they take a lease that is not renewed")
	fs.DurationVar(&f.renewDeadline, "renew-deadline", 10*time.Second, "how long the leader tries to renew its lease before it gives up")
	fs.DurationVar(&f.retryPeriod, "retry-period", 2*time.Second, "how often the lease is tried")
	fs.StringVar(&f.metricsAddress, "metrics-bind-address", ":8443", "where metrics are served; 0 serves none")
	fs.BoolVar(&f.metricsSecure, "metrics-secure", true, "serve metrics over TLS, to those whom the API server authenticates and authorizes")
	fs.StringVar(&f.probeAddress, "health-probe-bind-address", ":8081", "where /healthz and /readyz are served")
	fs.Func("log-level", "debug, info or error", f.level.Set)
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, nil //nolint:nilnil // help was printed
		}
		return nil, err
	}
	f.pods.LogLevel = f.level.String()
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case f.pods.Image == "":
		return nil, errors.New("--pipeline-image is missing: name the image of the data plane")
	case f.renewDeadline >= f.leaseDuration:
		return nil, errors.New("--renew-deadline must be shorter than --lease-duration")
	}
	return f, nil
}

// podFlags are those that reach the pods.
func (f *flags) podFlags(fs *flag.FlagSet) {
	p := &f.pods
	fs.StringVar(&p.Image, "pipeline-image", "", "image of the data plane (required)")
	fs.StringVar(&p.PullPolicy, "image-pull-policy", "", "pull policy of the data plane's image")
	fs.Func("image-pull-secret", "Secret that the data plane's image is pulled with; may be repeated", list(&p.PullSecrets))
	fs.Func("allow-network", "private network in CIDR notation that feeds may come from; may be repeated", func(s string) error {
		n, err := netip.ParsePrefix(s)
		if err != nil {
			return fmt.Errorf("write a network such as 10.20.0.0/16: %w", err)
		}
		p.AllowNetworks = append(p.AllowNetworks, n.Masked())
		return nil
	})
	fs.BoolVar(&p.NetworkPolicies, "network-policies", true, "make a NetworkPolicy for each workload")
	fs.StringVar(&p.DNSNamespace, "cluster-dns-namespace", "kube-system", "namespace where the cluster's DNS runs")
	fs.StringVar(&p.OperatorNamespace, "operator-namespace", "", "namespace of the operator's own pods, which hubs let in")
	fs.Func("operator-label", "KEY=VALUE label of the operator's own pods, which hubs let in; may be repeated", func(s string) error {
		k, v, ok := strings.Cut(s, "=")
		if !ok {
			return errors.New("write KEY=VALUE")
		}
		if p.OperatorLabels == nil {
			p.OperatorLabels = map[string]string{}
		}
		p.OperatorLabels[k] = v
		return nil
	})
	fs.Func("metrics-from", "namespace whose pods may read the metrics of the workloads; may be repeated; all if absent", list(&p.MetricsFrom))
	fs.BoolVar(&p.UserNamespaces, "user-namespaces", false, "run pods in user namespaces (hostUsers: false)")
	fs.BoolVar(&p.PlatformGroup, "platform-group", false, "leave the group that owns volumes to the platform, as OpenShift wants it")
}

func list(into *[]string) func(string) error {
	return func(s string) error {
		if s == "" {
			return errors.New("is empty")
		}
		*into = append(*into, s)
		return nil
	}
}

func (f *flags) setConcurrency(s string) error {
	kind, number, _ := strings.Cut(s, "=")
	n, err := strconv.Atoi(number)
	if _, ok := controllers.Kinds()[kind]; !ok || err != nil || n < 1 {
		return fmt.Errorf("write KIND=N with one of %s and a number above 0", strings.Join(slices.Sorted(maps.Keys(controllers.Kinds())), ", "))
	}
	f.concurrency[kind] = n
	return nil
}
