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
	lookAtAll  = 128 // records that are all looked at
	lookOften  = 2048
	everyEight = 8  // one of so many up to lookOften
	lookEvery  = 16 // and afterwards
	// maxTimed is how many events are looked at for their times.
	maxTimed = 512
)

// Profiler builds a Profile while a payload is parsed. It is the parse.Observer
// of one payload.
type Profiler struct {
	profile Profile
	names   int // bytes of names so far
	buf     [maxLayout * 4]byte
	onKey   func(path, typ string) bool
	rerun   rerun
	dated   bool
	newest  time.Time
	arrived time.Time
	times   times
}

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
	p.profile.Repeated = p.rerun.once()
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
	p.rerun.see(r, len(p.profile.Inputs), p.profile.Records)
	if n := p.profile.Records; n > lookAtAll && n%everyEight != 0 || n > lookOften && n%lookEvery != 0 {
		return
	}
	p.profile.Looked++
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

// rerun notices that the first records of a payload come once more one after the
// other, as in a body that was sent twice. It looks at each record, but only at
// its first value while nothing comes again.
type rerun struct {
	values [firstRecords]string
	hashes [firstRecords]uint64
	n, at  int
	runs   int
}

const (
	firstRecords = 8
	fewRecords   = 3
)

func (f *rerun) see(r record, inputs int, nr int64) {
	if inputs == 0 {
		return
	}
	value, _ := r.Input(0)
	if nr <= firstRecords && f.at == 0 && (f.n < fewRecords || value != f.values[0]) {
		f.values[f.n], f.hashes[f.n] = strings.Clone(value[:min(len(value), maxSample)]), hashOfRecord(r, inputs)
		f.n++
		return
	}
	if value = value[:min(len(value), maxSample)]; value == f.values[f.at] && hashOfRecord(r, inputs) == f.hashes[f.at] {
		if f.at++; f.at == f.n {
			f.at, f.runs = 0, f.runs+1
		}
		return
	}
	f.at = 0
}

func hashOfRecord(r record, inputs int) (h uint64) {
	for i := range min(inputs, firstRecords) {
		v, _ := r.Input(i)
		h = h*0x9e3779b97f4a7c15 ^ xxhash.Sum64String(v)
	}
	return h
}

// once tells whether the first records came exactly once more.
func (f *rerun) once() bool { return f.n >= fewRecords && f.runs == 1 }

// event counts a record that became an event.
func (p *Profiler) event(e *event.Event) {
	p.profile.Events++
	if e.Undated {
		return
	}
	p.profile.Dated++
	if p.profile.Dated <= maxTimed {
		p.times.add(e)
	}
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
