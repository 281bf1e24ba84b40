package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// year is one feed that runs for a year without a change of its format.
type year struct {
	Feed     string
	Period   string
	Payloads int
	Years    float64
	// Alarms are incidents: what is found again in the next payload is the same.
	Alarms    int
	Held      int // of them breaking
	Baselines [baselineCount]int
	Told      []string
	State     int
}

// quietFeeds are those that run: of every archetype, hourly to daily. Lists of an
// hourly feed are kept short.
func quietFeeds(n int) []*feed {
	var pool []*feed
	for _, f := range allFeeds() {
		if !f.tune {
			pool = append(pool, f)
		}
	}
	periods := []time.Duration{24 * time.Hour, 6 * time.Hour, 24 * time.Hour, time.Hour}
	var out []*feed
	for i := range n {
		f := *pool[(i*7+i/len(pool))%len(pool)]
		f.period = periods[i%len(periods)]
		if limit := map[time.Duration]int{time.Hour: 60, 6 * time.Hour: 200}[f.period]; limit > 0 && f.size > limit {
			f.size = limit
		}
		if f.period < 24*time.Hour {
			f.churn *= 0.5
		}
		out = append(out, &f)
	}
	return out
}

// weather is what happens to a quiet feed.
type weather struct {
	w      *world
	start  time.Time
	last   *payload
	empty  time.Time // until when an optional column is empty
	bursts int
	months int // whose new words are there
	nights bool
}

// next is the payload after one period; nil if the provider is down.
func (q *weather) next() *payload {
	w := q.w
	perDay := float64(w.feed.period) / float64(24*time.Hour)
	q.drift(perDay)
	d := w.step()
	if w.rng.Float64() < 4.0/365*perDay {
		q.empty = w.now.Add(24 * time.Hour)
	}
	if w.now.Before(q.empty) {
		if i := slices.IndexFunc(w.feed.fields, func(f field) bool { return f.null >= 0.1 }); i >= 0 {
			d.each(i, func(int, string) string { return "" })
		}
	}
	if w.rng.Float64() < 3.0/365*perDay { // down, for hours to days
		for range 1 + zipf(w.rng, 1+int(48*time.Hour/w.feed.period)) {
			w.step()
		}
		return nil
	}
	p := d.write()
	if q.last != nil && w.rng.Float64() < 0.03 { // the provider has made nothing new
		p.bytes, p.rows, p.digest = q.last.bytes, q.last.rows, q.last.digest
	}
	q.last = p
	return p
}

// drift changes what new entries are like, and how many there are.
func (q *weather) drift(perDay float64) {
	w := q.w
	since := w.now.Sub(q.start)
	w.ip6 = 0.05 * math.Min(1, since.Hours()/(60*24)) // 0 to 5 % within 60 days
	w.burst = 1 + 0.3*since.Hours()/(365*24)          // slow growth
	if q.nights {                                     // three times as many in the afternoon as in the early morning
		w.burst *= 1 - 0.5*math.Cos((w.now.Add(w.feed.period).Sub(w.now.Truncate(24*time.Hour)).Hours()-3)/12*math.Pi)
	}
	if w.rng.Float64() < 6.0/365*perDay {
		q.bursts = 1 + w.rng.IntN(2)
	}
	if q.bursts > 0 {
		q.bursts--
		w.burst *= 2 + 8*w.rng.Float64()
	}
	if month := int(since.Hours() / (30 * 24)); month > q.months {
		q.months = month
		for i := range w.feed.fields {
			if f := &w.feed.fields[i]; f.kind == "enum" && (f.target == "" || f.target[0] == 'e') && f.values == nil {
				w.enums[f.name] = append(w.enums[f.name], word(w.rng, 2))
				break
			}
		}
	}
}

// live lets a feed run for a number of years.
func live(f *feed, i int, years float64) (*year, error) {
	w := newWorld(f, "quiet", i)
	y := &year{Feed: f.String(), Period: f.period.String()}
	watch, err := newWatch(f)
	if err != nil {
		return nil, err
	}
	b := newBaselines(f)
	q := &weather{w: w, start: w.now, nights: f.period < 24*time.Hour && i%8 >= 4}
	end := w.now.Add(time.Duration(years * 365 * 24 * float64(time.Hour)))
	var open map[string]bool
	var opened [baselineCount]bool
	for w.now.Before(end) {
		p := q.next()
		if p == nil {
			continue
		}
		y.Payloads++
		profile, findings, err := watch.judge(p)
		if err != nil {
			return nil, err
		}
		if y.Payloads > 1 { // there is nothing to compare the first one with
			open = y.note(findings, open, w.now)
		}
		watch.accept(p, profile)
		x := b.sample(p)
		if y.Payloads > 10 {
			for k, alarm := range b.alarms(x) {
				if alarm && !opened[k] {
					y.Baselines[k]++
				}
				opened[k] = alarm
			}
		}
		b.learn(x)
	}
	y.Years, y.State = w.now.Sub(q.start).Hours()/(365*24), watch.bytes()
	return y, nil
}

// note counts incidents.
func (y *year) note(findings []status.Finding, open map[string]bool, now time.Time) map[string]bool {
	found := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		if class := drift.ClassOf(f); class == cosmetic || class == additive {
			continue
		}
		key := f.Code + " " + f.Path
		if found[key] {
			continue
		}
		found[key] = true
		if open[key] {
			continue
		}
		y.Alarms++
		if f.Breaking {
			y.Held++
		}
		if len(y.Told) < 20 {
			y.Told = append(y.Told, fmt.Sprintf("%s %s %s: %s", now.Format("2006-01-02 15:04"), f.Class, f.Code, f.Sentence))
		}
	}
	return found
}
