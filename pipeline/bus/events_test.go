package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestEventsComeInOrderAndOnce(t *testing.T) {
	_, c := testBus(t)
	writeLines(t, c, "a.x", "1", 1000)
	writeLines(t, c, "a.x", "1", 1000) // repeated after a crash
	got := make(chan string, 2000)
	background(t, func(ctx context.Context) error {
		return c.ConsumeEvents(ctx, "hub-0", nil, allPartitions(), 512, func(_ context.Context, bs []*Block) error {
			for _, b := range bs {
				for line := range bytes.Lines(b.Lines) {
					got <- string(bytes.TrimSpace(line))
				}
			}
			return nil
		})
	})
	for i := range 1000 {
		if s, want := receive(t, got), fmt.Sprintf(`{"run":"1","n":%d}`, i); s != want {
			t.Fatalf("got %s, want %s", s, want)
		}
	}
	if len(got) != 0 {
		t.Errorf("%d lines too many", len(got))
	}
}

// consumeLines hands out each line of each block.
func consumeLines(tb testing.TB, c *Conn, consumer string, partitions []int) (<-chan string, func()) {
	got := make(chan string, 10_000)
	stop := background(tb, func(ctx context.Context) error {
		return c.ConsumeEvents(ctx, consumer, nil, partitions, 512, func(_ context.Context, bs []*Block) error {
			for _, b := range bs {
				for line := range bytes.Lines(b.Lines) {
					got <- string(bytes.TrimSpace(line))
				}
			}
			return nil
		})
	})
	return got, stop
}

