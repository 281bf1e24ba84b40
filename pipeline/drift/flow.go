package drift

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/status"
)

// Bounds of what a Flow remembers, and thresholds. Amounts are compared as
// logarithms with the median of the same time of the week; the scale is robust and
// never below a seventh, since feeds have heavy tails: with the usual three standard
// deviations, ten alarms a year would be false.
const (
	keptSlot      = 8  // amounts of one time of the week
	keptRecent    = 32 // amounts whatever the time
	keptResiduals = 56 // deviations from the medians
	keptGaps      = 64 // times between payloads
	keptLags      = 32 // ages of the newest event

	enoughSlot   = 3
	enoughOwn    = 5 // amounts of an hour, to do without those of its neighbours
	enoughRecent = 16
	enoughGaps   = 8
	enoughLags   = 8

	leastScale = 0.15
	outlier    = 4.0  // scales, twice in a row
	leastDrop  = 0.35 // of the logarithm: about three tenths of the records
	// leastFall and leastUnseen are how much of the logarithm there must be fewer
	// records than ever, where the time of the week is not known well, or not at all.
	leastFall   = 0.6
	leastUnseen = 2.0
	slack       = 1.0 // CUSUM: what a deviation must exceed to count
	clip        = 3.0 // and what it counts for at most
	lasting     = 6.0 // sum of deviations that is a lasting loss

	neverEmpty     = 20 // payloads with records, before one without is news
	neverEmptyMany = 10 // if there are many records
	manyRecords    = 20
)

// Flow is how the payloads of a feed come: how many records at which time of the
// week, how often, how new. Its JSON stays below 8 KiB.
type Flow struct {
	// Slots are the last amounts by hour, of working days and weekends, as
	// logarithms of 1 + records.
	Slots [48][]float32 `json:"slots,omitzero"`
	// Recent are the last amounts whatever the time, Residuals the deviations.
	Recent    []float32 `json:"recent,omitempty"`
	Residuals []float32 `json:"residuals,omitempty"`
	// Taken is when the last deviation was added: they are half a day apart, so that
	// they tell of weeks and not of days.
	Taken time.Time `json:"taken,omitzero"`
	// Low tells that the last payload was an outlier below; Loss is the sum of
	// deviations (CUSUM).
	Low  bool    `json:"low,omitempty"`
	Loss float64 `json:"loss,omitempty"`
	// Filled counts payloads with records in a row; Hollow tells that one without has
	// been seen.
	Filled int64 `json:"filled,omitempty"`
	Hollow bool  `json:"hollow,omitempty"`
	// Gaps are the seconds between payloads with other bytes; Changed is when the
	// last such one came, Digest what it was.
	Gaps    []int32   `json:"gaps,omitempty"`
	Changed time.Time `json:"changed,omitzero"`
	Digest  string    `json:"digest,omitempty"`
	// Lags are the ages in seconds of the newest event, Spans how much older the oldest
	// one was.
	Lags  []int64 `json:"lags,omitempty"`
	Spans []int64 `json:"spans,omitempty"`
}

// judge tells what is unusual about the way in which a payload came.
func (f *Flow) judge(base, now *Profile, a Arrival) []status.Finding {
	if base == nil || now.Unreadable != "" {
		return nil
	}
	var found []status.Finding
	add := func(one *status.Finding) {
		if one != nil {
			found = append(found, *one)
		}
	}
	if now.Records == 0 {
		add(f.empty())
	} else {
		add(f.volume(now, a))
	}
	add(f.Overdue(a.Collected, a.Digest))
	if a.Digest != "" && a.Digest == f.Digest {
		return found // it was judged before
	}
	add(f.limit(now))
	if base.timeInput() == now.timeInput() { // else the times are others, as the Parser wants
		add(f.shifted(base, now, a))
		if len(found) == 0 {
			add(f.anotherHour(base, now, a))
		}
		add(f.window(base, now))
	}
	return found
}

// empty is about a payload without records where there always were some.
func (f *Flow) empty() *status.Finding {
	many := len(f.Recent) > 0 && median(f.Recent) >= math.Log1p(manyRecords)
	if f.Hollow || f.Filled < neverEmptyMany || f.Filled < neverEmpty && !many {
		return nil
	}
	return &status.Finding{Code: CodeEmpty, Before: count(f.Filled, "payload") + " with records", After: "none",
		Evidence: &status.Evidence{Was: f.Filled, WasOf: f.Filled, IsOf: 1, P: 3 / float64(f.Filled)},
		Sentence: fmt.Sprintf("The payload has no records; each of the last %s had some.", count(f.Filled, "payload"))}
}

