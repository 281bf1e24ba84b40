package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ackWait is how long the server waits for a sign of life of a message before it
// delivers it again; such a sign is sent three times as often.
const ackWait = 30 * time.Second

// ackTimeout bounds the wait for the answer to an acknowledgement, and with it
// how long the end of a consumer takes when the server is away.
const ackTimeout = 3 * time.Second

// Pull requests live this long. The heartbeat only notices a consumer that is
// gone without a lost connection; a lost connection is noticed at once.
const (
	pullExpiry    = 60 * time.Second
	pullHeartbeat = 15 * time.Second
)

// errOrder ends a session in which a message was lost on its way.
var errOrder = errors.New("a delivery is missing")

// durable reads a durable consumer in order. What is lost on the way, or was
// handed to a process that died, is delivered again before anything later: every
// session (re)sets the consumer to the first message that is not acknowledged,
// and ends when a delivery is missing or the connection was lost. What was
// handled already is then acknowledged again and not handed out twice.
type durable struct {
	c       *Conn
	stream  string
	cfg     jetstream.ConsumerConfig
	options []jetstream.PullMessagesOpt
	// rewind makes the first session begin with the oldest message that the stream
	// has, for work queues: what the consumer has not acknowledged is all that is
	// there, also of subjects that another consumer read up to now.
	rewind bool
	// restarted is called when messages were pending at the start of the first
	// session, with the sequence of the last acknowledged one.
	restarted func(ctx context.Context, floor uint64) error

	sessions int
	created  time.Time // of the consumer that done belongs to
	done     uint64    // last stream sequence that was handled
}

// delivery is one message of a session.
type delivery struct {
	jetstream.Msg
	seq  uint64
	time time.Time
}

// session is the time between two losses of the connection.
type session struct {
	d        *durable
	ctx      context.Context //nolint:containedctx // ends with the connection, not with the caller
	it       jetstream.MessagesContext
	expect   uint64 // consumer sequence of the next delivery
	returned *delivery
}

// run calls each for sessions until ctx ends. each returns when the session ends.
func (d *durable) run(ctx context.Context, each func(context.Context, *session) error) error {
	waiting := false
	wait := time.Duration(0)
	for ctx.Err() == nil {
		began := time.Now()
		err := d.session(ctx, func(ctx context.Context, s *session) error {
			if waiting {
				waiting = false
				d.c.log.Info("consumer goes on", "consumer", d.cfg.Durable)
			}
			return each(ctx, s)
		})
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end of the context is how it is stopped
		case errors.Is(err, jetstream.ErrConnectionClosed), d.c.nc.IsClosed():
			return fmt.Errorf("consumer %s: %w", d.cfg.Durable, err)
		case time.Since(began) > retryMost:
			wait = 0
		}
		wait = nextDelay(wait, retryFirst, retryMost)
		if err != nil && !waiting && wait > 4*retryFirst {
			waiting = true
			d.c.log.Info("consumer waits", "consumer", d.cfg.Durable, "error", err.Error())
		}
		_ = d.c.pause(ctx, wait)
	}
	return nil
}

func (d *durable) session(ctx context.Context, each func(context.Context, *session) error) error {
	sctx, cancel := d.c.untilReconnect(ctx)
	defer cancel()
	cons, err := d.c.js.CreateOrUpdateConsumer(sctx, d.stream, d.cfg)
	if err != nil {
		return fmt.Errorf("make consumer: %w", err)
	}
	info := cons.CachedInfo()
	if !info.Created.Equal(d.created) {
		d.created, d.done = info.Created, 0
	}
	expect := info.Delivered.Consumer + 1
	switch {
	case d.rewind && d.sessions == 0:
		if _, err := d.c.js.ResetConsumerToSequence(sctx, d.stream, d.cfg.Durable, 1); err != nil {
			return fmt.Errorf("reset consumer: %w", err)
		}
		expect = 1
	case info.NumAckPending > 0:
		if d.sessions == 0 && d.restarted != nil {
			if err := d.restarted(sctx, info.AckFloor.Stream); err != nil {
				return err
			}
		}
		if _, err := d.c.js.ResetConsumer(sctx, d.stream, d.cfg.Durable); err != nil {
			return fmt.Errorf("reset consumer: %w", err)
		}
		expect = 1
	}
	d.sessions++
	it, err := cons.Messages(d.options...)
	if err != nil {
		return fmt.Errorf("pull: %w", err)
	}
	defer it.Stop()
	return each(ctx, &session{d: d, ctx: sctx, it: it, expect: expect})
}

// next waits for the next message that was not handled yet. It returns
// context.DeadlineExceeded after linger, unless that is 0.
func (s *session) next(linger time.Duration) (*delivery, error) {
	if m := s.returned; m != nil {
		s.returned = nil
		return m, nil
	}
	ctx := s.ctx
	if linger > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, linger)
		defer cancel()
	}
	for {
		m, err := s.it.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, err
		}
		if meta.Sequence.Consumer != s.expect {
			return nil, fmt.Errorf("%w: %d instead of %d", errOrder, meta.Sequence.Consumer, s.expect)
		}
		s.expect++
		if meta.Sequence.Stream <= s.d.done {
			if err := m.Ack(); err != nil {
				return nil, err
			}
			continue
		}
		return &delivery{Msg: m, seq: meta.Sequence.Stream, time: meta.Timestamp}, nil
	}
}

// putBack makes m the next message again.
func (s *session) putBack(m *delivery) { s.returned = m }

// ack acknowledges handled messages, the last one with an answer: the server
// works in order, so it has them all then. If that fails the session is over, and
// the next one acknowledges them when they are delivered again.
func (s *session) ack(ctx context.Context, ms ...*delivery) error {
	last := ms[len(ms)-1]
	s.d.done = last.seq
	for _, m := range ms[:len(ms)-1] {
		if err := m.Ack(); err != nil {
			return fmt.Errorf("acknowledge: %w", err)
		}
	}
	// Also when ctx has ended meanwhile: what is done need not be done again.
	ctx, release := s.d.c.untilReconnect(context.WithoutCancel(ctx))
	defer release()
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if err := last.DoubleAck(ctx); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// keepAlive tells the server that ms are being worked on until stop is called.
func keepAlive(ms ...*delivery) (stop func()) {
	done := make(chan struct{})
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		t := time.NewTicker(ackWait / 3)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				for _, m := range ms {
					_ = m.InProgress() // without a connection the next session sorts it out
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-finished
	}
}
