package collect

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// memory is what a collector remembers of a feed: the value of the key
// collector.<namespace>.<feedsource> in the state bucket. It moves on only after
// everything before it was published and acknowledged.
type memory struct {
	// Created is when the feed was first seen.
	Created time.Time `json:"created"`
	// Collections numbers the collections. It starts at the time of Created, so
	// that a feed that is deleted and made again never repeats an id.
	Collections int64 `json:"collections"`
	// Target is a digest of what is fetched; the validators hold only for it.
	Target       string `json:"target,omitempty"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
	// Whole is the digest over all parts of the last collection.
	Whole string `json:"whole,omitempty"`
	// Parts are the digests of the parts of the last collection by their key: the
	// page, the file, the member of an archive. Absent when there were too many.
	Parts map[string]string `json:"parts,omitempty"`
	// Files tells files that need not be read again: path to size and time.
	Files map[string]string `json:"files,omitempty"`
}

// sameValidators tells whether the next collection would do the same with either
// memory, given the same parts.
func (m *memory) sameValidators(o *memory) bool {
	return m.Target == o.Target && m.ETag == o.ETag && m.LastModified == o.LastModified && maps.Equal(m.Files, o.Files)
}

// maxMemory bounds the encoded memory: a value of a bucket is one message.
const maxMemory = 768 << 10

// recall reads the memory of a feed, and makes it when the feed is new.
func recall(ctx context.Context, state bucket, key string, now time.Time) (*memory, error) {
	raw, err := state.Get(ctx, key)
	if errors.Is(err, bus.ErrNotFound) {
		m := &memory{Created: now.UTC(), Collections: now.Unix()}
		return m, m.save(ctx, state, key)
	}
	if err != nil {
		return nil, fmt.Errorf("state %s: %w", key, err)
	}
	m := new(memory)
	if err := json.Unmarshal(raw, m); err != nil {
		return nil, fmt.Errorf("state %s: %w", key, err)
	}
	return m, nil
}

// save writes the memory. Of a collection with so many parts that they do not
// fit, only the digest over all of them is kept.
func (m *memory) save(ctx context.Context, state bucket, key string) error {
	raw, err := json.Marshal(m)
	if err == nil && len(raw) > maxMemory {
		small := *m
		small.Parts, small.Files = nil, nil
		raw, err = json.Marshal(&small)
	}
	if err != nil {
		return fmt.Errorf("state %s: %w", key, err)
	}
	if err := state.Put(ctx, key, raw); err != nil {
		return fmt.Errorf("state %s: %w", key, err)
	}
	return nil
}

// target is a digest of the part of a spec that decides which bytes are fetched.
func target(c *plan.Collector) string {
	raw, err := json.Marshal(struct {
		HTTP, File, Unpack any
		Verify             *v1alpha1.VerifySpec `json:",omitempty"`
	}{c.Spec.HTTP, c.Spec.File, c.Spec.Unpack, c.Spec.Verify})
	if err != nil {
		return "" // cannot be: the spec came out of JSON
	}
	return shortDigest(sha256.Sum256(raw))
}

// shortDigest is 128 bits of a digest: enough to tell whether something changed.
func shortDigest(d [sha256.Size]byte) string { return base64.RawURLEncoding.EncodeToString(d[:16]) }

// wholeDigest is the digest over all parts.
func wholeDigest(parts map[string]string) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(parts)) {
		fmt.Fprintf(h, "%q %s\n", key, parts[key])
	}
	return shortDigest([sha256.Size]byte(h.Sum(nil)))
}

// collectionID names a collection, payloadID one part of it. Both depend on
// nothing but what is published, so a collection that is repeated after a crash
// gets the same ids, and the bus drops what it has.
func collectionID(f bus.Feed, number int64) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", f.Namespace, f.Name, number))
	return hex.EncodeToString(sum[:8])
}

func payloadID(f bus.Feed, number int64, part string, digest [sha256.Size]byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %q %x", f.Namespace, f.Name, number, part, digest))
	return hex.EncodeToString(sum[:])
}
