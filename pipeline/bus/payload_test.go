package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// noise is incompressible and the same for the same seed.
func noise(seed uint64, n int64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

// countParts is how many parts of large payloads are stored.
func countParts(tb testing.TB, c *Conn, stream string) int {
	tb.Helper()
	ctx := testContext(tb)
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		tb.Fatal(err)
	}
	info, err := s.Info(ctx)
	if err != nil {
		tb.Fatal(err)
	}
	return int(info.State.Msgs)
}

// waitForParts waits until the server has dropped what was removed.
func waitForParts(tb testing.TB, c *Conn, stream string, want int) {
	tb.Helper()
	ctx := testContext(tb)
	for n := countParts(tb, c, stream); n != want; n = countParts(tb, c, stream) {
		if sleep(ctx, 10*time.Millisecond) != nil {
			tb.Fatalf("%d parts in %s, want %d", n, stream, want)
		}
	}
}

// purge removes what is on a subject.
func (c *Conn) purge(ctx context.Context, stream, subject string) error {
	s, err := c.js.Stream(ctx, stream)
	if err != nil {
		return err
	}
	return s.Purge(ctx, jetstream.WithPurgeSubject(subject))
}

// consumeOne takes one payload.
func consumeOne(tb testing.TB, c *Conn) *Payload {
	tb.Helper()
	got := make(chan *Payload, 1)
	stop := background(tb, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, testFeed, func(_ context.Context, p *Payload) error {
			got <- p
			return nil
		})
	})
	defer stop()
	return receive(tb, got)
}

func digestOf(tb testing.TB, c *Conn, p *Payload) (string, int64) {
	tb.Helper()
	r, err := c.Open(testContext(tb), p)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		tb.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil)), n
}

func TestPayloadsOfAnySizeComeBackAsTheyWere(t *testing.T) {
	_, c := testBus(t)
	sizes := []int64{0, 1, 1000, inlineMost - 4096, inlineMost, inlineMost + 1, 2 * partSize, 5<<20 + 7}
	for i, size := range sizes {
		p := testPayload(string(rune('a' + i)))
		if err := c.PublishRaw(testContext(t), p, noise(uint64(i), size)); err != nil {
			t.Fatal(err)
		}
		if p.Size != size {
			t.Errorf("size %d, want %d", p.Size, size)
		}
	}
	if countParts(t, c, streamRawParts) == 0 {
		t.Error("nothing was stored in parts")
	}
	i := 0
	done := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, testFeed, func(_ context.Context, p *Payload) error {
			if digest, n := digestOf(t, c, p); digest != p.Digest || n != sizes[i] {
				t.Errorf("payload %s: %d bytes, digest %s", p.ID, n, digest)
			}
			if i++; i == len(sizes) {
				close(done)
			}
			return nil
		})
	})
	receive(t, done)
}

func TestFailedContentLeavesNothing(t *testing.T) {
	_, c := testBus(t)
	broken := errors.New("connection reset")
	content := io.MultiReader(noise(1, 3<<20), iotest.ErrReader(broken))
	if err := c.PublishRaw(testContext(t), testPayload("p"), content); !errors.Is(err, broken) {
		t.Fatalf("error %v, want that of the content", err)
	}
	waitForParts(t, c, streamRawParts, 0)
	if n := countParts(t, c, streamRaw); n != 0 {
		t.Errorf("%d payloads are published", n)
	}
}

// crashedUpload leaves parts behind as a process that dies does.
func crashedUpload(tb testing.TB, c *Conn, id string, content io.Reader, complete bool) {
	tb.Helper()
	p := testPayload(id)
	up := c.newUpload(streamRawParts, prefixRawParts, p.Feed, id)
	if complete {
		if err := up.fill(testContext(tb), p, content); err != nil {
			tb.Fatal(err)
		}
		return
	}
	up.ctx = testContext(tb)
	if _, err := io.Copy(up, content); err != nil {
		tb.Fatal(err)
	}
	if err := up.box.flush(up.ctx); err != nil {
		tb.Fatal(err)
	}
}

func TestLeftoversOfCrashesDoNotPileUp(t *testing.T) {
	for name, complete := range map[string]bool{"partial": false, "complete": true} {
		t.Run(name, func(t *testing.T) {
			_, c := testBus(t)
			for range 3 {
				crashedUpload(t, c, "p", noise(1, 4<<20), complete)
			}
			crashedUpload(t, c, "other", noise(2, 2<<20), true)
			others := 17
			if err := c.PublishRaw(testContext(t), testPayload("p"), noise(1, 4<<20)); err != nil {
				t.Fatal(err)
			}
			waitForParts(t, c, streamRawParts, 33+others) // those of one upload of each payload
			if digest, n := digestOf(t, c, consumeOne(t, c)); n != 4<<20 {
				t.Errorf("%d bytes, digest %s", n, digest)
			}
		})
	}
}

func TestRepeatedLargePublishKeepsOneCopy(t *testing.T) {
	_, c := testBus(t)
	for _, seed := range []uint64{1, 1, 2} { // the last one has other bytes under the same id
		if err := c.PublishRaw(testContext(t), testPayload("p"), noise(seed, 2<<20)); err != nil {
			t.Fatal(err)
		}
	}
	waitForParts(t, c, streamRawParts, 17)
	if _, n := digestOf(t, c, consumeOne(t, c)); n != 2<<20 {
		t.Errorf("%d bytes", n)
	}
}

