package buslink

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long tests wait for what must come. It only matters when it does
// not.
const patience = 3 * time.Minute

var exchange = types.NamespacedName{Namespace: "default", Name: "main"}

// world is a bus, and links to it.
type world struct {
	t      *testing.T
	keys   *creds.Keys
	dir    string
	server *bus.Server
	listen string // fixed after the first start

	links    *Links
	metrics  *prometheus.Registry
	mu       sync.Mutex
	notified []string
}

func testLog(t *testing.T) logr.Logger {
	if testing.Verbose() {
		return testr.New(t)
	}
	return logr.Discard()
}

func newKeys(t *testing.T) *creds.Keys {
	t.Helper()
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// newWorld has a bus with its streams, and no link yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, keys: newKeys(t), dir: t.TempDir(), listen: "127.0.0.1:0", metrics: prometheus.NewRegistry()}
	t.Cleanup(func() { w.stopBus() })
	w.startBus()
	w.setup()
	w.startLinks()
	return w
}

func (w *world) startBus() {
	w.t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{
		Dir: w.dir, Listen: w.listen, Log: testLog(w.t),
		Trust: &bus.Trust{Operator: w.keys.Operator, Account: w.keys.Account, System: w.keys.System},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.server = s
	w.listen = strings.TrimPrefix(s.URL(), "nats://")
}

func (w *world) stopBus() {
	if w.server != nil {
		w.server.Shutdown()
		w.server = nil
	}
}

// hub is a connection that may do what a hub may.
func (w *world) hub() *bus.Conn { return w.dial(creds.Hub(exchange.Namespace, exchange.Name)) }

func (w *world) dial(role creds.Role) *bus.Conn {
	w.t.Helper()
	user, _, err := w.keys.Mint(role, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := bus.DialCreds(w.ctx(), bus.DialOptions{Server: w.server, Creds: user, Name: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) setup() {
	w.t.Helper()
	if err := w.hub().Setup(w.ctx(), bus.Retention{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ctx() context.Context {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// startLinks runs links without a link, and returns what ends them.
func (w *world) startLinks() (stop func()) {
	w.t.Helper()
	w.links = New(Options{Log: testLog(w.t), Registerer: w.metrics, Notify: func(c Change) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.notified = append(w.notified, c.Key)
	}})
	return run(w.t, w.links)
}

// run starts links until stop or the end of the test.
func run(t *testing.T, l *Links) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("links ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// config is how to reach the bus of the world.
func (w *world) config() Config {
	w.t.Helper()
	user, _, err := w.keys.Mint(creds.Operator(), time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return Config{URLs: "nats://" + w.listen, Creds: user}
}

// connect makes a link and waits until it can be used.
func (w *world) connect() *Link {
	w.t.Helper()
	w.links.Ensure(exchange, w.config())
	return w.ready()
}

func (w *world) ready() *Link {
	w.t.Helper()
	eventually(w.t, "the link is ready", func() bool { return w.links.Get(exchange).Ready() == nil })
	return w.links.Get(exchange)
}

// told is how often a key was notified.
func (w *world) told(key string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, k := range w.notified {
		if k == key {
			n++
		}
	}
	return n
}

// writes is how many messages the bucket's stream ever took.
func (w *world) writes(stream string) uint64 {
	w.t.Helper()
	js, err := jetstream.New(w.hub().Core())
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := js.Stream(w.ctx(), stream)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.CachedInfo().State.LastSeq
}

// connected is the metric; -1 when there is none.
func (w *world) connected() float64 {
	w.t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "weir_operator_bus_connected" && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-tick.C {
		if is() {
			return
		}
	}
	t.Fatalf("%s: not within %v", what, patience)
}

// wantUnavailable checks that an error is one that a condition can show.
func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Reason != v1alpha1.ReasonBusUnavailable || e.Message == "" {
		t.Fatalf("error %v (%T), want an *Error with reason %s", err, err, v1alpha1.ReasonBusUnavailable)
	}
}

// wire forwards connections to a server, and can stop doing so without closing
// them, as a node that is gone does.
type wire struct {
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	frozen bool
	thaw   *sync.Cond
	conns  []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l}
	w.thaw = sync.NewCond(&w.mu)
	w.wg.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				continue
			}
			w.mu.Lock()
			w.conns = append(w.conns, in, out)
			w.mu.Unlock()
			w.wg.Go(func() { w.pump(in, out) })
			w.wg.Go(func() { w.pump(out, in) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		w.freeze(false)
		w.mu.Lock()
		for _, c := range w.conns {
			c.Close()
		}
		w.mu.Unlock()
		w.wg.Wait()
	})
	return w
}

func (w *wire) pump(from, to net.Conn) {
	defer to.Close()
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		for w.frozen {
			w.thaw.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) freeze(frozen bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.frozen = frozen
	w.thaw.Broadcast()
}
