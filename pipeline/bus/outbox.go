package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// outbox publishes messages in order without waiting for each, with a bounded
// number unacknowledged. A message that fails is repeated with its id until it is
// stored or ctx ends.
//
// The server stores what it takes from one connection in order, so the loss of a
// connection leaves a beginning of what was on its way. All of it is then sent
// again, in order and before anything new; the server drops what it has. The
// messages of an outbox are therefore stored in order for the first time,
// whatever happens to the connection. Only when the server refuses a message on a
// connection that stays (stream full), those that were on their way behind it, at
// most limit, may be stored before it; nothing new is sent until all are settled.
type outbox struct {
	c       *Conn
	limit   int
	pending []sent
	link    int64 // the connection that pending was sent on
	refused bool  // one of pending was
	err     error // first permanent failure; nothing is published after it
}

type sent struct {
	msg    *nats.Msg
	future jetstream.PubAckFuture // nil: not on its way
}

// reserve waits until there is room for one more, and until it may follow those
// before it.
func (o *outbox) reserve(ctx context.Context) error {
	for o.err == nil && (o.held() || len(o.pending) >= o.limit) {
		if err := o.settle(ctx); err != nil {
			return err
		}
	}
	return o.err
}

// held drops what is acknowledged and reports whether something of the rest must
// be repeated before anything else is sent.
func (o *outbox) held() bool {
	for len(o.pending) > 0 {
		head := &o.pending[0]
		if o.refused || o.link != o.c.link.current() || head.future == nil || o.pending[len(o.pending)-1].future == nil {
			return true
		}
		select {
		case <-head.future.Ok():
			o.pop()
		case <-head.future.Err(): //nolint:errcheck // that it failed is enough here
			head.future, o.refused = nil, true
		default:
			return false
		}
	}
	return false
}

// send publishes m, whose data it keeps until acknowledged. Call reserve before.
func (o *outbox) send(m *nats.Msg) {
	if len(o.pending) == 0 {
		o.link = o.c.link.current()
	}
	o.pending = append(o.pending, sent{msg: m})
	o.put(&o.pending[len(o.pending)-1])
}

// put publishes a message behind those before it, and reports whether it could.
func (o *outbox) put(s *sent) bool {
	o.c.link.during(o.link, func() {
		if f, err := o.c.publishAsync(s.msg); err == nil {
			s.future = f
		}
	})
	return s.future != nil
}

// resume publishes everything in order, up to the first message that cannot be.
// Call it when nothing is on its way.
func (o *outbox) resume() {
	o.refused = false
	for i := range o.pending {
		if !o.put(&o.pending[i]) {
			return
		}
	}
}

// flush waits until everything is acknowledged.
func (o *outbox) flush(ctx context.Context) error {
	for len(o.pending) > 0 {
		if err := o.settle(ctx); err != nil {
			return err
		}
	}
	return o.err
}

// settle waits for the oldest message. When ctx ends the message stays pending.
func (o *outbox) settle(ctx context.Context) error {
	if o.err != nil {
		return o.err
	}
	if link := o.c.link.current(); link != o.link {
		o.link = link
		for i := range o.pending {
			o.pending[i].future = nil
		}
		o.resume()
	}
	head := &o.pending[0]
	if head.future != nil {
		_, err := wait(ctx, head.future)
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("publish on %s: %w", head.msg.Subject, waitError(ctx, errUnacknowledged))
		}
		if err == nil {
			o.pop()
			return nil
		}
		head.future, o.refused = nil, true
	}
	if _, err := o.c.publish(ctx, head.msg); err != nil {
		if ctx.Err() == nil {
			o.err = err
		}
		return err
	}
	o.pop()
	if len(o.pending) > 0 && o.pending[0].future == nil {
		o.resume() // what is not on its way is so up to the end
	}
	return nil
}

// abandon waits until no message is on its way any more, whatever became of it.
func (o *outbox) abandon(ctx context.Context) {
	for len(o.pending) > 0 {
		if f := o.pending[0].future; f != nil {
			_, _ = wait(ctx, f)
		}
		o.pop()
	}
}

func (o *outbox) pop() {
	o.pending[0] = sent{}
	o.pending = o.pending[1:]
	o.refused = o.refused && len(o.pending) > 0
}

var errUnacknowledged = errors.New("no acknowledgement yet")
