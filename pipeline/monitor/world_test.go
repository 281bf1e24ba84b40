package monitor_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/monitor"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// TestMain looks for goroutines that are left behind, other than those that the
// embedded NATS server forgets when it is shut down while streams are being made.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

const patience = 30 * time.Second

var (
	bots    = bus.Feed{Namespace: "default", Name: "bots"}
	started = time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
)

const table = `
input: {csv: {}}
mapping:
- {field: time, from: [first_seen]}
- {field: ip, from: [dst_ip], required: true}
- {field: dport, from: [dst_port]}
- {field: name, from: [malware]}
constants: {category: cnc}
`

// world is a bus with a monitor on it, and somebody who reads its events.
type world struct {
	tb   testing.TB
	conn *bus.Conn
	reg  *prometheus.Registry

	stop func() // the monitor

	mu     sync.Mutex
	lines  []string // of events, as they came
	blocks int

	published int
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	log := logr.Discard()
	s, err := bus.StartServer(bus.ServerOptions{Dir: tb.TempDir(), Log: log})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	c, err := s.Connect("test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	w := &world{tb: tb, conn: c, stop: func() {}}
	if err := c.Setup(tb.Context(), bus.Retention{}); err != nil {
		tb.Fatal(err)
	}
	w.read()
	w.start()
	return w
}

// read collects events until the test ends.
func (w *world) read() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	var partitions []int
	for p := range bus.Partitions {
		partitions = append(partitions, p)
	}
	go func() {
		defer close(done)
		err := w.conn.ConsumeEvents(ctx, "reader", nil, partitions, 4096, func(_ context.Context, blocks []*bus.Block) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			for _, b := range blocks {
				w.blocks++
				for line := range bytes.Lines(b.Lines) {
					w.lines = append(w.lines, strings.TrimSpace(string(line)))
				}
			}
			return nil
		})
		if ctx.Err() == nil {
			w.tb.Errorf("reading events ended: %v", err)
		}
	}()
	w.tb.Cleanup(func() {
		cancel()
		<-done
	})
}

func (w *world) start() {
	w.tb.Helper()
	w.reg = prometheus.NewRegistry()
	log := logr.Discard()
	if t, ok := w.tb.(*testing.T); ok && testing.Verbose() {
		log = testr.New(t)
	}
	stage, err := monitor.New(monitor.Options{Conn: w.conn, Log: log, Metrics: w.reg})
	if err != nil {
		w.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.tb.Errorf("monitor ended: %v", err)
		}
	})
	w.tb.Cleanup(w.stop)
	w.wait("the monitor is ready", func() bool { return stage.Ready() == nil })
}

// wait waits for a condition.
func (w *world) wait(what string, ok func() bool) {
	w.tb.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.tb.Fatalf("waited in vain until %s; status: %+v", what, w.status())
		}
	}
}

func specOf(tb testing.TB, text string) v1alpha1.ParserSpec {
	tb.Helper()
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		tb.Fatal(err)
	}
	return spec
}

// parser writes the configuration of the monitor.
func (w *world) parser(text string, change ...func(*plan.MonitorFeed)) {
	w.tb.Helper()
	feed := plan.MonitorFeed{Name: bots.Name, Source: "example.bots"}
	for _, c := range change {
		c(&feed)
	}
	w.put(plan.Key(plan.PrefixMonitor, "default", "table"), plan.Monitor{Namespace: "default", Name: "table",
		Spec: specOf(w.tb, text), Feeds: []plan.MonitorFeed{feed}})
}

func emitValid(f *plan.MonitorFeed) { f.FormatPolicy.OnBreaking = v1alpha1.FormatEmitValid }

func (w *world) put(key string, value any) {
	w.tb.Helper()
	b, err := json.Marshal(value)
	if err != nil {
		w.tb.Fatal(err)
	}
	if err := w.conn.Config().Put(w.tb.Context(), key, b); err != nil {
		w.tb.Fatal(err)
	}
}

