package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// row is an event on its way into a partition.
type row struct {
	key      key
	at       int // in the batch
	modified int64
	undated  bool
	body     []byte
}

// part is what a batch brings to one partition.
type part struct {
	p        *partition
	w        *writer
	rows     []row
	fresh    []bool
	postings []posting
	done     bool // committed or rolled back
}

// batch is a Record at work.
type batch struct {
	s        *Store
	events   []*event.Event
	fresh    []bool
	modified int64
	parts    []*part // by name
	again    *reseen
}

// Record implements store.Store.
func (s *Store) Record(ctx context.Context, events []*event.Event, before func(fresh []bool) error) error {
	if err := recordable(events); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	b := &batch{s: s, events: events, fresh: make([]bool, len(events))}
	err := b.record(ctx, before)
	if err != nil {
		s.metrics.failed.Inc()
	}
	return err
}

// recordable refuses what could not be found again. Everything else is the
// validator's business.
func recordable(events []*event.Event) error {
	for i, e := range events {
		switch year := e.Time.UTC().Year(); {
		case e.ID.IsZero():
			return fmt.Errorf("record events[%d]: id is not set", i)
		case e.Time.IsZero() || year < 1 || year > 9999:
			return fmt.Errorf("record events[%d]: time is not set or out of range", i)
		}
	}
	return nil
}

func (b *batch) record(ctx context.Context, before func([]bool) error) error {
	start := time.Now()
	b.modified = max(b.s.now().UnixMicro(), b.s.modified)
	b.s.records++
	defer b.release()
	if err := b.write(ctx); err != nil {
		return fmt.Errorf("record %d events: %w", len(b.events), err)
	}
	added := 0
	for i, e := range b.events {
		e.Modified = fromMicros(b.modified)
		if b.fresh[i] {
			added++
		}
	}
	took := time.Since(start)
	if err := before(b.fresh); err != nil {
		return err
	}
	start = time.Now()
	if err := b.commit(); err != nil {
		return fmt.Errorf("commit %d events: %w", len(b.events), err)
	}
	b.s.modified = b.modified
	b.s.shrinkIdle()
	b.s.metrics.record.Observe((took + time.Since(start)).Seconds())
	b.s.metrics.fresh.Add(float64(added))
	b.s.metrics.duplicate.Add(float64(len(b.events) - added))
	return nil
}

// idleAfter is how many Records pass a partition by before its page cache is
// given back. A historic feed comes by every partition in turn; together their
// caches would take more memory than everything else.
const idleAfter = 4

func (s *Store) shrinkIdle() {
	for _, p := range s.files.holdIdle(s.records - idleAfter) {
		if err := p.file.w.shrink(); err != nil {
			s.log.Error(err, "page cache is not given back", "file", p.path)
		}
		s.files.release(p)
	}
}

// write does everything short of the commits.
func (b *batch) write(ctx context.Context) error {
	var err error
	if b.again, err = b.s.seen.split(b.events); err != nil {
		return err
	}
	if err := b.route(); err != nil {
		return err
	}
	for _, p := range b.parts {
		f, err := b.s.files.acquire(p.p)
		if err != nil {
			return err
		}
		cache := sharedCache
		if p.p.daily {
			cache = dayCache
		}
		if p.w, err = f.writer(cache); err == nil {
			err = p.w.begin()
		}
		if err != nil {
			p.w = nil
			b.s.files.release(p.p)
			return failure(p.p.path, err)
		}
		p.w.used, p.w.cached = b.s.records, true
	}
	// What was seen is in a file of its own, so it is written at the same time.
	var noted error
	var other sync.WaitGroup
	other.Go(func() { noted = b.s.seen.write(b.again) })
	err = b.insert(ctx)
	other.Wait()
	return errors.Join(err, noted)
}

