package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// entry is one indicator while it is listed.
type entry struct {
	born  time.Time
	cells []string
	rank  float64 // where it stands, in a list without order
	hits  int
}

// world is the state of a feed: what is listed, and when the next payload comes.
type world struct {
	feed    *feed
	rng     *rand.Rand
	now     time.Time
	entries []entry
	next    int // number of the next entry
	level   float64
	weekday [7]float64
	// Changes that quiet feeds go through.
	ip6   float64 // share of IPv6 among new addresses
	burst float64 // factor of the number of new records
	enums map[string][]string
}

func newWorld(f *feed, seed ...any) *world {
	rng := newRand(append([]any{f.String()}, seed...)...)
	w := &world{feed: f, rng: rng, next: 1000 + rng.IntN(100000), burst: 1, enums: map[string][]string{},
		now: time.Date(2025, 1, 6, rng.IntN(24), rng.IntN(60), rng.IntN(60), 0, time.UTC).AddDate(0, 0, rng.IntN(180))}
	for i := range w.weekday {
		w.weekday[i] = 1
		if i == int(time.Saturday) || i == int(time.Sunday) {
			w.weekday[i] = 0.6 + 0.4*rng.Float64()
		}
	}
	return w
}

// step lets one period pass and returns the payload at its end.
func (w *world) step() *doc {
	w.now = w.now.Add(w.feed.period).Add(time.Duration(w.rng.IntN(240)-120) * time.Second)
	w.level += 0.02 * math.Sqrt(w.feed.period.Hours()/24) * student(w.rng)
	w.level = max(-0.4, min(0.6, w.level))
	noise := 0.27 * w.feed.churn * max(-8, min(8, student(w.rng))) // events come by chance, lists are kept
	target := float64(w.feed.size) * math.Exp(w.level+noise) * w.burst
	if w.feed.churn >= 0.3 {
		target *= w.weekday[w.now.Weekday()]
	}
	w.entries = slices.DeleteFunc(w.entries, func(entry) bool { return w.rng.Float64() < w.feed.churn })
	for n := max(int(target), 5) - len(w.entries); n > 0; n-- {
		w.entries = append(w.entries, w.newEntry())
	}
	if extra := len(w.entries) - max(int(target*1.1), 5); extra > 0 {
		w.entries = w.entries[:len(w.entries)-extra]
	}
	return w.payload()
}

func (w *world) newEntry() entry {
	e := entry{born: w.now.Add(-time.Duration(w.rng.Float64() * float64(w.feed.period))), rank: w.rng.Float64(), hits: 1 + zipf(w.rng, 50)}
	if len(w.entries) < w.feed.size/2 && w.feed.churn < 0.9 { // the list is older than the first payload
		e.born = e.born.Add(-time.Duration(w.rng.ExpFloat64() * float64(w.feed.period) / w.feed.churn))
	}
	e.cells = make([]string, len(w.feed.fields))
	for i := range w.feed.fields {
		e.cells[i] = w.value(&w.feed.fields[i])
	}
	w.next += 1 + w.rng.IntN(3)
	return e
}

// value is what a new entry has in a field; "" for what depends on the payload.
func (w *world) value(f *field) string {
	if f.null > 0 && w.rng.Float64() < f.null {
		return ""
	}
	kind, list := f.kind, false
	option := f.option
	if kind == "list" {
		kind, option, list = f.option, "", true
	}
	switch {
	case kind == "first" || kind == "last":
		return "\x00" // it is there; see payload
	case kind == "seq":
		return strconv.Itoa(w.next)
	case kind == "ip" && w.ip6 > 0 && w.rng.Float64() < w.ip6:
		return ip6Of(w.rng)
	case kind == "enum" && len(w.enums[f.name]) > 0 && w.rng.IntN(12) == 0:
		return w.enums[f.name][w.rng.IntN(len(w.enums[f.name]))]
	case list:
		return listOf(w.rng, kind, option)
	}
	return scalar(w.rng, kind, option)
}

// payload writes down what is listed now.
func (w *world) payload() *doc {
	d := &doc{feed: w.feed, style: w.feed.style, now: w.now, cols: slices.Clone(w.feed.fields), rows: make([][]string, 0, len(w.entries))}
	order := slices.Clone(w.entries)
	switch w.feed.style.form {
	case "lines", "hosts", "cidr":
		slices.SortStableFunc(order, func(a, b entry) int { return int(math.Copysign(1, a.rank-b.rank)) })
	default: // the newest come first
		slices.SortStableFunc(order, func(a, b entry) int { return b.born.Compare(a.born) })
	}
	for i := range order {
		row := slices.Clone(order[i].cells)
		for j := range w.feed.fields {
			f := &w.feed.fields[j]
			if row[j] != "\x00" {
				continue
			}
			at := order[i].born
			if f.kind == "last" {
				at = at.Add(time.Duration(float64(w.now.Sub(at)) * (0.9 + 0.1*frac(order[i].rank*1000))))
			}
			row[j] = stamp(at, f.option)
		}
		d.rows = append(d.rows, row)
	}
	return d
}

func frac(x float64) float64 { return x - math.Floor(x) }
