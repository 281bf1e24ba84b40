package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/secret"
)

// publisher and bucket are what a collector needs of the bus.
type publisher interface {
	PublishRaw(ctx context.Context, p *bus.Payload, content io.Reader) error
}

type bucket interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Put(ctx context.Context, key string, value []byte) error
	Delete(ctx context.Context, key string) error
	Watch(ctx context.Context, prefixes []string, fn func(bus.Entry) error) error
}

// transport fetches what is there into the collection.
type transport interface {
	fetch(ctx context.Context, c *collection) error
}

// collector collects one feed once.
type collector struct {
	raw       publisher
	state     bucket
	tempDir   string
	secrets   secret.Reader
	transport func(*plan.Collector) (transport, error)
	slots     *slots
}

// outcome is what came of one collection. After a failure, payloads and bytes
// still count what was published before.
type outcome struct {
	failure  *failure
	payloads int64
	bytes    int64
	pending  bool
	message  string
}

// collect fetches, publishes and remembers, in this order: a crash in between
// repeats the collection with the same ids.
func (k *collector) collect(ctx context.Context, cfg *plan.Collector, now time.Time) (out outcome) {
	key := plan.Key(plan.PrefixCollector, cfg.Namespace, cfg.Name)
	release, err := k.slots.acquire(ctx, host(cfg))
	if err != nil {
		return outcome{failure: explain(ctx, err)}
	}
	defer release()
	prev, err := recall(ctx, k.state, key, now)
	if err != nil {
		return outcome{failure: fail(v1alpha1.ReasonBusUnavailable, backOff, "%w", err)}
	}
	c, err := newCollection(cfg, prev, k.tempDir, now)
	if err != nil {
		return outcome{failure: explain(ctx, err)}
	}
	defer func() {
		if err := c.spool.Close(); err != nil && out.failure == nil {
			out.message = "the temporary file could not be removed"
		}
	}()
	if err := k.fetch(ctx, c); err != nil {
		f := explain(ctx, err)
		f.err = errors.New(sentence(c.redact.text(f.Error())))
		return outcome{failure: f}
	}
	out = k.publish(ctx, c)
	out.pending = c.pending
	if out.failure == nil {
		out.failure = k.remember(ctx, c, key)
	}
	return out
}

// fetch runs the transport within the feed's timeout. Publishing is not part of
// it: it waits for the bus as long as need be.
func (k *collector) fetch(ctx context.Context, c *collection) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.limits.timeout, errTimeout)
	defer cancel()
	// Decoders read foreign bytes; none of them may take the others' feeds down.
	defer func() {
		if p := recover(); p != nil {
			err = fail(v1alpha1.ReasonUnpackFailed, onSchedule, "the payload makes a decoder panic: %v", p)
		}
	}()
	t, err := k.transport(c.cfg)
	if err != nil {
		return err
	}
	if c.keys, err = loadKeys(secretStore{k.secrets, c.cfg.Namespace}, &c.cfg.Spec); err != nil {
		return err
	}
	if err := t.fetch(ctx, c); err != nil {
		return explain(ctx, err)
	}
	c.next.Whole = wholeDigest(c.next.Parts)
	return nil
}

func (k *collector) publish(ctx context.Context, c *collection) outcome {
	var out outcome
	for _, p := range c.changed() {
		if err := k.raw.PublishRaw(ctx, c.payload(p, int(out.payloads)), p.content.reader()); err != nil {
			k.rememberSome(ctx, c, out.payloads)
			out.failure = k.explainBus(ctx, err, "the payload could not be published")
			return out
		}
		out.payloads++
		out.bytes += p.content.Size()
	}
	return out
}

// remember moves the memory on. When nothing changed there is nothing to write,
// apart from new validators.
func (k *collector) remember(ctx context.Context, c *collection, key string) *failure {
	if c.same {
		return nil
	}
	if c.next.Whole == c.prev.Whole && c.next.sameValidators(c.prev) {
		return nil
	}
	c.next.Collections = c.prev.Collections + 1
	if err := c.next.save(ctx, k.state, key); err != nil {
		return k.explainBus(ctx, err, "the state could not be written")
	}
	return nil
}

// rememberSome notes the first n parts of a collection of which the bus did not
// take all, so that they are not sent again long after the bus forgot their ids.
// It is an attempt: without it they are sent again with the same ids.
func (k *collector) rememberSome(ctx context.Context, c *collection, n int64) {
	if n == 0 || ctx.Err() != nil {
		return
	}
	some := *c.prev
	some.Whole, some.ETag, some.LastModified = "", "", ""
	some.Parts = make(map[string]string, len(c.prev.Parts))
	for part, digest := range c.prev.Parts {
		some.Parts[part] = digest
	}
	for _, p := range c.changed()[:n] {
		some.Parts[p.key] = c.next.Parts[p.key]
	}
	_ = some.save(ctx, k.state, plan.Key(plan.PrefixCollector, c.feed.Namespace, c.feed.Name))
}

func (k *collector) explainBus(ctx context.Context, err error, text string) *failure {
	if ctx.Err() != nil {
		return explain(ctx, fmt.Errorf("%s: %w", text, err))
	}
	return failWith(v1alpha1.ReasonBusUnavailable, backOff, err, text)
}

// host is what the bound on simultaneous collections per host counts by.
func host(cfg *plan.Collector) string {
	if cfg.Spec.HTTP == nil {
		return ""
	}
	u, err := url.Parse(cfg.Spec.HTTP.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
