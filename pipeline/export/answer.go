package export

import (
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/export/format"
)

const (
	batchBytes = 64 << 10
	// batchDelay is how long events that were found may wait for more.
	batchDelay = 200 * time.Millisecond
)

// answer is a response in the making: events are encoded into one buffer that is
// sent when it is full or old.
type answer struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	enc     format.Encoder
	gz      *gzip.Writer // nil: not compressed
	buf     *[]byte
	started bool // the header is out
	broken  bool // the client could not be written to
	sent    time.Time
}

var (
	buffers = sync.Pool{New: func() any { b := make([]byte, 0, batchBytes+16<<10); return &b }}
	zippers = sync.Pool{New: func() any {
		z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level exists
		return z
	}}
)

func newAnswer(w http.ResponseWriter, r *http.Request, enc format.Encoder) *answer {
	a := &answer{w: w, rc: http.NewResponseController(w), enc: enc, sent: time.Now()}
	a.buf, _ = buffers.Get().(*[]byte)
	*a.buf = (*a.buf)[:0]
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		a.gz, _ = zippers.Get().(*gzip.Writer)
		a.gz.Reset(w)
	}
	return a
}

// release gives the buffers back.
func (a *answer) release() {
	if cap(*a.buf) <= 4*batchBytes {
		buffers.Put(a.buf)
	}
	if a.gz != nil {
		a.gz.Reset(io.Discard)
		zippers.Put(a.gz)
	}
}

// header sends the header.
func (a *answer) header() {
	h := a.w.Header()
	h.Set("Content-Type", a.enc.ContentType())
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if a.gz != nil {
		h.Set("Content-Encoding", "gzip")
	}
	// The number of events is known at the end; HTTP/1.0 goes without.
	h.Set("Trailer", headerCount)
	a.started = true
	a.w.WriteHeader(http.StatusOK)
}

// writeAll sends everything and returns how many events were encoded. After an
// error the answer is not ended: a json array stays open, gzip has no trailer.
func (a *answer) writeAll(events iter.Seq2[*event.Event, error]) (int64, error) {
	_ = a.rc.SetWriteDeadline(time.Time{}) // the archive may take its time
	*a.buf = a.enc.Begin(*a.buf)
	n := int64(0)
	for e, err := range events {
		if err != nil {
			return n, err
		}
		*a.buf = a.enc.Event(*a.buf, e)
		n++
		if len(*a.buf) >= batchBytes || time.Since(a.sent) > batchDelay {
			if err := a.flush(); err != nil {
				return n, err
			}
		}
	}
	*a.buf = a.enc.End(*a.buf)
	if err := a.write(); err != nil {
		return n, err
	}
	if a.gz != nil {
		if err := a.gz.Close(); err != nil {
			a.broken = true
			return n, err
		}
	}
	a.w.Header().Set(headerCount, strconv.FormatInt(n, 10))
	return n, nil
}

// write sends the buffer, at the latest when the write timeout is over.
func (a *answer) write() error {
	if !a.started {
		a.header()
	}
	_ = a.rc.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer has one
	var w io.Writer = a.w
	if a.gz != nil {
		w = a.gz
	}
	_, err := w.Write(*a.buf)
	*a.buf = (*a.buf)[:0]
	a.broken = err != nil
	return err
}

// flush sends the buffer and makes sure that it is on the wire.
func (a *answer) flush() error {
	if err := a.write(); err != nil {
		return err
	}
	if a.gz != nil {
		if err := a.gz.Flush(); err != nil {
			a.broken = true
			return err
		}
	}
	if err := a.rc.Flush(); err != nil {
		a.broken = true
		return err
	}
	_ = a.rc.SetWriteDeadline(time.Time{})
	a.sent = time.Now()
	return nil
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	any, named := false, false
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		wanted := true
		if q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q="); ok {
			v, err := strconv.ParseFloat(q, 64)
			wanted = err == nil && v > 0
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			named = true
			if wanted {
				return true
			}
		case "*":
			any = wanted
		}
	}
	return any && !named
}
