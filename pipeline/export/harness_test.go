package export

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

const (
	acmeToken  = "acme-token-acme-token-acme"
	otherToken = "other-token-other-token-other"
)

// fakeArchive answers with events, then with an error, and keeps what it was asked.
type fakeArchive struct {
	mu     sync.Mutex
	asked  []hub.SearchRequest
	events func(yield func(*event.Event, error) bool)
}

func (f *fakeArchive) Search(_ context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error] {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, req)
	if f.events == nil {
		return func(func(*event.Event, error) bool) {}
	}
	return f.events
}

func (f *fakeArchive) requests() []hub.SearchRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]hub.SearchRequest(nil), f.asked...)
}

func yieldAll(events []*event.Event, then error) func(func(*event.Event, error) bool) {
	return func(yield func(*event.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if then != nil {
			yield(nil, then)
		}
	}
}

// fakeBuckets are the buckets of the bus, in memory.
type fakeBuckets struct {
	mu      sync.Mutex
	changes chan bus.Entry
	status  map[string]string
	state   map[string]string
	broken  error
}

func (f *fakeBuckets) Watch(ctx context.Context, _ []string, fn func(bus.Entry) error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-f.changes:
			if err := fn(e); err != nil {
				return err
			}
		}
	}
}

type fakeStatus struct{ *fakeBuckets }

func (f fakeStatus) Put(_ context.Context, key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	f.status[key] = string(value)
	return nil
}

func (f fakeStatus) Delete(_ context.Context, key string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.status, key)
	return nil
}

type fakeState struct{ *fakeBuckets }

func (f fakeState) Get(_ context.Context, key string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if v, ok := f.state[key]; ok {
		return []byte(v), nil
	}
	return nil, bus.ErrNotFound
}

func (f fakeState) Put(_ context.Context, key string, value []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state[key] = string(value)
	return nil
}

// fakeDeliveries keeps blocks in memory: sequence n is blocks[n-1], nil where it
// is dropped.
type fakeDeliveries struct {
	mu     sync.Mutex
	blocks []*bus.Block
	more   chan struct{} // closed and replaced when a block comes
	err    error
	open   int
}

// deliver delivers to a subscription that is as subscription makes it.
func (f *fakeDeliveries) deliver(namespace, name, zone string, lines ...string) {
	f.deliverTo(subscription(namespace, name, ""), zone, lines...)
}

func (f *fakeDeliveries) deliverTo(cfg *plan.Subscription, zone string, lines ...string) {
	namespace, name := cfg.Namespace, cfg.Name
	zone = hub.DeliveryZone(zone, &cfg.Spec)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.blocks = append(f.blocks, &bus.Block{Feed: bus.Feed{Namespace: namespace, Name: name}, Zone: zone, Count: len(lines),
		Lines: []byte(strings.Join(lines, "\n") + "\n"), Seq: uint64(len(f.blocks) + 1)})
	close(f.more)
	f.more = make(chan struct{})
}

// drop forgets everything up to seq.
func (f *fakeDeliveries) drop(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range seq {
		f.blocks[i] = nil
	}
}

func (f *fakeDeliveries) FollowDeliver(ctx context.Context, namespace, subscription string, seq uint64, fn func(*bus.Block) error) error {
	f.mu.Lock()
	f.open++
	switch seq {
	case 0:
		seq = uint64(len(f.blocks))
	case 1:
		seq = 0
	}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		f.open--
		f.mu.Unlock()
	}()
	for ctx.Err() == nil {
		f.mu.Lock()
		err, more := f.err, f.more
		fresh := f.blocks[min(seq, uint64(len(f.blocks))):]
		f.mu.Unlock()
		if err != nil {
			return err
		}
		for _, b := range fresh {
			seq++
			if b == nil || b.Feed != (bus.Feed{Namespace: namespace, Name: subscription}) {
				continue
			}
			if err := fn(b); err != nil {
				return err
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
	return nil
}

func (f *fakeDeliveries) DeliverFirst(_ context.Context, namespace, subscription string) (first, last uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first = uint64(len(f.blocks)) + 1
	for i, b := range f.blocks {
		if b == nil {
			continue
		}
		first = min(first, uint64(i+1))
		if b.Feed == (bus.Feed{Namespace: namespace, Name: subscription}) {
			last = uint64(i + 1)
		}
	}
	return first, last, f.err
}

func (f *fakeDeliveries) readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

// logBuffer collects what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) logger() logr.Logger {
	return funcr.New(func(prefix, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.b.WriteString(prefix + " " + args + "\n")
	}, funcr.Options{Verbosity: 9})
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// fixture is a running stage with its server.
type fixture struct {
	t          *testing.T
	stage      *Stage
	archive    *fakeArchive
	buckets    *fakeBuckets
	deliveries *fakeDeliveries
	secrets    *sync.Map // name/key to value
	log        *logBuffer
	server     *httptest.Server
	client     *http.Client
}

func newFixture(t *testing.T, adjust ...func(*Stage)) *fixture {
	t.Helper()
	f := &fixture{t: t, archive: &fakeArchive{}, log: &logBuffer{}, secrets: &sync.Map{},
		buckets:    &fakeBuckets{changes: make(chan bus.Entry), status: map[string]string{}, state: map[string]string{}},
		deliveries: &fakeDeliveries{more: make(chan struct{})}}
	f.secrets.Store("acme/token", hashed(acmeToken))
	f.secrets.Store("other/token", otherToken)
	read := func(_, name, key string) ([]byte, error) {
		if v, ok := f.secrets.Load(name + "/" + key); ok {
			return []byte(v.(string)), nil
		}
		return vault(nil)("", name, key)
	}
	now := func() time.Time { return time.Date(2024, 5, 10, 12, 0, 0, 0, time.UTC) }
	var err error
	f.stage, err = newStage(Options{Archive: f.archive, Secrets: read, Log: f.log.logger(), Now: now},
		f.buckets, fakeStatus{f.buckets}, fakeState{f.buckets}, f.deliveries)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range adjust {
		a(f.stage)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.stage.Run(ctx) }()
	f.server = httptest.NewUnstartedServer(nil)
	f.server.Config = NewHTTPServer(f.stage.Handler())
	f.server.Start()
	f.client = f.server.Client()
	f.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		f.client.CloseIdleConnections()
		f.server.Close()
	})
	return f
}

