package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ages up to which the days and the months of new events get files of their own.
const (
	dayAge   = 7 * 24 * time.Hour
	monthAge = 400 * 24 * time.Hour
	ahead    = 24 * time.Hour
)

// A grain is how much time a partition spans.
type grain struct {
	prefix string
	layout string
	from   func(time.Time) time.Time
	to     func(time.Time) time.Time
}

// grains from fine to coarse.
var grains = []grain{
	{"day-", "2006-01-02",
		func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) },
		func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"month-", "2006-01",
		func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC) },
		func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"year-", "2006",
		func(t time.Time) time.Time { return time.Date(t.Year(), 1, 1, 0, 0, 0, 0, time.UTC) },
		func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
}

// name of the partition of this grain that t falls into, without ".db".
func (g grain) name(t time.Time) string { return g.prefix + t.UTC().Format(g.layout) }

func grainFor(age time.Duration) grain {
	switch {
	case age >= -ahead && age <= dayAge:
		return grains[0]
	case age >= -monthAge && age <= monthAge:
		return grains[1]
	}
	return grains[2]
}

// partition is a file of events. Its span is [from, to), microseconds since 1970.
type partition struct {
	name     string
	path     string
	from, to int64
	daily    bool

	// Guarded by catalog.mu.
	refs int
	used uint64
	gone bool
	file *file
}

// catalog knows the partitions and keeps the files that are in use open.
type catalog struct {
	dir     string
	maxOpen int

	mu    sync.Mutex
	idle  sync.Cond
	parts map[string]*partition
	order []*partition // latest end first; replaced, never changed
	open  int
	clock uint64
	shut  bool

	// owner of a day. Only the holder of the store's turn uses it.
	owner map[int64]*partition
}

var errGone = errors.New("partition was purged")

func loadCatalog(dir string, maxOpen int) (*catalog, error) {
	c := &catalog{dir: dir, maxOpen: maxOpen, parts: map[string]*partition{}, owner: map[int64]*partition{}}
	c.idle.L = &c.mu
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read archive directory: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".db")
		if !ok {
			continue
		}
		for _, g := range grains {
			date, ok := strings.CutPrefix(name, g.prefix)
			if !ok {
				continue
			}
			t, err := time.Parse(g.layout, date)
			if err != nil {
				return nil, fmt.Errorf("%s: name is none of the archive's, move it away", filepath.Join(dir, e.Name()))
			}
			c.add(g, t)
		}
	}
	return c, nil
}

// add returns the partition of a grain for t, made if need be.
func (c *catalog) add(g grain, t time.Time) *partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := g.from(t.UTC())
	name := g.name(from)
	if p := c.parts[name]; p != nil {
		return p
	}
	p := &partition{
		name: name, path: filepath.Join(c.dir, name+".db"),
		from: from.UnixMicro(), to: g.to(from).UnixMicro(), daily: g.prefix == grains[0].prefix,
	}
	c.parts[name] = p
	c.reorder()
	return p
}

func (c *catalog) reorder() {
	order := make([]*partition, 0, len(c.parts))
	for _, p := range c.parts {
		order = append(order, p)
	}
	slices.SortFunc(order, func(a, b *partition) int {
		return cmp.Or(cmp.Compare(b.to, a.to), strings.Compare(a.name, b.name))
	})
	c.order = order
}

// all lists the partitions, those with the latest end first.
func (c *catalog) all() []*partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.order
}

func (c *catalog) get(name string) *partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.parts[name]
}

const dayMicros = int64(24 * time.Hour / time.Microsecond)

// dayOf is the number of the day of a time in microseconds, since 1970.
func dayOf(micros int64) int64 {
	d := micros / dayMicros
	if micros%dayMicros < 0 {
		d--
	}
	return d
}

