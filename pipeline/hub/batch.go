package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
)

// batch is the events of some blocks, and who gets them. Its memory is used again
// for the next.
type batch struct {
	events []*event.Event
	block  []*bus.Block // of each event
	place  []int32      // of each event in its block, from 0
	size   map[*bus.Block]int
	inside [][]int32 // subscribers that get an event in the inside zone
	groups [][]int32 // groups that get it in the threats zone; not ours to change

	rejected map[*bus.Block][][]byte
	spare    []*event.Event
	fan      fan
}

func (b *batch) reset() {
	b.spare = append(b.spare, b.events...)
	b.events = b.events[:0]
	b.block = b.block[:0]
	b.place = b.place[:0]
	b.groups = b.groups[:0]
	clear(b.rejected)
	clear(b.size)
}

func (b *batch) event() *event.Event {
	if n := len(b.spare); n > 0 {
		e := b.spare[n-1]
		b.spare = b.spare[:n-1]
		e.Reset()
		return e
	}
	return new(event.Event)
}

// decode reads the lines of a block. A line that is no event must not hold up the
// others: it goes where rejected records go.
func (b *batch) decode(block *bus.Block) {
	place := int32(-1)
	for line := range bytes.Lines(block.Lines) {
		place++
		line = bytes.TrimSuffix(line, []byte("\n"))
		if len(line) == 0 {
			continue
		}
		e := b.event()
		err := decode(line, e)
		if err != nil {
			b.spare = append(b.spare, e)
			if b.rejected == nil {
				b.rejected = map[*bus.Block][][]byte{}
			}
			b.rejected[block] = append(b.rejected[block], rejection(line, err))
			continue
		}
		b.events = append(b.events, e)
		b.block = append(b.block, block)
		b.place = append(b.place, place)
	}
}

// maxLine bounds the line of an event that comes in. It leaves room for the owners
// that the hub adds, before the bus refuses the line on its way out.
const maxLine = 2 << 20

// decode reads an event, and refuses one that the bus or no store takes: it would
// be tried for ever. Whatever else may be wrong with it was the validator's
// business.
func decode(line []byte, e *event.Event) error {
	if len(line) > maxLine {
		return fmt.Errorf("it has %d bytes, at most %d are allowed", len(line), maxLine)
	}
	if err := event.DecodeJSON(line, e); err != nil {
		return err
	}
	switch {
	case e.ID.IsZero():
		return &event.FieldError{Field: "id", Reason: "is missing"}
	case e.Time.IsZero() || e.Time.Year() < 1:
		return &event.FieldError{Field: "time", Reason: "is missing or before the year 1"}
	case e.Source == "":
		return &event.FieldError{Field: "source", Reason: "is missing"}
	}
	return nil
}

// maxRejected bounds what is kept of a line that is no event.
const maxRejected = 16 << 10

// rejection is the line on the rejected subject for a line that is no event.
func rejection(line []byte, cause error) []byte {
	r := struct {
		Reason string `json:"reason"`
		Field  string `json:"field,omitempty"`
		Record string `json:"record"`
	}{Reason: "the hub cannot read the event: " + cause.Error(), Record: string(line[:min(len(line), maxRejected)])}
	var fe *event.FieldError
	if errors.As(cause, &fe) {
		r.Field = fe.Field
	}
	out, err := json.Marshal(r)
	if err != nil { // strings always marshal
		return []byte(`{"reason":"the hub cannot read the event","record":""}`)
	}
	return out
}

// grow adds what an event gets in the hub to the size of its block. The size of a
// block is that of all its events, whoever gets which of them, so that it is the
// same when the block comes again.
func (b *batch) grow(block *bus.Block, e *event.Event) {
	if b.size == nil {
		b.size = map[*bus.Block]int{}
	}
	if b.size[block] == 0 {
		b.size[block] = len(block.Lines)
	}
	n := 64 // the time of recording
	for _, c := range e.Client {
		n += len(c) + 3
	}
	b.size[block] += n
}

