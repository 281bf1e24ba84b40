// Package collect fetches feeds: it watches the configuration of the collectors,
// runs each feed on its schedule, and publishes what is new as raw payloads.
//
// A collection is whole or it is nothing: everything is fetched, unpacked and
// checked against the limits before the first payload is published. What did not
// change is not published again. A crash repeats a collection under the same
// ids, so nothing is lost and nothing is doubled.
package collect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/secret"
	"github.com/weir-project/weir/pipeline/status"
)

// Options configure the stage.
type Options struct {
	// Conn is the bus, set up.
	Conn *bus.Conn
	Log  logr.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Secrets may be nil when no feed has any.
	Secrets secret.Reader
	// FilesRoot is the folder that file sources read from; empty: no file sources.
	FilesRoot string
	// TempDir is where payloads above 1 MiB wait until they are whole; the
	// system's if empty. It needs room for what runs at once: at most 16 GiB a
	// collection, 16 collections.
	TempDir string
	// AllowNets are networks that feeds may come from besides the public
	// Internet, and that may get credentials without encryption.
	AllowNets []netip.Prefix
	// Services lets a feed come from a Service of its own namespace in a cluster, by a
	// URL such as http://feeds.default.svc/list.
	Services bool
	// Keys of the config bucket, or prefixes that end in a dot, are the feeds that
	// this stage collects; "collector." if empty. Of these, Share is what it has.
	Keys  []string
	Share plan.Share
}

// Stage runs the collectors. Use New.
type Stage struct {
	keys      []string
	share     plan.Share
	log       logr.Logger
	config    bucket
	state     bucket
	reporter  *reporter
	collector *collector
	metrics   *metrics
	watches   *watches

	feeds    map[string]*running
	requests map[string]string // to collect now: ids by the key of the feed
	wg       sync.WaitGroup
	started  atomic.Bool
}

// running is a feed with the means to end it.
type running struct {
	feed *feed
	stop context.CancelFunc
	done chan struct{}
}

// buses is what a stage needs of the bus; *bus.Conn behind New.
type buses struct {
	raw                   publisher
	config, state, status bucket
}

// New makes a stage. It fails when the metrics are registered already.
func New(o Options) (*Stage, error) {
	if o.Conn == nil {
		return nil, errors.New("collect: no bus connection")
	}
	return newStage(o, buses{raw: o.Conn, config: o.Conn.Config(), state: o.Conn.State(), status: o.Conn.Status()}, rateWindow)
}

func newStage(o Options, b buses, rate time.Duration) (*Stage, error) {
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("collect: %w", err)
	}
	if len(o.Keys) == 0 {
		o.Keys = []string{plan.PrefixCollector + "."}
	}
	g := newGuard(o.AllowNets)
	transports := func(cfg *plan.Collector) (transport, error) {
		switch {
		case cfg.Spec.HTTP != nil:
			return &httpTransport{guard: g, secrets: secretStore{o.Secrets, cfg.Namespace}, rateWindow: rate, services: o.Services}, nil
		case cfg.Spec.File != nil:
			return &fileTransport{root: o.FilesRoot, settle: settle}, nil
		}
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec: one of http and file is needed")
	}
	return &Stage{
		keys:      withRequests(o.Keys),
		share:     o.Share,
		log:       o.Log,
		config:    b.config,
		state:     b.state,
		reporter:  newReporter(b.status, o.Log),
		collector: &collector{raw: b.raw, state: b.state, tempDir: o.TempDir, secrets: o.Secrets, transport: transports, slots: newSlots()},
		metrics:   m,
		watches:   newWatches(o.FilesRoot, o.Log),
		feeds:     map[string]*running{},
		requests:  map[string]string{},
	}, nil
}

// withRequests adds the keys of requests to collect now to those of the feeds.
func withRequests(keys []string) []string {
	all := slices.Clone(keys)
	for _, k := range keys {
		if rest, ok := strings.CutPrefix(k, plan.PrefixCollector+"."); ok {
			all = append(all, plan.PrefixCollect+"."+rest)
		}
	}
	return all
}

// Ready returns nil once every feed of the configuration is running.
func (s *Stage) Ready() error {
	if !s.started.Load() {
		return errors.New("collect: the configuration was not read yet")
	}
	return nil
}

