package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/repair"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	// searchFor bounds one search for a repair.
	searchFor = 20 * time.Second

	// What is kept of a proposal: a longer patch is none that a person can judge.
	maxPatch   = 32 << 10
	maxChanges = 16
	maxChange  = 512
)

// search is what a repair is looked for with.
type search struct {
	key      string // of the incident or report, and the Parser
	incident string // "" for a report
	src      *source
	baseline *drift.Profile
	good     payloadRef
	bad      payloadRef // of a report
}

// advise looks for a change of the Parser that reads what is held, or what was
// rejected in part: once for an incident and a Parser.
func (f *feed) advise(ctx context.Context) error {
	for {
		if s := f.toSearch(); s != nil {
			if err := f.lookFor(ctx, s); err != nil && ctx.Err() == nil {
				f.log.Error(err, "no repair was looked for")
			}
		}
		select {
		case <-f.advice:
		case <-ctx.Done():
			return nil
		}
	}
}

// toSearch is what there is to look for; nil if nothing is.
func (f *feed) toSearch() *search {
	o, _ := f.orders()
	if !o.source.works() {
		return nil
	}
	f.work.Lock()
	defer f.work.Unlock()
	m, src := f.memory, f.inForce(o.source)
	if src.shelf != nil || src.feed.FormatPolicy.Repair == v1alpha1.RepairNever {
		return nil // reports are read as their schema document says
	}
	s := &search{src: src, baseline: m.Baseline.For(src.lens), good: m.Good}
	switch {
	case m.Incident != nil:
		s.incident, s.key = m.Incident.ID, digest(m.Incident.ID, src.digest)
	case m.Report != nil && drift.Breaking(m.Report.Findings):
		s.bad, s.key = m.ReportOf, digest("report", m.Report.ID, src.digest)
	default:
		return nil
	}
	if s.key == m.Searched {
		return nil
	}
	return s
}

// lookFor searches, and remembers what was found.
func (f *feed) lookFor(ctx context.Context, s *search) error {
	select {
	case f.searching <- struct{}{}:
		defer func() { <-f.searching }()
	case <-ctx.Done():
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, searchFor)
	defer cancel()
	found, err := f.propose(limited, s)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil { // it is not tried again: the next incident, or Parser, may have more luck
		f.log.Error(err, "no repair was found")
	}
	f.work.Lock()
	defer f.work.Unlock()
	m := f.memory
	m.Searched = s.key
	switch {
	case s.incident != "" && m.Incident != nil && m.Incident.ID == s.incident:
		m.Incident = withRepair(m.Incident, found)
	case s.incident == "" && m.Report != nil:
		m.Report = withRepair(m.Report, found)
	default:
		return nil
	}
	if found != nil {
		f.log.Info("a repair is proposed", "incident", s.incident, "confidence", found.Confidence, "safe", found.Safe,
			"changes", strings.Join(found.Changes, " "))
	}
	if err := f.save(ctx); err != nil {
		return err
	}
	f.tellNow()
	return nil
}

func withRepair(i *status.Incident, r *status.Repair) *status.Incident {
	changed := *i
	changed.Repair = r
	return &changed
}

// propose runs the search; nil if nothing mends it. A search that panics has found
// nothing.
func (f *feed) propose(ctx context.Context, s *search) (best *status.Repair, err error) {
	defer func() {
		if r := recover(); r != nil {
			best, err = nil, fmt.Errorf("the search panics: %v", r)
		}
	}()
	p := &repair.Problem{Spec: s.src.spec(), Baseline: s.baseline}
	bad, err := f.badPayload(ctx, s)
	if err != nil || bad == nil {
		return nil, err
	}
	if p.Bad, err = f.bytesOf(ctx, bad); err != nil {
		return nil, err
	}
	p.BadMeta = s.src.meta(bad)
	good, err := f.rawPayload(ctx, s.good)
	if err != nil {
		return nil, err
	}
	if good != nil {
		if p.Good, err = f.bytesOf(ctx, good); err != nil {
			return nil, err
		}
		p.GoodMeta = s.src.meta(good)
	}
	if p.Findings, err = f.explainAgain(ctx, s, p); err != nil {
		return nil, err
	}
	proposals, err := repair.Search(ctx, p)
	if err != nil || len(proposals) == 0 {
		return nil, err
	}
	r := proposals[0].Repair
	r.Parser, r.Spec = s.src.monitor.Name, plan.SpecDigest(s.src.spec())
	if len(r.Patch) > maxPatch {
		return nil, fmt.Errorf("the patch of the Parser has %d bytes, at most %d are proposed", len(r.Patch), maxPatch)
	}
	r.Changes = slices.Clone(r.Changes[:min(len(r.Changes), maxChanges)])
	for i, c := range r.Changes {
		if s.src.feed.FormatPolicy.Redact {
			c = hide(c, namesOf(s.baseline))
		}
		r.Changes[i] = strings.ToValidUTF8(c[:min(len(c), maxChange)], "")
	}
	return &r, nil
}

// explainAgain is what is wrong with the payload, values and all.
func (f *feed) explainAgain(ctx context.Context, s *search, p *repair.Problem) ([]status.Finding, error) {
	profile, err := s.src.lens.Learn(ctx, bytes.NewReader(p.Bad), p.BadMeta)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.Bad)), nil }
	if err := s.src.lens.Probe(ctx, open, p.BadMeta, profile); err != nil {
		return nil, err
	}
	return drift.Compare(s.baseline, profile), nil
}

// errFound ends a list.
var errFound = errors.New("found")

// badPayload is the oldest that an incident holds, or the one that a report is of;
// nil if it is not there any more.
func (f *feed) badPayload(ctx context.Context, s *search) (found *bus.Payload, err error) {
	if s.incident == "" {
		return f.rawPayload(ctx, s.bad)
	}
	err = f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
		if h.Incident != s.incident {
			return nil
		}
		found = &h.Payload
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

// rawPayload looks for a payload among those that were collected; nil if it is not
// kept any more.
func (f *feed) rawPayload(ctx context.Context, g payloadRef) (found *bus.Payload, err error) {
	if g.ID == "" {
		return nil, nil
	}
	err = f.conn.ReadRaw(ctx, f.id, g.Collected, func(p *bus.Payload) error {
		if p.ID != g.ID {
			return nil
		}
		found = p
		return errFound
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return found, err
}

// bytesOf is the beginning of a payload.
func (f *feed) bytesOf(ctx context.Context, p *bus.Payload) ([]byte, error) {
	body, err := f.conn.Open(ctx, p)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, repair.MaxBytes))
	if err != nil {
		return nil, fmt.Errorf("read payload %s: %w", p.ID, err)
	}
	return b, nil
}
