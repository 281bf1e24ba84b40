package collect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/feedsim"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func TestMain(m *testing.M) {
	// A server that is shut down while it makes a stream leaves these two behind.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

const patience = 20 * time.Second // for a condition that must come true

// testBus is an embedded bus with its streams.
func testBus(t *testing.T) *bus.Conn {
	t.Helper()
	srv, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Shutdown() })
	conn, err := srv.Connect("collect-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Setup(t.Context(), bus.Retention{}); err != nil {
		t.Fatal(err)
	}
	return conn
}

// runStage runs a stage until the test ends or stop is called.
func runStage(t *testing.T, o Options) (s *Stage, stop func()) {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return s, stop
}

func testLog(t *testing.T) logr.Logger {
	return funcr.New(func(prefix, args string) { t.Log(prefix, args) }, funcr.Options{})
}

func httpFeed(url string) *plan.Collector {
	return &plan.Collector{Namespace: "default", Name: "feed", Spec: v1alpha1.FeedSourceSpec{
		Provider: "example", Channel: "feed",
		HTTP:     &v1alpha1.HTTPSpec{URL: url},
		Schedule: v1alpha1.ScheduleSpec{Interval: "1s"},
	}}
}

func configure(t *testing.T, conn *bus.Conn, cfg *plan.Collector) {
	t.Helper()
	raw, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Config().Put(t.Context(), plan.Key(plan.PrefixCollector, cfg.Namespace, cfg.Name), raw); err != nil {
		t.Fatal(err)
	}
}

// published reads the payloads of the feed with their bytes.
func published(t *testing.T, conn *bus.Conn) (payloads []bus.Payload, bodies []string) {
	t.Helper()
	err := conn.ReadRaw(t.Context(), bus.Feed{Namespace: "default", Name: "feed"}, time.Time{}, func(p *bus.Payload) error {
		r, err := conn.Open(t.Context(), p)
		if err != nil {
			return err
		}
		defer r.Close()
		b, err := io.ReadAll(r)
		payloads, bodies = append(payloads, *p), append(bodies, string(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return payloads, bodies
}

// waitStatus waits until the status of the feed is as ok says.
func waitStatus(t *testing.T, conn *bus.Conn, ok func(status.Collector) bool) status.Collector {
	t.Helper()
	var s status.Collector
	waitFor(t, func() bool {
		raw, err := conn.Status().Get(t.Context(), "collector.default.feed")
		if err != nil {
			return false
		}
		s = status.Collector{}
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		return ok(s)
	}, func() any { return s })
	return s
}

func waitFor(t *testing.T, ok func() bool, show func() any) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not come true in %s; last seen: %+v", patience, show())
		}
	}
}

func reason(r string) func(status.Collector) bool {
	return func(s status.Collector) bool { return s.Reason == r }
}

func TestStageCollectsOnScheduleAndSendsOnlyWhatChanged(t *testing.T) {
	var body atomic.Value
	body.Store("ip\n192.0.2.1\n")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, body.Load().(string))
	}))
	defer srv.Close()
	conn := testBus(t)
	stage, _ := runStage(t, Options{Conn: conn, Log: testLog(t), AllowNets: loopback, TempDir: t.TempDir()})
	configure(t, conn, httpFeed(srv.URL+"/list.csv"))

	s := waitStatus(t, conn, reason(v1alpha1.ReasonNotModified))
	if !s.OK || s.Attempts < 2 || s.Payloads != 1 || s.LastSuccess.Before(s.LastChange) || s.Next.IsZero() {
		t.Errorf("status of an unchanged feed: %+v", s)
	}
	body.Store("ip\n192.0.2.2\n")
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 2 })
	payloads, bodies := published(t, conn)
	if len(bodies) != 2 || bodies[0] != "ip\n192.0.2.1\n" || bodies[1] != "ip\n192.0.2.2\n" {
		t.Fatalf("published %q", bodies)
	}
	p := payloads[0]
	if p.Source != "example.feed" || p.ContentType != "text/csv" || p.Filename != "list.csv" || p.URL != srv.URL+"/list.csv" || p.Collected.IsZero() {
		t.Errorf("metadata %+v", p)
	}
	if payloads[0].Collection == payloads[1].Collection || payloads[0].ID == payloads[1].ID {
		t.Errorf("two collections share an id: %+v", payloads)
	}
	if err := stage.Ready(); err != nil {
		t.Errorf("Ready: %v", err)
	}
}

