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
			Summary: summary, Findings: out.findings}
	}
	if err := f.conn.Hold(ctx, &bus.Held{Payload: *p, Incident: incident.ID, Reason: summary, Since: now}); err != nil {
		return err
	}
	if len(f.held) == 0 { // what is held already may wait for a check with this Parser
		f.memory.Checked = src.digest
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
	f.complain(src)
	f.tellAbout(src)
	return nil
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
		err = f.release(ctx, src, d.Incident)
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

// release accepts the format of what is held and lets it through the Parser as
// it is now, oldest first.
func (f *feed) release(ctx context.Context, src *source, incident string) error {
	for {
		released := 0
		err := f.conn.ListHeld(ctx, f.id, func(h *bus.Held) error {
			if h.Incident != incident {
				return nil
			}
			released++
			_, err := f.letThrough(ctx, src, h, false)
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

// letThrough parses one held payload and removes it. With check it stays if its
// format still does not fit; the outcome tells.
func (f *feed) letThrough(ctx context.Context, src *source, h *bus.Held, check bool) (*outcome, error) {
	done, err := f.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if src.isSchema() {
		return f.letSchemaThrough(ctx, src, h, check)
	}
	r, err := f.reading(ctx, src, &h.Payload)
	if err != nil {
		return nil, err
	}
	r.gated = check
	out, err := r.execute(ctx)
	if err != nil || out.held {
		return out, err
	}
	if out.stats.Events > 0 && (!check || !out.breaking) { // nobody wants a format of which nothing is valid
		if err := f.learn(ctx, r, f.memory.renew(h.Incident+r.lens.Report, r.base, out.profile)); err != nil {
			return nil, err
		}
	}
	if f.memory.Released != h.Payload.ID {
		f.memory.Released = h.Payload.ID
		f.memory.count(out.stats)
		f.meter.records(f.id, out.stats)
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
		out, err := f.letThrough(ctx, src, h, true)
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
	return len(f.held) > 0 && f.memory.Checked != src.digest
}

// stillOpen explains anew why something is held.
func (f *feed) stillOpen(ctx context.Context, src *source, out *outcome) error {
	f.work.Lock()
	defer f.work.Unlock()
	f.memory.Checked = src.digest
	if f.memory.Incident != nil {
		changed := *f.memory.Incident
		changed.Class, changed.Summary, changed.Findings = drift.Classify(out.findings), out.summary(), out.findings
		f.memory.Incident = &changed
	}
	if err := f.save(ctx); err != nil {
		return err
	}
	f.log.Info("what is held does not fit the changed Parser", "summary", out.summary(), "held", len(f.held))
	f.tellNow()
	return nil
}
