package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// Search implements store.Store. What it yields is a snapshot of each partition
// at the time the search comes to it.
func (s *Store) Search(ctx context.Context, q store.Query) iter.Seq2[*event.Event, error] {
	return func(yield func(*event.Event, error) bool) {
		f, err := store.Compile(q)
		if err != nil {
			yield(nil, err)
			return
		}
		if s.closed.Load() {
			yield(nil, ErrClosed)
			return
		}
		s.metrics.searches.Inc()
		x := &search{s: s, filter: f, bounds: boundsOf(f), waiting: s.files.all()}
		for n := int64(0); f.Limit == 0 || n < f.Limit; n++ {
			e, err := x.next(ctx)
			if err != nil {
				yield(nil, fmt.Errorf("search: %w", err))
				return
			}
			if e == nil {
				return
			}
			s.metrics.found.Inc()
			if !yield(e, nil) {
				return
			}
		}
	}
}

// search merges the partitions. At most one of each grain is under way at a time.
type search struct {
	s       *Store
	filter  *store.Filter
	bounds  bounds
	waiting []*partition // latest end first
	cursors []*cursor
	taken   *cursor // whose head was the last answer
	event   event.Event
}

// next is the next event, nil at the end.
func (x *search) next(ctx context.Context) (*event.Event, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if x.taken != nil {
			if err := x.taken.advance(ctx); err != nil {
				return nil, err
			}
		}
		c, err := x.head(ctx)
		if c == nil || err != nil {
			return nil, err
		}
		x.taken = c
		ok, err := x.decode(c.next())
		if err != nil {
			return nil, fmt.Errorf("%s: event %s: %w", c.p.path, c.next().key.id(), err)
		}
		if ok {
			return &x.event, nil
		}
	}
}

// head is the cursor with the next row, nil at the end. Partitions that end
// after that row's time are opened before it is known to be the next.
func (x *search) head(ctx context.Context) (*cursor, error) {
	for {
		best := x.best()
		if len(x.waiting) == 0 {
			return best, nil
		}
		p := x.waiting[0]
		if best != nil && best.next().key.micros() >= p.to {
			return best, nil
		}
		x.waiting = x.waiting[1:]
		if p.to <= x.bounds.from || p.from > x.bounds.to {
			continue
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := x.s.newCursor(ctx, p, &x.bounds)
		if err != nil {
			return nil, err
		}
		x.cursors = append(x.cursors, c)
	}
}

func (x *search) best() *cursor {
	var best *cursor
	live := x.cursors[:0]
	for _, c := range x.cursors {
		r := c.next()
		if r == nil {
			continue
		}
		live = append(live, c)
		if best == nil || bytes.Compare(r.key[:], best.next().key[:]) > 0 {
			best = c
		}
	}
	clear(x.cursors[len(live):])
	x.cursors = live
	return best
}

// decode makes the event of a row and tells whether the query wants it.
func (x *search) decode(r *found) (bool, error) {
	x.s.metrics.examined.Inc()
	e := &x.event
	e.Reset()
	if err := event.DecodeJSON(r.body, e); err != nil {
		return false, err
	}
	e.Modified = fromMicros(r.modified)
	if t := fromMicros(r.last); r.undated && r.last > r.key.micros() && t.After(e.LastSeen) {
		e.LastSeen = t
	}
	return x.filter.Match(e), nil
}
