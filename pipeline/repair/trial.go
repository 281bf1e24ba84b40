package repair

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/extend"
)

// trial is a changed Parser on the way.
type trial struct {
	*search
	spec *v1alpha1.ParserSpec
	// of is the Parser before its rules were changed: rule i of it is rule i of spec.
	of []v1alpha1.MappingRule
	// own is how many of them the Parser had; the others are those of its format.
	own int
	// foreign: the payload is read as what it is, not in another dialect.
	foreign bool
	// lostFields are fields that nothing fills any more.
	lostFields []string
	// risky: columns, units or words were changed, which nobody can be sure of.
	risky bool
	// sure is the confidence so far, margin the least regret of its pairs.
	sure, margin float64
	renames      map[string]string
	// wordsIn tells which column has a word for nothing, by field and word.
	wordsIn map[string]string
	// weakest is the pair with the least regret, for the second best.
	weakest [2]string
}

func (s *search) trial() *trial {
	return &trial{search: s, spec: s.spec.DeepCopy(), of: s.spec.DeepCopy().Mapping, sure: 0.97, margin: 1, renames: map[string]string{}, wordsIn: map[string]string{}}
}

func (t *trial) partial() bool { return len(t.lostFields) > 0 }

// read are the values that a rule would find in the new payload.
func (t *trial) read(ctx context.Context, from []string) ([]string, error) {
	byName, err := Values(ctx, t.spec, from, t.bad, t.meta)
	if err != nil {
		return nil, err
	}
	return firstOf(byName, from), nil
}

// oldValues are those that the rule found in the old payload.
func (t *trial) oldValues(from []string) []string {
	byName := map[string][]string{}
	for _, c := range t.old {
		byName[c.name] = c.values
	}
	for old, now := range t.renames {
		if byName[now] == nil {
			byName[now] = byName[old]
		}
	}
	for _, name := range from {
		if len(byName[name]) > 0 {
			return byName[name]
		}
	}
	return nil
}

// firstOf takes for each record the first of the columns that has a value.
func firstOf(byName map[string][]string, from []string) []string {
	n := 0
	for _, name := range from {
		n = max(n, len(byName[name]))
	}
	out := make([]string, 0, n)
	for i := range n {
		for _, name := range from {
			if v := byName[name]; i < len(v) && strings.TrimSpace(v[i]) != "" {
				out = append(out, strings.ReplaceAll(strings.TrimSpace(v[i]), "\n", " "))
				break
			}
		}
	}
	return out
}

// finish mends the values, tries the Parser on both payloads and makes a proposal of
// it; nil if it does not hold.
func (t *trial) finish(ctx context.Context) (*Proposal, error) {
	if ok, err := t.mendValues(ctx); !ok || err != nil {
		return nil, err
	}
	lens, err := drift.NewLens(t.spec)
	if err != nil {
		return nil, nil //nolint:nilerr // a Parser that does not compile is no proposal
	}
	run, err := t.dryRun(ctx, lens)
	if run == nil || err != nil {
		return nil, err
	}
	if err := t.leaveOut(ctx, run); err != nil {
		return nil, err
	}
	patch, err := extend.Diff(t.search.spec, t.spec)
	switch {
	case err != nil:
		return nil, err
	case patch == "" && t.packed == "":
		t.fine = t.fine || run.rejected == 0
		return nil, nil
	}
	return t.proposal(ctx, run, patch)
}

// proposal describes the changed Parser, and what it makes of the payload.
func (t *trial) proposal(ctx context.Context, run *outcome, patch string) (*Proposal, error) {
	changes, safe := t.describe()
	p := &Proposal{Spec: t.spec, Margin: t.margin, digest: string(run.digest())}
	p.Patch, p.Changes = patch, append(slices.Clone(t.unpacking), changes...)
	p.Events, p.Rejected = run.events, run.rejected
	p.Confidence = t.confidence(run)
	p.Safe = safe && t.packed == "" && run.rejected == 0 && t.margin >= smallMargin
	if len(changes) == 0 {
		return p, nil
	}
	same, err := t.onGood(ctx)
	if !same {
		p.Changes = append(p.Changes, "The changed Parser is for the new format: it no longer reads the old one as before.")
	}
	return p, err
}

// mendValues has the rules read words for nothing, times and lists as they are written.
func (t *trial) mendValues(ctx context.Context) (bool, error) {
	if err := t.renull(ctx); err != nil {
		return false, err
	}
	if ok, err := t.retime(ctx); !ok || err != nil {
		return false, err
	}
	if err := t.resplit(ctx); err != nil {
		return false, err
	}
	return true, t.retype(ctx)
}

// dryRun tries the Parser on the held payload; nil if it does not hold.
func (t *trial) dryRun(ctx context.Context, lens *drift.Lens) (*outcome, error) {
	run, err := outcomeOf(ctx, lens, t.bad, t.meta)
	if run == nil || err != nil || run.events == 0 || !t.tolerable(run) {
		return nil, err
	}
	if fit, err := t.fit(ctx); !fit || err != nil {
		return nil, err
	}
	return run, nil
}

