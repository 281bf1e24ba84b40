package creds_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// Subjects of requests that nobody but the hub may make at all, with %s for each
// stream.
var apiOfStreams = []string{
	"$JS.API.STREAM.CREATE.%s", "$JS.API.STREAM.UPDATE.%s", "$JS.API.STREAM.INFO.%s",
}

// Requests that nobody may make, with %s for each stream.
var apiOfNobody = []string{
	"$JS.API.CONSUMER.DELETE.%s.x",
	"$JS.API.STREAM.PURGE.%s", "$JS.API.STREAM.DELETE.%s", "$JS.API.STREAM.MSG.GET.%s", "$JS.API.STREAM.MSG.DELETE.%s",
	"$JS.API.STREAM.SNAPSHOT.%s", "$JS.API.STREAM.RESTORE.%s", "$JS.API.STREAM.PEER.REMOVE.%s", "$JS.API.STREAM.LEADER.STEPDOWN.%s",
	"$JS.API.DIRECT.GET.%s", "$JS.API.CONSUMER.LIST.%s", "$JS.API.CONSUMER.DURABLE.CREATE.%s.x", "$JS.API.CONSUMER.PAUSE.%s.x",
	"$JS.API.CONSUMER.UNPIN.%s.x", "$JS.API.CONSUMER.LEADER.STEPDOWN.%s.x", "$JS.API.CONSUMER.DURABLE.CREATE.%s.x.y",
}

// Requests that name a consumer or its filter too loosely.
var apiOfConsumers = []string{
	"$JS.API.CONSUMER.CREATE.%s", "$JS.API.CONSUMER.CREATE.%s.x", "$JS.API.CONSUMER.CREATE.%s.x.>", "$JS.API.CONSUMER.CREATE.%s.x.*.>",
}

// What nobody may publish.
var subjectsOfNobody = []string{
	"$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST", "$JS.API.STREAM.CREATE.MINE", "$JS.API.ACCOUNT.PURGE.X", "$JS.API.META.LEADER.STEPDOWN",
	"$JS.API.SERVER.REMOVE", "$JS.weir.API.STREAM.PURGE.RAW", "$SYS.REQ.SERVER.PING", "$SYS.REQ.ACCOUNT.PING.CONNZ", "$SYS.REQ.USER.INFO.X",
	"_INBOX.x", "_INBOX.hub.acme.main.x", "_INBOX.monitor.rival.csv.x", "_R_.x.y", "$JS.EVENT.ADVISORY.API", "anything",
	"$KV.config.hub", "$KV.other.x", "$O.objects.C.x", "raw", "event.1", "deliver",
}

// What nobody may subscribe to.
var listeningOfNobody = []string{
	">", "*", "*.>", "_INBOX.>", "_INBOX.*.>", "_INBOX.rival.x", "$SYS.>", "$JS.>", "$JS.EVENT.ADVISORY.>", "$JS.API.>", "$JS.ACK.>", "$KV.>",
	"raw.>", "rawparts.>", "held.>", "event.>", "rejected.>", "dead.>", "query.>", "query.rival.main.>", "$KV.config.>", "_R_.>",
}

