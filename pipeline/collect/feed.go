package collect

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	// afterChange is the least time between a start and the one that a change of
	// spec brings.
	afterChange = 5 * time.Second
	// settle is how long a file must rest before it is read.
	settle = time.Second
)

// feed runs the collections of one FeedSource, one at a time.
type feed struct {
	key       string
	log       logr.Logger
	collector *collector
	report    func(key string, s status.Collector)
	metrics   *metrics
	watch     func(*plan.Collector) // keeps wake up to date

	updates  chan *plan.Collector // holds the newest only
	wake     chan struct{}        // a file changed
	requests chan string          // to collect now; the newest only

	cfg      *plan.Collector
	schedule *schedule
	status   status.Collector
	due      time.Time // of the next collection; zero: none
	wanted   string    // request that waits for its collection
	carrying string    // request that the running collection carries out
	done     chan outcome
	cancel   context.CancelFunc // of the running collection; nil: none runs
}

// update hands a new configuration over without waiting.
func (f *feed) update(cfg *plan.Collector) { newest(f.updates, cfg) }

// newest puts a value into a channel of one, in place of an older one.
func newest[T any](c chan T, v T) {
	for {
		select {
		case c <- v:
			return
		default:
		}
		select { // throw the older one away
		case <-c:
		default:
		}
	}
}

// run collects until ctx ends. anchor and last status come from the bus, so a
// restart goes on where the feed was.
func (f *feed) run(ctx context.Context, states, statuses bucket) {
	anchor, ok := f.restore(ctx, states, statuses)
	if !ok {
		return
	}
	f.done = make(chan outcome, 1)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if f.cancel == nil && !f.due.IsZero() {
			timer.Reset(time.Until(f.due))
		}
		select {
		case <-ctx.Done():
			f.interrupt()
			return
		case cfg := <-f.updates:
			f.adopt(cfg, anchor)
		case <-f.wake:
			f.soon()
		case id := <-f.requests:
			f.request(id)
		case <-timer.C:
			f.start(ctx)
		case out := <-f.done:
			f.cancel()
			f.cancel = nil
			f.finish(out, time.Now())
			f.watch(f.cfg) // folders may have come and gone
		}
	}
}

// restore reads what is known of the feed; it waits for the bus.
func (f *feed) restore(ctx context.Context, states, statuses bucket) (anchor time.Time, ok bool) {
	for n := int64(1); ; n++ {
		m, err := recall(ctx, states, f.key, time.Now())
		if err == nil {
			raw, getErr := statuses.Get(ctx, f.key)
			if getErr == nil {
				err = json.Unmarshal(raw, &f.status)
			} else if !errors.Is(getErr, bus.ErrNotFound) {
				err = getErr
			}
		}
		if err == nil {
			return m.Created, true
		}
		if ctx.Err() != nil {
			return time.Time{}, false
		}
		f.log.Error(err, "cannot read what is known of the feed; trying again")
		select {
		case <-ctx.Done():
			return time.Time{}, false
		case <-time.After(min(backOffAfter(n), time.Minute)):
		}
	}
}

// adopt takes a new configuration. What decides the bytes is fetched anew soon,
// everything else only moves the next start.
func (f *feed) adopt(cfg *plan.Collector, anchor time.Time) {
	now := time.Now()
	old, due := f.cfg, f.due
	f.cfg = cfg
	fetchedAnew := old != nil && (target(old) != target(cfg) || old.Spec.Limits != cfg.Spec.Limits)
	if f.cancel != nil && (fetchedAnew || cfg.Spec.Suspend) {
		f.interrupt()
	}
	s, err := newSchedule(cfg.Spec.Schedule, f.key, anchor)
	switch {
	case cfg.Spec.Suspend:
		f.halt(true, v1alpha1.ReasonSuspended, "", now)
		return
	case err != nil:
		f.halt(false, v1alpha1.ReasonInvalidSpec, sentence(err.Error()), now)
		return
	}
	stalled := f.schedule != nil && due.IsZero() && f.cancel == nil
	sameBeat := old != nil && old.Spec.Schedule == cfg.Spec.Schedule && !due.IsZero()
	f.schedule = s
	switch {
	case fetchedAnew || stalled:
		f.due = later(now, f.status.LastAttempt.Add(afterChange))
	case !sameBeat:
		f.due = f.resume(now)
	}
	f.hurry(now)
	f.status.Next = f.due.UTC()
	f.watch(cfg)
	f.report(f.key, f.status)
	f.log.Info("feed configured", "next", f.due.UTC().Format(time.RFC3339))
}