func TestForeignBytesAreNoticed(t *testing.T) {
	_, c := testBus(t)
	publishText(t, c, "p", "text")
	p := consumeOne(t, c)
	good := *p
	for name, spoil := range map[string]func(*Payload){
		"digest":    func(p *Payload) { p.Digest = strings.Repeat("0", 64) },
		"shorter":   func(p *Payload) { p.Size-- },
		"longer":    func(p *Payload) { p.Size++ },
		"truncated": func(p *Payload) { p.body.inline = p.body.inline[:len(p.body.inline)-3] },
		"not zstd":  func(p *Payload) { p.body.inline = []byte("text") },
	} {
		t.Run(name, func(t *testing.T) {
			p := good
			spoil(&p)
			r, err := c.Open(testContext(t), &p)
			if err != nil {
				return
			}
			defer r.Close()
			if _, err := io.ReadAll(r); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestReadRawBeginsAtATime(t *testing.T) {
	_, c := testBus(t)
	for i := range 20 {
		publishText(t, c, string(rune('a'+i)), "x")
	}
	var all []*Payload
	read := func(since time.Time) (ids string) {
		t.Helper()
		if err := c.ReadRaw(testContext(t), testFeed, since, func(p *Payload) error {
			ids += p.ID
			all = append(all, p)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return ids
	}
	if ids := read(time.Time{}); ids != "abcdefghijklmnopqrst" {
		t.Errorf("from the beginning: %s", ids)
	}
	if ids := read(all[15].Collected); ids != "pqrst" {
		t.Errorf("from the 16th: %s", ids)
	}
	if ids := read(time.Now().Add(time.Hour)); ids != "" {
		t.Errorf("from the future: %s", ids)
	}
	stop := errors.New("enough")
	if err := c.ReadRaw(testContext(t), testFeed, time.Time{}, func(*Payload) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want that of the function", err)
	}
}

// lines generates a compressible feed.
type lines struct {
	left int64
	n    int
	buf  []byte
}

func (l *lines) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, io.EOF
	}
	for len(l.buf) < len(b) {
		l.n++
		l.buf = append(l.buf, "192.0.2.1,"...)
		l.buf = append(l.buf, byte('0'+l.n%10), byte('0'+l.n/10%10), byte('0'+l.n/100%10), byte('0'+l.n/1000%10))
		l.buf = append(l.buf, ",bots.example.org,2026-01-02T03:04:05Z\n"...)
	}
	n := int(min(int64(copy(b, l.buf)), l.left))
	l.buf = append(l.buf[:0], l.buf[n:]...)
	l.left -= int64(n)
	return n, nil
}

// peakHeap samples what the garbage collector finds alive until stop is called.
func peakHeap() (stop func() (growth uint64)) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	read := func() uint64 {
		metrics.Read(live)
		return live[0].Value.Uint64()
	}
	runtime.GC()
	base := read()
	peak := base
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(5 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-quit:
				return
			case <-t.C:
			}
			peak = max(peak, read())
		}
	}()
	return func() uint64 {
		close(quit)
		<-done
		return peak - base
	}
}

func TestMemoryDoesNotGrowWithThePayload(t *testing.T) {
	size := int64(256 << 20)
	if testing.Short() || raceEnabled {
		size = 96 << 20
	}
	if os.Getenv("WEIR_LARGE_TESTS") != "" {
		size = 1 << 30
	}
	_, c := testBus(t)
	for name, content := range map[string]io.Reader{
		"lines": &lines{left: size},
		"noise": noise(1, size),
	} {
		t.Run(name, func(t *testing.T) {
			stop := peakHeap()
			p := testPayload(name)
			if err := c.PublishRaw(t.Context(), p, content); err != nil {
				t.Fatal(err)
			}
			wrote := stop()
			stop = peakHeap()
			if digest, _ := digestOf(t, c, p); digest != p.Digest {
				t.Error("digest differs")
			}
			read := stop()
			t.Logf("%d MiB: heap grew by %d MiB writing, %d MiB reading", p.Size>>20, wrote>>20, read>>20)
			if most := uint64(64 << 20); wrote > most || read > most {
				t.Errorf("heap grew by %d MiB writing, %d MiB reading", wrote>>20, read>>20)
			}
		})
	}
}

func BenchmarkPublishRaw(b *testing.B) {
	_, c := testBus(b)
	const size = 64 << 20
	b.SetBytes(size)
	for i := 0; b.Loop(); i++ {
		p := testPayload(time.Now().String())
		if err := c.PublishRaw(context.Background(), p, &lines{left: size}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	_, c := testBus(b)
	p := testPayload("p")
	if err := c.PublishRaw(context.Background(), p, &lines{left: 64 << 20}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(p.Size)
	var sink bytes.Buffer
	for b.Loop() {
		r, err := c.Open(context.Background(), p)
		if err != nil {
			b.Fatal(err)
		}
		sink.Reset()
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
