// Package export serves what subscribers get: n6's REST API (search, inside,
// threats in json, sjson and csv) and a live stream of server-sent events.
//
// The hub decides what a subscription may see and takes out the rest; this
// package knows who is asking, what for, and in which form the answer goes out.
package export

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/secret"
	"github.com/weir-project/weir/pipeline/status"
)

// refreshEvery is how often secrets are read again and counts are told.
const refreshEvery = 30 * time.Second

// Options of a stage. Conn, Archive and Secrets are required.
type Options struct {
	Conn    *bus.Conn
	Archive Archive
	Secrets secret.Reader
	Log     logr.Logger
	// Metrics is where the stage's metrics are registered; nil keeps them private.
	Metrics prometheus.Registerer
	// Keys of the config bucket, or prefixes that end in a dot, are the
	// subscriptions that this stage serves; all if empty. Of these, Share is what it
	// has.
	Keys  []string
	Share plan.Share
	// Exchanges are keys or prefixes of what is known of exchanges; all if empty.
	Exchanges []string
	// Now is the clock of the 307 rule and of login failures.
	Now func() time.Time
}

// Stage serves subscriptions. Handlers work while Run runs.
type Stage struct {
	archive    Archive
	secrets    secret.Reader
	config     configBucket
	statuses   statusBucket
	state      stateBucket
	deliveries deliveries
	keys       []string
	share      plan.Share
	log        logr.Logger
	now        func() time.Time
	metrics    *metrics
	failures   *failures

	heartbeat, writeTimeout, refreshEvery time.Duration

	synced atomic.Bool
	wake   chan struct{} // a status changed
	mu     sync.RWMutex
	// entries by key of the config bucket.
	entries map[string]*entry
	// exchanges are what is known of them.
	exchanges map[plan.Ref]*plan.Sources
}

// What the stage needs of the bus.
type (
	configBucket interface {
		Watch(ctx context.Context, prefixes []string, fn func(bus.Entry) error) error
	}
	statusBucket interface {
		Put(ctx context.Context, key string, value []byte) error
		Delete(ctx context.Context, key string) error
	}
	stateBucket interface {
		Get(ctx context.Context, key string) ([]byte, error)
		Put(ctx context.Context, key string, value []byte) error
	}
	deliveries interface {
		FollowDeliver(ctx context.Context, namespace, subscription string, seq uint64, fn func(*bus.Block) error) error
		DeliverFirst(ctx context.Context, namespace, subscription string) (first, last uint64, err error)
	}
)

// entry is one subscription, configured well or not.
type entry struct {
	config  *plan.Subscription
	current *served // nil: nothing can be served
	usage   *usage
	result  status.Result
	told    []byte // what the status bucket has
	barrier *barrier
	judged  judgement
	gone    bool
}

// New makes a stage. It serves nothing before Run has read the configuration.
func New(o Options) (*Stage, error) {
	if o.Conn == nil || o.Archive == nil || o.Secrets == nil {
		return nil, errors.New("export: options Conn, Archive and Secrets are required")
	}
	return newStage(o, o.Conn.Config(), o.Conn.Status(), o.Conn.State(), o.Conn)
}

func newStage(o Options, c configBucket, st statusBucket, state stateBucket, d deliveries) (*Stage, error) {
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	m, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	if len(o.Keys) == 0 {
		o.Keys = []string{plan.PrefixSubscription + "."}
	}
	if len(o.Exchanges) == 0 {
		o.Exchanges = []string{plan.PrefixSources + "."}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	return &Stage{archive: o.Archive, secrets: o.Secrets, config: c, statuses: st, state: state, deliveries: d,
		keys: slices.Concat(o.Keys, o.Exchanges), share: o.Share,
		log: o.Log, now: o.Now, metrics: m, failures: newFailures(), heartbeat: heartbeat, writeTimeout: writeTimeout,
		refreshEvery: refreshEvery, wake: make(chan struct{}, 1), entries: map[string]*entry{}, exchanges: map[plan.Ref]*plan.Sources{}}, nil
}

var errStarting = errors.New("the configuration has not been read yet")

// Ready is nil when the configuration has been read.
func (s *Stage) Ready() error {
	if !s.synced.Load() {
		return errStarting
	}
	return nil
}

// Run follows configuration and secrets until ctx ends; then every stream ends
// too. It returns nil when ctx ended.
func (s *Stage) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var told sync.WaitGroup
	told.Go(func() { s.refresh(ctx) })
	err := s.config.Watch(ctx, s.keys, func(e bus.Entry) error {
		s.apply(ctx, e)
		return nil
	})
	stopped := ctx.Err() != nil
	cancel()
	told.Wait()
	s.synced.Store(false)
	if stopped {
		err = nil
	}
	return err
}

