package buslink

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
	"github.com/weir-project/weir/pipeline/plan"
)

func put(t *testing.T, k *Link, key, value string, want bool) {
	t.Helper()
	changed, err := k.Put(t.Context(), key, []byte(value))
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	if changed != want {
		t.Fatalf("put %s=%s: changed is %v, want %v", key, value, changed, want)
	}
}

func TestPutWritesOnlyWhatDiffers(t *testing.T) {
	w := newWorld(t)
	k := w.connect()
	const n = 2000
	before := w.writes("KV_config")
	for round, changed := range []bool{true, false, false} {
		for i := range n {
			put(t, k, fmt.Sprintf("collector.default.feed%d", i), fmt.Sprintf(`{"n":%d}`, i), changed)
		}
		if got := w.writes("KV_config") - before; got != n {
			t.Fatalf("%d messages after round %d, want %d", got, round+1, n)
		}
	}
	put(t, k, "collector.default.feed7", "other", true)
	if got := w.writes("KV_config") - before; got != n+1 {
		t.Fatalf("%d messages after one change, want %d", got, n+1)
	}
	if keys := k.Config("collector."); len(keys) != n || keys[0] != "collector.default.feed0" {
		t.Fatalf("%d keys, the first %q", len(keys), keys[0])
	}
	if got := w.told(""); got > 3 { // connected, read, and perhaps one of them late
		t.Errorf("own writes were told as changes: %d", got)
	}
}

func TestAnotherOperatorKnowsWhatThisOneWrote(t *testing.T) {
	w := newWorld(t)
	k := w.connect()
	put(t, k, "parser.x", "1", true)
	put(t, k, "monitor.default.csv", "1", true)
	before := w.writes("KV_config")
	w.startLinks()
	k = w.connect()
	put(t, k, "monitor.default.csv", "1", false)
	if changed, err := k.Delete(t.Context(), "monitor.default.json"); err != nil || changed {
		t.Fatalf("delete of an absent key: %v, %v", changed, err)
	}
	if got := w.writes("KV_config"); got != before {
		t.Fatalf("%d messages, want %d", got, before)
	}
	if changed, err := k.Delete(t.Context(), "monitor.default.csv"); err != nil || !changed {
		t.Fatalf("delete: %v, %v", changed, err)
	}
	if keys := k.Config("monitor"); len(keys) != 0 {
		t.Fatalf("keys %q after deletion", keys)
	}
	put(t, k, "monitor.default.csv", "1", true)
}

