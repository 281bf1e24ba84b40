package monitor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse/schema"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// schemaMemory is what the feed of the schema documents remembers. The documents
// are in two keys of their own, of which a new one takes that which is not in force.
type schemaMemory struct {
	Active   *schemaRef `json:"active,omitempty"`
	Previous *schemaRef `json:"previous,omitempty"`
	// Bad are the documents that are not put in force again by themselves.
	Bad []badSchema `json:"bad,omitempty"`
	// Parser is the one that all documents were looked at with.
	Parser string `json:"parser,omitempty"`
}

type schemaRef struct {
	Slot    string    `json:"slot"`
	Digest  string    `json:"digest"`
	Created time.Time `json:"created"`
	// Since when it is in force; Payload is what it came in, and when.
	Since     time.Time `json:"since"`
	Payload   string    `json:"payload"`
	Collected time.Time `json:"collected"`
}

type badSchema struct {
	Digest string `json:"digest"`
	Reason string `json:"reason"`
}

const (
	// maxStored is what a key of the bus takes.
	maxStored = 7 << 20
	maxBad    = 32
)

// verdict is what is to become of a document.
type verdict struct {
	doc    *schema.Document
	packed []byte // its bytes, compressed
	// pass says why there is nothing to do, refusal why it must not be used. Without
	// both it is put in force.
	pass, refusal string
	// never: it cannot be used, whatever somebody decides.
	never bool
}

func (v *verdict) finding() []status.Finding {
	return []status.Finding{{Code: drift.CodeSchema, Breaking: true,
		Sentence: "The schema document is not put in force: " + v.refusal + "."}}
}

// judgeSchema decides about a document. since is when it was held back; zero if it
// is new.
func (f *feed) judgeSchema(ctx context.Context, src *source, p *bus.Payload, since time.Time) (*verdict, error) {
	m, pin := &f.memory.Schema, src.monitor.Spec.Input.SchemaSet.SHA256
	bad := slices.IndexFunc(m.Bad, func(b badSchema) bool { return b.Digest == p.Digest })
	v := &verdict{}
	switch {
	case m.isActive(p.Digest):
		v.pass = "it is in force already"
	case pin != "" && pin != p.Digest:
		v.pass = "spec.input.schemaSet.sha256 of the Parser wants another one"
	case bad >= 0 && since.IsZero() && pin == "":
		v.pass = m.Bad[bad].Reason
	case p.Size > schema.MaxBytes:
		v.refusal, v.never = fmt.Sprintf("it has %d bytes, at most %d are read", p.Size, schema.MaxBytes), true
	}
	if v.pass != "" || v.never {
		return v, nil
	}
	if err := f.readSchema(ctx, p, v); err != nil || v.never {
		return v, err
	}
	if pin != "" { // somebody has chosen it
		return v, nil
	}
	if bad >= 0 {
		v.refusal = m.Bad[bad].Reason
	}
	return v, f.checkSchema(ctx, src, v, since)
}

// checkSchema checks and tries a document that can be read.
func (f *feed) checkSchema(ctx context.Context, src *source, v *verdict, since time.Time) (err error) {
	m := &f.memory.Schema
	older := m.Active != nil && v.doc.Created.Before(m.Active.Created)
	switch {
	case older && !since.IsZero() && m.Active.Since.After(since):
		v.pass, v.refusal = "a newer one is in force", ""
	case older:
		v.refusal = fmt.Sprintf("it is of %s, older than the one in force, of %s", date(v.doc.Created), date(m.Active.Created))
	case v.refusal != "":
	case v.doc.Err() != nil:
		v.refusal = v.doc.Err().Error()
	default:
		v.refusal, err = f.canary(ctx, src, v.doc)
	}
	return err
}

