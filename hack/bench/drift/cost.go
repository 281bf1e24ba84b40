package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/weir-project/weir/pipeline/parse"
)

// How the costs are measured.
const (
	costRounds   = 15
	costPayloads = 8
	// costLength is how long one way of reading goes on in a round: long enough for
	// the clock, and for the garbage collector to have its share.
	costLength = 8 * time.Millisecond
	fewRecords = 100
)

// cost is what watching takes.
type cost struct {
	// Ratio of the time of parsing, profiling and judging to that of parsing, for all
	// payloads together.
	Ratio float64
	// Small is the ratio for feeds of less than 100 records, Large for the others.
	Small, Large float64
	// Profiled is the ratio without judging and accepting, of large feeds LargeProfiled.
	Profiled, LargeProfiled float64
	// Parse and Watch are times of one payload on average.
	Parse, Watch time.Duration
	// Median and Most bytes of state of a feed.
	Median, Most int
	// Feeds are the figures of each.
	Feeds []feedCost
}

// feedCost is what a payload of one feed takes.
type feedCost struct {
	Feed                     string
	Records                  int
	Plain, Profiled, Watched time.Duration
	state                    int
}

// measureCost reads the same payloads with the Parser alone and as the monitor
// does.
func measureCost(archetype string) (*cost, error) {
	var c cost
	for _, f := range allFeeds() {
		if f.tune || archetype != "" && f.archetype != archetype {
			continue
		}
		t, err := timeFeed(f)
		if err != nil {
			return nil, err
		}
		c.Feeds = append(c.Feeds, *t)
	}
	var all, few, many feedCost
	var states []int
	for _, f := range c.Feeds {
		all.add(&f)
		if f.Records < fewRecords {
			few.add(&f)
		} else {
			many.add(&f)
		}
		states = append(states, f.state)
	}
	n := time.Duration(len(c.Feeds))
	c.Parse, c.Watch = all.Plain/n, all.Watched/n
	c.Ratio, c.Profiled = over(all.Watched, all.Plain), over(all.Profiled, all.Plain)
	c.Small, c.Large = over(few.Watched, few.Plain), over(many.Watched, many.Plain)
	c.LargeProfiled = over(many.Profiled, many.Plain)
	c.Median, c.Most = medianOf(states)
	return &c, nil
}

func (f *feedCost) add(g *feedCost) {
	f.Plain += g.Plain
	f.Profiled += g.Profiled
	f.Watched += g.Watched
}

func over(a, b time.Duration) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// timeFeed reads payloads of a feed that is known in three ways by turns, so that
// whatever else the machine does concerns all of them alike. The figures are the
// least of the rounds: neighbours can only make it more.
func timeFeed(f *feed) (*feedCost, error) {
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
	for range costPayloads {
		payloads = append(payloads, world.step().write())
	}
	ways := []func(*watch, *payload) error{
		func(_ *watch, p *payload) error {
			_, err := parser.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, nothing{}, nil)
			return err
		},
		func(w *watch, p *payload) error {
			profiler := w.lens.Profiler()
			_, err := w.lens.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, nothing{}, profiler)
			profiler.Profile()
			return err
		},
		func(w *watch, p *payload) error {
			profile, _, err := w.judge(p)
			if err == nil {
				w.accept(p, profile)
			}
			return err
		},
	}
	times := make([][]time.Duration, len(ways))
	turns := 1
	for round := range costRounds + 1 {
		for i := range ways {
			way := (i + round) % len(ways)
			took, err := clock(w, payloads, turns, ways[way])
			if err != nil {
				return nil, err
			}
			if round == 0 { // to get warm, and to see how long it takes
				turns = max(turns, int(costLength/max(took, time.Microsecond)))
				continue
			}
			times[way] = append(times[way], took)
		}
	}
	least := func(way int) time.Duration { return slices.Min(times[way]) / costPayloads }
	return &feedCost{f.String(), f.size, least(0), least(1), least(2), w.bytes()}, nil
}

// clock returns what it takes of the processors to read all payloads once, the
// garbage collector included. Each turn begins with what w knows.
func clock(w *watch, payloads []*payload, turns int, read func(*watch, *payload) error) (time.Duration, error) {
	watches := make([]*watch, turns)
	for i := range watches {
		var err error
		if watches[i], err = w.fork(); err != nil {
			return 0, err
		}
	}
	runtime.GC()
	begin := processorTime()
	for _, w := range watches {
		for _, p := range payloads {
			if err := read(w, p); err != nil {
				return 0, err
			}
		}
	}
	return (processorTime() - begin) / time.Duration(turns), nil
}

// processorTime is what the process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(fmt.Sprintf("getrusage: %v", err)) // it cannot fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// write says what watching costs, and what of it each feed, if it is to be verbose.
func (c *cost) write(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "\ncost: %.2f times plain parsing (%.2f below %d records, %.2f above); without judging %.2f (%.2f above); %s instead of %s a payload\n",
		c.Ratio, c.Small, fewRecords, c.Large, c.Profiled, c.LargeProfiled, c.Watch, c.Parse)
	fmt.Fprintf(w, "state of a feed: median %d bytes, most %d\n", c.Median, c.Most)
	if !verbose {
		return
	}
	fmt.Fprintf(w, "%-24s %7s %10s %9s %8s\n", "feed", "records", "parse", "profiled", "watched")
	for _, f := range c.Feeds {
		fmt.Fprintf(w, "%-24s %7d %8.1fµs %9.2f %8.2f\n", f.Feed, f.Records, float64(f.Plain)/1000, over(f.Profiled, f.Plain), over(f.Watched, f.Plain))
	}
}
