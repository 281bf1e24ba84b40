package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"math"
	"slices"

	"github.com/weir-project/weir/pipeline/store"
)

// bounds of the times of events and of Modified that a query allows, both ends
// included; a little wide, as the filter decides.
type bounds struct {
	from, to       int64 // time
	modFrom, modTo int64 // modified
	active         int64 // active.min
	reaches        [][]reach
}

func boundsOf(f *store.Filter) bounds {
	b := bounds{
		from: math.MinInt64, to: math.MaxInt64,
		modFrom: math.MinInt64, modTo: math.MaxInt64, active: math.MinInt64,
	}
	for _, c := range f.Where {
		if rs, ok := reaches(c); ok {
			b.reaches = append(b.reaches, rs)
			continue
		}
		v := c.Time.UnixMicro()
		switch {
		case c.Field == "time" && c.Op == store.Min:
			b.from = max(b.from, v)
		case c.Field == "time":
			b.to = min(b.to, v)
		case c.Field == "modified" && c.Op == store.Min:
			b.modFrom = max(b.modFrom, v)
		case c.Field == "modified":
			b.modTo = min(b.modTo, v)
		case c.Field == "active" && c.Op == store.Min:
			b.active = max(b.active, v)
		}
	}
	return b
}

// plan says which rows of a partition a search has to look at: those in
// [lo, hi], and in set if there is one.
type plan struct {
	lo, hi int64
	set    *rowSet
	count  int // at most so many rows
}

func (p *plan) has(n int64) bool {
	return n >= p.lo && n <= p.hi && (p.set == nil || p.set.has(n))
}

// sparse reports whether to fetch and sort the rows rather than to pass through
// the partition in order and pick them. Fetching delays the first answer,
// passing delays each: at one hit in 256 rows they cost the same.
func (p *plan) sparse() bool {
	return int64(p.count) <= max(4096, p.hi/256)
}

// planFor makes the plan in one transaction. Rows that are recorded later have
// numbers beyond hi: so the plan is a snapshot that holds nobody up.
func (f *file) planFor(ctx context.Context, b *bounds, end int64) (plan, error) {
	var p plan
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return p, err
	}
	defer func() { _ = tx.Rollback() }()
	if err := tx.QueryRowContext(ctx, "SELECT ifnull(max(n), 0) FROM event").Scan(&p.hi); err != nil {
		return p, err
	}
	p.lo = 1
	if err := p.modified(ctx, tx, b); err != nil {
		return p, err
	}
	p.count = int(max(0, p.hi-p.lo+1))
	want := b.reaches
	if end <= b.active {
		// All are too old by time, so they must expire late enough.
		late := through(post(kindExpires, hours(fromMicros(b.active))), post(kindExpires, valueMask))
		want = append(slices.Clone(want), []reach{late})
	}
	if p.count == 0 || len(want) == 0 {
		return p, nil
	}
	return p, p.narrow(ctx, f, tx, want)
}

// modified narrows [lo, hi] down: Modified grows with n.
func (p *plan) modified(ctx context.Context, tx *sql.Tx, b *bounds) error {
	var err error
	if b.modFrom > math.MinInt64 {
		if p.lo, err = firstModified(ctx, tx, p.lo, p.hi+1, b.modFrom); err != nil {
			return err
		}
	}
	if b.modTo < math.MaxInt64 {
		p.hi, err = firstModified(ctx, tx, p.lo, p.hi+1, b.modTo+1)
		p.hi--
	}
	return err
}

// firstModified finds by bisection the first n in [lo, hi) from which on rows
// are modified at or after a time; hi if there is none.
func firstModified(ctx context.Context, tx *sql.Tx, lo, hi, micros int64) (int64, error) {
	for lo < hi {
		mid := lo + (hi-lo)/2
		var n, modified int64
		err := tx.QueryRowContext(ctx, "SELECT n, modified FROM event WHERE n >= ? ORDER BY n LIMIT 1", mid).Scan(&n, &modified)
		switch {
		case err != nil:
			return 0, err
		case modified < micros:
			lo = n + 1
		default:
			hi = mid
		}
	}
	return lo, nil
}

// loadAlways postings are read in 2 ms. More are worth it only if they leave few
// rows: among many, passing through them finds the first ones sooner.
const loadAlways = 256 << 10

// narrow intersects the postings of the conditions, the rarest first. A set that
// would cost more to read than to test on the events that are left is not read.
func (p *plan) narrow(ctx context.Context, f *file, tx *sql.Tx, want [][]reach) error {
	x, err := f.openIndex(ctx, tx)
	if err != nil {
		return err
	}
	type costed struct {
		reaches []reach
		cost    int
	}
	costs := make([]costed, len(want))
	for i, rs := range want {
		costs[i] = costed{rs, x.estimate(rs)}
	}
	slices.SortFunc(costs, func(a, b costed) int { return cmp.Compare(a.cost, b.cost) })
	for i, c := range costs {
		if i > 0 && c.cost > 128*p.count || c.cost > max(loadAlways, int(p.hi)/16) {
			break
		}
		set := newRowSet(p.hi)
		if err := x.load(ctx, c.reaches, set); err != nil {
			return err
		}
		if p.set == nil {
			p.set = set
		} else {
			p.set.and(set)
		}
		p.count = min(p.count, p.set.len())
		if p.count == 0 {
			break
		}
	}
	return nil
}
