package bus

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	bucketConfig = "config"
	bucketState  = "state"
	bucketStatus = "status"
)

// Bucket is a key-value bucket with the newest value of each key. It is laid out
// as every NATS key-value bucket, so the nats command reads it.
type Bucket struct {
	c    *Conn
	name string
}

// Config holds what the operator (or weir run) wants.
func (c *Conn) Config() *Bucket { return &Bucket{c, bucketConfig} }

// State holds what components remember.
func (c *Conn) State() *Bucket { return &Bucket{c, bucketState} }

// Status holds what components tell about themselves.
func (c *Conn) Status() *Bucket { return &Bucket{c, bucketStatus} }

const bucketStreamPrefix = "KV_"

// bucketStream takes no roll-ups: with one, whoever may write a key could remove all.
func bucketStream(name string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name: bucketStreamPrefix + name, Subjects: []string{"$KV." + name + ".>"},
		MaxMsgsPerSubject: 1, MaxConsumers: maxConsumers, Discard: jetstream.DiscardNew,
		DenyDelete: true, AllowDirect: true,
	}
}

func (b *Bucket) stream() string { return bucketStreamPrefix + b.name }
func (b *Bucket) prefix() string { return "$KV." + b.name + "." }

// headerOperation marks a deletion, as in the client's key-value store.
const (
	headerOperation = "KV-Operation"
	opDelete        = "DEL"
	opPurge         = "PURGE"
)

func deleted(h nats.Header) bool {
	op := h.Get(headerOperation)
	return op == opDelete || op == opPurge
}

// checkKey allows dot-separated tokens of letters, digits, dash, underscore,
// slash and equals sign.
func checkKey(key string) error {
	for token := range strings.SplitSeq(key, ".") {
		if token == "" {
			return fmt.Errorf("key %q: empty part", key)
		}
		for i := range len(token) {
			c := token[i]
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("-_/=", rune(c)) {
				return fmt.Errorf("key %q: character %q is not allowed", key, c)
			}
		}
	}
	return nil
}

// Get reads one key. Keys are dot-separated. A key that is not there is
// ErrNotFound.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	m, err := b.c.lastMessage(ctx, b.stream(), b.prefix()+key)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound), err == nil && deleted(m.Header):
		return nil, fmt.Errorf("%s %s: %w", b.name, key, ErrNotFound)
	case err != nil:
		return nil, fmt.Errorf("get %s %s: %w", b.name, key, err)
	}
	return m.Data, nil
}

// Put writes one key. It returns when the value is on disk.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if _, err := b.c.publish(ctx, &nats.Msg{Subject: b.prefix() + key, Data: value}); err != nil {
		return fmt.Errorf("put %s %s: %w", b.name, key, err)
	}
	return nil
}

// Delete removes one key, which need not be there.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	m := nats.NewMsg(b.prefix() + key)
	m.Header.Set(headerOperation, opDelete)
	if _, err := b.c.publish(ctx, m); err != nil {
		return fmt.Errorf("delete %s %s: %w", b.name, key, err)
	}
	return nil
}

// DeleteBelow removes the keys below one, and the key itself.
func (b *Bucket) DeleteBelow(ctx context.Context, key string) error {
	keys, err := b.Keys(ctx, key+".")
	if err != nil {
		return err
	}
	for _, k := range append(keys, key) {
		if err := b.Delete(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

// Entry is one change of a key. Value is nil when the key was deleted.
type Entry struct {
	Key   string
	Value []byte
}

// filters are the subjects of keys under prefixes, without overlaps.
func (b *Bucket) filters(prefixes []string) ([]string, error) {
	if len(prefixes) == 0 || slices.Contains(prefixes, "") {
		return []string{b.prefix() + ">"}, nil
	}
	var out []string
	for _, p := range slices.Compact(slices.Sorted(slices.Values(prefixes))) {
		key, under := strings.CutSuffix(p, ".")
		if err := checkKey(key); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(prefixes, func(q string) bool { return covers(q, p) }) {
			continue
		}
		if !under {
			out = append(out, b.prefix()+key)
		}
		out = append(out, b.prefix()+key+".>")
	}
	return out, nil
}

// covers reports whether every key of prefix p is one of prefix q, which differs.
func covers(q, p string) bool {
	if q == p {
		return false
	}
	key, _ := strings.CutSuffix(q, ".")
	return strings.HasPrefix(p, key+".") && p != q && (p != key+"." || q == key)
}

// Keys lists the keys under a prefix, sorted: "a.b." is what is below a.b,
// "a.b" is that and a.b itself, "" is everything.
func (b *Bucket) Keys(ctx context.Context, prefix string) ([]string, error) {
	filters, err := b.filters([]string{prefix})
	if err != nil {
		return nil, err
	}
	keys := make(map[string]bool) // an interrupted read begins anew
	for _, filter := range filters {
		spec := rangeSpec{stream: b.stream(), filter: filter, policy: jetstream.DeliverLastPerSubjectPolicy, headersOnly: true}
		err := b.c.read(ctx, spec, func(m *delivery) error {
			if !deleted(m.Headers()) {
				keys[strings.TrimPrefix(m.Subject(), b.prefix())] = true
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("list %s %s: %w", b.name, prefix, err)
		}
	}
	return slices.Sorted(maps.Keys(keys)), nil
}
