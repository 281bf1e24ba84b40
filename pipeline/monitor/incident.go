package monitor

import (
	"context"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

// hold keeps a payload back, and opens an incident unless one is open.
func (f *feed) hold(ctx context.Context, src *source, p *bus.Payload, out *outcome) error {
	summary := out.summary()
	now := time.Now().UTC()
	incident := f.memory.Incident
	if incident == nil {
		incident = &status.Incident{ID: digest(f.id.String(), p.ID), Opened: now, Class: drift.Classify(out.findings),
			Summary: summary, Findings: out.findings, LastGood: f.memory.Good.Collected}
	}
	counted := *incident
	counted.Records = min(counted.Records+withheld(out), maxRefused)
	incident = &counted
	if err := f.conn.Hold(ctx, &bus.Held{Payload: *p, Incident: incident.ID, Reason: summary, Since: now}); err != nil {
		return err
	}
	if len(f.held) == 0 { // what is held already may wait for a check with this Parser
		f.memory.Checked = f.checking(src)
	}
	f.held[p.ID] = incident.ID
	f.memory.Incident = incident
	f.memory.Payloads++
	f.memory.Last = p.ID
	if err := f.save(ctx); err != nil {
		return err
	}
	f.meter.payload(f.id, verdictHeld)
	f.log.Info("payload is held", "payload", p.ID, "incident", incident.ID, "summary", summary, "held", len(f.held))
	signal(f.advice)
	f.complain(src)
	f.tellAbout(src)
	return nil
}

// withheld is how many records of a payload are held, as far as they were read.
func withheld(out *outcome) int64 {
	n := out.stats.Records + out.stats.Exploded
	if out.profile != nil {
		n = max(n, out.profile.Records)
	}
	return n
}

// decide carries out what somebody decided about an incident. It may be repeated
// after a crash at any point.
func (f *feed) decide(ctx context.Context, src *source, d decision) error {
	var err error
	switch {
	case !f.concerns(d.Incident): // it is closed already
	case d.Decision.Decision == v1alpha1.DecisionDiscard:
		err = f.discard(ctx, d.Incident)
	case !src.works():
		return nil // a release waits for a Parser that works
	default:
		err = f.release(ctx, src, d.Incident, d.Decision.Decision == v1alpha1.DecisionAdopt)
	}
	if err != nil {
		return err
	}
	return f.conn.Config().Delete(ctx, d.key)
}

// concerns tells whether an incident is open, or something of it still held.
func (f *feed) concerns(incident string) bool {
	f.work.Lock()
	defer f.work.Unlock()
	if f.memory.Incident != nil && f.memory.Incident.ID == incident {
		return true
	}
	for _, id := range f.held {
		if id == incident {
			return true
		}
	}
	return false
}

// how a held payload is let through.
type passage int

const (
	passIfItFits passage = iota // it stays if its format still does not fit
	passOnce                    // whatever it is; what is normal stays so
	passAndAdopt                // whatever it is, and that becomes normal
)

// release lets what is held through the Parser as it is now, oldest first. With
// adopt its format becomes the baseline.
func (f *feed) release(ctx context.Context, src *source, incident string, adopt bool) error {
	way := passOnce
	if adopt {
		way = passAndAdopt
	}
	for {
		released := 0
		err := f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
			if h.Incident != incident {
				return nil
			}
			released++
			_, err := f.letThrough(ctx, src, h, way)
			return err
		})
		if err != nil {
			return err
		}
		if released > 0 { // what came meanwhile may have joined the incident
			continue
		}
		closed, err := f.closeIncident(ctx, incident)
		if err != nil || closed {
			return err
		}
	}
}

// letThrough parses one held payload and removes it, unless the outcome says that
// it is held still.
func (f *feed) letThrough(ctx context.Context, src *source, h *bus.Held, way passage) (*outcome, error) {
	done, err := f.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if src.isSchema() {
		return f.letSchemaThrough(ctx, src, h, way == passIfItFits)
	}
	r, out, err := f.readHeld(ctx, src, &h.Payload, way)
	if err != nil || out.held {
		return out, err
	}
	if err := f.learnHeld(ctx, r, h, out, way); err != nil {
		return nil, err
	}
	if f.memory.Released != h.Payload.ID {
		f.memory.Released = h.Payload.ID
		f.memory.count(out.stats)
		f.meter.records(f.id, out.stats)
		if i := f.memory.Incident; i != nil && i.ID == h.Incident {
			left := *i
			left.Records = max(0, left.Records-withheld(out))
			f.memory.Incident = &left
		}
	}
	if err := f.save(ctx); err != nil {
		return nil, err
	}
	if err := f.conn.RemoveHeld(ctx, h); err != nil {
		return nil, err
	}
	delete(f.held, h.Payload.ID)
	f.meter.payload(f.id, verdictReleased)
	f.log.Info("held payload is released", "payload", h.Payload.ID, "incident", h.Incident, "events", out.stats.Events,
		"rejected", out.stats.Rejected)
	f.tellNow()
	return out, nil
}

