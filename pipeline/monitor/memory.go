package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// memory is what a feed remembers from payload to payload, in one key of the
// state bucket: it changes as a whole or not at all.
type memory struct {
	Payloads int64 `json:"payloads"`
	Records  int64 `json:"records"`
	Events   int64 `json:"events"`
	Skipped  int64 `json:"skipped"`
	Rejected int64 `json:"rejected"`

	// Last is the payload that was accounted for last; it may come once more.
	Last string `json:"last,omitempty"`
	// Note is what the last payload gave cause to say; Broken tells that its
	// format had changed and only valid records passed.
	Note   string `json:"note,omitempty"`
	Broken bool   `json:"broken,omitempty"`

	// Good is the last payload that was as it should be.
	Good payloadRef `json:"good,omitzero"`
	// Report is the change that was told last, of the payload ReportOf; Seen are those
	// that were told lately.
	Report   *status.Incident `json:"report,omitempty"`
	ReportOf payloadRef       `json:"reportOf,omitzero"`
	Seen     []reported       `json:"seen,omitempty"`
	// Retired says that the publisher has given the feed up.
	Retired string `json:"retired,omitempty"`

	// InForce is the announced Parser that has taken over.
	InForce inForce `json:"inForce,omitzero"`
	// Searched is what a repair was looked for last.
	Searched string `json:"searched,omitempty"`

	// Incident is open while something is held.
	Incident *status.Incident `json:"incident,omitempty"`
	// Checked is the Parser that what is held was last checked with.
	Checked string `json:"checked,omitempty"`
	// Renewed is the incident whose first adopted payload replaced the baseline;
	// Released the payload of it that was accounted for last.
	Renewed  string `json:"renewed,omitempty"`
	Released string `json:"released,omitempty"`
	// Replayed is the id of the last replay that is done.
	Replayed string `json:"replayed,omitempty"`
	// Reports of a schema set that have come, sorted; each has a memory of its own.
	Reports []string `json:"reports,omitempty"`
	// Complaint is about the schema document that they are read with.
	Complaint *complaint `json:"complaint,omitempty"`
	// Schema is for the feed of the schema documents.
	Schema schemaMemory `json:"schema,omitzero"`

	// Version counts the baselines, one after the other.
	Version int64 `json:"version,omitempty"`
	// Baseline is the format that was accepted; nil before the first payload. It
	// follows compatible payloads, but not while an incident is open.
	Baseline *drift.Profile `json:"-"`
	// Flow is how payloads come.
	Flow drift.Flow `json:"flow,omitzero"`
}

// stored is memory as it is in the bucket.
type stored struct {
	memory
	Baseline json.RawMessage `json:"baseline,omitempty"`
}

func (m *memory) count(s parse.Stats) {
	m.Records += s.Records + s.Exploded
	m.Events += s.Events
	m.Skipped += skipped(s)
	m.Rejected += s.Rejected
}

func skipped(s parse.Stats) (n int64) {
	for _, v := range s.Skipped {
		n += v
	}
	return n
}

// note remembers what there is to say about a payload that passed.
func (m *memory) note(out *outcome) {
	m.Note, m.Broken = "", out.breaking
	if out.breaking {
		m.Note = out.summary()
	}
}

func (f *feed) memoryKey() string { return StateKey(f.id) }

// StateKey is where the state bucket has what a monitor remembers of a feed.
func StateKey(f bus.Feed) string { return plan.Key(plan.PrefixBaseline, f.Namespace, f.Name) }

// recall loads the memory and finds out what is held.
func (f *feed) recall(ctx context.Context) error {
	f.memory = new(memory)
	clear(f.held)
	clear(f.reports)
	b, err := f.conn.State().Get(ctx, f.memoryKey())
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return fmt.Errorf("read baseline of %s: %w", f.id, err)
	}
	if err == nil {
		f.decode(b)
	}
	var oldest *bus.Held
	err = f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
		f.held[h.Payload.ID] = h.Incident
		if oldest == nil {
			oldest = h
		}
		return nil
	})
	if err != nil {
		return err
	}
	if oldest != nil && f.memory.Incident == nil { // a crash came between holding and remembering
		f.memory.Incident = &status.Incident{ID: oldest.Incident, Opened: oldest.Since, Summary: oldest.Reason,
			Class: drift.ClassBreakingSilent}
	}
	return nil
}

// decode reads a memory. One that is damaged is as good as none: counts start
// again and the format is learned anew.
func (f *feed) decode(b []byte) {
	var s stored
	if err := json.Unmarshal(b, &s); err != nil {
		f.log.Error(err, "memory is damaged, the format is learned anew")
		return
	}
	*f.memory = s.memory
	if len(s.Baseline) == 0 {
		return
	}
	baseline, err := drift.Decode(s.Baseline)
	if err != nil {
		f.log.Error(err, "baseline is damaged, the format is learned anew")
	}
	f.memory.Baseline = baseline
}

// save writes the memory.
func (f *feed) save(ctx context.Context) error {
	s := stored{memory: *f.memory}
	if f.memory.Baseline != nil {
		b, err := f.memory.Baseline.Encode()
		if err != nil {
			return fmt.Errorf("baseline of %s: %w", f.id, err)
		}
		s.Baseline = b
	}
	b, err := json.Marshal(&s)
	if err != nil {
		return fmt.Errorf("memory of %s: %w", f.id, err)
	}
	return f.conn.State().Put(ctx, f.memoryKey(), b)
}