// volume is about fewer records than usual. More of them are no reason to worry.
func (f *Flow) volume(now *Profile, a Arrival) *status.Finding {
	expected, r, scale, ok := f.residual(now, a)
	if !ok {
		return f.fall(now, a)
	}
	if -r < leastDrop {
		return nil
	}
	what := ""
	switch {
	case -r > outlier*scale && f.Low:
		what = "twice in a row"
	case f.loss(r, scale, a) > lasting:
		what = "for some time"
	default:
		return nil
	}
	was := int64(math.Round(math.Expm1(expected)))
	return &status.Finding{Code: CodeVolume, Before: "about " + count(was, "record"), After: count(now.Records, "record"),
		Sentence: fmt.Sprintf("There are fewer records than usual %s: %s, about %s were expected at this time.", what,
			number64(now.Records), number64(was))}
}

// fall is about fewer records than the fewest of the last payloads, for as long as
// it is not known what is usual at this time of the week.
func (f *Flow) fall(now *Profile, a Arrival) *status.Finding {
	if !f.Low || !f.fallen(now, a) {
		return nil
	}
	was, least := int64(math.Round(math.Expm1(median(f.Recent)))), int64(math.Round(math.Expm1(fewest(f.Recent))))
	return &status.Finding{Code: CodeVolume, Before: "about " + count(was, "record"), After: count(now.Records, "record"),
		Sentence: fmt.Sprintf("There are fewer records than ever twice in a row: %s; about %s were usual, and hardly ever fewer than %s.",
			number64(now.Records), number64(was), number64(least))}
}

// fallen asks for more where the same time of day was not seen yet, of working days
// or weekends: it may be a quiet one.
func (f *Flow) fallen(now *Profile, a Arrival) bool {
	if len(f.Recent) < enoughRecent || f.remembered() < 23*time.Hour {
		return false
	}
	least := leastFall
	if len(f.slot(a.Collected)) == 0 {
		least = leastUnseen
	}
	return f.short(now) > max(least, 2*1.4826*spread(f.Recent))
}

// remembered is how long it took for the recent amounts to come: in less than a day
// not each hour has been seen.
func (f *Flow) remembered() (d time.Duration) {
	for _, gap := range f.Gaps[max(0, len(f.Gaps)-len(f.Recent)+1):] {
		d += time.Duration(gap) * time.Second
	}
	return d
}

// slot are the last amounts at this time of the week. Where there are few, those an
// hour earlier and later count, too: payloads do not come at the same minute.
func (f *Flow) slot(t time.Time) []float32 {
	at := slotOf(t)
	if own := f.Slots[at]; len(own) >= enoughOwn {
		return own
	}
	first := at / 24 * 24
	return slices.Concat(f.Slots[first+(at+23)%24], f.Slots[at], f.Slots[first+(at+1)%24])
}

// residual compares the number of records with that of the same time of the week.
func (f *Flow) residual(now *Profile, a Arrival) (expected, r, scale float64, ok bool) {
	slot := f.slot(a.Collected)
	if len(slot) < enoughSlot || len(f.Residuals) < enoughGaps {
		return 0, 0, 0, false
	}
	expected = median(slot)
	r = math.Log1p(float64(now.Records)) - expected
	return expected, r, max(leastScale, 1.4826*spread(f.Residuals)), true
}

// loss adds a deviation to the sum of them. Payloads of one day count as much as
// one: they are alike.
func (f *Flow) loss(r, scale float64, a Arrival) float64 {
	weight := min(1, a.Collected.Sub(f.Changed).Hours()/24)
	return max(0, f.Loss+weight*(min(-r/scale, clip)-slack))
}

func slotOf(t time.Time) int {
	t = t.UTC()
	if w := t.Weekday(); w == time.Saturday || w == time.Sunday {
		return 24 + t.Hour()
	}
	return t.Hour()
}

// Overdue tells that nothing new came for longer than ever: the same bytes again
// (digest), or nothing ("").
func (f *Flow) Overdue(at time.Time, digest string) *status.Finding {
	if len(f.Gaps) < enoughGaps || f.Changed.IsZero() || digest != "" && digest != f.Digest {
		return nil
	}
	gaps := make([]float64, len(f.Gaps))
	for i, g := range f.Gaps {
		gaps[i] = float64(g)
	}
	slices.Sort(gaps)
	most := max(4*gaps[len(gaps)/2], 3*gaps[len(gaps)-1])
	silent := at.Sub(f.Changed)
	if silent.Seconds() <= most {
		return nil
	}
	return &status.Finding{Code: CodeStale, Before: "new every " + (time.Duration(gaps[len(gaps)/2]) * time.Second).String(),
		After: "the same since " + f.Changed.UTC().Format(time.RFC3339),
		Sentence: fmt.Sprintf("Nothing new has come for %s; the longest time so far was %s.", silent.Round(time.Minute),
			(time.Duration(gaps[len(gaps)-1]) * time.Second).Round(time.Minute))}
}

