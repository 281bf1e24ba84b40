package creds

import (
	"slices"

	"github.com/nats-io/jwt/v2"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
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
	g.publish(
		"$JS.API.CONSUMER.CREATE."+stream+"."+name+"."+filter,
		"$JS.API.CONSUMER.MSG.NEXT."+stream+"."+name,
		"$JS.API.CONSUMER.DELETE."+stream+"."+name,
	)
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
	g.get(stream, prefix+".*.>")
}

func join(parts ...string) string {
	s := parts[0]
	for _, p := range parts[1:] {
		s += "." + p
	}
	return s
}

func (g *grant) collector(ns, feed string) {
	raw := join(layout.Raw, ns, feed)
	g.publish(raw)
	g.get(layout.StreamRaw, raw) // whether a duplicate refers to this upload
	g.upload(layout.StreamRawParts, join(layout.RawParts, ns, feed))
	g.config(join("collector", ns, feed))
	g.config(join("collect", ns, feed))
	if feed == "*" {
		g.configs(join("collector", ns))
		g.configs(join("collect", ns))
	}
	g.key(layout.StreamState, join(layout.State, "collector", ns, feed))
	g.key(layout.StreamStatus, join(layout.Status, "collector", ns, feed))
}

func (g *grant) monitor(r Role) {
	ns := r.Namespace
	g.config(join("monitor", ns, r.object()))
	g.configs(join("monitor", ns))
	g.key(layout.StreamStatus, join(layout.Status, "parser", ns, r.object()))
}

func (g *grant) exporter(Role) {}
func (g *grant) hub(Role)      {}
func (g *grant) operator()     {}
func (g *grant) admin()        {}
