package monitor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

// gateBytes is how much comes out of a payload before its format is judged. The
// events of a payload with less are published when all of it was judged.
const gateBytes = 4 << 20

// maxLine is what a block of the bus takes.
const maxLine = 1 << 20

// settled is how many payloads it takes until a baseline is asked only on changes
// whether it wants to know more about columns that no rule uses.
const settled = 4

// errHeld ends the parsing of a payload that is to be held.
var errHeld = errors.New("payload is held")

// reading is one payload on its way through the Parser.
//
// What comes out is kept back until the format is judged: at the end of the
// payload, or after gateBytes. A long payload that breaks later is held all the
// same, and what is out of it already stays out; its ids are the same when the
// payload is read again.
type reading struct {
	src     *source
	lens    *drift.Lens // of src, or of the report
	payload *bus.Payload
	history *drift.History
	base    *drift.Profile // the baseline, as far as it holds; nil: nothing is known
	seeded  bool           // base is made of the examples of the Parser: nothing was accepted yet
	conn    *bus.Conn
	// gated: what the policy of the feed wants is done. Otherwise everything passes.
	gated bool
	// strict: a breaking change holds the payload, whatever the policy wants.
	strict bool
	// timely: the payload has just come; when and how much is judged, too.
	timely bool
	// run is added to the message ids of this run.
	run string

	ctx      context.Context //nolint:containedctx // sinks take none; it lives as long as the call
	profiler *drift.Profiler
	gate     gate
	open     bool
	events   *bus.LineWriter
	rejected *bus.LineWriter
	line     []byte
	tooLong  int64 // events
	sample   sample
}

// gate keeps lines back.
type gate struct{ events, rejected []byte }

var gates = sync.Pool{New: func() any { return new(gate) }}

// outcome is what became of a payload.
type outcome struct {
	held     bool
	retired  bool // nothing passed: the publisher has given the feed up
	breaking bool
	findings []status.Finding
	profile  *drift.Profile
	stats    parse.Stats
}

func (o *outcome) summary() string { return drift.Summarize(o.findings) }

func (f *feed) reading(ctx context.Context, src *source, p *bus.Payload) (*reading, error) {
	lens := src.lens.Of(src.meta(p))
	h, err := f.history(ctx, lens)
	if err != nil {
		return nil, err
	}
	r := &reading{src: src, lens: lens, payload: p, history: h, base: h.Baseline.For(lens), conn: f.conn, run: src.run}
	if f.memory.InForce.Name == src.monitor.Name && !f.memory.InForce.Learned {
		r.base = nil // it is that of the Parser before
	} else if h.Baseline == nil {
		r.base = lens.Seed(ctx)
		r.seeded = r.base != nil
	}
	return r, nil
}

// arrival is what is known of the payload besides its bytes.
func (r *reading) arrival() drift.Arrival {
	return drift.Arrival{Collected: r.payload.Collected, Digest: r.payload.Digest}
}

// compare explains a profile. whole tells that it is that of the whole payload.
func (r *reading) compare(profile *drift.Profile, whole bool) []status.Finding {
	if r.timely && whole {
		return r.history.Judge(r.base, profile, r.arrival())
	}
	return drift.Compare(r.base, profile)
}

// parse sends the payload through the Parser and the gate.
func (r *reading) parse(ctx context.Context) (*outcome, error) {
	body, err := r.conn.Open(ctx, r.payload)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	r.ctx = ctx
	r.profiler = r.lens.Profiler()
	g := gates.Get().(*gate)
	defer gates.Put(g)
	r.gate = gate{g.events[:0], g.rejected[:0]}
	defer func() { *g = r.gate }()

	var in io.Reader = body
	if r.lens.Report != "" {
		in = io.TeeReader(body, &r.sample)
	}
	stats, err := r.lens.Parse(ctx, in, r.src.meta(r.payload), r, r.profiler)
	var unreadable *parse.UnreadableError
	switch {
	case errors.Is(err, errHeld):
		return &outcome{held: true}, nil
	case errors.As(err, &unreadable):
		err = nil
		if !r.gated { // somebody wanted it to pass: the trace that it leaves is a rejected record
			stats.Records, stats.Rejected = stats.Records+1, stats.Rejected+1
			err = r.Reject(&parse.Rejection{Reason: unreadable.Error()})
		}
	}
	if err != nil {
		return nil, err
	}
	stats.Events, stats.Rejected = stats.Events-r.tooLong, stats.Rejected+r.tooLong
	out := &outcome{stats: stats, profile: r.profiler.Profile()}
	out.findings = r.compare(out.profile, true)
	if r.gated {
		switch r.action(out.profile, out.findings) {
		case v1alpha1.FormatHold:
			out.held = true
			return out, r.close()
		case v1alpha1.FormatRetire:
			out.retired = true
			return out, r.close()
		}
	}
	if err := r.pass(); err != nil {
		return nil, err
	}
	return out, r.close()
}

