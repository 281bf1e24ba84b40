// Package hub is the stage between monitors and exporters: it finds out whom each
// event concerns, records it, delivers it to those who may have it, and answers
// queries of exporters.
//
// The hub is where subscribers are kept apart. What it delivers and what Search
// yields is already cut to a subscription: its zones, its clearance, its view of
// each event. An exporter gets no more, whatever it asks for.
//
// Nothing is lost: blocks of events are acknowledged when their events are
// recorded, and events are recorded when they are delivered. A crash between makes
// both happen again, with the same message ids and the same event ids.
package hub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/match"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

// maxEvents is how many events are matched, recorded and delivered at once: large
// enough that a transaction's cost vanishes, small enough that a single event
// does not wait.
const maxEvents = 2048

// Options of a hub.
type Options struct {
	Conn *bus.Conn
	// Store belongs to the exchange. The caller closes it, after Run returned and
	// searches ended.
	Store store.Store
	Log   logr.Logger
	// Metrics may be nil.
	Metrics prometheus.Registerer
	// Namespace and Exchange say which configuration is this hub's. The events of
	// the namespaces that it lists are the exchange's.
	Namespace string
	Exchange  string
	// Replica of Replicas says which share of the sources is this hub's: those in
	// partitions p with p mod Replicas = Replica. 0 of 0 is all of them.
	Replica, Replicas int
	// Streams, if set, lets the hub make the streams and buckets of the bus, and
	// change them with its configuration, which gives the times; Streams gives the
	// rest. Else somebody else does.
	Streams *bus.Retention
}

// Hub is one exchange at work.
type Hub struct {
	conn       *bus.Conn
	store      store.Store
	log        logr.Logger
	exchange   plan.Ref
	replica    int
	partitions []int
	streams    *bus.Retention

	configs *configs
	meter   *meter
	report  *reporter

	// changed and keepChanged have a token after the configuration changed.
	changed, keepChanged chan struct{}

	// taking are the namespaces whose events come in now; of the same goroutine as
	// what follows.
	taking []string
	// matches is the memory of the one goroutine that handles batches.
	matches match.Matches
	batch   batch
	sent    sent

	publish func(context.Context, delivery) error
	reject  func(context.Context, *bus.Block, [][]byte) error
}

// New makes a hub. Run starts it.
func New(o Options) (*Hub, error) {
	switch {
	case o.Conn == nil:
		return nil, errors.New("hub needs a bus connection")
	case o.Namespace == "" || o.Exchange == "":
		return nil, errors.New("hub needs the namespace and the name of its exchange")
	}
	h, err := newHub(o)
	if err != nil {
		return nil, err
	}
	h.publish = h.publishOnBus
	h.reject = h.rejectOnBus
	return h, nil
}

func newHub(o Options) (*Hub, error) {
	if o.Store == nil {
		return nil, errors.New("hub needs a store")
	}
	partitions, err := partitionsOf(o.Replica, o.Replicas)
	if err != nil {
		return nil, err
	}
	m, err := newMeter(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("hub metrics: %w", err)
	}
	exchange := plan.Ref{Namespace: o.Namespace, Name: o.Exchange}
	return &Hub{
		conn: o.Conn, store: o.Store, log: o.Log, exchange: exchange, replica: o.Replica, partitions: partitions, streams: o.Streams,
		configs: newConfigs(exchange, o.Log), meter: m, report: newReporter(), changed: make(chan struct{}, 1), keepChanged: make(chan struct{}, 1),
		taking: []string{o.Namespace},
	}, nil
}

// partitionsOf are those of one of n replicas.
func partitionsOf(replica, n int) ([]int, error) {
	n = max(n, 1)
	if replica < 0 || replica >= n || n > bus.Partitions {
		return nil, fmt.Errorf("replica %d of %d: there are replicas 0 to n-1, and at most %d", replica, n, bus.Partitions)
	}
	var own []int
	for p := replica; p < bus.Partitions; p += n {
		own = append(own, p)
	}
	return own, nil
}

// Run works until ctx ends, which is no error. It waits for its configuration
// before it takes events: events are matched once, so none may meet an empty
// index.
func (h *Hub) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		prefixes := []string{h.configs.hubKey, h.configs.sourcesKey, plan.PrefixSubscription + "."}
		return h.conn.Config().Watch(gctx, prefixes, h.configs.entry)
	})
	g.Go(func() error { return h.configs.run(gctx, h.configured) })
	g.Go(func() error { return h.reportLoop(gctx) })
	g.Go(func() error { return h.purgeLoop(gctx) })
	g.Go(func() error { return h.setUpLoop(gctx) })
	g.Go(func() error { return h.consume(gctx) })
	err := g.Wait()
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return fmt.Errorf("hub %s: %w", h.exchange, err)
}

// consume takes events of the namespaces that the configuration lists, until ctx
// ends.
func (h *Hub) consume(ctx context.Context) error {
	if err := h.configs.wait(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		h.taking = h.configs.current().namespaces
		until, stop := context.WithCancel(ctx)
		watched := make(chan struct{})
		go func(taking []string) {
			defer close(watched)
			defer stop()
			h.untilOthers(until, taking)
		}(h.taking)
		err := h.conn.ConsumeEvents(until, consumerName(h.exchange.Namespace, h.replica), h.taking, h.partitions, maxEvents, h.handle)
		stop()
		<-watched
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// untilOthers waits until the configuration lists other namespaces.
func (h *Hub) untilOthers(ctx context.Context, taking []string) {
	for slices.Equal(taking, h.configs.current().namespaces) {
		select {
		case <-h.changed:
		case <-ctx.Done():
			return
		}
	}
	h.log.Info("namespaces of the exchange changed", "namespaces", h.configs.current().namespaces)
}

func (h *Hub) takes(namespace string) bool { return slices.Contains(h.taking, namespace) }

// consumerName is the durable consumer of one replica. It stays the same when the
// number of replicas changes: whoever starts with a smaller share gives up the
// rest, and those who wait for it go on. It is a DNS label however long the
// namespace is; a namespace has one exchange.
func consumerName(namespace string, replica int) string {
	name := "hub-" + namespace
	if replica > 0 {
		name = "hub" + strconv.Itoa(replica) + "-" + namespace
	}
	if len(name) > 63 {
		sum := sha256.Sum256([]byte(name))
		name = "hub-" + hex.EncodeToString(sum[:16])
	}
	return name
}

// Ready reports whether the hub has its configuration, so that searches are
// answered and events taken.
func (h *Hub) Ready() error {
	if h.configs.current() == nil {
		return fmt.Errorf("hub %s has no configuration yet: config key %s or %s is missing", h.exchange, h.configs.hubKey, h.configs.sourcesKey)
	}
	return nil
}
