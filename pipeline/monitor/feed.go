package monitor

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// orders are what a feed has to do.
type orders struct {
	source    *source // nil: as before
	decisions []decision
	replay    *plan.Replay
}

// feed is the monitor of one FeedSource: one goroutine takes payloads as they
// come, another one carries out orders. They take turns, payload by payload.
type feed struct {
	id      bus.Feed
	conn    *bus.Conn
	log     logr.Logger
	meter   *meter
	slot    func(context.Context) (func(), error)
	stop    context.CancelFunc
	stopped chan struct{}

	mu      sync.Mutex // guards what the configuration says
	ordered orders
	changed chan struct{} // closed when ordered changes

	work   sync.Mutex // held while a payload is handled; guards what follows
	memory *memory
	held   map[string]string // payload ids, with their incident
	// reports are those of a schema set, as far as they have come.
	reports  map[string]*reportMemory
	reporter *reporter

	// advice has a token when a repair may be looked for; searching is who else does.
	advice chan struct{}
	// again has a token when what is held is to be checked once more.
	again     chan struct{}
	searching chan struct{}
}

func newFeed(s *Stage, id bus.Feed) *feed {
	return &feed{id: id, conn: s.conn, log: s.log.WithValues("feed", id.String()), meter: s.meter, slot: s.slot,
		changed: make(chan struct{}), held: make(map[string]string), reports: make(map[string]*reportMemory),
		reporter: newReporter(s.conn.Status(), id), advice: make(chan struct{}, 1),
		again: make(chan struct{}, 1), searching: s.searching}
}

// same tells whether the feed runs with this configuration already.
func (f *feed) same(m *plan.Monitor, mf *plan.MonitorFeed) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.ordered.source
	return s != nil && (s.monitor == m || reflect.DeepEqual(s.monitor.Spec, m.Spec)) && reflect.DeepEqual(s.feed, mf)
}

// order replaces what the feed has to do.
func (f *feed) order(o orders) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if o.source == nil {
		o.source = f.ordered.source
		if o.replay == f.ordered.replay && slices.Equal(o.decisions, f.ordered.decisions) {
			return
		}
	}
	if old := f.ordered.source; old != nil && old.shelf != nil && old.shelf != o.source.shelf {
		old.shelf.leave(f)
	}
	if o.source.shelf != nil {
		o.source.shelf.join(f)
		o.source = o.source.equipped()
	}
	f.replace(o)
}

// replace tells everybody of new orders. f.mu is held.
func (f *feed) replace(o orders) {
	f.ordered = o
	close(f.changed)
	f.changed = make(chan struct{})
}

// leave is for a feed that has stopped.
func (f *feed) leave() {
	if o, _ := f.orders(); o.source.shelf != nil {
		o.source.shelf.leave(f)
	}
}

// orders returns what there is to do, and what is closed when that changes.
func (f *feed) orders() (orders, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ordered, f.changed
}

// run works until ctx ends. What fails for good is tried again all the same: the
// other feeds of the process must not suffer from it, nor this one for ever.
func (f *feed) run(ctx context.Context) {
	for {
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		f.log.Error(err, "feed failed, it is started again", "after", retryAfter.String())
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
			return
		}
	}
}

func (f *feed) session(ctx context.Context) error {
	f.work.Lock()
	err := f.recall(ctx)
	f.work.Unlock()
	if err != nil {
		return err
	}
	f.reporter.resume(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.conn.ConsumeRaw(ctx, f.id, f.handle) })
	group.Go(func() error { return f.obey(ctx) })
	group.Go(func() error { return f.advise(ctx) })
	group.Go(func() error { return f.reporter.run(ctx, f.log) })
	return group.Wait()
}

// retryAfter is how long a feed, or its orders, rest after a failure.
const retryAfter = 2 * time.Second

// obey carries out orders as they come. What fails is tried again.
func (f *feed) obey(ctx context.Context) error {
	for {
		o, changed := f.orders()
		var again <-chan time.Time
		if err := f.carryOut(ctx, o); err != nil && ctx.Err() == nil {
			f.log.Error(err, "order failed, it is tried again", "after", retryAfter.String())
			again = time.After(retryAfter)
		}
		select {
		case <-changed:
		case <-again:
		case <-f.again:
		case <-o.source.complaints():
		case <-ctx.Done():
			return nil
		}
	}
}

func (f *feed) carryOut(ctx context.Context, o orders) error {
	if err := f.forgetSuccessor(ctx, o.source); err != nil {
		return err
	}
	f.tell(o.source)
	signal(f.advice) // the Parser may be another one
	if o.source.isSchema() {
		if err := f.keepSchema(ctx, o.source); err != nil {
			return fmt.Errorf("schema document: %w", err)
		}
	}
	for _, d := range o.decisions {
		if err := f.decide(ctx, o.source, d); err != nil {
			return fmt.Errorf("decision on incident %s: %w", d.Incident, err)
		}
	}
	f.complainAgain(o.source)
	if !o.source.works() {
		return nil // the rest waits for a Parser that works
	}
	if err := f.recheck(ctx, o.source); err != nil {
		return fmt.Errorf("check what is held: %w", err)
	}
	if o.replay != nil {
		if err := f.replay(ctx, o.source, o.replay); err != nil {
			return fmt.Errorf("replay %s: %w", o.replay.ID, err)
		}
	}
	return nil
}

