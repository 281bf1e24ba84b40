package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/operatortest"
)

const (
	patience = 20 * time.Minute
	tick     = 100 * time.Millisecond
	// quiet is how long nothing may be written for everything to count as done.
	quiet = 10 * time.Second
	// steady is how long nothing is touched.
	steady = 60 * time.Second
	edits  = 200
)

// bench is one run: an API server, what stands for the cluster behind it, and the
// operator.
type bench struct {
	shape    shape
	feeds    int
	dir      string
	operator string   // binary
	args     []string // more of them
	profiles string   // folder, or empty
	brief    bool     // only until all are Ready

	world      *operatortest.World
	client     client.Client
	rest       rest.Interface
	kubeconfig string
	watcher    *watcher
	kubelet    *kubelet
	stations   []*station
	process    *process
}

// result of one run. Sizes are bytes.
type result struct {
	Shape string
	Feeds int
	Load  string // of the machine before and after

	Ready       time.Duration // from the first create until all are Ready
	CreateTook  time.Duration // of the requests that create them
	ReadyCPU    time.Duration
	PeakRSS     int64
	Writes      counts
	Reads       int
	Reconciles  map[string]int
	SteadyRSS   int64
	SteadyCPU   time.Duration // in a minute
	SteadyWrite counts

	EditP50, EditP99, EditMax time.Duration

	RestartReady  time.Duration // from the start of the process until everything was looked at
	RestartCPU    time.Duration
	RestartPeak   int64
	RestartWrites counts
	RestartReads  int
	ReconcileMean float64 // seconds; nothing is to be done
	ReconcileP99  float64 // the bound of its bucket

	HandOver time.Duration // from SIGTERM of the leader until an edit is acted on
	FailOver time.Duration // from SIGKILL
}

// run measures one shape and size.
func (b *bench) run(ctx context.Context) (*result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		b.process.stop(syscall.SIGTERM)
		cancel()
		b.stop()
	}()
	if err := b.start(ctx); err != nil {
		return nil, err
	}
	r := &result{Shape: b.shape.Name, Feeds: b.feeds, Load: load()}
	for _, phase := range []struct {
		name string
		fn   func(context.Context, *result) error
	}{
		{"until all are Ready", b.untilReady}, {"nothing to do", b.idle}, {"edits", b.edit},
		{"restart", b.restart}, {"hand-over and fail-over", b.succession},
	} {
		fmt.Fprintf(os.Stderr, "%s %d: %s\n", b.shape.Name, b.feeds, phase.name)
		if err := phase.fn(ctx, r); err != nil {
			return r, fmt.Errorf("%s: %w", phase.name, err)
		}
		if b.brief {
			break
		}
	}
	r.Load += " to " + load()
	return r, nil
}

// start makes everything but the feeds.
func (b *bench) start(ctx context.Context) error {
	var err error
	if b.world, err = operatortest.Start(ctx); err != nil {
		return err
	}
	b.client = b.world.Admin
	d, err := discovery.NewDiscoveryClientForConfig(b.world.Config)
	if err != nil {
		return err
	}
	b.rest = d.RESTClient()
	config, err := b.world.Kubeconfig("weir-operator")
	if err != nil {
		return err
	}
	b.kubeconfig = filepath.Join(b.dir, "kubeconfig")
	if err := os.WriteFile(b.kubeconfig, config, 0o600); err != nil {
		return err
	}
	b.kubelet = newKubelet(ctx, b.client)
	if b.watcher, err = newWatcher(ctx, b.world.Config, b.world.Scheme, b.kubelet); err != nil {
		return err
	}
	if b.process, err = b.launch(ctx, "first"); err != nil {
		return err
	}
	if err := b.exchanges(ctx); err != nil {
		return err
	}
	if err := b.create(ctx, func(i int) client.Object { return b.shape.parser(i) }, b.parsers()); err != nil {
		return err
	}
	if err := b.create(ctx, func(i int) client.Object { return b.shape.subscription(i) }, subscriptions); err != nil {
		return err
	}
	return b.untilQuiet(ctx)
}

func (b *bench) stop() {
	for _, s := range b.stations {
		s.stop()
	}
	if b.kubelet != nil {
		b.kubelet.wg.Wait()
	}
	if b.world != nil {
		if err := b.world.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
		}
	}
}

