package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

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
	_, err := c.lastMessage(ctx, streamHeld, subject)
	if err == nil {
		return nil
	}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return fmt.Errorf("hold payload %s of %s: %w", p.ID, p.Feed, err)
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
	_, err = c.publish(ctx, m)
	var full *jetstream.APIError
	if errors.As(err, &full) && strings.Contains(full.Description, errPerSubject) {
		return nil // held meanwhile, by an attempt whose answer was lost
	}
	if err != nil {
		return fmt.Errorf("hold payload %s of %s: %w", p.ID, p.Feed, err)
	}
	return nil
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
	var n int64
	err = c.retry(ctx, "count held payloads", func(ctx context.Context) error {
		s, err := c.stream(ctx, streamHeld)
		if err != nil {
			return err
		}
		if f == (Feed{}) {
			info, err := s.Info(ctx)
			if err == nil {
				n = int64(info.State.Msgs)
			}
			return err
		}
		info, err := s.Info(ctx, jetstream.WithSubjectFilter(filter))
		if err == nil {
			n = int64(len(info.State.Subjects)) // each has one message
		}
		return err
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
	err := c.purge(ctx, streamHeld, heldSubject(p))
	if err == nil {
		err = c.purge(ctx, streamHeldPart, prefixHeldPart+"."+payloadToken(p.Feed, p.ID)+".>")
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
