package monitor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/schema"
	"github.com/weir-project/weir/pipeline/status"
)

// canary tries a document out: examples of the Parser, and the beginnings of the
// last reports, must give as much as with the document in force. It returns why
// not; without a document in force there is nothing to compare with.
func (f *feed) canary(ctx context.Context, src *source, doc *schema.Document) (refusal string, err error) {
	e := src.shelf.edition()
	if e == nil {
		return "", nil
	}
	spec := &src.monitor.Spec
	before := parse.RunExamplesWith(spec, e.doc)
	for i, r := range parse.RunExamplesWith(spec, doc) {
		if before[i].OK && !r.OK {
			why, _, _ := strings.Cut(r.Diff, "\n")
			return fmt.Sprintf("the example %q of the Parser fails with it: %.*s", r.Name, maxDiff, why), nil
		}
	}
	was, err := parse.NewSet(spec, e.doc)
	if err != nil {
		return "", err
	}
	is, err := parse.NewSet(spec, doc)
	if err != nil {
		return "", err
	}
	for i := range src.monitor.Feeds {
		feed := bus.Feed{Namespace: f.id.Namespace, Name: src.monitor.Feeds[i].Name}
		if feed == f.id {
			continue
		}
		if refusal, err = f.canaryOf(ctx, feed, was, is); refusal != "" || err != nil {
			return refusal, err
		}
	}
	return "", nil
}

// canaryOf tries the last reports of one feed.
func (f *feed) canaryOf(ctx context.Context, feed bus.Feed, was, is *parse.Set) (refusal string, err error) {
	b, err := f.conn.State().Get(ctx, StateKey(feed))
	if errors.Is(err, bus.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var m memory
	if json.Unmarshal(b, &m) != nil { // damaged: its reports are learned anew
		m = memory{}
	}
	for _, name := range m.Reports {
		r, err := readReport(ctx, f.conn, feed, name)
		if err != nil {
			return "", err
		}
		if r == nil {
			continue
		}
		had, _, err := tryReport(ctx, was, r)
		if err != nil {
			return "", err
		}
		has, why, err := tryReport(ctx, is, r)
		if err != nil {
			return "", err
		}
		if has < had {
			return fmt.Sprintf("of the last report %s of FeedSource %s, %d of %d records would become events (%s)",
				name, feed.Name, has, had, why), nil
		}
	}
	return "", nil
}

// rollBack goes back to the document before, because of reports that cannot be
// read with the one in force. That one is held, for somebody to decide.
func (f *feed) rollBack(ctx context.Context, src *source, c *complaint) error {
	m := &f.memory.Schema
	if m.Active == nil || m.Active.Digest != c.Schema || m.Previous == nil || src.monitor.Spec.Input.SchemaSet.SHA256 != "" {
		return nil
	}
	doc, err := f.load(ctx, m.Previous)
	if err != nil || doc == nil {
		return err
	}
	p, err := f.find(ctx, m.Active)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("The schema document of %s is taken back, that of %s is in force again: %s.",
		date(m.Active.Created), date(m.Previous.Created), c.Text)
	m.refuse(m.Active.Digest, "it was taken back, since "+c.Text)
	m.Active, m.Previous = m.Previous, nil
	f.memory.Note, f.memory.Broken = text, true
	if p != nil {
		if err := f.holdBack(ctx, src, p, text); err != nil {
			return err
		}
	}
	if err := f.save(ctx); err != nil {
		return err
	}
	f.log.Info("schema document is taken back", "digest", c.Schema, "reason", c.Text)
	src.shelf.put(doc, nil, m.Active.Collected)
	return nil
}

// find looks for the payload of a document; nil if it is not kept any more.
func (f *feed) find(ctx context.Context, ref *schemaRef) (found *bus.Payload, err error) {
	return f.rawPayload(ctx, payloadRef{ref.Payload, ref.Collected})
}

// holdBack holds a document that was in force.
func (f *feed) holdBack(ctx context.Context, src *source, p *bus.Payload, text string) error {
	now := time.Now().UTC()
	incident := status.Incident{ID: digest(f.id.String(), p.ID, "rollback"), Opened: now}
	if open := f.memory.Incident; open != nil {
		incident = *open
	}
	incident.Findings = []status.Finding{{Code: drift.CodeSchemaBack, Sentence: text, Breaking: true}}
	incident.Class, incident.Summary = drift.Classify(incident.Findings), text
	if err := f.conn.Hold(ctx, &bus.Held{Payload: *p, Incident: incident.ID, Reason: text, Since: now}); err != nil {
		return err
	}
	if len(f.held) == 0 {
		f.memory.Checked = f.checking(src)
	}
	f.held[p.ID] = incident.ID
	f.memory.Incident = &incident
	return nil
}

// complain passes on that reports cannot be read with the document in force.
func (f *feed) complain(src *source) {
	if c := f.memory.Complaint; c != nil && src.edition != nil && c.Schema == src.edition.doc.Digest {
		src.shelf.complain(c)
	}
}

// complainAgain is for a start after a complaint that nobody has heard.
func (f *feed) complainAgain(src *source) {
	f.work.Lock()
	defer f.work.Unlock()
	f.complain(src)
}

// complaints has a token when there is a complaint; nil for all feeds but that of
// the documents.
func (s *source) complaints() <-chan struct{} {
	if s.shelf == nil || !s.isSchema() {
		return nil
	}
	return s.shelf.wake
}

// waits says what a feed waits for.
func (s *source) waits() string {
	from := s.monitor.Spec.Input.SchemaSet.SchemaFrom
	for i := range s.monitor.Feeds {
		if s.monitor.Feeds[i].Name == from {
			return fmt.Sprintf("Waits for a schema document of FeedSource %q.", from)
		}
	}
	return fmt.Sprintf("Waits for a schema document, but no FeedSource %q uses this Parser; make one, with the same spec.parserRef.", from)
}
