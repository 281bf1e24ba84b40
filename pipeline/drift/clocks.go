package drift

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/status"
)

const anHour = 3600

// lag is how old the newest event usually is, and by how much that varies.
func (f *Flow) lag() (usual, usually int64) {
	usual = medianOf(f.Lags)
	off := make([]int64, len(f.Lags))
	for i, l := range f.Lags {
		off[i] = abs(l - usual)
	}
	slices.Sort(off)
	return usual, off[len(off)*9/10]
}

// anotherHour notices times that moved by an hour when no clocks were changed:
// they are local time now, or were.
func (f *Flow) anotherHour(base, now *Profile, a Arrival) *status.Finding {
	if now.Dated < minNow || len(f.Lags) < enoughLags {
		return nil
	}
	usual, usually := f.lag()
	ahead := usual - now.Newest
	later := again(base.Times, now.Times)
	by, n := mostly(later)
	known := int64(len(later)) >= minDated && base.steady() && share(n, int64(len(later))) >= alike
	evidence := fmt.Sprintf("the newest event is %s in the future", seconds(-now.Newest))
	since := a.Collected.Add(-keptLags * f.usualGap())
	switch {
	case known && abs(by) == anHour && usually < halfHour && abs(ahead-by) <= max(inaccuracy, usually):
		evidence = fmt.Sprintf("those of %s that were there before are %s", count(n, "event"), laterBy(by))
		since = f.Changed.Add(-2 * day)
	case known, now.Newest >= -inaccuracy, abs(ahead-anHour) > inaccuracy, 2*usually+inaccuracy >= anHour, !f.allAhead(base, now, a, anHour):
		return nil
	}
	if clocksChanged(since, a.Collected.Add(2*day)) {
		return nil
	}
	return &status.Finding{Code: CodeTimes, Path: now.timeInput(),
		Before: fmt.Sprintf("newest event %s old", seconds(usual)), After: fmt.Sprintf("newest event %s old", seconds(now.Newest)),
		Sentence: fmt.Sprintf("All times moved by an hour against the clock although clocks are not changed these days: %s. They may be in another zone.", evidence)}
}

// allAhead tells whether not only the newest event but at least every second one is
// less old than before by most of so many seconds.
func (f *Flow) allAhead(base, now *Profile, a Arrival, by int64) bool {
	if len(base.Times) < minDated || len(now.Times) < minDated {
		return true
	}
	was, is := f.Changed.Unix()-base.median(), a.Collected.Unix()-now.median()
	return was-is >= by/2
}

// median is the time in the middle of those that are remembered.
func (p *Profile) median() int64 {
	list := make([]int64, len(p.Times))
	for i, d := range p.Times {
		list[i] = d.Unix
	}
	return medianOf(list)
}

// usualGap is the usual time between two payloads.
func (f *Flow) usualGap() time.Duration {
	if len(f.Gaps) == 0 {
		return day
	}
	sorted := slices.Sorted(slices.Values(f.Gaps))
	return time.Duration(sorted[len(sorted)/2]) * time.Second
}

// mostly is what most of the times moved by, and how many of them.
func mostly(later []int64) (by, n int64) {
	counts := make(map[int64]int64, len(later))
	for _, l := range later {
		if counts[l]++; counts[l] > n {
			by, n = l, counts[l]
		}
	}
	return by, n
}

// clocksChanged tells whether somewhere clocks are changed between two times: on
// Sundays in March, April, September, October and November.
func clocksChanged(from, to time.Time) bool {
	for t := from.UTC().Truncate(day); !t.After(to); t = t.Add(day) {
		if t.Weekday() != time.Sunday {
			continue
		}
		week, last := (t.Day()-1)/7+1, t.AddDate(0, 0, 7).Month() != t.Month()
		switch t.Month() {
		case time.March: // North America, Europe
			if week == 2 || last {
				return true
			}
		case time.April, time.November: // Australia, Chile; North America
			if week == 1 {
				return true
			}
		case time.September, time.October: // Chile, New Zealand; Australia, Europe
			if week == 1 || last {
				return true
			}
		}
		if t.Sub(from) > 60*day { // at most a quarter is asked for
			return true
		}
	}
	return false
}
