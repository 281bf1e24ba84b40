// Package storetest holds what every dialect of the archive must pass, and the
// benchmarks that all of them run.
package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// Archive is one place that a dialect keeps events in, empty at first.
type Archive interface {
	// Open opens the place with a clock for Modified. It is called again after
	// the store was closed.
	Open(now func() time.Time) (store.Store, error)
	// Crash opens what a process would find that starts after the one that has
	// the store open was killed.
	Crash(now func() time.Time) (store.Store, error)
}

// Run tests a dialect. place makes an archive of its own for each test.
func Run(t *testing.T, place func(testing.TB) Archive) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Archive){
		"the same event twice is one":            testTwice,
		"answers are in order":                   testOrder,
		"limits":                                 testLimit,
		"every operator":                         testOperators,
		"queries that are wrong say so":          testWrongQueries,
		"nothing is kept when before fails":      testBeforeFails,
		"nothing is kept of an unfit batch":      testUnfit,
		"what was recorded survives a kill":      testCrash,
		"purge drops whole days":                 testPurge,
		"undated events move on":                 testUndated,
		"modified never goes back":               testModified,
		"every field comes back":                 testFields,
		"searching goes on while recording":      testConcurrent,
		"a search ends with its context":         testCancel,
		"a closed archive refuses":               testClosed,
		"a search goes on over a purge":          testPurgeUnderSearch,
		"a batch of nothing is delivered anyway": testEmpty,
	} {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
	t.Run("random events and queries", func(t *testing.T) { testRandom(t, place) })
}

// noon is the clock of the tests: the day after Day.
func noon() time.Time { return Day.Add(36 * time.Hour) }