// A feed's and a subscription's subjects, for those who have nothing to do with them.
var (
	feedSubjects = []string{
		"raw.NS.FEED", "rawparts.NS.FEED.p.u.0", "held.NS.FEED.p", "heldparts.NS.FEED.p.u.0", "event.1.NS.FEED", "rejected.NS.FEED", "dead.NS.FEED",
		"$KV.config.collector.NS.FEED", "$KV.config.monitor.NS.FEED", "$KV.config.decision.NS.FEED.i", "$KV.config.replay.NS.FEED", "$KV.config.collect.NS.FEED",
		"$KV.state.collector.NS.FEED", "$KV.state.baseline.NS.FEED", "$KV.state.bus.interrupted.NS.FEED",
		"$KV.status.collector.NS.FEED", "$KV.status.monitor.NS.FEED", "$KV.status.parser.NS.FEED",
		"$JS.API.CONSUMER.CREATE.RAW.monitor_NS_FEED.raw.NS.FEED", "$JS.API.CONSUMER.CREATE.RAW.x.raw.NS.FEED", "$JS.API.CONSUMER.MSG.NEXT.RAW.monitor_NS_FEED",
		"$JS.API.CONSUMER.INFO.RAW.monitor_NS_FEED", "$JS.API.CONSUMER.RESET.RAW.monitor_NS_FEED", "$JS.API.CONSUMER.DELETE.RAW.monitor_NS_FEED",
		"$JS.API.CONSUMER.MSG.NEXT.RAW.monitor_NS_FEED_read0", "$JS.API.CONSUMER.DELETE.RAW.monitor_NS_FEED_read0",
		"$JS.ACK.RAW.monitor_NS_FEED.1.1.1.1.0", "$JS.ACK._.x.RAW.monitor_NS_FEED.1.1.1.1.0",
		"$JS.API.DIRECT.GET.RAW.raw.NS.FEED", "$JS.API.DIRECT.GET.RAWPARTS.rawparts.NS.FEED.p.u.0", "$JS.API.DIRECT.GET.HELD.held.NS.FEED.p",
		"$JS.API.DIRECT.GET.HELDPARTS.heldparts.NS.FEED.p.u.0", "$JS.API.DIRECT.GET.REJECTED.rejected.NS.FEED", "$JS.API.DIRECT.GET.DEAD.dead.NS.FEED",
		"$JS.API.DIRECT.GET.KV_config.$KV.config.collector.NS.FEED", "$JS.API.DIRECT.GET.KV_state.$KV.state.collector.NS.FEED",
		"$JS.API.DIRECT.GET.KV_status.$KV.status.collector.NS.FEED", "$JS.API.DIRECT.GET.KV_status.$KV.status.monitor.NS.FEED",
		"$JS.API.CONSUMER.CREATE.RAWPARTS.x.rawparts.NS.FEED.>", "$JS.API.CONSUMER.CREATE.HELD.x.held.NS.FEED.>", "$JS.API.CONSUMER.CREATE.HELDPARTS.x.heldparts.NS.FEED.>",
		"$JS.API.CONSUMER.CREATE.REJECTED.x.rejected.NS.FEED", "$JS.API.CONSUMER.CREATE.DEAD.x.dead.NS.FEED", "$JS.API.CONSUMER.CREATE.EVENT.x.event.1.NS.FEED",
		"$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.collector.NS.FEED", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.monitor.NS.FEED",
		"$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.decision.NS.FEED.>", "$JS.API.CONSUMER.CREATE.KV_state.x.$KV.state.collector.NS.FEED",
		"$JS.API.CONSUMER.CREATE.KV_status.x.$KV.status.collector.NS.FEED",
	}
	subscriptionSubjects = []string{
		"deliver.NS.SUB", "$KV.config.subscription.NS.SUB", "$KV.state.exporter.NS.SUB", "$KV.status.exporter.NS.SUB", "query.acme.main.0.NS.SUB.open",
		"$JS.API.DIRECT.GET.DELIVER.deliver.NS.SUB", "$JS.API.CONSUMER.CREATE.DELIVER.x.deliver.NS.SUB",
		"$JS.API.DIRECT.GET.KV_config.$KV.config.subscription.NS.SUB", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.subscription.NS.SUB",
		"$JS.API.DIRECT.GET.KV_state.$KV.state.exporter.NS.SUB", "$JS.API.DIRECT.GET.KV_status.$KV.status.exporter.NS.SUB",
	}
	hubSubjects = []string{
		"$KV.config.hub.acme.main", "$KV.config.sources.acme.main", "$KV.status.hub.acme.main", "$KV.status.hub.acme.main.1", "_INBOX.exporter.acme.soc.acme.main.x",
		"$JS.API.CONSUMER.CREATE.EVENT.hub-acme", "$JS.API.CONSUMER.CREATE.EVENT.hub-acme.event.>", "$JS.API.CONSUMER.MSG.NEXT.EVENT.hub-acme",
		"$JS.API.CONSUMER.RESET.EVENT.hub-acme", "$JS.API.CONSUMER.INFO.EVENT.hub-acme", "$JS.ACK.EVENT.hub-acme.1.1.1.1.0", "$JS.ACK._.x.EVENT.hub-acme.1.1.1.1.0",
	}
	operatorSubjects = []string{
		"$JS.API.CONSUMER.NAMES.EVENT", "$JS.API.CONSUMER.DELETE.EVENT.hub-acme", "$JS.API.DIRECT.GET.KV_config.$KV.config.>", "$JS.API.DIRECT.GET.KV_status.$KV.status.>",
		"$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.>", "$JS.API.CONSUMER.CREATE.KV_status.x.$KV.status.>", "$JS.API.CONSUMER.CREATE.KV_state.x.$KV.state.>",
	}
)

