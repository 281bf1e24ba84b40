package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/secret"
)

// memBucket is a bucket in memory. failPut makes the nth Put fail.
type memBucket struct {
	mu      sync.Mutex
	values  map[string][]byte
	puts    int
	failPut int
}

var errBus = errors.New("the bus is away")

func (b *memBucket) Get(_ context.Context, key string) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v, ok := b.values[key]; ok {
		return v, nil
	}
	return nil, bus.ErrNotFound
}

func (b *memBucket) Put(_ context.Context, key string, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.puts++; b.puts == b.failPut {
		return errBus
	}
	if b.values == nil {
		b.values = map[string][]byte{}
	}
	b.values[key] = value
	return nil
}

func (b *memBucket) Delete(_ context.Context, key string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.values, key)
	return nil
}

func (b *memBucket) Watch(ctx context.Context, _ []string, _ func(bus.Entry) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// memRaw keeps what is published; failAfter makes it fail after n payloads.
type memRaw struct {
	payloads  []bus.Payload
	bodies    []string
	failAfter int
}

func (r *memRaw) PublishRaw(_ context.Context, p *bus.Payload, content io.Reader) error {
	if r.failAfter > 0 && len(r.payloads) >= r.failAfter {
		return errBus
	}
	b, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	r.payloads, r.bodies = append(r.payloads, *p), append(r.bodies, string(b))
	return nil
}

// harness is a collector without schedule and bus.
type harness struct {
	*testing.T
	raw     *memRaw
	state   *memBucket
	secrets map[string]string // "name/key"
	stage   *Stage
	temp    string
}

func newHarness(t *testing.T, mend ...func(*Options)) *harness {
	t.Helper()
	h := &harness{T: t, raw: &memRaw{}, state: &memBucket{}, secrets: map[string]string{}, temp: t.TempDir()}
	o := Options{AllowNets: loopback, TempDir: h.temp, Secrets: func(_, name, key string) ([]byte, error) {
		if v, ok := h.secrets[name+"/"+key]; ok {
			return []byte(v), nil
		}
		return nil, fmt.Errorf("secret %s, key %s: %w", name, key, secret.ErrNotFound)
	}}
	for _, m := range mend {
		m(&o)
	}
	var err error
	h.stage, err = newStage(o, buses{raw: h.raw, config: &memBucket{}, state: h.state, status: &memBucket{}}, 200*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *harness) collect(cfg *plan.Collector) outcome {
	h.Helper()
	out := h.stage.collector.collect(h.Context(), cfg, time.Now())
	left, err := os.ReadDir(h.temp)
	if err != nil || len(left) > 0 {
		h.Errorf("temporary files are left: %v %v", left, err)
	}
	return out
}

// works collects and wants success.
func (h *harness) works(cfg *plan.Collector) outcome {
	h.Helper()
	out := h.collect(cfg)
	if out.failure != nil {
		h.Fatalf("collection failed: %s: %v", out.failure.reason, out.failure)
	}
	return out
}

// fails collects and wants a failure with a reason and a text, and nothing
// published.
func (h *harness) fails(cfg *plan.Collector, reason, text string) *failure {
	h.Helper()
	before := len(h.raw.payloads)
	out := h.collect(cfg)
	if out.failure == nil {
		h.Fatalf("collection worked, want %s (%s); published %q", reason, text, h.raw.bodies[before:])
	}
	if out.failure.reason != reason || !strings.Contains(out.failure.Error(), text) {
		h.Errorf("failed with %s: %v\nwant %s: ...%s...", out.failure.reason, out.failure, reason, text)
	}
	if len(h.raw.payloads) != before {
		h.Errorf("published %q of a collection that failed", h.raw.bodies[before:])
	}
	return out.failure
}

func (h *harness) published(want ...string) {
	h.Helper()
	if len(h.raw.bodies) != len(want) {
		h.Fatalf("published %d payloads %.200q, want %.200q", len(h.raw.bodies), h.raw.bodies, want)
	}
	for i, w := range want {
		if h.raw.bodies[i] != w {
			h.Errorf("payload %d is %.200q, want %.200q", i, h.raw.bodies[i], w)
		}
	}
}

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv
}

func text(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }
}

func secretRef(name, key string) v1alpha1.SecretKeyReference {
	return v1alpha1.SecretKeyReference{Name: name, Key: key}
}
