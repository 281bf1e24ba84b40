package main

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// What a change is called must agree with what it does to the events: a breaking
// one changes them, one that is cosmetic or additive does not.
func TestTheTruthAgreesWithTheEvents(t *testing.T) {
	for _, f := range allFeeds() {
		if f.size > 200 {
			continue
		}
		s, err := learn(f, 1)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := events(f.spec, s.next[0].write())
		if !ok || len(want) != len(s.next[0].rows) {
			t.Errorf("%s: %d records give %d events", f, len(s.next[0].rows), len(want))
		}
		for i := range classes {
			c := &classes[i]
			p, _ := c.plan(&mutation{f: f, r: newRand(f.String(), c.id, 1), d: s.next[0]})
			if p == nil {
				continue
			}
			if err := s.settle(p, c); err != nil {
				t.Fatal(err)
			}
			got, ok := events(f.spec, s.changed(p, c, 0))
			same := ok && slices.Equal(want, got)
			switch {
			case p.breaking == yes && same:
				t.Errorf("%s/%s: %s is called breaking, and the events are the same", f, c.id, p.what)
			case p.breaking == no && p.classes[0] == cosmetic && !same && c.id != "12":
				t.Errorf("%s/%s: %s is called cosmetic, and the events are others", f, c.id, p.what)
			case p.breaking == no && p.classes[0] == additive && len(want) != len(got):
				t.Errorf("%s/%s: %s is called additive, and %d events became %d", f, c.id, p.what, len(want), len(got))
			}
		}
	}
}

// What must not get worse; docs/drift-benchmark.md has the figures of the
// whole benchmark.
func TestTheMonitorIsAsGoodAsItWas(t *testing.T) {
	var results []*result
	for _, f := range allFeeds() {
		if f.tune || f.size > 160 {
			continue
		}
		s, err := learn(f, 7)
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]class{classes, controls} {
			for i := range list {
				r, _, err := s.try(&list[i], false)
				if err != nil {
					t.Fatal(err)
				}
				results = append(results, r)
			}
		}
	}
	s := summarize(results)
	for _, floor := range []struct {
		name string
		got  ratio
		want float64
	}{
		{"recall of breaking changes, 20 records and more", s.recall[groupBreaking][0], 0.97},
		{"recall of breaking changes, 5 to 19 records", s.recall[groupBreaking][1], 0.97},
		{"recall of retired feeds", s.recall[groupRetired][0], 0.85},
		{"recall of degraded feeds", s.recall[groupDegraded][0], 0.90},
		{"recall of changes of the meaning", s.recall[groupSemantic][0], 0.90},
		{"precision", s.precision, 0.97},
		{"precision of what is held", s.holdPrecision, 0.98},
		{"no alarm where none is due", s.quiet, 0.97},
		{"class", s.accuracy, 0.96},
		{"column", s.place, 0.95},
	} {
		t.Logf("%s: %s", floor.name, floor.got)
		if floor.got.share() < floor.want {
			t.Errorf("%s: %s, want %.2f", floor.name, floor.got, floor.want)
		}
	}
	if t.Failed() {
		reportCases(t.Output(), &outcome{Results: results})
	}
}

func TestQuietFeedsStayQuiet(t *testing.T) {
	var all []*year
	for i, f := range quietFeeds(12) {
		if i%4 == 3 { // hourly ones take long
			continue
		}
		y, err := live(f, i, 0.5)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, y)
	}
	q := summarizeYears(all)
	if rate := float64(q.alarms) / q.years; rate > 1 {
		t.Errorf("%d false alarms in %.1f feed-years, want at most one a feed-year", q.alarms, q.years)
		for _, y := range all {
			t.Log(y.Feed, y.Told)
		}
	}
	if q.held > 0 {
		t.Errorf("%d payloads of quiet feeds are held", q.held)
	}
}

// What the benchmark says of itself must be right.
func TestIntervals(t *testing.T) {
	for _, tc := range []struct {
		k, n      int
		low, high float64
	}{{0, 10, 0, 0.278}, {10, 10, 0.722, 1}, {50, 100, 0.404, 0.596}} {
		low, high := ratio{tc.k, tc.n}.wilson()
		if math.Abs(low-tc.low) > 0.001 || math.Abs(high-tc.high) > 0.001 {
			t.Errorf("%d of %d: [%.3f, %.3f], want [%.3f, %.3f]", tc.k, tc.n, low, high, tc.low, tc.high)
		}
	}
	for k, want := range map[int]float64{0: 2.996, 1: 4.744, 5: 10.513} {
		if got := poissonUpper(k); math.Abs(got-want) > 0.001 {
			t.Errorf("upper bound of %d is %.3f, want %.3f", k, got, want)
		}
	}
}

func TestTheSameSeedGivesTheSameResults(t *testing.T) {
	f, err := findFeed("csv/scanner")
	if err != nil {
		t.Fatal(err)
	}
	var got [2]string
	for i := range got {
		s, err := learn(f, 3)
		if err != nil {
			t.Fatal(err)
		}
		for k := range classes {
			r, _, err := s.try(&classes[k], false)
			if err != nil {
				t.Fatal(err)
			}
			got[i] += fmt.Sprintf("%+v\n", r)
		}
	}
	if got[0] != got[1] {
		t.Errorf("the results differ:\n%s\n%s", got[0], got[1])
	}
}
