package drift

import (
	"fmt"
	"math"

	"github.com/weir-project/weir/pipeline/status"
)

const (
	minMore = 3    // records or values that count as more than usual
	clean   = 0.99 // a column is clean if so many of its values are of its kind
	// steep is how many times more rejections than before make a finding; a feed
	// that always has some has more now and then.
	steep = 4
	// minFill is the share of records that have a value, for a column that is
	// expected to have one.
	minFill = 0.9
)

// doubted is the evidence that it takes to doubt a share: see evidence.
var doubted = -math.Log(alarmLevel)

// checkShares notices that part of the records or values is not what it was. Few
// of many may be chance, so tests decide, and small shares that go on add up.
func checkShares(c *comparison) {
	if c.base == nil || c.broken() {
		return
	}
	c.fresh = renewal(c.base, c.now)
	for i := range c.now.Inputs {
		now := &c.now.Inputs[i]
		base := c.base.input(now.Name)
		if base == nil || c.explained[now.Name] {
			continue
		}
		c.kindShare(base, now)
		c.missingShare(base, now)
	}
	c.rejectionShare()
}

func (c *comparison) kindShare(base, now *Column) {
	f, right, of := expectation(base)
	if f == nil || f.kinds&Text != 0 || share(right, of) < ownShare {
		return
	}
	is := f.of(now)
	wrong := now.Values - is
	if wrong < minMore && doubt(kindDoubt(base, now, c.fresh)) < doubted {
		return
	}
	p := fewer(right, of, is, now.Values)
	slow := doubt(kindDoubt(base, now, c.fresh)) >= doubted && share(is, now.Values) < share(right, of)
	if !slow && (p > c.partial || share(right, of) < clean && share(is, now.Values) > ownShare-0.1) {
		return
	}
	c.rejectionsExplained = true
	c.explain(now.Name, status.Finding{Code: CodeKindShare, Path: now.Name, Before: describe(base), After: describe(now),
		// An anchored column that has left its kind for the most part is retyped, if
		// slowly.
		Breaking: slow && share(is, now.Values) < lostShare && now.Values >= minNow,
		Evidence: &status.Evidence{Was: right, WasOf: of, Is: is, IsOf: now.Values, P: p},
		Sentence: fmt.Sprintf("Column %q held %s in %s of %s; now %s of %s are something else%s.", now.Name, f.label(base),
			number64(right), count(of, "value"), number64(wrong), number64(now.Values), example(f, now))})
}

// example is a frequent value that is not of the family.
func example(f *family, col *Column) string {
	for _, t := range col.Top {
		if KindsOf(t.Value)&f.kinds == 0 {
			return fmt.Sprintf(" (%q, for example)", t.Value)
		}
	}
	for _, s := range col.Samples {
		if KindsOf(s)&f.kinds == 0 {
			return fmt.Sprintf(" (%q, for example)", s)
		}
	}
	return ""
}

// missingShare is about columns that must have a value.
func (c *comparison) missingShare(base, now *Column) {
	if !now.Required {
		return
	}
	n, m := base.Values+base.Empty+base.Absent, now.Values+now.Empty+now.Absent
	if share(base.Values, n) < minFill || m-now.Values < minMore {
		return
	}
	p := fewer(base.Values, n, now.Values, m)
	if slow := doubt(missingDoubt(base, now, c.fresh)) >= doubted; !slow && (p > c.partial || share(now.Values, m) > share(base.Values, n)-0.02) {
		return
	}
	c.rejectionsExplained = true
	c.explain(now.Name, status.Finding{Code: CodeMissing, Path: now.Name, Before: describe(base), After: describe(now),
		Evidence: &status.Evidence{Was: base.Values, WasOf: n, Is: now.Values, IsOf: m, P: p},
		Sentence: fmt.Sprintf("Column %q had a value in %s of %s; now %s of %s have none%s.", now.Name, number64(base.Values), count(n, "record"),
			number64(m-now.Values), number64(m), fills(now))})
}

// rejectionShare is about records that did not become events, for a reason that
// no column tells.
func (c *comparison) rejectionShare() {
	now, base := c.now, c.base
	n, m := base.Events+base.Rejected, now.Events+now.Rejected
	if c.rejectionsExplained || n < minBefore || now.Rejected < minMore && doubt(rejectionDoubt(base, now, c.fresh)) < doubted {
		return
	}
	p := more(base.Rejected, n, now.Rejected, m)
	before := share(base.Rejected, n)
	slow := doubt(rejectionDoubt(base, now, c.fresh)) >= doubted && share(now.Rejected, m) > before
	if !slow && (p > c.partial || share(now.Rejected, m) < steep*before) {
		return
	}
	field, reason := now.mostRejected()
	because := reason.First
	if field != "" {
		because = field + ": " + because
	}
	path := field
	if col := now.filling(field); col != nil {
		path = col.Name
	}
	c.add(status.Finding{Code: CodeRejections, Path: path, Before: rejected(base.Rejected, n), After: rejected(now.Rejected, m),
		Evidence: &status.Evidence{Was: base.Rejected, WasOf: n, Is: now.Rejected, IsOf: m, P: p},
		Sentence: fmt.Sprintf("%s of %s cannot become events, %s of %s could not before; %s with %s.", number64(now.Rejected), count(m, "record"),
			number64(base.Rejected), number64(n), number64(reason.Count), because)})
}

func rejected(n, of int64) string {
	return fmt.Sprintf("%s of %s rejected", number64(n), count(of, "record"))
}

// floorOf is the share that an e-process tests against: what the share was at
// least, and a little below one even where nothing was ever wrong.
func floorOf(right, of int64) float64 {
	if of < minWiden {
		return 0
	}
	return min(0.98, lowerBound(right, of, 1e-3))
}

// kindDoubt is the evidence after a payload that the values of a column are less
// of their kind than they were.
func kindDoubt(base, now *Column, fresh float64) []float64 {
	f, right, of := expectation(base)
	if f == nil || share(right, of) < ownShare {
		return nil
	}
	is := f.of(now)
	if len(base.Doubt) == 0 && is == now.Values {
		return nil // nothing speaks for it
	}
	floor := floorOf(right, of)
	if base.Anchor != nil && of == base.Anchor.Of {
		floor = base.Anchor.floor()
	}
	return evidence(base.Doubt, is, now.Values, floor, fresh)
}

func missingDoubt(base, now *Column, fresh float64) []float64 {
	n, m := base.Values+base.Empty+base.Absent, now.Values+now.Empty+now.Absent
	if !now.Required || share(base.Values, n) < minFill || len(base.Missing) == 0 && now.Values == m {
		return nil
	}
	return evidence(base.Missing, now.Values, m, floorOf(base.Values, n), fresh)
}

func rejectionDoubt(base, now *Profile, fresh float64) []float64 {
	n, m := base.Events+base.Rejected, now.Events+now.Rejected
	if share(base.Events, n) < minFill || len(base.Doubt) == 0 && now.Rejected == 0 {
		return nil
	}
	return evidence(base.Doubt, now.Events, m, floorOf(base.Events, n), fresh)
}
