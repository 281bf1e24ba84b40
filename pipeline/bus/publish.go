package bus

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// permanent reports whether trying again cannot help. Everything else is waited
// for: an absent server, an absent stream (Setup has not run yet), a full one, a
// full disk, a lost answer.
func permanent(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch {
		case api.ErrorCode == jetstream.JSErrCodeStreamMessageExceedsMaximum:
			return true
		case api.Code == 400:
			return true
		}
		return false
	}
	for _, e := range []error{
		nats.ErrMaxPayload, nats.ErrConnectionClosed, nats.ErrConnectionDraining, nats.ErrBadSubject,
		nats.ErrHeadersNotSupported, jetstream.ErrAsyncPublishReplySubjectSet,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// messageID makes the id by which the server knows a message that was published
// twice. It is the same whenever a role publishes the same thing, and known to
// nobody else.
func (c *Conn) messageID(id string) string {
	if c.salt == nil {
		return id
	}
	m := hmac.New(sha256.New, c.salt)
	m.Write([]byte(id))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// retry calls do until it succeeds, fails for good or ctx ends. It logs the first
// wait and the end of it.
func (c *Conn) retry(ctx context.Context, what string, do func(context.Context) error) error {
	waiting := false
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := c.attempt(ctx, do)
		if err == nil {
			if waiting {
				c.log.Info("bus goes on", "what", what)
			}
			return nil
		}
		if ctx.Err() != nil {
			return waitError(ctx, err)
		}
		if permanent(err) {
			return err
		}
		if !waiting && wait > 4*retryFirst {
			waiting = true
			c.log.Info("bus waits", "what", what, "error", err.Error())
		}
		if c.pause(ctx, wait) != nil {
			return waitError(ctx, err)
		}
	}
}

func (c *Conn) attempt(ctx context.Context, do func(context.Context) error) error {
	ctx, release := c.untilReconnect(ctx) // an answer may have been lost
	defer release()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	return do(ctx)
}

// waitError is what a call returns whose context ended while it waited.
func waitError(ctx context.Context, last error) error {
	return fmt.Errorf("%w: %w (%w)", ErrWait, last, ctx.Err())
}

// publish stores a message and waits for the acknowledgement. It repeats with the
// same id until ctx ends.
func (c *Conn) publish(ctx context.Context, m *nats.Msg) (*jetstream.PubAck, error) {
	var ack *jetstream.PubAck
	err := c.retry(ctx, "publish on "+m.Subject, func(ctx context.Context) error {
		f, err := c.publishAsync(m)
		if err != nil {
			return err
		}
		ack, err = wait(ctx, f)
		return err
	})
	if errors.Is(err, nats.ErrMaxPayload) {
		err = fmt.Errorf("%d bytes exceed the server's max_payload of %d, raise it to 8MB: %w",
			len(m.Data), c.nc.MaxPayload(), err)
	}
	if err != nil {
		return nil, fmt.Errorf("publish on %s: %w", m.Subject, err)
	}
	return ack, nil
}

// publishAsync does without the repeats of the NATS client, which would let later
// messages overtake this one.
func (c *Conn) publishAsync(m *nats.Msg) (jetstream.PubAckFuture, error) {
	return c.js.PublishMsgAsync(m, jetstream.WithRetryAttempts(0))
}

func wait(ctx context.Context, f jetstream.PubAckFuture) (*jetstream.PubAck, error) {
	select {
	case ack := <-f.Ok():
		return ack, nil
	case err := <-f.Err():
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nextDelay doubles a delay between first and most.
func nextDelay(d, first, most time.Duration) time.Duration {
	return min(max(2*d, first), most)
}
