package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Held is a payload that is kept back. It has no age limit, and a copy of the
// bytes of its own.
type Held struct {
	Payload  Payload   `json:"payload"`
	Incident string    `json:"incident"`
	Reason   string    `json:"reason"` // one sentence
	Since    time.Time `json:"since"`
}

// headerHeld has Held as JSON.
const headerHeld = "Weir-Held"

// heldSubject is held.<ns>.<feed>.<payload>: the payload as part of the subject
// makes holding idempotent for ever, not only as long as message ids are known.
func heldSubject(p *Payload) string {
	return p.Feed.subject(prefixHeld) + "." + payloadToken(p.Feed, p.ID)
}

// Hold publishes a payload on held.<ns>.<feedsource>. Idempotent per payload id:
// what is held already stays as it is.
func (c *Conn) Hold(ctx context.Context, h *Held) error {
	p := &h.Payload
	if err := p.Feed.check(); err != nil {
		return fmt.Errorf("hold payload: %w", err)
	}
	subject := heldSubject(p)
	before, there, err := c.heldBefore(ctx, subject)
	if err != nil {
		return fmt.Errorf("hold payload %s of %s: %w", p.ID, p.Feed, err)
	}
	if there {
		return nil
	}
	up := c.newUpload(streamHeldPart, prefixHeldPart, p.Feed, p.ID)
	kept := *p
	if kept.body, err = up.copy(ctx, p); err != nil {
		up.discard(ctx)
		return fmt.Errorf("hold payload %s of %s: copy its bytes: %w", p.ID, p.Feed, err)
	}
	m, err := encodePayload(&kept, subject)
	if err != nil {
		return err
	}
	meta, err := json.Marshal(h)
	if err != nil {
		return fmt.Errorf("hold payload %s of %s: %w", p.ID, p.Feed, err)
	}
	m.Header.Set(headerHeld, string(meta))
	if err := c.publishHeld(ctx, m, before); err != nil {
		return fmt.Errorf("hold payload %s of %s: %w", p.ID, p.Feed, err)
	}
	return nil
}

// heldBefore looks at a subject: whether something is held there, else the
// sequence of what stands for something that was, 0 if nothing does.
func (c *Conn) heldBefore(ctx context.Context, subject string) (seq uint64, there bool, err error) {
	m, err := c.lastMessage(ctx, streamHeld, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, false, nil
	case err != nil:
		return 0, false, err
	case removed(m.Header):
		return m.Sequence, false, nil
	}
	return 0, true, nil
}

// publishHeld stores m unless something is held on its subject meanwhile, by an
// attempt whose answer was lost.
func (c *Conn) publishHeld(ctx context.Context, m *nats.Msg, before uint64) error {
	for {
		m.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(before, 10))
		_, err := c.publish(ctx, m)
		var refusal *jetstream.APIError
		if !errors.As(err, &refusal) || refusal.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequence &&
			refusal.ErrorCode != jetstream.JSErrCodeStreamWrongLastSequenceConstant {
			return err
		}
		var there bool
		if before, there, err = c.heldBefore(ctx, m.Subject); err != nil || there {
			return err
		}
		if err := sleep(ctx, retryFirst); err != nil {
			return waitError(ctx, refusal)
		}
	}
}

// copy stores the compressed bytes of a payload again.
func (u *upload) copy(ctx context.Context, p *Payload) (body, error) {
	if p.body.parts == 0 {
		return p.body, nil
	}
	u.ctx = ctx
	src, err := u.c.openBody(ctx, p.body)
	if err != nil {
		return body{}, err
	}
	if _, err := io.Copy(u, src); err != nil {
		return body{}, err
	}
	return u.finish(ctx, p.Digest)
}

// ListHeld calls fn for what a feed holds, oldest first. The zero Feed means all
// feeds. The bytes are read with Open of Held.Payload.
func (c *Conn) ListHeld(ctx context.Context, f Feed, fn func(*Held) error) error {
	filter, err := heldFilter(f)
	if err != nil {
		return fmt.Errorf("list held payloads: %w", err)
	}
	err = c.read(ctx, from(streamHeld, filter, time.Time{}), func(m *delivery) error {
		if removed(m.Headers()) {
			return nil
		}
		p, err := decodePayload(m.Headers(), m.Subject(), m.Data(), m.seq)
		if err != nil {
			return err
		}
		h := new(Held)
		if err := json.Unmarshal([]byte(m.Headers().Get(headerHeld)), h); err != nil {
			return fmt.Errorf("message %d on %s: header %s: %w", m.seq, m.Subject(), headerHeld, err)
		}
		h.Payload = *p
		return fn(h)
	})
	if err != nil {
		return fmt.Errorf("list held payloads: %w", err)
	}
	return nil
}

// CountHeld counts what a feed holds. The zero Feed means all feeds.
func (c *Conn) CountHeld(ctx context.Context, f Feed) (int64, error) {
	filter, err := heldFilter(f)
	if err != nil {
		return 0, fmt.Errorf("count held payloads: %w", err)
	}
	spec := from(streamHeld, filter, time.Time{})
	spec.headersOnly = true
	var n int64
	err = c.read(ctx, spec, func(m *delivery) error {
		if !removed(m.Headers()) {
			n++
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("count held payloads of %s: %w", f, err)
	}
	return n, nil
}

// RemoveHeld removes one held payload and its bytes. One that is gone already is
// no error.
func (c *Conn) RemoveHeld(ctx context.Context, h *Held) error {
	p := &h.Payload
	if err := p.Feed.check(); err != nil {
		return fmt.Errorf("remove held payload: %w", err)
	}
	// The message goes first: one without its bytes would be an error to whoever
	// lists, bytes without a message are only taken up or removed by the next Hold.
	subject := heldSubject(p)
	_, there, err := c.heldBefore(ctx, subject)
	if err == nil && there {
		_, err = c.publish(ctx, removal(subject))
	}
	if err == nil && p.body.stream == streamHeldPart {
		err = c.removeParts(ctx, earlier{p.body.prefix, p.body.parts}, earlier{})
	}
	if err != nil {
		return fmt.Errorf("remove held payload %s of %s: %w", p.ID, p.Feed, err)
	}
	return nil
}

func heldFilter(f Feed) (string, error) {
	filter, err := f.filter(prefixHeld)
	if f != (Feed{}) {
		filter += ".>"
	}
	return filter, err
}
