// Package repair searches for the change of a Parser that reads a payload whose
// format changed: unpacking, character set, dialect, header, columns, paths,
// layouts and units of times. It computes only: a Parser, bytes and a baseline in,
// proposals out.
package repair

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

// MaxBytes is how much of a payload is looked at.
const MaxBytes = 8 << 20

// maxProposals is how many are returned at most.
const maxProposals = 5

// Problem is a format change that is to be mended.
type Problem struct {
	// Spec is the Parser as it is, its bases resolved. It is not changed.
	Spec *v1alpha1.ParserSpec
	// Baseline is the format that was accepted; nil if nothing is known.
	Baseline *drift.Profile
	Findings []status.Finding
	// Good is a payload that was read well, at most MaxBytes of it; nil if there is
	// none any more. Bad is the one that is held.
	Good, Bad         []byte
	GoodMeta, BadMeta parse.Meta
}

// Proposal is a changed Parser.
type Proposal struct {
	Spec *v1alpha1.ParserSpec
	// Repair describes it.
	status.Repair
	// Margin is by how much it is better than the next one that does something else,
	// 0 to 1.
	Margin float64

	digest string // of what it makes of the held payload
}

// search is one Search.
type search struct {
	spec           *v1alpha1.ParserSpec
	good, bad      []byte
	goodMeta, meta parse.Meta
	findings       []status.Finding
	// packed is how the held payload is packed, unpacking what is to be done then.
	packed    string
	unpacking []string
	base      *drift.Profile
	// is: the reading of the held payload, nil if there is none.
	is *infer.Reading
	// old are the columns of the good payload; used those that rules read.
	old  []*column
	used []string
	// window is when the times of the feed may lie.
	window [2]time.Time
	// rejects is the share of records that may be rejected.
	rejects float64
	goodSum []byte
	// vocabulary is the Parser that the format brings, nil if it brings none.
	vocabulary *v1alpha1.ParserSpec
	// fine: the Parser as it is reads the held payload as it should.
	fine bool
}

// Search returns proposals, the best first; none if nothing mends it. An error is
// that of ctx, or about the Parser.
func Search(ctx context.Context, p *Problem) ([]Proposal, error) {
	if p.Spec.Input.SchemaSet != nil || len(p.Bad) == 0 {
		return nil, nil
	}
	s := &search{spec: p.Spec, good: clipBytes(p.Good), bad: clipBytes(p.Bad), goodMeta: withoutPolicy(p.GoodMeta), meta: withoutPolicy(p.BadMeta), findings: p.Findings}
	lens, err := drift.NewLens(p.Spec)
	if err != nil {
		return nil, fmt.Errorf("the Parser: %w", err)
	}
	s.vocabulary = parse.Vocabulary(&p.Spec.Input)
	if err := s.learnGood(ctx, lens, p.Baseline); err != nil || s.base == nil {
		return nil, err
	}
	s.unpack(ctx)
	if s.is, err = Read(infer.Sample{Data: s.bad, URL: s.meta.URL, Filename: s.meta.Filename, ContentType: s.meta.ContentType}, &s.spec.Input, s.used); err != nil {
		s.is = nil // then its input cannot be changed
	}
	var found []Proposal
	for _, start := range s.starts() {
		more, err := start.solve(ctx)
		if err != nil || s.fine {
			return nil, err // what changed is nothing that a Parser could mend
		}
		found = append(found, more...)
	}
	return ranked(slices.DeleteFunc(found, s.poor)), nil
}

// poor tells whether a proposal fills less than half of the fields that the Parser
// fills: it would only hide the loss.
func (s *search) poor(p Proposal) bool {
	filled := func(spec *v1alpha1.ParserSpec) int {
		fields := map[string]bool{}
		for _, r := range spec.Mapping {
			fields[r.Field] = true
		}
		return len(fields)
	}
	return filled(p.Spec)*2 < filled(s.spec)
}

// withoutPolicy lets the labels of records count: a policy that is narrower than all of
// them would hide that one is not read any more, and the next one may be RED.
func withoutPolicy(m parse.Meta) parse.Meta {
	m.TLP, m.Restriction = 0, event.RestrictionPublic
	return m
}

func clipBytes(b []byte) []byte { return b[:min(len(b), MaxBytes)] }

