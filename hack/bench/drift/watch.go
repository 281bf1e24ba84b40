package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

// settled is from when on the monitor looks at columns that no rule reads only
// when something has changed.
const settled = 4

// watch is what the monitor does with the payloads of a feed.
type watch struct {
	lens *drift.Lens
	hist drift.History
	// last is the last payload that was accepted.
	last *payload
}

func newWatch(f *feed) (*watch, error) {
	lens, err := drift.NewLens(f.spec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f, err)
	}
	return &watch{lens: lens}, nil
}

// fork is a copy that learns on its own.
func (w *watch) fork() (*watch, error) {
	data, err := json.Marshal(&w.hist)
	if err != nil {
		return nil, err
	}
	c := &watch{lens: w.lens, last: w.last}
	return c, json.Unmarshal(data, &c.hist)
}

func arrival(p *payload) drift.Arrival {
	return drift.Arrival{Collected: p.at, Digest: p.digest}
}

type nothing struct{}

func (nothing) Event(*event.Event) error      { return nil }
func (nothing) Reject(*parse.Rejection) error { return nil }

// judge reads a payload as the monitor does, and tells what is found.
func (w *watch) judge(p *payload) (*drift.Profile, []status.Finding, error) {
	ctx := context.Background()
	profiler := w.lens.Profiler()
	_, err := w.lens.Parse(ctx, bytes.NewReader(p.bytes), p.meta, nothing{}, profiler)
	if unreadable := (*parse.UnreadableError)(nil); err != nil && !errors.As(err, &unreadable) {
		return nil, nil, err
	}
	profile := profiler.Profile()
	base := w.hist.Baseline.For(w.lens)
	a := arrival(p)
	findings := w.hist.Judge(base, profile, a)
	fresh := base == nil || base.Payloads < settled || len(findings) > 0
	if drift.Breaking(findings) || fresh && base.Wants(profile) {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.bytes)), nil }
		if err := w.lens.Probe(ctx, open, p.meta, profile); err != nil {
			return nil, nil, err
		}
		if better := w.hist.Judge(base, profile, a); drift.Breaking(better) {
			findings = better
		}
	}
	return profile, findings, nil
}

func (w *watch) accept(p *payload, profile *drift.Profile) {
	w.hist.Accept(w.hist.Baseline.For(w.lens), profile, arrival(p))
	w.last = p
}

// bytes is how much state there is.
func (w *watch) bytes() int {
	b, err := w.hist.Baseline.Encode()
	if err != nil {
		return 0
	}
	flow, err := json.Marshal(w.hist.Flow)
	if err != nil {
		return len(b)
	}
	return len(b) + len(flow)
}

// events are what a Parser makes of a payload, as sorted digests. ok is false if
// it cannot be read.
func events(s *v1alpha1.ParserSpec, p *payload) (digests []uint64, ok bool) {
	parser, err := parse.Compile(s)
	if err != nil {
		return nil, false
	}
	var sink digester
	if _, err := parser.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, &sink, nil); err != nil {
		return sink.events, false
	}
	slices.Sort(sink.events)
	return sink.events, true
}

// eventLines are what a Parser makes of a payload, in JSON.
func eventLines(s *v1alpha1.ParserSpec, p *payload) []string {
	parser, err := parse.Compile(s)
	if err != nil {
		return nil
	}
	var sink liner
	_, _ = parser.Parse(context.Background(), bytes.NewReader(p.bytes), p.meta, &sink, nil) // what can be read
	return sink.lines
}

type liner struct{ lines []string }

func (s *liner) Event(e *event.Event) error {
	s.lines = append(s.lines, string(event.AppendJSON(nil, e)))
	return nil
}

func (s *liner) Reject(*parse.Rejection) error { return nil }

type digester struct {
	events []uint64
	line   []byte
}

func (s *digester) Event(e *event.Event) error {
	s.line = event.AppendJSON(s.line[:0], e)
	h := fnv.New64a()
	_, _ = h.Write(s.line)
	s.events = append(s.events, h.Sum64())
	return nil
}

func (s *digester) Reject(*parse.Rejection) error { return nil }
