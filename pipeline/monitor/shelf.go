package monitor

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse/schema"
)

// edition is a schema document in force, with the Parser that it makes.
type edition struct {
	doc   *schema.Document
	since time.Time
	// previous is the document before; nil without one.
	previous *schema.Document
	compiled *compiled
}

// shelf has the schema document of one Parser for all feeds that use it. The feed
// of the documents puts them there.
type shelf struct {
	// wake tells the feed of the documents that there is a complaint.
	wake chan struct{}

	mu sync.Mutex
	// examine runs the examples of the Parser with a document.
	examine   func(*schema.Document)
	base      *compiled // the Parser without a document
	spec      *v1alpha1.ParserSpec
	current   *edition
	feeds     map[*feed]bool
	complaint *complaint
}

// complaint says that reports cannot be read with a document and could before.
type complaint struct {
	Schema string `json:"schema"` // digest of the document
	Text   string `json:"text"`
}

func newShelf() *shelf {
	return &shelf{feeds: map[*feed]bool{}, wake: make(chan struct{}, 1)}
}

// use takes over a Parser that is new or has changed.
func (s *shelf) use(spec *v1alpha1.ParserSpec, base *compiled, examine func(*schema.Document)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.base != nil && s.base.digest == base.digest {
		return
	}
	s.spec, s.base, s.examine = spec, base, examine
	if s.current != nil {
		s.set(s.current.doc, s.current.previous, s.current.since)
	}
}

// set makes a document the current one. s.mu is held.
func (s *shelf) set(doc, previous *schema.Document, since time.Time) {
	c := &compiled{digest: digest(s.base.digest, doc.Digest)}
	c.lens, c.err = drift.NewSetLens(s.spec, doc)
	s.current = &edition{doc: doc, since: since, previous: previous, compiled: c}
	s.examine(doc)
}

// put puts a document in force: every feed goes on with it.
func (s *shelf) put(doc, previous *schema.Document, since time.Time) {
	s.mu.Lock()
	if s.current != nil && s.current.doc.Digest == doc.Digest && s.current.since.Equal(since) {
		s.mu.Unlock()
		return
	}
	s.set(doc, previous, since)
	feeds := slices.Collect(maps.Keys(s.feeds))
	s.mu.Unlock()
	for _, f := range feeds {
		f.equip()
	}
}

// clear leaves the feeds without a document: they wait.
func (s *shelf) clear() {
	s.mu.Lock()
	s.current = nil
	feeds := slices.Collect(maps.Keys(s.feeds))
	s.mu.Unlock()
	for _, f := range feeds {
		f.equip()
	}
}

func (s *shelf) join(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[f] = true
}

func (s *shelf) leave(f *feed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.feeds, f)
}

// edition is the one in force; nil if there is none.
func (s *shelf) edition() *edition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// complain asks the feed of the documents to go back to the one before.
func (s *shelf) complain(c *complaint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.complaint = c
	signal(s.wake)
}

// takeComplaint returns the complaint that came last, once.
func (s *shelf) takeComplaint() *complaint {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.complaint
	s.complaint = nil
	return c
}

// equipped is the source with the document in force.
func (s *source) equipped() *source {
	if s.shelf == nil {
		return s
	}
	e := s.shelf.edition()
	if e == s.edition {
		return s
	}
	out := *s
	out.edition = e
	out.compiled = s.base
	if e != nil && s.base.err == nil {
		out.compiled = e.compiled
	}
	out.run = out.runID()
	return &out
}

// equip goes on with the document in force.
func (f *feed) equip() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s := f.ordered.source; s != nil {
		if now := s.equipped(); now != s {
			f.replace(orders{source: now, decisions: f.ordered.decisions, replay: f.ordered.replay})
		}
	}
}