// publish sends a payload as a collector does.
func (w *world) publish(content string) {
	w.tb.Helper()
	w.published++
	p := &bus.Payload{ID: fmt.Sprintf("p%d", w.published), Feed: bots, Source: "example.bots",
		Collected: started.Add(time.Duration(w.published) * time.Minute)}
	if err := w.conn.PublishRaw(w.tb.Context(), p, strings.NewReader(content)); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *world) status() (s status.Monitor) {
	w.tb.Helper()
	b, err := w.conn.Status().Get(context.Background(), plan.Key(plan.PrefixMonitor, bots.Namespace, bots.Name))
	if errors.Is(err, bus.ErrNotFound) {
		return s
	}
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	return s
}

func (w *world) until(what string, ok func(status.Monitor) bool) (s status.Monitor) {
	w.tb.Helper()
	w.wait(what, func() bool {
		s = w.status()
		return ok(s)
	})
	return s
}

// done waits until all published payloads have been dealt with.
func (w *world) done() status.Monitor {
	w.tb.Helper()
	return w.until("all payloads are dealt with", func(s status.Monitor) bool { return s.Payloads == int64(w.published) })
}

func (w *world) decide(incident string, d v1alpha1.Decision) {
	w.tb.Helper()
	w.put(plan.Key(plan.PrefixDecision, bots.Namespace, bots.Name, incident), plan.Decision{Incident: incident, Decision: d})
}

func (w *world) closed() status.Monitor {
	w.tb.Helper()
	s := w.until("the incident is closed", func(s status.Monitor) bool { return s.Incident == nil && s.Held == 0 })
	w.wait("the decision is gone", func() bool {
		keys, err := w.conn.Config().Keys(w.tb.Context(), plan.PrefixDecision+".")
		return err == nil && len(keys) == 0
	})
	return s
}

// addresses are those of the events so far, each once, in the order in which they
// came; the number of events tells whether some came twice.
func (w *world) addresses(want int) []string {
	w.tb.Helper()
	w.wait(fmt.Sprintf("%d events came", want), func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return len(w.lines) >= want
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	var ips []string
	for _, line := range w.lines {
		var e struct{ Address []struct{ IP string } }
		if err := json.Unmarshal([]byte(line), &e); err != nil || len(e.Address) == 0 {
			w.tb.Fatalf("event %s: %v", line, err)
		}
		if !slices.Contains(ips, e.Address[0].IP) {
			ips = append(ips, e.Address[0].IP)
		}
	}
	return ips
}

func (w *world) lineCount() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lines)
}

func (w *world) rejected() (reasons []string) {
	w.tb.Helper()
	err := w.conn.ListRejected(w.tb.Context(), bots, time.Time{}, func(b *bus.Block) error {
		for line := range bytes.Lines(b.Lines) {
			var r struct{ Reason, Field, Record, Payload string }
			if err := json.Unmarshal(line, &r); err != nil {
				return err
			}
			reasons = append(reasons, fmt.Sprintf("%s %s: %s <%s>", r.Payload, r.Field, r.Reason, r.Record))
		}
		return nil
	})
	if err != nil {
		w.tb.Fatal(err)
	}
	return reasons
}

// rows makes n rows in the order of the columns; net is the second octet of the
// addresses, so that tests can tell payloads apart.
func rows(net, n int, columns ...string) string {
	var b strings.Builder
	b.WriteString(strings.Join(columns, ",") + "\n")
	for i := range n {
		for j, c := range columns {
			if j > 0 {
				b.WriteByte(',')
			}
			switch c {
			case "first_seen":
				b.WriteString(started.Add(time.Duration(i) * time.Second).Format("2006-01-02 15:04:05"))
			case "dst_ip", "ip_address":
				fmt.Fprintf(&b, "10.%d.%d.%d", net, i>>8, i&255)
			case "dst_port":
				fmt.Fprint(&b, 8000+i)
			case "epoch":
				fmt.Fprint(&b, started.Unix()+int64(i))
			default:
				b.WriteString("word")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func good(net, n int) string {
	return rows(net, n, "first_seen", "dst_ip", "dst_port", "malware")
}

func renamed(net, n int) string {
	return rows(net, n, "first_seen", "ip_address", "dst_port", "malware")
}

// retyped can be read, but one of its columns is not what it was.
func retyped(net, n int) string { return strings.ReplaceAll(good(net, n), "word", "198.51.100.7") }

func nets(first, n int) (ips []string) {
	for i := range n {
		ips = append(ips, fmt.Sprintf("10.%d.%d.%d", first, i>>8, i&255))
	}
	return ips
}
