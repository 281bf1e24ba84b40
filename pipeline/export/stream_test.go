package export

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/export/exporttest"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
)

// sse is one server-sent event; comment is set instead for a heartbeat.
type sse struct{ id, event, data, comment string }

// listener reads a stream.
type listener struct {
	t      *testing.T
	res    *http.Response
	events chan sse
	cancel context.CancelFunc
}

func (f *fixture) listen(path, token string, header ...string) *listener {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.server.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := f.client.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		b, _ := io.ReadAll(res.Body)
		f.t.Fatalf("%d %v %s", res.StatusCode, res.Header, b)
	}
	l := &listener{t: f.t, res: res, events: make(chan sse, 1000), cancel: cancel}
	go l.read()
	f.t.Cleanup(l.close)
	return l
}

func (l *listener) read() {
	defer close(l.events)
	sc := bufio.NewScanner(l.res.Body)
	var e sse
	for sc.Scan() {
		field, value, _ := strings.Cut(sc.Text(), ": ")
		switch {
		case sc.Text() == "":
			if e != (sse{}) {
				l.events <- e
			}
			e = sse{}
		case sc.Text() == ":":
			e.comment = ":"
		case field == "id":
			e.id = value
		case field == "event":
			e.event = value
		case field == "data":
			e.data = value
		}
	}
}

func (l *listener) close() {
	l.cancel()
	l.res.Body.Close()
	for range l.events { // until the reader is gone
	}
}

// next is the next event; ok is false when the stream ended.
func (l *listener) next() (e sse, ok bool) {
	l.t.Helper()
	select {
	case e, ok = <-l.events:
		return e, ok
	case <-time.After(20 * time.Second):
		l.t.Fatal("nothing comes")
		return
	}
}

func (l *listener) want(events ...sse) {
	l.t.Helper()
	for _, want := range events {
		if got, ok := l.next(); !ok || got != want {
			l.t.Fatalf("got %+v (open: %v), want %+v", got, ok, want)
		}
	}
}

func (l *listener) wantGap() {
	l.t.Helper()
	got, ok := l.next()
	if !ok || got.event != "gap" || got.id != "" || !json.Valid([]byte(got.data)) || !strings.Contains(got.data, "modified.min") {
		l.t.Fatalf("got %+v, want a gap", got)
	}
}

func (l *listener) wantEnd() {
	l.t.Helper()
	if got, ok := l.next(); ok {
		l.t.Fatalf("got %+v, want the end", got)
	}
}

func sent(id, data string) sse { return sse{id: id, event: "event", data: data} }

// listening waits until n streams read from the bus.
func (f *fixture) listening(n int) {
	f.t.Helper()
	eventually(f.t, fmt.Sprintf("%d streams", n), func() bool { return f.deliveries.readers() == n })
}

func TestStreamSendsWhatIsDelivered(t *testing.T) {
	f := standard(t)
	f.deliveries.deliver("default", "acme", "inside", `{"n":0}`)
	l := f.listen("/s/acme/stream", acmeToken)
	f.listening(1)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`, `{"n":2}`)
	f.deliveries.deliver("default", "other", "inside", `{"n":3}`)
	f.deliveries.deliver("default", "acme", "threats", `{"n":4}`)
	l.want(sent("2.0", `{"n":1}`), sent("2.1", `{"n":2}`), sent("4.0", `{"n":4}`))
	if n := testutil.ToFloat64(f.stage.metrics.streams); n != 1 {
		t.Errorf("%v streams are counted", n)
	}
	l.close()
	f.listening(0)
	eventually(t, "the stream is not counted any more", func() bool { return testutil.ToFloat64(f.stage.metrics.streams) == 0 })
	if n := testutil.ToFloat64(f.stage.metrics.events.WithLabelValues("stream")); n != 3 {
		t.Errorf("%v events are counted", n)
	}
}

func TestStreamOfOneZone(t *testing.T) {
	f := standard(t)
	l := f.listen("/s/acme/stream?zone=threats", acmeToken)
	f.listening(1)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`)
	f.deliveries.deliver("default", "acme", "threats", `{"n":2}`)
	l.want(sent("2.0", `{"n":2}`))
}

