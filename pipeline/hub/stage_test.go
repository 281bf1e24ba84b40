package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
	"github.com/weir-project/weir/pipeline/store"
)

// testBus is an embedded bus that ends with the test.
func testBus(tb testing.TB) *bus.Conn {
	tb.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: tb.TempDir(), Log: logr.Discard()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	c, err := s.Connect("test")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	if err := c.Setup(testContext(tb), bus.Retention{}); err != nil {
		tb.Fatal(err)
	}
	return c
}

func testContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	tb.Cleanup(cancel)
	return ctx
}

func putConfig(tb testing.TB, c *bus.Conn, ex exchange, subs ...plan.Subscription) {
	tb.Helper()
	for _, e := range entries(tb, ex, subs...) {
		if err := c.Config().Put(testContext(tb), e.Key, e.Value); err != nil {
			tb.Fatal(err)
		}
	}
}

// start runs a hub; stop ends it and waits.
func start(tb testing.TB, c *bus.Conn, st store.Store) (h *Hub, stop func()) {
	tb.Helper()
	h, err := New(Options{Conn: c, Store: st, Log: logr.Discard(), Namespace: "default", Exchange: "main"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("hub: %v", err)
		}
	}
	tb.Cleanup(stop)
	return h, stop
}

func publish(tb testing.TB, c *bus.Conn, payload string, events ...*event.Event) {
	tb.Helper()
	w := c.NewEventWriter(feed, events[0].Source, payload, "run")
	for _, e := range events {
		if err := w.Append(testContext(tb), event.AppendJSON(nil, e)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(testContext(tb)); err != nil {
		tb.Fatal(err)
	}
}

// follow collects ids of events that are delivered to a subscription until there
// are n, and those that come in the same blocks.
func follow(tb testing.TB, c *bus.Conn, name, zone string, n int) (ids []string, sources []string) {
	tb.Helper()
	ctx, cancel := context.WithCancel(testContext(tb))
	defer cancel()
	err := c.FollowDeliver(ctx, "default", name, 1, func(b *bus.Block) error {
		if name, _, _ := strings.Cut(b.Zone, "."); name == zone {
			for line := range slices.Values(splitLines(b.Lines)) {
				var e struct{ ID string }
				if err := json.Unmarshal(line, &e); err != nil {
					return err
				}
				ids = append(ids, e.ID)
			}
			sources = append(sources, b.Source)
		}
		if len(ids) >= n {
			cancel()
		}
		return nil
	})
	if len(ids) < n {
		tb.Fatalf("%s got %d of %d events in %s: %v", name, len(ids), n, zone, err)
	}
	return ids, sources
}

func splitLines(b []byte) [][]byte {
	var lines [][]byte
	for len(b) > 0 {
		i := slices.Index(b, '\n')
		lines = append(lines, b[:i])
		b = b[i+1:]
	}
	return lines
}

// eventually waits for what becomes true by itself.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			tb.Fatalf("never happened: %s", what)
		}
	}
}

func hubStatus(tb testing.TB, c *bus.Conn) status.Hub {
	tb.Helper()
	var s status.Hub
	data, err := c.Status().Get(testContext(tb), plan.Key(plan.PrefixHub, "default", "main"))
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		s.Message = err.Error()
	}
	return s
}

var mainHub = exchangeOf(plan.SourcePolicy{Source: "provider.channel", Alias: "hidden.0badcafe"})

func TestEventsOnTheBusReachTheArchiveAndTheirSubscribers(t *testing.T) {
	c := testBus(t)
	limited := everything("limited")
	limited.Spec.Clearance = v1alpha1.ClearanceSpec{TLP: "GREEN"}
	publish(t, c, "early", sample(0, "192.0.2.1"))
	h, stop := start(t, c, newMemory())
	if h.Ready() == nil {
		t.Error("ready without a configuration")
	}
	putConfig(t, c, mainHub, everything("full"), limited)
	secret := sample(1, "192.0.2.1")
	secret.TLP = event.TLPRed
	eventually(t, "the configuration is applied", func() bool { return h.Ready() == nil })
	publish(t, c, "later", secret, sample(2, "203.0.113.1"))

	if ids, sources := follow(t, c, "full", ZoneThreats, 3); len(ids) != 3 || sources[0] != "provider.channel" {
		t.Errorf("full access got %v from %v", ids, sources)
	}
	if ids, sources := follow(t, c, "limited", ZoneThreats, 2); len(ids) != 2 || slices.Contains(ids, secret.ID.String()) ||
		sources[0] != "hidden.0badcafe" {
		t.Errorf("limited access got %v from %v", ids, sources)
	}
	eventually(t, "events are counted", func() bool { return hubStatus(t, c).Recorded == 3 })
	if err := h.Ready(); err != nil {
		t.Error(err)
	}
	if got := collect(t, h, SearchRequest{Subscription: "limited", Zone: ZoneInside}); len(got) != 1 {
		t.Errorf("search found %v", got)
	}
	stop()
	if s := hubStatus(t, c); !s.OK || s.Reason != v1alpha1.ReasonSucceeded || s.Events != 3 || s.Delivered != 8 {
		t.Errorf("status %+v; want 3 events, 3+2 threats and 2+1 inside delivered", s)
	}
}

