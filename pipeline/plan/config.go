// Package plan turns resources into the configuration of components. It is pure:
// the operator and weir run use the same functions, so both do the same thing.
package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Keys of the config bucket. Values are JSON of the type beside each.
const (
	PrefixCollector    = "collector"    // collector.<namespace>.<feedsource>: Collector
	PrefixMonitor      = "monitor"      // monitor.<namespace>.<parser>: Monitor
	PrefixHub          = "hub"          // hub.<namespace>.<exchange>: Hub
	PrefixSubscription = "subscription" // subscription.<namespace>.<subscription>: Subscription
	PrefixDecision     = "decision"     // decision.<namespace>.<feedsource>.<incident>: Decision
	PrefixReplay       = "replay"       // replay.<namespace>.<feedsource>: Replay
	PrefixCollect      = "collect"      // collect.<namespace>.<feedsource>: CollectNow
	PrefixSources      = "sources"      // sources.<namespace>.<exchange>: Sources
)

// Keys of the status bucket, beside those that a component has in both.
const (
	PrefixParser   = "parser"   // parser.<namespace>.<parser>: status.Parser
	PrefixExporter = "exporter" // exporter.<namespace>.<subscription>: status.Exporter
)

// Key joins a prefix and names: Key(PrefixCollector, "default", "feodo").
func Key(prefix string, names ...string) string {
	for _, n := range names {
		prefix += "." + n
	}
	return prefix
}

// Collector is the configuration of one collector.
type Collector struct {
	Namespace string                  `json:"namespace"`
	Name      string                  `json:"name"`
	Spec      v1alpha1.FeedSourceSpec `json:"spec"`
}

// Source is the source of the feed's events, "<provider>.<channel>".
func (c *Collector) Source() string { return c.Spec.Provider + "." + c.Spec.Channel }

// Monitor is the configuration of one monitor: a Parser and the feeds that use it.
type Monitor struct {
	Namespace string              `json:"namespace"`
	Name      string              `json:"name"`
	Spec      v1alpha1.ParserSpec `json:"spec"`
	Feeds     []MonitorFeed       `json:"feeds"`
}

// MonitorFeed is what a monitor must know about a FeedSource.
type MonitorFeed struct {
	Name         string                    `json:"name"`
	Source       string                    `json:"source"`
	FormatPolicy v1alpha1.FormatPolicySpec `json:"formatPolicy"`
	Policy       v1alpha1.PolicySpec       `json:"policy"`
	// Announced are the Parsers that are to take over.
	Announced []AnnouncedParser `json:"announced,omitempty"`
}

// AnnouncedParser is a Parser that takes over when the payloads fit it.
type AnnouncedParser struct {
	Parser string `json:"parser"`
	// From is when the publisher will change, RFC 3339.
	From string `json:"from"`
	// Spec is nil if the Parser cannot be used; Problem says why.
	Spec    *v1alpha1.ParserSpec `json:"spec,omitempty"`
	Problem string               `json:"problem,omitempty"`
}

// Hub is the configuration of one hub: of the specification, what the hub itself
// must know.
type Hub struct {
	Namespace string                `json:"namespace"`
	Name      string                `json:"name"`
	Spec      v1alpha1.ExchangeSpec `json:"spec"`
	// Namespaces whose objects work with the exchange, sorted, its own among them.
	// The hub takes their events and serves their subscriptions.
	Namespaces []string `json:"namespaces"`
}

// Sources is what exporters must know about an exchange.
type Sources struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Replicas of the hub, all of which answer a query.
	Replicas int32 `json:"replicas"`
	// Sources are sorted.
	Sources []SourcePolicy `json:"sources"`
	// Retention of events in the store, and of what was delivered to streams; "" where
	// nothing is forgotten or the default holds.
	Retention       v1alpha1.Duration `json:"retention,omitempty"`
	StreamRetention v1alpha1.Duration `json:"streamRetention,omitempty"`
}

// SourcePolicy is what the outside may know about a source.
type SourcePolicy struct {
	// Source is "<provider>.<channel>".
	Source string `json:"source"`
	// Alias stands for the source where its name may not be shown: hidden.<8 hex
	// digits>, stable for a source.
	Alias string `json:"alias"`
	// ShowSource lets everybody see the source.
	ShowSource bool `json:"showSource,omitempty"`
}

// Subscription is the configuration of one exporter, and what the hub must know
// to match and filter for it.
type Subscription struct {
	Namespace string                    `json:"namespace"`
	Name      string                    `json:"name"`
	Spec      v1alpha1.SubscriptionSpec `json:"spec"`
}

// Decision is what somebody decided about an incident.
type Decision struct {
	Incident string            `json:"incident"`
	Decision v1alpha1.Decision `json:"decision"`
}

// Replay asks a monitor to parse raw payloads again.
type Replay struct {
	// ID tells one request from the next.
	ID string `json:"id"`
	// Since is the collection time of the oldest payload, RFC 3339.
	Since string `json:"since"`
}

// CollectNow asks a collector for one collection besides the schedule.
type CollectNow struct {
	// ID tells one request from the next.
	ID string `json:"id"`
}

// Shard is which of n pods has an object. It never changes: two versions of Weir
// that run at the same time must agree.
func Shard(namespace, name string, n int) int {
	return int(xxhash.Sum64String(namespace+"/"+name) % uint64(max(n, 1)))
}

// SpecDigest tells one spec of a Parser from another, whoever has read it.
func SpecDigest(spec *v1alpha1.ParserSpec) string {
	var same v1alpha1.ParserSpec
	data, err := json.Marshal(spec)
	if err == nil {
		err = json.Unmarshal(data, &same)
	}
	if err == nil {
		data, err = json.Marshal(&same)
	}
	if err != nil { // specs have no values that JSON lacks
		panic(fmt.Sprintf("plan: %v", err))
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// Alias is the name under which a source appears to those who may not know it:
// hidden.<8 hex digits>, the same for ever.
func Alias(source string) string {
	sum := sha256.Sum256([]byte("weir source alias\x00" + source))
	return "hidden." + hex.EncodeToString(sum[:4])
}
