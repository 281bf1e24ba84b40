package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

func TestMain(m *testing.M) {
	// The embedded server leaves these behind for a moment after its shutdown.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

var exchange = plan.Ref{Namespace: "default", Name: "main"}

// archive yields events, then an error, and keeps what it was asked.
type archive struct {
	events []*event.Event
	err    error
	pause  time.Duration // before the first event
	block  bool          // after the last event, until the search is given up

	mu      sync.Mutex
	asked   []hub.SearchRequest
	yielded atomic.Int64
}

func (a *archive) Search(ctx context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error] {
	a.mu.Lock()
	a.asked = append(a.asked, req)
	a.mu.Unlock()
	return func(yield func(*event.Event, error) bool) {
		select {
		case <-time.After(a.pause):
		case <-ctx.Done():
			yield(nil, ctx.Err())
			return
		}
		for i, e := range a.events {
			if req.Limit > 0 && int64(i) == req.Limit {
				return
			}
			a.yielded.Add(1)
			if !yield(e, nil) {
				return
			}
		}
		if a.block {
			<-ctx.Done()
		}
		if a.err != nil {
			yield(nil, a.err)
		}
	}
}

// world is a bus with servers.
type world struct {
	testing.TB
	server  *bus.Server
	conn    *bus.Conn // of the servers
	client  *Client
	servers []*Server
	asked   int
}

func newWorld(t testing.TB, adjust func(*Server), archives ...Archive) *world {
	t.Helper()
	s, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Log: logr.Discard()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	w := &world{TB: t, server: s}
	w.conn = w.connect()
	w.client = NewClient(w.connect())
	for i, a := range archives {
		w.serve(i, a, adjust)
	}
	return w
}

func (w *world) connect() *bus.Conn {
	w.Helper()
	c, err := w.server.Connect("test")
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { c.Close() })
	return c
}

// serve starts the server of a replica; stop ends it and waits.
func (w *world) serve(replica int, a Archive, adjust func(*Server)) (stop func()) {
	w.Helper()
	s, err := NewServer(ServerOptions{Conn: w.conn, Archive: a, Exchange: exchange, Replica: replica})
	if err != nil {
		w.Fatal(err)
	}
	if adjust != nil {
		adjust(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	w.eventually("the server is ready", func() bool { return s.Ready() == nil })
	w.servers = append(w.servers, s)
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.Errorf("server: %v", err)
		}
		if n := s.opened0(); n != 0 {
			w.Errorf("%d answers are open after the end", n)
		}
	})
	w.Cleanup(stop)
	return stop
}

func (s *Server) opened0() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

func (w *world) eventually(what string, ok func() bool) {
	w.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			w.Fatalf("never happened: %s", what)
		}
	}
}

func request(replicas int) hub.SearchRequest {
	return hub.SearchRequest{Exchange: exchange, Replicas: replicas, Namespace: "default", Subscription: "acme", Zone: hub.ZoneSearch}
}

// lines are the events of an answer, and its error.
func lines(a Archive, req hub.SearchRequest) ([]string, error) {
	var out []string
	for e, err := range a.Search(context.Background(), req) {
		if err != nil {
			return out, err
		}
		out = append(out, string(event.AppendJSON(nil, e)))
	}
	return out, nil
}

// sample is the nth event before a fixed time.
func sample(n int) *event.Event {
	e := &event.Event{
		Source: "provider.channel", Time: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(n) * time.Second),
		Modified: time.Date(2026, 6, 1, 0, 0, 0, 1000, time.UTC), Confidence: event.ConfidenceMedium, Restriction: event.RestrictionPublic,
		TLP: event.TLPClear, Name: fmt.Sprint("event ", n), URL: fmt.Sprintf("http://host%d.example.net/a/b/c?d=%d", n%17, n),
		Address: []event.Address{{IP: netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), ASN: event.Some(uint32(64500)), CC: "PL"}},
	}
	e.Category, _ = event.ParseCategory("bots")
	e.ID = event.ComputeID(e)
	return e
}

func samples(from, to int) []*event.Event {
	var list []*event.Event
	for n := from; n < to; n++ {
		list = append(list, sample(n))
	}
	return list
}

