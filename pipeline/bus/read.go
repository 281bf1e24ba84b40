package bus

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

const (
	// readerThreshold is how long the server keeps a reader that does not ask.
	readerThreshold = time.Minute
	// readIdle is how long a bounded read waits for a message that the server
	// announced before it looks again.
	readIdle = 2 * time.Second
	// readAhead is how many messages a reader buffers.
	readAhead = 16
)

// rangeSpec says what to read of a stream.
type rangeSpec struct {
	stream      string
	filter      string
	names       []string // of consumers; empty: any name, which nobody can guess
	policy      jetstream.DeliverPolicy
	after       uint64    // with DeliverByStartSequencePolicy: the sequence before the first
	since       time.Time // with DeliverByStartTimePolicy
	headersOnly bool
}

// reader reads a stream in order, without acknowledgements and without state on
// the server that outlives it.
type reader struct {
	ctx     context.Context //nolint:containedctx // ends with the connection
	it      jetstream.MessagesContext
	expect  uint64
	pending uint64 // when it was opened
	before  uint64 // sequence of the stream behind which it began
}

// openReader starts a reader. stop must be called.
func (c *Conn) openReader(ctx context.Context, spec rangeSpec) (r *reader, stop func(), err error) {
	rctx, cancel := c.untilReconnect(ctx)
	fail := func(err error) (*reader, func(), error) {
		cancel()
		return nil, nil, fmt.Errorf("read %s: %w", spec.stream, err)
	}
	cons, err := c.makeReader(rctx, spec, readerThreshold)
	if err != nil {
		return fail(err)
	}
	it, err := cons.Messages(jetstream.PullMaxMessages(readAhead),
		jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat))
	if err != nil {
		return fail(err)
	}
	stop = func() {
		it.Stop()
		cancel()
	}
	info := cons.CachedInfo()
	return &reader{ctx: rctx, it: it, expect: 1, pending: info.NumPending, before: info.Delivered.Stream}, stop, nil
}

// makeReader makes the consumer of a reader. It has one filter, which the client
// puts into the subject of the request, and a name that is known to nobody else, or
// one that others may not use: this is how permissions bind it.
func (c *Conn) makeReader(ctx context.Context, spec rangeSpec, unused time.Duration) (jetstream.Consumer, error) {
	cfg := jetstream.ConsumerConfig{
		Name: rand.Text(), FilterSubject: spec.filter, DeliverPolicy: spec.policy, HeadersOnly: spec.headersOnly,
		AckPolicy: jetstream.AckNonePolicy, MaxDeliver: -1, MemoryStorage: true, Replicas: 1,
		InactiveThreshold: unused,
	}
	switch spec.policy {
	case jetstream.DeliverByStartSequencePolicy:
		cfg.OptStartSeq = spec.after + 1
	case jetstream.DeliverByStartTimePolicy:
		cfg.OptStartTime = &spec.since
	}
	if n := len(spec.names); n > 0 {
		cfg.Name = spec.names[randv2.IntN(n)]
		err := c.js.DeleteConsumer(ctx, spec.stream, cfg.Name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil, err
		}
	}
	return c.js.CreateConsumer(ctx, spec.stream, cfg)
}

// bounds tells the oldest sequence that a stream has, over all subjects, and its
// newest: (1, 0) is an empty one. It asks with consumers on a subject that the
// caller may read, because what the server tells about a stream tells who else
// uses it.
func (c *Conn) bounds(ctx context.Context, stream, filter string) (first, last uint64, err error) {
	before := func(policy jetstream.DeliverPolicy) uint64 {
		if err != nil {
			return 0
		}
		var cons jetstream.Consumer
		if cons, err = c.makeReader(ctx, rangeSpec{stream: stream, filter: filter, policy: policy}, time.Second); err != nil {
			return 0
		}
		return cons.CachedInfo().Delivered.Stream
	}
	first, last = before(jetstream.DeliverAllPolicy)+1, before(jetstream.DeliverNewPolicy)
	return first, last, err
}

// next waits for a message, at most for idle unless that is 0. more is how many
// match behind it.
func (r *reader) next(idle time.Duration) (m *delivery, more uint64, err error) {
	ctx := r.ctx
	if idle > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, idle)
		defer cancel()
	}
	msg, err := r.it.Next(jetstream.NextContext(ctx))
	if err != nil {
		return nil, 0, err
	}
	meta, err := msg.Metadata()
	if err != nil {
		return nil, 0, err
	}
	if meta.Sequence.Consumer != r.expect {
		return nil, 0, errOrder
	}
	r.expect++
	return &delivery{Msg: msg, seq: meta.Sequence.Stream, time: meta.Timestamp}, meta.NumPending, nil
}

