package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/match"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/policy"
)

// A change takes effect when configuration was still for settle, or has waited for
// patience: a thousand subscriptions that change at once make few indexes, and a
// new exchange does not begin with the first of its subscriptions.
const (
	settle   = 200 * time.Millisecond
	patience = 700 * time.Millisecond
)

// config is what the hub works by at one time. Immutable.
type config struct {
	index       *match.Index
	subscribers []*subscriber // in the order of the index
	byName      map[plan.Ref]*subscriber
	namespaces  []string // whose events are taken; sorted
	sources     policy.Sources
	keep        bus.Retention
	retention   time.Duration // 0: for ever
	problems    []string
}

// subscriber is one subscription that gets events.
type subscriber struct {
	name      plan.Ref
	org       string
	zones     v1alpha1.ZonesSpec
	clearance policy.Clearance
	onBus     map[string]string // the zones of its deliveries, by name
}

// configs follows the config bucket.
type configs struct {
	exchange   plan.Ref
	hubKey     string
	sourcesKey string
	log        logr.Logger

	mu            sync.Mutex
	loaded        bool // all keys that were there at the start are through
	hub           *plan.Hub
	sources       *plan.Sources
	subscriptions map[string]*plan.Subscription
	broken        map[string]string // key to problem

	changed chan struct{}
	now     atomic.Pointer[config]
	ready   chan struct{} // closed with the first config
}

func newConfigs(exchange plan.Ref, log logr.Logger) *configs {
	return &configs{
		exchange:      exchange,
		hubKey:        plan.Key(plan.PrefixHub, exchange.Namespace, exchange.Name),
		sourcesKey:    plan.Key(plan.PrefixSources, exchange.Namespace, exchange.Name),
		log:           log,
		subscriptions: map[string]*plan.Subscription{},
		broken:        map[string]string{},
		changed:       make(chan struct{}, 1),
		ready:         make(chan struct{}),
	}
}

// current is nil until the first configuration is there.
func (c *configs) current() *config { return c.now.Load() }