// execute parses the payload and explains what is wrong with it. All that came out is
// on disk when it returns.
func (r *reading) execute(ctx context.Context) (*outcome, error) {
	out, err := r.parse(ctx)
	if err != nil {
		return nil, fmt.Errorf("payload %s: %w", r.payload.ID, err)
	}
	whole := out.profile != nil
	if !whole { // it was held before its end
		out.profile = r.profiler.Profile()
		out.findings = r.compare(out.profile, false)
	}
	out.breaking = drift.Breaking(out.findings)
	fresh := r.base == nil || r.base.Payloads < settled || len(out.findings) > 0
	if out.breaking || fresh && r.base.Wants(out.profile) {
		open := func() (io.ReadCloser, error) { return r.conn.Open(ctx, r.payload) }
		if err := r.lens.Probe(ctx, open, r.src.meta(r.payload), out.profile); err != nil {
			return nil, fmt.Errorf("payload %s: %w", r.payload.ID, err)
		}
		if better := r.compare(out.profile, whole); drift.Breaking(better) {
			out.findings = better
		}
	}
	if r.src.feed.FormatPolicy.Redact {
		out.findings = redact(out.findings, r.base, out.profile)
	}
	return out, nil
}

// judge returns errHeld if what was seen so far must not pass.
func (r *reading) judge() error {
	profile := r.profiler.Profile()
	if r.action(profile, r.compare(profile, false)) == v1alpha1.FormatHold {
		return errHeld
	}
	return nil
}

// action is what the policy wants. Of what cannot be read as a whole there is no
// valid part.
func (r *reading) action(profile *drift.Profile, findings []status.Finding) v1alpha1.FormatAction {
	a := action(&r.src.feed.FormatPolicy, findings)
	if a == v1alpha1.FormatEmitValid && profile.Unreadable != "" || r.strict && drift.Breaking(findings) {
		return v1alpha1.FormatHold
	}
	return a
}

// Event takes an event from the Parser.
func (r *reading) Event(e *event.Event) error {
	r.line = event.AppendJSON(r.line[:0], e)
	if len(r.line) > maxLine {
		r.tooLong++
		return r.Reject(&parse.Rejection{Reason: fmt.Sprintf("the event is %d bytes long, at most %d can be published",
			len(r.line), maxLine)})
	}
	if r.open {
		return r.events.Append(r.ctx, r.line)
	}
	r.gate.events = append(append(r.gate.events, r.line...), '\n')
	return r.knock()
}

// rejection is the line of a rejected record.
type rejection struct {
	Reason  string `json:"reason"`
	Field   string `json:"field,omitempty"`
	Record  string `json:"record"`
	Payload string `json:"payload"`
}

// Reject takes a rejected record from the Parser.
func (r *reading) Reject(x *parse.Rejection) error {
	line, err := json.Marshal(rejection{x.Reason, x.Field, strings.ToValidUTF8(string(x.Record), "\uFFFD"), r.payload.ID})
	if err != nil {
		return fmt.Errorf("rejected record: %w", err)
	}
	if r.open {
		return r.rejected.Append(r.ctx, line)
	}
	r.gate.rejected = append(append(r.gate.rejected, line...), '\n')
	return r.knock()
}

// knock opens the gate when enough waits behind it and the format is as it
// should be.
func (r *reading) knock() error {
	if len(r.gate.events)+len(r.gate.rejected) < gateBytes {
		return nil
	}
	if r.gated {
		if err := r.judge(); err != nil {
			return err
		}
	}
	return r.pass()
}

// pass publishes what was kept back and lets the rest through.
func (r *reading) pass() error {
	if r.open {
		return nil
	}
	r.open = true
	p := r.payload
	r.events = r.conn.NewEventWriter(p.Feed, r.src.feed.Source, p.ID, r.run)
	r.rejected = r.conn.NewRejectedWriter(p.Feed, r.src.feed.Source, p.ID, r.run+".rejected")
	if err := r.appendAll(r.events, r.gate.events); err != nil {
		return err
	}
	return r.appendAll(r.rejected, r.gate.rejected)
}

func (r *reading) appendAll(w *bus.LineWriter, lines []byte) error {
	for len(lines) > 0 {
		end := bytes.IndexByte(lines, '\n')
		if err := w.Append(r.ctx, lines[:end]); err != nil {
			return err
		}
		lines = lines[end+1:]
	}
	return nil
}

// close waits until everything is on disk.
func (r *reading) close() error {
	if !r.open {
		return nil
	}
	if err := r.events.Close(r.ctx); err != nil {
		return err
	}
	return r.rejected.Close(r.ctx)
}
