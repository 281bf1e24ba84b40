package buslink

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestNameIsToldAtOnceAndAtMostOncePerWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rest := func(d time.Duration) { <-time.After(d) }
		began := time.Now()
		var names []string
		var times []time.Duration
		c := newCoalescer(window, func(name string) {
			names = append(names, name)
			times = append(times, time.Since(began))
		})
		ctx, cancel := context.WithCancel(t.Context())
		go c.run(ctx)
		for range 100 { // for 1 s
			c.add("busy")
			rest(10 * time.Millisecond)
		}
		rest(window / 2)
		c.add("calm")
		rest(10 * window)
		c.add("busy")
		synctest.Wait()
		cancel()
		synctest.Wait()
		ms := time.Millisecond
		if want := []string{"busy", "busy", "busy", "calm", "busy"}; !slices.Equal(names, want) {
			t.Fatalf("told %q, want %q", names, want)
		}
		if want := []time.Duration{0, 500 * ms, 1000 * ms, 1250 * ms, 6250 * ms}; !slices.Equal(times, want) {
			t.Fatalf("told at %v, want %v", times, want)
		}
		if len(c.again) != 1 {
			t.Errorf("%d names are remembered", len(c.again))
		}
	})
}