func TestZoneThatIsNotGrantedIsNotStreamed(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Zones.Inside = nil
	f.configure(cfg)
	l := f.listen("/s/acme/stream", acmeToken)
	f.listening(1)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`)
	f.deliveries.deliver("default", "acme", "threats", `{"n":2}`)
	l.want(sent("2.0", `{"n":2}`))
	if r := f.get("/s/acme/stream?zone=inside", acmeToken); r.StatusCode != 403 || r.problemOf(t).Code != codeZoneNotGranted {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func TestStreamResumesInsideABlock(t *testing.T) {
	f := standard(t)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`, `{"n":2}`, `{"n":3}`)
	f.deliveries.deliver("default", "acme", "inside", `{"n":4}`)
	f.deliveries.deliver("default", "acme", "inside", `{"n":5}`, `{"n":6}`)
	all := []sse{sent("1.0", `{"n":1}`), sent("1.1", `{"n":2}`), sent("1.2", `{"n":3}`), sent("2.0", `{"n":4}`), sent("3.0", `{"n":5}`), sent("3.1", `{"n":6}`)}
	for i, e := range all {
		l := f.listen("/s/acme/stream", acmeToken, "Last-Event-ID", e.id)
		l.want(all[i+1:]...)
		l.close()
		l = f.listen("/s/acme/stream?after="+e.id, acmeToken)
		l.want(all[i+1:]...)
		l.close()
	}
	l := f.listen("/s/acme/stream?after=1.0", acmeToken, "Last-Event-ID", "3.0")
	l.want(all[5])
}

func TestStreamSaysThatSomethingIsMissing(t *testing.T) {
	f := standard(t)
	for i := range 6 {
		f.deliveries.deliver("default", "acme", "inside", fmt.Sprintf(`{"n":%d}`, i))
	}
	f.deliveries.drop(3)
	l := f.listen("/s/acme/stream?after=2.0", acmeToken)
	l.wantGap()
	l.want(sent("4.0", `{"n":3}`), sent("5.0", `{"n":4}`))
	l = f.listen("/s/acme/stream?after=4.0", acmeToken)
	l.want(sent("5.0", `{"n":4}`))
}

func TestStreamGoesOnAfterTheBusLostItsStream(t *testing.T) {
	f := standard(t)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`, `{"n":2}`)
	l := f.listen("/s/acme/stream", acmeToken, "Last-Event-ID", "77.0")
	l.wantGap()
	l.want(sent("1.0", `{"n":1}`), sent("1.1", `{"n":2}`))
}

func TestDeliveriesForAPredecessorAreOutOfReach(t *testing.T) {
	f := standard(t)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`, `{"n":2}`)
	f.deliveries.deliver("default", "acme", "inside", `{"n":3}`)
	for name, change := range map[string]func(*v1alpha1.SubscriptionSpec){
		"another organisation": func(s *v1alpha1.SubscriptionSpec) { s.Organisation.ID = "successor.example" },
		"a lower clearance":    func(s *v1alpha1.SubscriptionSpec) { s.Clearance.TLP = v1alpha1.TLPClear },
		"a narrower zone":      func(s *v1alpha1.SubscriptionSpec) { s.Zones.Inside.Categories = []v1alpha1.Category{"phish"} },
	} {
		f.buckets.changes <- bus.Entry{Key: "subscription.default.acme"}
		cfg := subscription("default", "acme", "acme")
		change(&cfg.Spec)
		f.configure(cfg)
		before := len(f.deliveries.blocks)
		f.deliveries.deliverTo(cfg, "inside", `{"n":"new"}`)
		for _, after := range []string{"1.0", "2.0"} {
			l := f.listen("/s/acme/stream?after="+after, acmeToken)
			l.wantGap()
			l.want(sent(fmt.Sprintf("%d.0", before+1), `{"n":"new"}`))
			l.close()
		}
		_ = name
	}
}

func TestWhatTheHubDeliversUntilItLearnsOfAChangeIsWithheld(t *testing.T) {
	f := standard(t)
	was, is := subscription("default", "acme", "acme"), subscription("default", "acme", "acme")
	is.Spec.Clearance.TLP = v1alpha1.TLPClear
	f.configure(is)
	l := f.listen("/s/acme/stream", acmeToken)
	f.listening(1)
	f.deliveries.deliverTo(was, "inside", `{"n":"amber"}`)
	f.deliveries.deliverTo(was, "threats", `{"n":"amber"}`)
	f.deliveries.deliverTo(is, "inside", `{"n":"clear"}`)
	l.wantGap()
	l.want(sent("3.0", `{"n":"clear"}`))
	l = f.listen("/s/acme/stream?after=1.0", acmeToken)
	l.wantGap()
	l.want(sent("3.0", `{"n":"clear"}`))
}

