package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"sync"
)

// format is the version of the schema, in user_version of every file.
const format = 1

const eventSchema = `
CREATE TABLE event(
	n        INTEGER PRIMARY KEY, -- order of arrival, from 1, below 2^32
	k        BLOB NOT NULL,       -- time and id, see key
	modified INTEGER NOT NULL,    -- microseconds since 1970, grows with n
	undated  INTEGER NOT NULL,
	body     BLOB NOT NULL        -- canonical JSON without modified
);
CREATE UNIQUE INDEX event_k ON event(k);
CREATE TABLE run(
	r       INTEGER PRIMARY KEY,
	entries INTEGER NOT NULL,
	first   INTEGER NOT NULL,     -- its chunks are numbered from here
	dir     BLOB NOT NULL         -- first entry of each chunk
);
CREATE TABLE chunk(c INTEGER PRIMARY KEY, data BLOB NOT NULL);
`

// listLen is how many rows a statement names by number or id; a shorter list is
// filled up with NULL, which equals nothing.
const (
	listLen  = 64
	eight    = "?,?,?,?,?,?,?,?"
	someRows = "(" + eight + "," + eight + "," + eight + "," + eight + "," + eight + "," + eight + "," + eight + "," + eight + ")"
)

// Page cache, in KiB, of a connection that reads, of the one that writes to a
// day, and of one that writes to a month or year: of those a historic feed has
// dozens at work.
const (
	readCache   = 1 << 10
	dayCache    = 8 << 10
	sharedCache = 1 << 10
)

// file is one open SQLite file.
type file struct {
	path   string
	schema string
	db     *sql.DB

	err error // of opening

	readyMu sync.Mutex
	isReady bool

	// dirs are the directories of the runs of postings, by r.
	dirMu sync.Mutex
	dirs  map[int64][]uint64

	// w is made by the first Record.
	w *writer
}

func newFile(path, schema string) *file {
	q := url.Values{"_pragma": {
		"busy_timeout(10000)",
		"journal_mode(WAL)",
		"synchronous(FULL)",
		fmt.Sprintf("cache_size(-%d)", readCache),
		// The writer checkpoints, at 32 MiB.
		"wal_autocheckpoint(8000)",
		"journal_size_limit(33554432)",
	}}
	dsn := url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	f := &file{path: path, schema: schema, db: db, err: err, dirs: map[int64][]uint64{}}
	if err == nil {
		db.SetMaxOpenConns(6)
		db.SetMaxIdleConns(1)
	}
	return f
}

// ready makes the tables, or checks that the file is ours. A failure is tried
// again by the next call: space may have come back.
func (f *file) ready() error {
	f.readyMu.Lock()
	defer f.readyMu.Unlock()
	if f.isReady {
		return nil
	}
	if f.db == nil {
		return failure(f.path, f.err)
	}
	if err := f.prepare(); err != nil {
		return failure(f.path, err)
	}
	f.isReady = true
	return nil
}

func (f *file) prepare() error {
	ctx := context.Background()
	conn, err := f.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var version int
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case format:
		return nil
	case 0:
		if _, err := conn.ExecContext(ctx, fmt.Sprintf("BEGIN IMMEDIATE; %s PRAGMA user_version=%d; COMMIT", f.schema, format)); err != nil {
			rollback(conn)
			return err
		}
		return nil
	}
	return fmt.Errorf("format %d of the archive, this version of Weir knows %d", version, format)
}

// rollback ends a transaction. SQLite has rolled back by itself after some
// errors; then there is none, which is as good.
func rollback(conn *sql.Conn) {
	_, _ = conn.ExecContext(context.Background(), "ROLLBACK")
}

func (f *file) close() error {
	var errs []error
	if f.w != nil {
		errs = append(errs, f.w.close())
	}
	if f.db != nil {
		errs = append(errs, f.db.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return failure(f.path, err)
	}
	return nil
}
