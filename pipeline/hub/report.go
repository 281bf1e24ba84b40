package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
	"github.com/weir-project/weir/pipeline/store"
)

// reportEvery bounds how often the status is written.
const reportEvery = time.Second

// reporter is the hub's status, as it changes.
type reporter struct {
	mu    sync.Mutex
	now   status.Hub
	note  string // of the configuration, shown while all is well
	dirty bool
}

func newReporter() *reporter { return &reporter{} }

func (r *reporter) add(events, recorded, delivered int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now.Events += events
	r.now.Recorded += recorded
	r.now.Delivered += delivered
	r.dirty = r.dirty || events > 0
}

// succeed and fail set the result and tell whether that is news.
func (r *reporter) succeed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set(true, v1alpha1.ReasonSucceeded, r.note)
}

func (r *reporter) fail(reason, message string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set(false, reason, message)
}

// configured notes what is wrong with the configuration. It replaces the message
// of a result that is well, and leaves a failure to be mended by success.
func (r *reporter) configured(note string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note = note
	if r.now.OK || r.now.Reason == "" {
		r.set(true, v1alpha1.ReasonSucceeded, note)
	}
}

func (r *reporter) set(ok bool, reason, message string) bool {
	if r.now.OK == ok && r.now.Reason == reason && r.now.Message == message {
		return false
	}
	news := r.now.OK != ok || r.now.Reason != reason
	if news {
		r.now.Since = time.Now().UTC()
	}
	r.now.OK, r.now.Reason, r.now.Message = ok, reason, message
	r.dirty = true
	return news
}

// resume takes the counts of an earlier run.
func (r *reporter) resume(earlier status.Hub) {
	r.add(earlier.Events, earlier.Recorded, earlier.Delivered)
}

// take is the status if it has to be written.
func (r *reporter) take() (status.Hub, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	dirty := r.dirty
	r.dirty = false
	return r.now, dirty
}

func (r *reporter) again() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dirty = true
}

// reasonOf is the reason of the status for an error of a batch.
func reasonOf(err error) string {
	var se *storeError
	var stray *strayError
	switch {
	case errors.Is(err, store.ErrFull):
		return ReasonStoreFull
	case errors.As(err, &se):
		return ReasonStoreFailed
	case errors.As(err, &stray):
		return v1alpha1.ReasonInvalidSpec
	}
	return v1alpha1.ReasonBusUnavailable
}

// Reasons of the status beside those of the API. In both cases events wait on the
// bus and are tried again until the store takes them.
const (
	// ReasonStoreFull says that the store has no space left.
	ReasonStoreFull = "StoreFull"
	// ReasonStoreFailed says that the store cannot take events for another reason.
	ReasonStoreFailed = "StoreFailed"
)

// StatusKey of a replica: hub.<namespace>.<exchange> of the first, with
// .<replica> behind of the others.
func StatusKey(exchange plan.Ref, replica int) string {
	key := plan.Key(plan.PrefixHub, exchange.Namespace, exchange.Name)
	if replica > 0 {
		key = plan.Key(key, strconv.Itoa(replica))
	}
	return key
}

// reportLoop writes the status when it changed, at most once in reportEvery, and
// a last time when ctx ends.
func (h *Hub) reportLoop(ctx context.Context) error {
	key := StatusKey(h.exchange, h.replica)
	h.resumeCounts(ctx, key)
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.writeStatus(ctx, key)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportEvery)
			defer cancel()
			h.writeStatus(last, key)
			return nil
		}
	}
}

func (h *Hub) resumeCounts(ctx context.Context, key string) {
	data, err := h.conn.Status().Get(ctx, key)
	if err != nil {
		if !errors.Is(err, bus.ErrNotFound) && ctx.Err() == nil {
			h.log.Info("counts of the last run are lost", "error", err.Error())
		}
		return
	}
	var earlier status.Hub
	if err := json.Unmarshal(data, &earlier); err != nil {
		h.log.Info("counts of the last run are lost", "error", err.Error())
		return
	}
	h.report.resume(earlier)
}

func (h *Hub) writeStatus(ctx context.Context, key string) {
	now, dirty := h.report.take()
	if !dirty {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*reportEvery)
	defer cancel()
	data, err := json.Marshal(now)
	if err == nil {
		err = h.conn.Status().Put(ctx, key, data)
	}
	if err != nil {
		h.report.again()
		h.log.V(1).Info("status was not written, trying again", "error", err.Error())
	}
}

// configured takes note of a new configuration.
func (h *Hub) configured(c *config) {
	h.meter.rebuilds.Inc()
	h.meter.subscriptions.Set(float64(len(c.subscribers)))
	h.meter.problems.Set(float64(len(c.problems)))
	for _, p := range c.problems {
		h.log.Info("part of the configuration cannot be used", "problem", p)
	}
	note := ""
	if n := len(c.problems); n > 0 {
		note = c.problems[0]
		if n > 1 {
			note += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	h.report.configured(note)
	for _, c := range []chan struct{}{h.changed, h.keepChanged} {
		select {
		case c <- struct{}{}:
		default:
		}
	}
	h.log.Info("configuration applied", "subscriptions", len(c.subscribers), "sources", len(c.sources), "problems", len(c.problems))
}