// read calls fn for the messages of spec, up to the newest at the time of the
// call, or of the last interruption. It waits for an absent server; an error of fn
// ends it.
func (c *Conn) read(ctx context.Context, spec rangeSpec, fn func(*delivery) error) error {
	var fnErr error
	err := c.retry(ctx, "read "+spec.stream, func(context.Context) error {
		r, stop, err := c.openReader(ctx, spec)
		if err != nil {
			return err
		}
		defer stop()
		for left, more := r.pending, r.pending; left > 0 && more > 0; left-- {
			var m *delivery
			m, more, err = r.next(readIdle)
			if err != nil {
				return err
			}
			if fnErr = fn(m); fnErr != nil {
				return nil
			}
			if spec.policy == jetstream.DeliverLastPerSubjectPolicy {
				continue // starts over when interrupted
			}
			spec.policy, spec.after = jetstream.DeliverByStartSequencePolicy, m.seq
		}
		return nil
	})
	return errors.Join(fnErr, err)
}

// follow calls each with readers until ctx ends or each fails with a stopError.
// each keeps spec up to date for the next reader.
func (c *Conn) follow(ctx context.Context, spec *rangeSpec, each func(*reader) error) error {
	return c.repeat(ctx, spec.stream, func() error {
		r, stop, err := c.openReader(ctx, *spec)
		if err != nil {
			return err
		}
		defer stop()
		return each(r)
	})
}

// repeat calls session until ctx ends or it fails with a stopError.
func (c *Conn) repeat(ctx context.Context, stream string, session func() error) error {
	wait, waiting := time.Duration(0), false
	for ctx.Err() == nil {
		began := time.Now()
		err := session()
		var stopped stopError
		switch {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // the end of the context is how it is stopped
		case errors.As(err, &stopped):
			return stopped.error
		case c.nc.IsClosed():
			return fmt.Errorf("follow %s: %w", stream, jetstream.ErrConnectionClosed)
		case time.Since(began) > retryMost:
			wait, waiting = 0, false
		}
		wait = nextDelay(wait, retryFirst, retryMost)
		if err != nil && !waiting && wait > 4*retryFirst {
			waiting = true
			c.log.Info("reader waits", "stream", stream, "error", err.Error())
		}
		_ = c.pause(ctx, wait)
	}
	return nil
}

// stopError carries an error of the caller's function out of follow.
type stopError struct{ error }

// ReadRaw calls fn for the raw payloads of a feed collected at or after since,
// in order, up to the newest at the time of the call.
func (c *Conn) ReadRaw(ctx context.Context, f Feed, since time.Time, fn func(*Payload) error) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("read payloads: %w", err)
	}
	// A payload is stored after it was collected, so this start misses none.
	spec := from(streamRaw, f.subject(prefixRaw), since)
	spec.names = layout.RawReaders(f.Namespace, f.Name)
	err := c.read(ctx, spec, func(m *delivery) error {
		p, err := decodePayload(m.Headers(), m.Subject(), m.Data(), m.seq)
		if err != nil || p.Collected.Before(since) {
			return err
		}
		return fn(p)
	})
	if err != nil {
		return fmt.Errorf("read payloads of %s: %w", f, err)
	}
	return nil
}

// ListRejected calls fn for blocks of rejected records of a feed (zero: all
// feeds) that were written at or after since, newest last. Lines are JSON
// {"reason","field","record"}. An error of fn ends the list and is returned.
func (c *Conn) ListRejected(ctx context.Context, f Feed, since time.Time, fn func(*Block) error) error {
	filter, err := f.filter(prefixRejected)
	if err != nil {
		return fmt.Errorf("list rejected records: %w", err)
	}
	b := new(Block)
	err = c.read(ctx, from(streamRejected, filter, since), func(m *delivery) error {
		if err := decodeBlock(b, m.Headers(), m.Data()); err != nil {
			return err
		}
		b.Feed, b.Seq = feedOf(m.Subject(), 1), m.seq
		return fn(b)
	})
	if err != nil {
		return fmt.Errorf("list rejected records: %w", err)
	}
	return nil
}

// DeadLetter is a payload that was given up, or a block of events that could not
// be decoded (Payload is nil then).
type DeadLetter struct {
	Feed    Feed
	Payload *Payload
	Error   string // the last one
	Since   time.Time
	Seq     uint64
}

// ListDead calls fn for the dead letters of a feed (zero: all feeds), oldest first.
func (c *Conn) ListDead(ctx context.Context, f Feed, fn func(*DeadLetter) error) error {
	filter, err := f.filter(prefixDead)
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	err = c.read(ctx, from(streamDead, filter, time.Time{}), func(m *delivery) error {
		d := &DeadLetter{
			Feed: feedOf(m.Subject(), 1), Error: m.Headers().Get(headerError), Since: m.time, Seq: m.seq,
		}
		if p, err := decodePayload(m.Headers(), m.Subject(), m.Data(), m.seq); err == nil {
			d.Payload = p
		}
		return fn(d)
	})
	if err != nil {
		return fmt.Errorf("list dead letters: %w", err)
	}
	return nil
}

// from reads a subject from a time on; the zero time is the oldest message.
func from(stream, filter string, since time.Time) rangeSpec {
	spec := rangeSpec{stream: stream, filter: filter, policy: jetstream.DeliverAllPolicy}
	if !since.IsZero() {
		spec.policy, spec.since = jetstream.DeliverByStartTimePolicy, since
	}
	return spec
}