func of(subjects []string, names ...string) []string {
	out := make([]string, len(subjects))
	r := strings.NewReplacer(names...)
	for i, s := range subjects {
		out[i] = r.Replace(s)
	}
	return out
}

func ofFeed(ns, feed string) []string { return of(feedSubjects, "NS", ns, "FEED", feed) }
func ofSub(ns, sub string) []string   { return of(subscriptionSubjects, "NS", ns, "SUB", sub) }

var streams = []string{
	"RAW", "RAWPARTS", "HELD", "HELDPARTS", "REJECTED", "EVENT", "DELIVER", "DEAD", "KV_config", "KV_state", "KV_status",
}

func ofStreams(patterns []string) (out []string) {
	for _, p := range patterns {
		for _, s := range streams {
			out = append(out, fmt.Sprintf(p, s))
		}
	}
	return out
}

func join(lists ...[]string) (out []string) {
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// without leaves out what a role may do.
func without(list []string, may ...string) (out []string) {
	for _, s := range list {
		allowed := false
		for _, m := range may {
			allowed = allowed || s == m || strings.HasSuffix(m, "*") && strings.HasPrefix(s, strings.TrimSuffix(m, "*"))
		}
		if !allowed {
			out = append(out, s)
		}
	}
	return out
}

func TestRolesMayNotDoWhatOthersDo(t *testing.T) {
	w := newWorld(t)
	nobody := join(ofStreams(apiOfNobody), subjectsOfNobody)
	outside := join(nobody, ofStreams(apiOfStreams), ofStreams(apiOfConsumers))
	strangers := join(ofFeed("rival", "bots"), ofFeed("acme", "other"), ofFeed("ac", "me"), ofSub("rival", "soc"), ofSub("acme", "other"))
	for name, tt := range map[string]struct {
		role      creds.Role
		forbidden []string
	}{
		"collector": {creds.Collector("acme", "bots"), join(outside, strangers, ofSub("acme", "soc"), hubSubjects, operatorSubjects,
			without(ofFeed("acme", "bots"), "raw.*", "rawparts.*", "$KV.state.collector.*", "$KV.status.collector.*", "$JS.API.DIRECT.GET.RAW.*",
				"$JS.API.DIRECT.GET.RAWPARTS.*", "$JS.API.DIRECT.GET.KV_config.*", "$JS.API.DIRECT.GET.KV_state.*",
				"$JS.API.DIRECT.GET.KV_status.$KV.status.collector.*", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.collector.*"))},
		"collector of a namespace": {creds.Collectors("acme"), join(outside, ofFeed("rival", "bots"), ofSub("acme", "soc"), hubSubjects, operatorSubjects)},
		"monitor": {creds.Monitor("acme", "csv", []string{"bots"}), join(outside, ofSub("acme", "soc"), hubSubjects, operatorSubjects,
			without(strangers, "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.decision.acme.*"),
			without(ofFeed("acme", "bots"), "held.*", "heldparts.*", "event.*", "rejected.*", "dead.*", "$KV.config.decision.*", "$KV.config.replay.*",
				"$KV.state.baseline.*", "$KV.state.bus.*", "$KV.status.monitor.*", "$JS.API.CONSUMER.*", "$JS.ACK.*", "$JS.API.DIRECT.GET.RAWPARTS.*",
				"$JS.API.DIRECT.GET.HELD*", "$JS.API.DIRECT.GET.KV_status.$KV.status.monitor.*"),
			of([]string{
				"$JS.API.CONSUMER.CREATE.REJECTED.x.rejected.NS", "$JS.API.CONSUMER.CREATE.DEAD.x.dead.NS", "$JS.API.CONSUMER.CREATE.EVENT.x.event.1.NS",
				"$JS.API.CONSUMER.CREATE.RAW.x.raw.NS", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.collector.NS",
				"$JS.API.CONSUMER.DELETE.RAW.monitor_acme_bots",
			}, "NS", "acme.bots"))},
		"monitor of a namespace": {creds.Monitors("acme", "bots"), join(outside, ofFeed("rival", "bots"), ofSub("acme", "soc"), hubSubjects, operatorSubjects,
			without(ofFeed("acme", "other"), "$KV.status.parser.*", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.decision.*", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.monitor.*"))},
		"exporter": {creds.Exporter("acme", "soc", "acme", "main"), join(outside, strangers, ofFeed("acme", "bots"), hubSubjects, operatorSubjects,
			[]string{"deliver.acme.soc", "$KV.config.subscription.acme.soc", "query.acme.other.0.acme.soc.open", "query.rival.main.0.acme.soc.open",
				"query.acme.main.0.acme.other", "query.acme.main.0.rival.soc.open", "query.acme.main.*.rival.soc.open",
				"$JS.API.CONSUMER.CREATE.DELIVER.x.deliver.acme.>", "$JS.API.CONSUMER.CREATE.DELIVER.x.deliver.acme.*", "$JS.API.CONSUMER.CREATE.DELIVER.x.deliver.*.soc",
				"$JS.API.DIRECT.GET.DELIVER.deliver.>", "$JS.API.DIRECT.GET.DELIVER.deliver.acme.*",
				"$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.subscription.>", "$JS.API.CONSUMER.CREATE.KV_config.x.$KV.config.sources.rival.main"})},
		"exporter of a namespace": {creds.Exporters("acme", "acme", "main"), join(outside, ofSub("rival", "soc"), ofFeed("acme", "bots"), hubSubjects, operatorSubjects)},
		"hub": {hubRole(), join(without(nobody, "$JS.API.CONSUMER.DELETE.EVENT.*"),
			without(ofFeed("acme", "bots"), "rejected.*", "dead.*", "$JS.API.CONSUMER.CREATE.EVENT.*"),
			without(ofSub("acme", "soc"), "deliver.*", "$JS.API.DIRECT.GET.KV_config.*", "$JS.API.CONSUMER.CREATE.KV_config.*"),
			without(ofStreams(apiOfConsumers), "$JS.API.CONSUMER.CREATE.EVENT.*"),
			[]string{"_INBOX.collector.acme.bots.x", "$KV.config.hub.acme.main", "$KV.status.hub.rival.main", "$JS.API.DIRECT.GET.KV_config.$KV.config.hub.rival.main"})},
		"operator": {creds.Operator(), join(outside[:0], without(join(nobody, ofStreams(apiOfStreams), ofStreams(apiOfConsumers)), "$KV.config.hub", "$JS.API.CONSUMER.DELETE.EVENT.*", "$JS.API.CONSUMER.DELETE.RAW.*"),
			without(ofFeed("acme", "bots"), "$KV.*", "$JS.API.DIRECT.GET.KV_*", "$JS.API.CONSUMER.CREATE.KV_*", "$JS.API.CONSUMER.DELETE.RAW.*"),
			without(ofSub("acme", "soc"), "$KV.*", "$JS.API.DIRECT.GET.KV_*", "$JS.API.CONSUMER.CREATE.KV_*"),
			without(hubSubjects, "$KV.*"))},
		"admin": {creds.Admin(), join(outside, without(hubSubjects, "none"),
			without(ofFeed("acme", "bots"), "$KV.config.decision.*", "$KV.config.replay.*", "$KV.config.collect.*", "$JS.API.DIRECT.GET.HELD*",
				"$JS.API.DIRECT.GET.RAWPARTS.*", "$JS.API.DIRECT.GET.REJECTED.*", "$JS.API.DIRECT.GET.DEAD.*", "$JS.API.DIRECT.GET.KV_config.*", "$JS.API.DIRECT.GET.KV_status.*",
				"$JS.API.CONSUMER.CREATE.HELD.*", "$JS.API.CONSUMER.CREATE.REJECTED.*", "$JS.API.CONSUMER.CREATE.DEAD.*", "$JS.API.CONSUMER.CREATE.KV_config.*", "$JS.API.CONSUMER.CREATE.KV_status.*"),
			without(ofSub("acme", "soc"), "$JS.API.DIRECT.GET.KV_config.*", "$JS.API.CONSUMER.CREATE.KV_config.*", "$JS.API.DIRECT.GET.KV_status.*"))},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.attacker(t, mint(t, w.keys, tt.role, time.Hour))
			ask := func(subject string) func() error {
				return func() error { return a.PublishRequest(subject, a.NewInbox(), []byte(`{}`)) }
			}
			if a.refused(t, "$JS.API.INFO", ask("$JS.API.INFO")) {
				t.Fatal("refused what everybody may")
			}
			for _, subject := range tt.forbidden {
				if !a.refused(t, subject, ask(subject)) {
					t.Errorf("may publish on %s", subject)
				}
			}
			for _, subject := range listeningOfNobody {
				if !a.refused(t, subject, func() error { _, err := a.SubscribeSync(subject); return err }) {
					t.Errorf("may subscribe to %s", subject)
				}
			}
		})
	}
}

// What a permission lets through must still be what its subject says.
func TestRequestsForConsumersAreWhatTheirSubjectSays(t *testing.T) {
	w := newWorld(t)
	ctx := testContext(t)
	operator := w.connect(t, creds.Operator())
	for _, key := range []string{"subscription.acme.soc", "subscription.rival.soc"} {
		if err := operator.Config().Put(ctx, key, []byte("secret")); err != nil {
			t.Fatal(err)
		}
	}
	file := mint(t, w.keys, creds.Exporter("acme", "soc", "acme", "main"), time.Hour)
	own := "$KV.config.subscription.acme.soc"
	for name, tt := range map[string]struct {
		config string
		want   string // part of the error; empty: allowed
	}{
		"own":                        {`"filter_subject":"` + own + `"`, ""},
		"other filter":               {`"filter_subject":"$KV.config.>"`, "did not match"},
		"several filters":            {`"filter_subjects":["$KV.config.>"]`, "multiple"},
		"both":                       {`"filter_subject":"` + own + `","filter_subjects":["$KV.config.>"]`, "multiple"},
		"no filter":                  {`"name":"x"`, "did not match"},
		"durable of another":         {`"filter_subject":"` + own + `","durable_name":"y"`, "not match"},
		"second word of the request": {`"filter_subject":"` + own + `","filter_subject":"$KV.config.>"`, "did not match"},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.attacker(t, file)
			body := `{"stream_name":"KV_config","config":{"ack_policy":"none","deliver_policy":"all",` + tt.config + `}}`
			m, err := a.Request("$JS.API.CONSUMER.CREATE.KV_config.x."+own, []byte(body), deadline)
			if err != nil {
				t.Fatal(err)
			}
			var answer struct {
				Error struct{ Description string }
			}
			if err := json.Unmarshal(m.Data, &answer); err != nil {
				t.Fatal(err)
			}
			if got := answer.Error.Description; tt.want == "" && got != "" || !strings.Contains(strings.ToLower(got), tt.want) {
				t.Errorf("answer %s", m.Data)
			}
		})
	}
	a := w.attacker(t, file)
	body := `{"stream_name":"DELIVER","config":{"ack_policy":"none","filter_subject":"` + own + `"}}`
	if m, err := a.Request("$JS.API.CONSUMER.CREATE.KV_config.x."+own, []byte(body), deadline); err != nil || !strings.Contains(string(m.Data), `"error"`) {
		t.Errorf("request for another stream: %v, %v", m, err)
	}
}

