// Command drift measures the format-change monitor: it lets feeds of fifteen
// archetypes run until they are known, changes them in 34 ways, and counts what is
// found, how soon, under which name, and whether it is mended. Feeds in which
// nothing changes run for years beside them. docs/drift-benchmark.md explains the
// figures.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
)

type options struct {
	seeds, years      int
	svg, json, doc    string
	class, archetype  string
	one               string
	tune, verbose     bool
	norepair, nospeed bool
	speed             bool
}

func main() {
	var o options
	flag.IntVar(&o.seeds, "seeds", 5, "how often each change is made to each feed")
	flag.IntVar(&o.years, "years", 20, "feed-years in which nothing changes")
	flag.StringVar(&o.svg, "svg", "", "file for the picture of what is taken for what")
	flag.StringVar(&o.json, "json", "", "file for all results")
	flag.StringVar(&o.doc, "doc", "", "page to write the figures into")
	flag.StringVar(&o.class, "class", "", "only this class of changes, a number")
	flag.StringVar(&o.archetype, "archetype", "", "only this archetype")
	flag.StringVar(&o.one, "case", "", "archetype/feed/class/seed: show this case")
	flag.BoolVar(&o.tune, "tune", false, "the feeds for tuning instead of those that are reported")
	flag.BoolVar(&o.verbose, "v", false, "list what is missed, wrong, or a false alarm")
	flag.BoolVar(&o.norepair, "norepair", false, "search for no repairs")
	flag.BoolVar(&o.nospeed, "nospeed", false, "do not measure the costs")
	flag.BoolVar(&o.speed, "speed", false, "only measure the costs, and list them by feed")
	flag.Parse()
	if err := bench(&o); err != nil {
		fmt.Fprintln(os.Stderr, "drift:", err)
		os.Exit(1)
	}
}

// outcome is all that was measured.
type outcome struct {
	Results []*result
	Years   []*year
	Cost    *cost
}

func bench(o *options) error {
	if o.one != "" {
		return show(os.Stdout, o.one)
	}
	var out outcome
	var err error
	if !o.nospeed || o.speed {
		if out.Cost, err = measureCost(o.archetype); err != nil {
			return err
		}
	}
	if o.speed {
		out.Cost.write(os.Stdout, true)
		return nil
	}
	if out.Results, err = trials(o); err != nil {
		return err
	}
	if out.Years, err = years(o.years); err != nil {
		return err
	}
	report(os.Stdout, &out, o.verbose)
	if o.svg != "" {
		if err := os.WriteFile(o.svg, confusion(out.Results), 0o644); err != nil {
			return err
		}
	}
	if o.doc != "" {
		if err := document(o.doc, &out); err != nil {
			return err
		}
	}
	if o.json != "" {
		data, err := json.MarshalIndent(&out, "", " ")
		if err != nil {
			return err
		}
		return os.WriteFile(o.json, data, 0o644)
	}
	return nil
}

// document puts the figures between two comments of a page.
func document(file string, out *outcome) error {
	const begin, end = "<!-- figures -->\n", "<!-- end of figures -->"
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no %q and %q", file, strings.TrimSpace(begin), end)
	}
	var b bytes.Buffer
	b.WriteString(before + begin + "```\n")
	report(&b, out, false)
	b.WriteString("```\n" + end + after)
	return os.WriteFile(file, b.Bytes(), 0o644)
}

// each runs n jobs on all processors and returns the first error.
func each(n int, job func(i int) error) error {
	var wg sync.WaitGroup
	next := make(chan int)
	errs := make([]error, n)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				errs[i] = job(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i]
	}
	return nil
}

// trials makes all changes to all feeds. What costs most is done first.
func trials(o *options) ([]*result, error) {
	type job struct {
		feed *feed
		seed int
	}
	var jobs []job
	for _, f := range allFeeds() {
		if f.tune == o.tune && (o.archetype == "" || f.archetype == o.archetype) {
			for seed := 1; seed <= o.seeds; seed++ {
				jobs = append(jobs, job{f, seed})
			}
		}
	}
	slices.SortStableFunc(jobs, func(a, b job) int { return b.feed.size - a.feed.size })
	results := make([][]*result, len(jobs))
	err := each(len(jobs), func(i int) error {
		s, err := learn(jobs[i].feed, jobs[i].seed)
		if err != nil {
			return err
		}
		for _, list := range [][]class{classes, controls} {
			for k := range list {
				if o.class != "" && list[k].id != o.class {
					continue
				}
				r, _, err := s.try(&list[k], !o.norepair)
				if err != nil {
					return err
				}
				r.proposals = nil // they are large
				results[i] = append(results[i], r)
			}
		}
		return nil
	})
	return slices.Concat(results...), err
}

// years lets feeds run in which nothing changes.
func years(n int) ([]*year, error) {
	feeds := quietFeeds(n)
	out := make([]*year, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(feeds[a].period - feeds[b].period) })
	return out, each(n, func(i int) error {
		var err error
		out[order[i]], err = live(feeds[order[i]], order[i], 1)
		return err
	})
}