func TestRestartKeepsWhatMayBeResumed(t *testing.T) {
	f := standard(t)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`, `{"n":2}`)
	f.buckets.changes <- bus.Entry{Key: "subscription.default.acme"}
	f.configure(subscription("default", "acme", "acme"))
	l := f.listen("/s/acme/stream?after=1.0", acmeToken)
	l.want(sent("1.1", `{"n":2}`))
}

func TestStreamRefusals(t *testing.T) {
	f := standard(t)
	for _, c := range []struct{ query, id, code, parameter string }{
		{"?zone=search", "", codeInvalidValue, "zone"},
		{"?zone=inside,all", "", codeInvalidValue, "zone"},
		{"?category=bots", "", codeUnknownParam, "category"},
		{"?after=x", "", codeInvalidValue, "after"},
		{"?after=", "", codeInvalidValue, "after"},
		{"?after=1.0&after=2.0", "", codeManyValues, "after"},
		{"?after=0.0", "", codeInvalidValue, "after"},
		{"?after=1.-1", "", codeInvalidValue, "after"},
		{"?after=99999999999999999999.0", "", codeInvalidValue, "after"},
		{"", "1", codeInvalidValue, "Last-Event-ID"},
		{"?after=1.0", "rubbish", codeInvalidValue, "Last-Event-ID"},
	} {
		r := f.get("/s/acme/stream"+c.query, acmeToken, "Last-Event-ID", c.id)
		if got := r.problemOf(t); r.StatusCode != 400 || got.Code != c.code || got.Parameter != c.parameter {
			t.Errorf("%s %s: %d %+v", c.query, c.id, r.StatusCode, got)
		}
	}
}

func TestQuietStreamsBeat(t *testing.T) {
	f := standard(t, func(s *Stage) { s.heartbeat = 5 * time.Millisecond })
	l := f.listen("/s/acme/stream", acmeToken)
	l.want(sse{comment: ":"}, sse{comment: ":"})
	f.listening(1)
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`)
	for {
		e, ok := l.next()
		if !ok {
			t.Fatal("the stream ended")
		}
		if e.comment == "" {
			if e != sent("1.0", `{"n":1}`) {
				t.Fatalf("%+v", e)
			}
			return
		}
	}
}

func TestStreamsEndWhenTheSubscriptionChanges(t *testing.T) {
	f := standard(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	for name, change := range map[string]func(){
		"removed":   func() { f.buckets.changes <- bus.Entry{Key: "subscription.default.acme"} },
		"key moved": func() { f.secrets.Store("acme/token", "a-new-token-for-acme-a-new-token") },
		"suspended": func() {
			cfg := subscription("default", "acme", "acme")
			cfg.Spec.Suspend = true
			f.configure(cfg)
		},
		"zone withdrawn": func() {
			cfg := subscription("default", "acme", "acme")
			cfg.Spec.Zones.Inside = nil
			f.configure(cfg)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f.secrets.Store("acme/token", hashed(acmeToken))
			f.configure(subscription("default", "acme", "acme"))
			eventually(t, "the token is taken", func() bool { return f.code("/s/acme/", acmeToken) == 200 })
			acme, other := f.listen("/s/acme/stream", acmeToken), f.listen("/s/other/stream", otherToken)
			f.listening(2)
			change()
			acme.wantEnd()
			f.listening(1)
			f.deliveries.deliver("default", "other", "inside", `{"n":1}`)
			other.want(sent(fmt.Sprintf("%d.0", len(f.deliveries.blocks)), `{"n":1}`))
			other.close()
			f.listening(0)
		})
	}
}

