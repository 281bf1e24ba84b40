package main

import (
	"bytes"
	"context"
	"time"

	"github.com/weir-project/weir/pipeline/parse"
)

// cost is what watching takes.
type cost struct {
	// Ratio of the time of parsing, profiling and judging to that of parsing, for all
	// payloads together.
	Ratio float64
	// Small is the ratio for feeds of less than 100 records, Large for the others.
	Small, Large float64
	// Profiled is the ratio without judging and accepting.
	Profiled float64
	// Parse and Watch are times of one payload on average.
	Parse, Watch time.Duration
	// Median and Most bytes of state of a feed.
	Median, Most int
}

// times of one feed.
type times struct {
	plain, profiled, watched time.Duration
	state                    int
}

// measureCost reads the same payloads with the Parser alone and as the monitor
// does. It uses one processor, and the best of five runs.
func measureCost() (*cost, error) {
	var plain, watched [2]time.Duration
	var profiled time.Duration
	var states []int
	n := 0
	for _, f := range allFeeds() {
		if f.tune {
			continue
		}
		t, err := timeFeed(f)
		if err != nil {
			return nil, err
		}
		n++
		group := 0
		if f.size >= 100 {
			group = 1
		}
		plain[group] += t.plain
		watched[group] += t.watched
		profiled += t.profiled
		states = append(states, t.state)
	}
	c := &cost{Parse: (plain[0] + plain[1]) / time.Duration(n*8), Watch: (watched[0] + watched[1]) / time.Duration(n*8)}
	c.Ratio = float64(watched[0]+watched[1]) / float64(plain[0]+plain[1])
	c.Profiled = float64(profiled) / float64(plain[0]+plain[1])
	c.Small, c.Large = float64(watched[0])/float64(plain[0]), float64(watched[1])/float64(plain[1])
	c.Median, c.Most = medianOf(states)
	return c, nil
}

func timeFeed(f *feed) (*times, error) {
	w, err := newWatch(f)
	if err != nil {
		return nil, err
	}
	parser, err := parse.Compile(f.spec)
	if err != nil {
		return nil, err
	}
	world := newWorld(f, "cost")
	for range learned { // the state of a feed that is known
		p := world.step().write()
		profile, _, err := w.judge(p)
		if err != nil {
			return nil, err
		}
		w.accept(p, profile)
	}
	var payloads []*payload
	for range 8 {
		payloads = append(payloads, world.step().write())
	}
	t := &times{plain: 1 << 62, profiled: 1 << 62, watched: 1 << 62, state: w.bytes()}
	for range 5 {
		c, err := w.fork()
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		for _, p := range payloads {
			if _, err := parser.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, nothing{}, nil); err != nil {
				return nil, err
			}
		}
		t.plain = min(t.plain, time.Since(begin))
		begin = time.Now()
		for _, p := range payloads {
			if _, err := c.lens.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, nothing{}, c.lens.Profiler()); err != nil {
				return nil, err
			}
		}
		t.profiled = min(t.profiled, time.Since(begin))
		begin = time.Now()
		for _, p := range payloads {
			profile, _, err := c.judge(p)
			if err != nil {
				return nil, err
			}
			c.accept(p, profile)
		}
		t.watched = min(t.watched, time.Since(begin))
	}
	return t, nil
}