func open(t testing.TB, a Archive) store.Store {
	t.Helper()
	s, err := a.Open(noon)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func basic(at time.Time) *event.Event {
	return &event.Event{
		Source: "some.feed", Time: at, Category: 1, Confidence: event.ConfidenceLow, Restriction: event.RestrictionPublic,
	}
}

// find collects ids; the error ends the test.
func find(t rapid.TB, s store.Store, q store.Query) []event.ID {
	t.Helper()
	ids := []event.ID{}
	for e, err := range s.Search(context.Background(), q) {
		if err != nil {
			t.Fatalf("search %+v: %v", q, err)
		}
		ids = append(ids, e.ID)
	}
	return ids
}

func freshOf(t rapid.TB, s store.Store, events ...*event.Event) []bool {
	t.Helper()
	var fresh []bool
	err := s.Record(context.Background(), events, func(f []bool) error { fresh = slices.Clone(f); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func want[T comparable](t rapid.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
	}
}

func testTwice(t *testing.T, a Archive) {
	s := open(t, a)
	one, two := Valid(basic(Day)), Valid(basic(Day.AddDate(0, -3, 0)))
	again := *one
	want(t, "fresh in the first batch", freshOf(t, s, one, two, &again), []bool{true, true, false})
	three := Valid(basic(Day.Add(time.Hour)))
	want(t, "fresh in the second batch", freshOf(t, s, two, three, one), []bool{false, true, false})
	want(t, "archive", find(t, s, store.Query{}), []event.ID{three.ID, one.ID, two.ID})
}

func testOrder(t *testing.T, a Archive) {
	s := open(t, a)
	events := Make(3000, Shape{Spread: 900 * 24 * time.Hour})
	for i, e := range events[:1500] { // many events at few times
		e.Time = Day.AddDate(0, 0, -(i % 20)).Add(time.Duration(i%3) * time.Hour)
		Valid(e)
	}
	for part := range slices.Chunk(events, 700) {
		freshOf(t, s, part...)
	}
	want(t, "all", find(t, s, store.Query{}), expect(events, store.Query{}))
}

func testLimit(t *testing.T, a Archive) {
	s := open(t, a)
	events := Make(500, Shape{})
	freshOf(t, s, events...)
	for _, limit := range []int64{1, 2, 64, 65, 499, 500, 501} {
		q := store.Query{Limit: limit}
		want(t, "limited", find(t, s, q), expect(events, q))
	}
}

func testRandom(t *testing.T, place func(testing.TB) Archive) {
	rapid.Check(t, func(rt *rapid.T) {
		clock := noon()
		s, err := place(t).Open(func() time.Time { return clock })
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		var held []*event.Event
		for range rapid.IntRange(1, 4).Draw(rt, "batches") {
			batch := rapid.SliceOfN(rapid.Custom(drawEvent), 1, 40).Draw(rt, "batch")
			fresh := freshOf(rt, s, batch...)
			for i, e := range batch {
				known := slices.ContainsFunc(held, func(h *event.Event) bool { return h.ID == e.ID })
				if fresh[i] == known {
					rt.Fatalf("event %s: fresh is %v, known is %v", e.ID, fresh[i], known)
				}
				if fresh[i] {
					held = append(held, e)
				}
			}
			clock = clock.Add(time.Second)
		}
		for range 12 {
			q := store.Query{
				Where: rapid.SliceOfN(rapid.Custom(drawCond), 0, 3).Draw(rt, "where"),
				Limit: rapid.Int64Range(0, 10).Draw(rt, "limit"),
			}
			got := find(rt, s, q)
			if e := expect(held, q); !slices.Equal(got, e) {
				rt.Fatalf("query %+v:\n got %v\nwant %v", q, got, e)
			}
		}
	})
}

func testBeforeFails(t *testing.T, a Archive) {
	s := open(t, a)
	kept := Valid(basic(Day))
	freshOf(t, s, kept)
	refused := errors.New("bus is down")
	lost := []*event.Event{Valid(basic(Day.Add(time.Hour))), kept, Valid(basic(Day.AddDate(-3, 0, 0)))}
	undated := basic(Day)
	undated.Undated, undated.FQDN = true, "www.example.com"
	lost = append(lost, Valid(undated))
	err := s.Record(context.Background(), lost, func(fresh []bool) error {
		want(t, "fresh", fresh, []bool{true, false, true, true})
		return refused
	})
	if !errors.Is(err, refused) {
		t.Fatalf("error is %v, want that of before", err)
	}
	want(t, "archive", find(t, s, store.Query{}), []event.ID{kept.ID})
	want(t, "fresh at the second try", freshOf(t, s, lost...), []bool{true, false, true, true})
}

func testUnfit(t *testing.T, a Archive) {
	s := open(t, a)
	noID := *Valid(basic(Day))
	noID.ID = event.ID{}
	noTime := *Valid(basic(Day))
	noTime.Time = time.Time{}
	for _, e := range []*event.Event{&noID, &noTime} {
		err := s.Record(context.Background(), []*event.Event{Valid(basic(Day.Add(time.Minute))), e}, func([]bool) error {
			t.Error("before was called")
			return nil
		})
		if err == nil {
			t.Error("recorded an event without id or time")
		}
	}
	want(t, "archive", find(t, s, store.Query{}), nil)
}

func testEmpty(t *testing.T, a Archive) {
	s := open(t, a)
	want(t, "fresh", freshOf(t, s), nil)
	want(t, "archive", find(t, s, store.Query{}), nil)
}

func testCrash(t *testing.T, a Archive) {
	s := open(t, a)
	events := Make(2000, Shape{Spread: 60 * 24 * time.Hour})
	events = append(events, Make(300, Shape{Seed: 1, Undated: true})...)
	for part := range slices.Chunk(events, 500) {
		freshOf(t, s, part...)
	}
	cut := Make(100, Shape{Seed: 2})
	err := s.Record(context.Background(), cut, func([]bool) error {
		crashed, err := a.Crash(noon)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = crashed.Close() }()
		want(t, "archive after a kill", find(t, crashed, store.Query{}), expect(events, store.Query{}))
		want(t, "fresh after a kill", freshOf(t, crashed, events[0], events[2100], cut[0]), []bool{false, false, true})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testPurge(t *testing.T, a Archive) {
	s := open(t, a)
	var events, kept []*event.Event
	var undated *event.Event
	limit := Day.AddDate(0, 0, -20).Add(13 * time.Hour) // its day stays
	for _, back := range []int{0, 1, 3, 5, 19, 20, 21, 22, 40, 45, 330, 420, 800} {
		for hour := range 3 {
			e := Valid(basic(Day.AddDate(0, 0, -back).Add(time.Duration(hour) * time.Hour)))
			events = append(events, e)
			if back <= 20 {
				kept = append(kept, e)
			}
		}
	}
	undated = basic(Day.AddDate(0, 0, -45))
	undated.Undated = true
	events = append(events, Valid(undated))
	freshOf(t, s, events...)
	days, err := s.Purge(context.Background(), limit)
	if err != nil || days != 7 {
		t.Fatalf("purged %d days, error %v, want 7", days, err)
	}
	want(t, "archive", find(t, s, store.Query{}), expect(kept, store.Query{}))
	if days, err := s.Purge(context.Background(), limit); err != nil || days != 0 {
		t.Fatalf("second purge: %d days, error %v", days, err)
	}
	again := *undated
	again.Time = Day
	want(t, "fresh after the purge", freshOf(t, s, &again, events[len(events)-2], kept[0]), []bool{true, true, false})
	if days, err := s.Purge(context.Background(), Day.AddDate(0, 0, 1)); err != nil || days != 7 {
		t.Fatalf("last purge: %d days, error %v, want 7", days, err)
	}
	want(t, "archive", find(t, s, store.Query{}), nil)
}

func testUndated(t *testing.T, a Archive) {
	s := open(t, a)
	make := func(at time.Time) *event.Event {
		e := basic(at)
		e.Undated, e.FQDN = true, "listed.example.com"
		return Valid(e)
	}
	first := make(Day.AddDate(0, 0, -9))
	want(t, "fresh", freshOf(t, s, first, make(Day.AddDate(0, 0, -8))), []bool{true, false})
	modified := first.Modified
	want(t, "fresh on later days", freshOf(t, s, make(Day), make(Day.Add(time.Hour)), make(Day.AddDate(0, 0, -7))), []bool{false, false, false})
	n := 0
	for e, err := range s.Search(context.Background(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if !e.Time.Equal(first.Time) || !e.LastSeen.Equal(Day.Add(time.Hour)) || !e.Modified.Equal(modified) {
			t.Errorf("time %v, last seen %v, modified %v", e.Time, e.LastSeen, e.Modified)
		}
	}
	if n != 1 {
		t.Errorf("%d events, want one", n)
	}
}

func testModified(t *testing.T, a Archive) {
	clock := noon()
	s, err := a.Open(func() time.Time { return clock })
	if err != nil {
		t.Fatal(err)
	}
	events := Make(5, Shape{})
	for i, e := range events[:4] {
		clock = noon().Add([]time.Duration{0, time.Hour, -time.Hour, 2 * time.Hour}[i])
		freshOf(t, s, e)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	clock = noon().Add(-2 * time.Hour)
	if s, err = a.Open(func() time.Time { return clock }); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	freshOf(t, s, events[4])
	for i, h := range []time.Duration{0, 1, 1, 2, 2} {
		if w := noon().Add(h * time.Hour); !events[i].Modified.Equal(w) {
			t.Errorf("event %d: modified %v, want %v", i, events[i].Modified, w)
		}
	}
	q := store.Query{Where: []store.Cond{{Field: "modified", Op: store.Min, Time: noon().Add(time.Hour + time.Microsecond)}}}
	want(t, "modified since", find(t, s, q), expect(events, q))
}

func testFields(t *testing.T, a Archive) {
	s := open(t, a)
	rapid.Check(t, func(rt *rapid.T) {
		e := drawEvent(rt)
		e.Extra = []event.Extra{{Key: "banner", Value: []byte(`"` + rapid.StringMatching("[a-z]{12}").Draw(rt, "banner") + `"`)}}
		Valid(e)
		freshOf(rt, s, e)
		for got, err := range s.Search(context.Background(), store.Query{Where: []store.Cond{{Field: "id", Op: store.In, Text: []string{e.ID.String()}}}}) {
			if err != nil {
				rt.Fatal(err)
			}
			if a, b := string(event.AppendJSON(nil, got)), string(event.AppendJSON(nil, e)); got.ID != e.ID || a != b {
				rt.Fatalf("\n got %s\nwant %s", a, b)
			}
			return
		}
		rt.Fatal("not found")
	})
}
