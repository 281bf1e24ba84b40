package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
)

// insertRows is how many rows one INSERT takes; more are not faster.
const insertRows = 32

// writer is the one connection that writes to a partition. It belongs to the
// holder of the store's turn.
type writer struct {
	path string
	conn *sql.Conn

	insertMany, insertOne *sql.Stmt
	putChunk, getChunk    *sql.Stmt
	args                  []any

	// used is the last Record that wrote here, of Store.records; cached says that
	// the page cache of its work is still there.
	used   int64
	cached bool

	// What the last transaction left; loaded again after a rollback.
	loaded    bool
	next      int64 // n of the next event
	nextChunk int64
	runs      []run // by r
}

// writer opens the writing connection at first use, with KiB of page cache.
func (f *file) writer(cache int) (*writer, error) {
	if f.w != nil {
		return f.w, nil
	}
	ctx := context.Background()
	conn, err := f.db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{path: f.path, conn: conn}
	if err := w.exec(fmt.Sprintf("PRAGMA cache_size(-%d)", cache)); err != nil {
		return nil, errors.Join(err, w.close())
	}
	const row = "(?,?,?,?,?)"
	const insert = "INSERT OR IGNORE INTO event(n, k, modified, undated, body) VALUES " + row
	for _, s := range []struct {
		at  **sql.Stmt
		sql string
	}{
		{&w.insertOne, insert},
		{&w.insertMany, insert + strings.Repeat(","+row, insertRows-1)},
		{&w.putChunk, "INSERT INTO chunk(c, data) VALUES (?, ?)"},
		{&w.getChunk, "SELECT data FROM chunk WHERE c = ?"},
	} {
		if *s.at, err = conn.PrepareContext(ctx, s.sql); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	f.w = w
	return w, nil
}

func (w *writer) exec(query string, args ...any) error {
	_, err := w.conn.ExecContext(context.Background(), query, args...)
	return err
}

func (w *writer) begin() error {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if w.loaded {
		return nil
	}
	if err := w.load(); err != nil {
		w.rollback()
		return err
	}
	w.loaded = true
	return nil
}

func (w *writer) load() error {
	ctx := context.Background()
	err := w.conn.QueryRowContext(ctx, `SELECT
		ifnull((SELECT max(n) FROM event), 0) + 1,
		ifnull((SELECT max(c) FROM chunk), 0) + 1`).Scan(&w.next, &w.nextChunk)
	if err != nil {
		return err
	}
	rows, err := w.conn.QueryContext(ctx, "SELECT r, entries, first FROM run ORDER BY r")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	w.runs = nil
	for rows.Next() {
		var r run
		if err := rows.Scan(&r.r, &r.entries, &r.first); err != nil {
			return err
		}
		w.runs = append(w.runs, r)
	}
	return rows.Err()
}

// shrink gives the page cache back.
func (w *writer) shrink() error {
	w.cached = false
	return w.exec("PRAGMA shrink_memory")
}

func (w *writer) commit() error { return w.exec("COMMIT") }

func (w *writer) rollback() {
	w.loaded = false
	rollback(w.conn)
}

// insert adds rows and tells of each whether it was new. It gives the rows the
// numbers from w.next on; those of rows that were there stay unused.
func (w *writer) insert(rows []row, fresh []bool) error {
	for len(rows) > 0 {
		n, stmt := 1, w.insertOne
		if len(rows) >= insertRows {
			n, stmt = insertRows, w.insertMany
		}
		if w.next+int64(n) > math.MaxUint32 {
			return errors.New("more than 4 billion events in one file")
		}
		if err := w.insertWith(stmt, rows[:n], fresh[:n]); err != nil {
			return err
		}
		rows, fresh = rows[n:], fresh[n:]
	}
	return nil
}

func (w *writer) insertWith(stmt *sql.Stmt, rows []row, fresh []bool) error {
	first := w.next
	w.args = w.args[:0]
	for i := range rows {
		r := &rows[i]
		w.args = append(w.args, w.next, r.key[:], r.modified, r.undated, r.body)
		w.next++
	}
	res, err := stmt.ExecContext(context.Background(), w.args...)
	if err != nil {
		return err
	}
	added, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if int(added) == len(rows) || added == 0 {
		for i := range fresh {
			fresh[i] = added > 0
		}
		return nil
	}
	return w.whichAdded(first, fresh)
}

func (w *writer) whichAdded(first int64, fresh []bool) error {
	clear(fresh)
	rows, err := w.conn.QueryContext(context.Background(), "SELECT n FROM event WHERE n >= ? AND n < ?", first, first+int64(len(fresh)))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return err
		}
		fresh[n-first] = true
	}
	return rows.Err()
}

func (w *writer) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.insertOne, w.insertMany, w.putChunk, w.getChunk} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(append(errs, w.conn.Close())...)
}
