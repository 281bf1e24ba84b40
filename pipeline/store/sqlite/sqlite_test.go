package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// place is an archive in a directory of its own. Few files stay open.
type place struct {
	tb  testing.TB
	dir string
}

func (p place) Open(now func() time.Time) (store.Store, error) {
	return Open(Options{Dir: p.dir, Now: now, MaxOpen: 3})
}

// Crash copies the files as they are: what a killed process leaves.
func (p place) Crash(now func() time.Time) (store.Store, error) {
	copied := p.tb.TempDir()
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(p.dir, e.Name()))
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(copied, e.Name()), b, 0o600); err != nil {
			return nil, err
		}
	}
	return place{p.tb, copied}.Open(now)
}

func TestArchive(t *testing.T) {
	storetest.Run(t, func(tb testing.TB) storetest.Archive { return place{tb, tb.TempDir()} })
}