func TestStreamsSurviveWhatIsNotTheirs(t *testing.T) {
	f := standard(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	l := f.listen("/s/acme/stream", acmeToken)
	f.listening(1)
	cfg := subscription("default", "acme", "acme")
	f.knows(cfg, plan.SourcePolicy{Source: "another.source"})
	f.configure(cfg, subscription("default", "third", "other"))
	f.secrets.Store("other/token", "a-new-token-for-other-a-new-token")
	eventually(t, "the other token is taken", func() bool { return f.code("/s/other/", "a-new-token-for-other-a-new-token") == 200 })
	f.deliveries.deliver("default", "acme", "inside", `{"n":1}`)
	l.want(sent("1.0", `{"n":1}`))
}

func TestStreamsOfOneSubscriptionAreBounded(t *testing.T) {
	f := standard(t)
	for range maxStreams {
		f.listen("/s/acme/stream", acmeToken)
	}
	if r := f.get("/s/acme/stream", acmeToken); r.StatusCode != 429 || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func TestClientThatDoesNotReadIsCut(t *testing.T) {
	f := standard(t, func(s *Stage) { s.writeTimeout = 50 * time.Millisecond })
	conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /s/acme/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+acmeToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	f.listening(1)
	lines := make([]string, 256)
	for i := range lines {
		lines[i] = `{"n":"` + strings.Repeat("x", 4000) + `"}`
	}
	for range 32 { // more than the sockets hold
		f.deliveries.deliver("default", "acme", "inside", lines...)
	}
	f.listening(0)
	eventually(t, "it is counted", func() bool { return testutil.ToFloat64(f.stage.metrics.slowStreams) == 1 })
	if log := f.log.String(); !strings.Contains(log, "did not read") {
		t.Errorf("it is not in the log: %s", log)
	}
}

func TestPositions(t *testing.T) {
	for s, want := range map[string]position{"1.0": {1, 0}, "1207.3": {1207, 3}} {
		if got, err := parsePosition(s); err != nil || got != want || got.String() != s {
			t.Errorf("%s: %+v, %v", s, got, err)
		}
	}
}

func FuzzPosition(f *testing.F) {
	for _, s := range []string{"1.0", "1207.3", "", "0.0", "+1.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePosition(s)
		if err != nil {
			return
		}
		if again, err := parsePosition(p.String()); err != nil || again != p {
			t.Fatalf("%q is %+v, and that is %+v, %v", s, p, again, err)
		}
	})
}

// TestStreamOverTheBus goes from a delivery on a real bus to a client that
// resumes.
func TestStreamOverTheBus(t *testing.T) {
	server, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Shutdown()
	conn, err := server.Connect("export-test")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err := conn.Setup(ctx, bus.Retention{}); err != nil {
		t.Fatal(err)
	}
	cfg := subscription("default", "acme", "acme")
	value, _ := json.Marshal(cfg)
	if err := conn.Config().Put(ctx, "subscription.default.acme", value); err != nil {
		t.Fatal(err)
	}
	read := vault(map[string]string{"acme/token": acmeToken})
	stage, err := New(Options{Conn: conn, Archive: &fakeArchive{}, Secrets: read})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- stage.Run(ctx) }()
	eventually(t, "the configuration is read", func() bool { return stage.Ready() == nil })

	f := serveReal(t, stage)
	first := f.listen("/s/acme/stream", acmeToken)
	deliver := func(id string, n int) (lines []string) {
		w := conn.NewDeliverWriter("default", "acme", hub.DeliveryZone("inside", &cfg.Spec), "example.list", id)
		for i := range n {
			e := exporttest.Events()[0]
			e.SPort = event.Some(uint16(i))
			line := event.AppendJSON(nil, e)
			lines = append(lines, string(line))
			if err := w.Append(ctx, line); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(ctx); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	lines := deliver("one", 300)
	ids := make([]string, len(lines))
	for i, line := range lines {
		e, ok := first.next()
		if !ok || e.data != line {
			t.Fatalf("event %d: %+v", i, e)
		}
		ids[i] = e.id
	}
	first.close()

	lines = append(lines, deliver("two", 5)...)
	for _, from := range []int{0, 100, 255, 256, 299} {
		l := f.listen("/s/acme/stream", acmeToken, "Last-Event-ID", ids[from])
		for i := from + 1; i < len(lines); i++ {
			if e, ok := l.next(); !ok || e.data != lines[i] {
				t.Fatalf("resumed behind %s (%d): event %d is %+v", ids[from], from, i, e)
			}
		}
		l.close()
	}
	eventually(t, "status is on the bus", func() bool {
		b, err := conn.Status().Get(ctx, "exporter.default.acme")
		return err == nil && strings.Contains(string(b), `"ok":true`)
	})
	if err := conn.Config().Delete(ctx, "subscription.default.acme"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func() bool { return f.code("/s/acme/", acmeToken) == 401 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
