package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/hub"
)

// heartbeat is how often a quiet stream says that it is alive, so that proxies
// keep it open and both sides notice a dead peer.
const heartbeat = 15 * time.Second

// position is a place in the delivered events: a block of the stream and an event
// in it. As text it is "<sequence>.<index>", the id of a server-sent event.
type position struct {
	seq   uint64
	index int
}

func (p position) String() string {
	return strconv.FormatUint(p.seq, 10) + "." + strconv.Itoa(p.index)
}

func parsePosition(s string) (position, error) {
	bad := errors.New("is no id of this stream; send back the last id that you got, such as 1207.3")
	seq, index, ok := strings.Cut(s, ".")
	if !ok {
		return position{}, bad
	}
	n, err := strconv.ParseUint(seq, 10, 63)
	i, err2 := strconv.ParseUint(index, 10, 31)
	if err != nil || err2 != nil || n == 0 {
		return position{}, bad
	}
	return position{n, int(i)}, nil
}

// streamRequest is what a caller of /stream wants.
type streamRequest struct {
	zones []string
	after position // zero: only new events
}

// readStream reads the parameters: zone (inside, threats; all granted ones if
// absent) and after, an id to go on behind. The header Last-Event-ID, which
// browsers send when they reconnect, wins over after.
func readStream(r *http.Request, v *served) (streamRequest, *problem) {
	names, values, bad := splitQuery(r.URL.RawQuery)
	if bad != nil {
		return streamRequest{}, bad
	}
	for _, name := range names {
		if name != "zone" && name != "after" {
			return streamRequest{}, badParam(codeUnknownParam, name, "is no parameter of /stream; there are zone and after")
		}
		if name == "after" && len(values[name]) > 1 {
			return streamRequest{}, badParam(codeManyValues, name, "takes one value, got %d", len(values[name]))
		}
	}
	var req streamRequest
	if req.zones, bad = streamZones(v, values["zone"]); bad != nil {
		return req, bad
	}
	from, field := r.Header.Get("Last-Event-ID"), "Last-Event-ID"
	if from == "" && len(values["after"]) > 0 {
		from, field = values["after"][0], "after"
	}
	if from == "" && len(values["after"]) == 0 {
		return req, nil
	}
	var err error
	if req.after, err = parsePosition(from); err != nil {
		return req, badParam(codeInvalidValue, field, "%s %v", shown(from), err)
	}
	return req, nil
}

func streamZones(v *served, wanted []string) ([]string, *problem) {
	if len(wanted) == 0 {
		zones := slices.DeleteFunc(slices.Clone(v.zones), func(z string) bool { return z == zoneSearch })
		if len(zones) == 0 {
			return nil, problemf(http.StatusForbidden, codeZoneNotGranted,
				"a stream has the zones inside and threats, and the subscription may use neither")
		}
		return zones, nil
	}
	for _, z := range wanted {
		if z != zoneInside && z != zoneThreats {
			return nil, badParam(codeInvalidValue, "zone", "%s is not one of inside, threats", shown(z))
		}
		if bad := v.granted(z); bad != nil {
			return nil, bad
		}
	}
	return wanted, nil
}

// stream, which is granted, sends events as they are delivered, as server-sent events (WHATWG HTML,
// section 9.2), until the client goes, does not read, or the subscription changes.
func (s *Stage) stream(w *observed, r *http.Request, v *served) *problem {
	req, bad := readStream(r, v)
	if bad != nil {
		return bad
	}
	if v.barrier == nil {
		w.Header().Set("Retry-After", "10")
		return problemf(http.StatusServiceUnavailable, codeStarting, "the stream is not ready; try again")
	}
	if v.usage.streams.Add(1) > maxStreams {
		v.usage.streams.Add(-1)
		w.Header().Set("Retry-After", "10")
		return problemf(http.StatusTooManyRequests, codeTooManyRequests,
			"the subscription has %d streams open; close one", maxStreams)
	}
	defer v.usage.streams.Add(-1)
	s.metrics.streams.Inc()
	defer s.metrics.streams.Dec()
	from, err := s.resume(r.Context(), v, req.after)
	if err != nil {
		s.log.Error(err, "stream cannot be resumed", "subscription", v.key())
		w.Header().Set("Retry-After", "10")
		return problemf(http.StatusServiceUnavailable, codeStarting, "the stream cannot be read; try again")
	}

	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s.follow(ctx, cancel, w, v, req.zones, from)
	return nil
}

