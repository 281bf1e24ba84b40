package parse

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/mapping"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// run is the way of one payload through a Parser.
type run struct {
	p      *Parser
	src    *source
	set    charset
	sink   Sink
	obs    Observer
	runner *mapping.Runner
	stats  Stats
	rec    Record
	event  event.Event
	// done counts what has become of records; takePart is the method part.
	done     int64
	takePart func() error
	// cells says for each input which cell it is; -1 if the table has no such
	// column.
	cells []int
	names []int // inputs that are the name of the record
	// inside: the observer sees the first part of a record, since there are inputs
	// that the record itself does not have. unseen: it has not seen this one yet.
	inside, unseen bool
	// rehearsal: only what is captured matters.
	rehearsal bool
	// groups count events of high frequency; nil if each is one of its own.
	groups   *groups
	captured map[string]string
}

func newRun(ctx context.Context, p *Parser, text io.Reader, set charset, m Meta, sink Sink, obs Observer) *run {
	r := &run{p: p, src: newSource(ctx, text, p.max), set: set, sink: sink, obs: obs, captured: map[string]string{}}
	r.takePart = r.part
	r.inside = obs != nil && p.program.Inside()
	r.rec.m.Values = make([]record.Value, len(p.inputs))
	r.runner = p.program.NewRunner(mapping.Meta{
		Source: m.Source, URL: m.URL, Filename: m.Filename, Collected: m.Collected,
		TLP: m.TLP, Restriction: m.Restriction,
	}, r.missing)
	if p.grouping != nil {
		r.groups = newGroups(r)
	}
	for i, in := range p.program.Inputs() {
		if in.Path.Has(record.Name) {
			r.names = append(r.names, i)
		}
	}
	return r
}

// columns binds the inputs to the columns of a table.
func (r *run) columns(names []string) error {
	names = r.spelled(names)
	r.rec.m.Columns = names
	r.cells = make([]int, len(r.p.inputs))
	for i, in := range r.p.inputs {
		r.cells[i] = slices.Index(names, in.Name)
		if r.cells[i] < 0 && i < len(r.p.program.Inputs()) { // those of a schema document have no position
			r.cells[i] = r.p.program.Inputs()[i].Position
		}
		if r.cells[i] < 0 {
			r.stats.Missing = append(r.stats.Missing, in.Name)
		}
	}
	if r.obs != nil {
		r.obs.Columns(names)
	}
	if s, ok := r.p.format.(*schemaSet); ok {
		return s.start(r, names)
	}
	if n := len(r.stats.Missing); n > 0 && n == len(r.p.inputs) {
		return &UnreadableError{"the header has none of the columns of the mapping (" +
			listed(r.stats.Missing) + "); it has: " + listed(names)}
	}
	return nil
}

// spelled gives columns that differ from an input of the mapping only in upper and
// lower case, or in the space around them, the name that the mapping uses.
func (r *run) spelled(names []string) []string {
	out := names
	for i := range r.p.inputs {
		want := r.p.inputs[i].Name
		if slices.Contains(names, want) {
			continue
		}
		alike := func(name string) bool { return strings.EqualFold(strings.TrimSpace(name), want) }
		at := slices.IndexFunc(names, alike)
		if at < 0 || slices.ContainsFunc(names[at+1:], alike) || r.uses(names[at]) {
			continue
		}
		if slices.Equal(out, names) {
			out = slices.Clone(names)
		}
		out[at] = want
	}
	return out
}

func (r *run) uses(name string) bool {
	return slices.ContainsFunc(r.p.inputs, func(in Input) bool { return in.Name == name })
}

// missing says why an input has no value in this payload.
func (r *run) missing(input int) string {
	if r.cells == nil || r.cells[input] >= 0 {
		return ""
	}
	return "column " + quoted(r.p.inputs[input].Name) + " is not in the header (has: " + listed(r.rec.m.Columns) + ")"
}

// listed is at most 20 names with commas between.
func listed(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + ", ..."
	}
	return strings.Join(names, ", ")
}

func quoted(name string) string { return `"` + name + `"` }

