package collect

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

// limits bound one collection; those of the spec with the defaults filled in.
type limits struct {
	timeout  time.Duration
	download int64 // bytes over the wire
	payload  int64 // bytes of one payload after unpacking
	ratio    int64 // unpacked to packed bytes, beyond the first MiB
	entries  int   // members of an archive, files of a glob
}

const (
	defaultTimeout  = 5 * time.Minute
	defaultDownload = 2 << 30
	defaultPayload  = 4 << 30
	defaultRatio    = 200
	defaultEntries  = 10_000

	// ratioFree is how much may be unpacked before the ratio counts: small
	// inputs compress well without being bombs.
	ratioFree = 1 << 20
)

func newLimits(spec v1alpha1.LimitsSpec) (limits, error) {
	timeout, err := durationOr(spec.Timeout, defaultTimeout)
	if err != nil || timeout < time.Second {
		return limits{}, fmt.Errorf("spec.limits.timeout: %q is no duration of at least 1s, such as 5m", spec.Timeout)
	}
	return limits{
		timeout:  timeout,
		download: positive(spec.DownloadBytes, defaultDownload),
		payload:  positive(spec.PayloadBytes, defaultPayload),
		ratio:    positive(int64(spec.Ratio), defaultRatio),
		entries:  int(positive(int64(spec.Entries), defaultEntries)),
	}, nil
}

func positive(n, otherwise int64) int64 {
	if n > 0 {
		return n
	}
	return otherwise
}

// meter counts bytes and fails as soon as there are too many.
type meter struct {
	r    io.Reader
	n    int64
	over func(n int64) error
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.n += int64(n)
	if overErr := m.over(m.n); overErr != nil {
		return 0, overErr
	}
	return n, err
}

// wire bounds what a collection may download. Several bodies of a collection
// share left.
func (l limits) wire(r io.Reader, left *int64) io.Reader {
	before := *left
	return &meter{r: r, over: func(n int64) error {
		if *left = before - n; *left < 0 {
			return l.tooMuchDownload()
		}
		return nil
	}}
}

func (l limits) tooMuchDownload() error {
	return fail(v1alpha1.ReasonTooLarge, onSchedule,
		"the feed is larger than %d bytes: raise spec.limits.downloadBytes, if that is right", l.download)
}

// payloadOf bounds one payload.
func (l limits) payloadOf(r io.Reader) io.Reader {
	return &meter{r: r, over: func(n int64) error {
		if n > l.payload {
			return fail(v1alpha1.ReasonTooLarge, onSchedule,
				"a payload is larger than %d bytes: raise spec.limits.payloadBytes, if that is right", l.payload)
		}
		return nil
	}}
}

// expansion watches how much comes out of one packed thing; the members of an
// archive share one.
type expansion struct {
	limit  limits
	packed func() int64
	out    int64
}

func (e *expansion) reader(r io.Reader) io.Reader {
	before := e.out
	return &meter{r: r, over: func(n int64) error {
		e.out = before + n
		if e.out > ratioFree && e.out/e.limit.ratio > e.packed() {
			return fail(v1alpha1.ReasonTooLarge, onSchedule,
				"the payload unpacks to more than %d times its size, as a bomb does: raise spec.limits.ratio, if that is right", e.limit.ratio)
		}
		return nil
	}}
}

// stoppable makes a reader end with the context, which matters where unpacking
// takes long without any input from the network.
type stoppable struct {
	alive func() error
	r     io.Reader
}

func (s stoppable) Read(p []byte) (int, error) {
	if err := s.alive(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// alive returns why ctx ended, as a failure, and nil as long as it did not.
func alive(ctx context.Context) func() error {
	return func() error {
		if ctx.Err() == nil {
			return nil
		}
		return explain(ctx, context.Cause(ctx))
	}
}

// The publisher must send at least minRate bytes a second, averaged over
// rateWindow: one that drips would hold a connection until the timeout.
const (
	minRate    = 1 << 10
	rateWindow = 30 * time.Second
)

// pace cancels a download that is too slow.
type pace struct {
	r     io.Reader
	timer *time.Timer
	count chan int64 // holds the bytes read in this window
}

func newPace(r io.Reader, window time.Duration, cancel context.CancelCauseFunc) *pace {
	p := &pace{r: r, count: make(chan int64, 1)}
	want := int64(minRate * window.Seconds())
	p.timer = time.AfterFunc(window, func() {
		n := <-p.count
		p.count <- 0
		if n < want {
			cancel(fmt.Errorf("%w: %d bytes in %s", errTooSlow, n, window))
			return
		}
		p.timer.Reset(window)
	})
	p.count <- 0
	return p
}

func (p *pace) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.count <- <-p.count + int64(n)
	return n, err
}

func (p *pace) stop() { p.timer.Stop() }
