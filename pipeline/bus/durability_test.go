package bus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go/jetstream"
)

// childDir makes the test binary a process that publishes until it is killed.
const childDir = "WEIR_BUS_TEST_CHILD"

// child publishes payloads and events and tells on stdout what was acknowledged.
func child(dir string) error {
	s, err := StartServer(ServerOptions{Dir: dir, Log: logr.Discard()})
	if err != nil {
		return err
	}
	c, err := s.Connect("child")
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := c.Setup(ctx, Retention{}); err != nil {
		return err
	}
	for i := 0; ; i++ {
		id := fmt.Sprint(os.Getpid(), "-", i)
		content := strings.NewReader("text " + id)
		if i%10 == 9 {
			if err := c.PublishRaw(ctx, testPayload(id), noise(1, 700<<10)); err != nil {
				return err
			}
		} else if err := c.PublishRaw(ctx, testPayload(id), content); err != nil {
			return err
		}
		fmt.Println("raw", id)
		w := c.NewEventWriter(testFeed, "example.bots", id, "1")
		if err := w.Append(ctx, []byte(id)); err != nil {
			return err
		}
		if err := w.Close(ctx); err != nil {
			return err
		}
		fmt.Println("event", id)
		if err := c.State().Put(ctx, "cursor", []byte(id)); err != nil {
			return err
		}
		fmt.Println("state", id)
	}
}

func TestAcknowledgedIsThereAfterKill(t *testing.T) {
	t.Parallel() // mostly waits
	dir := t.TempDir()
	acked := map[string]map[string]bool{"raw": {}, "event": {}, "state": {}}
	last := ""
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		for n := 0; in.Scan(); n++ {
			kind, id, _ := strings.Cut(in.Text(), " ")
			acked[kind][id] = true
			if kind == "state" {
				last = id
			}
			if n == 200 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = cmd.Wait() // killed
	}
	if len(acked["raw"]) < 150 {
		t.Fatalf("only %d payloads were published", len(acked["raw"]))
	}

	s := testServer(t, ServerOptions{Dir: dir})
	c := testConn(t, s)
	ctx := testContext(t)
	seen := make(map[string]int)
	if err := c.ReadRaw(ctx, testFeed, time.Time{}, func(p *Payload) error {
		seen[p.ID]++
		_, _ = digestOf(t, c, p) // fails the test unless the bytes are there
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	expectAll(t, "payload", acked["raw"], seen)
	clear(seen)
	// EVENT is a work queue without another consumer: read it by sequence.
	if err := readEvents(ctx, c, func(b *Block) { seen[b.Payload]++ }); err != nil {
		t.Fatal(err)
	}
	expectAll(t, "event", acked["event"], seen)
	v, err := c.State().Get(ctx, "cursor")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(v); got != last && got != following(last) {
		t.Errorf("state is %s, acknowledged was %s", got, last)
	}
}

// following is the id that the child writes after id: it may have died before it
// could tell of it.
func following(id string) string {
	pid, n, _ := strings.Cut(id, "-")
	i, _ := strconv.Atoi(n)
	return fmt.Sprint(pid, "-", i+1)
}

func expectAll(tb testing.TB, what string, acked map[string]bool, seen map[string]int) {
	tb.Helper()
	lost, twice := 0, 0
	for id := range acked {
		switch n := seen[id]; {
		case n == 0:
			lost++
		case n > 1:
			twice++
		}
	}
	if lost > 0 || twice > 0 {
		tb.Errorf("%ss: %d of %d acknowledged are lost, %d are there twice", what, lost, len(acked), twice)
	}
}

// readEvents reads every event block without consuming it.
func readEvents(ctx context.Context, c *Conn, fn func(*Block)) error {
	s, err := c.js.Stream(ctx, streamEvent)
	if err != nil {
		return err
	}
	state := s.CachedInfo().State
	for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		b := new(Block)
		if err := decodeBlock(b, m.Header, m.Data); err != nil {
			return err
		}
		fn(b)
	}
	return nil
}
