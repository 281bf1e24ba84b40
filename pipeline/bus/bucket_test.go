package bus

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestBucketKeepsTheNewestValue(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	b := c.Config()
	if _, err := b.Get(ctx, "a.b"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("error %v, want ErrNotFound", err)
	}
	for _, v := range []string{"1", "2"} {
		if err := b.Put(ctx, "a.b", []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if v, err := b.Get(ctx, "a.b"); err != nil || string(v) != "2" {
		t.Fatalf("got %q, %v", v, err)
	}
	if err := b.Delete(ctx, "a.b"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(ctx, "a.b"); !errors.Is(err, ErrNotFound) {
		t.Fatalf("error %v, want ErrNotFound", err)
	}
}

func TestDeleteBelowRemovesAKeyWithWhatIsBelow(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	b := c.State()
	for _, key := range []string{"a.b", "a.b.c", "a.b.d.e", "a.bc", "a"} {
		if err := b.Put(ctx, key, []byte("1")); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.DeleteBelow(ctx, "a.b"); err != nil {
		t.Fatal(err)
	}
	if keys, err := b.Keys(ctx, ""); err != nil || !slices.Equal(keys, []string{"a", "a.bc"}) {
		t.Errorf("left %v, %v", keys, err)
	}
}

func TestWatchTellsPresentKeysThenChanges(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	b := c.Config()
	put := func(k, v string) {
		t.Helper()
		if err := b.Put(ctx, k, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	put("feed.one", "1")
	put("other.x", "1")
	got := make(chan Entry, 10)
	background(t, func(ctx context.Context) error {
		return b.Watch(ctx, []string{"feed."}, func(e Entry) error {
			got <- e
			return nil
		})
	})
	want := func(key, value string) {
		t.Helper()
		if e := receive(t, got); e.Key != key || string(e.Value) != value {
			t.Fatalf("got %q=%q, want %q=%q", e.Key, e.Value, key, value)
		}
	}
	want("feed.one", "1")
	want("", "")
	put("feed.two", "2")
	want("feed.two", "2")
	if err := b.Delete(ctx, "feed.one"); err != nil {
		t.Fatal(err)
	}
	if e := receive(t, got); e.Key != "feed.one" || e.Value != nil {
		t.Fatalf("got %+v, want a deletion", e)
	}
}