// route sorts the events into partitions, and in each by key: so a batch
// touches each page of the index once.
func (b *batch) route() error {
	parts := map[*partition]*part{}
	now := b.s.now()
	for i, e := range b.events {
		if b.again.known[i] {
			continue
		}
		micros := e.Time.UnixMicro()
		p, err := b.s.files.route(dayOf(micros), now)
		if err != nil {
			return err
		}
		if parts[p] == nil {
			parts[p] = &part{p: p}
		}
		parts[p].rows = append(parts[p].rows, row{
			key: makeKey(micros, e.ID), at: i, modified: b.modified, undated: e.Undated,
		})
	}
	for _, p := range parts {
		slices.SortFunc(p.rows, func(a, b row) int {
			return cmp.Or(bytes.Compare(a.key[:], b.key[:]), cmp.Compare(a.at, b.at))
		})
		p.fresh = make([]bool, len(p.rows))
		b.parts = append(b.parts, p)
	}
	slices.SortFunc(b.parts, func(x, y *part) int { return cmp.Compare(x.p.name, y.p.name) })
	b.s.metrics.partitions.Set(float64(len(b.s.files.all())))
	return nil
}

const (
	// encodeRows is how many rows are encoded at a time, piecesAhead how many such pieces
	// wait for the insertion.
	encodeRows  = 256
	piecesAhead = 4
)

// insert encodes rows in one goroutine while it inserts in another.
func (b *batch) insert(ctx context.Context) error {
	type piece struct {
		p        *part
		from, to int
		arena    []byte // of the bodies
	}
	pieces := make(chan piece, piecesAhead)
	arenas := make(chan []byte, piecesAhead+2) // those that are free again
	stop := make(chan struct{})
	var encoder sync.WaitGroup
	encoder.Go(func() {
		defer close(pieces)
		for _, p := range b.parts {
			first := p.w.next
			for from := 0; from < len(p.rows); from += encodeRows {
				to := min(from+encodeRows, len(p.rows))
				var arena []byte
				select {
				case arena = <-arenas:
				default:
				}
				arena = b.encode(arena, p, first, from, to)
				if to == len(p.rows) {
					slices.Sort(p.postings)
					p.postings = slices.Compact(p.postings)
				}
				select {
				case pieces <- piece{p, from, to, arena}:
				case <-stop:
					return
				}
			}
		}
	})
	defer encoder.Wait()
	defer close(stop)
	for x := range pieces {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := x.p.w.insert(x.p.rows[x.from:x.to], x.p.fresh[x.from:x.to])
		arenas <- x.arena[:0]
		if err == nil && x.to == len(x.p.rows) {
			err = b.finish(x.p)
		}
		if err != nil {
			return failure(x.p.p.path, err)
		}
	}
	return nil
}

// encode makes bodies and postings of rows [from, to), which will have the
// numbers first+from and so on.
func (b *batch) encode(arena []byte, p *part, first int64, from, to int) []byte {
	var ends [encodeRows]int
	for i := from; i < to; i++ {
		e := b.events[p.rows[i].at]
		e.Modified = time.Time{}
		arena = event.AppendJSON(arena, e)
		ends[i-from] = len(arena)
		p.postings = appendPostings(p.postings, uint64(first)+uint64(i), e)
	}
	at := 0
	for i, end := range ends[:to-from] { // not before: the arena may have moved
		p.rows[from+i].body = arena[at:end]
		at = end
	}
	return arena
}

// finish indexes the new rows of a part.
func (b *batch) finish(p *part) error {
	first := p.w.next - int64(len(p.rows))
	added := 0
	for i, f := range p.fresh {
		if f {
			added++
		}
		b.fresh[p.rows[i].at] = f
	}
	if added == 0 {
		return nil
	}
	if added < len(p.rows) {
		p.postings = slices.DeleteFunc(p.postings, func(x posting) bool {
			return !p.fresh[int64(x&(1<<rowBits-1))-first]
		})
	}
	return p.w.addRun(p.postings)
}

// commitAtOnce is how many files are synced at the same time.
const commitAtOnce = 4

// commit writes the partitions first and what was seen last: an undated event
// that counts as seen must be there.
func (b *batch) commit() error {
	errs := make([]error, len(b.parts))
	slots := make(chan struct{}, commitAtOnce)
	var all sync.WaitGroup
	for i, p := range b.parts {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			errs[i] = failure(p.p.path, p.w.commit())
			p.done = errs[i] == nil
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return b.s.seen.commit(b.again)
}

// release rolls back what is not committed and lets go of the files.
func (b *batch) release() {
	for _, p := range b.parts {
		if p.w == nil {
			continue
		}
		if !p.done {
			p.w.rollback()
		}
		b.s.files.release(p.p)
	}
	b.s.seen.release(b.again)
}
