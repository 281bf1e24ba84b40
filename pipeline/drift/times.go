package drift

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	maxDated     = 64   // events whose times are remembered
	maxTimed     = 512  // events that are looked at for their times
	minDated     = 6    // events that came again, to say something of their times
	someAgain    = 4    // one of so many must have come again: of fewer it may be other events
	minSteady    = 24   // events that came again so far
	steady       = 0.8  // share of them whose time stays, in a feed where it does
	moved        = 0.1  // share whose time stays, when all have moved
	mostlyMoved  = 0.3  // and that is too low to be chance, where some have not
	alike        = 0.8  // share of the moved times that moved by the same
	rareReversed = 0.05 // share of events that end before they begin
	mostSame     = 4096 // what is remembered of how steady times are
)

// Dated is the time of an event, by a hash of its indicators.
type Dated struct {
	Key  uint32 `json:"k"`
	Unix int64  `json:"t"`
}

// times samples events with their times: those with the smallest hashes, so that
// the same indicators are in the sample of the next payload.
type times struct {
	list [maxTimed]Dated
	n    int
}

func (t *times) add(e *event.Event) {
	if t.n < maxTimed {
		t.list[t.n] = Dated{keyOf(e), e.Time.Unix()}
		t.n++
	}
}

// keyOf is a hash of what an event is about.
func keyOf(e *event.Event) uint32 {
	var h uint64
	if len(e.Address) > 0 {
		b := e.Address[0].IP.As16()
		h = mix(h, xxhash.Sum64(b[:]))
	}
	for _, s := range [...]string{e.URL, e.FQDN, e.SHA256, e.SHA1, e.MD5, e.X509FPSHA1, e.Email} {
		if s != "" {
			h = mix(h, xxhash.Sum64String(s))
		}
	}
	if len(e.CVEs) > 0 {
		h = mix(h, xxhash.Sum64String(e.CVEs[0]))
	}
	h += uint64(e.DPort.V)
	return uint32(h >> 32)
}

func mix(h, one uint64) uint64 { return (h ^ one) * 0x9e3779b97f4a7c15 }

// sample are the events with the smallest hashes, in their order, without those
// that came with several times.
func (t *times) sample() []Dated {
	limit := uint64(math.MaxUint32)
	if t.n > 2*maxDated { // hashes are spread evenly: most of them are too large
		limit = limit / uint64(t.n) * maxDated * 5 / 4
	}
	for {
		out, seen := t.below(limit)
		if seen == maxDated || limit >= math.MaxUint32 {
			return out
		}
		limit *= 2
	}
}

// below are those of the sample with hashes up to a limit, of so many that there are.
func (t *times) below(limit uint64) (out []Dated, seen int) {
	var buf [maxTimed]uint64
	order := buf[:0] // the hash, and where it is
	for i := range t.n {
		if key := uint64(t.list[i].Key); key <= limit {
			order = append(order, key<<32|uint64(i))
		}
	}
	slices.Sort(order)
	out = make([]Dated, 0, min(len(order), maxDated))
	for ; len(order) > 0 && seen < maxDated; seen++ {
		one, twice := t.list[uint32(order[0])], false
		for ; len(order) > 0 && uint32(order[0]>>32) == one.Key; order = order[1:] {
			twice = twice || t.list[uint32(order[0])].Unix != one.Unix
		}
		if !twice {
			out = append(out, one)
		}
	}
	return out, seen
}

// again pairs the events of two samples and returns by how many seconds the times
// of the second one are later.
func again(a, b []Dated) (later []int64) {
	for _, d := range b { // both are in the order of the keys
		for len(a) > 0 && a[0].Key < d.Key {
			a = a[1:]
		}
		if len(a) > 0 && a[0].Key == d.Key {
			later = append(later, d.Unix-a[0].Unix)
		}
	}
	return later
}

func unmoved(later []int64) (n int64) {
	for _, l := range later {
		if l == 0 {
			n++
		}
	}
	return n
}

// learnTimes remembers whether events that come again keep their times.
func (p *Profile) learnTimes(base, now *Profile) {
	if p.Times = now.Times; len(now.Times) == 0 {
		p.Times = base.Times
	}
	later := again(base.Times, now.Times)
	p.Again, p.Same = base.Again+int64(len(later)), base.Same+unmoved(later)
	if p.Again > mostSame {
		p.Again, p.Same = p.Again/2, p.Same/2
	}
}

