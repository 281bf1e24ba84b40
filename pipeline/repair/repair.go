// Package repair searches for the change of a Parser that reads a payload whose
// format changed: unpacking, character set, dialect, header, columns, paths,
// layouts and units of times. It computes only: a Parser, bytes and a baseline in,
// proposals out.
package repair

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/drift"
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
	window    [2]time.Time
	tolerable float64 // share of rejected records
	goodSum   []byte
	// fine: the Parser as it is reads the held payload as it should.
	fine bool
}

// Search returns proposals, the best first; none if nothing mends it. An error is
// that of ctx, or about the Parser.
func Search(ctx context.Context, p *Problem) ([]Proposal, error) {
	if p.Spec.Input.SchemaSet != nil || len(p.Bad) == 0 {
		return nil, nil
	}
	s := &search{spec: p.Spec, good: clipBytes(p.Good), bad: clipBytes(p.Bad), goodMeta: p.GoodMeta, meta: p.BadMeta, findings: p.Findings}
	lens, err := drift.NewLens(p.Spec)
	if err != nil {
		return nil, fmt.Errorf("the Parser: %w", err)
	}
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

func clipBytes(b []byte) []byte { return b[:min(len(b), MaxBytes)] }

// ranked sorts proposals, and takes those out that are there twice, or that read far
// less than another one. What it costs to be wrong about the first is told by how good
// the second is.
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
		dup := seen[p.Patch]
		seen[p.Patch] = true
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
	run := &outcome{sum: sha256.New()}
	if _, err := lens.Parse(ctx, bytes.NewReader(s.good), s.goodMeta, run, lens.Profiler()); err != nil {
		return ctx.Err() // it is no good payload
	}
	profile, err := learn(ctx, lens, s.good, s.goodMeta)
	if err != nil || run.events == 0 {
		return err
	}
	if s.base == nil {
		s.base = drift.Merge(nil, profile)
	}
	s.goodSum = run.sum.Sum(nil)
	s.tolerable = max(upper(run.rejected, run.events+run.rejected), 0.02)
	if !run.first.IsZero() && run.first.Before(s.window[0]) {
		s.window[0] = run.first.AddDate(-1, 0, 0)
	}
	s.useInputs()
	names := namesOf(profile, s.spec.Explode)
	for _, in := range s.base.Inputs {
		if !slices.Contains(names, in.Name) {
			names = append(names, in.Name)
		}
	}
	s.old, err = columnsOf(ctx, s.spec, names, s.good, s.goodMeta)
	return err
}

// ofBaseline takes the columns from what the baseline remembers of them.
func (s *search) ofBaseline() {
	s.tolerable = max(upper(s.base.Rejected, s.base.Events+s.base.Rejected), 0.02)
	s.useInputs()
	all := slices.Concat(s.base.Inputs, s.base.Others)
	for i := range all {
		c := newColumn(all[i].Name, i, len(all), all[i].Samples)
		for k, n := range all[i].Kinds {
			if all[i].Values > 0 {
				c.kinds[k] = float64(n) / float64(all[i].Values)
			}
		}
		s.old = append(s.old, c)
	}
}

func (s *search) useInputs() {
	for _, in := range s.base.Inputs {
		s.used = append(s.used, in.Name)
	}
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