// usable waits for a Parser that works. Payloads wait meanwhile on the bus.
func (f *feed) usable(ctx context.Context) (*source, error) {
	for {
		o, changed := f.orders()
		if o.source.works() {
			return o.source, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// handle takes one payload. A Parser that panics is a failure of the payload, not
// of the process with all its other feeds.
func (f *feed) handle(ctx context.Context, p *bus.Payload) (err error) {
	src, err := f.usable(ctx)
	if err != nil {
		return err
	}
	release, err := f.turn(ctx)
	if err != nil {
		return err
	}
	defer release()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
			f.log.Error(err, "payload is given up after some attempts", "payload", p.ID, "stack", string(debug.Stack()))
		}
	}()
	return f.accept(ctx, src, p)
}

// turn waits until this goroutine may work on the feed.
func (f *feed) turn(ctx context.Context) (release func(), err error) {
	free, err := f.slot(ctx)
	if err != nil {
		return nil, err
	}
	f.work.Lock()
	return func() {
		f.work.Unlock()
		free()
	}, nil
}

// accept checks a new payload, then emits or holds it.
func (f *feed) accept(ctx context.Context, src *source, p *bus.Payload) error {
	if f.memory.Last == p.ID {
		return nil // only the acknowledgement was lost
	}
	if src.isSchema() {
		return f.acceptSchema(ctx, src, p)
	}
	start := time.Now()
	r, out, err := f.check(ctx, src, p, true)
	if err != nil {
		return err
	}
	if out == nil { // it switched the feed, and waits behind what is held
		return nil
	}
	f.meter.seconds.Observe(time.Since(start).Seconds())
	if out.held || out.breaking {
		if f.memory.Complaint, err = f.suspect(ctx, r, out); err != nil {
			return err
		}
	}
	switch {
	case out.held:
		return f.hold(ctx, src, p, out)
	case out.retired:
		return f.retire(ctx, src, p, out)
	}
	return f.passed(ctx, src, r, out)
}

// check reads a payload, and lets it through the gate if the policy wants it. One
// that breaks the format may be the one that was announced. Then the announced
// Parser takes over; without an outcome the payload is held, since others are
// before it.
func (f *feed) check(ctx context.Context, src *source, p *bus.Payload, timely bool) (*reading, *outcome, error) {
	read := func(strict bool) (*reading, *outcome, error) {
		r, err := f.reading(ctx, f.inForce(src), p)
		if err != nil {
			return nil, nil, err
		}
		r.gated, r.timely, r.strict = true, timely, strict
		out, err := r.execute(ctx)
		return r, out, err
	}
	if len(f.due(src)) == 0 {
		return read(false)
	}
	r, out, err := read(true)
	if err != nil || !out.breaking {
		return r, out, err
	}
	next, err := f.takesOver(ctx, src, p)
	if err != nil {
		return nil, nil, err
	}
	if next != nil {
		f.put(next, p)
		if timely && len(f.held) > 0 {
			signal(f.again)
			return nil, nil, f.hold(ctx, src, p, out)
		}
	}
	return read(false)
}

// passed remembers a new payload of which the events are out.
func (f *feed) passed(ctx context.Context, src *source, r *reading, out *outcome) error {
	m, p, policy := f.memory, r.payload, &r.src.feed.FormatPolicy
	how := learnFlow
	if sound(out.findings) {
		m.Good = payloadRef{p.ID, p.Collected}
		if m.Incident == nil || r.base == nil || r.seeded {
			how = learnFormat
		}
	}
	if err := f.learn(ctx, r, out.profile, how); err != nil {
		return err
	}
	m.Payloads++
	m.count(out.stats)
	m.Last, m.Retired = p.ID, ""
	m.note(out)
	news := m.report(p, told(policy, out.findings), out.stats.Rejected, time.Now().UTC())
	if err := f.save(ctx); err != nil {
		return err
	}
	if news {
		f.log.Info("the format differs, the payload passed", "payload", p.ID, "class", m.Report.Class, "summary", m.Report.Summary)
		signal(f.advice)
	}
	verdict := verdictAccepted
	if out.breaking {
		verdict = verdictEmitted
	}
	f.meter.payload(f.id, verdict)
	f.meter.records(f.id, out.stats)
	f.complain(src)
	f.tellAbout(src)
	return nil
}

// retire drops a payload that says that there will be no more.
func (f *feed) retire(ctx context.Context, src *source, p *bus.Payload, out *outcome) error {
	m := f.memory
	news := m.Retired == ""
	m.Payloads++
	m.Last, m.Retired, m.Note, m.Broken = p.ID, out.summary(), "", false
	if err := f.save(ctx); err != nil {
		return err
	}
	f.meter.payload(f.id, verdictRetired)
	if news {
		f.log.Info("the publisher has given the feed up", "payload", p.ID, "summary", m.Retired)
	}
	f.tellAbout(src)
	return nil
}