func TestAFeedThatIsGoneLeavesNothing(t *testing.T) {
	srv := serve(t, text("x"))
	conn := testBus(t)
	reg := prometheus.NewRegistry()
	runStage(t, Options{Conn: conn, Log: testLog(t), Metrics: reg, AllowNets: loopback, TempDir: t.TempDir()})
	configure(t, conn, httpFeed(srv.URL))
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 1 })
	if n := series(t, reg, "weir_collect_payloads_total"); n != 1 {
		t.Errorf("%d series of one feed", n)
	}
	key := "collector.default.feed"
	if err := conn.Config().Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		_, errStatus := conn.Status().Get(t.Context(), key)
		_, errState := conn.State().Get(t.Context(), key)
		return errors.Is(errStatus, bus.ErrNotFound) && errors.Is(errState, bus.ErrNotFound)
	}, func() any { return "status or state is left" })
	if n := series(t, reg, "weir_collect_payloads_total"); n != 0 {
		t.Errorf("%d series are left", n)
	}
	configure(t, conn, httpFeed(srv.URL)) // made again, it starts from scratch
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 1 })
	if _, bodies := published(t, conn); len(bodies) != 2 {
		t.Errorf("published %q", bodies)
	}
}

func series(t *testing.T, reg *prometheus.Registry, name string) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return len(f.GetMetric())
		}
	}
	return 0
}

func TestConfigurationThatCannotBeReadDisturbsNobody(t *testing.T) {
	srv := serve(t, text("x"))
	conn := testBus(t)
	for key, value := range map[string]string{"collector.default.broken": "{", "collector.default.other": `{"namespace":"x","name":"y"}`} {
		if err := conn.Config().Put(t.Context(), key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	nothing := httpFeed("")
	nothing.Name, nothing.Spec.HTTP = "nothing", nil
	configure(t, conn, nothing)
	configure(t, conn, httpFeed(srv.URL))
	stage, _ := runStage(t, Options{Conn: conn, Log: testLog(t), AllowNets: loopback, TempDir: t.TempDir()})
	waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 1 })
	waitFor(t, func() bool { return stage.Ready() == nil }, func() any { return stage.Ready() })
	raw, err := conn.Status().Get(t.Context(), "collector.default.nothing")
	if err != nil || !strings.Contains(string(raw), v1alpha1.ReasonInvalidSpec) {
		t.Errorf("status of a feed without transport: %s, %v", raw, err)
	}
}

func TestARestartedStageRepeatsNothing(t *testing.T) {
	requests := atomic.Int64{}
	srv := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		_, _ = io.WriteString(w, "x")
	})
	conn := testBus(t)
	cfg := httpFeed(srv.URL)
	cfg.Spec.Schedule.Interval = "1h"
	configure(t, conn, cfg)
	o := Options{Conn: conn, Log: testLog(t), AllowNets: loopback, TempDir: t.TempDir()}
	for range 3 {
		s, stop := runStage(t, o)
		waitStatus(t, conn, func(s status.Collector) bool { return s.Payloads == 1 })
		waitFor(t, func() bool { return s.Ready() == nil }, func() any { return s.Ready() })
		stop()
		if s.Ready() == nil {
			t.Error("a stage that stopped is ready")
		}
	}
	if _, bodies := published(t, conn); len(bodies) != 1 || requests.Load() != 1 {
		t.Errorf("published %q by %d requests", bodies, requests.Load())
	}
}

