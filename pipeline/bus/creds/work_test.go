package creds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

var bots = bus.Feed{Namespace: "acme", Name: "bots"}

// watched collects the keys that a watch tells, and tells when it is through.
func watched(tb testing.TB, b *bus.Bucket, prefixes ...string) <-chan bus.Entry {
	tb.Helper()
	entries := make(chan bus.Entry, 100)
	background(tb, func(ctx context.Context) error {
		return b.Watch(ctx, prefixes, func(e bus.Entry) error {
			entries <- e
			return nil
		})
	})
	return entries
}

// put and get use a key as components do.
func putAndGet(tb testing.TB, b *bus.Bucket, keys ...string) {
	tb.Helper()
	ctx := testContext(tb)
	for _, key := range keys {
		if err := b.Put(ctx, key, []byte("v")); err != nil {
			tb.Fatal(err)
		}
		if v, err := b.Get(ctx, key); err != nil || string(v) != "v" {
			tb.Fatalf("%s: %q, %v", key, v, err)
		}
		if err := b.Delete(ctx, key); err != nil {
			tb.Fatal(err)
		}
		if _, err := b.Get(ctx, key); !errors.Is(err, bus.ErrNotFound) {
			tb.Fatalf("%s after its removal: %v", key, err)
		}
	}
}

// expectEntries receives entries of a watch in any order.
func expectEntries(tb testing.TB, entries <-chan bus.Entry, keys ...string) {
	tb.Helper()
	var got []string
	for range keys {
		got = append(got, receive(tb, entries).Key)
	}
	slices.Sort(got)
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		tb.Fatalf("entries %v, want %v", got, keys)
	}
}

func TestCollectorDoesItsWork(t *testing.T) {
	for name, tt := range map[string]struct {
		role creds.Role
		keys []string
	}{
		"one feed":         {creds.Collector("acme", "bots"), []string{"collector.acme.bots", "collect.acme.bots"}},
		"all of namespace": {creds.Collectors("acme"), []string{"collector.acme.", "collect.acme."}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			operator := w.connect(t, creds.Operator())
			c := w.connect(t, tt.role)
			ctx := testContext(t)
			if err := c.Ready(ctx); err != nil {
				t.Fatal(err)
			}
			entries := watched(t, c.Config(), tt.keys...)
			expectEntries(t, entries, "")
			for _, key := range []string{"collector.rival.bots", "collector.acme.bots", "collect.acme.bots"} {
				if err := operator.Config().Put(ctx, key, []byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
			expectEntries(t, entries, "collector.acme.bots", "collect.acme.bots")
			putAndGet(t, c.State(), "collector.acme.bots")
			putAndGet(t, c.Status(), "collector.acme.bots")

			publish(t, c, bots, "small", []byte("text"))
			publish(t, c, bots, "small", []byte("text"))
			publish(t, c, bots, "large", noise(3<<20))
			publish(t, c, bots, "large", noise(3<<20))
			broken := errors.New("connection reset")
			content := io.MultiReader(bytes.NewReader(noise(2<<20)), iotest.ErrReader(broken))
			if err := c.PublishRaw(ctx, payload(bots, "broken"), content); !errors.Is(err, broken) {
				t.Fatalf("error %v, want that of the content", err)
			}
			publish(t, c, bots, "broken", noise(2<<20))
			monitor := w.connect(t, creds.Monitor("acme", "csv", []string{"bots"}))
			var ids []string
			err := monitor.ReadRaw(ctx, bots, time.Time{}, func(p *bus.Payload) error {
				ids = append(ids, p.ID)
				_ = bytesOf(t, monitor, p)
				return nil
			})
			if err != nil || !slices.Equal(ids, []string{"small", "large", "broken"}) {
				t.Errorf("payloads %v, %v", ids, err)
			}
		})
	}
}

func TestMonitorDoesItsWork(t *testing.T) {
	for name, tt := range map[string]struct {
		role creds.Role
		key  string
	}{
		"one parser":                 {creds.Monitor("acme", "csv", []string{"scans", "bots"}), "monitor.acme.csv"},
		"all of namespace":           {creds.Monitors("acme", "bots", "scans"), "monitor.acme."},
		"all of namespace, any feed": {creds.Monitors("acme"), "monitor.acme."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c := w.connect(t, tt.role)
			monitorConfig(t, w, c, tt.key)
			monitorPayloads(t, w, c)
			monitorEvents(t, w, c)
		})
	}
}

