// Package sqlite is the embedded archive: a store.Store on SQLite files in one
// directory, in pure Go.
//
// # Files
//
// Events are partitioned by their time. An event of the last days is in a file
// of its day (day-2026-11-21.db), so that retention is the removal of a file. Old
// events come in thin streams that are spread over years; they share a file per
// month, or, beyond 400 days, per year: otherwise one batch of a historic feed
// would have to commit to hundreds of files. A day stays where its first event
// went. seen.db remembers the undated events, which are the same event whenever
// they come again.
//
// # Inside a partition
//
// The table event is in order of arrival (n counts), which is the cheapest way
// to write large rows. The unique index over k = (time, complement of id) holds
// them apart and, read backwards, is the order of answers.
//
// There are no secondary indexes of SQLite's. Seven of them bring the ingest down
// to 18,000 rows/s, since each row touches a random page of each. Instead a
// batch adds one sorted run of postings (what | n, 8 bytes each) in chunks of a
// page, and runs of similar size are merged, as in an LSM tree: everything is
// written in order. A query turns its conditions into sets of n, intersects
// them, and tests what is left on the decoded events; see plan.go.
// Parts of names and URLs (store.Contains) have no postings: such a search passes
// through the events of its time range, about 200,000 a second.
//
// # Durability
//
// WAL with synchronous=FULL: what Record acknowledged survives a loss of power.
// A batch that spans files is committed file by file, seen.db last. A crash in
// between leaves a part of it; see store.Store for what that means.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/store"
)

var _ store.Store = (*Store)(nil)

// ErrClosed is returned by a Store after Close.
var ErrClosed = errors.New("archive is closed")

// Options of Open. Only Dir is required.
type Options struct {
	// Dir holds the files. It is made if it is not there. One process at a time
	// can have it open.
	Dir string
	Log logr.Logger
	// Metrics receives the weir_store_ metrics.
	Metrics prometheus.Registerer
	// MaxOpen is how many partitions stay open while nobody uses them; 24.
	MaxOpen int
	// Now is the clock; time.Now.
	Now func() time.Time
}

// Store is an archive in a directory. Safe for concurrent use; Record and Purge
// take turns, Search waits for neither.
type Store struct {
	log     logr.Logger
	now     func() time.Time
	metrics *metrics
	dir     string
	lock    *os.File

	files  *catalog
	seen   *seen
	closed atomic.Bool

	// turn is held by the one Record or Purge that is at work.
	turn chan struct{}
	// modified is the greatest Event.Modified so far, records counts the calls of
	// Record. Guarded by turn.
	modified int64
	records  int64
}

// Open opens or makes the archive in o.Dir.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("archive: Dir is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxOpen <= 0 {
		o.MaxOpen = 24
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("archive directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make archive directory: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s := &Store{log: o.Log, now: o.Now, dir: dir, lock: lock, turn: make(chan struct{}, 1)}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	var err error
	if s.metrics, err = newMetrics(o.Metrics); err != nil {
		return err
	}
	if s.files, err = loadCatalog(s.dir, o.MaxOpen); err != nil {
		return err
	}
	s.metrics.partitions.Set(float64(len(s.files.all())))
	if s.seen, err = openSeen(filepath.Join(s.dir, "seen.db")); err != nil {
		return err
	}
	s.restoreClock()
	return nil
}

// restoreClock makes Modified go on from the newest that was recorded, even if
// the machine's clock went back meanwhile. A file that cannot be read must not
// keep the archive shut: whoever asks for its events gets the error.
func (s *Store) restoreClock() {
	for _, p := range s.files.all() {
		last, err := s.lastModified(p)
		if err != nil {
			s.log.Error(err, "a file of the archive cannot be read; searches of its days will fail", "file", p.path)
			continue
		}
		s.modified = max(s.modified, last)
	}
}

func (s *Store) lastModified(p *partition) (int64, error) {
	f, err := s.files.acquire(p)
	if err != nil {
		return 0, err
	}
	defer s.files.release(p)
	var last int64
	err = f.db.QueryRowContext(context.Background(), "SELECT ifnull((SELECT modified FROM event ORDER BY n DESC LIMIT 1), 0)").Scan(&last)
	return last, failure(p.path, err)
}

// begin waits for the turn to write.
func (s *Store) begin(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed.Load() {
		s.end()
		return ErrClosed
	}
	return nil
}

func (s *Store) end() { <-s.turn }

// Close waits for a running Record and closes the files.
func (s *Store) Close() error {
	s.turn <- struct{}{}
	defer s.end()
	if s.closed.Swap(true) {
		return nil
	}
	s.metrics.unregister()
	return errors.Join(s.files.close(), s.seen.close(), s.lock.Close())
}