// readSchema reads and packs a document.
func (f *feed) readSchema(ctx context.Context, p *bus.Payload, v *verdict) error {
	body, err := f.conn.Open(ctx, p)
	if err != nil {
		return err
	}
	defer body.Close()
	data, err := io.ReadAll(io.LimitReader(body, schema.MaxBytes+1))
	if err != nil {
		return fmt.Errorf("read schema document %s: %w", p.ID, err)
	}
	if v.doc, err = schema.Decode(data); err != nil {
		v.refusal, v.never = err.Error(), true
		return nil
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return fmt.Errorf("pack schema document %s: %w", p.ID, err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("pack schema document %s: %w", p.ID, err)
	}
	if v.packed = packed.Bytes(); len(v.packed) > maxStored {
		v.refusal, v.never = fmt.Sprintf("compressed it has %d bytes, at most %d can be kept", len(v.packed), maxStored), true
	}
	return nil
}

func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// acceptSchema takes a payload of the feed of the documents.
func (f *feed) acceptSchema(ctx context.Context, src *source, p *bus.Payload) error {
	if err := f.shelve(ctx, src); err != nil {
		return err
	}
	v, err := f.judgeSchema(ctx, src, p, time.Time{})
	if err != nil {
		return err
	}
	if v.refusal != "" {
		return f.hold(ctx, src, p, &outcome{held: true, findings: v.finding()})
	}
	f.memory.Payloads++
	f.memory.Last = p.ID
	if v.pass == "" {
		err = f.activate(ctx, src, p, v)
	} else {
		f.passOver(p, v)
		err = f.save(ctx)
	}
	if err != nil {
		return err
	}
	f.meter.payload(f.id, verdictAccepted)
	f.tellNow()
	return nil
}

func (f *feed) passOver(p *bus.Payload, v *verdict) {
	f.log.Info("schema document is passed over", "payload", p.ID, "digest", p.Digest, "reason", v.pass)
	if !f.memory.Schema.isActive(p.Digest) {
		f.memory.Note = fmt.Sprintf("The schema document collected at %s (%.12s...) is not put in force: %s.", date(p.Collected), p.Digest, v.pass)
	}
}

func slotKey(f bus.Feed, slot string) string {
	return plan.Key(plan.PrefixBaseline, f.Namespace, f.Name, "schema-"+slot)
}

// activate puts a document in force: in one step, with the write of the memory.
func (f *feed) activate(ctx context.Context, src *source, p *bus.Payload, v *verdict) error {
	m := &f.memory.Schema
	ref := &schemaRef{Slot: "a", Digest: v.doc.Digest, Created: v.doc.Created, Since: time.Now().UTC(), Payload: p.ID, Collected: p.Collected}
	if m.Active != nil && m.Active.Slot == "a" {
		ref.Slot = "b"
	}
	var before *schema.Document
	note := fmt.Sprintf("The schema document of %s is in force: %s", date(ref.Created), v.doc.Size())
	if e := src.shelf.edition(); e != nil && m.Active != nil && e.doc.Digest == m.Active.Digest {
		before = e.doc
		if diff := schema.Diff(before, v.doc); diff != "" {
			note += " (" + diff + ")"
		}
	}
	if err := f.conn.State().Put(ctx, slotKey(f.id, ref.Slot), v.packed); err != nil {
		return err
	}
	m.Previous, m.Active = m.Active, ref
	m.Bad = slices.DeleteFunc(m.Bad, func(b badSchema) bool { return b.Digest == ref.Digest })
	f.memory.Note, f.memory.Broken = note+".", false
	if err := f.save(ctx); err != nil {
		return err
	}
	f.log.Info("schema document is in force", "payload", p.ID, "digest", ref.Digest, "created", date(ref.Created), "note", note)
	src.shelf.put(v.doc, before, ref.Collected)
	return nil
}

// load reads a document that is kept; nil if it is not there any more.
func (f *feed) load(ctx context.Context, ref *schemaRef) (*schema.Document, error) {
	if ref == nil {
		return nil, nil
	}
	b, err := f.conn.State().Get(ctx, slotKey(f.id, ref.Slot))
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	doc, err := unpack(b)
	if err != nil || doc.Digest != ref.Digest { // a crash came while its successor was written
		f.log.Info("a schema document that was kept is not there any more", "digest", ref.Digest, "reason", fmt.Sprint(err))
		doc = nil
	}
	return doc, nil
}

func unpack(b []byte) (*schema.Document, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(z, schema.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return schema.Decode(data)
}

// shelve puts the document that is remembered in force, after a start and when the
// Parser wants another one.
func (f *feed) shelve(ctx context.Context, src *source) error {
	m, pin := &f.memory.Schema, src.monitor.Spec.Input.SchemaSet.SHA256
	if pin != "" && m.Active != nil && m.Active.Digest != pin {
		if m.Previous == nil || m.Previous.Digest != pin {
			src.shelf.clear()
			return nil
		}
		m.Active, m.Previous = m.Previous, m.Active
		f.memory.Note = fmt.Sprintf("The schema document of %s is in force again, as the Parser wants.", date(m.Active.Created))
		if err := f.save(ctx); err != nil {
			return err
		}
	}
	if e := src.shelf.edition(); m.Active == nil || e != nil && e.doc.Digest == m.Active.Digest {
		return nil
	}
	doc, err := f.load(ctx, m.Active)
	if err != nil {
		return err
	}
	before, err := f.load(ctx, m.Previous)
	if err != nil {
		return err
	}
	if doc == nil {
		f.log.Info("the schema document is not there any more, it is looked for", "digest", m.Active.Digest)
		m.Active, m.Previous, m.Parser = nil, nil, ""
		return f.save(ctx)
	}
	src.shelf.put(doc, before, m.Active.Collected)
	return nil
}

// keepSchema does what is due without a payload: it puts the document in force
// after a start, goes back after a complaint, and looks at all documents that are
// there when the Parser has changed.
func (f *feed) keepSchema(ctx context.Context, src *source) error {
	done, err := f.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	if src.err != nil {
		return nil
	}
	if err := f.shelve(ctx, src); err != nil {
		return err
	}
	if c := src.shelf.takeComplaint(); c != nil {
		if err := f.rollBack(ctx, src, c); err != nil {
			src.shelf.complain(c)
			return err
		}
	}
	if m := &f.memory.Schema; m.Parser != src.base.digest {
		err := f.conn.ReadRaw(ctx, f.id, time.Time{}, func(p *bus.Payload) error {
			if _, held := f.held[p.ID]; held {
				return nil
			}
			_, err := f.reviewSchema(ctx, src, p)
			return err
		})
		if err != nil {
			return err
		}
		m.Parser = src.base.digest
		if err := f.save(ctx); err != nil {
			return err
		}
	}
	f.tellNow()
	return nil
}

// reviewSchema looks at a document that was collected earlier.
func (f *feed) reviewSchema(ctx context.Context, src *source, p *bus.Payload) (used bool, err error) {
	v, err := f.judgeSchema(ctx, src, p, time.Time{})
	if err != nil || v.pass != "" || v.refusal != "" {
		return false, err
	}
	return true, f.activate(ctx, src, p, v)
}

// letSchemaThrough is letThrough for a document: it is put in force, or dropped if
// it cannot be. With check it stays if it is refused.
func (f *feed) letSchemaThrough(ctx context.Context, src *source, h *bus.Held, check bool) (*outcome, error) {
	v, err := f.judgeSchema(ctx, src, &h.Payload, h.Since)
	if err != nil {
		return nil, err
	}
	switch {
	case check && v.refusal != "":
		return &outcome{held: true, findings: v.finding()}, nil
	case v.pass != "":
		f.passOver(&h.Payload, v)
	case v.never:
		v.pass = v.refusal
		f.passOver(&h.Payload, v)
	default:
		if err := f.activate(ctx, src, &h.Payload, v); err != nil {
			return nil, err
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
	f.log.Info("held schema document is released", "payload", h.Payload.ID, "incident", h.Incident, "used", v.pass == "")
	f.tellNow()
	return &outcome{}, nil
}

// refuseForGood remembers that a document was discarded. Of other feeds it
// remembers nothing.
func (f *feed) refuseForGood(ctx context.Context, digest string) error {
	if o, _ := f.orders(); !o.source.isSchema() {
		return nil
	}
	f.memory.Schema.refuse(digest, "somebody has discarded it")
	return f.save(ctx)
}

func (m *schemaMemory) isActive(digest string) bool {
	return m.Active != nil && m.Active.Digest == digest
}

func (m *schemaMemory) refuse(digest, reason string) {
	m.Bad = append(slices.DeleteFunc(m.Bad, func(b badSchema) bool { return b.Digest == digest }), badSchema{digest, reason})
	m.Bad = m.Bad[max(0, len(m.Bad)-maxBad):]
}
