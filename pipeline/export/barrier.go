package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

// barrier keeps what was delivered for somebody else out of reach. Delivered
// events stay on the bus for days under the name of the subscription, in the form
// that was right then; if the subscription is given to another organisation, or
// may see other events than before, none of that may be resumed.
//
// It is the value of exporter.<namespace>.<subscription> in the state bucket.
type barrier struct {
	// Subscriber is a hash of organisation, clearance and zones.
	Subscriber string `json:"subscriber"`
	// From is the first sequence that the subscriber may read.
	From uint64 `json:"from"`
}

func subscriberOf(cfg *plan.Subscription) string {
	// Strings and booleans always marshal.
	b, _ := json.Marshal([]any{cfg.Spec.Organisation.ID, cfg.Spec.Clearance, cfg.Spec.Zones})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// raise returns the barrier for a configuration: the known one if the subscriber
// is the same, else a new one behind everything that was delivered so far.
func (s *Stage) raise(ctx context.Context, cfg *plan.Subscription) (*barrier, error) {
	key := plan.Key(prefixStatus, cfg.Namespace, cfg.Name)
	want := subscriberOf(cfg)
	value, err := s.state.Get(ctx, key)
	if err == nil {
		var b barrier
		if json.Unmarshal(value, &b) == nil && b.Subscriber == want {
			return &b, nil
		}
	} else if !errors.Is(err, bus.ErrNotFound) {
		return nil, fmt.Errorf("what the stream may resume is unknown: %w", err)
	}
	_, last, err := s.deliveries.DeliverFirst(ctx, cfg.Namespace, cfg.Name)
	if err != nil {
		return nil, fmt.Errorf("what the stream may resume is unknown: %w", err)
	}
	b := &barrier{Subscriber: want, From: last + 1}
	value, _ = json.Marshal(b)
	if err := s.state.Put(ctx, key, value); err != nil {
		return nil, fmt.Errorf("what the stream may resume cannot be kept: %w", err)
	}
	return b, nil
}

// start is where a stream begins.
type start struct {
	follow uint64   // for the bus: behind this one; 1: from the oldest
	skip   position // up to here the caller has everything
	gap    bool     // something before may be missing
	oldest uint64   // that is kept
}

// resume finds where to go on for a caller that got everything up to after.
func (s *Stage) resume(ctx context.Context, v *served, after position) (start, error) {
	first, last, err := s.deliveries.DeliverFirst(ctx, v.namespace, v.name)
	if err != nil {
		return start{}, err
	}
	if after.seq == 0 {
		return live(last), nil
	}
	// A position that is not old enough to be dropped and yet not there is one of
	// a stream that was lost and made anew.
	lost := func(seq uint64) bool { return seq > last && seq >= first }
	st := start{skip: after, gap: after.seq < first, oldest: first}
	if lost(after.seq) {
		st.gap, st.skip = true, position{1, -1}
	}
	if from := v.barrier.From; st.skip.seq < from && (from <= 1 || !lost(from-1)) {
		st.gap, st.skip = true, position{from, -1}
	}
	st.follow = max(st.skip.seq-1, 1)
	return st, nil
}

// live begins behind last, the newest block. It is a fixed place rather than
// "whatever is new once the bus is read", so that nothing that comes after the
// client got its answer is missed.
func live(last uint64) start {
	st := start{follow: max(last, 1)}
	if last == 1 { // following 1 includes it
		st.skip = position{2, -1}
	}
	return st
}
