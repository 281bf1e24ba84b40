package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

func testConcurrent(t *testing.T, a Archive) {
	s := open(t, a)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			q := store.Query{}
			if i > 0 {
				q.Where = []store.Cond{{Field: "asn", Op: store.In, Text: []string{"64496", "64500", "64510"}}}
			}
			for ctx.Err() == nil {
				seen := map[event.ID]bool{}
				for e, err := range s.Search(context.Background(), q) {
					if err != nil {
						t.Error(err)
						return
					}
					if seen[e.ID] {
						t.Errorf("%s twice", e.ID)
					}
					seen[e.ID] = true
				}
			}
		})
	}
	events := Make(6000, Shape{Spread: 20 * 24 * time.Hour})
	for part := range slices.Chunk(events, 200) {
		freshOf(t, s, part...)
	}
	cancel()
	readers.Wait()
	want(t, "archive", find(t, s, store.Query{}), expect(events, store.Query{}))
}

func testCancel(t *testing.T, a Archive) {
	s := open(t, a)
	freshOf(t, s, Make(500, Shape{})...)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := 0
	var last error
	for _, err := range s.Search(ctx, store.Query{}) {
		if last = err; err == nil {
			n++
			cancel()
		}
	}
	if n != 1 || !errors.Is(last, context.Canceled) {
		t.Errorf("%d events after the cancellation, then %v", n, last)
	}
	if err := s.Record(ctx, Make(1, Shape{Seed: 9}), keep); !errors.Is(err, context.Canceled) {
		t.Errorf("record: %v", err)
	}
}

func testClosed(t *testing.T, a Archive) {
	s := open(t, a)
	events := Make(10, Shape{})
	freshOf(t, s, events...)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := s.Record(context.Background(), events, keep); err == nil {
		t.Error("recorded after the close")
	}
	if _, err := s.Purge(context.Background(), Day); err == nil {
		t.Error("purged after the close")
	}
	var last error
	for _, err := range s.Search(context.Background(), store.Query{}) {
		last = err
	}
	if last == nil {
		t.Error("searched after the close")
	}
	s = open(t, a)
	want(t, "archive", find(t, s, store.Query{}), expect(events, store.Query{}))
}

func testPurgeUnderSearch(t *testing.T, a Archive) {
	s := open(t, a)
	events := Make(3000, Shape{Spread: 6 * 24 * time.Hour})
	freshOf(t, s, events...)
	n := 0
	for _, err := range s.Search(context.Background(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			if _, err := s.Purge(context.Background(), Day.AddDate(0, 0, 2)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n < 10 || n == len(events) {
		t.Errorf("%d of %d events around a purge", n, len(events))
	}
	want(t, "fresh afterwards", freshOf(t, s, events[0]), []bool{true})
}
