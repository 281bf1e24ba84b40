package monitor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	// early is how long before the announced time a payload may switch the feed.
	early = 7 * 24 * time.Hour
	// mostRejected is the share of records that the announced Parser may reject: one of
	// so many.
	mostRejected = 10
)

// successor is an announced Parser.
type successor struct {
	name string
	from time.Time
	src  *source // nil: it cannot be used
	// problem says why.
	problem string
}

// inForce is the announced Parser that has taken over.
type inForce struct {
	Name string `json:"name"`
	// Payload is what it took over with, and Since when that was collected.
	Payload string    `json:"payload"`
	Since   time.Time `json:"since"`
	// Learned tells that the baseline is one of its own.
	Learned bool `json:"learned,omitempty"`
}

// newSuccessors compiles what was announced.
func newSuccessors(m *plan.Monitor, f *plan.MonitorFeed) []successor {
	var list []successor
	for _, a := range f.Announced {
		s := successor{name: a.Parser, problem: a.Problem}
		var err error
		if s.from, err = time.Parse(time.RFC3339, a.From); err != nil {
			s.problem = cmp.Or(s.problem, fmt.Sprintf("%q is no time", a.From))
		}
		if s.problem == "" && a.Spec != nil {
			later := plan.Monitor{Namespace: m.Namespace, Name: a.Parser, Spec: *a.Spec, Feeds: m.Feeds}
			s.src = newSource(&later, f, compile(&later.Spec))
			if s.src.err != nil {
				s.src, s.problem = nil, s.src.err.Error()
			}
		}
		list = append(list, s)
	}
	return list
}

// inForce is how payloads are read now: with the Parser of the feed, or with the
// announced one that has taken over. f.work is held.
func (f *feed) inForce(src *source) *source {
	if s := src.successor(f.memory.InForce.Name); s != nil && s.src != nil {
		return s.src
	}
	return src
}

func (s *source) successor(name string) *successor {
	for i := range s.successors {
		if s.successors[i].name == name {
			return &s.successors[i]
		}
	}
	return nil
}

// forgetSuccessor forgets a Parser that took over and is not announced any more:
// the feed names it itself now, or somebody has taken the announcement back.
func (f *feed) forgetSuccessor(ctx context.Context, src *source) error {
	f.work.Lock()
	defer f.work.Unlock()
	if f.memory.InForce.Name == "" || src.successor(f.memory.InForce.Name) != nil {
		return nil
	}
	f.memory.InForce = inForce{}
	return f.save(ctx)
}

// due are the announced Parsers that may take over now.
func (f *feed) due(src *source) (list []*successor) {
	since := time.Time{}
	if s := src.successor(f.memory.InForce.Name); s != nil {
		since = s.from
	}
	for i := range src.successors {
		s := &src.successors[i]
		if s.src != nil && s.name != f.memory.InForce.Name && !s.from.Before(since) && !time.Now().Before(s.from.Add(-early)) {
			list = append(list, s)
		}
	}
	return list
}

// takesOver finds the announced Parser that reads a payload which the one in force
// does not; nil if none does.
func (f *feed) takesOver(ctx context.Context, src *source, p *bus.Payload) (*successor, error) {
	for _, s := range f.due(src) {
		ok, err := s.src.reads(ctx, f.conn, p)
		if err != nil {
			return nil, err
		}
		if ok {
			return s, nil
		}
	}
	return nil, nil
}

// reads tells whether a payload fits the Parser, whatever came before.
func (s *source) reads(ctx context.Context, conn *bus.Conn, p *bus.Payload) (bool, error) {
	body, err := conn.Open(ctx, p)
	if err != nil {
		return false, err
	}
	defer body.Close()
	meta := s.meta(p)
	profile, err := s.lens.Of(meta).Learn(ctx, body, meta)
	if err != nil {
		return false, fmt.Errorf("payload %s with the announced Parser %s: %w", p.ID, s.monitor.Name, err)
	}
	return profile.Unreadable == "" && profile.Events > 0 && profile.Rejected*mostRejected <= profile.Events+profile.Rejected &&
		!drift.Breaking(drift.Compare(nil, profile)), nil
}

// put puts an announced Parser in force. It is remembered when the memory is saved.
func (f *feed) put(s *successor, p *bus.Payload) {
	f.memory.InForce = inForce{Name: s.name, Payload: p.ID, Since: p.Collected}
	f.log.Info("the announced Parser takes over", "parser", s.name, "payload", p.ID, "announcedFor", date(s.from))
}

// parserNow tells which Parser is in force, where a change was announced.
func (f *feed) parserNow(src *source) *status.InForce {
	if len(src.successors) == 0 {
		return nil
	}
	if i := f.memory.InForce; src.successor(i.Name) != nil {
		return &status.InForce{Name: i.Name, Since: i.Since, Payload: i.Payload}
	}
	return &status.InForce{Name: src.monitor.Name}
}

// overdue tells of the announced changes that have not come, and of those that
// cannot.
func (f *feed) overdue(src *source) (text string) {
	since := time.Time{}
	if s := src.successor(f.memory.InForce.Name); s != nil {
		since = s.from
	}
	for i := range src.successors {
		s := &src.successors[i]
		if s.name == f.memory.InForce.Name || s.from.Before(since) {
			continue
		}
		switch days := int(time.Since(s.from).Hours() / 24); {
		case s.problem != "":
			text += fmt.Sprintf(" The announced Parser %q cannot take over: %s.", s.name, s.problem)
		case days >= 1:
			text += fmt.Sprintf(" The change announced for %s (Parser %q) is overdue by %s.", s.from.UTC().Format(time.DateOnly), s.name, dayCount(days))
		}
	}
	return text
}

func dayCount(n int) string {
	if n == 1 {
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}
