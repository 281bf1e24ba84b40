package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

const (
	// maxDeliver is how often a payload is handed to a handler that fails.
	maxDeliver = 8
	// maxCrashes is how often a process may end while it handles one payload. It is
	// much larger, because most ends are nobody's fault.
	maxCrashes = 30

	redeliverFirst = time.Second
	redeliverMost  = time.Minute
)

// ConsumeRaw calls handle for each payload of a feed in order, one at a time,
// until ctx ends. The durable consumer is made if need be. While handle runs,
// the message is kept in progress. A nil result acknowledges; an error delivers
// again with growing delay (1 s to 1 min), and after maxDeliver times publishes
// the payload on dead.<ns>.<feedsource> and goes on (unless the error wraps
// ErrWait, which never counts). The context of handle ends with ctx; what handle
// returns then is not counted.
//
// A handler may see a payload again that it had handled when the process or the
// server died just before the acknowledgement.
func (c *Conn) ConsumeRaw(ctx context.Context, f Feed, handle func(context.Context, *Payload) error) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("consume payloads: %w", err)
	}
	r := &rawConsumer{c: c, feed: f, handle: handle}
	d := &durable{
		c: c, stream: streamRaw,
		cfg: jetstream.ConsumerConfig{
			Durable: rawDurable(f), FilterSubject: f.subject(prefixRaw),
			AckPolicy: jetstream.AckExplicitPolicy, AckWait: ackWait,
			MaxAckPending: 1, MaxDeliver: -1, DeliverPolicy: jetstream.DeliverAllPolicy,
		},
		options: []jetstream.PullMessagesOpt{
			jetstream.PullMaxMessages(1), jetstream.PullExpiry(pullExpiry), jetstream.PullHeartbeat(pullHeartbeat),
		},
		restarted: r.restarted,
	}
	return d.run(ctx, r.session)
}

// RemoveFeed deletes the consumer of a feed that is gone.
func (c *Conn) RemoveFeed(ctx context.Context, f Feed) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("remove feed: %w", err)
	}
	err := c.removeConsumer(ctx, streamRaw, rawDurable(f))
	if err == nil {
		err = c.State().Delete(ctx, crashKey(f))
	}
	if err != nil {
		return fmt.Errorf("remove feed %s: %w", f, err)
	}
	return nil
}

func (c *Conn) removeConsumer(ctx context.Context, stream, name string) error {
	return c.retry(ctx, "remove consumer "+name, func(ctx context.Context) error {
		err := c.js.DeleteConsumer(ctx, stream, name)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			return nil
		}
		return err
	})
}

func rawDurable(f Feed) string { return layout.Monitor(f.Namespace, f.Name) }

type rawConsumer struct {
	c       *Conn
	feed    Feed
	handle  func(context.Context, *Payload) error
	counted bool   // an interruption was counted for the first payload
	crashed string // why the first payload must not be tried again
}

func (r *rawConsumer) session(ctx context.Context, s *session) error {
	for {
		m, err := s.next(0)
		if err != nil {
			return err
		}
		if err := r.one(ctx, m); err != nil {
			return err
		}
		if err := s.ack(ctx, m); err != nil {
			return err
		}
	}
}

// one handles a message until it may be acknowledged. It fails only when ctx ends.
func (r *rawConsumer) one(ctx context.Context, m *delivery) error {
	stop := keepAlive(m)
	defer stop()
	p, err := decodePayload(m.Headers(), m.Subject(), m.Data(), m.seq)
	if err != nil {
		return r.bury(ctx, m, 1, err)
	}
	if reason := r.crashed; reason != "" {
		r.crashed = ""
		return r.bury(ctx, m, maxCrashes, errors.New(reason))
	}
	failures := 0
	for wait := redeliverFirst; ; wait = min(2*wait, redeliverMost) {
		err := r.handle(ctx, p)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return r.stopped(ctx, m)
		case !errors.Is(err, ErrWait):
			failures++
		}
		if failures >= r.c.maxDeliver {
			return r.bury(ctx, m, failures, err)
		}
		r.c.log.Info("payload is tried again", "feed", r.feed.String(), "payload", p.ID,
			"failures", failures, "wait", wait.String(), "error", err.Error())
		if sleep(ctx, wait/r.c.hurry) != nil {
			return r.stopped(ctx, m)
		}
	}
}

// stopped gives a message back at an orderly end, which is no crash.
func (r *rawConsumer) stopped(ctx context.Context, m *delivery) error {
	_ = m.Nak()
	if r.counted {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
		defer cancel()
		_ = r.c.State().Delete(clean, crashKey(r.feed))
	}
	return ctx.Err()
}

// restarted counts the ends of a process while the payload behind floor was in
// its hands, in the state bucket: the server forgets them with the reset that puts
// the payload in front again.
func (r *rawConsumer) restarted(ctx context.Context, floor uint64) error {
	key := crashKey(r.feed)
	count := 0
	old, err := r.c.State().Get(ctx, key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	var at uint64
	if _, err := fmt.Sscanf(string(old), "%d %d", &at, &count); err != nil || at != floor {
		count = 0
	}
	count++
	if count > maxCrashes {
		r.crashed = fmt.Sprintf("the process ended %d times while it handled this payload", count-1)
		count = 0
	}
	r.counted = true
	return r.c.State().Put(ctx, key, fmt.Appendf(nil, "%d %d", floor, count))
}

func crashKey(f Feed) string { return layout.Interrupted(f.Namespace, f.Name) }

// Headers of a dead letter, beside those of the payload.
const (
	headerError    = "Weir-Error"    // the last error
	headerFailures = "Weir-Failures" // how often it was tried
	headerOrigin   = "Weir-Origin"   // "<stream> <sequence>"
)

// bury publishes m as a dead letter.
func (r *rawConsumer) bury(ctx context.Context, m *delivery, failures int, cause error) error {
	return r.c.bury(ctx, streamRaw, r.feed, m, failures, cause)
}

func (c *Conn) bury(ctx context.Context, stream string, f Feed, m *delivery, failures int, cause error) error {
	dead := nats.NewMsg(f.subject(prefixDead))
	for k, v := range m.Headers() {
		if strings.HasPrefix(k, "Weir-") { // others tell the server what to do
			dead.Header[k] = v
		}
	}
	dead.Data = m.Data()
	dead.Header.Set(nats.MsgIdHdr, c.messageID(fmt.Sprintf("%s/%d/%d", stream, m.seq, m.time.UnixNano())))
	dead.Header.Set(headerError, headerText(cause.Error()))
	dead.Header.Set(headerFailures, strconv.Itoa(failures))
	dead.Header.Set(headerOrigin, fmt.Sprintf("%s %d", stream, m.seq))
	if _, err := c.publish(ctx, dead); err != nil {
		return err
	}
	c.log.Error(cause, "given up, kept as a dead letter", "feed", f.String(), "stream", stream, "seq", m.seq, "failures", failures)
	return nil
}

// headerText makes one line of at most 1 KiB.
func headerText(s string) string {
	b := []byte(s[:min(len(s), 1024)])
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b)
}
