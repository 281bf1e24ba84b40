package hub

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

// TestMain looks for goroutines that are left behind, other than those that the
// embedded NATS server forgets when it is shut down while streams are being made.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"))
}

// memory is a store that keeps events in memory and fails on demand.
type memory struct {
	mu     sync.Mutex
	events map[event.ID][]byte
	// before and commit are errors of the next calls of Record: before anything
	// happens, and after the events were delivered.
	before, commit []error
	purged         []time.Time
}

func newMemory() *memory { return &memory{events: map[event.ID][]byte{}} }

func pop(errs *[]error) error {
	if len(*errs) == 0 {
		return nil
	}
	err := (*errs)[0]
	*errs = (*errs)[1:]
	return err
}

func (m *memory) Record(_ context.Context, events []*event.Event, before func([]bool) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := pop(&m.before); err != nil {
		return err
	}
	fresh := make([]bool, len(events))
	seen := map[event.ID]bool{}
	for i, e := range events {
		_, there := m.events[e.ID]
		fresh[i] = !there && !seen[e.ID]
		seen[e.ID] = true
		e.Modified = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	}
	if err := before(fresh); err != nil {
		return err
	}
	if err := pop(&m.commit); err != nil {
		return err
	}
	for i, e := range events {
		if fresh[i] {
			m.events[e.ID] = event.AppendJSON(nil, e)
		}
	}
	return nil
}

func (m *memory) Search(_ context.Context, q store.Query) iter.Seq2[*event.Event, error] {
	return func(yield func(*event.Event, error) bool) {
		f, err := store.Compile(q)
		if err != nil {
			yield(nil, err)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		var found []*event.Event
		for _, line := range m.events {
			e := new(event.Event)
			if err := event.DecodeJSON(line, e); err != nil {
				yield(nil, err)
				return
			}
			if f.Match(e) {
				found = append(found, e)
			}
		}
		slices.SortFunc(found, func(x, y *event.Event) int {
			return cmp.Or(y.Time.Compare(x.Time), bytes.Compare(x.ID[:], y.ID[:]))
		})
		for i, e := range found {
			if q.Limit > 0 && int64(i) == q.Limit || !yield(e, nil) {
				return
			}
		}
	}
}

func (m *memory) Purge(_ context.Context, t time.Time) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.purged = append(m.purged, t)
	return 1, nil
}

func (m *memory) Close() error { return nil }

func (m *memory) ids() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var ids []string
	for id := range m.events {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	return ids
}

// published is what a hub without a bus delivered: by message id, since the bus
// stores one message of an id.
type published struct {
	mu       sync.Mutex
	messages map[string]message
	rejected []string
	fail     []error
}

type message struct {
	subscription, zone, source string
	lines                      []string
}

func (p *published) publish(_ context.Context, d delivery) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := pop(&p.fail); err != nil {
		return err
	}
	m := message{d.subscription.Name, d.zone, d.source, nil}
	for _, l := range d.lines {
		m.lines = append(m.lines, string(l))
	}
	id := d.subscription.String() + "/" + d.zone + "/" + d.block.ID
	if old, ok := p.messages[id]; ok && !slices.Equal(old.lines, m.lines) {
		return fmt.Errorf("message %s was repeated with other lines", id)
	}
	p.messages[id] = m
	return nil
}

func (p *published) reject(_ context.Context, _ *bus.Block, lines [][]byte) error {
	for _, l := range lines {
		p.rejected = append(p.rejected, string(l))
	}
	return nil
}

// lines are the lines that a subscription got in a zone.
func (p *published) lines(subscription, zone string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var lines []string
	for _, m := range p.messages {
		if m.subscription == subscription && m.zone == zone {
			lines = append(lines, m.lines...)
		}
	}
	return lines
}

// testHub is a hub with configuration and without a bus.
func testHub(tb testing.TB, st store.Store, sources []plan.SourcePolicy, subs ...plan.Subscription) (*Hub, *published) {
	tb.Helper()
	h, err := newHub(Options{Store: st, Log: logr.Discard(), Metrics: prometheus.NewRegistry(), Namespace: "default", Exchange: "main"})
	if err != nil {
		tb.Fatal(err)
	}
	p := &published{messages: map[string]message{}}
	h.publish, h.reject = p.publish, p.reject
	configure(tb, h, exchangeOf(sources...), subs...)
	return h, p
}

// exchange is the configuration of a hub.
type exchange struct {
	hub     plan.Hub
	sources plan.Sources
}

func exchangeOf(sources ...plan.SourcePolicy) exchange {
	return exchange{plan.Hub{Namespace: "default", Name: "main"}, plan.Sources{Namespace: "default", Name: "main", Sources: sources}}
}

// configure applies a configuration at once.
func configure(tb testing.TB, h *Hub, ex exchange, subs ...plan.Subscription) {
	tb.Helper()
	for _, e := range entries(tb, ex, subs...) {
		if err := h.configs.entry(e); err != nil {
			tb.Fatal(err)
		}
	}
	if err := h.configs.entry(bus.Entry{}); err != nil {
		tb.Fatal(err)
	}
	c := h.configs.build()
	if c == nil {
		tb.Fatal("no configuration was made")
	}
	h.configs.now.Store(c)
	h.configured(c)
}

func entries(tb testing.TB, ex exchange, subs ...plan.Subscription) []bus.Entry {
	tb.Helper()
	p := plan.Plan{Hubs: []plan.Hub{ex.hub}, Sources: []plan.Sources{ex.sources}, Subscriptions: subs}
	all, err := p.Entries()
	if err != nil {
		tb.Fatal(err)
	}
	var list []bus.Entry
	for k, v := range all {
		list = append(list, bus.Entry{Key: k, Value: v})
	}
	return list
}

func subscription(name string, spec v1alpha1.SubscriptionSpec) plan.Subscription {
	spec.ExchangeRef.Name = "main"
	if spec.Organisation.ID == "" {
		spec.Organisation.ID = name + ".example"
	}
	return plan.Subscription{Namespace: "default", Name: name, Spec: spec}
}

// sample is a valid event about ip; n makes it different from others.
func sample(n int, ip string) *event.Event {
	e := &event.Event{
		Source: "provider.channel", Time: time.Date(2026, 1, 2, 3, 4, n%60, 0, time.UTC), Confidence: event.ConfidenceMedium,
		Restriction: event.RestrictionPublic, TLP: event.TLPClear, Name: fmt.Sprint("event ", n),
		Address: []event.Address{{IP: netip.MustParseAddr(ip)}},
	}
	e.Category, _ = event.ParseCategory("bots")
	e.ID = event.ComputeID(e)
	return e
}

var feed = bus.Feed{Namespace: "default", Name: "feed"}

func block(id string, events ...*event.Event) *bus.Block {
	b := &bus.Block{Feed: feed, Source: events[0].Source, Payload: "payload", ID: id, Count: len(events)}
	for _, e := range events {
		b.Lines = append(event.AppendJSON(b.Lines, e), '\n')
	}
	return b
}

func collect(tb testing.TB, h *Hub, req SearchRequest) []string {
	tb.Helper()
	if req.Namespace == "" {
		req.Namespace = "default"
	}
	var lines []string
	for e, err := range h.Search(tb.Context(), req) {
		if err != nil {
			tb.Fatal(err)
		}
		lines = append(lines, string(event.AppendJSON(nil, e)))
	}
	return lines
}

func member(tb testing.TB, line, name string) string {
	tb.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		tb.Fatal(err)
	}
	return string(m[name])
}
