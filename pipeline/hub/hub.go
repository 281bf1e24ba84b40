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
	// Namespace and Exchange say which configuration is this hub's. All events of
	// the namespace are the exchange's.
	Namespace string
	Exchange  string
	// Partitions of event subjects that this hub owns; all if empty.
	Partitions []int
}

// Hub is one exchange at work.
type Hub struct {
	conn       *bus.Conn
	store      store.Store
	log        logr.Logger
	namespace  string
	exchange   string
	partitions []int

	configs *configs
	meter   *meter
	report  *reporter

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
	for _, p := range o.Partitions {
		if p < 0 || p >= bus.Partitions {
			return nil, fmt.Errorf("partition %d: there are partitions 0 to %d", p, bus.Partitions-1)
		}
	}
	if len(o.Partitions) == 0 {
		for p := range bus.Partitions {
			o.Partitions = append(o.Partitions, p)
		}
	}
	m, err := newMeter(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("hub metrics: %w", err)
	}
	return &Hub{
		conn: o.Conn, store: o.Store, log: o.Log, namespace: o.Namespace, exchange: o.Exchange, partitions: o.Partitions,
		configs: newConfigs(o.Namespace, o.Exchange, o.Log), meter: m, report: newReporter(),
	}, nil
}

// Run works until ctx ends, which is no error. It waits for its configuration
// before it takes events: events are matched once, so none may meet an empty
// index.
func (h *Hub) Run(ctx context.Context) error {
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		prefixes := []string{plan.Key(plan.PrefixHub, h.namespace) + ".", plan.Key(plan.PrefixSubscription, h.namespace) + "."}
		return h.conn.Config().Watch(gctx, prefixes, h.configs.entry)
	})
	g.Go(func() error { return h.configs.run(gctx, h.configured) })
	g.Go(func() error { return h.reportLoop(gctx) })
	g.Go(func() error { return h.purgeLoop(gctx) })
	g.Go(func() error {
		if err := h.configs.wait(gctx); err != nil {
			return err
		}
		return h.conn.ConsumeEvents(gctx, consumerName(h.namespace, h.partitions), h.namespace, h.partitions, maxEvents, h.handle)
	})
	err := g.Wait()
	if err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return fmt.Errorf("hub %s/%s: %w", h.namespace, h.exchange, err)
}

// consumerName is the durable consumer of a hub, or of one replica. It is the same
// after a restart, and a DNS label however long the namespace is.
func consumerName(namespace string, partitions []int) string {
	name := "hub-" + namespace
	if len(partitions) < bus.Partitions {
		name += "-from" + strconv.Itoa(slices.Min(partitions)) + "of" + strconv.Itoa(len(partitions))
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
		return fmt.Errorf("hub %s/%s has no configuration yet: config key %s is missing", h.namespace, h.exchange,
			plan.Key(plan.PrefixHub, h.namespace, h.exchange))
	}
	return nil
}
