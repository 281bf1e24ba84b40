package creds

import (
	"slices"

	"github.com/nats-io/jwt/v2"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
	"github.com/weir-project/weir/pipeline/plan"
)

// grant collects subjects. Each method is one thing that a component does, and
// grants the requests that the client makes for it.
type grant struct{ pub, sub []string }

// newGrant begins with what everybody has: answers on an inbox of one's own, and
// whether JetStream is there.
func newGrant(inbox string) *grant {
	return &grant{pub: []string{"$JS.API.INFO"}, sub: []string{inbox + ".>"}}
}

func (g *grant) permissions() jwt.Permissions {
	sorted := func(s []string) jwt.StringList { return slices.Compact(slices.Sorted(slices.Values(s))) }
	return jwt.Permissions{
		Pub: jwt.Permission{Allow: sorted(g.pub)},
		Sub: jwt.Permission{Allow: sorted(g.sub)},
	}
}

func (g *grant) publish(subjects ...string)   { g.pub = append(g.pub, subjects...) }
func (g *grant) subscribe(subjects ...string) { g.sub = append(g.sub, subjects...) }

// get reads the newest message on a subject.
func (g *grant) get(stream, subject string) {
	g.publish("$JS.API.DIRECT.GET." + stream + "." + subject)
}

// read reads what is and will be on a subject, with consumers of any name. Only
// for streams on which no name can be guessed: whoever knows the name of a
// consumer could change it.
func (g *grant) read(stream, filter string) { g.consume(stream, "*", filter) }

// consume makes and reads a consumer, without acknowledgements.
func (g *grant) consume(stream, name, filter string) {
	g.publish("$JS.API.CONSUMER.CREATE."+stream+"."+name+"."+filter, "$JS.API.CONSUMER.MSG.NEXT."+stream+"."+name)
}

// durable makes and reads a durable consumer and acknowledges what it gives.
func (g *grant) durable(stream, name string) {
	g.publish(
		"$JS.API.CONSUMER.MSG.NEXT."+stream+"."+name,
		"$JS.API.CONSUMER.RESET."+stream+"."+name,
		"$JS.API.CONSUMER.INFO."+stream+"."+name,
		// Two forms: older servers do not name domain and account.
		"$JS.ACK."+stream+"."+name+".>",
		"$JS.ACK.*.*."+stream+"."+name+".>",
	)
}

// key reads and writes a key of a bucket.
func (g *grant) key(stream, subject string) {
	g.publish(subject)
	g.get(stream, subject)
}

// config follows one key of the configuration, and reads it.
func (g *grant) config(key string) {
	subject := layout.Config + "." + key
	g.get(layout.StreamConfig, subject)
	g.read(layout.StreamConfig, subject)
	g.read(layout.StreamConfig, subject+".>") // the client watches a key with what is below
}

// configs follows the configuration below a prefix, and reads it.
func (g *grant) configs(prefix string) {
	subject := layout.Config + "." + prefix + ".>"
	g.get(layout.StreamConfig, subject)
	g.read(layout.StreamConfig, subject)
}

// upload stores the bytes of large payloads of a feed.
func (g *grant) upload(stream, prefix string) {
	g.publish(prefix + ".*.*.*")
	g.get(stream, prefix+".>")
}

func join(parts ...string) string {
	s := parts[0]
	for _, p := range parts[1:] {
		s += "." + p
	}
	return s
}

func (g *grant) collector(r Role) {
	ns, feed := r.Namespace, r.object()
	raw := join(layout.Raw, ns, feed)
	g.publish(raw)
	g.get(layout.StreamRaw, raw) // whether a duplicate refers to this upload
	g.upload(layout.StreamRawParts, join(layout.RawParts, ns, feed))
	for _, prefix := range []string{plan.PrefixCollector, plan.PrefixCollect} {
		g.configOf(prefix, r)
	}
	g.key(layout.StreamState, join(layout.State, plan.PrefixCollector, ns, feed))
	g.key(layout.StreamStatus, join(layout.Status, plan.PrefixCollector, ns, feed))
}

// configOf follows the configuration of the objects of a role.
func (g *grant) configOf(prefix string, r Role) {
	if r.shared() {
		g.configs(join(prefix, r.Namespace))
		return
	}
	g.config(join(prefix, r.Namespace, r.Object))
}

func (g *grant) monitor(r Role) {
	g.configOf(plan.PrefixMonitor, r)
	// Decisions and requests of the namespace may be read, those of the own feeds
	// removed.
	g.configs(join(plan.PrefixDecision, r.Namespace))
	g.configs(join(plan.PrefixReplay, r.Namespace))
	g.key(layout.StreamStatus, join(layout.Status, plan.PrefixParser, r.Namespace, r.object()))
	if r.shared() && len(r.Feeds) == 0 {
		g.monitored(r.Namespace, "*", "*", []string{"*"})
	}
	for _, feed := range r.Feeds {
		g.monitored(r.Namespace, feed, layout.Monitor(r.Namespace, feed), layout.RawReaders(r.Namespace, feed))
	}
}

