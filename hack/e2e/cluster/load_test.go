package cluster

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load lets the feeds go on, round after round, each as soon as the one before it is
// in the archive: no publisher takes away what nobody could fetch.
type load struct {
	w      *world
	rounds atomic.Int64
	last   atomic.Pointer[string] // why the round is not over

	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (w *world) load(t *testing.T) *load {
	t.Helper()
	l := &load{w: w}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(context.WithoutCancel(t.Context()))
	l.done.Go(func() { l.run(ctx) })
	t.Cleanup(func() {
		l.cancel()
		l.done.Wait()
	})
	return l
}

func (l *load) run(ctx context.Context) {
	for {
		err := poll(ctx, func(ctx context.Context) error {
			err := l.w.same(ctx, feedsNS, allFeeds...)
			if err != nil {
				text := err.Error()
				l.last.Store(&text)
			}
			return err
		})
		if err != nil {
			return // stopped, or wrong for ever: what waits for a round tells
		}
		l.rounds.Add(1)
		// An answer that is lost is no reason to start another round: that waits
		// until everything of this one is there.
		_ = l.w.control(ctx, feedsNS, "advance", nil, nil)
	}
}

// goesOn waits until a round that began after this call is in the archive.
func (l *load) goesOn(t *testing.T, after string) {
	t.Helper()
	began, target := time.Now(), l.rounds.Load()+2
	until(t, "the feeds after "+after, func(context.Context) error {
		if l.rounds.Load() >= target {
			return nil
		}
		why := "?"
		if text := l.last.Load(); text != nil {
			why = *text
		}
		return fmt.Errorf("a round is not over: %s", why)
	})
	t.Logf("%s: events flow again after %.1f s", after, time.Since(began).Seconds())
}

// stop ends the load and leaves everything recorded.
func (l *load) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	l.w.settled(t, feedsNS, allFeeds...)
}
