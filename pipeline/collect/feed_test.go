package collect

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func contextWith(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// script is a transport that fails as told and notes when it was called.
type script struct {
	mu     sync.Mutex
	starts []time.Time
	errs   []error // nil and beyond the end: works
	body   string
	block  bool // until the context ends
}

func (s *script) fetch(ctx context.Context, c *collection) error {
	s.mu.Lock()
	n := len(s.starts)
	s.starts = append(s.starts, time.Now())
	s.mu.Unlock()
	if s.block {
		<-ctx.Done()
		return ctx.Err()
	}
	if n < len(s.errs) && s.errs[n] != nil {
		return s.errs[n]
	}
	b, err := c.spool.add(strings.NewReader(s.body))
	if err != nil {
		return err
	}
	return c.add(ctx, part{content: b}, false)
}

// bubble is a feed with a script, to be used inside synctest.
type bubble struct {
	*testing.T
	feed     *feed
	script   *script
	raw      *memRaw
	state    *memBucket
	statuses *memBucket
	mu       sync.Mutex
	reports  []status.Collector
	stop     func()
}

func newBubble(t *testing.T, sc *script) *bubble {
	m, err := newMetrics(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bubble{T: t, script: sc, raw: &memRaw{}, state: &memBucket{}, statuses: &memBucket{}}
	b.feed = &feed{
		key: "collector.default.feed", log: logr.Discard(), metrics: m,
		collector: &collector{raw: b.raw, state: b.state, slots: newSlots(),
			transport: func(*plan.Collector) (transport, error) { return sc, nil }},
		report: func(_ string, s status.Collector) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.reports = append(b.reports, s)
		},
		watch:   func(*plan.Collector) {},
		updates: make(chan *plan.Collector, 1), wake: make(chan struct{}, 1), requests: make(chan string, 1),
	}
	return b
}

func (b *bubble) run() {
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.feed.run(ctx, b.state, b.statuses)
	}()
	b.stop = func() { cancel(); <-done }
}

// after advances the clock and returns when collections started, as offsets from
// the first.
func (b *bubble) after(d time.Duration) (offsets []time.Duration) {
	<-time.After(d)
	synctest.Wait()
	b.script.mu.Lock()
	defer b.script.mu.Unlock()
	for _, s := range b.script.starts {
		offsets = append(offsets, s.Sub(b.script.starts[0]).Round(time.Millisecond))
	}
	return offsets
}

func (b *bubble) last() status.Collector {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reports[len(b.reports)-1]
}

func hourly() *plan.Collector {
	cfg := httpFeed("https://feeds.example.com/")
	cfg.Spec.Schedule.Interval = "1h"
	return cfg
}

func TestFailuresAreTriedAgainAsTheirKindDeserves(t *testing.T) {
	away := errors.New("connection refused")
	until := fail(v1alpha1.ReasonRateLimited, waitUntil, "busy")
	tests := map[string]struct {
		errs []error
		want []time.Duration // of the starts in the first 100 s; later ones on schedule
		rest time.Duration   // until the next start after those, at least
	}{
		"transient":   {[]error{away, away, away}, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second}, time.Hour},
		"on schedule": {[]error{fail(v1alpha1.ReasonUnauthorized, onSchedule, "no")}, []time.Duration{0}, time.Hour},
		"rate limit":  {[]error{until}, []time.Duration{0, 30 * time.Second}, time.Hour},
		"stalled":     {[]error{fail(v1alpha1.ReasonInvalidSpec, stall, "bad")}, []time.Duration{0}, 1000 * time.Hour},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				until.until = time.Now().Add(30 * time.Second)
				b := newBubble(t, &script{errs: tc.errs, body: "x"})
				b.run()
				defer b.stop()
				b.feed.update(hourly())
				starts := b.after(100 * time.Second)
				if len(starts) != len(tc.want) {
					t.Fatalf("started at %v, want %v", starts, tc.want)
				}
				for i, want := range tc.want {
					if starts[i] != want {
						t.Errorf("start %d at %s, want %s", i, starts[i], want)
					}
				}
				if later := b.after(tc.rest - 5*time.Minute); len(later) != len(starts) {
					t.Errorf("too soon again: %v", later)
				}
			})
		})
	}
}

func TestStatusTellsHowAFeedDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := newBubble(t, &script{errs: []error{errors.New("away\nfor good"), errors.New("away")}, body: "x"})
		b.run()
		defer b.stop()
		b.feed.update(hourly())
		b.after(time.Millisecond)
		s := b.last()
		if s.OK || s.Reason != v1alpha1.ReasonUnreachable || s.Failures != 1 || !s.Since.Equal(began) || strings.Contains(s.Message, "\n") || s.Next.Sub(began).Round(time.Millisecond) != time.Second {
			t.Errorf("after a failure: %+v", s)
		}
		b.after(2 * time.Second)
		if s := b.last(); s.Failures != 2 || !s.Since.Equal(began) {
			t.Errorf("after two failures: %+v", s)
		}
		b.after(2 * time.Second)
		s = b.last()
		if !s.OK || s.Reason != v1alpha1.ReasonSucceeded || s.Message != "" || s.Failures != 0 || s.Attempts != 3 || s.Payloads != 1 || s.Bytes != 1 || !s.Since.Equal(s.LastSuccess) || !s.LastChange.Equal(s.LastSuccess) {
			t.Errorf("after success: %+v", s)
		}
		b.after(3 * time.Hour)
		if s := b.last(); s.Reason != v1alpha1.ReasonNotModified || !s.OK || !s.LastSuccess.After(s.LastChange) {
			t.Errorf("unchanged: %+v", s)
		}
	})
}

func TestARestartGoesOnWhereTheFeedWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{body: "x"})
		b.run()
		b.feed.update(hourly())
		b.after(10 * time.Minute)
		b.stop()
		raw, err := json.Marshal(b.last())
		if err != nil {
			t.Fatal(err)
		}
		if err := b.statuses.Put(t.Context(), b.feed.key, raw); err != nil {
			t.Fatal(err)
		}
		for range 5 { // a crash loop must not become a flood of requests
			again := newBubble(t, b.script)
			again.state, again.statuses = b.state, b.statuses
			again.feed.collector.state = b.state
			again.run()
			again.feed.update(hourly())
			if starts := again.after(time.Minute); len(starts) != 1 {
				t.Fatalf("a restart collects again: %v", starts)
			}
			again.stop()
		}
	})
}

func TestAChangeOfSpecIsFollowedWithoutARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{body: "x"})
		b.run()
		defer b.stop()
		cfg := hourly()
		b.feed.update(cfg)
		b.after(time.Minute)

		policy := hourly()
		policy.Spec.FormatPolicy.OnBreaking = v1alpha1.FormatEmitValid
		b.feed.update(policy)
		if starts := b.after(time.Minute); len(starts) != 1 {
			t.Errorf("a change that does not concern the bytes collects: %v", starts)
		}
		moved := hourly()
		moved.Spec.HTTP.URL = "https://feeds.example.com/new"
		b.feed.update(moved)
		if starts := b.after(time.Second); len(starts) != 2 {
			t.Errorf("another URL is not fetched: %v", starts)
		}
		for i := range 20 { // somebody edits wildly
			edit := hourly()
			edit.Spec.HTTP.URL += strings.Repeat("x", i)
			b.feed.update(edit)
			b.after(100 * time.Millisecond)
		}
		if starts := b.after(time.Minute); len(starts) != 3 {
			t.Errorf("20 edits in two seconds gave %d collections", len(starts)-2)
		}
		held := hourly()
		held.Spec.Suspend = true
		b.feed.update(held)
		if starts := b.after(100 * time.Hour); len(starts) != 3 || b.last().Reason != v1alpha1.ReasonSuspended || !b.last().Next.IsZero() {
			t.Errorf("suspended, but %v, %+v", starts, b.last())
		}
		b.feed.update(hourly())
		if starts := b.after(time.Second); len(starts) != 4 {
			t.Errorf("resumed after a hundred hours, but not collected: %v", starts)
		}
		bad := hourly()
		bad.Spec.Schedule.Interval = "soon"
		b.feed.update(bad)
		if b.after(100 * time.Hour); b.last().Reason != v1alpha1.ReasonInvalidSpec || !strings.Contains(b.last().Message, "spec.schedule.interval") {
			t.Errorf("status %+v", b.last())
		}
	})
}

func TestACollectionOfAnOldSpecIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, &script{block: true})
		b.run()
		defer b.stop()
		b.feed.update(hourly())
		b.after(time.Second)
		moved := hourly()
		moved.Spec.HTTP.URL = "https://feeds.example.com/new"
		b.feed.update(moved)
		if starts := b.after(10 * time.Second); len(starts) != 2 {
			t.Errorf("the new URL waits for the old one: %v", starts)
		}
		b.after(10 * time.Minute)
		if s := b.last(); s.Reason != v1alpha1.ReasonTimeout || s.OK {
			t.Errorf("a collection that hangs: %+v", s)
		}
	})
}

func TestAPanicOfADecoderIsAFailureOfThatFeedOnly(t *testing.T) {
	h := newHarness(t)
	h.stage.collector.transport = func(*plan.Collector) (transport, error) { return panics{}, nil }
	h.fails(hourly(), v1alpha1.ReasonUnpackFailed, "panic")
}

type panics struct{}

func (panics) fetch(context.Context, *collection) error { panic("index out of range") }
