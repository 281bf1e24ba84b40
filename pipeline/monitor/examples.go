package monitor

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/schema"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// examiner runs the examples of Parsers when they change, and tells how that went
// as the status of the Parser. It decides nothing: payloads are parsed whether the
// examples give what they promise or not.
type examiner struct {
	bucket *bus.Bucket
	log    logr.Logger

	mu      sync.Mutex
	waiting map[string]exam // by key
	done    map[string]examined
	wake    chan struct{}
}

// exam is what is to be examined.
type exam struct {
	monitor *plan.Monitor    // nil: the Parser is gone
	doc     *schema.Document // of a schema set; nil if none is known
}

type examined struct {
	digest string // of the specification
	result status.Result
}

func newExaminer(b *bus.Bucket, log logr.Logger) *examiner {
	return &examiner{bucket: b, log: log, waiting: map[string]exam{}, done: map[string]examined{}, wake: make(chan struct{}, 1)}
}

func (x *examiner) examine(key string, m *plan.Monitor, doc *schema.Document) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.waiting[key] = exam{m, doc}
	signal(x.wake)
}

func (x *examiner) forget(key string) { x.examine(key, nil, nil) }

// run examines one Parser after the other until ctx ends. A status that cannot be
// written is tried again.
func (x *examiner) run(ctx context.Context) error {
	for ctx.Err() == nil {
		key, e, ok := x.next()
		if !ok {
			select {
			case <-x.wake:
			case <-ctx.Done():
			}
			continue
		}
		if err := x.tell(ctx, key, e); err != nil && ctx.Err() == nil {
			x.log.Error(err, "the outcome of examples was not told, trying again", "after", retryAfter.String())
			x.putBack(key, e)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}
	return nil
}

func (x *examiner) next() (key string, e exam, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for key, e = range x.waiting {
		delete(x.waiting, key)
		return key, e, true
	}
	return "", exam{}, false
}

// putBack keeps one for another attempt, unless there is something newer.
func (x *examiner) putBack(key string, e exam) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, newer := x.waiting[key]; !newer {
		x.waiting[key] = e
	}
}

// tell runs the examples of a Parser, if it is another one than before, and writes
// its status. Only the goroutine of run uses what is done.
func (x *examiner) tell(ctx context.Context, key string, e exam) error {
	m := e.monitor
	statusKey := plan.PrefixParser + strings.TrimPrefix(key, plan.PrefixMonitor)
	if m == nil {
		delete(x.done, key)
		return x.bucket.Delete(ctx, statusKey)
	}
	d := digest(&m.Spec)
	if e.doc != nil {
		d = digest(&m.Spec, e.doc.Digest)
	}
	if x.done[key].digest == d {
		return nil
	}
	s := runExamples(&m.Spec, e.doc)
	s.Since = time.Now().UTC()
	if before := x.before(ctx, key, statusKey); before.Reason == s.Reason {
		s.Since = before.Since
	}
	b, err := json.Marshal(s)
	if err == nil {
		err = x.bucket.Put(ctx, statusKey, b)
	}
	if err != nil {
		return err
	}
	x.done[key] = examined{d, s.Result}
	x.log.Info("examples were run", "parser", m.Namespace+"/"+m.Name, "examples", s.Examples, "reason", s.Reason, "message", s.Message)
	return nil
}

// before is the result that was told last, also by an earlier process.
func (x *examiner) before(ctx context.Context, key, statusKey string) status.Result {
	if d, ok := x.done[key]; ok {
		return d.result
	}
	var s status.Parser
	b, err := x.bucket.Get(ctx, statusKey)
	if err != nil || json.Unmarshal(b, &s) != nil {
		return status.Result{}
	}
	return s.Result
}

// maxNamed bounds the failed examples that a status names, maxDiff what it tells of
// the first.
const (
	maxNamed = 20
	maxDiff  = 500
)

// runExamples makes the status of a Parser. A Parser that panics has failed. The
// document is for a schema set whose examples bring none of their own.
func runExamples(spec *v1alpha1.ParserSpec, doc *schema.Document) (s status.Parser) {
	defer func() {
		if r := recover(); r != nil {
			s = status.Parser{Examples: len(spec.Examples),
				Result: status.Result{Reason: v1alpha1.ReasonExampleMismatch, Message: fmt.Sprintf("the Parser panics: %v", r)}}
		}
	}()
	s.Examples = len(spec.Examples)
	if _, err := parse.Compile(spec); err != nil {
		s.Result = status.Result{Reason: v1alpha1.ReasonInvalidSpec, Message: err.Error()}
		return s
	}
	results := parse.RunExamples
	if spec.Input.SchemaSet != nil && !parse.HasSchema(spec) {
		if doc == nil && len(spec.Examples) > 0 {
			s.Result = status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded, Message: "The examples wait for the schema document."}
			return s
		}
		results = func(spec *v1alpha1.ParserSpec) []parse.ExampleResult { return parse.RunExamplesWith(spec, doc) }
	}
	failed, first := 0, ""
	for _, r := range results(spec) {
		if r.OK {
			continue
		}
		if failed++; failed <= maxNamed {
			s.Failed = append(s.Failed, r.Name)
		}
		if failed == 1 {
			diff, _, _ := strings.Cut(r.Diff, "\n")
			first = fmt.Sprintf("example %s: %.*s", r.Name, maxDiff, diff)
		}
	}
	switch {
	case failed > 1:
		s.Result = status.Result{Reason: v1alpha1.ReasonExampleMismatch, Message: fmt.Sprintf("%s (and %d more)", first, failed-1)}
	case failed == 1:
		s.Result = status.Result{Reason: v1alpha1.ReasonExampleMismatch, Message: first}
	default:
		s.Result = status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}
	}
	return s
}
