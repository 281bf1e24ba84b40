package drift

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/record"
)

// Which records are looked at: all of the first ones, and then fewer and fewer. The
// more there are, the less one of them says.
const (
	lookAtAll = 128
	lookEvery = 16 // one of so many of a long payload, until lookLess
	lookLess  = 4096
	// It takes longer to find the paths of records than to look at their inputs, and
	// all of them hardly ever differ.
	walkAll   = 32
	walkEvery = 16
)

// Profiler builds a Profile while a payload is parsed. It is the parse.Observer
// of one payload.
type Profiler struct {
	profile Profile
	// scratch is nil when the payload is over and all is in the profile.
	*scratch
	names int // bytes of names so far
	// walks: paths matter in more records than the first ones.
	walks    bool
	spending func(n int) bool
	onKey    func(path string, typ record.Kind) bool
	cells    int   // of the last record
	alike    int64 // records with so many that are not counted yet
	dated    bool
	newest   int64 // seconds since 1970
	oldest   int64
	before   int64 // of the event before
	now      int64 // when the payload was collected
}

func newProfiler(empty *Profile) *Profiler {
	p := &Profiler{profile: *empty, scratch: newScratch(len(empty.Inputs))}
	p.profile.Inputs = slices.Clone(empty.Inputs)
	for i := range p.looks {
		c := &p.profile.Inputs[i]
		p.looks[i].limit = math.MaxUint32
		p.looks[i].raw = len(c.nulls) == 0 && len(c.separators) == 0
	}
	p.walks, p.spending, p.onKey = hasPaths(empty.Declared), p.spend, p.key
	return p
}

// row is what a Profiler reads of a parse.Record.
type row interface {
	Input(i int) (string, bool)
	Cells() int
	JSON() string
}

// Profile is what was learned so far. It changes while parsing goes on.
func (p *Profiler) Profile() *Profile {
	if p.scratch == nil {
		return &p.profile
	}
	p.settle()
	hashes := 0
	for i := range p.tallies {
		hashes += p.tallies[i].hashes
	}
	sketches := make([]uint32, 0, hashes) // one piece of memory for all
	for i := range p.profile.Inputs {
		p.looks[i].tell(&p.profile.Inputs[i], &sketches)
	}
	p.countCells()
	p.profile.Paths = p.keys.paths()
	p.profile.Repeated = p.rerun.once()
	p.profile.Times = p.times.sample()
	if p.dated {
		p.profile.Newest, p.profile.Span = p.now-p.newest, p.newest-p.oldest
	}
	if p.profile.Events == 0 || p.profile.Records <= hardly || !p.profile.anyValue() {
		p.profile.Head = p.said()
	}
	return &p.profile
}

// done ends learning: the profile is complete, and needs the memory no more.
func (p *Profiler) done() {
	p.Profile()
	if cap(p.batch.text) > maxKept {
		p.batch.text = nil
	}
	scratches.Put(p.scratch)
	p.scratch = nil
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

// Record looks at a record. Most of them go no further than this.
func (p *Profiler) Record(r *parse.Record) {
	p.profile.Records++
	if len(p.profile.Inputs) > 0 {
		if first, _ := r.Input(0); p.rerun.wants(first) {
			p.rerun.see(r, len(p.profile.Inputs))
		}
	}
	if looksAt(p.profile.Records) {
		p.look(r)
	}
}

// looksAt tells which records are looked at, so that it is the same for the same
// payload.
func looksAt(n int64) bool {
	return n <= lookAtAll || n%lookEvery == 0 && n <= lookLess || n%(2*lookEvery) == 0
}

func (p *Profiler) look(r row) {
	p.profile.Looked++
	p.batch.take(r, len(p.profile.Inputs))
	if n := r.Cells(); n > 0 {
		if n != p.cells {
			p.countCells()
			p.cells = n
		}
		p.alike++
	} else if n := p.profile.Records; n <= walkAll || n%walkEvery == 0 && p.walks {
		p.profile.Walked++
		if json := r.JSON(); len(json) <= batchBytes {
			p.batch.takeDoc(json, n)
		} else {
			p.walk(json, n)
		}
	}
	if p.batch.full() {
		p.settle()
	}
}

func (p *Profiler) countCells() {
	if p.alike == 0 {
		return
	}
	if p.profile.Cells == nil {
		p.profile.Cells = make(map[int]int64, 1)
	}
	if _, known := p.profile.Cells[p.cells]; known || len(p.profile.Cells) < maxCells {
		p.profile.Cells[p.cells] += p.alike
	}
	p.alike = 0
}

func (p *Profiler) key(path string, typ record.Kind) bool {
	p.keys.see(path, typ, p.spending)
	return true
}

// event counts a record that became an event.
func (p *Profiler) event(e *event.Event) {
	p.profile.Events++
	if e.Undated {
		return
	}
	p.profile.Dated++
	p.times.add(e)
	at := e.Time.Unix()
	p.span(at)
	p.between(e)
	if at-p.now > int64(day/time.Second) {
		p.profile.Future++
	}
}

// span follows the newest and the oldest time, and the order of times.
func (p *Profiler) span(at int64) {
	if !p.dated {
		p.dated, p.newest, p.oldest, p.before = true, at, at, at
		return
	}
	if at > p.before {
		p.profile.Rising++
	} else if at < p.before {
		p.profile.Falling++
	}
	p.before, p.newest, p.oldest = at, max(p.newest, at), min(p.oldest, at)
}

// between counts events whose last time is before the first one. The time of an
// event is its first or its last, as the Parser says.
func (p *Profiler) between(e *event.Event) {
	first, last := e.FirstSeen, e.LastSeen
	if last.IsZero() {
		last = e.Until
	}
	if first.IsZero() {
		first = e.Time
	}
	if last.IsZero() {
		last = e.Time
	}
	if first.Equal(last) {
		return
	}
	p.profile.Ranges++
	if last.Before(first) {
		p.profile.Reversed++
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
		p.profile.Reasons[strings.Clone(r.Field)] = Reason{1, cut(r.Reason, maxName)}
		return
	}
	known.Count++
	p.profile.Reasons[r.Field] = known
}
