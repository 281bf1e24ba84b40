package bus

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// Streams.
const (
	streamRaw      = layout.StreamRaw
	streamRawParts = layout.StreamRawParts
	streamHeld     = layout.StreamHeld
	streamHeldPart = layout.StreamHeldParts
	streamRejected = layout.StreamRejected
	streamEvent    = layout.StreamEvent
	streamDeliver  = layout.StreamDeliver
	streamDead     = layout.StreamDead
)

// Subject prefixes.
const (
	prefixRaw      = layout.Raw
	prefixRawParts = layout.RawParts
	prefixHeld     = layout.Held
	prefixHeldPart = layout.HeldParts
	prefixRejected = layout.Rejected
	prefixEvent    = layout.Event
	prefixDeliver  = layout.Deliver
	prefixDead     = layout.Dead
)

const (
	// duplicates is how long the server remembers message ids.
	duplicates = 10 * time.Minute
	// maxConsumers of a stream that many components read; the server's default
	// is 1000.
	maxConsumers = 20_000
	// partsGrace is how much longer the bytes of a payload live than the payload:
	// an upload may be reused by a repeat of the publish for partsReuse, and must
	// not be gone before the message that refers to it.
	partsGrace = partsReuse + time.Hour
)

// Retention bounds the streams. Zero values take the defaults of the design.
type Retention struct {
	Raw     time.Duration // raw payloads, rejected records and dead letters; 30 days
	Deliver time.Duration // delivered events; 7 days
	// EventBytes bounds events that wait for the hub; publishing waits when it is
	// reached. 1 GiB.
	EventBytes int64
	// RejectedBytes bounds rejected records; the oldest go first. 1 GiB.
	RejectedBytes int64
	// Replicas of every stream and bucket, on an external cluster. 1.
	Replicas int
}

func (r Retention) withDefaults() Retention {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&r.Raw, 30*24*time.Hour)
	def(&r.Deliver, 7*24*time.Hour)
	if r.EventBytes <= 0 {
		r.EventBytes = 1 << 30
	}
	if r.RejectedBytes <= 0 {
		r.RejectedBytes = 1 << 30
	}
	r.Replicas = max(r.Replicas, 1)
	return r
}

// streams is the whole layout.
func (r Retention) streams() []jetstream.StreamConfig {
	raw := jetstream.StreamConfig{
		Name: streamRaw, Subjects: []string{prefixRaw + ".>"}, MaxAge: r.Raw,
		MaxConsumers: maxConsumers, AllowDirect: true,
	}
	rawParts := jetstream.StreamConfig{
		Name: streamRawParts, Subjects: []string{prefixRawParts + ".>"}, MaxAge: r.Raw + partsGrace,
		MaxMsgsPerSubject: 1, AllowDirect: true, AllowMsgTTL: true,
	}
	held := jetstream.StreamConfig{
		Name: streamHeld, Subjects: []string{prefixHeld + ".>"}, MaxMsgsPerSubject: 1,
		AllowDirect: true, AllowMsgTTL: true,
	}
	heldParts := jetstream.StreamConfig{
		Name: streamHeldPart, Subjects: []string{prefixHeldPart + ".>"}, MaxMsgsPerSubject: 1,
		AllowDirect: true, AllowMsgTTL: true,
	}
	rejected := jetstream.StreamConfig{
		Name: streamRejected, Subjects: []string{prefixRejected + ".>"}, MaxAge: r.Raw,
		MaxBytes: r.RejectedBytes, AllowDirect: true,
	}
	event := jetstream.StreamConfig{
		Name: streamEvent, Subjects: []string{prefixEvent + ".>"}, Retention: jetstream.WorkQueuePolicy,
		MaxBytes: r.EventBytes, Discard: jetstream.DiscardNew,
	}
	deliver := jetstream.StreamConfig{
		Name: streamDeliver, Subjects: []string{prefixDeliver + ".>"}, MaxAge: r.Deliver,
		MaxConsumers: maxConsumers, AllowDirect: true,
	}
	dead := jetstream.StreamConfig{
		Name: streamDead, Subjects: []string{prefixDead + ".>"}, MaxAge: r.Raw, AllowDirect: true,
	}
	all := []jetstream.StreamConfig{raw, rawParts, held, heldParts, rejected, event, deliver, dead}
	for _, b := range []string{bucketConfig, bucketState, bucketStatus} {
		all = append(all, bucketStream(b))
	}
	for i := range all {
		s := &all[i]
		s.Storage = jetstream.FileStorage
		s.Replicas = r.Replicas
		s.Duplicates = duplicates
		if s.MaxAge > 0 {
			s.Duplicates = min(duplicates, s.MaxAge)
		}
	}
	return all
}

// Setup makes or updates the streams and buckets. Idempotent. The hub (or weir
// run) calls it at its start; every other component waits until they are there.
func (c *Conn) Setup(ctx context.Context, r Retention) error {
	return c.setUp(ctx, r.withDefaults().streams())
}

// SetupBuckets makes or updates the buckets alone: how long streams keep what may
// be written there, and until it is known none may be cut.
func (c *Conn) SetupBuckets(ctx context.Context, r Retention) error {
	return c.setUp(ctx, slices.DeleteFunc(r.withDefaults().streams(), func(s jetstream.StreamConfig) bool {
		return !strings.HasPrefix(s.Name, bucketStreamPrefix)
	}))
}

func (c *Conn) setUp(ctx context.Context, streams []jetstream.StreamConfig) error {
	for _, cfg := range streams {
		err := c.retry(ctx, "set up stream "+cfg.Name, func(ctx context.Context) error {
			_, err := c.js.CreateOrUpdateStream(ctx, cfg)
			return err
		})
		if err != nil {
			return fmt.Errorf("set up stream %s: %w", cfg.Name, err)
		}
	}
	return nil
}
