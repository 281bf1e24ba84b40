package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/storetest"
)

func keep([]bool) error { return nil }

// victims are the batches that the process of TestKill records.
func victims(i int) []*event.Event {
	return storetest.Make(300, storetest.Shape{Seed: uint64(i), Spread: 60 * 24 * time.Hour, Undated: i%3 == 0})
}

// TestVictim is no test: TestKill runs it in a process of its own. It records
// batches and says which are acknowledged.
func TestVictim(t *testing.T) {
	dir, from := os.Getenv("WEIR_VICTIM_DIR"), os.Getenv("WEIR_VICTIM_FROM")
	if dir == "" {
		t.Skip("runs in TestKill only")
	}
	s, err := Open(Options{Dir: dir, Now: clock, MaxOpen: 2})
	if err != nil {
		t.Fatal(err)
	}
	first, _ := strconv.Atoi(from)
	for i := first; ; i++ {
		if err := s.Record(context.Background(), victims(i), keep); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", i)
	}
}

func TestKilledProcessesLoseNothingAcknowledged(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	next := 0
	for round := range 4 {
		next = killAfter(t, dir, next, 2+3*round)
	}
	s, err := Open(Options{Dir: dir, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	want := map[event.ID]bool{}
	for i := range next {
		for _, e := range victims(i) {
			want[e.ID] = true
		}
	}
	// The batch that was under way may be there in part; the redelivery of all
	// makes it whole and adds nothing else.
	for i := range next + 1 {
		if err := s.Record(t.Context(), victims(i), func(fresh []bool) error {
			for j, f := range fresh {
				if f && i < next {
					return fmt.Errorf("event %d of acknowledged batch %d was lost", j, i)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[event.ID]bool{}
	for e, err := range s.Search(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		if got[e.ID] {
			t.Fatalf("%s is there twice", e.ID)
		}
		got[e.ID] = true
	}
	for _, e := range victims(next) {
		want[e.ID] = true
	}
	if len(got) != len(want) {
		t.Errorf("%d events, want %d", len(got), len(want))
	}
}

// killAfter runs a victim from batch first on, kills it after n batches, and
// returns the batch that follows the last acknowledged.
func killAfter(t *testing.T, dir string, first, n int) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	cmd.Env = append(os.Environ(), "WEIR_VICTIM_DIR="+dir, "WEIR_VICTIM_FROM="+strconv.Itoa(first))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	next := first
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		i, ok := strings.CutPrefix(lines.Text(), "acknowledged ")
		if !ok {
			t.Fatalf("victim says %q", lines.Text())
		}
		at, _ := strconv.Atoi(i)
		if next = at + 1; next == first+n {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	return next
}

func TestDamagedFilesAreNamed(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir)
	old := storetest.Make(2000, storetest.Shape{Spread: 3 * 24 * time.Hour})
	if err := s.Record(t.Context(), old, keep); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(path string) error{
		"day-2026-11-19.db": func(path string) error { return os.WriteFile(path, []byte("this is no database, not at all"), 0o600) },
		"day-2026-11-18.db": func(path string) error { return overwrite(path, 4096, 3*4096) },
	} {
		t.Run(name, func(t *testing.T) {
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(copied, name)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			s := reopen(t, nil, copied)
			defer func() { _ = s.Close() }()
			var last error
			n := 0
			for _, err := range s.Search(t.Context(), store.Query{}) {
				if last = err; err == nil {
					n++
				}
			}
			if last == nil || !strings.Contains(last.Error(), path) || !strings.Contains(last.Error(), "is damaged") {
				t.Errorf("search ends with %v", last)
			}
			if n == 0 {
				t.Error("days that are whole are not found either")
			}
			// Its days are dropped as those of any file.
			if _, err := s.Purge(t.Context(), clock()); err != nil {
				t.Errorf("purge: %v", err)
			}
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the damaged file is still there: %v", err)
			}
		})
	}
}

func overwrite(path string, from, n int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(make([]byte, n), from)
	return errors.Join(err, f.Close())
}

func reopen(t *testing.T, s *Store, dir string) *Store {
	t.Helper()
	if s != nil {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Open(Options{Dir: dir, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASecondProcessIsKeptOut(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir)
	if _, err := Open(Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("second open: %v", err)
	}
	reopen(t, s, dir).Close()
}

func TestFilesOfAnotherFormatAreRefused(t *testing.T) {
	dir := t.TempDir()
	s := reopen(t, nil, dir)
	if err := s.Record(t.Context(), storetest.Make(1, storetest.Shape{}), keep); err != nil {
		t.Fatal(err)
	}
	f, err := s.files.acquire(s.files.all()[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.db.ExecContext(t.Context(), "PRAGMA user_version=99"); err != nil {
		t.Fatal(err)
	}
	s.files.release(s.files.all()[0])
	s = reopen(t, s, dir)
	defer func() { _ = s.Close() }()
	for _, err := range s.Search(t.Context(), store.Query{}) {
		if err == nil || !strings.Contains(err.Error(), "format 99") {
			t.Errorf("search: %v", err)
		}
	}
}