func TestLogsAndStatusHoldNoSecret(t *testing.T) {
	const canary = "canary-f3a9"
	var told strings.Builder
	var mu sync.Mutex
	log := funcr.New(func(prefix, args string) {
		mu.Lock()
		defer mu.Unlock()
		told.WriteString(prefix + args + "\n")
	}, funcr.Options{Verbosity: 10})
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://"+canary+"@feeds.example.com/?"+r.URL.RawQuery, http.StatusFound)
	})
	conn := testBus(t)
	secrets := func(_, _, _ string) ([]byte, error) { return []byte(canary), nil }
	runStage(t, Options{Conn: conn, Log: log, AllowNets: loopback, TempDir: t.TempDir(), Secrets: secrets})
	cfg := httpFeed(srv.URL)
	cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{APIKey: &v1alpha1.APIKeyAuth{Query: "k", SecretRef: secretRef("a", "b")}}
	configure(t, conn, cfg)
	s := waitStatus(t, conn, reason(v1alpha1.ReasonAddressForbidden))
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(s.Message+told.String(), canary) || !strings.Contains(told.String(), "collection failed") {
		t.Errorf("status %+v\nlog %s", s, told.String())
	}
}

func TestEveryRecordOfASimulatedFeedArrives(t *testing.T) {
	sim := feedsim.New(feedsim.Options{Seed: 1})
	srv := httptest.NewServer(sim)
	defer srv.Close()
	conn := testBus(t)
	runStage(t, Options{Conn: conn, Log: testLog(t), AllowNets: loopback, TempDir: t.TempDir()})
	configure(t, conn, httpFeed(srv.URL+sim.Feeds()[feedsim.Phishing]))
	for _, how := range []feedsim.Fault{"", feedsim.TruncatedGzip, feedsim.ServerError, feedsim.RateLimited} {
		if how != "" {
			if err := sim.Break(feedsim.Phishing, how); err != nil {
				t.Fatal(err)
			}
			before := sim.Requests(feedsim.Phishing)
			sim.Advance()
			waitFor(t, func() bool { return sim.Requests(feedsim.Phishing) > before }, func() any { return how })
			waitStatus(t, conn, func(s status.Collector) bool { return !s.OK })
			if err := sim.Fix(feedsim.Phishing); err != nil {
				t.Fatal(err)
			}
		}
		waitFor(t, func() bool { return sim.Caught(feedsim.Phishing) }, func() any { return how })
		waitStatus(t, conn, func(s status.Collector) bool { return s.OK })
	}
	_, bodies := published(t, conn)
	all := strings.Join(bodies, "")
	truth := sim.Truth(feedsim.Phishing)
	for _, r := range truth {
		if !strings.Contains(all, r.URL+"\n") {
			t.Errorf("%s is missing", r.URL)
		}
	}
	if len(truth) != 100 || len(bodies) != 4 {
		t.Errorf("%d records in %d payloads", len(truth), len(bodies))
	}
}

func TestStatusOfABusyFeedIsWrittenOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &memBucket{failPut: 2}
		r := newReporter(b, logr.Discard())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); r.run(ctx) }()
		for i := range 100 {
			r.set("collector.default.feed", status.Collector{Attempts: int64(i + 1)})
			<-time.After(100 * time.Millisecond)
		}
		synctest.Wait()
		if b.puts > 11 || b.puts < 9 {
			t.Errorf("%d writes in ten seconds", b.puts)
		}
		r.set("collector.default.feed", status.Collector{Attempts: 1000})
		r.set("collector.default.gone", status.Collector{})
		r.remove("collector.default.gone")
		cancel()
		<-done
		if len(b.values) != 1 || !strings.Contains(string(b.values["collector.default.feed"]), `"attempts":1000`) {
			t.Errorf("at the end %q", b.values)
		}
	})
}

func TestOneRegistryTakesOneStage(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := newStage(Options{Metrics: reg}, buses{}, rateWindow); err != nil {
		t.Fatal(err)
	}
	if _, err := newStage(Options{Metrics: reg}, buses{}, rateWindow); err == nil {
		t.Error("two stages share their metrics")
	}
	if _, err := New(Options{}); err == nil {
		t.Error("a stage without a bus")
	}
}