// Run collects until ctx ends, and returns when everything stopped. A collection
// that is interrupted is repeated by the next Run.
func (s *Stage) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	reports, stopReports := context.WithCancel(context.WithoutCancel(ctx))
	defer stopReports()
	var reporting sync.WaitGroup
	reporting.Go(func() { s.reporter.run(reports) })

	err := s.config.Watch(ctx, s.keys, func(e bus.Entry) error {
		s.apply(ctx, e)
		return nil
	})
	stopped := ctx.Err() != nil
	s.started.Store(false)
	cancel()
	s.wg.Wait()
	s.watches.close()
	stopReports()
	reporting.Wait()
	if stopped {
		return nil
	}
	return fmt.Errorf("collect: the configuration cannot be watched: %w", err)
}

// apply takes one change of the configuration.
func (s *Stage) apply(ctx context.Context, e bus.Entry) {
	switch {
	case e.Key == "":
		s.started.Store(true)
		s.log.Info("configuration read", "feeds", len(s.feeds))
	case !s.share.HasKey(e.Key):
	case strings.HasPrefix(e.Key, plan.PrefixCollect+"."):
		s.request(e)
	case !strings.HasPrefix(e.Key, plan.PrefixCollector+"."):
	case e.Value == nil:
		s.remove(ctx, e.Key)
	default:
		cfg := new(plan.Collector)
		err := json.Unmarshal(e.Value, cfg)
		if err == nil && plan.Key(plan.PrefixCollector, cfg.Namespace, cfg.Name) != e.Key {
			err = fmt.Errorf("it is about %s/%s", cfg.Namespace, cfg.Name)
		}
		if err != nil {
			s.log.Error(err, "configuration ignored", "key", e.Key)
			return
		}
		s.ensure(ctx, e.Key, cfg)
	}
	s.metrics.feeds.Set(float64(len(s.feeds)))
}

// request takes a request to collect a feed now. It may be there before the feed.
func (s *Stage) request(e bus.Entry) {
	key := plan.PrefixCollector + strings.TrimPrefix(e.Key, plan.PrefixCollect)
	var now plan.CollectNow
	if e.Value != nil {
		if err := json.Unmarshal(e.Value, &now); err != nil {
			s.log.Error(err, "request ignored", "key", e.Key)
			return
		}
	}
	if now.ID == "" {
		delete(s.requests, key)
		return
	}
	s.requests[key] = now.ID
	if r, ok := s.feeds[key]; ok {
		newest(r.feed.requests, now.ID)
	}
}

// ensure starts a feed, or hands it its new configuration.
func (s *Stage) ensure(ctx context.Context, key string, cfg *plan.Collector) {
	if r, ok := s.feeds[key]; ok {
		r.feed.update(cfg)
		return
	}
	f := &feed{
		key:       key,
		log:       s.log.WithValues("namespace", cfg.Namespace, "feed", cfg.Name),
		collector: s.collector,
		report:    func(key string, st status.Collector) { s.reporter.set(key, st) },
		metrics:   s.metrics,
		updates:   make(chan *plan.Collector, 1),
		wake:      make(chan struct{}, 1),
		requests:  make(chan string, 1),
	}
	if id := s.requests[key]; id != "" {
		newest(f.requests, id)
	}
	f.watch = func(cfg *plan.Collector) { s.watches.set(key, cfg, f.wake) }
	f.update(cfg)
	ctx, stop := context.WithCancel(ctx)
	r := &running{feed: f, stop: stop, done: make(chan struct{})}
	s.feeds[key] = r
	s.wg.Go(func() {
		defer close(r.done)
		defer stop()
		f.run(ctx, s.state, s.reporter.bucket)
	})
}

// remove stops a feed and forgets it: made again, it starts from scratch.
func (s *Stage) remove(ctx context.Context, key string) {
	r, ok := s.feeds[key]
	if !ok {
		return
	}
	r.stop()
	<-r.done
	delete(s.feeds, key)
	s.watches.set(key, nil, nil)
	s.reporter.remove(key)
	if err := s.state.Delete(ctx, key); err != nil && !errors.Is(err, bus.ErrNotFound) && ctx.Err() == nil {
		s.log.Error(err, "state cannot be deleted", "key", key)
	}
	names := strings.SplitN(key, ".", 3)
	s.metrics.forget(names[1], names[2])
	s.log.Info("feed removed", "key", key)
}
