// Command bench measures weir run from outside, as a user has it: the rate and
// memory of a large payload, and the latency from a payload to a subscriber's live
// stream. Everything is on loopback.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weir-project/weir/hack/e2e"
)

const manifests = e2e.WatchAll + `---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: big}
spec:
  provider: bench
  channel: big
  exchangeRef: {name: main}
  parserRef: {name: hosts}
  http: {url: "FEEDS/big.csv"}
  limits: {timeout: 1h}
  schedule: {interval: 24h}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: small}
spec:
  provider: bench
  channel: small
  exchangeRef: {name: main}
  parserRef: {name: hosts}
  http: {url: "FEEDS/small.csv"}
  schedule: {interval: 1s}
  suspend: true
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: hosts}
spec:
  input: {csv: {}}
  mapping:
    - {field: time, from: [time], time: {layouts: ["%Y-%m-%d %H:%M:%S"]}}
    - {field: ip, from: [ip], required: true}
    - {field: dport, from: [port]}
    - {field: name, from: [malware]}
    - {field: url, from: [url]}
  constants: {category: malurl}
`

func main() {
	bin := flag.String("weir", "bin/weir", "binary to measure")
	size := flag.Int64("bytes", 1<<30, "size of the large payload")
	pad := flag.Int("pad", 300, "bytes of filler in each row of it, in a column that is not mapped")
	samples := flag.Int("latency", 60, "how many single events to time, one a second")
	flag.Parse()
	if err := bench(context.Background(), *bin, *size, *pad, *samples); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, bin string, size int64, pad, samples int) error {
	ctx, cancel := context.WithTimeout(ctx, time.Hour)
	defer cancel()
	dir, err := os.MkdirTemp("", "weir-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	small := &smallFeed{}
	feeds, err := serve(ctx, size, pad, small)
	if err != nil {
		return err
	}
	defer feeds.Close()
	w := &e2e.Weir{Bin: bin, Manifests: filepath.Join(dir, "manifests"), Data: filepath.Join(dir, "data")}
	if err := os.MkdirAll(w.Manifests, 0o700); err != nil {
		return err
	}
	text := strings.ReplaceAll(manifests, "FEEDS", "http://"+feeds.Addr)
	if err := os.WriteFile(filepath.Join(w.Manifests, "bench.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Kill()
	endpoint, err := w.Endpoint(ctx)
	if err != nil {
		return err
	}
	if err := measurePayload(ctx, w, endpoint.Admin, size, pad); err != nil {
		return fmt.Errorf("large payload: %w\n%s", err, w.Log())
	}
	if err := measureLatency(ctx, w, endpoint.Exports, small, samples); err != nil {
		return fmt.Errorf("latency: %w\n%s", err, w.Log())
	}
	return nil
}

// row appends record i of the large payload.
func row(b []byte, i int64, filler string) []byte {
	t := time.Unix(1793500000+i%2592000, 0).UTC() // within 30 days
	b = t.AppendFormat(b, "2006-01-02 15:04:05")
	b = append(b, ",198.18."...)
	b = strconv.AppendInt(b, i/250%250, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, i%250+1, 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, i%60000+1, 10)
	b = append(b, ",family-"...)
	b = strconv.AppendInt(b, i%31, 10)
	b = append(b, ",http://host"...)
	b = strconv.AppendInt(b, i%5000, 10)
	b = append(b, ".example.net/path/"...)
	b = strconv.AppendInt(b, i, 10)
	b = append(b, ',')
	b = append(b, filler...)
	return append(b, '\n')
}

const header = "time,ip,port,malware,url,comment\n"

// records is how many rows fill size bytes.
func records(size int64, pad int) int64 {
	n, left := int64(0), size-int64(len(header))
	filler := strings.Repeat("x", pad)
	var b []byte
	for left > 0 {
		b = row(b[:0], n, filler)
		left -= int64(len(b))
		n++
	}
	return n
}

func serve(ctx context.Context, size int64, pad int, small http.Handler) (*http.Server, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/small.csv", small)
	mux.HandleFunc("/big.csv", func(w http.ResponseWriter, _ *http.Request) { writeBig(w, size, pad) })
	srv := &http.Server{Addr: l.Addr().String(), ReadHeaderTimeout: 10 * time.Second, Handler: mux}
	go srv.Serve(l) //nolint:errcheck // closed at the end
	return srv, nil
}

func writeBig(w io.Writer, size int64, pad int) {
	out := bufio.NewWriterSize(w, 1<<16)
	defer out.Flush()       //nolint:errcheck // the reader tells
	out.WriteString(header) //nolint:errcheck // the reader tells
	filler := strings.Repeat("x", pad)
	var b []byte
	for i := range records(size, pad) {
		b = row(b[:0], i, filler)
		if _, err := out.Write(b); err != nil {
			return
		}
	}
}

// smallFeed has one record, a new one at each request, and knows when it was
// served.
type smallFeed struct {
	mu     sync.Mutex
	n      int64
	served map[string]time.Time // by URL
}

func (f *smallFeed) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	line := strings.Replace(string(row(nil, f.n%250, "x")), "198.18.0.", "203.0.113.", 1) // what the subscriber owns
	url := fmt.Sprintf("http://small.example.net/%d", f.n)
	cells := strings.Split(line, ",")
	cells[4] = url
	if f.served == nil {
		f.served = map[string]time.Time{}
	}
	f.n++
	f.served[url] = time.Now()
	fmt.Fprint(w, header, strings.Join(cells, ","))
}

func (f *smallFeed) since(url string) (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.served[url]
	return time.Since(t), ok
}

func measurePayload(ctx context.Context, w *e2e.Weir, admin string, size int64, pad int) error {
	want := records(size, pad)
	start := time.Now()
	fmt.Printf("payload of %d MiB, %d records\n", size>>20, want)
	var emitted time.Duration
	err := e2e.Until(ctx, func() (bool, error) {
		select {
		case <-w.Exited():
			return false, errors.New("weir ended")
		case <-time.After(time.Second):
		}
		n, err := e2e.Metric(ctx, admin, "weir_hub_events_total")
		if err != nil {
			return false, err
		}
		if m, err := e2e.Metric(ctx, admin, "weir_monitor_records_total"); err == nil && int64(m) >= want && emitted == 0 {
			emitted = time.Since(start)
		}
		return int64(n) >= want, nil
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	peak, err := memory(w.PID())
	if err != nil {
		return err
	}
	fmt.Printf("  collected and parsed     %8.1f s  %9.0f events/s\n", emitted.Seconds(), float64(want)/emitted.Seconds())
	fmt.Printf("  end to end, recorded     %8.1f s  %9.0f events/s  %6.1f MiB/s\n", took.Seconds(),
		float64(want)/took.Seconds(), float64(size>>20)/took.Seconds())
	fmt.Printf("  peak resident memory     %s (goal: 128 MiB)\n", peak)
	return nil
}

// memory reads the peak resident set from /proc.
func memory(pid int) (string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return fmt.Sprintf("%.1f MiB", float64(kib)/1024), err
		}
	}
	return "", errors.New("no VmHWM in /proc")
}

// measureLatency times single events from the moment that their payload was
// served to their arrival on a live stream.
func measureLatency(ctx context.Context, w *e2e.Weir, exports string, small *smallFeed, samples int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, exports+"/s/all/stream", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+e2e.WatchAllToken)
	resp, err := (&http.Client{}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("stream: %s", resp.Status)
	}
	file := filepath.Join(w.Manifests, "bench.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("suspend: true"), []byte("suspend: false"), 1), 0o600); err != nil {
		return err
	}
	lines := bufio.NewScanner(resp.Body)
	var took []time.Duration
	for len(took) < samples {
		url, err := nextURL(lines)
		if err != nil {
			return err
		}
		if d, ok := small.since(url); ok {
			took = append(took, d)
		}
	}
	slices.Sort(took)
	fmt.Printf("latency from the payload to the live stream, %d single events\n", samples)
	fmt.Printf("  p50 %s  p99 %s  max %s (goal: p99 < 1 s)\n", took[samples/2].Round(time.Millisecond),
		took[samples*99/100].Round(time.Millisecond), took[samples-1].Round(time.Millisecond))
	return nil
}

// nextURL waits for the next event of a stream.
func nextURL(lines *bufio.Scanner) (string, error) {
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: {")
		if !ok {
			continue
		}
		var e struct {
			URL string `json:"url"`
		}
		if err := json.Unmarshal([]byte("{"+data), &e); err != nil {
			return "", err
		}
		return e.URL, nil
	}
	return "", fmt.Errorf("the stream ended: %w", errors.Join(lines.Err(), io.ErrUnexpectedEOF))
}
