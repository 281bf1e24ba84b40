package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
)

// consumeTexts hands out "id:text" of each payload that is consumed.
func consumeTexts(tb testing.TB, c *Conn) (<-chan string, func()) {
	got := make(chan string, 100)
	stop := background(tb, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, testFeed, func(ctx context.Context, p *Payload) error {
			got <- p.ID + ":" + readText(tb, c, p)
			return nil
		})
	})
	return got, stop
}

func readText(tb testing.TB, c *Conn, p *Payload) string {
	tb.Helper()
	r, err := c.Open(testContext(tb), p)
	if err != nil {
		tb.Errorf("open: %v", err)
		return ""
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Errorf("read: %v", err)
	}
	return string(b)
}

func TestPayloadsComeInOrderWithTheirBytes(t *testing.T) {
	_, c := testBus(t)
	for i := range 5 {
		publishText(t, c, fmt.Sprint("p", i), fmt.Sprint("text ", i))
	}
	got, _ := consumeTexts(t, c)
	for i := range 5 {
		if s, want := receive(t, got), fmt.Sprintf("p%d:text %d", i, i); s != want {
			t.Fatalf("got %q, want %q", s, want)
		}
	}
}

func TestRepeatedPublishIsOneMessage(t *testing.T) {
	_, c := testBus(t)
	first := publishText(t, c, "same", "text")
	again := publishText(t, c, "same", "text")
	if first.Seq != again.Seq {
		t.Errorf("sequences %d and %d, want one message", first.Seq, again.Seq)
	}
	publishText(t, c, "other", "text")
	got, _ := consumeTexts(t, c)
	if ids := []string{receive(t, got), receive(t, got)}; !slices.Equal(ids, []string{"same:text", "other:text"}) {
		t.Errorf("got %v", ids)
	}
}

func TestFailingPayloadBecomesDeadLetterAndTheNextComes(t *testing.T) {
	_, c := testBus(t)
	c.maxDeliver = 3
	publishText(t, c, "bad", "x")
	publishText(t, c, "good", "y")
	calls := make(chan string, 100)
	background(t, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, testFeed, func(_ context.Context, p *Payload) error {
			calls <- p.ID
			if p.ID == "bad" {
				return errors.New("cannot parse\nthis")
			}
			return nil
		})
	})
	for _, want := range []string{"bad", "bad", "bad", "good"} {
		if id := receive(t, calls); id != want {
			t.Fatalf("handled %q, want %q", id, want)
		}
	}
	var dead []*DeadLetter
	if err := c.ListDead(testContext(t), testFeed, func(d *DeadLetter) error {
		dead = append(dead, d)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(dead) != 1 || dead[0].Error != "cannot parse this" || dead[0].Payload == nil || dead[0].Payload.ID != "bad" {
		t.Fatalf("dead letters: %+v", dead)
	}
	if text := readText(t, c, dead[0].Payload); text != "x" {
		t.Errorf("bytes of the dead letter: %q", text)
	}
}

func TestWaitingNeverCounts(t *testing.T) {
	_, c := testBus(t)
	c.maxDeliver = 2
	publishText(t, c, "p", "x")
	done := make(chan int, 1)
	calls := 0
	background(t, func(ctx context.Context) error {
		return c.ConsumeRaw(ctx, testFeed, func(context.Context, *Payload) error {
			if calls++; calls < 6 {
				return fmt.Errorf("store is full: %w", ErrWait)
			}
			done <- calls
			return nil
		})
	})
	if n := receive(t, done); n != 6 {
		t.Errorf("%d calls", n)
	}
}
