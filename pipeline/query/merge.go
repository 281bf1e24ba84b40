package query

import (
	"bytes"

	"github.com/weir-project/weir/pipeline/event"
)

// maxUndated bounds what is remembered of one answer: 2^20 ids are 40 MiB. An
// answer with more undated events than that may show one twice, if it is one that
// was recorded before and after replicas were added.
const maxUndated = 1 << 20

// merge makes one answer of those of several replicas.
type merge struct {
	streams []*stream
	limit   int64 // 0: none

	heads []head
	// undated are the ids of undated events that were shown. Two replicas may have
	// the same one at different times, if its source moved between them; a dated
	// one has one time, so its copies follow each other.
	undated map[event.ID]struct{}
}

// head is the next event of a stream; no event: the stream is at its end.
type head struct{ event *event.Event }

func (m *merge) run(yield func(*event.Event, error) bool) {
	if len(m.streams) == 1 {
		m.pass(yield)
		return
	}
	m.undated = map[event.ID]struct{}{}
	m.heads = make([]head, len(m.streams))
	for i := range m.streams {
		if !m.advance(i, yield) {
			return
		}
	}
	var lastTime int64
	var lastID event.ID
	for n := int64(0); m.limit == 0 || n < m.limit; {
		i := m.first()
		if i < 0 {
			return
		}
		e := m.heads[i].event
		at := e.Time.UnixMicro()
		if n > 0 && at == lastTime && e.ID == lastID || m.known(e) {
			if !m.advance(i, yield) {
				return
			}
			continue
		}
		lastTime, lastID = at, e.ID
		n++
		if !yield(e, nil) || !m.advance(i, yield) {
			return
		}
	}
}

// pass hands on the answer of a hub with one replica.
func (m *merge) pass(yield func(*event.Event, error) bool) {
	for {
		e, err := m.streams[0].next()
		if err != nil {
			yield(nil, err)
			return
		}
		if e == nil || !yield(e, nil) {
			return
		}
	}
}

// advance moves a stream on. It is false if that failed, and the error was told.
func (m *merge) advance(i int, yield func(*event.Event, error) bool) bool {
	e, err := m.streams[i].next()
	if err != nil {
		yield(nil, err)
		return false
	}
	m.heads[i].event = e
	return true
}

// first is the stream whose event comes next, -1 at the end. There are few.
func (m *merge) first() int {
	best := -1
	for i := range m.heads {
		e := m.heads[i].event
		if e == nil {
			continue
		}
		if best < 0 || before(e, m.heads[best].event) {
			best = i
		}
	}
	return best
}

// before is the order of answers: latest time first, events of one time by id.
func before(x, y *event.Event) bool {
	if !x.Time.Equal(y.Time) {
		return x.Time.After(y.Time)
	}
	return bytes.Compare(x.ID[:], y.ID[:]) < 0
}

// known tells whether an undated event was shown before, and remembers it.
func (m *merge) known(e *event.Event) bool {
	if !e.Undated {
		return false
	}
	if _, ok := m.undated[e.ID]; ok {
		return true
	}
	if len(m.undated) < maxUndated {
		m.undated[e.ID] = struct{}{}
	}
	return false
}
