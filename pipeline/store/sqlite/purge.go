package sqlite

import (
	"context"
	"fmt"
	"time"
)

// purgeRows is how many events of a shared file are deleted in a transaction.
const purgeRows = 5000

// Purge implements store.Store. Days are those of UTC; the day of t stays. What
// was seen is forgotten with the events, so an undated event that still comes is
// recorded anew. It waits for a running Record, and Record for it.
func (s *Store) Purge(ctx context.Context, t time.Time) (int, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	before := dayOf(t.UnixMicro()) * dayMicros
	if err := s.seen.forget(before); err != nil {
		return 0, fmt.Errorf("purge: %w", err)
	}
	days := 0
	for _, p := range s.files.all() {
		if p.from >= before {
			continue
		}
		if err := ctx.Err(); err != nil {
			return days, err
		}
		n, err := s.purge(ctx, p, before)
		days += n
		if err != nil {
			return days, fmt.Errorf("purge: %w", err)
		}
	}
	s.metrics.partitions.Set(float64(len(s.files.all())))
	if days > 0 {
		s.log.Info("dropped old days from the archive", "days", days, "before", fromMicros(before))
	}
	return days, nil
}

// purge drops the days of p before a time; the whole file if there are no others.
func (s *Store) purge(ctx context.Context, p *partition, before int64) (int, error) {
	days, err := s.daysBefore(p, before)
	if p.to <= before {
		if err != nil {
			s.log.Error(err, "an old file of the archive could not be read before it was dropped", "file", p.path)
			days = 1
		}
		return days, s.files.remove(p)
	}
	if err != nil {
		return 0, err
	}
	f, err := s.files.acquire(p)
	if err != nil {
		return 0, err
	}
	defer s.files.release(p)
	upper := lowerKey(before)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		res, err := f.db.ExecContext(ctx, "DELETE FROM event WHERE n IN (SELECT n FROM event WHERE k < ? ORDER BY k LIMIT ?)", upper[:], purgeRows)
		if err != nil {
			return 0, failure(p.path, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			clear(s.files.owner)
			return days, failure(p.path, err)
		}
	}
}

// daysBefore counts the days that have events.
func (s *Store) daysBefore(p *partition, before int64) (int, error) {
	days := 0
	for day := dayOf(p.from); day*dayMicros < min(p.to, before); day++ {
		has, err := s.files.holds(p, day)
		if err != nil {
			return 0, err
		}
		if has {
			days++
		}
	}
	return days, nil
}
