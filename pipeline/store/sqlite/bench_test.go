package sqlite

import (
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/storetest"
)

// clock makes Day of storetest yesterday.
func clock() time.Time { return storetest.Day.Add(36 * time.Hour) }

func openTemp(tb testing.TB) store.Store {
	tb.Helper()
	began := time.Now()
	s, err := Open(Options{Dir: tb.TempDir(), Now: func() time.Time { return clock().Add(time.Since(began)) }})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func BenchmarkRecord(b *testing.B) { storetest.BenchRecord(b, openTemp) }

func BenchmarkSearch(b *testing.B) { storetest.BenchSearch(b, openTemp, 1_000_000) }
