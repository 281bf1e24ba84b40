package monitor

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// reportEvery bounds how often the status of a feed is written while nothing but
// counts changes.
const reportEvery = time.Second

// reporter writes the status of a feed: at once when the result or the incident
// changes, else at most once in reportEvery.
type reporter struct {
	bucket *bus.Bucket
	key    string

	mu      sync.Mutex
	now     status.Monitor
	changed chan struct{} // has a token when there is something to write
	hurry   chan struct{} // and when it should be written now
}

func newReporter(b *bus.Bucket, f bus.Feed) *reporter {
	return &reporter{bucket: b, key: plan.Key(plan.PrefixMonitor, f.Namespace, f.Name), changed: make(chan struct{}, 1),
		hurry: make(chan struct{}, 1)}
}

// set replaces the status. Since is kept while the result stays the same.
func (r *reporter) set(s status.Monitor) {
	r.mu.Lock()
	defer r.mu.Unlock()
	news := s.OK != r.now.OK || s.Reason != r.now.Reason
	s.Since = r.now.Since
	if news || s.Since.IsZero() {
		s.Since = time.Now().UTC()
	}
	if reflect.DeepEqual(s, r.now) {
		return
	}
	urgent := news || s.Message != r.now.Message || s.Held != r.now.Held || s.Replay != r.now.Replay
	r.now = s
	signal(r.changed)
	if urgent {
		signal(r.hurry)
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// resume takes over since when the result is what it is.
func (r *reporter) resume(ctx context.Context) {
	var earlier status.Monitor
	b, err := r.bucket.Get(ctx, r.key)
	if err != nil || json.Unmarshal(b, &earlier) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now.Reason == earlier.Reason && r.now.OK == earlier.OK {
		r.now.Since = earlier.Since
	}
	if r.now.Reason == "" {
		r.now = earlier
	}
}

// run writes the status until ctx ends, and then a last time.
func (r *reporter) run(ctx context.Context, log logr.Logger) error {
	for {
		select {
		case <-r.changed:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), reportEvery)
			defer cancel()
			return r.write(last)
		}
		select {
		case <-r.hurry:
		case <-time.After(reportEvery):
		case <-ctx.Done():
		}
		if err := r.write(ctx); err != nil && ctx.Err() == nil {
			log.Error(err, "status was not written")
		}
	}
}

func (r *reporter) write(ctx context.Context) error {
	r.mu.Lock()
	now := r.now
	r.mu.Unlock()
	b, err := json.Marshal(&now)
	if err != nil {
		return fmt.Errorf("status %s: %w", r.key, err)
	}
	return r.bucket.Put(ctx, r.key, b)
}

// tell updates the status after something happened.
func (f *feed) tell(src *source) {
	f.work.Lock()
	defer f.work.Unlock()
	f.tellAbout(src)
}

// tellNow is tell for those who hold the turn.
func (f *feed) tellNow() {
	o, _ := f.orders()
	f.tellAbout(o.source)
}

func (f *feed) tellAbout(src *source) {
	m := f.memory
	f.meter.heldNow(f.id, len(f.held))
	r := f.result(src)
	if late := f.overdue(src); late != "" {
		r.Message = strings.TrimSpace(r.Message + late)
	}
	f.reporter.set(status.Monitor{
		Result:   r,
		Payloads: m.Payloads, Records: m.Records, Events: m.Events, Skipped: m.Skipped, Rejected: m.Rejected,
		Held: int64(len(f.held)), Incident: m.Incident, Report: m.Report, Baseline: m.Version, Replay: m.Replayed,
		Parser: f.parserNow(src),
	})
}

// result sums up how the feed is.
func (f *feed) result(src *source) status.Result {
	m := f.memory
	switch {
	case src.err != nil:
		return status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: src.err.Error()}
	case m.Incident != nil:
		return status.Result{Reason: v1alpha1.ReasonFormatChanged, Message: m.Incident.Summary}
	case m.Broken:
		return status.Result{Reason: v1alpha1.ReasonFormatChanged, Message: m.Note}
	case !src.works():
		return status.Result{Reason: v1alpha1.ReasonWaiting, Message: src.waits()}
	case src.isSchema() && src.shelf.edition() == nil:
		return status.Result{Reason: v1alpha1.ReasonWaiting, Message: cmp.Or(m.Note, "No schema document has come yet.")}
	case m.Retired != "":
		return status.Result{Reason: v1alpha1.ReasonRetired, Message: m.Retired}
	case m.Payloads == 0:
		return status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded, Message: "Waits for the first payload."}
	case m.Note == "" && m.Report != nil:
		return status.Result{OK: true, Reason: v1alpha1.ReasonFormatReported, Message: m.Report.Summary}
	}
	return status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded, Message: m.Note}
}