// monitored reads the payloads of a feed, holds them back, and makes events of them.
func (g *grant) monitored(ns, feed, durable string, readers []string) {
	raw := join(layout.Raw, ns, feed)
	g.publish("$JS.API.CONSUMER.CREATE." + layout.StreamRaw + "." + durable + "." + raw)
	g.durable(layout.StreamRaw, durable)
	for _, name := range readers {
		g.consume(layout.StreamRaw, name, raw)
		g.publish("$JS.API.CONSUMER.DELETE." + layout.StreamRaw + "." + name) // the one of the reader before
	}
	g.get(layout.StreamRawParts, join(layout.RawParts, ns, feed, ">"))

	held := join(layout.Held, ns, feed)
	g.publish(held + ".*")
	g.get(layout.StreamHeld, held+".*")
	g.read(layout.StreamHeld, held+".>")
	g.upload(layout.StreamHeldParts, join(layout.HeldParts, ns, feed))

	g.publish(join(layout.Event, "*", ns, feed), join(layout.Rejected, ns, feed), join(layout.Dead, ns, feed))
	g.publish(join(layout.Config, plan.PrefixDecision, ns, feed, "*"), join(layout.Config, plan.PrefixReplay, ns, feed))
	g.key(layout.StreamState, join(layout.State, plan.PrefixBaseline, ns, feed))
	g.key(layout.StreamState, join(layout.State, plan.PrefixBaseline, ns, feed, "*"))
	g.key(layout.StreamState, layout.State+"."+layout.Interrupted(ns, feed))
	g.key(layout.StreamStatus, join(layout.Status, plan.PrefixMonitor, ns, feed))
}

func (g *grant) exporter(r Role) {
	g.configOf(plan.PrefixSubscription, r)
	g.config(join(plan.PrefixSources, r.ExchangeNamespace, r.Exchange))
	deliver := join(layout.Deliver, r.Namespace, r.object())
	g.get(layout.StreamDeliver, deliver)
	g.read(layout.StreamDeliver, deliver)
	g.key(layout.StreamState, join(layout.State, plan.PrefixExporter, r.Namespace, r.object()))
	g.key(layout.StreamStatus, join(layout.Status, plan.PrefixExporter, r.Namespace, r.object()))
	query := join(layout.Query, r.ExchangeNamespace, r.Exchange, "*", r.Namespace, r.object())
	g.publish(query, query+".>")
}

func (g *grant) hub(r Role) {
	for _, stream := range layout.Streams() {
		g.publish("$JS.API.STREAM.CREATE."+stream, "$JS.API.STREAM.UPDATE."+stream, "$JS.API.STREAM.INFO."+stream)
	}
	g.config(join(plan.PrefixHub, r.Namespace, r.Object))
	g.config(join(plan.PrefixSources, r.Namespace, r.Object))
	g.configs(plan.PrefixSubscription)
	// All consumers of events are the hub's, so none needs to be bound.
	g.publish("$JS.API.CONSUMER.CREATE."+layout.StreamEvent+".>", "$JS.API.CONSUMER.DELETE."+layout.StreamEvent+".*",
		"$JS.API.CONSUMER.NAMES."+layout.StreamEvent)
	g.durable(layout.StreamEvent, "*")
	g.publish(layout.Deliver+".*.*", layout.Rejected+".*.*", layout.Dead+".*.*")
	for _, replica := range []string{"", ".*"} {
		own := "." + join(plan.PrefixHub, r.Namespace, r.Object) + replica
		g.key(layout.StreamStatus, layout.Status+own)
		g.key(layout.StreamState, layout.State+own)
	}
	g.subscribe(join(layout.Query, r.Namespace, r.Object, ">"))
	// Answers to exporters, of one or of all subscriptions of a namespace.
	g.publish(join(layout.Inbox, string(KindExporter), ">"), join(layout.Inbox, string(KindExporter)+"s", ">"))
}

func (g *grant) operator() {
	for stream, prefix := range map[string]string{
		layout.StreamConfig: layout.Config, layout.StreamState: layout.State, layout.StreamStatus: layout.Status,
	} {
		g.key(stream, prefix+".>")
		g.read(stream, prefix+".>")
	}
	g.publish("$JS.API.CONSUMER.DELETE."+layout.StreamRaw+".*", "$JS.API.CONSUMER.DELETE."+layout.StreamEvent+".*",
		"$JS.API.CONSUMER.NAMES."+layout.StreamEvent)
}

func (g *grant) admin() {
	for stream, prefix := range map[string]string{
		layout.StreamHeld: layout.Held, layout.StreamRejected: layout.Rejected, layout.StreamDead: layout.Dead,
		layout.StreamConfig: layout.Config, layout.StreamStatus: layout.Status,
	} {
		g.get(stream, prefix+".>")
		g.read(stream, prefix+".>")
	}
	// The bytes of what is held or dead.
	g.get(layout.StreamHeldParts, layout.HeldParts+".>")
	g.get(layout.StreamRawParts, layout.RawParts+".>")
	for _, prefix := range []string{plan.PrefixDecision, plan.PrefixReplay, plan.PrefixCollect} {
		g.publish(join(layout.Config, prefix, ">"))
	}
}