func TestAnAnswerOverTheBusIsTheAnswerOfTheHub(t *testing.T) {
	long := sample(0)
	long.Extra = []event.Extra{{Key: "text", Value: []byte(`"` + strings.Repeat("x", 3*maxPiece) + `"`)}}
	for name, a := range map[string]*archive{
		"nothing":                       {},
		"one":                           {events: samples(0, 1)},
		"many":                          {events: samples(0, 5000)},
		"events that are larger pieces": {events: append([]*event.Event{long, long}, samples(1, 300)...)},
	} {
		w := newWorld(t, nil, a)
		want, _ := lines(a, request(1))
		got, err := lines(w.client, request(1))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d events and %v, want %d", name, len(got), err, len(want))
		}
		w.eventually("the answer is closed", func() bool { return w.servers[0].opened0() == 0 })
	}
}

func TestTheHubIsAskedForWhomTheSubjectNames(t *testing.T) {
	a := &archive{}
	w := newWorld(t, nil, a)
	req := request(1)
	req.Limit, req.Primary = 7, true
	req.Where = []store.Cond{
		{Field: "source", Op: store.In, Text: []string{"a.b", "c.d"}},
		{Field: "ip", Op: store.InNet, Nets: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}},
		{Field: "time", Op: store.Min, Time: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)},
	}
	if _, err := lines(w.client, req); err != nil {
		t.Fatal(err)
	}
	want := req
	want.Replicas = 0 // is for who asks
	if len(a.asked) != 1 || !reflect.DeepEqual(a.asked[0], want) {
		t.Errorf("asked %+v\nwant %+v", a.asked, want)
	}
}

func TestEveryOperatorTravels(t *testing.T) {
	for op := store.In; op <= store.Subdomain; op++ {
		b, err := encodeQuestion(&hub.SearchRequest{Where: []store.Cond{{Field: "f", Op: op}}})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeQuestion(b); err != nil || got.Where[0].Op != op {
			t.Errorf("%s becomes %v, %v", op, got.Where, err)
		}
	}
	for _, bad := range []string{``, `[]`, `{"zone":"search","where":[{"field":"f","op":"like"}]}`, `{"zone":"search","exclude":["x"]}`,
		`{"zone":"search","where":[{"field":"f","op":"in","not":true}]}`, strings.Repeat(" ", maxRequest+1)} {
		if got, err := decodeQuestion([]byte(bad)); !errors.Is(err, store.ErrQuery) {
			t.Errorf("%.60q is read as %+v, %v", bad, got, err)
		}
	}
}

func TestReplicasAnswerAsOneLatestFirstAndNothingTwice(t *testing.T) {
	all := samples(0, 3000)
	moved := sample(9000) // recorded before and after its source moved
	moved.Undated = true
	later := moved.Clone()
	later.Time = later.Time.Add(8000 * time.Second)
	var parts [3][]*event.Event
	for i, e := range all {
		parts[i*7%3] = append(parts[i*7%3], e)
		if i%10 == 0 { // and on another one
			parts[(i*7+1)%3] = append(parts[(i*7+1)%3], e)
		}
	}
	parts[0] = append(parts[0], moved)
	parts[1] = append(parts[1], later)
	archives := make([]Archive, 3)
	for i := range parts {
		slices.SortFunc(parts[i], func(x, y *event.Event) int {
			if before(x, y) {
				return -1
			}
			return 1
		})
		archives[i] = &archive{events: parts[i]}
	}
	w := newWorld(t, nil, archives...)
	var want []string
	for _, e := range all[:1000] {
		want = append(want, string(event.AppendJSON(nil, e)))
	}
	want = append(want, string(event.AppendJSON(nil, all[1000])), string(event.AppendJSON(nil, later)))
	if !before(later, all[1001]) || before(later, all[1000]) {
		want[1000], want[1001] = want[1001], want[1000]
	}
	for _, e := range all[1001:] {
		want = append(want, string(event.AppendJSON(nil, e)))
	}
	got, err := lines(w.client, request(3))
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d events and %v, want %d", len(got), err, len(want))
	}
	req := request(3)
	req.Limit = 50
	if got, err := lines(w.client, req); err != nil || !slices.Equal(got, want[:50]) {
		t.Errorf("with a limit: %d events, %v", len(got), err)
	}
}