// apply takes over one change of the config bucket.
func (s *Stage) apply(ctx context.Context, e bus.Entry) {
	switch {
	case e.Key == "":
		s.synced.Store(true)
	case strings.HasPrefix(e.Key, plan.PrefixSources+"."):
		s.learn(e)
		return
	case !s.share.HasKey(e.Key):
		return
	case e.Value == nil:
		s.remove(e.Key)
	default:
		s.configure(ctx, e.Key, e.Value)
	}
	s.metrics.subscriptions.Set(float64(s.count()))
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *Stage) configure(ctx context.Context, key string, value []byte) {
	cfg, err := decodeConfig(key, value)
	if err != nil {
		// Serving what was there before could show what is no longer granted.
		s.log.Error(err, "subscription is not served")
		s.remove(key)
		return
	}
	s.mu.Lock()
	en := s.entries[key]
	if en == nil {
		en = &entry{usage: &usage{}}
		s.entries[key] = en
	}
	en.config, en.gone = cfg, false
	s.mu.Unlock()
	s.renew(ctx, en, cfg)
}

// renew compiles a configuration and serves it, if it is still the entry's.
// Secrets are read without the lock: requests need not wait. Streams go on only
// if nothing changed for them.
func (s *Stage) renew(ctx context.Context, en *entry, cfg *plan.Subscription) {
	next, err := newServed(ctx, cfg, s.secrets, en.usage)
	if next != nil && next.stream != nil {
		next.barrier = s.barrierOf(ctx, en, cfg)
	}
	if next != nil {
		next.mismatch = s.mismatchOf(en, next)
	}
	result := next.result(err)

	s.mu.Lock()
	defer s.mu.Unlock()
	if en.gone || en.config != cfg {
		if next != nil {
			next.end()
		}
		return
	}
	if en.result.OK != result.OK || en.result.Reason != result.Reason || en.result.Message != result.Message {
		result.Since = s.now().UTC()
		en.result = result
		s.log.Info("subscription", "subscription", cfg.Namespace+"/"+cfg.Name,
			"ok", result.OK, "reason", result.Reason, "message", result.Message)
	}
	old := en.current
	if old != nil && next != nil && old.fingerprint() == next.fingerprint() {
		next.end()
		next.changed, next.end = old.changed, old.end
	} else if old != nil {
		old.end()
	}
	en.current = next
}

// barrierOf is the barrier of a configuration, or nil if it cannot be had now; it
// is tried again with the next refresh.
func (s *Stage) barrierOf(ctx context.Context, en *entry, cfg *plan.Subscription) *barrier {
	s.mu.RLock()
	b := en.barrier
	s.mu.RUnlock()
	if b != nil && b.Subscriber == subscriberOf(cfg) {
		return b
	}
	b, err := s.raise(ctx, cfg)
	if err != nil {
		s.log.Error(err, "stream is not served", "subscription", cfg.Namespace+"/"+cfg.Name)
		return nil
	}
	s.mu.Lock()
	en.barrier = b
	s.mu.Unlock()
	return b
}

func (s *Stage) remove(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if en := s.entries[key]; en != nil {
		if en.current != nil {
			en.current.end()
			en.current = nil
		}
		en.gone = true
	}
}

// lookup finds what is served under a name, or nil.
func (s *Stage) lookup(namespace, name string) *served {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if en := s.entries[plan.Key(plan.PrefixSubscription, namespace, name)]; en != nil {
		return en.current
	}
	return nil
}

func (s *Stage) count() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	n := 0
	for _, en := range s.entries {
		if !en.gone {
			n++
		}
	}
	return n
}

// refresh reads secrets again and tells statuses, at intervals and on changes.
func (s *Stage) refresh(ctx context.Context) {
	t := time.NewTicker(s.refreshEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.ReadSecrets(ctx)
		case <-s.wake:
		}
		if s.synced.Load() {
			s.tell(ctx)
			if s.judge(ctx) {
				s.tell(ctx)
			}
		}
	}
}

// ReadSecrets reads the secrets of every subscription now, rather than with the
// next refresh.
func (s *Stage) ReadSecrets(ctx context.Context) {
	present := map[*entry]*plan.Subscription{}
	s.mu.RLock()
	for _, en := range s.entries {
		if !en.gone {
			present[en] = en.config
		}
	}
	s.mu.RUnlock()
	for en, cfg := range present {
		s.renew(ctx, en, cfg)
	}
}

// tell writes the statuses that changed, and deletes those of subscriptions that
// are gone. What fails is tried again with the next round.
func (s *Stage) tell(ctx context.Context) {
	type change struct {
		key   string
		value []byte // nil: gone
	}
	var changes []change
	s.mu.Lock()
	for key, en := range s.entries {
		if en.gone {
			changes = append(changes, change{key, nil})
			continue
		}
		// A struct of strings, numbers and times always marshals.
		b, _ := json.Marshal(en.usage.snapshot(en.result))
		if string(b) != string(en.told) {
			changes = append(changes, change{key, b})
		}
	}
	s.mu.Unlock()

	for _, c := range changes {
		statusKey := prefixStatus + c.key[len(plan.PrefixSubscription):]
		var err error
		if c.value == nil {
			err = s.statuses.Delete(ctx, statusKey)
		} else {
			err = s.statuses.Put(ctx, statusKey, c.value)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error(err, "status was not told; trying again", "key", statusKey)
			}
			return
		}
		s.toldStatus(c.key, c.value)
	}
}

// prefixStatus of keys in the status bucket: exporter.<namespace>.<subscription>.
const prefixStatus = "exporter"

func (s *Stage) toldStatus(key string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	en := s.entries[key]
	switch {
	case en == nil:
	case value == nil && en.gone:
		delete(s.entries, key)
	case value != nil:
		en.told = value
	}
}
