package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	// linger is how long a started batch waits for one more block.
	linger = 5 * time.Millisecond
	// blocksPulled is how many blocks the client buffers, beside those being
	// handled. It bounds the memory: 128 blocks of at most 64 KiB (1 MiB where a
	// block is one long line).
	blocksPulled = 128
)

// ConsumeEvents calls handle with blocks of the given partitions (of 64) of some
// namespaces (all if none is given), up to maxEvents at once, in the order
// in which they were stored, until ctx ends. It begins with the oldest block that
// nobody has acknowledged, also of partitions that another consumer had before. All
// blocks of a call are acknowledged together. A block of more than maxEvents comes
// alone.
//
// When handle fails, it is called again with the same blocks, after a growing
// delay (1 s to 1 min), without limit: events are not skipped. A block that
// cannot be decoded becomes a dead letter.
//
// A block may come twice: when the process died before it was acknowledged, or
// when the answer to a publish was lost and the server was started again before
// the repeat (the server forgets the ids of consumed blocks then). Event ids make
// that harmless. None is left out, and of those of one LineWriter none comes for
// the first time before one that precedes it, but see there for full streams.
//
// Two consumers must not share a partition of a namespace: the server refuses the
// second, which then waits until the first gave the partition up. A consumer that
// is opened again with other partitions or namespaces gives up the rest at once.
func (c *Conn) ConsumeEvents(ctx context.Context, consumer string, namespaces []string, partitions []int, maxEvents int,
	handle func(context.Context, []*Block) error,
) error {
	if err := checkLabel("consumer", consumer); err != nil {
		return fmt.Errorf("consume events: %w", err)
	}
	for _, namespace := range namespaces {
		if err := checkLabel("namespace", namespace); err != nil {
			return fmt.Errorf("consume events: %w", err)
		}
	}
	filters, err := eventFilters(namespaces, partitions)
	if err != nil {
		return fmt.Errorf("consume events: %w", err)
	}
	e := &eventConsumer{c: c, maxEvents: maxEvents, handle: handle}
	d := &durable{
		c: c, stream: streamEvent, rewind: true,
		cfg: jetstream.ConsumerConfig{
			Durable: consumer, FilterSubjects: filters,
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			MaxAckPending: -1, MaxDeliver: -1, DeliverPolicy: jetstream.DeliverAllPolicy,
		},
		options: []jetstream.PullMessagesOpt{
			jetstream.PullMaxMessages(blocksPulled), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat),
		},
	}
	return d.run(ctx, e.session)
}

// RemoveEvents deletes the consumer of a hub replica that is gone, so that others
// may take its partitions.
func (c *Conn) RemoveEvents(ctx context.Context, consumer string) error {
	if err := checkLabel("consumer", consumer); err != nil {
		return fmt.Errorf("remove consumer: %w", err)
	}
	if err := c.removeConsumer(ctx, streamEvent, consumer); err != nil {
		return fmt.Errorf("remove consumer %s: %w", consumer, err)
	}
	return nil
}

