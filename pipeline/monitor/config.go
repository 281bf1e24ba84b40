package monitor

import (
	"encoding/json"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/parse/schema"
	"github.com/weir-project/weir/pipeline/plan"
)

// config follows the configuration. All of it runs on the goroutine of the watch.
type config struct {
	stage *Stage
	start func(*feed)

	monitors  map[string]*plan.Monitor // by key
	age       map[string]int           // of a monitor: greater is newer
	changes   int
	decisions map[string]decision // by key
	replays   map[bus.Feed]*plan.Replay
	feeds     map[bus.Feed]*feed
	shelves   map[string]*shelf // by key of the monitor
}

// decision is one decision and the key that it is to be deleted by.
type decision struct {
	feed bus.Feed
	key  string
	plan.Decision
}

func newConfig(s *Stage) *config {
	return &config{
		stage: s, monitors: make(map[string]*plan.Monitor), age: make(map[string]int),
		decisions: make(map[string]decision), replays: make(map[bus.Feed]*plan.Replay), feeds: make(map[bus.Feed]*feed),
		shelves: make(map[string]*shelf),
	}
}

// take handles one entry of the config bucket. An entry that cannot be read is
// logged and changes nothing: only the plan writes them.
func (c *config) take(e bus.Entry) error {
	if e.Key == "" {
		c.stage.synced.Store(true)
		c.apply()
		return nil
	}
	prefix, rest, _ := strings.Cut(e.Key, ".")
	var err error
	switch prefix {
	case plan.PrefixDecision:
		err = c.takeDecision(e.Key, rest, e.Value)
	case plan.PrefixReplay:
		err = c.takeReplay(rest, e.Value)
	default:
		err = c.takeMonitor(e.Key, e.Value)
	}
	if err != nil {
		c.stage.log.Error(err, "configuration cannot be read, the previous one stays", "key", e.Key)
		return nil
	}
	if c.stage.synced.Load() {
		c.apply()
	}
	return nil
}

func (c *config) takeMonitor(key string, value []byte) error {
	if !c.stage.share.HasKey(key) {
		return nil
	}
	if value == nil {
		c.stage.examiner.forget(key)
		delete(c.monitors, key)
		delete(c.age, key)
		delete(c.shelves, key)
		return nil
	}
	m := new(plan.Monitor)
	if err := json.Unmarshal(value, m); err != nil {
		return err
	}
	c.changes++
	c.monitors[key], c.age[key] = m, c.changes
	c.stage.examiner.examine(key, m, nil)
	return nil
}

// shelf is where the schema documents of a Parser are; nil if it needs none.
func (c *config) shelf(m *plan.Monitor, parser *compiled) *shelf {
	if m.Spec.Input.SchemaSet == nil {
		return nil
	}
	key := plan.Key(plan.PrefixMonitor, m.Namespace, m.Name)
	s := c.shelves[key]
	if s == nil {
		s = newShelf()
		c.shelves[key] = s
	}
	s.use(&m.Spec, parser, func(doc *schema.Document) { c.stage.examiner.examine(key, m, doc) })
	return s
}

func (c *config) takeDecision(key, rest string, value []byte) error {
	if value == nil {
		delete(c.decisions, key)
		return nil
	}
	d := decision{feed: feedOf(rest), key: key}
	if err := json.Unmarshal(value, &d.Decision); err != nil {
		return err
	}
	c.decisions[key] = d
	return nil
}

func (c *config) takeReplay(rest string, value []byte) error {
	if value == nil {
		delete(c.replays, feedOf(rest))
		return nil
	}
	r := new(plan.Replay)
	if err := json.Unmarshal(value, r); err != nil {
		return err
	}
	c.replays[feedOf(rest)] = r
	return nil
}

// feedOf reads "<namespace>.<feedsource>[...]".
func feedOf(rest string) bus.Feed {
	namespace, rest, _ := strings.Cut(rest, ".")
	name, _, _ := strings.Cut(rest, ".")
	return bus.Feed{Namespace: namespace, Name: name}
}

// apply starts, changes and stops feeds. A feed that is stopped keeps its place
// in the stream and what is held: it may come back, or go on in another process.
func (c *config) apply() {
	want := c.wanted()
	for id, f := range c.feeds {
		if _, ok := want[id]; !ok {
			f.stop()
			<-f.stopped
			f.leave()
			c.stage.meter.forget(id)
			delete(c.feeds, id)
		}
	}
	compiled := make(map[*plan.Monitor]*compiled)
	for id, w := range want {
		f := c.feeds[id]
		known := f != nil && f.same(w.monitor, w.feed)
		order := orders{decisions: c.decisionsOf(id), replay: c.replays[id]}
		if !known {
			if compiled[w.monitor] == nil {
				compiled[w.monitor] = compile(&w.monitor.Spec)
			}
			order.source = newSource(w.monitor, w.feed, compiled[w.monitor])
			order.source.shelf = c.shelf(w.monitor, compiled[w.monitor])
			order.source.successors = newSuccessors(w.monitor, w.feed)
		}
		if f == nil {
			f = newFeed(c.stage, id)
			c.feeds[id] = f
			f.order(order)
			c.start(f)
			continue
		}
		f.order(order)
	}
}

type wanted struct {
	monitor *plan.Monitor
	feed    *plan.MonitorFeed
}

// wanted lists the feeds. A feed that moves from one Parser to another is for a
// moment in both: the newer one counts.
func (c *config) wanted() map[bus.Feed]wanted {
	want := make(map[bus.Feed]wanted)
	age := make(map[bus.Feed]int)
	for key, m := range c.monitors {
		for i := range m.Feeds {
			id := bus.Feed{Namespace: m.Namespace, Name: m.Feeds[i].Name}
			if c.age[key] > age[id] {
				want[id], age[id] = wanted{m, &m.Feeds[i]}, c.age[key]
			}
		}
	}
	return want
}

func (c *config) decisionsOf(id bus.Feed) []decision {
	var list []decision
	for _, d := range c.decisions {
		if d.feed != id {
			continue
		}
		switch d.Decision.Decision { // a repair changes the Parser: that is the order
		case v1alpha1.DecisionRelease, v1alpha1.DecisionAdopt, v1alpha1.DecisionDiscard:
			list = append(list, d)
		}
	}
	return list
}
