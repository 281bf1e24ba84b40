package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	learned = 30 // payloads before a change
	shown   = 5  // payloads after it
	outage  = 3  // payloads that do not come where a provider is down
)

// result is one change of one feed.
type result struct {
	Archetype, Feed, Class string
	Seed                   int
	What                   string
	Rows                   int
	Breaking               tri
	Expected               []string
	Paths                  []string
	Skipped                string `json:",omitempty"`
	// Control: nothing has changed.
	Control bool
	// Detected at payload Delay, as Found, with the first finding at Path.
	Detected bool
	Delay    int
	Found    string
	Path     string
	Code     string
	// Alarm: something was found besides what is cosmetic or additive.
	Alarm bool
	// Held: a breaking finding.
	Held     bool
	Sentence string
	// Baselines that raised an alarm.
	Baselines [baselineCount]bool
	// Repairable, and in which place the right proposal was, 0 if in none. Searched
	// if there was a search at all.
	Repairable, Searched bool
	Place                int
	proposals            []repair.Proposal
	// Safe: the first proposal may be applied without asking; Wrong: it may, and
	// must not.
	Safe, Wrong bool
}

// small tells whether so few records came that less can be expected.
func (r *result) small() bool { return r.Rows < 20 }

// reportable tells whether something must be found.
func (r *result) reportable() bool {
	return !r.Control && (r.Breaking != no || r.Expected[0] != cosmetic && r.Expected[0] != additive)
}

// right tells whether the class that was found is right.
func (r *result) right() bool {
	return slices.Contains(r.Expected, r.Found) || r.Found == "" && !r.reportable()
}

func (r *result) pathRight() bool {
	return len(r.Paths) == 0 || slices.ContainsFunc(r.Paths, func(p string) bool {
		got := strings.TrimPrefix(r.Path, "$.")
		return got == p || strings.HasPrefix(got, p+".") || strings.HasPrefix(got, p+"[")
	})
}

// falseAlarm tells whether an alarm was raised that must not be.
func (r *result) falseAlarm() bool { return r.Alarm && !r.reportable() && !r.right() }

func (r *result) name() string {
	return fmt.Sprintf("%s/%s/%s/%d", r.Archetype, r.Feed, r.Class, r.Seed)
}

// stage is a feed that was learned, and what would come next.
type stage struct {
	feed      *feed
	seed      int
	watch     *watch
	baselines *baselines
	next      []*doc
}

// learn lets a feed run until it is known.
func learn(f *feed, seed int) (*stage, error) {
	s := &stage{feed: f, seed: seed, baselines: newBaselines(f)}
	var err error
	if s.watch, err = newWatch(f); err != nil {
		return nil, err
	}
	w := newWorld(f, seed)
	for range learned {
		p := w.step().write()
		profile, _, err := s.watch.judge(p)
		if err != nil {
			return nil, err
		}
		s.watch.accept(p, profile)
		s.baselines.learn(s.baselines.sample(p))
	}
	for range shown + outage {
		s.next = append(s.next, w.step())
	}
	return s, nil
}

// changed is the payload with a change.
func (s *stage) changed(p *plan, c *class, i int) *payload {
	d := s.next[i+p.late].clone()
	d.rng = newRand(s.feed.String(), c.id, s.seed, i)
	if p.times > 0 && i >= p.times {
		return d.write()
	}
	p.change(d)
	out := d.write()
	if p.frozen {
		out.bytes, out.rows, out.digest = s.watch.last.bytes, s.watch.last.rows, s.watch.last.digest
	}
	return out
}

// target is the payload that a repair must give the events of.
func (s *stage) target(p *plan, c *class, i int) *payload {
	d := s.next[i].clone()
	d.rng = newRand(s.feed.String(), c.id, s.seed, i)
	if p.target != nil {
		p.target(d)
	}
	return d.write()
}

func (s *stage) blank(c *class) *result {
	return &result{Archetype: s.feed.archetype, Feed: s.feed.name, Class: c.id, Seed: s.seed, Control: c.id[0] == 'c'}
}