// resume is the next start by what the status tells of the last one.
func (f *feed) resume(now time.Time) time.Time {
	regular := f.schedule.next(f.status.LastAttempt, now)
	switch {
	case f.status.Reason == v1alpha1.ReasonRateLimited && f.status.Next.After(now):
		return earlier(f.status.Next, now.Add(maxRetryAfter)) // the publisher's wish outlives a restart
	case f.status.Failures > 0:
		return earlier(regular, later(now, f.status.LastAttempt.Add(backOffAfter(f.status.Failures))))
	}
	return regular
}

// halt stops collecting until the spec changes.
func (f *feed) halt(ok bool, reason, message string, now time.Time) {
	f.due = time.Time{}
	f.status.Next = time.Time{}
	f.drop()
	f.transition(ok, reason, message, now)
	f.report(f.key, f.status)
	f.log.Info("feed halted", "reason", reason, "message", message)
}

// soon brings the next start forward, after a file changed.
func (f *feed) soon() {
	if f.due.IsZero() || f.cancel != nil {
		return // a collection that runs looks again when it ends
	}
	f.due = earlier(f.due, time.Now().Add(settle))
}

func (f *feed) start(ctx context.Context) {
	now := time.Now()
	f.status.Attempts++
	f.status.LastAttempt = now.UTC()
	select {
	case id := <-f.requests: // made before the start, so this is what it asks for
		f.request(id)
	default:
	}
	f.carrying, f.wanted = f.wanted, ""
	ctx, f.cancel = context.WithCancel(ctx)
	cfg, done := f.cfg, f.done
	go func() { done <- f.collector.collect(ctx, cfg, now) }()
}

// interrupt ends the running collection and forgets its outcome: with its ids,
// what it published is not published again.
func (f *feed) interrupt() {
	if f.cancel == nil {
		return
	}
	f.cancel()
	<-f.done
	f.cancel = nil
	if f.wanted == "" {
		f.wanted, f.carrying = f.carrying, ""
	}
}

// finish turns an outcome into status, metrics, one line of log, and the time of
// the next start.
func (f *feed) finish(out outcome, now time.Time) {
	f.status.Payloads += out.payloads
	f.status.Bytes += out.bytes
	if out.payloads > 0 {
		f.status.LastChange = now.UTC()
	}
	regular := f.schedule.next(f.status.LastAttempt, now)
	reason := v1alpha1.ReasonSucceeded
	if out.failure != nil {
		reason = out.failure.reason
		f.status.Failures++
		f.due = f.afterFailure(out.failure, regular, now)
		f.transition(false, reason, sentence(out.failure.Error()), now)
		f.log.Info("collection failed", "reason", reason, "message", f.status.Message, "failures", f.status.Failures, "next", f.due.UTC().Format(time.RFC3339))
	} else {
		f.status.Failures = 0
		f.status.LastSuccess = now.UTC()
		f.due = regular
		if out.pending {
			f.due = earlier(f.due, now.Add(2*settle))
		}
		if out.payloads == 0 {
			reason = v1alpha1.ReasonNotModified
		}
		f.transition(true, reason, out.message, now)
		log := f.log
		if out.payloads == 0 {
			log = log.V(1)
		}
		log.Info("collected", "reason", reason, "payloads", out.payloads, "bytes", out.bytes, "next", f.due.UTC().Format(time.RFC3339))
	}
	f.requested(now)
	f.status.Next = f.due.UTC()
	f.metrics.observe(f.cfg, reason, out, now.Sub(f.status.LastAttempt), now)
	f.report(f.key, f.status)
}

func (f *feed) afterFailure(fl *failure, regular, now time.Time) time.Time {
	switch fl.policy {
	case stall:
		return time.Time{}
	case waitUntil:
		return later(fl.until, now)
	case onSchedule:
		return regular
	default:
		return earlier(regular, now.Add(backOffAfter(f.status.Failures)))
	}
}

// transition sets the result; Since moves only when the reason does.
func (f *feed) transition(ok bool, reason, message string, now time.Time) {
	since := f.status.Since
	if f.status.OK != ok || f.status.Reason != reason || since.IsZero() {
		since = now.UTC()
	}
	f.status.Result = status.Result{OK: ok, Reason: reason, Message: message, Since: since}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
