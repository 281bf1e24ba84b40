package creds

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// Kind is what a component is.
type Kind string

// The kinds of components.
const (
	KindHub       Kind = "hub"
	KindCollector Kind = "collector"
	KindMonitor   Kind = "monitor"
	KindExporter  Kind = "exporter"
	KindOperator  Kind = "operator"
	KindAdmin     Kind = "admin"
)

// Role is one component, or several that share a process. Make it with one of the
// functions.
type Role struct {
	Kind      Kind
	Namespace string
	// Object is the FeedSource, Parser or Subscription, for a hub the Exchange.
	// Empty: all of the namespace.
	Object string
	// Feeds are those of a Parser, sorted.
	Feeds []string
	// ExchangeNamespace and Exchange are whose archive an exporter asks.
	ExchangeNamespace, Exchange string
}

// Hub is the role of all replicas of an Exchange's hub.
func Hub(namespace, exchange string) Role {
	return Role{Kind: KindHub, Namespace: namespace, Object: exchange}
}

// Collector is the role of the collector of one FeedSource.
func Collector(namespace, feed string) Role {
	return Role{Kind: KindCollector, Namespace: namespace, Object: feed}
}

// Collectors is the role of a collector of all FeedSources of a namespace.
func Collectors(namespace string) Role { return Role{Kind: KindCollector, Namespace: namespace} }

// Monitor is the role of the monitor of one Parser and the feeds that use it, in
// any order.
func Monitor(namespace, parser string, feeds []string) Role {
	return Role{Kind: KindMonitor, Namespace: namespace, Object: parser, Feeds: slices.Compact(slices.Sorted(slices.Values(feeds)))}
}

// Monitors is the role of a monitor of all Parsers of a namespace, with the feeds
// that use them, in any order. Give the feeds: without, it may monitor any feed of
// the namespace, and the names of consumers cannot be bound (see the package).
func Monitors(namespace string, feeds ...string) Role { return Monitor(namespace, "", feeds) }

// Exporter is the role of the exporter of one Subscription of an Exchange.
func Exporter(namespace, subscription, exchangeNamespace, exchange string) Role {
	return Role{
		Kind: KindExporter, Namespace: namespace, Object: subscription,
		ExchangeNamespace: exchangeNamespace, Exchange: exchange,
	}
}

// Exporters is the role of an exporter of all Subscriptions of a namespace.
func Exporters(namespace, exchangeNamespace, exchange string) Role {
	return Exporter(namespace, "", exchangeNamespace, exchange)
}

// Operator is the role of the Kubernetes operator.
func Operator() Role { return Role{Kind: KindOperator} }

// Admin is the role of a person at the command line.
func Admin() Role { return Role{Kind: KindAdmin} }

// Name is what the server's connection list shows: kind and names, with dots
// between. It is the same for roles that differ only in Feeds.
func (r Role) Name() string {
	name := string(r.Kind)
	if r.shared() {
		name += "s"
	}
	for _, part := range []string{r.Namespace, r.Object, r.ExchangeNamespace, r.Exchange} {
		if part != "" {
			name += "." + part
		}
	}
	return name
}

// shared reports whether the role is that of all objects of a namespace.
func (r Role) shared() bool {
	return r.Object == "" && (r.Kind == KindCollector || r.Kind == KindMonitor || r.Kind == KindExporter)
}

// inbox is the prefix of the subjects on which answers come. The kind is a token of
// its own, so that a hub can be allowed to answer exporters and nobody else.
func (r Role) inbox() string { return layout.Inbox + "." + r.Name() }

// permissions says what the role may publish and subscribe to.
func (r Role) permissions() (jwt.Permissions, error) {
	if err := r.check(); err != nil {
		return jwt.Permissions{}, err
	}
	g := newGrant(r.inbox())
	switch r.Kind {
	case KindHub:
		g.hub(r)
	case KindCollector:
		g.collector(r)
	case KindMonitor:
		g.monitor(r)
	case KindExporter:
		g.exporter(r)
	case KindOperator:
		g.operator()
	case KindAdmin:
		g.admin()
	}
	return g.permissions(), nil
}

// object is the object's token, a wildcard for all of a namespace.
func (r Role) object() string {
	if r.Object == "" {
		return "*"
	}
	return r.Object
}

// check refuses names that would change the meaning of a subject.
func (r Role) check() error {
	var required, optional []string
	switch r.Kind {
	case KindHub:
		required = []string{r.Namespace, r.Object}
	case KindCollector, KindMonitor:
		required, optional = append([]string{r.Namespace}, r.Feeds...), []string{r.Object}
	case KindExporter:
		required, optional = []string{r.Namespace, r.ExchangeNamespace, r.Exchange}, []string{r.Object}
	case KindOperator, KindAdmin:
	default:
		return fmt.Errorf("role %q: unknown kind", r.Kind)
	}
	for _, name := range required {
		if err := checkName(name); err != nil {
			return err
		}
	}
	for _, name := range optional {
		if name == "" {
			continue
		}
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// checkName takes names that are one token of a subject, as those of objects are
// on the bus.
func checkName(name string) error {
	if name == "" || len(name) > 63 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("name %q: must be a DNS label (1 to 63 lower-case letters, digits, dashes)", name)
	}
	return nil
}