// follow writes until ctx ends or a write fails.
func (s *Stage) follow(ctx context.Context, cancel context.CancelFunc, w http.ResponseWriter, v *served, zones []string, from start) {
	out := &sseWriter{w: w, rc: http.NewResponseController(w), timeout: s.writeTimeout}
	err := out.write(opening(from))
	if err == nil {
		var beats sync.WaitGroup
		beats.Go(func() { out.beat(ctx, cancel, v.changed, s.heartbeat) })
		var withheld withheldBlocks
		wanted := make(map[string]string, len(zones))
		for _, z := range zones {
			wanted[z] = hub.DeliveryZone(z, &v.spec)
		}
		err = s.deliveries.FollowDeliver(ctx, v.namespace, v.name, from.follow, func(b *bus.Block) error {
			zone, _, _ := strings.Cut(b.Zone, ".")
			now, ok := wanted[zone]
			switch {
			case b.Seq < from.skip.seq || !ok:
				return nil
			case b.Zone != now:
				return withheld.tell(out, b.Seq)
			}
			withheld = withheldBlocks{}
			behind := -1
			if b.Seq == from.skip.seq {
				behind = from.skip.index
			}
			// Later blocks count by themselves: if the bus has to make its stream
			// anew, they begin with 1 again.
			from.skip = position{}
			return s.sendBlock(out, v, b, behind)
		})
		cancel()
		beats.Wait()
		err = errors.Join(err, out.failed())
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.metrics.slowStreams.Inc()
		s.log.Info("stream cut: the client did not read", "subscription", v.key(), "after", s.writeTimeout.String())
	case err != nil && ctx.Err() == nil:
		s.log.Error(err, "stream ended", "subscription", v.key())
	}
}

// opening is what a stream begins with: when to connect again, and whether
// something is missing, so that a client can fetch it from the archive.
func opening(from start) []byte {
	b := []byte("retry: 3000\n\n")
	if from.gap {
		b = appendGap(b, from.oldest, "what came after your last id is not kept any more")
	}
	return b
}

func appendGap(b []byte, oldest uint64, why string) []byte {
	return fmt.Appendf(b, "event: gap\ndata: {\"oldest\":%d,\"message\":\"events may be missing here: %s; "+
		"query the API with modified.min set to when you got your last event\"}\n\n", oldest, why)
}

// withheldBlocks are blocks in a row that were cut for what the subscription was
// granted before. Those that follow a change are few: the hub learns of it at
// about the same time.
type withheldBlocks struct{ told bool }

// tell says once that there are some.
func (h *withheldBlocks) tell(out *sseWriter, seq uint64) error {
	if h.told {
		return nil
	}
	h.told = true
	return out.write(appendGap(nil, seq, "the subscription was changing"))
}

// sendBlock writes the events of a block that come after the index behind.
func (s *Stage) sendBlock(out *sseWriter, v *served, b *bus.Block, behind int) error {
	out.buf = out.buf[:0]
	at := position{seq: b.Seq}
	for line := range bytes.SplitSeq(bytes.TrimSuffix(b.Lines, []byte("\n")), []byte("\n")) {
		if at.index > behind {
			out.buf = appendEvent(out.buf, at, line)
		}
		at.index++
		if len(out.buf) >= batchBytes {
			if err := out.writeBuffer(); err != nil {
				return err
			}
		}
	}
	if err := out.writeBuffer(); err != nil {
		return err
	}
	n := max(at.index-1-behind, 0)
	v.usage.events.Add(int64(n))
	s.metrics.events.WithLabelValues(endpointStream).Add(float64(n))
	return nil
}

func appendEvent(dst []byte, at position, line []byte) []byte {
	dst = strconv.AppendUint(append(dst, "id: "...), at.seq, 10)
	dst = strconv.AppendInt(append(dst, '.'), int64(at.index), 10)
	dst = append(append(dst, "\nevent: event\ndata: "...), line...)
	return append(dst, "\n\n"...)
}

// sseWriter writes whole server-sent events. Heartbeats come from another
// goroutine than events.
type sseWriter struct {
	mu      sync.Mutex
	w       http.ResponseWriter
	rc      *http.ResponseController
	timeout time.Duration
	err     error
	buf     []byte // of the goroutine that sends events
}

func (o *sseWriter) writeBuffer() error {
	if len(o.buf) == 0 {
		return nil
	}
	err := o.write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// write sends b, at the latest when the timeout is over. After one error nothing
// is written any more.
func (o *sseWriter) write(b []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return o.err
	}
	_ = o.rc.SetWriteDeadline(time.Now().Add(o.timeout)) // not every writer has one
	if _, o.err = o.w.Write(b); o.err == nil {           //nolint:gosec // JSON, and no browser takes an event stream for a page
		o.err = o.rc.Flush()
	}
	return o.err
}

func (o *sseWriter) failed() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}

// beat writes comments until ctx ends. It ends the stream if one cannot be written,
// or when the subscription changed.
func (o *sseWriter) beat(ctx context.Context, cancel context.CancelFunc, changed <-chan struct{}, every time.Duration) {
	t := time.NewTicker(every)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			cancel()
			return
		case <-t.C:
			if o.write([]byte(":\n\n")) != nil {
				cancel()
				return
			}
		}
	}
}
