package hub

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/policy"
)

// Zones of delivered blocks and of searches.
const (
	ZoneInside  = "inside"
	ZoneThreats = "threats"
	ZoneSearch  = "search"
)

// maxPublishers bounds how many subscriptions are delivered to at once: enough
// that the bus writes many messages for one wait, few enough that their blocks
// fit into memory (64 KiB each).
const maxPublishers = 64

// delivery is events of one block for one zone of one subscription.
type delivery struct {
	subscription plan.Ref
	zone         string
	onBus        string // the zone as the bus has it; see DeliveryZone
	source       string // as the subscriber may see it
	block        *bus.Block
	lines        [][]byte
	places       []int32 // of the lines in the block
	size         int     // of the block with what the hub adds to its events
}

// tally counts delivered events by zone.
type tally struct{ inside, threats int64 }

func (t tally) total() int64 { return t.inside + t.threats }

// The two forms of an event. Clearance decides whether it is shown, but of the
// form only full access does; so two encodings serve all subscribers.
const (
	redacted = iota
	full
	forms
)

func formOf(c policy.Clearance) int {
	if c.FullAccess {
		return full
	}
	return redacted
}

// fan is the fresh events of a batch by who gets them, and their encodings.
type fan struct {
	inside  map[int32][]int32 // subscriber to events
	threats map[int32][]int32 // group to events
	spans   [forms][]span     // by event
	text    []byte
}

type span struct{ start, end int }

func (f *fan) reset(events int) {
	if f.inside == nil {
		f.inside, f.threats = map[int32][]int32{}, map[int32][]int32{}
	}
	clear(f.inside)
	clear(f.threats)
	for i := range f.spans {
		f.spans[i] = append(f.spans[i][:0], make([]span, events)...)
	}
	f.text = f.text[:0]
}

// line is the encoding of an event, once encode was called for it.
func (f *fan) line(form int, e int32) []byte {
	s := f.spans[form][e]
	return f.text[s.start:s.end]
}

func (f *fan) encode(form int, events []int32, b *batch, v *policy.Viewer) {
	for _, i := range events {
		s := &f.spans[form][i]
		if s.end > 0 {
			continue
		}
		s.start = len(f.text)
		f.text = event.AppendJSON(f.text, v.View(b.events[i]))
		s.end = len(f.text)
	}
}

// deliver publishes the fresh events to every subscription that gets them.
func (h *Hub) deliver(ctx context.Context, cfg *config, b *batch, fresh []bool) (tally, error) {
	f := &b.fan
	f.reset(len(b.events))
	for i := range b.events {
		if !fresh[i] {
			continue
		}
		for _, s := range b.inside[i] {
			f.inside[s] = append(f.inside[s], int32(i))
		}
		for _, g := range b.groups[i] {
			f.threats[g] = append(f.threats[g], int32(i))
		}
	}
	todo, count := f.sort(cfg, b)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(maxPublishers)
	for s, deliveries := range todo {
		g.Go(func() error { return h.deliverTo(ctx, cfg.subscribers[s], deliveries) })
	}
	return count, g.Wait()
}

// deliverTo publishes in order what one subscription gets.
func (h *Hub) deliverTo(ctx context.Context, s *subscriber, deliveries [][]delivery) error {
	for _, d := range slices.Concat(deliveries...) {
		d.subscription, d.onBus = s.name, s.onBus[d.zone]
		if h.sent.has(d) {
			continue
		}
		if err := h.publish(ctx, d); err != nil {
			return fmt.Errorf("deliver to subscription %s: %w", s.name, err)
		}
		h.sent.add(d)
	}
	return nil
}