// The server does not ask whether a client may publish where it wants its answer.
func TestAnswersGoNowhereElse(t *testing.T) {
	w := newWorld(t)
	ctx := testContext(t)
	operator := w.connect(t, creds.Operator())
	victim := w.connect(t, creds.Collector("rival", "bots"))
	publish(t, victim, bus.Feed{Namespace: "rival", Name: "bots"}, "p", []byte("good"))
	if err := operator.Config().Put(ctx, "collector.acme.bots", []byte(`{"filter":">"}`)); err != nil {
		t.Fatal(err)
	}
	file := mint(t, w.keys, creds.Collector("acme", "bots"), time.Hour)
	inbox := inboxOf(t, file)
	consumer := func(to string) func(*attacker) error {
		return func(a *attacker) error {
			filter := "$KV.config.collector.acme.bots"
			return a.PublishRequest("$JS.API.CONSUMER.CREATE.KV_config.x."+filter, a.NewInbox(), fmt.Appendf(nil,
				`{"stream_name":"KV_config","config":{"ack_policy":"none","filter_subject":%q,"deliver_subject":%q}}`, filter, to))
		}
	}
	request := func(subject, reply, body string) func(*attacker) error {
		return func(a *attacker) error { return a.PublishRequest(subject, reply, []byte(body)) }
	}
	const own = "$KV.state.collector.acme.bots"
	for name, attack := range map[string]func(*attacker) error{
		"stored value as a payload":        request("$JS.API.DIRECT.GET.KV_state."+own, "raw.rival.bots", ""),
		"stored value as a purge":          request("$JS.API.DIRECT.GET.KV_state."+own, "$JS.API.STREAM.PURGE.RAW", ""),
		"stored value as acknowledgement":  request("$JS.API.DIRECT.GET.KV_state."+own, "$JS.ACK.RAW.monitor_rival_bots.1.1.1.1.0", ""),
		"acknowledgement as configuration": request(own, "$KV.config.hub.acme.main", "x"),
		"answer as configuration":          request("$JS.API.INFO", "$KV.config.hub.acme.main", ""),
		"answer to somebody else":          request("$JS.API.INFO", "_INBOX.monitor.rival.csv.x", ""),
		"answer to everybody below":        request("$JS.API.INFO", inbox+".>", ""),
		"answer to a neighbour":            request("$JS.API.INFO", inbox+"2.x", ""),
		"consumer pushes a payload":        consumer("raw.rival.bots"),
		"consumer pushes to somebody":      consumer("_INBOX.monitor.rival.csv.x"),
		"two requests in one": func(a *attacker) error {
			filter := "$KV.config.collector.acme.bots"
			return a.PublishRequest("$JS.API.CONSUMER.CREATE.KV_config.x."+filter, a.NewInbox(), fmt.Appendf(nil,
				`{"stream_name":"KV_config","config":{"ack_policy":"none","filter_subject":%q}}{"config":{"deliver_subject":"raw.rival.bots"}}`, filter))
		},
		"header": func(a *attacker) error {
			m := nats.NewMsg(own)
			m.Reply, m.Data = "raw.rival.bots", []byte("x")
			m.Header.Set("Weir-Payload", "{}")
			return a.PublishMsg(m)
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := w.attacker(t, file)
			if err := a.Publish(own, []byte(`{"filter":">"}`)); err != nil {
				t.Fatal(err)
			}
			if err := attack(a); err != nil {
				t.Fatal(err)
			}
			if err := a.FlushTimeout(deadline); err == nil {
				t.Error("not cut off")
			}
			receive(t, a.closed)
		})
	}
	// Nothing of it had an effect.
	reader := w.connectWith(t, w.anything(t))
	n := 0
	err := reader.ReadRaw(ctx, bus.Feed{Namespace: "rival", Name: "bots"}, time.Time{}, func(*bus.Payload) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("%d payloads of the victim, %v", n, err)
	}
	if keys, err := operator.Config().Keys(ctx, ""); err != nil || len(keys) != 1 {
		t.Errorf("configuration %v, %v", keys, err)
	}
}

