package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/plan"
)

// maxSample is how much of a report is kept to try schema documents with.
const maxSample = 16 << 10

// reportMemory is what a feed remembers of one kind of reports of a schema set, in
// a key of its own: there may be hundreds.
type reportMemory struct {
	// Schema is the document that a payload was read with last.
	Schema string `json:"schema"`
	// Sample is the beginning of that payload.
	Sample   []byte `json:"sample,omitempty"`
	Filename string `json:"filename,omitempty"`
	URL      string `json:"url,omitempty"`

	Baseline *drift.Profile `json:"-"`
	Flow     drift.Flow     `json:"flow,omitzero"`
}

type storedReport struct {
	reportMemory
	Baseline json.RawMessage `json:"baseline,omitempty"`
}

func reportKey(f bus.Feed, report string) string {
	return plan.Key(plan.PrefixBaseline, f.Namespace, f.Name, "report-"+report)
}

// readReport reads what is remembered of a report; nil if nothing.
func readReport(ctx context.Context, conn *bus.Conn, f bus.Feed, report string) (*reportMemory, error) {
	b, err := conn.State().Get(ctx, reportKey(f, report))
	switch {
	case errors.Is(err, bus.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read what is known of report %s: %w", report, err)
	}
	var s storedReport
	if json.Unmarshal(b, &s) != nil { // damaged: learned anew
		s = storedReport{}
	}
	m := s.reportMemory
	if len(s.Baseline) > 0 {
		m.Baseline, _ = drift.Decode(s.Baseline)
	}
	return &m, nil
}

// report is what is remembered of a report.
func (f *feed) report(ctx context.Context, name string) (*reportMemory, error) {
	if m := f.reports[name]; m != nil {
		return m, nil
	}
	m, err := readReport(ctx, f.conn, f.id, name)
	if err != nil {
		return nil, err
	}
	if m == nil {
		m = new(reportMemory)
	}
	f.reports[name] = m
	return m, nil
}

// history is what is remembered of what the lens is for.
func (f *feed) history(ctx context.Context, lens *drift.Lens) (*drift.History, error) {
	if lens.Report == "" {
		return &drift.History{Baseline: f.memory.Baseline, Flow: f.memory.Flow}, nil
	}
	m, err := f.report(ctx, lens.Report)
	if err != nil {
		return nil, err
	}
	return &drift.History{Baseline: m.Baseline, Flow: m.Flow}, nil
}

// learning is how much of a payload becomes known.
type learning int

const (
	learnFlow   learning = iota // that it came
	learnFormat                 // and its format, besides what is known
	learnAnew                   // and its format, instead of what was known
)

// learn remembers a payload that passed. What is known of a report is on disk when
// it returns; a crash before the rest of the memory is adds the payload once more.
func (f *feed) learn(ctx context.Context, r *reading, profile *drift.Profile, how learning) error {
	h, base, known := *r.history, r.base, r.history.Baseline
	if how == learnAnew || r.seeded {
		base = nil
	}
	if how != learnFlow {
		if base == nil {
			f.memory.Version++
		}
		f.memory.InForce.Learned = f.memory.InForce.Name != ""
	}
	h.Accept(base, profile, r.arrival())
	if how == learnFlow {
		h.Baseline = known
	}
	if r.lens.Report == "" {
		f.memory.Baseline, f.memory.Flow = h.Baseline, h.Flow
		return nil
	}
	m := &reportMemory{Schema: r.src.edition.doc.Digest, Sample: slices.Clone(r.sample.lines()), Filename: r.payload.Filename,
		URL: r.payload.URL, Baseline: h.Baseline, Flow: h.Flow}
	s := storedReport{reportMemory: *m}
	if h.Baseline != nil {
		var err error
		if s.Baseline, err = h.Baseline.Encode(); err != nil {
			return fmt.Errorf("baseline of report %s: %w", r.lens.Report, err)
		}
	}
	b, err := json.Marshal(&s)
	if err != nil {
		return fmt.Errorf("memory of report %s: %w", r.lens.Report, err)
	}
	if err := f.conn.State().Put(ctx, reportKey(f.id, r.lens.Report), b); err != nil {
		return err
	}
	f.reports[r.lens.Report] = m
	if at, known := slices.BinarySearch(f.memory.Reports, r.lens.Report); !known {
		f.memory.Reports = slices.Insert(f.memory.Reports, at, r.lens.Report)
	}
	return nil
}

// sample keeps the beginning of what is read.
type sample struct{ buf []byte }

func (s *sample) Write(b []byte) (int, error) {
	s.buf = append(s.buf, b[:min(len(b), maxSample-len(s.buf))]...)
	return len(b), nil
}

// lines are the whole lines, unless there is not even one.
func (s *sample) lines() []byte {
	if i := bytes.LastIndexByte(s.buf, '\n'); i >= 0 && len(s.buf) == maxSample {
		return s.buf[:i+1]
	}
	return s.buf
}

// suspect finds out whether a report that cannot be read at all could be read with
// the schema document before: then the one in force is to blame. A report that was
// read with it already is not its fault, nor one that was collected before.
func (f *feed) suspect(ctx context.Context, r *reading, out *outcome) (*complaint, error) {
	e := r.src.edition
	if e == nil || e.previous == nil || out.profile.Events > 0 || !r.payload.Collected.After(e.since) ||
		out.profile.Unreadable == "" && out.profile.Rejected == 0 {
		return nil, nil
	}
	before, err := drift.NewSetLens(&r.src.monitor.Spec, e.previous)
	if err != nil {
		return nil, err
	}
	meta := r.src.meta(r.payload)
	lens := before.Of(meta)
	if lens.Report == "" {
		return nil, nil
	}
	known, err := f.report(ctx, lens.Report)
	if err != nil || known.Schema == e.doc.Digest {
		return nil, err
	}
	body, err := r.conn.Open(ctx, r.payload)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	profile, err := lens.Learn(ctx, io.LimitReader(body, gateBytes), meta)
	if err != nil || profile.Events == 0 {
		return nil, err
	}
	return &complaint{Schema: e.doc.Digest, Text: fmt.Sprintf("report %s (payload %s of FeedSource %s) could be read before: %s",
		lens.Report, r.payload.ID, f.id.Name, reasonOf(out.profile))}, nil
}

// reasonOf is why nothing of a payload became events.
func reasonOf(p *drift.Profile) string {
	if p.Unreadable != "" {
		return p.Unreadable
	}
	for field, r := range p.Reasons {
		return field + ": " + r.First
	}
	return "no record became an event"
}

// counter is a sink that keeps the first reason of rejection.
type counter struct{ why string }

func (*counter) Event(*event.Event) error { return nil }

func (c *counter) Reject(r *parse.Rejection) error {
	if c.why == "" {
		c.why = strings.TrimPrefix(r.Field+": "+r.Reason, ": ")
	}
	return nil
}

// tryReport counts the events of a sample.
func tryReport(ctx context.Context, set *parse.Set, m *reportMemory) (events int64, why string, err error) {
	var stats parse.Stats
	sink := &counter{}
	meta := parse.Meta{Source: "example.canary", Filename: m.Filename, URL: m.URL, Collected: time.Now()}
	_, p, err := set.Parser(meta)
	if err == nil {
		stats, err = p.Parse(ctx, bytes.NewReader(m.Sample), meta, sink, nil)
	}
	var unreadable *parse.UnreadableError
	if errors.As(err, &unreadable) {
		return 0, unreadable.Reason, nil
	}
	return stats.Events, sink.why, err
}