func TestSubscriptionsComeChangeAndGoWhileTheHubRuns(t *testing.T) {
	c := testBus(t)
	h, _ := start(t, c, newMemory())
	putConfig(t, c, mainHub, everything("one"))
	publish(t, c, "p1", sample(1, "192.0.2.1"))
	follow(t, c, "one", ZoneThreats, 1)

	two := everything("two")
	two.Spec.Organisation.Criteria.CIDRs = []string{"198.51.100.0/24"}
	changed := everything("one")
	changed.Spec.Zones.Threats = nil
	putConfig(t, c, mainHub, two, changed)
	eventually(t, "the change is applied", func() bool {
		cfg := h.configs.current()
		return cfg.byName[ref("two")] != nil && cfg.byName[ref("one")].zones.Threats == nil
	})
	publish(t, c, "p2", sample(2, "198.51.100.1"), sample(3, "192.0.2.1"))
	inside, _ := follow(t, c, "two", ZoneInside, 1)
	if !slices.Equal(inside, []string{sample(2, "198.51.100.1").ID.String()}) {
		t.Errorf("two got %v", inside)
	}
	if ids, _ := follow(t, c, "one", ZoneInside, 2); len(ids) != 2 {
		t.Errorf("one got %v", ids)
	}
	if ids, _ := follow(t, c, "one", ZoneThreats, 1); len(ids) != 1 {
		t.Errorf("one got %v after its threats were withdrawn", ids)
	}

	if err := c.Config().Delete(testContext(t), plan.Key(plan.PrefixSubscription, "default", "two")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the removal is applied", func() bool { return h.configs.current().byName[ref("two")] == nil })
}

// ref is a subscription of the namespace default.
func ref(name string) plan.Ref { return plan.Ref{Namespace: "default", Name: name} }

func TestNothingIsLostOrDoubledWhenTheDiskIsFullOrTheHubRestarts(t *testing.T) {
	c := testBus(t)
	st := newMemory()
	st.before = []error{fmt.Errorf("day 1: %w", store.ErrFull)}
	st.commit = []error{context.DeadlineExceeded}
	putConfig(t, c, mainHub, everything("one"))
	var want []string
	for i := range 5 {
		e := sample(i, "192.0.2.1")
		want = append(want, e.ID.String())
		publish(t, c, fmt.Sprint("p", i), e)
	}
	_, stop := start(t, c, st)
	eventually(t, "the status tells that the store is full", func() bool {
		s := hubStatus(t, c)
		return !s.OK && s.Reason == ReasonStoreFull
	})
	stop()
	_, stop = start(t, c, st)
	eventually(t, "all is recorded", func() bool { return len(st.ids()) == len(want) })
	ids, _ := follow(t, c, "one", ZoneThreats, len(want))
	stop()
	slices.Sort(want)
	slices.Sort(ids)
	if !slices.Equal(ids, want) || !slices.Equal(st.ids(), want) {
		t.Errorf("delivered %v\nrecorded %v\nwant %v", ids, st.ids(), want)
	}
	if s := hubStatus(t, c); !s.OK || s.Recorded != int64(len(want)) {
		t.Errorf("status %+v", s)
	}
}

func TestUnreadableEventsAreOnTheRejectedSubject(t *testing.T) {
	c := testBus(t)
	start(t, c, newMemory())
	putConfig(t, c, mainHub, everything("one"))
	w := c.NewEventWriter(feed, "provider.channel", "p", "run")
	for _, line := range [][]byte{[]byte(`{"id":"no"}`), event.AppendJSON(nil, sample(1, "192.0.2.1"))} {
		if err := w.Append(testContext(t), line); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(testContext(t)); err != nil {
		t.Fatal(err)
	}
	follow(t, c, "one", ZoneThreats, 1)
	n := 0
	err := c.ListRejected(testContext(t), feed, time.Time{}, func(b *bus.Block) error {
		n += b.Count
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d rejected records, %v", n, err)
	}
}
