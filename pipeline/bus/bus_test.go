package bus

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		fmt.Fprintln(os.Stderr, child(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// patience is how long tests wait for what must come. It only matters when it does
// not: long enough for a machine with other things to do.
const patience = 3 * time.Minute

var testFeed = Feed{Namespace: "default", Name: "bots"}

// testServer starts an embedded server that ends with the test.
func testServer(tb testing.TB, o ServerOptions) *Server {
	tb.Helper()
	if o.Dir == "" {
		o.Dir = tb.TempDir()
	}
	o.Log = testLog(tb)
	s, err := StartServer(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	return s
}

func testLog(tb testing.TB) logr.Logger {
	if t, ok := tb.(*testing.T); ok && testing.Verbose() {
		return testr.New(t)
	}
	return logr.Discard()
}

// restart starts the server anew in any case.
func (s *Server) restart() error {
	s.restarting.Lock()
	defer s.restarting.Unlock()
	return s.startAnew()
}

// testConn connects, and hurries retries.
func testConn(tb testing.TB, s *Server) *Conn {
	tb.Helper()
	c, err := s.Connect(tb.Name())
	if err != nil {
		tb.Fatal(err)
	}
	c.hurry = 100
	tb.Cleanup(func() { c.Close() })
	return c
}

// testBus is a server with its streams, and a connection.
func testBus(tb testing.TB) (*Server, *Conn) {
	tb.Helper()
	s := testServer(tb, ServerOptions{})
	c := testConn(tb, s)
	if err := c.Setup(testContext(tb), Retention{}); err != nil {
		tb.Fatal(err)
	}
	return s, c
}

func testContext(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	tb.Cleanup(cancel)
	return ctx
}

func testPayload(id string) *Payload {
	return &Payload{ID: id, Feed: testFeed, Source: "example.bots", Collected: time.Now().UTC(), ContentType: "text/csv"}
}

func publishText(tb testing.TB, c *Conn, id, text string) *Payload {
	tb.Helper()
	p := testPayload(id)
	if err := c.PublishRaw(testContext(tb), p, strings.NewReader(text)); err != nil {
		tb.Fatal(err)
	}
	return p
}

func writeLines(tb testing.TB, c *Conn, source, run string, n int) {
	tb.Helper()
	ctx := testContext(tb)
	w := c.NewEventWriter(testFeed, source, "payload", run)
	for i := range n {
		if err := w.Append(ctx, fmt.Appendf(nil, `{"run":%q,"n":%d}`, run, i)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(ctx); err != nil {
		tb.Fatal(err)
	}
}

func allPartitions() []int {
	all := make([]int, Partitions)
	for i := range all {
		all[i] = i
	}
	return all
}

// receive waits for one value.
func receive[T any](tb testing.TB, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		tb.Fatalf("nothing came within %v", patience)
		panic("unreachable")
	}
}

// background runs f until stop is called, which waits for it.
func background(tb testing.TB, f func(context.Context) error) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := receive(tb, done); err != nil {
			tb.Errorf("background: %v", err)
		}
	}
	tb.Cleanup(stop)
	return stop
}
