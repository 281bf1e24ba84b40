package bus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// restarts makes the server start again whenever the progress of a test passes another
// fifth of n, while the test goes on.
type restarts struct {
	at   chan struct{}
	done chan struct{}
	n    int
	next int
}

func newRestarts(tb testing.TB, s *Server, n int) *restarts {
	r := &restarts{at: make(chan struct{}, 4), done: make(chan struct{}), n: n, next: n / 5}
	go func() {
		defer close(r.done)
		for range r.at {
			if err := s.restart(); err != nil {
				tb.Errorf("restart: %v", err)
			}
		}
	}()
	return r
}

func (r *restarts) progress(i int) {
	if i >= r.next && r.next < r.n {
		r.next += r.n / 5
		r.at <- struct{}{}
	}
}

func (r *restarts) wait() {
	close(r.at)
	<-r.done
}

func TestEventsKeepOrderAcrossRestarts(t *testing.T) {
	t.Run("inside the process", func(t *testing.T) {
		t.Parallel()
		s, c := testBus(t)
		keepOrder(t, s, c)
	})
	t.Run("over the network", func(t *testing.T) {
		t.Parallel()
		s := testServer(t, ServerOptions{Listen: "127.0.0.1:0"})
		c, err := Dial(testContext(t), s.URL(), "", t.Name())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.Setup(testContext(t), Retention{}); err != nil {
			t.Fatal(err)
		}
		keepOrder(t, s, c)
	})
}

// keepOrder writes lines to c while s starts again and again, and expects that
// each line comes, for the first time right after the one before.
func keepOrder(t *testing.T, s *Server, c *Conn) {
	t.Helper()
	reader := testConn(t, s)
	const n = 150_000
	r := newRestarts(t, s, n)
	done := make(chan struct{})
	finish := sync.OnceFunc(func() { close(done) }) // the last block may come twice
	next, repeated := 0, 0
	background(t, func(ctx context.Context) error {
		return reader.ConsumeEvents(ctx, "hub-0", nil, allPartitions(), 2000, func(_ context.Context, bs []*Block) error {
			for _, b := range bs {
				for line := range bytes.Lines(b.Lines) {
					var i int
					if _, err := fmt.Sscanf(string(line), `{"run":"1","n":%d}`, &i); err != nil {
						t.Error(err)
					}
					switch {
					case i == next:
						next++
					case i < next:
						repeated++
					default:
						t.Errorf("line %d came when %d was next", i, next)
						next = i + 1
					}
				}
			}
			if r.progress(next); next == n {
				finish()
			}
			return nil
		})
	})
	writeLines(t, c, "a.x", "1", n)
	receive(t, done)
	r.wait()
	if repeated > 0 {
		t.Logf("%d lines were handed out again", repeated)
	}
}

func TestPayloadsAreHandledAcrossRestarts(t *testing.T) {
	t.Parallel() // mostly waits
	s, c := testBus(t)
	reader := testConn(t, s)
	const n = 300
	var mu sync.Mutex
	var got []string
	done := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return reader.ConsumeRaw(ctx, testFeed, func(_ context.Context, p *Payload) error {
			text := readText(t, reader, p)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, text)
			if text == fmt.Sprint(n-1) {
				close(done)
			}
			return nil
		})
	})
	r := newRestarts(t, s, n)
	var want []string
	for i := range n {
		r.progress(i)
		want = append(want, fmt.Sprint(i))
		publishText(t, c, fmt.Sprint("p", i), fmt.Sprint(i))
	}
	r.wait()
	receive(t, done)
	if !slices.Equal(slices.Compact(got), want) {
		t.Errorf("%d payloads, or in another order", len(got))
	}
}

func TestWatchTellsWhatChangedDuringAnOutage(t *testing.T) {
	s, c := testBus(t)
	other := testConn(t, s)
	ctx := testContext(t)
	b := c.State()
	put := func(k, v string) {
		t.Helper()
		if err := b.Put(ctx, k, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	put("a.1", "x")
	put("a.2", "x")
	got := make(chan Entry, 100)
	background(t, func(ctx context.Context) error {
		return other.State().Watch(ctx, []string{"a."}, func(e Entry) error {
			got <- e
			return nil
		})
	})
	want := func(e Entry) {
		t.Helper()
		if g := receive(t, got); g.Key != e.Key || !bytes.Equal(g.Value, e.Value) || (g.Value == nil) != (e.Value == nil) {
			t.Fatalf("got %q=%q, want %q=%q", g.Key, g.Value, e.Key, e.Value)
		}
	}
	want(Entry{"a.1", []byte("x")})
	want(Entry{"a.2", []byte("x")})
	want(Entry{})
	for i := range 3 {
		// The watcher is cut off, so that it cannot see the changes as they happen.
		if err := s.restart(); err != nil {
			t.Fatal(err)
		}
		v := fmt.Sprint(i)
		put("a.2", v)
		put("a.3", v)
		want(Entry{"a.2", []byte(v)})
		want(Entry{"a.3", []byte(v)})
		if err := b.Delete(ctx, "a.3"); err != nil {
			t.Fatal(err)
		}
		want(Entry{Key: "a.3"})
	}
	if len(got) > 0 {
		t.Errorf("told too much: %v", <-got)
	}
}

func TestUnfinishedPayloadGoesToTheNextConsumerAtOnce(t *testing.T) {
	s, c := testBus(t)
	publishText(t, c, "first", "1")
	publishText(t, c, "second", "2")
	dying := testConn(t, s)
	started := make(chan struct{})
	release := make(chan struct{})
	go func() {
		_ = dying.ConsumeRaw(context.Background(), testFeed, func(context.Context, *Payload) error {
			close(started)
			<-release
			return nil
		})
	}()
	receive(t, started)
	dying.nc.Close() // no drain, no goodbye
	began := time.Now()
	got, _ := consumeTexts(t, c)
	for _, want := range []string{"first:1", "second:2"} {
		if s := receive(t, got); s != want {
			t.Fatalf("got %q, want %q", s, want)
		}
	}
	if d := time.Since(began); d > ackWait/2 { // it did not wait for the dead one
		t.Errorf("took %v", d)
	}
	close(release)
}

func TestPayloadThatKillsItsProcessBecomesADeadLetter(t *testing.T) {
	s, c := testBus(t)
	publishText(t, c, "poison", "1")
	publishText(t, c, "good", "2")
	release := make(chan struct{})
	defer close(release)
	for range maxCrashes + 1 {
		dying := testConn(t, s)
		started := make(chan struct{})
		go func() {
			_ = dying.ConsumeRaw(context.Background(), testFeed, func(context.Context, *Payload) error {
				close(started)
				<-release
				return nil
			})
		}()
		receive(t, started)
		dying.nc.Close()
	}
	got, _ := consumeTexts(t, c)
	if s := receive(t, got); s != "good:2" {
		t.Fatalf("got %q, want the payload after the poisonous one", s)
	}
}

func TestOrderlyEndsAreNoCrashes(t *testing.T) {
	s, c := testBus(t)
	publishText(t, c, "slow", "1")
	for range maxCrashes + 5 {
		next := testConn(t, s)
		started := make(chan struct{})
		stop := background(t, func(ctx context.Context) error {
			return next.ConsumeRaw(ctx, testFeed, func(ctx context.Context, _ *Payload) error {
				close(started)
				<-ctx.Done()
				return ctx.Err()
			})
		})
		receive(t, started)
		stop()
		next.Close()
	}
	got, _ := consumeTexts(t, c)
	if s := receive(t, got); s != "slow:1" {
		t.Fatalf("got %q", s)
	}
}