// Headers ask the server for more than to store a message.
func TestHeadersDoNotReachFurther(t *testing.T) {
	w := newWorld(t)
	ctx := testContext(t)
	if err := w.connect(t, creds.Operator()).Status().Put(ctx, "collector.rival.bots", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	a := w.attacker(t, mint(t, w.keys, creds.Collector("acme", "bots"), time.Hour))
	for _, header := range [][2]string{
		{"Nats-Rollup", "all"}, {"Nats-Rollup", "sub"}, {"Nats-TTL", "1s"}, {"Nats-Schedule", "@every 1s"}, {"Nats-Incr", "1"}, {"Nats-Batch-Id", "x"},
	} {
		m := nats.NewMsg("$KV.status.collector.acme.bots")
		m.Header.Set(header[0], header[1])
		if header[0] == "Nats-Schedule" {
			m.Header.Set("Nats-Schedule-Target", "$KV.status.collector.rival.bots")
		}
		if header[0] == "Nats-Batch-Id" {
			m.Header.Set("Nats-Batch-Sequence", "1")
		}
		answer, err := a.RequestMsg(m, deadline)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(answer.Data), `"error"`) {
			t.Errorf("%s: %s: %s", header[0], header[1], answer.Data)
		}
	}
	traced := nats.NewMsg("$KV.status.collector.acme.bots")
	traced.Header.Set("Nats-Trace-Dest", "raw.rival.bots")
	a.refused(t, traced.Subject, func() error { return a.PublishMsg(traced) }) // or stored without a trace
	if keys, err := w.connect(t, creds.Admin()).Status().Keys(ctx, "collector.rival."); err != nil || len(keys) != 1 {
		t.Errorf("status %v, %v", keys, err)
	}
	reader := w.connectWith(t, w.anything(t))
	err := reader.ReadRaw(ctx, bus.Feed{Namespace: "rival", Name: "bots"}, time.Time{}, func(p *bus.Payload) error {
		t.Errorf("payload %+v", p)
		return nil
	})
	if err != nil {
		t.Errorf("payloads of the victim: %v", err)
	}
}

// The server drops a message whose id it has seen, whoever sent it.
func TestMessageIDsCannotBeTakenByOthers(t *testing.T) {
	w := newWorld(t)
	rival := bus.Feed{Namespace: "rival", Name: "bots"}
	a := w.attacker(t, mint(t, w.keys, creds.Collector("acme", "bots"), time.Hour))
	m := nats.NewMsg("raw.acme.bots")
	m.Header.Set(nats.MsgIdHdr, "rival/bots/p")
	if _, err := a.RequestMsg(m, deadline); err != nil {
		t.Fatal(err)
	}
	for range 2 { // credentials of another time have the same ids
		publish(t, w.connect(t, creds.Collector("rival", "bots")), rival, "p", []byte("good"))
	}
	n := 0
	reader := w.connect(t, creds.Monitor("rival", "csv", []string{"bots"}))
	err := reader.ReadRaw(context.WithoutCancel(testContext(t)), rival, time.Time{}, func(*bus.Payload) error { n++; return nil })
	if err != nil || n != 1 {
		t.Errorf("%d payloads, %v", n, err)
	}
}
