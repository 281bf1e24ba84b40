package buslink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

const (
	// useTimeout bounds every call.
	useTimeout = 5 * time.Second
	// useSlow is when a call that got no answer asks whether the bus is there at all.
	useSlow = time.Second
)

// Ready is nil when the bus answers and everything on it was read, else an *Error.
// Every *Error, of any method, is followed by a Change without a key as soon as
// trying again makes sense.
func (k *Link) Ready() error {
	if k == nil {
		return errNone
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble != nil {
		return k.trouble
	}
	return nil
}

// Settling reports whether it is too early to say that the bus is away: the link is
// new, and neither connected nor refused yet.
func (k *Link) Settling() bool {
	if k == nil {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.settled && time.Since(k.made) < settleMost
}

// current is the session if it can be used.
func (k *Link) current() (*session, context.Context, error) {
	if k == nil {
		return nil, nil, errNone
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.trouble != nil {
		return nil, nil, k.trouble
	}
	return k.session, k.session.epoch, nil
}

// read is the newest session that was read completely, whether its bus answers or
// not; nil if there was none.
func (k *Link) read() *session {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen
}

// use calls fn with the connection, for 5 s at most, and less when the bus turns out
// to be away.
func (k *Link) use(ctx context.Context, what string, fn func(context.Context, *session) error) error {
	s, epoch, err := k.current()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, useTimeout)
	defer cancel()
	stop := context.AfterFunc(epoch, cancel)
	defer stop()
	slow := time.AfterFunc(useSlow, k.poke)
	defer slow.Stop()
	err = fn(ctx, s)
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && !errors.Is(err, bus.ErrWait):
		return fmt.Errorf("%s: %w", what, err)
	}
	k.mu.Lock()
	k.owed = true
	k.mu.Unlock()
	k.poke()
	message := "the bus at " + k.cfg.URLs + " did not answer in time: " + what
	var api *jetstream.APIError
	if errors.As(err, &api) {
		message += ": " + api.Description
	}
	return unavailable(message, err)
}

// Put writes a key of the config bucket unless it has this value already, and
// returns when the bus has it on disk.
func (k *Link) Put(ctx context.Context, key string, value []byte) (changed bool, err error) {
	return k.write(ctx, "write configuration "+key, key, written{value: digestOf(value)},
		func(ctx context.Context, config *bus.Bucket) error { return config.Put(ctx, key, value) })
}

// Delete removes a key of the config bucket if it is there.
func (k *Link) Delete(ctx context.Context, key string) (changed bool, err error) {
	return k.write(ctx, "remove configuration "+key, key, written{gone: true},
		func(ctx context.Context, config *bus.Bucket) error { return config.Delete(ctx, key) })
}

func (k *Link) write(ctx context.Context, what, key string, w written, publish func(context.Context, *bus.Bucket) error) (changed bool, err error) {
	err = k.use(ctx, what, func(ctx context.Context, s *session) error {
		if s.config.has(key, w) {
			return nil
		}
		changed = true
		return s.config.write(key, w, func() error { return publish(ctx, s.conn.Config()) })
	})
	return changed && err == nil, err
}

// Config lists the keys of the config bucket under a prefix, sorted: "a.b." is what
// is below a.b, "a.b" that and a.b itself, "" everything. It is empty until Ready
// was nil once.
func (k *Link) Config(prefix string) []string {
	s := k.read()
	if s == nil {
		return nil
	}
	return s.config.under(prefix)
}

// Status is the newest value of a key of the status bucket, also while the bus is
// away. It must not be changed.
func (k *Link) Status(key string) ([]byte, bool) {
	s := k.read()
	if s == nil {
		return nil, false
	}
	return s.status.get(key)
}

// RemoveStatus removes a key of the status bucket if it is there.
func (k *Link) RemoveStatus(ctx context.Context, key string) error {
	s, _, err := k.current()
	if err != nil {
		return err
	}
	if _, ok := s.status.get(key); !ok {
		return nil
	}
	return k.use(ctx, "remove status "+key, func(ctx context.Context, s *session) error {
		return s.conn.Status().Delete(ctx, key)
	})
}

// Forget removes what is known of a FeedSource that is gone: its place in the
// stream, what collector and monitor remember, its status. What it holds stays, and
// is there again if it comes back. Idempotent.
func (k *Link) Forget(ctx context.Context, feed bus.Feed) error {
	err := k.use(ctx, "forget FeedSource "+feed.String(), func(ctx context.Context, s *session) error {
		return errors.Join(
			s.conn.RemoveFeed(ctx, feed),
			s.conn.State().Delete(ctx, plan.Key(plan.PrefixCollector, feed.Namespace, feed.Name)),
			s.conn.State().DeleteBelow(ctx, plan.Key(plan.PrefixBaseline, feed.Namespace, feed.Name)),
		)
	})
	if err != nil {
		return err
	}
	return errors.Join(
		k.RemoveStatus(ctx, plan.Key(plan.PrefixCollector, feed.Namespace, feed.Name)),
		k.RemoveStatus(ctx, plan.Key(plan.PrefixMonitor, feed.Namespace, feed.Name)),
	)
}