// tolerable tells whether no more records are rejected than before, or than chance
// may bring.
func (s *search) tolerable(run *outcome) bool {
	return run.rejected == 0 || s.rejects >= 1 || 1-atMost(run.rejected-1, run.events+run.rejected, s.rejects) >= 0.01
}

const smallMargin = 0.1

// confidence falls with what the dry run rejects, with fields that are lost and with
// pairs that could be others.
func (t *trial) confidence(run *outcome) float64 {
	c := t.sure * (0.6 + 0.4*min(t.margin/0.3, 1)) * (1 - float64(run.rejected)/float64(run.events+run.rejected)/2)
	if t.partial() {
		c *= 0.6
	}
	return math.Round(100*c) / 100
}

// fit tells whether every column that rules read is still of the kind that it was.
func (t *trial) fit(ctx context.Context) (bool, error) {
	names := make([]string, 0, len(t.old))
	for _, c := range t.old {
		names = append(names, t.newName(c.name))
	}
	now, err := columnsOf(ctx, t.spec, names, t.bad, t.meta)
	if err != nil {
		return false, err
	}
	for i, c := range now {
		old := t.old[i]
		if !t.usedBy(old.name) || len(c.values) < 2 || len(old.values) < 2 || old.telling == 0 {
			continue
		}
		if old.telling&^drift.Timestamp != 0 && !fits(old, t.parted(c)) {
			return false, nil
		}
	}
	return true, nil
}

// parted is a column with the first parts of its values, where a rule takes them
// apart.
func (t *trial) parted(c *column) *column {
	for _, r := range t.spec.Mapping {
		if r.Split == "" || !slices.Contains(r.From, c.name) {
			continue
		}
		values := make([]string, len(c.values))
		for i, v := range c.values {
			values[i], _, _ = strings.Cut(v, r.Split)
		}
		return newColumn(c.name, 0, 1, values)
	}
	return c
}

func (t *trial) newName(old string) string {
	if now, ok := t.renames[old]; ok {
		return now
	}
	return old
}

func (t *trial) usedBy(name string) bool { return slices.Contains(t.used, name) }

// onGood tells whether the changed Parser gives the same events of the old payload.
func (t *trial) onGood(ctx context.Context) (bool, error) {
	if t.good == nil {
		return true, nil
	}
	lens, err := drift.NewLens(t.spec)
	if err != nil {
		return false, nil //nolint:nilerr // then it does not
	}
	run, err := outcomeOf(ctx, lens, t.good, t.goodMeta)
	return run != nil && bytes.Equal(run.digest(), t.goodSum), err
}

// outcome counts and sums up what a Parser makes of a payload.
type outcome struct {
	events, rejected int64
	sum              hash.Hash
	first, last      time.Time
	line             []byte
}

// outcomeOf is what a Parser makes of a payload; nil if it cannot read it as a whole.
func outcomeOf(ctx context.Context, lens *drift.Lens, data []byte, m parse.Meta) (*outcome, error) {
	run := &outcome{sum: sha256.New()}
	if _, err := lens.Parse(ctx, bytes.NewReader(data), m, run, lens.Profiler()); err != nil {
		return nil, ctx.Err()
	}
	return run, nil
}

func (o *outcome) digest() []byte { return o.sum.Sum(nil) }

// same tells whether all events and rejections are those of the other.
func (o *outcome) same(p *outcome) bool {
	return p != nil && o.events == p.events && o.rejected == p.rejected && bytes.Equal(o.digest(), p.digest())
}

func (o *outcome) Event(e *event.Event) error {
	o.events++
	o.line = append(event.AppendJSON(o.line[:0], e), '\n')
	_, _ = o.sum.Write(o.line) // hashes do not fail
	if !e.Undated {
		if o.first.IsZero() || e.Time.Before(o.first) {
			o.first = e.Time
		}
		if e.Time.After(o.last) {
			o.last = e.Time
		}
	}
	return nil
}

func (o *outcome) Reject(*parse.Rejection) error {
	o.rejected++
	return nil
}

// upper is the upper bound of a share of which n in all were seen (Clopper and
// Pearson, 95 %).
func upper(n, all int64) float64 {
	if n >= all {
		return 1
	}
	low, high := float64(n)/float64(all), 1.0
	for range 40 {
		p := (low + high) / 2
		if atMost(n, all, p) > 0.05 {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the chance of n or fewer of all with the chance p of each.
func atMost(n, all int64, p float64) float64 {
	sum, logP, logQ := 0.0, math.Log(p), math.Log1p(-p)
	a, _ := math.Lgamma(float64(all) + 1)
	for k := int64(0); k <= min(n, 1000); k++ {
		b, _ := math.Lgamma(float64(k) + 1)
		c, _ := math.Lgamma(float64(all-k) + 1)
		sum += math.Exp(a - b - c + float64(k)*logP + float64(all-k)*logQ)
	}
	return sum
}
