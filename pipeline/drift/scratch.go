package drift

import (
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
)

// scratch is the memory that learning from a payload takes. It is used for one
// payload after the other, so that small ones cost little.
type scratch struct {
	head    [sniffBytes]byte
	headLen int
	layout  [maxLayout * 4]byte
	hashes  []uint32 // of the values of a column that are looked at
	sorter  sorter
	looks   []look
	tallies []tally
	batch   batch
	keys    keys
	rerun   rerun
	times   times
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// newScratch returns memory for so many inputs.
func newScratch(inputs int) *scratch {
	s := scratches.Get().(*scratch)
	s.headLen, s.times.n = 0, 0
	s.rerun.reset()
	s.keys.reset()
	s.batch.reset()
	if cap(s.looks) < inputs {
		s.looks = make([]look, inputs)
	}
	if n := min(inputs, maxSketched); cap(s.tallies) < n {
		s.tallies = make([]tally, n)
	}
	s.hashes = s.hashes[:0]
	s.looks, s.tallies = s.looks[:inputs], s.tallies[:min(inputs, maxSketched)]
	clear(s.looks)
	for i := range s.tallies {
		s.tallies[i].reset()
		s.looks[i].tally = &s.tallies[i]
	}
	return s
}

// begin reads the beginning of a payload.
func (s *scratch) begin(r io.Reader) error {
	for range 2 * sniffBytes {
		n, err := r.Read(s.head[s.headLen:])
		s.headLen += n
		switch {
		case errors.Is(err, io.EOF), s.headLen == len(s.head):
			return nil
		case err != nil:
			return err
		}
	}
	return io.ErrNoProgress
}

// said is the beginning as text, for what a publisher says instead of data.
func (s *scratch) said() string {
	return strings.ToValidUTF8(string(s.head[:min(s.headLen, maxHead)]), "\uFFFD")
}

// rerun notices that the first records of a payload come once more one after the
// other, as in a body that was sent twice. It looks at each record, but only at
// its first value while nothing comes again.
type rerun struct {
	first [firstRecords]struct {
		value [maxSample]byte
		size  int
		hash  uint64
	}
	n, at int
	runs  int
	seen  int  // of the first ones, whether or not they tell
	all   bool // the first ones are known
}

const (
	firstRecords = 8
	fewRecords   = 3
)

func (f *rerun) reset() { f.n, f.at, f.runs, f.seen, f.all = 0, 0, 0, 0, false }

// wants tells whether a record that begins with this value has to be seen.
func (f *rerun) wants(first string) bool {
	return !f.all || f.n > 0 && (f.at > 0 || f.is(first, 0))
}

func (f *rerun) see(r row, inputs int) {
	value, _ := r.Input(0)
	if !f.all && f.at == 0 && (f.n < fewRecords || !f.is(value, 0)) {
		f.seen++
		f.all = f.seen == firstRecords
		if !tells(r, inputs) {
			return
		}
		one := &f.first[f.n]
		one.size, one.hash = copy(one.value[:], value), hashOfRecord(r, inputs)
		f.n++
		return
	}
	f.all = true
	if f.is(value, f.at) && hashOfRecord(r, inputs) == f.first[f.at].hash {
		if f.at++; f.at == f.n {
			f.at, f.runs = 0, f.runs+1
		}
		return
	}
	f.at = 0
}

// tells reports whether a record has enough values to be known by: one word of many is
// what others have, too.
func tells(r row, inputs int) bool {
	n := 0
	for i := range min(inputs, firstRecords) {
		if v, _ := r.Input(i); v != "" {
			n++
		}
	}
	return n >= min(inputs, 2)
}

// is tells whether a value begins as the first one of the record at i.
func (f *rerun) is(value string, i int) bool {
	one := &f.first[i]
	return value[:min(len(value), maxSample)] == string(one.value[:one.size])
}

func hashOfRecord(r row, inputs int) (h uint64) {
	for i := range min(inputs, firstRecords) {
		v, _ := r.Input(i)
		h = h*0x9e3779b97f4a7c15 ^ xxhash.Sum64String(v)
	}
	return h
}

// once tells whether the first records came exactly once more.
func (f *rerun) once() bool { return f.n >= fewRecords && f.runs == 1 }