// try injects one class of changes.
func (s *stage) try(c *class, mend bool) (*result, []status.Finding, error) {
	r := s.blank(c)
	ctx := &mutation{f: s.feed, r: newRand(s.feed.String(), c.id, s.seed), d: s.next[0]}
	p, skipped := c.plan(ctx)
	if p == nil {
		r.Skipped = skipped
		return r, nil, nil
	}
	if err := s.settle(p, c); err != nil {
		return nil, nil, err
	}
	r.What, r.Breaking, r.Expected, r.Paths, r.Repairable = p.what, p.breaking, p.classes, p.paths, p.repair
	w, err := s.watch.fork()
	if err != nil {
		return nil, nil, err
	}
	var told []status.Finding
	for i := range shown {
		bad := s.changed(p, c, i)
		if i == 0 {
			r.Rows = max(bad.rows, len(s.next[0].rows)) // of no records there are those that should be there
		}
		profile, findings, err := w.judge(bad)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.name(), err)
		}
		if told == nil {
			told = findings
		}
		if s.note(r, findings, i) {
			told = findings
			if mend && (r.Held || p.repair) {
				s.mend(r, p, c, w, findings, bad, i)
			}
			break
		}
		w.accept(bad, profile)
	}
	s.asked(r, p, c)
	return r, told, nil
}

// settle finds out whether the Parser as it is still gives the same events.
func (s *stage) settle(p *plan, c *class) error {
	if p.settle == nil {
		return nil
	}
	d := s.next[0].clone()
	if p.target != nil {
		p.target(d)
	}
	want, ok := events(s.feed.spec, d.write())
	if !ok {
		return errors.New("the undisturbed payload cannot be read")
	}
	got, ok := events(s.feed.spec, s.changed(p, c, 0))
	p.settle(&p.truth, ok && slices.Equal(want, got))
	return nil
}

// note writes down what was found; true if that settles it.
func (s *stage) note(r *result, findings []status.Finding, i int) bool {
	found := drift.Classify(findings)
	held := drift.Breaking(findings)
	alarm := held || found != "" && found != cosmetic && found != additive
	r.Alarm = r.Alarm || alarm
	hit := held || slices.ContainsFunc(findings, func(f status.Finding) bool { return slices.Contains(r.Expected, f.Class) })
	if len(findings) > 0 && (r.Found == "" || hit) {
		r.Found, r.Path, r.Code, r.Sentence = found, findings[0].Path, findings[0].Code, findings[0].Sentence
	}
	if !hit {
		return false
	}
	r.Detected, r.Delay, r.Held = true, i+1, held
	return true
}

// asked lets the baselines look at the same payloads.
func (s *stage) asked(r *result, p *plan, c *class) {
	b := s.baselines.fork()
	for i := range shown {
		x := b.sample(s.changed(p, c, i))
		for k, alarm := range b.alarms(x) {
			r.Baselines[k] = r.Baselines[k] || alarm
		}
		b.learn(x)
	}
}

// mend searches for a repair and compares what it gives with what the feed would
// have given.
func (s *stage) mend(r *result, p *plan, c *class, w *watch, findings []status.Finding, bad *payload, i int) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	proposals, err := repair.Search(ctx, &repair.Problem{Spec: s.feed.spec, Baseline: w.hist.Baseline.For(w.lens), Findings: findings,
		Good: w.last.bytes, Bad: bad.bytes, GoodMeta: w.last.meta, BadMeta: bad.meta})
	r.Searched = true
	r.proposals = proposals
	if err != nil || len(proposals) == 0 {
		return
	}
	inside := s.target(p, c, i)
	want, ok := events(s.feed.spec, inside)
	for k := range proposals[:min(3, len(proposals))] {
		read := bad
		if p.packed {
			if !slices.ContainsFunc(proposals[k].Changes, func(told string) bool { return strings.Contains(told, "unpack") }) {
				continue
			}
			read = inside
		}
		got, readable := events(proposals[k].Spec, read)
		same := ok && readable && slices.Equal(want, got)
		if k == 0 && proposals[k].Safe {
			r.Safe, r.Wrong = true, !same
		}
		if same {
			r.Place = k + 1
			return
		}
	}
}