// match finds whom each event concerns and writes the owners into it.
func (h *Hub) match(cfg *config, b *batch) {
	for i, e := range b.events {
		cfg.index.Match(e, &h.matches)
		e.Client = append(e.Client[:0], h.matches.Client...)
		b.grow(b.block[i], e)
		if i == len(b.inside) {
			b.inside = append(b.inside, nil)
		}
		b.inside[i] = append(b.inside[i][:0], h.matches.Inside...)
		b.groups = append(b.groups, h.matches.Threats)
	}
}

// handle works on the blocks of one call of ConsumeEvents. Any failure is "not
// now": the store or the bus cannot take the events, and no later event may
// overtake them into oblivion.
func (h *Hub) handle(ctx context.Context, blocks []*bus.Block) error {
	start := time.Now()
	err := h.work(ctx, blocks)
	h.meter.batchSeconds.Observe(time.Since(start).Seconds())
	switch {
	case err == nil:
		h.report.succeed()
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", bus.ErrWait, err)
	}
	h.meter.failures.Inc()
	if h.report.fail(reasonOf(err), err.Error()) {
		h.log.Error(err, "events wait, trying again")
	}
	return fmt.Errorf("%w: %w", bus.ErrWait, err)
}

func (h *Hub) work(ctx context.Context, blocks []*bus.Block) error {
	cfg := h.configs.current()
	b := &h.batch
	b.reset()
	for _, block := range blocks {
		// Not whether the namespace is there still: what it sent while it was is
		// the exchange's.
		if !h.takes(block.Feed.Namespace) {
			return &strayError{block.Feed, h.exchange}
		}
		b.decode(block)
	}
	for block, lines := range b.rejected {
		if err := h.reject(ctx, block, lines); err != nil {
			return fmt.Errorf("publish %d unreadable events of %s as rejected: %w", len(lines), block.Feed, err)
		}
		h.log.Info("unreadable events were rejected", "feed", block.Feed.String(), "count", len(lines))
	}
	h.match(cfg, b)
	recorded, delivered := 0, tally{}
	err := h.record(ctx, b, func(fresh []bool) error {
		recorded = 0
		for _, f := range fresh {
			if f {
				recorded++
			}
		}
		var err error
		delivered, err = h.deliver(ctx, cfg, b, fresh)
		return err
	})
	if err != nil {
		return err
	}
	h.sent.forget()
	rejected := 0
	for _, lines := range b.rejected {
		rejected += len(lines)
	}
	h.meter.count(len(b.events), recorded, rejected, delivered)
	h.report.add(int64(len(b.events)+rejected), int64(recorded), delivered.total())
	return nil
}

// record skips the store for a batch of nothing.
func (h *Hub) record(ctx context.Context, b *batch, before func([]bool) error) error {
	if len(b.events) == 0 {
		return nil
	}
	var inner error
	err := h.store.Record(ctx, b.events, func(fresh []bool) error {
		inner = before(fresh)
		return inner
	})
	if err != nil && inner == nil {
		return &storeError{err}
	}
	return err
}

// rejectOnBus publishes lines on the rejected subject of the block's feed.
func (h *Hub) rejectOnBus(ctx context.Context, block *bus.Block, lines [][]byte) error {
	w := h.conn.NewRejectedWriter(block.Feed, block.Source, block.Payload, "hub."+block.ID)
	for _, l := range lines {
		if err := w.Append(ctx, l); err != nil {
			return err
		}
	}
	return w.Close(ctx)
}

// storeError is a failure of the store, as opposed to one of delivery.
type storeError struct{ err error }

func (e *storeError) Error() string { return "record events: " + e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// strayError is an event that is not this exchange's. It is not dropped: whoever
// connected two exchanges to one bus must hear of it.
type strayError struct {
	feed bus.Feed
	hub  plan.Ref
}

func (e *strayError) Error() string {
	return fmt.Sprintf("events of %s reached the hub %s, which does not work for that namespace; give each exchange a bus or a consumer of its own", e.feed, e.hub)
}