func (c *configs) wait(ctx context.Context) error {
	select {
	case <-c.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// entry takes one change of the bucket.
func (c *configs) entry(e bus.Entry) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.Key == "":
		c.loaded = true
	case e.Key == c.hubKey:
		// A hub whose configuration is gone works by the last one until it is
		// stopped: events that are under way still have somewhere to go.
		if e.Value != nil {
			hub := new(plan.Hub)
			if c.decode(e, hub) {
				c.hub = hub
			}
		}
	case e.Key == c.sourcesKey:
		if e.Value != nil {
			sources := new(plan.Sources)
			if c.decode(e, sources) {
				c.sources = sources
			}
		}
	case strings.HasPrefix(e.Key, plan.PrefixSubscription+"."):
		// What cannot be read gets nothing, rather than what it got before.
		delete(c.subscriptions, e.Key)
		delete(c.broken, e.Key)
		if e.Value != nil {
			s := new(plan.Subscription)
			if c.decode(e, s) && c.isAbout(e.Key, s) {
				c.subscriptions[e.Key] = s
			}
		}
	default:
		return nil
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
	return nil
}

func (c *configs) decode(e bus.Entry, into any) bool {
	delete(c.broken, e.Key)
	if err := json.Unmarshal(e.Value, into); err != nil {
		c.broken[e.Key] = fmt.Sprintf("config key %s: %v", e.Key, err)
		return false
	}
	return true
}

// isAbout checks that a value belongs to its key: which subscription it is for is
// what the bus lets its exporter read.
func (c *configs) isAbout(key string, s *plan.Subscription) bool {
	want := plan.Key(plan.PrefixSubscription, s.Namespace, s.Name)
	if want != key {
		c.broken[key] = fmt.Sprintf("config key %s: it is about %s", key, want)
	}
	return want == key
}

// run makes a new config after changes and tells applied, until ctx ends.
func (c *configs) run(ctx context.Context, applied func(*config)) error {
	for {
		select {
		case <-c.changed:
		case <-ctx.Done():
			return nil
		}
		if !c.still(ctx) {
			return nil
		}
		next := c.build()
		if next == nil {
			continue
		}
		first := c.now.Swap(next) == nil
		applied(next)
		if first {
			close(c.ready)
		}
	}
}

// still waits until changes have settled. It returns false when ctx ends.
func (c *configs) still(ctx context.Context) bool {
	quiet, late := time.NewTimer(settle), time.NewTimer(patience)
	defer quiet.Stop()
	defer late.Stop()
	for {
		select {
		case <-c.changed:
			quiet.Reset(settle)
		case <-quiet.C:
			return true
		case <-late.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// build returns nil while the exchange's own keys, or the start of the bucket, are
// not through.
func (c *configs) build() *config {
	c.mu.Lock()
	if !c.loaded || c.hub == nil || c.sources == nil {
		c.mu.Unlock()
		return nil
	}
	hub, sources := c.hub, c.sources
	next := &config{byName: map[plan.Ref]*subscriber{}, sources: policy.NewSources(sources.Sources), namespaces: namespacesOf(hub)}
	var subscriptions []*plan.Subscription
	for _, s := range c.subscriptions {
		if plan.ExchangeOf(s.Namespace, s.Spec.ExchangeRef) == c.exchange && !s.Spec.Suspend &&
			slices.Contains(next.namespaces, s.Namespace) {
			subscriptions = append(subscriptions, s)
		}
	}
	for _, p := range c.broken {
		next.problems = append(next.problems, p)
	}
	c.mu.Unlock()

	slices.SortFunc(subscriptions, func(x, y *plan.Subscription) int {
		return cmp.Or(strings.Compare(x.Namespace, y.Namespace), strings.Compare(x.Name, y.Name))
	})
	list := make([]match.Subscriber, 0, len(subscriptions))
	for _, s := range subscriptions {
		name := plan.Ref{Namespace: s.Namespace, Name: s.Name}
		clearance, err := policy.ClearanceOf(s.Spec.Clearance)
		if err != nil {
			next.problems = append(next.problems, fmt.Sprintf("subscription %s: %v", name, err))
		}
		sub := &subscriber{name, s.Spec.Organisation.ID, s.Spec.Zones, clearance, map[string]string{
			ZoneInside: DeliveryZone(ZoneInside, &s.Spec), ZoneThreats: DeliveryZone(ZoneThreats, &s.Spec),
		}}
		next.subscribers = append(next.subscribers, sub)
		next.byName[name] = sub
		list = append(list, match.Subscriber{
			Name: name.String(), Organisation: s.Spec.Organisation, Clearance: clearance,
			Inside: s.Spec.Zones.Inside, Threats: s.Spec.Zones.Threats,
		})
	}
	index, errs := match.Build(list)
	next.index = index
	for _, err := range errs {
		next.problems = append(next.problems, err.Error())
	}
	next.durations(&hub.Spec)
	slices.Sort(next.problems)
	return next
}

// durations reads how long what is kept. What cannot be read is kept for ever, or
// as long as the bus likes.
func (c *config) durations(spec *v1alpha1.ExchangeSpec) {
	for _, d := range []struct {
		field string
		value v1alpha1.Duration
		into  *time.Duration
	}{
		{"store", spec.Store.Retention, &c.retention},
		{"raw", spec.Raw.Retention, &c.keep.Raw},
		{"stream", spec.Stream.Retention, &c.keep.Deliver},
	} {
		if d.value == "" {
			continue
		}
		v, err := time.ParseDuration(string(d.value))
		if err != nil || v <= 0 {
			c.problems = append(c.problems, fmt.Sprintf("spec.%s.retention: %q is no duration; it does not count", d.field, d.value))
			continue
		}
		*d.into = v
	}
}

// namespacesOf are those that the hub works for, its own at least.
func namespacesOf(hub *plan.Hub) []string {
	all := append(slices.Clone(hub.Namespaces), hub.Namespace)
	slices.Sort(all)
	return slices.Compact(all)
}