func TestStatusIsFollowed(t *testing.T) {
	w := newWorld(t)
	hub := w.hub()
	key := plan.Key(plan.PrefixHub, exchange.Namespace, exchange.Name)
	if err := hub.Status().Put(w.ctx(), key, []byte("1")); err != nil {
		t.Fatal(err)
	}
	k := w.connect()
	if got, ok := k.Status(key); !ok || string(got) != "1" {
		t.Fatalf("status %q, %v when the link is ready", got, ok)
	}
	if w.told(key) != 0 {
		t.Error("what was there at the beginning was told key by key")
	}
	if err := hub.Status().Put(w.ctx(), key, []byte("2")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is told", func() bool { return w.told(key) == 1 })
	if got, ok := k.Status(key); !ok || string(got) != "2" {
		t.Fatalf("status %q, %v when the change was told", got, ok)
	}
	if err := k.RemoveStatus(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the status is gone", func() bool { _, ok := k.Status(key); return !ok })
	writes := w.writes("KV_status")
	if err := k.RemoveStatus(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := w.writes("KV_status"); got != writes {
		t.Error("removing what is not there wrote something")
	}
}

func TestLinkWaitsForTheStreams(t *testing.T) {
	w := &world{t: t, keys: newKeys(t), dir: t.TempDir(), listen: "127.0.0.1:0", metrics: prometheus.NewRegistry()}
	t.Cleanup(w.stopBus)
	w.startBus()
	w.startLinks()
	w.links.Ensure(exchange, w.config())
	eventually(t, "the link says that the streams are missing", func() bool {
		err := w.links.Get(exchange).Ready()
		return err != nil && strings.Contains(err.Error(), "could not be read yet")
	})
	_, err := w.links.Get(exchange).Put(t.Context(), "hub.default.main", nil)
	wantUnavailable(t, err)
	w.setup()
	put(t, w.ready(), "hub.default.main", "1", true)
}

func TestBusThatIsAwayIsAState(t *testing.T) {
	w := newWorld(t)
	if w.connected() != -1 {
		t.Error("a metric without a link")
	}
	k := w.connect()
	eventually(t, "the metric says connected", func() bool { return w.connected() == 1 })
	hub := w.hub()
	if err := hub.Status().Put(w.ctx(), "hub.default.main", []byte("1")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the status is there", func() bool { _, ok := k.Status("hub.default.main"); return ok })
	put(t, k, "hub.default.main", "1", true)
	hub.Close()
	w.stopBus()
	_, err := k.Put(t.Context(), "hub.default.main", []byte("2"))
	wantUnavailable(t, err)
	eventually(t, "the link is lost", func() bool { return k.Ready() != nil })
	wantUnavailable(t, k.Ready())
	first := k.Ready().Error()
	_, err = k.Delete(t.Context(), "hub.default.main")
	wantUnavailable(t, err)
	if _, ok := k.Status("hub.default.main"); !ok {
		t.Error("the last status is forgotten while the bus is away")
	}
	eventually(t, "the metric says lost", func() bool { return w.connected() == 0 })
	if again := k.Ready().Error(); again != first {
		t.Errorf("message %q became %q", first, again)
	}
	told := w.told("")
	w.startBus()
	put(t, w.ready(), "hub.default.main", "2", true)
	eventually(t, "the return is told", func() bool { return w.told("") > told })
	w.links.Remove(exchange)
	if w.connected() != -1 {
		t.Error("the metric outlives the link")
	}
	if w.links.Get(exchange) != nil {
		t.Error("the link is there after its removal")
	}
	wantUnavailable(t, k.Ready())
}

func TestBusThatLostEverythingIsWrittenAnew(t *testing.T) {
	w := newWorld(t)
	k := w.connect()
	put(t, k, "hub.default.main", "1", true)
	put(t, k, "collector.default.one", "1", true)
	eventually(t, "the bus told what was written", func() bool {
		config := k.read().config
		config.mu.Lock()
		defer config.mu.Unlock()
		return config.keys["collector.default.one"].own.IsZero()
	})
	w.stopBus()
	eventually(t, "the link is lost", func() bool { k.poke(); return k.Ready() != nil })
	if err := os.RemoveAll(w.dir); err != nil {
		t.Fatal(err)
	}
	w.startBus()
	told := w.told("")
	w.setup()
	eventually(t, "the loss is seen", func() bool { return len(k.Config("")) == 0 })
	eventually(t, "the loss is told", func() bool { return w.told("") > told })
	put(t, w.ready(), "hub.default.main", "1", true)
}

func TestWhatOthersWriteIsTold(t *testing.T) {
	w := newWorld(t)
	k := w.connect()
	other := New(Options{Log: testLog(t)})
	run(t, other)
	other.Ensure(exchange, w.config())
	eventually(t, "the other link is ready", func() bool { return other.Get(exchange).Ready() == nil })
	put(t, k, "hub.default.main", "1", true)
	eventually(t, "the other link sees it", func() bool { return len(other.Get(exchange).Config("hub.")) == 1 })
	if keys := k.Config(""); len(keys) != 1 {
		t.Fatalf("keys %q", keys)
	}
	put(t, other.Get(exchange), "hub.default.main", "2", true)
	eventually(t, "the foreign write is seen", func() bool { return !k.read().config.has("hub.default.main", value("1")) })
	told := w.told("")
	put(t, other.Get(exchange), "hub.default.main", "3", true)
	eventually(t, "the foreign write is told", func() bool { return w.told("") > told })
	eventually(t, "the foreign write is seen", func() bool { return k.read().config.has("hub.default.main", value("3")) })
	put(t, k, "hub.default.main", "1", true)
}

func TestFrozenBusDoesNotHoldCallersUp(t *testing.T) {
	w := newWorld(t)
	wire := newWire(t, w.listen)
	c := w.config()
	c.URLs = "nats://" + wire.l.Addr().String()
	w.links.Ensure(exchange, c)
	k := w.ready()
	wire.freeze(true)
	began := time.Now()
	_, err := k.Put(t.Context(), "hub.default.main", []byte("1"))
	wantUnavailable(t, err)
	t.Logf("the call took %v", time.Since(began))
	eventually(t, "the link is lost", func() bool { return k.Ready() != nil })
	began = time.Now()
	_, err = k.Put(t.Context(), "hub.default.main", []byte("1"))
	wantUnavailable(t, err)
	if d := time.Since(began); d > useTimeout {
		t.Errorf("a call on a lost link took %v", d)
	}
	told := w.told("")
	wire.freeze(false)
	k = w.ready()
	eventually(t, "the return is told", func() bool { return w.told("") > told })
	if _, err := k.Put(t.Context(), "hub.default.main", []byte("1")); err != nil {
		t.Fatal(err)
	}
}

func TestOtherCredentialsConnectAnew(t *testing.T) {
	w := newWorld(t)
	good := w.config()
	bad := good
	wrong, _, err := newKeys(t).Mint(creds.Operator(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	bad.Creds = wrong
	w.links.Ensure(exchange, bad)
	eventually(t, "the refusal is known", func() bool {
		var e *Error
		return errors.As(w.links.Get(exchange).Ready(), &e) && e.Reason == v1alpha1.ReasonUnauthorized
	})
	if strings.Contains(w.links.Get(exchange).Ready().Error(), string(wrong)) {
		t.Error("the message has the credentials in it")
	}
	w.links.Ensure(exchange, good)
	k := w.ready()
	put(t, k, "hub.default.main", "1", true)
	w.links.Ensure(exchange, good)
	if w.links.Get(exchange) != k {
		t.Error("the same configuration made another link")
	}
	w.links.Ensure(exchange, w.config())
	if w.links.Get(exchange) == k {
		t.Fatal("other credentials left the link as it was")
	}
	if len(w.links.Get(exchange).Config("hub.")) != 1 {
		t.Error("what was read of the same bus is forgotten")
	}
	put(t, w.ready(), "hub.default.main", "1", false)
}

func TestForgetLeavesOnlyWhatIsHeld(t *testing.T) {
	w := newWorld(t)
	k := w.connect()
	feed := bus.Feed{Namespace: "default", Name: "bots"}
	collector, monitor := w.dial(creds.Collector(feed.Namespace, feed.Name)), w.dial(creds.Monitor(feed.Namespace, "csv", []string{feed.Name}))
	p := &bus.Payload{ID: "1", Feed: feed, Source: "example.bots", Collected: time.Now().UTC(), ContentType: "text/csv"}
	if err := collector.PublishRaw(w.ctx(), p, strings.NewReader("a,b")); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	ctx := w.ctx()
	stop := make(chan struct{})
	go func() {
		defer close(stop)
		_ = monitor.ConsumeRaw(ctx, feed, func(ctx context.Context, p *bus.Payload) error {
			err := monitor.Hold(ctx, &bus.Held{Payload: *p, Incident: "i", Reason: "test", Since: time.Now()})
			select {
			case held <- err:
			default:
			}
			return err
		})
	}()
	if err := <-held; err != nil {
		t.Fatal(err)
	}
	monitor.Close()
	<-stop
	monitor = w.dial(creds.Monitor(feed.Namespace, "csv", []string{feed.Name}))
	for bucket, key := range map[*bus.Bucket]string{
		collector.State(): "collector.default.bots", monitor.State(): "baseline.default.bots",
		collector.Status(): "collector.default.bots", monitor.Status(): "monitor.default.bots",
	} {
		if err := bucket.Put(w.ctx(), key, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the status is there", func() bool {
		_, one := k.Status("collector.default.bots")
		_, two := k.Status("monitor.default.bots")
		return one && two
	})
	for range 2 {
		if err := k.Forget(t.Context(), feed); err != nil {
			t.Fatal(err)
		}
	}
	for bucket, key := range map[*bus.Bucket]string{
		collector.State(): "collector.default.bots", monitor.State(): "baseline.default.bots",
		collector.Status(): "collector.default.bots", monitor.Status(): "monitor.default.bots",
	} {
		if _, err := bucket.Get(w.ctx(), key); !errors.Is(err, bus.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", key, err)
		}
	}
	if n, err := monitor.CountHeld(w.ctx(), feed); err != nil || n != 1 {
		t.Errorf("%d held, %v", n, err)
	}
	if _, err := k.Put(t.Context(), "collector.default.bad key", nil); err == nil || strings.Contains(err.Error(), "in time") {
		t.Errorf("an impossible key: %v", err)
	}
}

func TestNoLinkIsNotConnected(t *testing.T) {
	var k *Link
	wantUnavailable(t, k.Ready())
	_, err := k.Put(t.Context(), "a", nil)
	wantUnavailable(t, err)
	_, err = k.Delete(t.Context(), "a")
	wantUnavailable(t, err)
	wantUnavailable(t, k.RemoveStatus(t.Context(), "a"))
	wantUnavailable(t, k.Forget(t.Context(), bus.Feed{Namespace: "a", Name: "b"}))
	if _, ok := k.Status("a"); ok || k.Config("") != nil {
		t.Error("a nil link knows something")
	}
}