// serveReal serves a stage that runs on a real bus.
func serveReal(t *testing.T, s *Stage) *fixture {
	t.Helper()
	f := &fixture{t: t, stage: s, server: httptest.NewUnstartedServer(nil)}
	f.server.Config = NewHTTPServer(s.Handler())
	f.server.Start()
	f.client = f.server.Client()
	t.Cleanup(func() {
		f.client.CloseIdleConnections()
		f.server.Close()
	})
	return f
}

// subscription is a configuration with everything granted.
func subscription(namespace, name, secretName string) *plan.Subscription {
	return &plan.Subscription{Namespace: namespace, Name: name, Spec: v1alpha1.SubscriptionSpec{
		Organisation: v1alpha1.OrganisationSpec{ID: name + ".example"},
		Clearance:    v1alpha1.ClearanceSpec{TLP: v1alpha1.TLPAmber},
		Zones:        v1alpha1.ZonesSpec{Inside: &v1alpha1.SelectionSpec{}, Threats: &v1alpha1.SelectionSpec{}, Search: &v1alpha1.SelectionSpec{}},
		Access:       v1alpha1.AccessSpec{Keys: []v1alpha1.AccessKey{key("ops", secretName+"/token")}},
		Exports: []v1alpha1.ExportSpec{{Name: "api", API: &v1alpha1.APIExport{}},
			{Name: "live", Stream: &v1alpha1.StreamExport{}}},
	}}
}

func (f *fixture) configure(cfgs ...*plan.Subscription) {
	f.t.Helper()
	for _, cfg := range cfgs {
		b, err := json.Marshal(cfg)
		if err != nil {
			f.t.Fatal(err)
		}
		f.buckets.changes <- bus.Entry{Key: plan.Key(plan.PrefixSubscription, cfg.Namespace, cfg.Name), Value: b}
	}
	f.synced()
}

// knows tells what there is to know about the exchange of a subscription.
func (f *fixture) knows(cfg *plan.Subscription, sources ...plan.SourcePolicy) {
	f.t.Helper()
	ref := plan.ExchangeOf(cfg.Namespace, cfg.Spec.ExchangeRef)
	f.tell(plan.Sources{Namespace: ref.Namespace, Name: ref.Name, Replicas: 3, Sources: sources})
}

// tell tells of an exchange.
func (f *fixture) tell(x plan.Sources) {
	f.t.Helper()
	b, err := json.Marshal(x)
	if err != nil {
		f.t.Fatal(err)
	}
	f.buckets.changes <- bus.Entry{Key: plan.Key(plan.PrefixSources, x.Namespace, x.Name), Value: b}
	f.synced()
}

// synced returns when everything that was sent before is applied.
func (f *fixture) synced() { f.buckets.changes <- bus.Entry{}; f.buckets.changes <- bus.Entry{} }

// standard serves acme and other, in namespace default, and acme of namespace two.
func standard(t *testing.T, adjust ...func(*Stage)) *fixture {
	t.Helper()
	f := newFixture(t, adjust...)
	f.configure(subscription("default", "acme", "acme"), subscription("default", "other", "other"), subscription("two", "acme", "other"))
	return f
}

type response struct {
	*http.Response
	body string
	err  error // of reading the body
}

func (f *fixture) do(method, path, token string, header ...string) response {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), method, f.server.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return response{res, string(b), err}
}

func (f *fixture) get(path, token string, header ...string) response {
	f.t.Helper()
	return f.do(http.MethodGet, path, token, header...)
}

// problemOf reads the body of a refusal.
func (r response) problemOf(t *testing.T) problem {
	t.Helper()
	var body struct{ Error problem }
	if err := json.Unmarshal([]byte(r.body), &body); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
	return body.Error
}

// eventually waits for a condition that another goroutine brings about.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-late:
			t.Fatalf("%s: it did not come about", what)
		case <-tick.C:
		}
	}
}

var _ Archive = (*hub.Hub)(nil)

var errDisk = errors.New("disk is on fire")
