package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func deliverLine(tb testing.TB, c *Conn, subscription, id string) {
	tb.Helper()
	ctx := testContext(tb)
	w := c.NewDeliverWriter("default", subscription, "inside", "a.x", id)
	if err := w.Append(ctx, []byte(id)); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(ctx); err != nil {
		tb.Fatal(err)
	}
}

type deliveredLine struct {
	text string
	seq  uint64
}

func followLines(tb testing.TB, c *Conn, subscription string, seq uint64) (<-chan deliveredLine, func()) {
	got := make(chan deliveredLine, 1000)
	stop := background(tb, func(ctx context.Context) error {
		return c.FollowDeliver(ctx, "default", subscription, seq, func(b *Block) error {
			if b.Zone != "inside" || b.Source != "a.x" || b.Count != 1 || b.Feed.Name != subscription {
				tb.Errorf("block %+v", b)
			}
			got <- deliveredLine{strings.TrimSpace(string(b.Lines)), b.Seq}
			return nil
		})
	})
	return got, stop
}

func TestFollowersResumeWhereTheyWere(t *testing.T) {
	s, c := testBus(t)
	for i := range 10 {
		deliverLine(t, c, "acme", fmt.Sprint("e", i))
		deliverLine(t, c, "other", fmt.Sprint("x", i))
	}
	deliverLine(t, c, "acme", "e9") // repeated after a crash
	got, stop := followLines(t, c, "acme", 1)
	var cursor uint64
	for i := range 5 {
		l := receive(t, got)
		if l.text != fmt.Sprint("e", i) {
			t.Fatalf("got %s, want e%d", l.text, i)
		}
		cursor = l.seq
	}
	stop()
	got, _ = followLines(t, testConn(t, s), "acme", cursor)
	for i := 5; i < 10; i++ {
		if l := receive(t, got); l.text != fmt.Sprint("e", i) {
			t.Fatalf("got %s, want e%d", l.text, i)
		}
	}
	for i := range 3 { // goes on across outages, nothing lost, nothing twice
		if err := s.restart(); err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("r", i)
		deliverLine(t, c, "acme", id)
		if l := receive(t, got); l.text != id {
			t.Fatalf("got %s, want %s", l.text, id)
		}
	}
}

func TestFollowersMayBeginWithTheNew(t *testing.T) {
	_, c := testBus(t)
	deliverLine(t, c, "acme", "old")
	got, _ := followLines(t, c, "acme", 0)
	// There is no sign that the follower listens: deliver until something comes.
	for i := 0; ; i++ {
		deliverLine(t, c, "acme", fmt.Sprint("new", i))
		select {
		case l := <-got:
			if !strings.HasPrefix(l.text, "new") {
				t.Errorf("got %s", l.text)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func TestFollowersOfALostStreamBeginAnew(t *testing.T) {
	_, c := testBus(t)
	deliverLine(t, c, "acme", "e0")
	got, _ := followLines(t, c, "acme", 5000)
	if l := receive(t, got); l.text != "e0" {
		t.Errorf("got %s", l.text)
	}
}

func TestFollowersStopWithTheirFunction(t *testing.T) {
	_, c := testBus(t)
	deliverLine(t, c, "acme", "e0")
	gone := errors.New("client is gone")
	if err := c.FollowDeliver(testContext(t), "default", "acme", 1, func(*Block) error { return gone }); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

func TestDeliverFirstTellsWhatIsGone(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	check := func(wantFirst, wantLast uint64) {
		t.Helper()
		first, last, err := c.DeliverFirst(ctx, "default", "acme")
		if err != nil || first != wantFirst || last != wantLast {
			t.Errorf("first %d, last %d, %v; want %d, %d", first, last, err, wantFirst, wantLast)
		}
	}
	check(0, 0)
	deliverLine(t, c, "acme", "e0")
	deliverLine(t, c, "acme", "e1")
	deliverLine(t, c, "other", "x")
	check(1, 2)
	s, err := c.js.Stream(ctx, streamDeliver)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteMsg(ctx, 1); err != nil { // as the retention does
		t.Fatal(err)
	}
	check(2, 2)
}

func TestRejectedRecordsAreListed(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	other := Feed{Namespace: "default", Name: "scans"}
	for i, f := range []Feed{testFeed, other} {
		w := c.NewRejectedWriter(f, "a.x", "p", "1")
		for j := range 3 {
			if err := w.Append(ctx, fmt.Appendf(nil, `{"reason":"no ip","record":"%d.%d"}`, i, j)); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for f, want := range map[Feed]int{testFeed: 3, other: 3, {}: 6} {
		n := 0
		if err := c.ListRejected(ctx, f, time.Time{}, func(b *Block) error {
			n += b.Count
			if b.Payload != "p" {
				t.Errorf("block %+v", b)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n != want {
			t.Errorf("%s has %d rejected records, want %d", f, n, want)
		}
	}
	if err := c.ListRejected(ctx, Feed{}, time.Now().Add(time.Hour), func(*Block) error {
		t.Error("something was rejected in the future")
		return nil
	}); err != nil {
		t.Error(err)
	}
}