func TestAReplicaThatDoesNotAnswerIsAnError(t *testing.T) {
	w := newWorld(t, nil, &archive{events: samples(0, 10)})
	w.client.patience = 300 * time.Millisecond
	_, err := lines(w.client, request(2))
	if !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "replica 1 of the hub default/main") {
		t.Errorf("absent: %v", err)
	}
	mute, err := w.conn.Core().Subscribe(subject(exchange, 1, "*", "*", "*"), func(*nats.Msg) {})
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Unsubscribe()
	if _, err := lines(w.client, request(2)); !errors.Is(err, hub.ErrUnavailable) || !strings.Contains(err.Error(), "replica 1 of the hub") {
		t.Errorf("mute: %v", err)
	}
	if _, err := lines(w.client, request(0)); !errors.Is(err, hub.ErrNotReady) {
		t.Errorf("unknown how many: %v", err)
	}
}

func TestAReplicaThatIsStartedAnewIsWaitedFor(t *testing.T) {
	w := newWorld(t, nil)
	a := &archive{events: samples(0, 10)}
	timer := time.AfterFunc(300*time.Millisecond, func() { w.serve(0, a, nil) })
	defer timer.Stop()
	if got, err := lines(w.client, request(1)); err != nil || len(got) != 10 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

func TestErrorsOfTheHubArriveAsTheyAre(t *testing.T) {
	for _, want := range []error{hub.ErrForbidden, hub.ErrNotReady, hub.ErrBusy, store.ErrQuery, hub.ErrUnavailable} {
		for _, events := range [][]*event.Event{nil, samples(0, 1000)} {
			w := newWorld(t, nil, &archive{events: events, err: fmt.Errorf("it says: %w,\nreally", want)})
			w.client.patience = 300 * time.Millisecond
			got, err := lines(w.client, request(1))
			if !errors.Is(err, want) || len(got) != len(events) {
				t.Errorf("%v after %d events: got %d and %v", want, len(events), len(got), err)
			}
		}
	}
	w := newWorld(t, nil, &archive{err: errors.New("disk on fire")})
	_, err := lines(w.client, request(1))
	if err == nil || !strings.Contains(err.Error(), "disk on fire") || statusOf(err) != "failed" {
		t.Errorf("another error: %v", err)
	}
}

func TestAReaderThatGoesEndsTheSearch(t *testing.T) {
	a := &archive{events: samples(0, 200_000)}
	w := newWorld(t, nil, a)
	for range w.client.Search(t.Context(), request(1)) {
		break
	}
	w.eventually("the answer is closed", func() bool { return w.servers[0].opened0() == 0 })
	if n := a.yielded.Load(); n > 20_000 {
		t.Errorf("the hub went on to find %d events", n)
	}

	blocked := &archive{block: true}
	w = newWorld(t, nil, blocked)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		for _, err := range w.client.Search(ctx, request(1)) {
			done <- err
		}
	}()
	w.eventually("the search is under way", func() bool { return w.servers[0].opened0() == 1 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the reader got %v", err)
	}
	w.eventually("the answer is closed", func() bool { return w.servers[0].opened0() == 0 })
}

func TestASearchThatTakesLongIsWaitedFor(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.pulse = 20 * time.Millisecond }, &archive{events: samples(0, 10), pause: 2 * time.Second})
	w.client.patience = time.Second
	if got, err := lines(w.client, request(1)); err != nil || len(got) != 10 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

func TestTheHubFindsNoMoreThanAFewPiecesAhead(t *testing.T) {
	a := &archive{events: samples(0, 100_000)}
	w := newWorld(t, func(s *Server) { s.idle = 500 * time.Millisecond }, a)
	w.client.keepEvery = 50 * time.Millisecond
	size := len(event.AppendJSON(nil, a.events[0])) + 1
	n := 0
	for _, err := range w.client.Search(t.Context(), request(1)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 1 {
			// A slow reader keeps its place, and the hub waits for it.
			<-time.After(time.Second)
			if ahead := int(a.yielded.Load()) * size; ahead > 3*maxPiece {
				t.Errorf("the hub is %d bytes ahead", ahead)
			}
		}
	}
	if n != len(a.events) {
		t.Errorf("%d of %d events", n, len(a.events))
	}
}

