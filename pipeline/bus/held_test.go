package bus

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func listHeld(tb testing.TB, c *Conn, f Feed) (held []*Held, ids []string) {
	tb.Helper()
	if err := c.ListHeld(testContext(tb), f, func(h *Held) error {
		held = append(held, h)
		ids = append(ids, h.Payload.ID)
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return held, ids
}

func hold(tb testing.TB, c *Conn, p *Payload, reason string) {
	tb.Helper()
	h := &Held{Payload: *p, Incident: "bots-1", Reason: reason, Since: time.Now().UTC()}
	if err := c.Hold(testContext(tb), h); err != nil {
		tb.Fatal(err)
	}
}

func TestHeldPayloadsKeepACopyOfTheirBytes(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	small := publishText(t, c, "small", "text")
	large := testPayload("large")
	if err := c.PublishRaw(ctx, large, noise(1, 3<<20)); err != nil {
		t.Fatal(err)
	}
	hold(t, c, small, "column ip is gone")
	hold(t, c, large, "column ip is gone")
	hold(t, c, small, "said twice")
	// The raw stream forgets them.
	for stream, subject := range map[string]string{streamRaw: "raw.>", streamRawParts: "rawparts.>"} {
		if err := c.purge(ctx, stream, subject); err != nil {
			t.Fatal(err)
		}
	}
	held, ids := listHeld(t, c, testFeed)
	if !slices.Equal(ids, []string{"small", "large"}) {
		t.Fatalf("held: %v", ids)
	}
	for _, h := range held {
		if h.Incident != "bots-1" || h.Reason != "column ip is gone" || h.Payload.Feed != testFeed || h.Since.IsZero() {
			t.Errorf("held: %+v", h)
		}
		if digest, n := digestOf(t, c, &h.Payload); digest != h.Payload.Digest || n != h.Payload.Size {
			t.Errorf("payload %s has other bytes", h.Payload.ID)
		}
	}
	if err := c.RemoveHeld(ctx, held[1]); err != nil {
		t.Fatal(err)
	}
	if err := c.RemoveHeld(ctx, held[1]); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if _, ids := listHeld(t, c, testFeed); !slices.Equal(ids, []string{"small"}) {
		t.Errorf("held after removal: %v", ids)
	}
	waitForParts(t, c, streamHeldPart, 0)
	if err := c.RemoveHeld(ctx, held[0]); err != nil {
		t.Fatal(err)
	}
	hold(t, c, small, "held again") // its bytes are at hand
	if held, _ := listHeld(t, c, testFeed); len(held) != 1 || held[0].Reason != "held again" {
		t.Errorf("held: %+v", held)
	}
}

func TestHeldPayloadsAreListedAndCountedByFeed(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	other := Feed{Namespace: "default", Name: "scans"}
	for i, f := range []Feed{testFeed, other, testFeed} {
		p := testPayload(fmt.Sprint("p", i))
		p.Feed = f
		if err := c.PublishRaw(ctx, p, noise(uint64(i), 10)); err != nil {
			t.Fatal(err)
		}
		hold(t, c, p, "changed")
	}
	for f, want := range map[Feed][]string{
		testFeed: {"p0", "p2"}, other: {"p1"}, {}: {"p0", "p1", "p2"},
		{Namespace: "default", Name: "none"}: nil,
	} {
		if _, ids := listHeld(t, c, f); !slices.Equal(ids, want) {
			t.Errorf("held of %s: %v, want %v", f, ids, want)
		}
		if n, err := c.CountHeld(ctx, f); err != nil || n != int64(len(want)) {
			t.Errorf("count of %s: %d, %v, want %d", f, n, err, len(want))
		}
	}
}