// sort encodes what is needed and lists by subscriber what each gets. The members
// of a group share one list.
func (f *fan) sort(cfg *config, b *batch) (map[int32][][]delivery, tally) {
	viewers := [forms]policy.Viewer{
		redacted: {Sources: cfg.sources},
		full:     {Clearance: policy.Clearance{FullAccess: true}},
	}
	// All are encoded before the first is cut: the text moves while it grows.
	encode := func(s int32, events []int32) {
		form := formOf(cfg.subscribers[s].clearance)
		f.encode(form, events, b, &viewers[form])
	}
	for s, events := range f.inside {
		encode(s, events)
	}
	for g, events := range f.threats {
		encode(cfg.index.Group(g)[0], events)
	}
	todo := map[int32][][]delivery{}
	var count tally
	for s, events := range f.inside {
		todo[s] = append(todo[s], f.cut(cfg, b, s, ZoneInside, events))
		count.inside += int64(len(events))
	}
	for g, events := range f.threats {
		members := cfg.index.Group(g)
		cut := f.cut(cfg, b, members[0], ZoneThreats, events)
		for _, s := range members {
			todo[s] = append(todo[s], cut)
		}
		count.threats += int64(len(events)) * int64(len(members))
	}
	return todo, count
}

// cut makes a delivery of the events of each block, since message ids are made of
// the ids of blocks: when a batch is repeated its blocks may come in other company.
// s is the subscriber, or one of several with the same clearance.
func (f *fan) cut(cfg *config, b *batch, s int32, zone string, events []int32) []delivery {
	form := formOf(cfg.subscribers[s].clearance)
	lines, places := make([][]byte, len(events)), make([]int32, len(events))
	for i, e := range events {
		lines[i], places[i] = f.line(form, e), b.place[e]
	}
	var cuts []delivery
	for from := 0; from < len(events); {
		block := b.block[events[from]]
		to := from + 1
		for to < len(events) && b.block[events[to]] == block {
			to++
		}
		d := delivery{zone: zone, source: block.Source, block: block, lines: lines[from:to], places: places[from:to], size: b.size[block]}
		if form == redacted {
			d.source = cfg.sources.Shown(block.Source)
		}
		cuts = append(cuts, d)
		from = to
	}
	return cuts
}

// A delivery is one message. One that is far larger than the block that it is of,
// because of owners, is cut, partLines of the block's lines each.
const (
	maxDelivery = 512 << 10
	partLines   = 4
)

// publishOnBus publishes a delivery. When it is repeated after a crash, some of its
// events may be recorded already and missing, and the others have another time of
// recording, of another length. So neither the lines nor their sizes may decide
// which line is in the message of which id: an event at a boundary would be lost or
// doubled. The block does, and places in it.
func (h *Hub) publishOnBus(ctx context.Context, d delivery) error {
	if d.size <= maxDelivery {
		return h.publishPart(ctx, d, d.block.ID)
	}
	for from := 0; from < len(d.lines); {
		part, to := d.places[from]/partLines, from
		for to < len(d.lines) && d.places[to]/partLines == part {
			to++
		}
		some := d
		some.lines = d.lines[from:to]
		if err := h.publishPart(ctx, some, d.block.ID+"/"+strconv.Itoa(int(part))); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (h *Hub) publishPart(ctx context.Context, d delivery, id string) error {
	w := h.conn.NewDeliverWriter(d.subscription.Namespace, d.subscription.Name, d.onBus, d.source, id)
	for _, l := range d.lines {
		if err := w.Append(ctx, l); err != nil {
			return err
		}
	}
	return w.Close(ctx)
}

// sent remembers what was delivered of a batch that is not recorded yet. The bus
// knows message ids for minutes only; a store may be full for hours.
type sent struct {
	mu   sync.Mutex
	keys map[sentKey]struct{}
}

type sentKey struct {
	subscription plan.Ref
	zone, block  string
}

func keyOf(d delivery) sentKey { return sentKey{d.subscription, d.onBus, d.block.ID} }

func (s *sent) has(d delivery) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.keys[keyOf(d)]
	return ok
}

func (s *sent) add(d delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.keys == nil {
		s.keys = map[sentKey]struct{}{}
	}
	s.keys[keyOf(d)] = struct{}{}
}

// forget is called when a batch is recorded.
func (s *sent) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.keys)
}
