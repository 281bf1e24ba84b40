package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/storetest"
)

// smallDisk mounts a file system of some MiB, if the test may.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestAFullDiskIsToldAndHeals(t *testing.T) {
	for name, shape := range map[string]storetest.Shape{
		"one day":        {},
		"a blocklist":    {Undated: true},
		"new files each": {Spread: 1500 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			dir := smallDisk(t, "12m")
			ballast := filepath.Join(dir, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 6<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(Options{Dir: filepath.Join(dir, "archive"), Now: clock})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			var batches [][]*event.Event
			full := false
			for i := 0; !full; i++ {
				shape.Seed = uint64(i)
				batch := storetest.Make(500, shape)
				batches = append(batches, batch)
				err := s.Record(t.Context(), batch, keep)
				if full = errors.Is(err, store.ErrFull); err != nil && !full {
					t.Fatalf("batch %d: %v", i, err)
				}
				if i > 200 {
					t.Fatal("the disk does not get full")
				}
			}
			last := len(batches) - 1
			if err := s.Record(t.Context(), batches[last], keep); !errors.Is(err, store.ErrFull) {
				t.Errorf("second try on the full disk: %v", err)
			}
			checkWhole(t, s, batches[:last])
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			if err := s.Record(t.Context(), batches[last], keep); err != nil {
				t.Fatalf("with space again: %v", err)
			}
			checkWhole(t, s, batches)
			if n := count(t, s); n != 500*len(batches) {
				t.Errorf("%d events, want %d", n, 500*len(batches))
			}
		})
	}
}

// checkWhole checks that every event of the batches is there.
func checkWhole(t *testing.T, s *Store, batches [][]*event.Event) {
	t.Helper()
	have := map[event.ID]bool{}
	for e, err := range s.Search(t.Context(), store.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		have[e.ID] = true
	}
	for i, b := range batches {
		for _, e := range b {
			if !have[e.ID] {
				t.Fatalf("an event of batch %d is lost", i)
			}
		}
	}
}