// route tells where events of a day go: where there are some already, else into
// the partition that fits the age of the day.
func (c *catalog) route(day int64, now time.Time) (*partition, error) {
	if p := c.owner[day]; p != nil {
		return p, nil
	}
	t := time.UnixMicro(day * dayMicros).UTC()
	for _, g := range grains {
		p := c.get(g.name(t))
		if p == nil {
			continue
		}
		if !p.daily {
			has, err := c.holds(p, day)
			if err != nil {
				return nil, err
			}
			if !has {
				continue
			}
		}
		c.owner[day] = p
		return p, nil
	}
	p := c.add(grainFor(now.Sub(t)), t)
	c.owner[day] = p
	return p, nil
}

func (c *catalog) holds(p *partition, day int64) (bool, error) {
	f, err := c.acquire(p)
	if err != nil {
		return false, err
	}
	defer c.release(p)
	lo, hi := lowerKey(day*dayMicros), lowerKey((day+1)*dayMicros)
	var has bool
	err = f.db.QueryRowContext(context.Background(), "SELECT EXISTS(SELECT 1 FROM event WHERE k >= ? AND k < ?)", lo[:], hi[:]).Scan(&has)
	return has, failure(p.path, err)
}

// acquire opens the file of a partition, or takes the open one. It stays open
// at least until release.
func (c *catalog) acquire(p *partition) (*file, error) {
	c.mu.Lock()
	if c.shut {
		c.mu.Unlock()
		return nil, ErrClosed
	}
	if p.gone {
		c.mu.Unlock()
		return nil, errGone
	}
	c.clock++
	p.used = c.clock
	p.refs++
	if p.file == nil {
		p.file = newFile(p.path, eventSchema)
		c.open++
	}
	f := p.file
	surplus := c.surplus()
	c.mu.Unlock()

	for _, s := range surplus {
		if err := s.close(); err != nil {
			c.release(p)
			return nil, err
		}
	}
	if err := f.ready(); err != nil {
		c.release(p)
		return nil, err
	}
	return f, nil
}

// holdIdle returns the partitions whose writer has a page cache but no Record
// since the given one. The caller has the store's turn and releases them.
func (c *catalog) holdIdle(since int64) []*partition {
	c.mu.Lock()
	defer c.mu.Unlock()
	var idle []*partition
	for _, p := range c.parts {
		if p.file != nil && p.file.w != nil && p.file.w.cached && p.file.w.used < since {
			p.refs++
			idle = append(idle, p)
		}
	}
	return idle
}

// surplus takes the files that nobody used for longest out of the catalog.
func (c *catalog) surplus() []*file {
	var out []*file
	for c.open > c.maxOpen {
		var oldest *partition
		for _, p := range c.parts {
			if p.file != nil && p.refs == 0 && (oldest == nil || p.used < oldest.used) {
				oldest = p
			}
		}
		if oldest == nil {
			break
		}
		out = append(out, oldest.file)
		oldest.file = nil
		c.open--
	}
	return out
}

func (c *catalog) release(p *partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.refs--
	if p.refs == 0 {
		c.idle.Broadcast()
	}
}

// remove waits until nobody reads p and unlinks its files. Nobody may open a file
// of that name before: the last connection to close unlinks the WAL by name.
func (c *catalog) remove(p *partition) error {
	c.mu.Lock()
	p.gone = true
	for p.refs > 0 {
		c.idle.Wait()
	}
	f := p.file
	if f != nil {
		p.file = nil
		c.open--
	}
	delete(c.parts, p.name)
	c.reorder()
	c.mu.Unlock()
	clear(c.owner)

	var errs []error
	if f != nil {
		errs = append(errs, f.close())
	}
	for _, suffix := range []string{"-wal", "-shm", ""} {
		if err := os.Remove(p.path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (c *catalog) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shut = true
	var errs []error
	for _, p := range c.parts {
		for p.refs > 0 {
			c.idle.Wait()
		}
		if p.file != nil {
			errs = append(errs, p.file.close())
			p.file = nil
		}
	}
	return errors.Join(errs...)
}