func monitorConfig(t *testing.T, w *world, c *bus.Conn, key string) {
	t.Helper()
	ctx := testContext(t)
	operator, admin := w.connect(t, creds.Operator()), w.connect(t, creds.Admin())
	entries := watched(t, c.Config(), key, "decision.acme.", "replay.acme.")
	expectEntries(t, entries, "")
	if err := operator.Config().Put(ctx, "monitor.acme.csv", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"decision.acme.bots.bots-1", "replay.acme.bots", "decision.rival.bots.bots-1"} {
		if err := admin.Config().Put(ctx, key, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	expectEntries(t, entries, "monitor.acme.csv", "decision.acme.bots.bots-1", "replay.acme.bots")
	for _, key := range []string{"decision.acme.bots.bots-1", "replay.acme.bots"} {
		if err := c.Config().Delete(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	expectEntries(t, entries, "decision.acme.bots.bots-1", "replay.acme.bots")
	putAndGet(t, c.State(), "baseline.acme.bots", "baseline.acme.bots.report-scan", "bus.interrupted.acme.bots")
	putAndGet(t, c.Status(), "monitor.acme.bots", "parser.acme.csv")
}

func monitorPayloads(t *testing.T, w *world, c *bus.Conn) {
	t.Helper()
	ctx := testContext(t)
	collector := w.connect(t, creds.Collector("acme", "bots"))
	large := noise(3 << 20)
	publish(t, collector, bots, "small", []byte("text"))
	publish(t, collector, bots, "large", large)
	// One that nobody can read becomes a dead letter.
	attacker := w.attacker(t, mint(t, w.keys, creds.Collector("acme", "bots"), time.Hour))
	if err := attacker.Publish("raw.acme.bots", []byte("?")); err != nil || attacker.FlushTimeout(deadline) != nil {
		t.Fatal(err)
	}
	publish(t, collector, bots, "last", []byte("text"))
	held := make(chan string, 10)
	stop := background(t, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, bots, func(ctx context.Context, p *bus.Payload) error {
			if p.ID == "large" && !bytes.Equal(bytesOf(t, c, p), large) {
				t.Error("payload has other bytes")
			}
			err := c.Hold(ctx, &bus.Held{Payload: *p, Incident: "bots-1", Reason: "column is gone", Since: time.Now()})
			held <- p.ID
			return err
		})
	})
	for _, want := range []string{"small", "large", "last"} {
		if id := receive(t, held); id != want {
			t.Fatalf("payload %s, want %s", id, want)
		}
	}
	stop()
	if n, err := c.CountHeld(ctx, bots); err != nil || n != 3 {
		t.Fatalf("%d held, %v", n, err)
	}
	var all []*bus.Held
	if err := c.ListHeld(ctx, bots, func(h *bus.Held) error { all = append(all, h); return nil }); err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if h.Payload.ID == "large" && !bytes.Equal(bytesOf(t, c, &h.Payload), large) {
			t.Error("held payload has other bytes")
		}
		if err := c.RemoveHeld(ctx, h); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.CountHeld(ctx, bots); err != nil || n != 0 {
		t.Fatalf("%d held after removal, %v", n, err)
	}
	for range 2 { // a name that was used may be used again
		var ids []string
		err := c.ReadRaw(ctx, bus.Feed{Namespace: "acme", Name: "scans"}, time.Time{}, func(p *bus.Payload) error {
			ids = append(ids, p.ID)
			return nil
		})
		if err != nil || len(ids) != 0 {
			t.Fatalf("payloads %v, %v", ids, err)
		}
	}
}

func monitorEvents(t *testing.T, w *world, c *bus.Conn) {
	t.Helper()
	ctx := testContext(t)
	for _, lw := range []*bus.LineWriter{
		c.NewEventWriter(bots, "a.x", "small", "run"), c.NewRejectedWriter(bots, "a.x", "small", "run"),
	} {
		for i := range 1000 {
			if err := lw.Append(ctx, fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := lw.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	admin := w.connect(t, creds.Admin())
	dead := 0
	if err := admin.ListDead(ctx, bots, func(*bus.DeadLetter) error { dead++; return nil }); err != nil || dead != 1 {
		t.Errorf("%d dead letters, %v", dead, err)
	}
}

func TestHubAndExporterDoTheirWork(t *testing.T) {
	for name, tt := range map[string]struct {
		role creds.Role
		keys []string
	}{
		"one subscription": {creds.Exporter("acme", "soc", "acme", "main"), []string{"subscription.acme.soc", "sources.acme.main"}},
		"all of namespace": {creds.Exporters("acme", "acme", "main"), []string{"subscription.acme.", "sources.acme.main"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			exporter := w.connect(t, tt.role)
			hubWork(t, w)
			exporterWork(t, w, exporter, tt.keys)
			queries(t, w, exporter)
		})
	}
}

func hubWork(t *testing.T, w *world) {
	t.Helper()
	ctx := testContext(t)
	hub := w.hub
	operator := w.connect(t, creds.Operator())
	entries := watched(t, hub.Config(), "hub.acme.main", "sources.acme.main", "subscription.")
	expectEntries(t, entries, "")
	keys := []string{"hub.acme.main", "sources.acme.main", "subscription.acme.soc", "subscription.rival.soc"}
	for _, key := range keys {
		if err := operator.Config().Put(ctx, key, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	expectEntries(t, entries, keys...)
	putAndGet(t, hub.Status(), "hub.acme.main", "hub.acme.main.1")

	monitor := w.connect(t, creds.Monitor("acme", "csv", []string{"bots"}))
	events := monitor.NewEventWriter(bots, "a.x", "p", "run")
	if err := errors.Join(events.Append(ctx, []byte(`{"n":1}`)), events.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	handled := make(chan string, 10)
	stop := background(t, func(ctx context.Context) error {
		partitions := []int{bus.Partition("a.x"), (bus.Partition("a.x") + 1) % bus.Partitions}
		return hub.ConsumeEvents(ctx, "hub-acme", []string{"acme", "rival"}, partitions, 100, func(ctx context.Context, bs []*bus.Block) error {
			for _, b := range bs {
				d := hub.NewDeliverWriter("acme", "soc", "inside", b.Source, b.ID)
				r := hub.NewRejectedWriter(b.Feed, b.Source, b.Payload, "hub."+b.ID)
				err := errors.Join(d.Append(ctx, b.Lines[:len(b.Lines)-1]), d.Close(ctx), r.Append(ctx, []byte("{}")), r.Close(ctx))
				if err != nil {
					return err
				}
				handled <- b.ID
			}
			return nil
		})
	})
	receive(t, handled)
	stop()
	for _, c := range []*bus.Conn{hub, operator} {
		if names, err := c.EventConsumers(ctx); err != nil || !slices.Equal(names, []string{"hub-acme"}) {
			t.Errorf("consumers %v, %v", names, err)
		}
	}
	if err := operator.RemoveEvents(ctx, "hub-acme"); err != nil {
		t.Fatal(err)
	}
	if names, err := operator.EventConsumers(ctx); err != nil || len(names) != 0 {
		t.Errorf("consumers %v, %v", names, err)
	}
}

func exporterWork(t *testing.T, w *world, c *bus.Conn, keys []string) {
	t.Helper()
	ctx := testContext(t)
	expectEntries(t, watched(t, c.Config(), keys...), "subscription.acme.soc", "sources.acme.main", "")
	putAndGet(t, c.State(), "exporter.acme.soc")
	putAndGet(t, c.Status(), "exporter.acme.soc")
	first, last, err := c.DeliverFirst(ctx, "acme", "soc")
	if err != nil || first != 1 || last != 1 {
		t.Errorf("first %d, last %d, %v", first, last, err)
	}
	lines := make(chan string, 10)
	for _, seq := range []uint64{1, 0} {
		background(t, func(ctx context.Context) error {
			return c.FollowDeliver(ctx, "acme", "soc", seq, func(b *bus.Block) error {
				lines <- strings.TrimSpace(string(b.Lines))
				return nil
			})
		})
	}
	if line := receive(t, lines); line != `{"n":1}` {
		t.Errorf("line %s", line)
	}
	d := w.hub.NewDeliverWriter("acme", "soc", "inside", "a.x", "e2")
	if err := errors.Join(d.Append(ctx, []byte(`{"n":2}`)), d.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	if line := receive(t, lines); line != `{"n":2}` {
		t.Errorf("line %s", line)
	}
}

func queries(t *testing.T, w *world, exporter *bus.Conn) {
	t.Helper()
	sub, err := w.hub.Core().Subscribe("query.acme.main.0.*.*.*", func(m *nats.Msg) {
		for range 3 { // in pieces
			_ = w.hub.Core().Publish(m.Reply, []byte(m.Subject))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	inbox, err := exporter.Core().SubscribeSync(exporter.Core().NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.hub.Core().Flush(), exporter.Core().Flush()); err != nil {
		t.Fatal(err)
	}
	if err := exporter.Core().PublishRequest("query.acme.main.0.acme.soc.open", inbox.Subject, nil); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if m, err := inbox.NextMsg(deadline); err != nil || string(m.Data) != "query.acme.main.0.acme.soc.open" {
			t.Fatalf("answer %v, %v", m, err)
		}
	}
}
