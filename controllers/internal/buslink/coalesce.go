package buslink

import (
	"context"
	"sync"
	"time"
)

// coalescer tells names one at a time, each at most once in a window: the first
// time at once, and once more at the end of the window if it came again.
type coalescer struct {
	window time.Duration
	tell   func(name string)

	mu    sync.Mutex
	now   []string        // to be told at once, in order
	again map[string]bool // in their window; true: came again
	wake  chan struct{}
}

// opened is a name in its window.
type opened struct {
	name string
	ends time.Time
}

func newCoalescer(window time.Duration, tell func(string)) *coalescer {
	return &coalescer{window: window, tell: tell, again: make(map[string]bool), wake: make(chan struct{}, 1)}
}

// add never blocks, whatever tell does.
func (c *coalescer) add(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, open := c.again[name]; open {
		c.again[name] = true
		return
	}
	c.again[name] = false
	c.now = append(c.now, name)
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run tells until ctx ends.
func (c *coalescer) run(ctx context.Context) {
	var open []opened // in the order of their ends: all windows are equally long
	timer := time.NewTimer(c.window)
	defer timer.Stop()
	for {
		var next <-chan time.Time
		if len(open) > 0 {
			timer.Reset(time.Until(open[0].ends))
			next = timer.C
		}
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
			for _, name := range c.take() {
				c.tell(name)
				open = append(open, opened{name, time.Now().Add(c.window)})
			}
		case <-next:
			name := open[0].name
			open = open[1:]
			if c.expired(name) {
				c.tell(name)
				open = append(open, opened{name, time.Now().Add(c.window)})
			}
		}
	}
}

func (c *coalescer) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now
	c.now = nil
	return now
}

// expired ends the window of a name, and reports whether it came again, which
// opens the next one.
func (c *coalescer) expired(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.again[name] {
		delete(c.again, name)
		return false
	}
	c.again[name] = false
	return true
}
