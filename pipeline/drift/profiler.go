package drift

import (
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

const (
	lookAtAll = 1024 // records that are all looked at
	lookEvery = 16   // one of so many afterwards
)

// Profiler builds a Profile while a payload is parsed. It is the parse.Observer
// of one payload.
type Profiler struct {
	profile Profile
	names   int // bytes of names so far
	buf     [maxLayout * 4]byte
	onKey   func(path, typ string) bool
	// first are the hashes of the first records, seen how often each came again.
	first   []uint64
	seen    [maxFirst]uint8
	dated   bool
	newest  time.Time
	arrived time.Time
	times   times
}

// maxFirst is how many records are looked for again.
const (
	maxFirst = 8
	minFirst = 3
)

// record is what a Profiler reads of a parse.Record.
type record interface {
	Input(i int) (string, bool)
	Cells() int
	Keys(yield func(path, typ string) bool)
}

// Profile is what was learned so far. It changes while parsing goes on.
func (p *Profiler) Profile() *Profile {
	for i := range p.profile.Inputs {
		if c := &p.profile.Inputs[i]; c.tally != nil {
			c.Top, c.Lost = c.tally.top(), c.tally.lost+c.tally.long
			c.Sketch = slices.Clone(Sketch(c.tally.smallest[:c.tally.hashes]))
		}
	}
	p.profile.Repeated = p.repeated()
	p.profile.Times = p.times.sample()
	if p.dated {
		p.profile.Newest = int64(p.arrived.Sub(p.newest) / time.Second)
	}
	return &p.profile
}

// Columns takes the names of the columns.
func (p *Profiler) Columns(names []string) {
	p.profile.Columns = nil
	p.names = 0
	for _, name := range names {
		if len(p.profile.Columns) == maxColumns || !p.spend(len(name)) {
			return
		}
		p.profile.Columns = append(p.profile.Columns, cut(name, maxName))
	}
}

// spend bounds the names that a profile holds.
func (p *Profiler) spend(n int) bool {
	n = min(n, maxName)
	if p.names+n > maxNames {
		return false
	}
	p.names += n
	return true
}

// Record looks at a record.
func (p *Profiler) Record(r *parse.Record) { p.observe(r) }

func (p *Profiler) observe(r record) {
	p.profile.Records++
	if p.profile.Records > lookAtAll && p.profile.Records%lookEvery != 0 {
		return
	}
	p.profile.Looked++
	p.again(r)
	for i := range p.profile.Inputs {
		c := &p.profile.Inputs[i]
		if v, ok := r.Input(i); ok {
			c.observe(v, p.buf[:])
		} else {
			c.Absent++
		}
	}
	if n := r.Cells(); n > 0 {
		p.countCells(n)
		return
	}
	if p.onKey == nil {
		p.onKey = p.key
	}
	r.Keys(p.onKey)
}

func (p *Profiler) countCells(n int) {
	if p.profile.Cells == nil {
		p.profile.Cells = make(map[int]int64, 1)
	}
	if _, known := p.profile.Cells[n]; known || len(p.profile.Cells) < maxCells {
		p.profile.Cells[n]++
	}
}

func (p *Profiler) key(path, typ string) bool {
	if known := p.profile.Paths[path]; known != nil {
		if known.last != p.profile.Records { // the elements of an array share a path
			known.last = p.profile.Records
			known.Records++
		}
		known.Types[typ]++
		return true
	}
	if len(path) > maxName || len(p.profile.Paths) == maxPaths || !p.spend(len(path)) {
		return true
	}
	if p.profile.Paths == nil {
		p.profile.Paths = make(map[string]*Path)
	}
	p.profile.Paths[strings.Clone(path)] = &Path{Records: 1, last: p.profile.Records, Types: map[string]int64{strings.Clone(typ): 1}}
	return true
}

// again notices the first records of the payload when they come once more, as in
// a body that was sent twice.
func (p *Profiler) again(r record) {
	if len(p.profile.Inputs) == 0 {
		return
	}
	var h uint64
	for i := range min(len(p.profile.Inputs), maxFirst) {
		v, _ := r.Input(i)
		h = h*0x9e3779b97f4a7c15 ^ xxhash.Sum64String(v)
	}
	switch i := slices.Index(p.first, h); {
	case i >= 0:
		p.seen[i] = min(p.seen[i]+1, 2)
	case len(p.first) < maxFirst && p.profile.Records <= maxFirst:
		p.first = append(p.first, h)
	}
}

// repeated tells whether each of the first records came exactly once more.
func (p *Profiler) repeated() bool {
	for i := range p.first {
		if p.seen[i] != 1 {
			return false
		}
	}
	return len(p.first) >= minFirst
}

// event counts a record that became an event.
func (p *Profiler) event(e *event.Event) {
	p.profile.Events++
	if e.Undated {
		return
	}
	p.profile.Dated++
	p.times.add(e)
	if !p.dated || e.Time.After(p.newest) {
		p.dated, p.newest = true, e.Time
	}
	if e.Time.Sub(p.arrived) > day {
		p.profile.Future++
	}
}

const day = 24 * time.Hour

// reject counts one that did not.
func (p *Profiler) reject(r *parse.Rejection) {
	p.profile.Rejected++
	known, ok := p.profile.Reasons[r.Field]
	if !ok {
		if len(p.profile.Reasons) == maxReasons {
			return
		}
		if p.profile.Reasons == nil {
			p.profile.Reasons = make(map[string]Reason, 1)
		}
		known.First = cut(r.Reason, maxName)
	}
	known.Count++
	p.profile.Reasons[strings.Clone(r.Field)] = known
}
