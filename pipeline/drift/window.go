package drift

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weir-project/weir/pipeline/status"
)

const (
	keptSpans   = 32 // times between the oldest and the newest event
	enoughSpans = 12

	minTimed   = 8    // events with a time
	collapsed  = 20   // the span is less than a twentieth of the least one
	leastSpan  = 600  // seconds that the least span must be longer
	minFewer   = 0.6  // of the logarithm: fewer records than the fewest
	halfWindow = 2    // the span is less than half of the least one
	minOrdered = 20   // events one after the other, in a payload
	oneOrder   = 0.95 // share of them that are in the order of the feed
	aged       = 3    // the newest is so many times as old as the oldest newest one
)

// window is about what part of a feed a payload shows: all times are one, older
// records are left out, the order is turned round.
func (f *Flow) window(base, now *Profile) *status.Finding {
	if now.Dated < minTimed || len(f.Spans) < enoughSpans {
		return nil
	}
	for _, judge := range []func(base, now *Profile) *status.Finding{f.oneTime, f.turned, f.shorter} {
		if found := judge(base, now); found != nil {
			return found
		}
	}
	return nil
}

// oneTime notices that all events have the time of the list, or of the day, where
// they had times of their own.
func (f *Flow) oneTime(_, now *Profile) *status.Finding {
	least := slices.Min(f.Spans)
	if now.Span*collapsed > least || least-now.Span < leastSpan || f.short(now) > minFewer {
		return nil
	}
	span := "all have the same time"
	if now.Span > 0 {
		span = "the times are within " + seconds(now.Span)
	}
	return &status.Finding{Code: CodeOneTime, Path: now.timeInput(),
		Before: "times at least " + seconds(least) + " apart", After: span,
		Sentence: fmt.Sprintf("Of %s %s; the oldest and the newest were at least %s apart. It may be the time of the payload now.",
			count(now.Dated, "event"), span, seconds(least))}
}

// shorter notices fewer records than ever which go back less than half as far as
// ever.
func (f *Flow) shorter(_, now *Profile) *status.Finding {
	least := slices.Min(f.Spans)
	if f.short(now) <= minFewer || now.Span*halfWindow > least || least-now.Span < leastSpan {
		return nil
	}
	was := int64(math.Round(math.Expm1(median(f.Recent))))
	return &status.Finding{Code: CodeWindow, Path: now.timeInput(),
		Before:   count(was, "record") + ", times at least " + seconds(least) + " apart",
		After:    count(now.Records, "record") + ", times " + seconds(now.Span) + " apart at most",
		Sentence: fmt.Sprintf("The payload goes back %s only, at least %s were usual, and has %s instead of about %s: older ones are left out.", seconds(now.Span), seconds(least), count(now.Records, "record"), number64(was))}
}

// turned notices that the records come in the opposite order. That matters when
// some are left out, which are the newest then.
func (f *Flow) turned(base, now *Profile) *status.Finding {
	was, is := base.order(), now.order()
	if was == 0 || is != -was {
		return nil
	}
	first := map[int]string{1: "oldest", -1: "newest"}
	found := &status.Finding{Code: CodeOrder, Path: now.timeInput(), Before: first[was] + " first", After: first[is] + " first",
		Sentence: fmt.Sprintf("The %s records come first now; the %s did.", first[is], first[was])}
	oldest := max(slices.Max(f.Lags), 0)
	if fewer := f.short(now) > minFewer; fewer || now.Newest > aged*oldest+leastSpan {
		found.Class = ClassSemantic
		found.Sentence = fmt.Sprintf("The %s records come first now, the %s did, and the newest is %s old: it was at most %s.", first[is], first[was],
			seconds(now.Newest), seconds(oldest))
		if fewer {
			found.Sentence = fmt.Sprintf("The %s records come first now, the %s did, and there are fewer than ever, %s: others are left out.",
				first[is], first[was], number64(now.Records))
		}
	}
	return found
}

// order is 1 if times rise from record to record, -1 if they fall, 0 if neither.
func (p *Profile) order() int {
	switch n := p.Rising + p.Falling; {
	case n < minOrdered:
		return 0
	case share(p.Rising, n) >= oneOrder:
		return 1
	case share(p.Falling, n) >= oneOrder:
		return -1
	}
	return 0
}

// short is by how much, of the logarithm, there are fewer records than there were
// in nearly all of the last payloads; negative if there are not.
func (f *Flow) short(now *Profile) float64 {
	if len(f.Recent) < enoughSpans {
		return 0
	}
	return fewest(f.Recent) - math.Log1p(float64(now.Records))
}

// fewest is the second of the lowest amounts: the lowest may be an accident.
func fewest(list []float32) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return float64(sorted[min(1, len(sorted)-1)])
}

func seconds(n int64) string {
	d := time.Duration(n) * time.Second
	if d >= 2*day {
		return count(int64(d/day), "day")
	}
	return d.String()
}
