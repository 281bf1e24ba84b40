package collect

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/status"
)

// reportEvery bounds how often the status of one feed is written.
const reportEvery = time.Second

// reporter writes statuses: the newest of each feed, each at most once per
// reportEvery. A feed never waits for it.
type reporter struct {
	bucket bucket
	log    logr.Logger
	ready  chan struct{} // something is pending

	mu      sync.Mutex
	pending map[string]status.Collector
	written map[string]time.Time
	gone    map[string]bool
}

func newReporter(b bucket, log logr.Logger) *reporter {
	return &reporter{
		bucket: b, log: log, ready: make(chan struct{}, 1),
		pending: map[string]status.Collector{}, written: map[string]time.Time{}, gone: map[string]bool{},
	}
}

// set notes the status of a feed.
func (r *reporter) set(key string, s status.Collector) {
	r.mu.Lock()
	r.pending[key] = s
	delete(r.gone, key)
	r.mu.Unlock()
	r.nudge()
}

// remove deletes the status of a feed that is gone.
func (r *reporter) remove(key string) {
	r.mu.Lock()
	delete(r.pending, key)
	r.gone[key] = true
	r.mu.Unlock()
	r.nudge()
}

func (r *reporter) nudge() {
	select {
	case r.ready <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, and then what is left.
func (r *reporter) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(r.write(ctx, time.Now(), false))
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			r.write(last, time.Now(), true)
			return
		case <-r.ready:
		case <-timer.C:
		}
	}
}

// write writes what may be written now and returns when to look again.
func (r *reporter) write(ctx context.Context, now time.Time, all bool) time.Duration {
	due, gone, wait := r.take(now, all)
	for _, key := range gone {
		if err := r.bucket.Delete(ctx, key); err != nil && ctx.Err() == nil {
			r.log.Error(err, "status cannot be deleted", "key", key)
		}
	}
	for key, s := range due {
		raw, err := json.Marshal(s)
		if err == nil {
			err = r.bucket.Put(ctx, key, raw)
		}
		if err != nil && ctx.Err() == nil {
			r.log.Error(err, "status cannot be written", "key", key)
			r.putBack(key, s)
			wait = min(wait, reportEvery)
		}
	}
	return wait
}

func (r *reporter) take(now time.Time, all bool) (due map[string]status.Collector, gone []string, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	wait = time.Hour
	due = map[string]status.Collector{}
	for key, s := range r.pending {
		if left := r.written[key].Add(reportEvery).Sub(now); left > 0 && !all {
			wait = min(wait, left)
			continue
		}
		due[key] = s
		delete(r.pending, key)
		r.written[key] = now
	}
	for key := range r.gone {
		gone = append(gone, key)
		delete(r.written, key)
	}
	clear(r.gone)
	return due, gone, wait
}

// putBack keeps a status for the next round, unless there is a newer one.
func (r *reporter) putBack(key string, s status.Collector) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, newer := r.pending[key]; !newer && !r.gone[key] {
		r.pending[key] = s
	}
}