func TestAnAnswerThatNobodyReadsEnds(t *testing.T) {
	w := newWorld(t, func(s *Server) { s.idle = 100 * time.Millisecond }, &archive{events: samples(0, 100_000)})
	m := w.ask("acme", verbOpen, `{"zone":"search"}`)
	if m.Header.Get(headerStatus) != statusMore || len(m.Data) == 0 || len(m.Data) > maxPiece {
		t.Fatalf("%v, %d bytes", m.Header, len(m.Data))
	}
	w.eventually("the answer is closed", func() bool { return w.servers[0].opened0() == 0 })
	if m := w.ask("acme", verbNext, "q1"); m.Header.Get(headerStatus) != statusGone {
		t.Errorf("afterwards: %v", m.Header)
	}
}

func (w *world) ask(subscription, verb, body string) *nats.Msg {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	q := nats.NewMsg(subject(exchange, 0, "default", subscription, verb))
	q.Data = []byte(body)
	if verb == verbOpen {
		w.asked++
		q.Header.Set(headerQuery, fmt.Sprint("q", w.asked))
	}
	m, err := w.client.conn.Core().RequestMsgWithContext(ctx, q)
	if err != nil {
		w.Fatal(err)
	}
	return m
}

func TestNobodyReadsTheAnswerOfAnother(t *testing.T) {
	w := newWorld(t, nil, &archive{events: samples(0, 100_000)})
	w.ask("acme", verbOpen, `{"zone":"search"}`)
	id := "q1"
	if m := w.ask("acme", verbNext, id); m.Header.Get(headerStatus) != statusMore {
		t.Fatal(m.Header)
	}
	if m := w.ask("other", verbNext, id); m.Header.Get(headerStatus) != statusGone || len(m.Data) > 0 {
		t.Errorf("another subscription got %v, %d bytes", m.Header, len(m.Data))
	}
	if err := w.client.conn.Core().Publish(subject(exchange, 0, "default", "other", verbClose), []byte(id)); err != nil {
		t.Fatal(err)
	}
	if m := w.ask("acme", verbNext, id); m.Header.Get(headerStatus) != statusMore || len(m.Data) == 0 {
		t.Errorf("then the reader got %v, %d bytes", m.Header, len(m.Data))
	}
}

func TestOpenAnswersOfASubscriptionAreBounded(t *testing.T) {
	w := newWorld(t, nil, &archive{events: samples(0, 1), block: true})
	for range maxOpenEach {
		if m := w.ask("acme", verbOpen, `{"zone":"search"}`); m.Header.Get(headerStatus) != statusMore {
			t.Fatal(m.Header)
		}
	}
	if _, err := lines(w.client, request(1)); !errors.Is(err, hub.ErrBusy) {
		t.Errorf("one more: %v", err)
	}
	if m := w.ask("other", verbOpen, `{"zone":"search"}`); m.Header.Get(headerStatus) != statusMore {
		t.Errorf("another subscription: %v", m.Header)
	}
}

func TestAHubThatStopsCutsItsAnswers(t *testing.T) {
	a := &archive{events: samples(0, 100_000)}
	w := newWorld(t, nil)
	stop := w.serve(0, a, nil)
	w.client.patience = 300 * time.Millisecond
	n := 0
	var last error
	for _, err := range w.client.Search(t.Context(), request(1)) {
		if n++; n == 1 {
			stop()
		}
		last = err
	}
	if !errors.Is(last, hub.ErrUnavailable) || n > 10_000 {
		t.Errorf("after %d events: %v", n, last)
	}
}

func TestALostBusIsAnError(t *testing.T) {
	w := newWorld(t, nil, &archive{events: samples(0, 10)})
	w.client.patience = 300 * time.Millisecond
	w.server.Shutdown()
	if _, err := lines(w.client, request(1)); !errors.Is(err, hub.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}