func (f *feed) readHeld(ctx context.Context, src *source, p *bus.Payload, way passage) (*reading, *outcome, error) {
	if way == passIfItFits {
		return f.check(ctx, src, p, false)
	}
	r, err := f.reading(ctx, f.inForce(src), p)
	if err != nil {
		return nil, nil, err
	}
	out, err := r.execute(ctx)
	return r, out, err
}

// learnHeld learns from a held payload that went through. The first of an incident
// that is adopted makes a new baseline, and the next ones are added to it.
func (f *feed) learnHeld(ctx context.Context, r *reading, h *bus.Held, out *outcome, way passage) error {
	adopts := way == passAndAdopt || way == passIfItFits && sound(out.findings)
	if !adopts || out.stats.Events == 0 { // nobody wants a format of which nothing is valid
		return nil
	}
	how, incident := learnFormat, h.Incident+r.lens.Report
	if f.memory.Renewed != incident {
		f.memory.Renewed, how = incident, learnAnew
	}
	f.memory.Good = payloadRef{h.Payload.ID, h.Payload.Collected}
	return f.learn(ctx, r, out.profile, how)
}

// discard drops what an incident holds. Raw payloads stay as long as they are
// kept anyway.
func (f *feed) discard(ctx context.Context, incident string) error {
	for {
		dropped := 0
		err := f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
			if h.Incident != incident {
				return nil
			}
			dropped++
			return f.drop(ctx, h)
		})
		if err != nil {
			return err
		}
		if dropped > 0 {
			continue
		}
		closed, err := f.closeIncident(ctx, incident)
		if err != nil || closed {
			return err
		}
	}
}

func (f *feed) drop(ctx context.Context, h *bus.Held) error {
	f.work.Lock()
	defer f.work.Unlock()
	if err := f.refuseForGood(ctx, h.Payload.Digest); err != nil {
		return err
	}
	if err := f.conn.RemoveHeld(ctx, h); err != nil {
		return err
	}
	delete(f.held, h.Payload.ID)
	f.meter.payload(f.id, verdictDiscarded)
	f.log.Info("held payload is discarded", "payload", h.Payload.ID, "incident", h.Incident)
	return nil
}

// closeIncident forgets an incident that holds nothing any more. It returns false
// if a payload joined it meanwhile.
func (f *feed) closeIncident(ctx context.Context, incident string) (closed bool, err error) {
	f.work.Lock()
	defer f.work.Unlock()
	for _, id := range f.held {
		if id == incident {
			return false, nil
		}
	}
	if f.memory.Incident == nil || f.memory.Incident.ID != incident {
		return true, nil
	}
	f.memory.Incident, f.memory.Renewed, f.memory.Released = nil, "", ""
	f.memory.Broken = false
	if o, _ := f.orders(); !o.source.isSchema() {
		f.memory.Note = ""
	}
	if err := f.save(ctx); err != nil {
		return false, err
	}
	f.log.Info("incident is closed", "incident", incident)
	f.tellNow()
	return true, nil
}

// recheck lets through what is held and fits the Parser after it changed. What
// still does not fit goes on waiting for a decision.
func (f *feed) recheck(ctx context.Context, src *source) error {
	if !f.unchecked(src) {
		return nil
	}
	var left *outcome
	var incident string
	err := f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
		out, err := f.letThrough(ctx, src, h, passIfItFits)
		if err != nil {
			return err
		}
		incident = h.Incident
		if out.held && left == nil {
			left = out
		}
		return nil
	})
	if err != nil {
		return err
	}
	if left == nil {
		_, err := f.closeIncident(ctx, incident)
		return err
	}
	return f.stillOpen(ctx, src, left)
}

// unchecked tells whether something is held that this Parser has not seen.
func (f *feed) unchecked(src *source) bool {
	f.work.Lock()
	defer f.work.Unlock()
	return len(f.held) > 0 && f.memory.Checked != f.checking(src)
}

// checking tells the Parsers that what is held is checked with from others.
func (f *feed) checking(src *source) string {
	key := f.inForce(src).digest
	for _, s := range f.due(src) {
		key = digest(key, s.src.digest)
	}
	return key
}

// stillOpen explains anew why something is held.
func (f *feed) stillOpen(ctx context.Context, src *source, out *outcome) error {
	f.work.Lock()
	defer f.work.Unlock()
	f.memory.Checked = f.checking(src)
	if f.memory.Incident != nil {
		changed := *f.memory.Incident
		changed.Class, changed.Summary, changed.Findings = drift.Classify(out.findings), out.summary(), out.findings
		f.memory.Incident = &changed
	}
	if err := f.save(ctx); err != nil {
		return err
	}
	f.log.Info("what is held does not fit the changed Parser", "summary", out.summary(), "held", len(f.held))
	signal(f.advice)
	f.tellNow()
	return nil
}
