package sqlite

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/storetest"
)

func eventAt(t time.Time) *event.Event {
	return storetest.Valid(&event.Event{Source: "some.feed", Time: t, Category: 1, Confidence: 1, Restriction: 1})
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".db"); ok && name != "seen" {
			out = append(out, name)
		}
	}
	return out
}

func TestPartitionsFitTheAgeOfEvents(t *testing.T) {
	now := clock()
	for name, c := range map[string]struct {
		at   time.Time
		want string
	}{
		"now":           {now, "day-2026-11-21"},
		"a week":        {now.AddDate(0, 0, -6), "day-2026-11-15"},
		"a month":       {now.AddDate(0, -1, 0), "month-2026-10"},
		"two years":     {now.AddDate(-2, 0, 0), "year-2024"},
		"tomorrow":      {now.AddDate(0, 0, 1), "day-2026-11-22"},
		"next month":    {now.AddDate(0, 1, 0), "month-2026-12"},
		"in ten years":  {now.AddDate(10, 0, 0), "year-2036"},
		"the beginning": {time.Unix(0, 0).UTC(), "year-1970"},
		"the first day": {time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), "month-2026-11"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := reopen(t, nil, dir)
			defer func() { _ = s.Close() }()
			if err := s.Record(t.Context(), []*event.Event{eventAt(c.at)}, keep); err != nil {
				t.Fatal(err)
			}
			if got := files(t, dir); !slices.Equal(got, []string{c.want}) {
				t.Errorf("files %v, want %s", got, c.want)
			}
			if n := count(t, s); n != 1 {
				t.Errorf("%d events found", n)
			}
		})
	}
}

// A day that was in a file of a day stays there when it gets old, and one that was in the
// file of a month (its events were early) stays there when its time comes.
func TestADayStaysWhereItsFirstEventWent(t *testing.T) {
	dir := t.TempDir()
	now := clock()
	s, err := Open(Options{Dir: dir, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	today, early := eventAt(now), eventAt(now.AddDate(0, 0, 20))
	for i, later := range []int{0, 20, 60, 700} {
		now = clock().AddDate(0, 0, later)
		if i == 2 {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if s, err = Open(Options{Dir: dir, Now: func() time.Time { return now }}); err != nil {
				t.Fatal(err)
			}
		}
		err := s.Record(t.Context(), []*event.Event{today, early}, func(fresh []bool) error {
			if fresh[0] != (i == 0) || fresh[1] != (i == 0) {
				t.Errorf("after %d days fresh is %v", later, fresh)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if got := files(t, dir); !slices.Equal(got, []string{"day-2026-11-21", "month-2026-12"}) {
		t.Errorf("files %v", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFewFilesStayOpen(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Now: clock, MaxOpen: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 2 {
		if err := s.Record(t.Context(), storetest.Make(3000, storetest.Shape{Spread: 5000 * 24 * time.Hour}), keep); err != nil {
			t.Fatal(err)
		}
		if n := count(t, s); n != 3000 {
			t.Errorf("%d events", n)
		}
	}
	if len(s.files.all()) < 20 {
		t.Fatalf("only %d partitions", len(s.files.all()))
	}
	open := 0
	for _, p := range s.files.all() {
		if p.refs != 0 {
			t.Errorf("%s is in use for good", p.name)
		}
		if p.file != nil {
			open++
		}
	}
	if open > 4 || open != s.files.open {
		t.Errorf("%d files are open, %d counted", open, s.files.open)
	}
}

func TestPurgeUnlinksFiles(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir)
	defer func() { _ = s.Close() }()
	if err := s.Record(t.Context(), storetest.Make(3000, storetest.Shape{Spread: 500 * 24 * time.Hour}), keep); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Purge(t.Context(), storetest.Day.AddDate(0, 0, -1)); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"day-2026-11-19", "day-2026-11-20"}) {
		// The month goes on until its last day has passed.
		if !slices.Equal(got, []string{"day-2026-11-19", "day-2026-11-20", "month-2026-11"}) {
			t.Errorf("files %v", got)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(e.Name(), "2025") {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// Many batches make many runs of postings; all merges must keep them whole.
func TestPostingsStayWholeOverMerges(t *testing.T) {
	s := reopen(t, nil, t.TempDir())
	defer func() { _ = s.Close() }()
	byOrg := map[string]int{}
	total := 0
	for i := range 150 {
		batch := storetest.Make(40+i%3*200, storetest.Shape{Seed: uint64(i)})
		total += len(batch)
		for _, e := range batch {
			for _, c := range e.Client {
				byOrg[c]++
			}
		}
		if err := s.Record(t.Context(), batch, keep); err != nil {
			t.Fatal(err)
		}
	}
	p := s.files.all()[0]
	if n := len(p.file.w.runs); n > 40 {
		t.Errorf("%d runs were not merged", n)
	}
	for org, want := range byOrg {
		n := 0
		for _, err := range s.Search(t.Context(), store.Query{Where: []store.Cond{{Field: "client", Op: store.In, Text: []string{org}}}}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != want {
			t.Errorf("client %s: %d events, want %d", org, n, want)
		}
	}
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	n := 0
	for _, err := range s.Search(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