// row takes one row of a table; raw is its bytes in the payload.
func (r *run) row(cells []string, raw []byte) error {
	r.rec.m.Cells = cells
	for i, c := range r.cells {
		if c >= 0 && c < len(cells) {
			r.rec.m.Values[i] = record.Value{Text: cells[c], Kind: record.String}
		} else {
			r.rec.m.Values[i] = record.Value{}
		}
	}
	return r.record(raw)
}

// made takes a record that the reader has put into JSON; raw is its bytes in the
// payload, for the case that it is rejected. Both must stay as they are during the
// call, and text until the next record.
func (r *run) made(w *record.Walker, text, raw []byte, name string) error {
	if err := w.Extract(text, r.rec.m.Values); err != nil {
		return r.reject("malformed JSON: "+err.Error(), raw)
	}
	r.rec.m.JSON, r.rec.m.Name = record.Text(text), name
	if name != "" {
		for _, slot := range r.names {
			r.rec.m.Values[slot] = record.Value{Text: name, Kind: record.String}
		}
	}
	return r.record(raw)
}

// pass counts a record that the format itself does not mean to be one.
func (r *run) pass(reason string) {
	if r.rehearsal {
		return
	}
	r.stats.Records++
	r.skipped(reason)
}

// maxPassed bounds how many different reasons of passAs are counted.
const maxPassed = 64

// passAs is pass with a reason that is made of what the payload says.
func (r *run) passAs(reason string) {
	if _, ok := r.stats.Skipped[reason]; !ok && len(r.stats.Skipped) >= maxPassed {
		reason = "other"
	}
	r.pass(strings.Clone(reason))
}

func (r *run) skipped(reason string) {
	if r.stats.Skipped == nil {
		r.stats.Skipped = map[string]int64{}
	}
	r.stats.Skipped[reason]++
	r.done++
}

// record takes the record that has been read through all that follows.
func (r *run) record(raw []byte) error {
	if r.rehearsal {
		return nil
	}
	r.stats.Records++
	r.rec.raw = raw
	if r.unseen = r.obs != nil; !r.inside {
		r.observe()
	}
	before := r.done
	fail, err := r.runner.Explode(&r.rec.m, r.takePart)
	r.observe()
	if fail != nil {
		return r.refuse(fail.Field, fail.Reason, raw)
	}
	r.stats.Exploded += max(r.done-before-1, 0)
	return err
}

// observe shows the record to the observer, once.
func (r *run) observe() {
	if r.unseen {
		r.unseen = false
		r.obs.Record(&r.rec)
	}
}

// part takes the record, or one of those that it was exploded into.
func (r *run) part() error {
	r.observe()
	if fail := r.runner.Derive(&r.rec.m); fail != nil {
		return r.refuse(fail.Field, fail.Reason, r.rec.raw)
	}
	reason, skip, fail := r.runner.Skip(&r.rec.m)
	switch {
	case fail != nil:
		return r.refuse(fail.Field, fail.Reason, r.rec.raw)
	case skip:
		r.skipped(reason)
		return nil
	}
	before := r.done
	for i := range r.p.program.Variants() {
		emits, fail := r.runner.Emits(i)
		if !emits && fail == nil {
			continue
		}
		if fail == nil {
			r.event.Reset()
			fail = r.runner.Map(i, &r.rec.m, &r.event)
		}
		var err error
		if fail != nil {
			err = r.refuse(fail.Field, fail.Reason, r.rec.raw)
		} else {
			err = r.emit()
		}
		if err != nil {
			return err
		}
	}
	if r.done == before {
		r.skipped(noEmit)
	}
	return nil
}

// noEmit is why a record is skipped that no emit rule is for.
const noEmit = "no-emit"

// emit gives the event that has been mapped to the sink, or to its group.
func (r *run) emit() error {
	if r.groups != nil {
		return r.groups.add(&r.event)
	}
	r.done++
	r.event.ID = event.ComputeID(&r.event)
	r.stats.Events++
	return r.sink.Event(&r.event)
}

// reject counts a record that could not be read, and refuses it.
func (r *run) reject(reason string, raw []byte) error {
	if r.rehearsal {
		return nil
	}
	r.stats.Records++
	return r.refuse("", reason, raw)
}

func (r *run) refuse(field, reason string, raw []byte) error {
	r.stats.Rejected++
	r.done++
	return r.sink.Reject(&Rejection{Reason: reason, Field: field, Record: raw[:min(len(raw), maxRejected)]})
}
