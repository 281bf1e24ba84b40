package buslink

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/pipeline/bus"
)

// window is how long a status key stays quiet after it was told.
const window = 500 * time.Millisecond

// Config says how to reach a bus. A change of it connects anew.
type Config struct {
	URLs  string // nats:// or tls://, separated by commas
	Creds []byte // a NATS credentials file
	CA    []byte // PEM bundle that tls:// servers are checked against; empty: the system's
}

func (c Config) equal(o Config) bool {
	return c.URLs == o.URLs && bytes.Equal(c.Creds, o.Creds) && bytes.Equal(c.CA, o.CA)
}

// Change is something that a reconciler may want to look at.
type Change struct {
	Exchange types.NamespacedName
	// Key is the status key that changed. It is empty when the link itself changed:
	// connected, lost, everything loaded; and when what the operator wrote is not on
	// the bus any more, or can be tried again after a failure.
	Key string
}

// Options of Links.
type Options struct {
	Log logr.Logger
	// Notify is called for each Change, one at a time for an exchange: at once, but
	// for the same key at most every 500 ms. May be nil.
	Notify func(Change)
	// Dial connects. nil is bus.DialCreds.
	Dial func(ctx context.Context, exchange types.NamespacedName, c Config) (*bus.Conn, error)
	// Registerer takes the metrics. May be nil.
	Registerer prometheus.Registerer
}

// Links are the connections of the operator, one for each Exchange. It is a
// Runnable of the manager: links that were asked for before Start connect then,
// and all of them end with it. Safe for concurrent use.
type Links struct {
	opts      Options
	connected *prometheus.GaugeVec

	mu    sync.Mutex
	ctx   context.Context //nolint:containedctx // of Start: links live as long; nil before it, and after its end
	links map[types.NamespacedName]*Link
	wg    sync.WaitGroup
}

// New makes Links without any link.
func New(o Options) *Links {
	if o.Notify == nil {
		o.Notify = func(Change) {}
	}
	if o.Dial == nil {
		o.Dial = dial
	}
	l := &Links{opts: o, links: make(map[types.NamespacedName]*Link)}
	l.connected = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "weir_operator_bus_connected",
		Help: "Whether the operator is connected to the bus of an Exchange and has read what is on it (1) or not (0).",
	}, []string{"namespace", "exchange"})
	if o.Registerer != nil {
		var already prometheus.AlreadyRegisteredError
		if err := o.Registerer.Register(l.connected); errors.As(err, &already) {
			if g, ok := already.ExistingCollector.(*prometheus.GaugeVec); ok {
				l.connected = g
			}
		}
	}
	return l
}

// NeedLeaderElection keeps an operator that does not lead from writing.
func (l *Links) NeedLeaderElection() bool { return true }

// Start keeps the links connected until ctx ends.
func (l *Links) Start(ctx context.Context) error {
	l.mu.Lock()
	if l.ctx != nil {
		l.mu.Unlock()
		return errors.New("links to the buses run already")
	}
	l.ctx = ctx
	for _, k := range l.links {
		l.launch(k)
	}
	l.mu.Unlock()
	<-ctx.Done()
	l.mu.Lock()
	l.ctx = nil // whatever comes now does not start
	l.mu.Unlock()
	l.wg.Wait()
	return nil
}

// launch starts a link. l.mu is held.
func (l *Links) launch(k *Link) {
	ctx := l.ctx
	l.wg.Go(func() { k.run(ctx) })
}

// Ensure makes the link of an exchange, or replaces it when c differs. It never
// waits for the network.
func (l *Links) Ensure(exchange types.NamespacedName, c Config) {
	if old := l.replace(exchange, c); old != nil {
		old.retire()
	}
}

// replace returns the link whose place the new one took.
func (l *Links) replace(exchange types.NamespacedName, c Config) (old *Link) {
	l.mu.Lock()
	defer l.mu.Unlock()
	old = l.links[exchange]
	if old != nil && old.cfg.equal(c) {
		return nil
	}
	c.Creds, c.CA = bytes.Clone(c.Creds), bytes.Clone(c.CA)
	k := newLink(l, exchange, c)
	l.links[exchange] = k
	l.connected.WithLabelValues(exchange.Namespace, exchange.Name).Set(0)
	if old != nil && old.cfg.URLs == c.URLs {
		k.seen = old.read()
	}
	if l.ctx != nil {
		l.launch(k)
	}
	return old
}

// Remove ends the link of an exchange. What is on its bus stays.
func (l *Links) Remove(exchange types.NamespacedName) {
	l.mu.Lock()
	k := l.links[exchange]
	delete(l.links, exchange)
	l.connected.DeleteLabelValues(exchange.Namespace, exchange.Name)
	l.mu.Unlock()
	if k != nil {
		k.retire()
	}
}

// Get returns the link of an exchange, nil if there is none. It is not to be kept:
// Ensure may replace it.
func (l *Links) Get(exchange types.NamespacedName) *Link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.links[exchange]
}

// Each calls fn for every link, in no order.
func (l *Links) Each(fn func(types.NamespacedName, *Link)) {
	l.mu.Lock()
	all := make([]*Link, 0, len(l.links))
	for _, k := range l.links {
		all = append(all, k)
	}
	l.mu.Unlock()
	for _, k := range all {
		fn(k.exchange, k)
	}
}

// notify hands a change on, unless the link was replaced or removed meanwhile.
func (l *Links) notify(k *Link, key string) {
	if l.Get(k.exchange) == k {
		l.opts.Notify(Change{Exchange: k.exchange, Key: key})
	}
}

// measure sets the metric of a link, unless it was replaced or removed meanwhile.
func (l *Links) measure(k *Link, ready bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.links[k.exchange] != k {
		return
	}
	value := 0.0
	if ready {
		value = 1
	}
	l.connected.WithLabelValues(k.exchange.Namespace, k.exchange.Name).Set(value)
}