// EventConsumers lists the consumers of events, also of hubs that are gone, sorted.
func (c *Conn) EventConsumers(ctx context.Context) ([]string, error) {
	var names []string
	err := c.retry(ctx, "list consumers", func(ctx context.Context) error {
		names = names[:0]
		for {
			page, total, err := c.consumerNames(ctx, streamEvent, len(names))
			if err != nil {
				return err
			}
			names = append(names, page...)
			if len(page) == 0 || len(names) >= total {
				return nil
			}
		}
	})
	if err != nil {
		return nil, fmt.Errorf("list consumers of events: %w", err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// consumerNames asks for names from an offset on. The client's library asks about
// the stream first, which fewer may.
func (c *Conn) consumerNames(ctx context.Context, stream string, offset int) (names []string, total int, err error) {
	m, err := c.nc.RequestWithContext(ctx, "$JS.API.CONSUMER.NAMES."+stream, fmt.Appendf(nil, `{"offset":%d}`, offset))
	if err != nil {
		return nil, 0, err
	}
	var answer struct {
		Error     *jetstream.APIError `json:"error"`
		Total     int                 `json:"total"`
		Consumers []string            `json:"consumers"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return nil, 0, fmt.Errorf("decode answer: %w", err)
	}
	if answer.Error != nil {
		return nil, 0, answer.Error
	}
	return answer.Consumers, answer.Total, nil
}

// eventFilters are the subjects event.<partition>.<namespace>.<feedsource> that a
// hub replica owns.
func eventFilters(namespaces []string, partitions []int) ([]string, error) {
	ps := slices.Clone(partitions)
	slices.Sort(ps)
	ps = slices.Compact(ps)
	if len(ps) == 0 || ps[0] < 0 || ps[len(ps)-1] >= Partitions {
		return nil, fmt.Errorf("partitions %v: give at least one of 0 to %d", partitions, Partitions-1)
	}
	below := []string{".>"}
	if len(namespaces) > 0 {
		below = below[:0]
		for _, namespace := range slices.Compact(slices.Sorted(slices.Values(namespaces))) {
			below = append(below, "."+namespace+".>")
		}
	}
	if len(ps) == Partitions && len(namespaces) == 0 {
		return []string{prefixEvent + ".>"}, nil
	}
	filters := make([]string, 0, len(ps)*len(below))
	for _, b := range below {
		if len(ps) == Partitions {
			filters = append(filters, prefixEvent+".*"+b)
			continue
		}
		for _, p := range ps {
			filters = append(filters, prefixEvent+"."+strconv.Itoa(p)+b)
		}
	}
	return filters, nil
}

type eventConsumer struct {
	c         *Conn
	maxEvents int
	handle    func(context.Context, []*Block) error

	ms     []*delivery
	blocks []*Block // with their buffers, reused; the first len(ms) are in use
}

func (e *eventConsumer) session(ctx context.Context, s *session) error {
	for {
		if err := e.collect(s); err != nil {
			return err
		}
		if err := e.work(ctx); err != nil {
			return err
		}
		if err := s.ack(ctx, e.ms...); err != nil {
			return err
		}
	}
}

// collect gathers at least one message and up to maxEvents events.
func (e *eventConsumer) collect(s *session) error {
	e.ms = e.ms[:0]
	for events := 0; events < e.maxEvents || len(e.ms) == 0; {
		wait := linger
		if len(e.ms) == 0 {
			wait = 0
		}
		m, err := s.next(wait)
		if err != nil && len(e.ms) > 0 && s.ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(m.Headers().Get(headerCount))
		if err != nil || n < 1 {
			n = 1 // refused when it is decoded
		}
		if len(e.ms) > 0 && events+n > e.maxEvents {
			s.putBack(m)
			return nil
		}
		events += n
		e.ms = append(e.ms, m)
	}
	return nil
}

// work hands the collected blocks to the handler until it takes them.
func (e *eventConsumer) work(ctx context.Context) error {
	stop := keepAlive(e.ms...)
	defer stop()
	for wait := redeliverFirst; ; wait = min(2*wait, redeliverMost) {
		blocks, err := e.decode(ctx)
		if err != nil {
			return err
		}
		if len(blocks) == 0 {
			return nil
		}
		err = e.handle(ctx, blocks)
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			e.c.log.Info("events are tried again", "blocks", len(blocks), "wait", wait.String(), "error", err.Error())
		}
		if err := sleep(ctx, wait/e.c.hurry); err != nil {
			return err
		}
	}
}

// decode decompresses the collected blocks. Those that cannot be become dead
// letters and are left out.
func (e *eventConsumer) decode(ctx context.Context) ([]*Block, error) {
	for len(e.blocks) < len(e.ms) {
		e.blocks = append(e.blocks, new(Block))
	}
	n := 0
	for _, m := range e.ms {
		b := e.blocks[n]
		feed := feedOf(m.Subject(), 2)
		if err := decodeBlock(b, m.Headers(), m.Data()); err != nil {
			if err := e.c.bury(ctx, streamEvent, feed, m, 1, err); err != nil {
				return nil, err
			}
			continue
		}
		b.Feed, b.Seq = feed, m.seq
		n++
	}
	return e.blocks[:n], nil
}
