package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
)

// found is a row on its way out.
type found struct {
	key      key
	n        int64
	modified int64
	last     int64 // when an undated event came last
	undated  bool
	body     []byte
}

// cursor passes through one partition in the order of answers. It holds the
// file only while it reads the next rows, so that a slow reader holds nobody up.
type cursor struct {
	s      *Store
	p      *partition
	bounds *bounds
	plan   plan
	upper  key // next rows are before this
	lower  key
	hits   []found // with keys only; if the plan is sparse
	sparse bool
	ended  bool

	size  int
	rows  []found
	arena []byte
	head  int
}

// Rows a cursor reads at once: few at first, for a quick answer.
const (
	firstRows = 64
	mostRows  = 1024
)

func (s *Store) newCursor(ctx context.Context, p *partition, b *bounds) (*cursor, error) {
	c := &cursor{s: s, p: p, bounds: b, size: firstRows}
	c.lower, c.upper = lowerKey(max(b.from, p.from)), lowerKey(p.to)
	if b.to < p.to {
		c.upper = lowerKey(b.to + 1)
	}
	err := c.with(func(f *file) error {
		var err error
		if c.plan, err = f.planFor(ctx, b, p.to); err != nil {
			return err
		}
		if c.plan.count == 0 {
			c.ended = true
			return nil
		}
		narrowed := c.plan.set != nil || c.plan.lo > 1
		if c.sparse = narrowed && c.plan.sparse(); c.sparse {
			return c.sortHits(ctx, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return c, c.fill(ctx)
}

// with runs fn on the open file. A partition that was purged meanwhile has
// nothing more to say.
func (c *cursor) with(fn func(*file) error) error {
	f, err := c.s.files.acquire(c.p)
	if errors.Is(err, errGone) {
		c.ended = true
		return nil
	}
	if err != nil {
		return err
	}
	defer c.s.files.release(c.p)
	return failure(c.p.path, fn(f))
}

// next is the row at the head, nil at the end.
func (c *cursor) next() *found {
	if c.head < len(c.rows) {
		return &c.rows[c.head]
	}
	return nil
}

func (c *cursor) advance(ctx context.Context) error {
	c.head++
	if c.head < len(c.rows) {
		return nil
	}
	return c.fill(ctx)
}

// fill reads the next rows, unless there are none.
func (c *cursor) fill(ctx context.Context) error {
	c.head, c.rows, c.arena = 0, c.rows[:0], c.arena[:0]
	for len(c.rows) == 0 && !c.ended {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := c.with(func(f *file) error {
			if err := c.keys(ctx, f); err != nil {
				return err
			}
			return c.bodies(ctx, f)
		})
		if err != nil {
			return err
		}
		c.size = min(2*c.size, mostRows)
	}
	return c.s.seen.last(c.rows)
}

// keys sets rows to the next ones, without bodies.
func (c *cursor) keys(ctx context.Context, f *file) error {
	if c.sparse {
		n := min(c.size, len(c.hits))
		c.rows = append(c.rows, c.hits[:n]...)
		c.hits = c.hits[n:]
		c.ended = len(c.hits) == 0
		return nil
	}
	rows, err := f.db.QueryContext(ctx, `SELECT k, n FROM event INDEXED BY event_k
		WHERE k < ? AND k >= ? ORDER BY k DESC`, c.upper[:], c.lower[:])
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var k sql.RawBytes
	for passed := 0; len(c.rows) < c.size && passed < 64*mostRows; passed++ {
		if !rows.Next() {
			c.ended = true
			return rows.Err()
		}
		var r found
		if err := rows.Scan(&k, &r.n); err != nil {
			return err
		}
		copy(c.upper[:], k)
		if c.plan.has(r.n) {
			r.key = c.upper
			c.rows = append(c.rows, r)
		}
	}
	return nil
}

const (
	selectKeys   = "SELECT n, k FROM event WHERE n IN " + someRows
	selectBodies = "SELECT n, modified, undated, body FROM event WHERE n IN " + someRows
)

// sortHits fetches the keys of all rows of the plan.
func (c *cursor) sortHits(ctx context.Context, f *file) error {
	add := func(rows *sql.Rows) error {
		var r found
		var k sql.RawBytes
		if err := rows.Scan(&r.n, &k); err != nil {
			return err
		}
		copy(r.key[:], k)
		if bytes.Compare(r.key[:], c.lower[:]) >= 0 && bytes.Compare(r.key[:], c.upper[:]) < 0 {
			c.hits = append(c.hits, r)
		}
		return nil
	}
	var err error
	if c.plan.set == nil {
		err = each(ctx, f, "SELECT n, k FROM event WHERE n >= ? AND n <= ?", []any{c.plan.lo, c.plan.hi}, add)
	} else {
		err = eachOf(ctx, f, selectKeys, c.plan.set.list(c.plan.lo, c.plan.hi), add)
	}
	slices.SortFunc(c.hits, func(a, b found) int { return bytes.Compare(b.key[:], a.key[:]) })
	c.ended = len(c.hits) == 0
	return err
}

// bodies reads the rest of rows. A row that was purged meanwhile is dropped.
func (c *cursor) bodies(ctx context.Context, f *file) error {
	if len(c.rows) == 0 {
		return nil
	}
	ns := make([]int64, len(c.rows))
	at := make(map[int64]int, len(c.rows))
	for i := range c.rows {
		ns[i] = c.rows[i].n
		at[c.rows[i].n] = i
	}
	slices.Sort(ns)
	err := eachOf(ctx, f, selectBodies, ns, func(rows *sql.Rows) error {
		var n, modified int64
		var undated bool
		var body sql.RawBytes
		if err := rows.Scan(&n, &modified, &undated, &body); err != nil {
			return err
		}
		r := &c.rows[at[n]]
		from := len(c.arena)
		c.arena = append(c.arena, body...)
		r.modified, r.undated, r.body = modified, undated, c.arena[from:len(c.arena):len(c.arena)]
		return nil
	})
	c.rows = slices.DeleteFunc(c.rows, func(r found) bool { return r.body == nil })
	return err
}

// each calls fn for the rows of a query.
func each(ctx context.Context, f *file, query string, args []any, fn func(*sql.Rows) error) error {
	rows, err := f.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	return drain(rows, fn)
}

// drain calls fn for the rows and closes them.
func drain(rows *sql.Rows, fn func(*sql.Rows) error) error {
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachOf is each for a query over a list of listLen rows.
func eachOf(ctx context.Context, f *file, query string, ns []int64, fn func(*sql.Rows) error) error {
	stmt, err := f.db.PrepareContext(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	args := make([]any, listLen)
	for part := range slices.Chunk(ns, listLen) {
		clear(args)
		for i, n := range part {
			args[i] = n
		}
		rows, err := stmt.QueryContext(ctx, args...)
		if err != nil {
			return err
		}
		if err := drain(rows, fn); err != nil {
			return err
		}
	}
	return nil
}