// checkTimes notices times that cannot be, and times of known events that are
// others than they were.
func checkTimes(c *comparison) {
	if c.base == nil || c.broken() {
		return
	}
	now := c.now
	if now.Dated >= minNow && now.Future*4 >= now.Dated && c.base.Future*20 <= c.base.Dated {
		c.add(status.Finding{Code: CodeTimes, Breaking: true, Path: now.timeInput(),
			Before: fmt.Sprintf("%s of %s in the future", number64(c.base.Future), count(c.base.Dated, "event")),
			After:  fmt.Sprintf("%s of %s in the future", number64(now.Future), count(now.Dated, "event")),
			Sentence: fmt.Sprintf("%s of %s are more than a day in the future: the times are read wrongly, with day and month in another order or in another unit.",
				number64(now.Future), count(now.Dated, "event"))})
		return
	}
	if c.reversed() {
		return
	}
	later := again(c.base.Times, now.Times)
	n := int64(len(later))
	known := c.base.steady()
	least := max(minDated, int64(min(len(c.base.Times), len(now.Times)))/someAgain)
	if c.once {
		least, known = minAll, true
	}
	if n < least || !known || !c.others(unmoved(later), n) {
		return
	}
	c.reportMoved(later)
}

// reversed notices events that end before they begin, where they did not.
func (c *comparison) reversed() bool {
	base, now := c.base, c.now
	if now.Reversed < minNow || share(now.Reversed, now.Ranges) < lostShare || share(base.Reversed, base.Ranges) > rareReversed ||
		base.Ranges < minBefore || more(base.Reversed, base.Ranges, now.Reversed, now.Ranges) > c.whole {
		return false
	}
	c.add(status.Finding{Code: CodeTimes, Path: now.timeInput(),
		Before:   fmt.Sprintf("%s of %s end before they begin", number64(base.Reversed), count(base.Ranges, "event")),
		After:    fmt.Sprintf("%s of %s end before they begin", number64(now.Reversed), count(now.Ranges, "event")),
		Evidence: &status.Evidence{Was: base.Reversed, WasOf: base.Ranges, Is: now.Reversed, IsOf: now.Ranges},
		Sentence: fmt.Sprintf("The last time of %s of %s is before the first one, of %s of %s it was: one of them means something else now.",
			number64(now.Reversed), count(now.Ranges, "event"), number64(base.Reversed), number64(base.Ranges))})
	return true
}

// steady tells whether events that come again have the times that they had.
func (p *Profile) steady() bool { return p.Again >= minSteady && share(p.Same, p.Again) >= steady }

// others tells whether so few of n known events have the time that they had that
// the times are others.
func (c *comparison) others(same, n int64) bool {
	return share(same, n) <= moved || share(same, n) <= mostlyMoved && fewer(c.base.Same, c.base.Again, same, n) <= c.partial
}

func (c *comparison) reportMoved(later []int64) {
	by, most := mostly(later)
	n := int64(len(later))
	f := status.Finding{Code: CodeTimes, Path: c.now.timeInput(), Before: fmt.Sprintf("%s with the times that they had", count(n, "event")),
		After: "other times", Evidence: &status.Evidence{Was: c.base.Same, WasOf: c.base.Again, Is: unmoved(later), IsOf: n}}
	switch {
	case share(most, n) >= alike && (abs(by) == anHour || c.once && abs(by) > mostShift): // summer time, or another day
		return
	case share(most, n) >= alike:
		f.Breaking = true
		f.Sentence = fmt.Sprintf("The times of %s that were there before are all %s: they are in another zone or unit.", count(n, "event"), laterBy(by))
	case c.once:
		return
	default:
		f.Sentence = fmt.Sprintf("%s of %s that were there before have another time now: it may mean something else.", number64(n-unmoved(later)), count(n, "event"))
	}
	c.add(f)
}

func laterBy(seconds int64) string {
	d := time.Duration(abs(seconds)) * time.Second
	if seconds < 0 {
		return d.String() + " earlier"
	}
	return d.String() + " later"
}

// timeInput is the column that the time of events is read from.
func (p *Profile) timeInput() string {
	for i := range p.Inputs {
		if hasField(&p.Inputs[i], []string{"time"}) && p.Inputs[i].Values > 0 {
			return p.Inputs[i].Name
		}
	}
	return ""
}
