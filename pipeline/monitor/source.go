package monitor

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/plan"
)

// compiled is a Parser, shared by the feeds that use it.
type compiled struct {
	lens   *drift.Lens
	err    error  // why the Parser cannot be used
	digest string // of its spec
}

func compile(spec *v1alpha1.ParserSpec) *compiled {
	c := &compiled{digest: digest(spec)}
	c.lens, c.err = drift.NewLens(spec)
	return c
}

// source is how payloads of one feed are read. It does not change.
type source struct {
	monitor *plan.Monitor
	feed    *plan.MonitorFeed
	*compiled
	// base is compiled without a schema document.
	base *compiled
	// shelf has the schema documents, edition is the one in force; nil without.
	shelf       *shelf
	edition     *edition
	tlp         event.TLP
	restriction event.Restriction
	// successors are the announced Parsers.
	successors []successor
	// run tells the message ids of one Parser and policy from those of the next.
	run string
}

func newSource(m *plan.Monitor, f *plan.MonitorFeed, c *compiled) *source {
	s := &source{monitor: m, feed: f, compiled: c, tlp: event.TLPAmber, restriction: event.RestrictionNeedToKnow}
	if f.Policy.TLP != "" {
		s.tlp = known(s, event.ParseTLP, string(f.Policy.TLP), "policy.tlp", event.TLPRed)
	}
	if f.Policy.Restriction != "" {
		s.restriction = known(s, event.ParseRestriction, string(f.Policy.Restriction), "policy.restriction",
			event.RestrictionInternal)
	}
	s.base, s.run = s.compiled, s.runID()
	return s
}

func (s *source) spec() *v1alpha1.ParserSpec { return &s.monitor.Spec }

func (s *source) runID() string { return digest(s.digest, s.feed.Source, s.feed.Policy) }

// known reads an enum that the schema has checked. What passed all the same keeps
// the feed from running, and counts as the narrowest.
func known[T any](s *source, read func(string) (T, bool), value, field string, narrowest T) T {
	v, ok := read(value)
	if ok {
		return v
	}
	broken := *s.compiled
	broken.err = fmt.Errorf("spec.%s of FeedSource %s: unknown value %q", field, s.feed.Name, value)
	s.compiled = &broken
	return narrowest
}

// works tells whether the Parser can be used. The reports of a schema set wait for
// a schema document.
func (s *source) works() bool {
	return s.err == nil && (s.shelf == nil || s.edition != nil || s.isSchema())
}

// isSchema tells whether the payloads of the feed are schema documents.
func (s *source) isSchema() bool {
	set := s.monitor.Spec.Input.SchemaSet
	return set != nil && set.SchemaFrom == s.feed.Name
}

func (s *source) meta(p *bus.Payload) parse.Meta {
	return parse.Meta{Source: s.feed.Source, URL: p.URL, Filename: p.Filename, ContentType: p.ContentType,
		Collected: p.Collected, TLP: s.tlp, Restriction: s.restriction}
}

func digest(parts ...any) string {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(parts); err != nil { // resources have no values that JSON lacks
		panic(fmt.Sprintf("monitor: %v", err))
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
