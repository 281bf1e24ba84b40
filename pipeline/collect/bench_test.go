package collect

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
)

// BenchmarkCollect is one collection over HTTP on loopback: fetch, hash, spool,
// and hand over to a bus that throws everything away.
func BenchmarkCollect(b *testing.B) {
	line := "192.0.2.1,443,2026-11-01T12:00:00Z,examplebot\n"
	for _, size := range []struct {
		name  string
		bytes int64
	}{{"4KiB", 4 << 10}, {"1MiB", 1 << 20}, {"256MiB", 256 << 20}} {
		b.Run(size.name, func(b *testing.B) {
			chunk := strings.Repeat(line, 1<<12)
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				for left := size.bytes; left > 0; left -= int64(len(chunk)) {
					_, _ = io.WriteString(w, chunk[:min(left, int64(len(chunk)))])
				}
			}))
			defer srv.Close()
			h := newBenchStage(b)
			cfg := httpFeed(srv.URL)
			b.SetBytes(size.bytes)
			b.ReportAllocs()
			for b.Loop() {
				h.state.values = nil // everything is new
				if out := h.collector.collect(b.Context(), cfg, time.Now()); out.failure != nil || out.bytes != size.bytes {
					b.Fatalf("%+v", out)
				}
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(m.HeapSys)/(1<<20), "heap-MiB")
		})
	}
}

// BenchmarkUnchanged is what a feed costs that answers 304.
func BenchmarkUnchanged(b *testing.B) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v1"`)
		if r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotModified)
		}
	}))
	defer srv.Close()
	h := newBenchStage(b)
	b.ReportAllocs()
	for b.Loop() {
		if out := h.collector.collect(b.Context(), httpFeed(srv.URL), time.Now()); out.failure != nil {
			b.Fatal(out.failure)
		}
	}
}

type benchStage struct {
	*Stage
	state *memBucket
}

func newBenchStage(b *testing.B) benchStage {
	state := &memBucket{}
	s, err := newStage(Options{AllowNets: loopback, TempDir: b.TempDir()}, buses{raw: nowhere{}, state: state}, rateWindow)
	if err != nil {
		b.Fatal(err)
	}
	return benchStage{s, state}
}

type nowhere struct{}

func (nowhere) PublishRaw(_ context.Context, _ *bus.Payload, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}