// ranked sorts proposals. Of those that make the same events of the payload the best is
// left: the others are no other answer. What reads far less than another one is none.
func ranked(found []Proposal) []Proposal {
	most := int64(0)
	for i := range found {
		most = max(most, found[i].Events)
	}
	found = slices.DeleteFunc(found, func(p Proposal) bool { return p.Events*2 < most })
	slices.SortStableFunc(found, func(a, b Proposal) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(safety(&b), safety(&a)), cmp.Compare(len(a.Changes), len(b.Changes)), cmp.Compare(len(a.Patch), len(b.Patch)))
	})
	seen := map[string]bool{}
	found = slices.DeleteFunc(found, func(p Proposal) bool {
		dup := seen[p.digest]
		seen[p.digest] = true
		return dup
	})
	return found[:min(len(found), maxProposals)]
}

func safety(p *Proposal) int {
	if p.Safe {
		return 1
	}
	return 0
}

// learnGood learns what the Parser made of the payload before.
func (s *search) learnGood(ctx context.Context, lens *drift.Lens, baseline *drift.Profile) error {
	s.window = [2]time.Time{s.meta.Collected.AddDate(-2, 0, 0), s.meta.Collected.Add(25 * time.Hour)}
	s.base = baseline.For(lens)
	if s.good == nil {
		if s.base != nil {
			s.ofBaseline()
		}
		return nil
	}
	run, err := outcomeOf(ctx, lens, s.good, s.goodMeta)
	if run == nil || err != nil {
		return err // it is no good payload
	}
	profile, err := learn(ctx, lens, s.good, s.goodMeta)
	if err != nil || run.events == 0 {
		return err
	}
	s.rejects = max(upper(run.rejected, run.events+run.rejected), 0.02)
	if s.base == nil {
		s.base = drift.Merge(nil, profile)
	} else {
		s.rejects = min(s.rejects, s.rejectsBefore())
	}
	s.goodSum = run.digest()
	if !run.first.IsZero() && run.first.Before(s.window[0]) {
		s.window[0] = run.first.AddDate(-1, 0, 0)
	}
	s.useInputs()
	names := namesOf(profile, s.spec.Explode)
	for _, name := range s.used {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	s.old, err = columnsOf(ctx, s.spec, names, s.good, s.goodMeta)
	return err
}

// ofBaseline takes the columns from what the baseline remembers of them.
func (s *search) ofBaseline() {
	s.rejects = s.rejectsBefore()
	s.useInputs()
	all := slices.Concat(s.base.Inputs, s.base.Others)
	for i := range all {
		if s.made(all[i].Name) {
			continue
		}
		c := newColumn(all[i].Name, i, len(all), all[i].Samples)
		for k, n := range all[i].Kinds {
			if all[i].Values > 0 {
				c.kinds[k] = float64(n) / float64(all[i].Values)
			}
		}
		s.old = append(s.old, c)
	}
}

// rejectsBefore is the share of records that were rejected in all payloads before.
func (s *search) rejectsBefore() float64 {
	return max(upper(s.base.Rejected, s.base.Events+s.base.Rejected), 0.02)
}

func (s *search) useInputs() {
	for _, in := range s.base.Inputs {
		if !s.made(in.Name) {
			s.used = append(s.used, in.Name)
		}
	}
}

// made tells whether what a rule reads is no column of the payload, but made of one.
func (s *search) made(name string) bool {
	return slices.ContainsFunc(s.spec.Derive, func(d v1alpha1.DeriveRule) bool {
		return d.Name != "" && (name == d.Name || strings.HasPrefix(name, d.Name+".")) ||
			strings.Contains(d.Pattern, "(?P<"+name+">") || strings.Contains(d.Pattern, "(?<"+name+">")
	})
}

// unpack opens a packed payload: the Parser is then tried on what is inside.
func (s *search) unpack(ctx context.Context) {
	if s.spec.Input.XLSX != nil || s.spec.Input.Mail != nil {
		return
	}
	for _, m := range []struct{ magic, name string }{{"PK\x03\x04", "a zip archive"}, {"\x1f\x8b\x08", "gzip data"}, {"BZh", "bzip2 data"},
		{"\xfd7zXZ\x00", "xz data"}, {"\x28\xb5\x2f\xfd", "zstd data"}} {
		if !strings.HasPrefix(string(s.bad[:min(len(s.bad), 8)]), m.magic) {
			continue
		}
		members, err := collect.SampleBytes(ctx, s.meta.Filename, bytes.NewReader(s.bad), MaxBytes)
		if err != nil || len(members) == 0 {
			return
		}
		best := slices.MaxFunc(members, func(a, b collect.Sample) int { return cmp.Compare(len(a.Data), len(b.Data)) })
		s.bad, s.packed = best.Data, m.name
		s.unpacking = []string{fmt.Sprintf("The payload is %s: unpack it (FeedSource.spec.unpack).", m.name)}
		return
	}
}
