package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// FollowDeliver calls fn for the delivered blocks of a subscription after seq (0:
// only new ones; 1: from the oldest kept), then for new ones, until ctx ends or
// fn fails. A caller that resumes gives Block.Seq of the last block it handled.
//
// Blocks older than the retention are gone: DeliverFirst tells whether some may
// have been between seq and what comes first. If seq lies beyond the end of the
// stream, the stream was lost and made anew, and reading begins with its oldest
// block.
func (c *Conn) FollowDeliver(ctx context.Context, namespace, subscription string, seq uint64,
	fn func(*Block) error,
) error {
	f := Feed{Namespace: namespace, Name: subscription}
	if err := f.check(); err != nil {
		return fmt.Errorf("follow subscription: %w", err)
	}
	fw := &follower{c: c, fn: fn, seq: seq}
	fw.spec = rangeSpec{stream: streamDeliver, filter: f.subject(prefixDeliver)}
	switch seq {
	case 0:
		fw.spec.policy = jetstream.DeliverNewPolicy
	case 1:
		fw.spec.policy, fw.seq = jetstream.DeliverAllPolicy, 0
	default:
		fw.spec.policy, fw.spec.after = jetstream.DeliverByStartSequencePolicy, seq
	}
	if err := c.follow(ctx, &fw.spec, fw.session); err != nil {
		return fmt.Errorf("follow subscription %s: %w", f, err)
	}
	return nil
}

type follower struct {
	c     *Conn
	fn    func(*Block) error
	spec  rangeSpec
	seq   uint64 // of the last block that was handled; 0: none yet
	short int    // sessions in a row that found the end of the stream before seq
	block Block
}

// shortMost is in how many sessions, one after the other, a stream must end before
// the last block that was handled, before it counts as lost: one replica of it may
// only be behind the one that was read before. The pauses between them are 6 s
// together.
const shortMost = 8

func (f *follower) session(r *reader) error {
	if f.spec.policy == jetstream.DeliverNewPolicy {
		// What is published while the connection is lost is new, too.
		f.after(r.before)
	} else if f.seq > 0 {
		_, last, err := f.c.bounds(r.ctx, f.spec.stream, f.spec.filter)
		if err != nil {
			return err
		}
		if err := f.checkEnd(last); err != nil {
			return err
		}
	}
	for {
		m, _, err := r.next(0)
		if err != nil {
			return err
		}
		if err := decodeBlock(&f.block, m.Headers(), m.Data()); err != nil {
			return stopError{fmt.Errorf("block %d: %w", m.seq, err)}
		}
		f.block.Feed, f.block.Seq = feedOf(m.Subject(), 1), m.seq
		if err := f.fn(&f.block); err != nil {
			return stopError{err}
		}
		f.after(m.seq)
	}
}

// checkEnd compares the end of the stream with what was handled.
func (f *follower) checkEnd(last uint64) error {
	if f.seq <= last {
		f.short = 0
		return nil
	}
	if f.short++; f.short >= shortMost {
		f.seq, f.short = 0, 0
		f.spec.policy = jetstream.DeliverAllPolicy
	}
	return errRecreated
}

// after makes the next reader begin behind seq.
func (f *follower) after(seq uint64) {
	f.seq = seq
	f.spec.policy, f.spec.after = jetstream.DeliverByStartSequencePolicy, seq
}

var errRecreated = errors.New("stream ends before what was read of it")

// DeliverFirst tells the oldest sequence that the stream of delivered blocks
// still has, over all subscriptions (0: it never had any), and the newest of this one (0: none). A
// caller that handled up to seq may have missed something if seq+1 < first, or if
// seq > 1 and seq > last (the stream was lost).
func (c *Conn) DeliverFirst(ctx context.Context, namespace, subscription string) (first, last uint64, err error) {
	f := Feed{Namespace: namespace, Name: subscription}
	if err := f.check(); err != nil {
		return 0, 0, fmt.Errorf("look at subscription: %w", err)
	}
	subject := f.subject(prefixDeliver)
	err = c.retry(ctx, "look at "+streamDeliver, func(ctx context.Context) error {
		var newest uint64
		if first, newest, err = c.bounds(ctx, streamDeliver, subject); newest == 0 {
			first = 0
		}
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("look at subscription %s: %w", f, err)
	}
	m, err := c.lastMessage(ctx, streamDeliver, subject)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return first, 0, nil
	case err != nil:
		return 0, 0, fmt.Errorf("look at subscription %s: %w", f, err)
	}
	return first, m.Sequence, nil
}