func TestHubsOfTwoNamespacesShareABus(t *testing.T) {
	_, c := testBus(t)
	got := map[string]chan string{"one": make(chan string, 10), "two": make(chan string, 10)}
	for namespace, lines := range got {
		background(t, func(ctx context.Context) error {
			return c.ConsumeEvents(ctx, "hub-"+namespace, []string{namespace}, allPartitions(), 512, func(_ context.Context, bs []*Block) error {
				for _, b := range bs {
					lines <- b.Feed.Namespace
				}
				return nil
			})
		})
	}
	for namespace := range got {
		w := c.NewEventWriter(Feed{namespace, "feed"}, "example.feed", "p", "r")
		if err := errors.Join(w.Append(t.Context(), []byte("{}")), w.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	for namespace, lines := range got {
		if from := receive(t, lines); from != namespace {
			t.Errorf("the hub of %s got events of %s", namespace, from)
		}
	}
}

func TestConsumersGetTheirPartitions(t *testing.T) {
	_, c := testBus(t)
	var even, odd []int
	for p := range Partitions {
		if p%2 == 0 {
			even = append(even, p)
		} else {
			odd = append(odd, p)
		}
	}
	first, _ := consumeLines(t, c, "hub-0", even)
	second, _ := consumeLines(t, c, "hub-1", odd)
	for i := range 20 {
		source := fmt.Sprint("s", i)
		writeLines(t, c, source, source, 1)
		from := first
		if Partition(source)%2 == 1 {
			from = second
		}
		if line := receive(t, from); !strings.Contains(line, `"`+source+`"`) {
			t.Fatalf("got %s", line)
		}
	}
}

func TestPartitionsMoveWhenAReplicaIsAdded(t *testing.T) {
	_, c := testBus(t)
	_, stop := consumeLines(t, c, "hub-0", allPartitions())
	writeLines(t, c, "a", "1", 1)
	own := Partition("a")
	others := slices.DeleteFunc(allPartitions(), func(p int) bool { return p == own })
	got, _ := consumeLines(t, c, "hub-1", []int{own}) // must wait
	stop()
	consumeLines(t, c, "hub-0", others) // gives the partition up
	writeLines(t, c, "a", "2", 1)
	for {
		if receive(t, got) == `{"run":"2","n":0}` {
			return
		}
	}
}

func TestNewOwnerGetsWhatAPartitionHadBefore(t *testing.T) {
	_, c := testBus(t)
	own := Partition("a")
	others := slices.DeleteFunc(allPartitions(), func(p int) bool { return p == own })
	writeLines(t, c, "a", "1", 1) // nobody's yet
	writeLines(t, c, "c", "2", 1)
	got, stop := consumeLines(t, c, "hub-0", others)
	receive(t, got) // the consumer is behind the block of a now
	stop()
	got, _ = consumeLines(t, c, "hub-0", allPartitions())
	if s := receive(t, got); s != `{"run":"1","n":0}` {
		t.Errorf("got %s", s)
	}
}

func TestFailingHandlerGetsTheSameBlocksAgain(t *testing.T) {
	_, c := testBus(t)
	writeLines(t, c, "a.x", "1", 1000)
	var calls [][]string
	done := make(chan struct{})
	background(t, func(ctx context.Context) error {
		return c.ConsumeEvents(ctx, "hub-0", nil, allPartitions(), 600, func(_ context.Context, bs []*Block) error {
			var ids []string
			for _, b := range bs {
				ids = append(ids, b.ID)
				clear(b.Lines) // a handler may spoil its buffers
			}
			if calls = append(calls, ids); len(calls) == 5 {
				close(done)
			}
			if len(calls) <= 3 {
				return errors.New("store is busy")
			}
			return nil
		})
	})
	receive(t, done)
	for i := 1; i < 4; i++ {
		if !slices.Equal(calls[0], calls[i]) {
			t.Errorf("call %d had %v, the first %v", i, calls[i], calls[0])
		}
	}
	if slices.Contains(calls[0], calls[4][0]) {
		t.Errorf("the fifth call had %v again", calls[4])
	}
}

func TestUnreadableBlockBecomesADeadLetter(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	b := Block{Source: "a.x", Count: 1, Lines: []byte("{}\n")}
	m := encodeBlock(testFeed.subject("event.1"), "broken", &b)
	m.Data = m.Data[:len(m.Data)-1]
	if _, err := c.publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	writeLines(t, c, "a.x", "1", 1)
	got, _ := consumeLines(t, c, "hub-0", allPartitions())
	if s := receive(t, got); s != `{"run":"1","n":0}` {
		t.Errorf("got %s", s)
	}
	var dead []*DeadLetter
	if err := c.ListDead(ctx, Feed{}, func(d *DeadLetter) error {
		dead = append(dead, d)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Feed != testFeed || !strings.Contains(dead[0].Error, "decode block") {
		t.Errorf("dead letters: %+v", dead)
	}
}

func TestWritersWaitWhileTheStreamIsFull(t *testing.T) {
	t.Parallel() // mostly waits
	s := testServer(t, ServerOptions{})
	c := testConn(t, s)
	ctx := testContext(t)
	if err := c.Setup(ctx, Retention{EventBytes: 256 << 10}); err != nil {
		t.Fatal(err)
	}
	line := func(i int) []byte { return fmt.Appendf(nil, "%06d%01000x", i, sha(i)) }
	const n = 12_000
	w := c.NewEventWriter(testFeed, "a.x", "p", "1")
	next := 0
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var err error
	for ; next < n; next++ {
		if err = w.Append(short, line(next)); err != nil {
			break
		}
	}
	if !errors.Is(err, ErrWait) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v after %d lines, want ErrWait", err, next)
	}
	// Another context and a consumer: it goes on where it was.
	got, _ := consumeLines(t, c, "hub-0", allPartitions())
	written := make(chan error, 1)
	go func() {
		for ; next < n; next++ {
			if err := w.Append(ctx, line(next)); err != nil {
				written <- err
				return
			}
		}
		written <- w.Close(ctx)
	}()
	seen := make(map[string]bool)
	for len(seen) < n {
		seen[receive(t, got)] = true
	}
	if err := receive(t, written); err != nil {
		t.Error(err)
	}
}

func TestLinesThatCannotBeWrittenAreRefused(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	w := c.NewEventWriter(testFeed, "a.x", "p", "1")
	for name, line := range map[string][]byte{
		"line break": []byte("a\nb"), "too long": make([]byte, maxLine+1),
	} {
		if err := w.Append(ctx, line); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for name, w := range map[string]*LineWriter{
		"feed":   c.NewEventWriter(Feed{Namespace: "a", Name: "b.>"}, "a.x", "p", "1"),
		"source": c.NewEventWriter(testFeed, "a\nNats-Msg-Id: x", "p", "1"),
		"sub":    c.NewDeliverWriter("default", "A", "inside", "s", "id"),
	} {
		if err := w.Append(ctx, []byte("x")); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := w.Close(ctx); err == nil {
			t.Errorf("%s: no error of Close", name)
		}
	}
}

func TestLongLinesTravelAlone(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	w := c.NewEventWriter(testFeed, "a.x", "p", "1")
	want := []string{"a", strings.Repeat("b", maxLine), "c", strings.Repeat("d", blockBytes), ""}
	for _, line := range want {
		if err := w.Append(ctx, []byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(ctx); err != nil {
		t.Fatal(err)
	}
	got, _ := consumeLines(t, c, "hub-0", allPartitions())
	for i, line := range want {
		if s := receive(t, got); s != line {
			t.Fatalf("line %d has %d bytes, want %d", i, len(s), len(line))
		}
	}
}

func TestPartitionsOfSourcesNeverChange(t *testing.T) {
	for source, want := range map[string]int{
		"": 25, "abuse.urlhaus": 62, "shadowserver.open-rdp": 33, "example.bots": 62,
	} {
		if got := Partition(source); got != want {
			t.Errorf("partition of %q is %d, was %d", source, got, want)
		}
	}
}

// sha is some bytes that do not compress and depend on i.
func sha(i int) []byte {
	b := make([]byte, 500)
	if _, err := noise(uint64(i), 500).Read(b); err != nil {
		panic(err)
	}
	b[0] = byte(i >> 8)
	return b
}

// BenchmarkEvents moves lines of 300 bytes from a writer to a consumer. On a disk
// it measures two fsyncs a block (one to write it, one to remove it), on tmpfs the
// processor.
func BenchmarkEvents(b *testing.B) {
	b.Run("disk", func(b *testing.B) { benchmarkEvents(b, b.TempDir()) })
	b.Run("tmpfs", func(b *testing.B) {
		dir, err := os.MkdirTemp("/dev/shm", "bus")
		if err != nil {
			b.Skip(err)
		}
		defer os.RemoveAll(dir)
		benchmarkEvents(b, dir)
	})
}

func benchmarkEvents(b *testing.B, dir string) {
	s, err := StartServer(ServerOptions{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Shutdown()
	c := testConn(b, s)
	if err := c.Setup(testContext(b), Retention{}); err != nil {
		b.Fatal(err)
	}
	counts := make(chan int, 1024)
	background(b, func(ctx context.Context) error {
		return c.ConsumeEvents(ctx, "hub-0", nil, allPartitions(), 4096, func(_ context.Context, bs []*Block) error {
			for _, b := range bs {
				counts <- b.Count
			}
			return nil
		})
	})
	done := make(chan struct{})
	var total atomic.Int64
	go func() {
		defer close(done)
		for read := int64(0); total.Load() == 0 || read < total.Load(); {
			read += int64(<-counts)
		}
	}()
	line := []byte(`{"id":"0123456789abcdef0123456789abcdef","source":"example.bots","time":"2026-01-02T03:04:05Z",` +
		`"category":"bots","confidence":"medium","restriction":"public","name":"mirai","address":[{"ip":"192.0.2.123",` +
		`"asn":64500,"cc":"PL"}],"fqdn":"host.example.org","proto":"tcp","sport":12345,"dport":23,"x":"        "}`)
	x := len(line) - 10
	ctx := context.Background()
	w := c.NewEventWriter(testFeed, "example.bots", "p", "1")
	n := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		for i, v := 0, n; i < 8; i, v = i+1, v/10 {
			line[x+i] = byte('0' + v%10)
			line[7+i] = "0123456789abcdef"[v*7%16]
		}
		if err := w.Append(ctx, line); err != nil {
			b.Fatal(err)
		}
		n++
	}
	total.Store(int64(n))
	if err := w.Close(ctx); err != nil {
		b.Fatal(err)
	}
	<-done
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkEncodeBlock(b *testing.B) {
	block := Block{Source: "example.bots"}
	for i := range blockLines {
		block.Lines = fmt.Appendf(block.Lines, `{"id":"%032x","source":"example.bots","time":"2026-01-02T03:04:05Z","category":"bots","address":[{"ip":"192.0.2.%d","asn":64500,"cc":"PL"}]}`+"\n", i*i*2654435761, i)
		block.Count++
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		b.SetBytes(int64(len(block.Lines)))
		for b.Loop() {
			encodeBlock("event.1.a.b", "id", &block)
		}
	})
	m := encodeBlock("event.1.a.b", "id", &block)
	b.Run("decode", func(b *testing.B) {
		var out Block
		b.ReportAllocs()
		b.SetBytes(int64(len(block.Lines)))
		for b.Loop() {
			if err := decodeBlock(&out, m.Header, m.Data); err != nil {
				b.Fatal(err)
			}
		}
	})
}