const (
	leastShift = 2 * 3600  // an hour is summer time
	mostShift  = 14 * 3600 // no zone is further away
	halfHour   = 1800
	inaccuracy = 600
)

// shifted notices that times are in another zone: the newest event is in the future
// by whole hours. Older ones may be an outage; checkTimes knows more of them.
func (f *Flow) shifted(base, now *Profile, a Arrival) *status.Finding {
	if now.Dated < minNow || len(f.Lags) < enoughLags || now.Newest >= -inaccuracy {
		return nil
	}
	usual, usually := f.lag()
	ahead := usual - now.Newest
	rounded := (ahead + halfHour/2) / halfHour * halfHour
	if !f.allAhead(base, now, a, rounded) || rounded < leastShift || rounded > mostShift || ahead <= 2*usually+inaccuracy || abs(ahead-rounded) > max(inaccuracy, usually) {
		return nil
	}
	return &status.Finding{Code: CodeTimes, Breaking: true, Path: now.timeInput(),
		Before: fmt.Sprintf("newest event %s old", time.Duration(usual)*time.Second),
		After:  fmt.Sprintf("newest event %s in the future", time.Duration(-now.Newest)*time.Second),
		Sentence: fmt.Sprintf("All times are %s ahead of what is usual, in the future: they are in another zone.",
			time.Duration(rounded)*time.Second)}
}

// learn takes a payload that was accepted into account.
func (f *Flow) learn(now *Profile, a Arrival) {
	if a.Digest != "" && a.Digest == f.Digest {
		return // the same again says nothing new
	}
	f.learnVolume(now, a)
	if !f.Changed.IsZero() && a.Collected.After(f.Changed) {
		f.Gaps = kept(f.Gaps, int32(min(a.Collected.Sub(f.Changed)/time.Second, math.MaxInt32)), keptGaps)
	}
	f.Changed, f.Digest = a.Collected, a.Digest
	if now.Records == 0 {
		f.Hollow, f.Filled = f.Hollow || f.Filled > 0, 0
	} else {
		f.Filled++
	}
	if now.Dated >= minNow {
		f.Lags, f.Spans = kept(f.Lags, now.Newest, keptLags), kept(f.Spans, now.Span, keptSpans)
	}
}

func (f *Flow) learnVolume(now *Profile, a Arrival) {
	y := float32(math.Log1p(float64(now.Records)))
	at := slotOf(a.Collected)
	if _, r, scale, ok := f.residual(now, a); ok {
		f.Low = -r > outlier*scale
		if f.Loss = f.loss(r, scale, a); f.Loss > lasting { // it was told; from now on this is usual
			f.Loss, f.Slots, f.Recent = 0, [48][]float32{}, nil
		}
	} else {
		f.Low = f.fallen(now, a)
	}
	if slot := f.slot(a.Collected); len(slot) >= enoughSlot && a.Collected.Sub(f.Taken) >= day/2 {
		f.Residuals = kept(f.Residuals, y-float32(median(slot)), keptResiduals)
		f.Taken = a.Collected
	}
	f.Slots[at] = kept(f.Slots[at], y, keptSlot)
	f.Recent = kept(f.Recent, y, keptRecent)
}

// kept appends to a list of at most n, the oldest of which goes.
func kept[T any](list []T, v T, n int) []T {
	if len(list) >= n {
		list = list[len(list)-n+1:]
	}
	return append(append(make([]T, 0, len(list)+1), list...), v)
}

func median(list []float32) float64 {
	var buf [keptGaps]float32
	sorted := append(buf[:0], list...)
	slices.Sort(sorted)
	n := len(sorted)
	return float64(sorted[(n-1)/2]+sorted[n/2]) / 2
}

// spread is the median deviation from the median.
func spread(list []float32) float64 {
	m := float32(median(list))
	var buf [keptGaps]float32
	off := buf[:0]
	for _, v := range list {
		off = append(off, max(v-m, m-v))
	}
	return median(off)
}

func medianOf(list []int64) int64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func abs(n int64) int64 { return max(n, -n) }
