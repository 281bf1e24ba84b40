// Package monitor is the stage between collectors and the hub: it checks each
// payload for a change of its format, then parses it and publishes events, or
// holds it until somebody decides.
//
// A payload is acknowledged when everything that came out of it is on disk:
// events, rejected records, or the held copy. A crash before that makes it happen
// again with the same message ids and the same event ids.
package monitor

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// Options of a monitor.
type Options struct {
	Conn *bus.Conn
	Log  logr.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Keys of the config bucket, or prefixes that end in a dot, are the Parsers that
	// this stage works for, for example "monitor.default."; "monitor." if empty. Of
	// these, Share is what it has.
	Keys  []string
	Share plan.Share
}

// Stage runs the monitors of any number of feeds in one process.
type Stage struct {
	conn  *bus.Conn
	log   logr.Logger
	meter *meter
	keys  []string
	share plan.Share
	// slots bounds how many payloads are parsed at once, and with it memory.
	slots chan struct{}
	// searching is taken while a repair is looked for: one at a time.
	searching chan struct{}
	synced    atomic.Bool
	config    *config

	examiner *examiner
}

// New makes a monitor. Run starts it.
func New(o Options) (*Stage, error) {
	if o.Conn == nil {
		return nil, errors.New("monitor needs a bus connection")
	}
	m, err := newMeter(o.Metrics)
	if err != nil {
		return nil, err
	}
	keys := o.Keys
	if len(keys) == 0 {
		keys = []string{plan.PrefixMonitor + "."}
	}
	s := &Stage{conn: o.Conn, log: o.Log, meter: m, keys: keys, share: o.Share, slots: make(chan struct{}, 2*runtime.GOMAXPROCS(0)),
		searching: make(chan struct{}, 1)}
	s.config = newConfig(s)
	s.examiner = newExaminer(o.Conn.Status(), o.Log)
	return s, nil
}

// Ready tells whether the configuration was read and the bus answers.
func (s *Stage) Ready() error {
	if !s.synced.Load() {
		return errors.New("monitor has not read its configuration yet")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.conn.Ready(ctx)
}

// Run works until ctx ends.
func (s *Stage) Run(ctx context.Context) error {
	outer := ctx
	group, ctx := errgroup.WithContext(outer)
	s.config.start = func(f *feed) {
		ctx, cancel := context.WithCancel(ctx)
		f.stop, f.stopped = cancel, make(chan struct{})
		group.Go(func() error {
			defer close(f.stopped)
			defer cancel()
			f.run(ctx)
			return nil
		})
	}
	group.Go(func() error {
		return s.conn.Config().Watch(ctx, prefixes(s.keys), s.config.take)
	})
	group.Go(func() error { return s.examiner.run(ctx) })
	if err := group.Wait(); err != nil && outer.Err() == nil {
		return err
	}
	return nil
}

// prefixes are those of the configuration, and of the decisions and requests of
// its namespaces: a monitor may not read others.
func prefixes(keys []string) []string {
	all := slices.Clone(keys)
	for _, key := range keys {
		below := "."
		if parts := strings.Split(key, "."); len(parts) > 2 {
			below += parts[1] + "."
		}
		all = append(all, plan.PrefixDecision+below, plan.PrefixReplay+below)
	}
	return all
}

// slot waits for the turn of a payload.
func (s *Stage) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return func() { <-s.slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
