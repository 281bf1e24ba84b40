package hub

import (
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
	byName      map[string]*subscriber
	sources     policy.Sources
	retention   time.Duration // 0: for ever
	problems    []string
}

// subscriber is one subscription that gets events.
type subscriber struct {
	name      string
	org       string
	zones     v1alpha1.ZonesSpec
	clearance policy.Clearance
	onBus     map[string]string // the zones of its deliveries, by name
}

// configs follows the config bucket.
type configs struct {
	hubKey       string
	subscription string // prefix of keys
	log          logr.Logger

	mu            sync.Mutex
	loaded        bool // all keys that were there at the start are through
	hub           *plan.Hub
	subscriptions map[string]*plan.Subscription
	broken        map[string]string // key to problem

	changed chan struct{}
	now     atomic.Pointer[config]
	ready   chan struct{} // closed with the first config
}

func newConfigs(namespace, exchange string, log logr.Logger) *configs {
	return &configs{
		hubKey:        plan.Key(plan.PrefixHub, namespace, exchange),
		subscription:  plan.Key(plan.PrefixSubscription, namespace) + ".",
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
	case strings.HasPrefix(e.Key, c.subscription):
		// What cannot be read gets nothing, rather than what it got before.
		delete(c.subscriptions, e.Key)
		delete(c.broken, e.Key)
		if e.Value != nil {
			s := new(plan.Subscription)
			if c.decode(e, s) {
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

// build returns nil while the exchange's own key, or the start of the bucket, is
// not through.
func (c *configs) build() *config {
	c.mu.Lock()
	if !c.loaded || c.hub == nil {
		c.mu.Unlock()
		return nil
	}
	hub := c.hub
	var subscriptions []*plan.Subscription
	for _, s := range c.subscriptions {
		if s.Spec.ExchangeRef.Name == hub.Name && !s.Spec.Suspend {
			subscriptions = append(subscriptions, s)
		}
	}
	var problems []string
	for _, p := range c.broken {
		problems = append(problems, p)
	}
	c.mu.Unlock()

	slices.SortFunc(subscriptions, func(x, y *plan.Subscription) int { return strings.Compare(x.Name, y.Name) })
	next := &config{byName: map[string]*subscriber{}, sources: policy.NewSources(hub.Sources), problems: problems}
	list := make([]match.Subscriber, 0, len(subscriptions))
	for _, s := range subscriptions {
		clearance, err := policy.ClearanceOf(s.Spec.Clearance)
		if err != nil {
			next.problems = append(next.problems, fmt.Sprintf("subscription %s: %v", s.Name, err))
		}
		sub := &subscriber{s.Name, s.Spec.Organisation.ID, s.Spec.Zones, clearance, map[string]string{
			ZoneInside: DeliveryZone(ZoneInside, &s.Spec), ZoneThreats: DeliveryZone(ZoneThreats, &s.Spec),
		}}
		next.subscribers = append(next.subscribers, sub)
		next.byName[s.Name] = sub
		list = append(list, match.Subscriber{
			Name: s.Name, Organisation: s.Spec.Organisation, Clearance: clearance,
			Inside: s.Spec.Zones.Inside, Threats: s.Spec.Zones.Threats,
		})
	}
	index, errs := match.Build(list)
	next.index = index
	for _, err := range errs {
		next.problems = append(next.problems, err.Error())
	}
	if r := hub.Spec.Store.Retention; r != "" {
		d, err := time.ParseDuration(string(r))
		if err != nil || d <= 0 {
			next.problems = append(next.problems, fmt.Sprintf("spec.store.retention: %q is no duration; events are kept", r))
			d = 0
		}
		next.retention = d
	}
	slices.Sort(next.problems)
	return next
}