// untilQuiet waits until the operator writes nothing any more.
func (b *bench) untilQuiet(ctx context.Context) error {
	last, since := -1, time.Now()
	return until(ctx, patience, time.Second, "the operator has nothing to write", func() (bool, error) {
		w, err := b.writes(ctx)
		if err != nil {
			return false, err
		}
		if n := w.total(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > quiet, nil
	})
}

// untilReady creates the feeds and waits for them.
func (b *bench) untilReady(ctx context.Context, r *result) error {
	writes, in, used, err := b.before(ctx)
	if err != nil {
		return err
	}
	b.process.profile()
	first := time.Now()
	if err := b.create(ctx, func(i int) client.Object { return b.shape.feed(i, b.parsers()) }, b.feeds); err != nil {
		return err
	}
	r.CreateTook = time.Since(first)
	if err := until(ctx, patience, tick, "all are Ready", func() (bool, error) {
		n, last := b.watcher.readyFeeds()
		r.Ready = last.Sub(first)
		return n == b.feeds, nil
	}); err != nil {
		n, _ := b.watcher.readyFeeds()
		return fmt.Errorf("%d are: %w", n, err)
	}
	if err := b.untilQuiet(ctx); err != nil {
		return err
	}
	b.process.profile()
	w, after, now, err := b.before(ctx)
	if err != nil {
		return err
	}
	r.Writes, r.Reads, r.ReadyCPU, r.PeakRSS = w.minus(writes), after.Reads-in.Reads, now.CPU-used.CPU, now.Peak
	r.Reconciles = counts(after.Reconciles).minus(in.Reconciles)
	return nil
}

// before is what was written, reconciled and used so far.
func (b *bench) before(ctx context.Context) (counts, *insight, usage, error) {
	w, err := b.writes(ctx)
	if err != nil {
		return nil, nil, usage{}, err
	}
	in, err := b.process.insight(ctx)
	if err != nil {
		return nil, nil, usage{}, err
	}
	u, err := b.process.usage()
	return w, in, u, err
}

// idle touches nothing for a while.
func (b *bench) idle(ctx context.Context, r *result) error {
	writes, err := b.writes(ctx)
	if err != nil {
		return err
	}
	used, err := b.process.usage()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(steady):
	}
	now, err := b.process.usage()
	if err != nil {
		return err
	}
	after, err := b.writes(ctx)
	if err != nil {
		return err
	}
	r.SteadyRSS, r.SteadyCPU, r.SteadyWrite = now.RSS, now.CPU-used.CPU, after.minus(writes)
	return nil
}

// edit changes feeds, one after the other, each so that its pod changes.
func (b *bench) edit(ctx context.Context, r *result) error {
	if b.shape.Shared > 0 {
		return nil // no pod of its own changes
	}
	b.process.profile()
	took := make([]time.Duration, 0, edits)
	for i := range edits {
		d, err := b.editOne(ctx, i)
		if err != nil {
			return err
		}
		took = append(took, d)
	}
	b.process.profile()
	slices.Sort(took)
	r.EditP50, r.EditP99, r.EditMax = took[edits/2], took[edits*99/100], took[edits-1]
	return nil
}

// editOne measures from the request that edits a feed until a watch tells that its
// Deployment is another one.
func (b *bench) editOne(ctx context.Context, i int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	feed := b.shape.feed(i*7919%b.feeds, b.parsers())
	deployment := feed.Namespace + "/" + feed.Name + "-collector"
	was := b.watcher.generation(deployment)
	patch := fmt.Sprintf(`{"spec":{"limits":{"payloadBytes":%d}}}`, (1024+i)<<20)
	begin := time.Now()
	if err := b.client.Patch(ctx, &v1alpha1.FeedSource{ObjectMeta: feed.ObjectMeta}, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
		return 0, err
	}
	if err := b.watcher.beyond(ctx, deployment, was); err != nil {
		return 0, fmt.Errorf("no change of Deployment %s: %w", deployment, err)
	}
	return time.Since(begin), nil
}

// restart stops the operator and starts it again.
func (b *bench) restart(ctx context.Context, r *result) error {
	if err := b.untilQuiet(ctx); err != nil {
		return err
	}
	writes, err := b.writes(ctx)
	if err != nil {
		return err
	}
	b.process.stop(syscall.SIGTERM)
	begin := time.Now()
	if b.process, err = b.launch(ctx, "restarted"); err != nil {
		return err
	}
	var in *insight
	if err := until(ctx, patience, tick, "everything was looked at", func() (bool, error) {
		in, err = b.process.insight(ctx)
		return err == nil && in.Reconciles["feedsource"] >= b.feeds && in.Queued == 0, err
	}); err != nil {
		return err
	}
	r.RestartReady = time.Since(begin)
	if err := b.untilQuiet(ctx); err != nil {
		return err
	}
	used, err := b.process.usage()
	if err != nil {
		return err
	}
	after, err := b.writes(ctx)
	if err != nil {
		return err
	}
	if in, err = b.process.insight(ctx); err != nil {
		return err
	}
	r.RestartCPU, r.RestartPeak, r.RestartWrites, r.RestartReads = used.CPU, used.Peak, after.minus(writes), in.Reads
	r.ReconcileMean, r.ReconcileP99 = in.Took/float64(counts(in.Reconciles).total()), in.below(nil, 0.99)
	return nil
}

// succession has a second operator take over, once from a leader that ends as it
// should and once from one that is killed.
func (b *bench) succession(ctx context.Context, r *result) error {
	if b.shape.Shared > 0 {
		return nil
	}
	for i, one := range []struct {
		signal syscall.Signal
		took   *time.Duration
	}{{syscall.SIGTERM, &r.HandOver}, {syscall.SIGKILL, &r.FailOver}} {
		next, err := b.launch(ctx, fmt.Sprintf("next-%d", i))
		if err != nil {
			return err
		}
		if err := b.untilQuiet(ctx); err != nil {
			return err
		}
		begin := time.Now()
		b.process.stop(one.signal)
		b.process = next
		if _, err := b.editOne(ctx, edits+i); err != nil {
			return err
		}
		*one.took = time.Since(begin)
	}
	return nil
}

// profile begins or ends a profile, if the operator was built to make them.
func (p *process) profile() {
	if p.profiled {
		_ = p.cmd.Process.Signal(syscall.SIGUSR1)
	}
}
