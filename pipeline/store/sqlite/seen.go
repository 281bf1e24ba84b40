package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/weir-project/weir/pipeline/event"
)

// Rows are in order of arrival, so that a list that comes again updates rows that
// lie side by side.
const seenSchema = `
CREATE TABLE seen(
	n    INTEGER PRIMARY KEY,
	id   BLOB NOT NULL UNIQUE,
	time INTEGER NOT NULL, -- of the stored event, microseconds since 1970
	last INTEGER NOT NULL  -- when it came last
);
`

// seen remembers undated events: those have a day by chance only, that of the
// first collection they were in. What is in here is in a partition.
type seen struct {
	f    *file
	conn *sql.Conn

	// Of conn; only the holder of the store's turn uses them.
	find, insert, touch *sql.Stmt

	// look is find for everybody.
	look *sql.Stmt
}

const (
	selectSeen = "SELECT n, id, last FROM seen WHERE id IN " + someRows
	updateSeen = "UPDATE seen SET last = ?1 WHERE last < ?1 AND n IN " + someRows
)

func openSeen(path string) (*seen, error) {
	s := &seen{f: newFile(path, seenSchema)}
	if err := s.open(); err != nil {
		return nil, errors.Join(failure(path, err), s.close())
	}
	return s, nil
}

func (s *seen) open() error {
	if err := s.f.ready(); err != nil {
		return err
	}
	ctx := context.Background()
	var err error
	if s.conn, err = s.f.db.Conn(ctx); err != nil {
		return err
	}
	if s.find, err = s.conn.PrepareContext(ctx, selectSeen); err != nil {
		return err
	}
	if s.look, err = s.f.db.PrepareContext(ctx, selectSeen); err != nil {
		return err
	}
	if s.touch, err = s.conn.PrepareContext(ctx, updateSeen); err != nil {
		return err
	}
	s.insert, err = s.conn.PrepareContext(ctx, "INSERT OR IGNORE INTO seen(id, time, last) VALUES (?, ?, ?)")
	return err
}

// reseen is what a batch means for seen.
type reseen struct {
	known []bool // of each event: it is stored already, or earlier in the batch
	first []sighting
	moved []sighting
	begun bool
}

type sighting struct {
	n          int64
	id         event.ID
	time, last int64
}

// split finds the undated events that came before.
func (s *seen) split(events []*event.Event) (*reseen, error) {
	r := &reseen{known: make([]bool, len(events))}
	stored, err := s.lookup(undatedIDs(events))
	if err != nil {
		return nil, failure(s.f.path, err)
	}
	first := map[event.ID]int{}
	moved := map[event.ID]int{}
	for i, e := range events {
		if !e.Undated {
			continue
		}
		last := max(e.Time.UnixMicro(), lastSeen(e))
		if at, ok := first[e.ID]; ok {
			r.known[i] = true
			r.first[at].last = max(r.first[at].last, last)
			continue
		}
		known, ok := stored[e.ID]
		if !ok {
			first[e.ID] = len(r.first)
			r.first = append(r.first, sighting{id: e.ID, time: e.Time.UnixMicro(), last: last})
			continue
		}
		r.known[i] = true
		if last <= known.last {
			continue
		}
		if at, ok := moved[e.ID]; ok {
			r.moved[at].last = max(r.moved[at].last, last)
			continue
		}
		moved[e.ID] = len(r.moved)
		r.moved = append(r.moved, sighting{n: known.n, last: last})
	}
	return r, nil
}

func undatedIDs(events []*event.Event) []event.ID {
	var ids []event.ID
	for _, e := range events {
		if e.Undated {
			ids = append(ids, e.ID)
		}
	}
	slices.SortFunc(ids, func(a, b event.ID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

func lastSeen(e *event.Event) int64 {
	if e.LastSeen.IsZero() {
		return 0
	}
	return e.LastSeen.UnixMicro()
}

func (s *seen) lookup(ids []event.ID) (map[event.ID]sighting, error) {
	out := make(map[event.ID]sighting, len(ids))
	return out, findSeen(s.find, ids, func(x sighting) { out[x.id] = x })
}

// findSeen calls fn for those of ids that are there.
func findSeen(find *sql.Stmt, ids []event.ID, fn func(sighting)) error {
	args := make([]any, listLen)
	for part := range slices.Chunk(ids, listLen) {
		clear(args)
		for i := range part {
			args[i] = part[i][:]
		}
		if err := scanSeen(find, args, fn); err != nil {
			return err
		}
	}
	return nil
}

func scanSeen(find *sql.Stmt, args []any, fn func(sighting)) error {
	rows, err := find.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var id sql.RawBytes
	for rows.Next() {
		var x sighting
		if err := rows.Scan(&x.n, &id, &x.last); err != nil {
			return err
		}
		copy(x.id[:], id)
		fn(x)
	}
	return rows.Err()
}

// write does what r says, short of the commit.
func (s *seen) write(r *reseen) error {
	if len(r.first)+len(r.moved) == 0 {
		return nil
	}
	if _, err := s.conn.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		return failure(s.f.path, err)
	}
	r.begun = true
	slices.SortFunc(r.first, func(a, b sighting) int { return bytes.Compare(a.id[:], b.id[:]) })
	for i := range r.first {
		x := &r.first[i]
		if _, err := s.insert.ExecContext(context.Background(), x.id[:], x.time, x.last); err != nil {
			return failure(s.f.path, err)
		}
	}
	return failure(s.f.path, s.move(r.moved))
}

// move updates rows, as many as have the same new time at once.
func (s *seen) move(xs []sighting) error {
	slices.SortFunc(xs, func(a, b sighting) int { return cmp.Or(cmp.Compare(a.last, b.last), cmp.Compare(a.n, b.n)) })
	for len(xs) > 0 {
		args := []any{xs[0].last}
		i := 0
		for ; i < len(xs) && i < listLen && xs[i].last == xs[0].last; i++ {
			args = append(args, xs[i].n)
		}
		for len(args) <= listLen {
			args = append(args, nil)
		}
		if _, err := s.touch.ExecContext(context.Background(), args...); err != nil {
			return err
		}
		xs = xs[i:]
	}
	return nil
}

func (s *seen) commit(r *reseen) error {
	if !r.begun {
		return nil
	}
	if _, err := s.conn.ExecContext(context.Background(), "COMMIT"); err != nil {
		return failure(s.f.path, err)
	}
	r.begun = false
	return nil
}

func (s *seen) release(r *reseen) {
	if r != nil && r.begun {
		rollback(s.conn)
	}
}

// forget removes the events before a time.
func (s *seen) forget(micros int64) error {
	_, err := s.conn.ExecContext(context.Background(), "DELETE FROM seen WHERE time < ?", micros)
	return failure(s.f.path, err)
}

func (s *seen) close() error {
	var errs []error
	for _, st := range []*sql.Stmt{s.find, s.insert, s.touch, s.look} {
		if st != nil {
			errs = append(errs, st.Close())
		}
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	return errors.Join(append(errs, s.f.close())...)
}

// last fills in when the undated of rows came last.
func (s *seen) last(rows []found) error {
	var ids []event.ID
	at := map[event.ID]int{}
	for i := range rows {
		if rows[i].undated {
			id := rows[i].key.id()
			ids = append(ids, id)
			at[id] = i
		}
	}
	return failure(s.f.path, findSeen(s.look, ids, func(x sighting) { rows[at[x.id]].last = x.last }))
}
