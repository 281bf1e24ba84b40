package bus

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// lastMessage reads the newest message on a subject, waiting for the server if
// need be. jetstream.ErrMsgNotFound tells that there is none.
func (c *Conn) lastMessage(ctx context.Context, stream, subject string) (*jetstream.RawStreamMsg, error) {
	return c.get(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetLastMsgForSubject(ctx, subject)
	})
}

// message reads one message by its sequence.
func (c *Conn) message(ctx context.Context, stream string, seq uint64) (*jetstream.RawStreamMsg, error) {
	return c.get(ctx, stream, func(ctx context.Context, s jetstream.Stream) (*jetstream.RawStreamMsg, error) {
		return s.GetMsg(ctx, seq)
	})
}

func (c *Conn) get(ctx context.Context, stream string,
	read func(context.Context, jetstream.Stream) (*jetstream.RawStreamMsg, error),
) (*jetstream.RawStreamMsg, error) {
	var m *jetstream.RawStreamMsg
	missing := false
	err := c.retry(ctx, "read "+stream, func(ctx context.Context) error {
		s, err := c.stream(ctx, stream)
		if err != nil {
			return err
		}
		m, err = read(ctx, s)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			missing = true
			return nil
		}
		return err
	})
	if err == nil && missing {
		err = jetstream.ErrMsgNotFound
	}
	return m, err
}

// stream returns a handle without asking the server each time.
func (c *Conn) stream(ctx context.Context, name string) (jetstream.Stream, error) {
	if s, ok := c.handles.Load(name); ok {
		return s.(jetstream.Stream), nil
	}
	s, err := c.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	c.handles.Store(name, s)
	return s, nil
}

// purge removes the messages on a subject.
func (c *Conn) purge(ctx context.Context, stream, subject string) error {
	return c.retry(ctx, "purge "+subject, func(ctx context.Context) error {
		s, err := c.stream(ctx, stream)
		if err != nil {
			return err
		}
		return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
	})
}
