package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// records of each of the three feeds.
const records = 20_000

var feeds = []string{"csv", "json", "lines"}

// allRecords are those of the feeds, and the one of the feed warm.
const allRecords = 3*records + 1

func writeFeed(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/warm" {
		fmt.Fprintln(w, "http://warm.example.org/")
		return
	}
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for i := range records {
		switch r.URL.Path {
		case "/csv":
			if i == 0 {
				fmt.Fprintln(w, "time,ip,port,malware")
			}
			fmt.Fprintf(w, "%s,198.51.100.%d,%d,family%d\n", start.Add(time.Duration(i)*7*time.Second).Format("2006-01-02 15:04:05"), i%250+1, i%60000+1, i%17)
		case "/json":
			fmt.Fprintf(w, `{"seen":%d,"src":{"ip":"2001:db8::%x"},"url":"http://host%d.example.net/p/%d"}`+"\n", start.Unix()+int64(i)*11, i%65000+1, i%900, i)
		case "/lines":
			fmt.Fprintf(w, "http://phish%d.example.org/login?id=%d\n", i%700, i)
		}
	}
}

// base is everything but the feeds, apart from a first one of a single record.
const base = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main, namespace: default}
spec: {replicas: REPLICAS}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: all, namespace: default}
spec:
  exchangeRef: {name: main}
  organisation: {id: all.example}
  clearance: {tlp: RED, fullAccess: true}
  zones: {search: {}, threats: {}}
  access: {keys: [{name: k, secretRef: {name: all, key: token}}]}
  exports: [{name: api, api: {}}, {name: live, stream: {}}]
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: csv, namespace: default}
spec:
  input: {csv: {}}
  mapping:
    - {field: time, from: [time], time: {layouts: ["%Y-%m-%d %H:%M:%S"]}}
    - {field: ip, from: [ip], required: true}
    - {field: dport, from: [port]}
    - {field: name, from: [malware]}
  constants: {category: bots}
  examples:
    - name: one
      input: "time,ip,port,malware\n2026-11-01 00:00:00,198.51.100.1,80,a\n"
      events: [{dport: 80, name: a}]
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: json, namespace: default}
spec:
  input: {jsonLines: {}}
  mapping:
    - {field: time, from: [seen], time: {layouts: [unix]}}
    - {field: ip, from: [src.ip], required: true}
    - {field: url, from: [url]}
  constants: {category: malurl}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: lines, namespace: default}
spec:
  input: {text: {}}
  mapping:
    - {field: url, from: [line], required: true}
  constants: {category: phish}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: warm, namespace: default}
spec: {provider: example, channel: warm, exchangeRef: {name: main}, parserRef: {name: lines}, http: {url: "URL/warm"}, schedule: {interval: 1h}}
`

const feedSources = `---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: csv, namespace: default}
spec: {provider: example, channel: csv, exchangeRef: {name: main}, parserRef: {name: csv}, http: {url: "URL/csv"}, schedule: {interval: 1h}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: json, namespace: default}
spec: {provider: example, channel: json, exchangeRef: {name: main}, parserRef: {name: json}, http: {url: "URL/json"}, schedule: {interval: 1h}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: lines, namespace: default}
spec: {provider: example, channel: lines, exchangeRef: {name: main}, parserRef: {name: lines}, http: {url: "URL/lines"}, schedule: {interval: 1h}}
`

func manifestsFor(url string, replicas int) string {
	return strings.NewReplacer("URL", url, "REPLICAS", fmt.Sprint(replicas)).Replace(base + feedSources)
}

// finish waits until all events are there and wants each of them once, in order.
func (w *world) finish(exporter *proc) map[string]bool {
	w.Helper()
	var events []event
	w.until("all events are there", func() bool {
		events, _ = w.search(exporter)
		if len(events) < allRecords {
			<-time.After(500 * time.Millisecond) // asking for everything is work, too
			return false
		}
		return true
	})
	ids := map[string]bool{}
	for i, e := range events {
		if ids[e.ID] {
			w.Errorf("event %s is there twice", e.ID)
		}
		ids[e.ID] = true
		if i > 0 && instant(w.T, e).After(instant(w.T, events[i-1])) {
			w.Fatalf("event %d is later than the one before it: %+v, %+v", i, events[i-1], e)
		}
	}
	if len(events) != allRecords {
		w.Errorf("%d events of %d records", len(events), allRecords)
	}
	return ids
}

func instant(t *testing.T, e event) time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.Time)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// streamed waits until a subscriber has all events, and wants each once.
func (w *world) streamed(s *subscriber, want map[string]bool) {
	w.Helper()
	w.until("the stream brought all", func() bool { return s.count() >= len(want) })
	s.stop()
	lost, doubled := 0, 0
	for id := range want {
		switch s.seen[id] {
		case 0:
			lost++
		case 1:
		default:
			doubled++
		}
	}
	if lost+doubled+s.gaps > 0 || len(s.seen) != len(want) {
		w.Errorf("the stream lost %d events, doubled %d, has %d gaps and %d events of %d", lost, doubled, s.gaps, len(s.seen), len(want))
	}
}

func TestEventsTravelThroughFiveProcessesAndSurviveTheirDeaths(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(writeFeed))
	defer server.Close()

	calm := newWorld(t)
	all, stream := calm.startAll(server.URL)
	started := time.Now()
	want := calm.finish(all["exporter"])
	calm.streamed(stream, want)
	undisturbed := time.Since(started)
	t.Logf("undisturbed: %d events in %s", len(want), undisturbed.Round(time.Millisecond))
	calm.statuses()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		all[name].stop()
	}

	stormy := newWorld(t)
	all, stream = stormy.startAll(server.URL)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	names := slices.Sorted(maps.Keys(all))
	for round := range 3 {
		for _, i := range random.Perm(len(names)) {
			pause := time.Duration(random.Int64N(int64(undisturbed/8))) + 50*time.Millisecond
			<-time.After(pause)
			t.Logf("round %d: killing %s after %d events", round, names[i], stream.count())
			all[names[i]].kill()
			all[names[i]].start()
		}
	}
	got := stormy.finish(all["exporter"])
	if !maps.Equal(got, want) {
		t.Errorf("%d events, %d in the undisturbed run", len(got), len(want))
	}
	stormy.streamed(stream, got)
}

// startAll starts a hub with its bus, a collector, a monitor and an exporter, and a
// subscriber's stream. When the stream has brought the first event, so that it can
// be resumed from there, it configures the other feeds.
func (w *world) startAll(url string) (map[string]*proc, *subscriber) {
	w.Helper()
	hub := w.hub(0, 1)
	hub.start()
	w.busIsUp(hub)
	all := map[string]*proc{"hub": hub, "collector": w.collector(), "monitor": w.monitor(append(feeds, "warm")...), "exporter": w.exporter()}
	for _, name := range []string{"monitor", "exporter"} {
		all[name].start()
	}
	w.configure(strings.TrimSuffix(manifestsFor(url, 1), strings.ReplaceAll(feedSources, "URL", url)))
	hub.ready()
	all["exporter"].ready()
	stream := w.subscribe(all["exporter"])
	w.until("the stream is open", stream.isOpen)
	all["collector"].start()
	w.until("the stream brought the first event", func() bool { return stream.count() == 1 })
	w.configure(manifestsFor(url, 1))
	return all, stream
}

// statuses wants every component to have told how it does.
func (w *world) statuses() {
	w.Helper()
	for key, into := range map[string]any{
		"collector.default.csv": &status.Collector{}, "monitor.default.csv": &status.Monitor{}, "hub.default.main": &status.Hub{},
		"exporter.default.all": &status.Exporter{}, "parser.default.csv": &status.Parser{},
	} {
		w.until("the status of "+key+" is well", func() bool {
			data, err := w.operator().Status().Get(w.Context(), key)
			var r status.Result
			return err == nil && json.Unmarshal(data, into) == nil && json.Unmarshal(data, &r) == nil && r.OK
		})
	}
}

func TestTwoHubsShareTheSourcesAndAnswerAsOne(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(writeFeed))
	defer server.Close()
	halves := map[int]bool{}
	for _, f := range feeds {
		halves[bus.Partition("example."+f)%2] = true
	}
	if len(halves) != 2 {
		t.Fatal("the sources do not spread over two replicas; choose other names")
	}
	w := newWorld(t)
	first := w.hub(0, 2)
	first.start()
	w.busIsUp(first)
	second := w.hub(1, 2)
	second.start()
	collector, monitor, exporter := w.collector(), w.monitor(append(feeds, "warm")...), w.exporter()
	collector.start()
	monitor.start()
	exporter.start()
	w.configure(manifestsFor(server.URL, 2))
	for _, p := range []*proc{first, second, exporter} {
		p.ready()
	}
	w.finish(exporter)
	for key, replica := range map[string]int{"hub.default.main": 0, "hub.default.main.1": 1} {
		owned := 0
		if bus.Partition("example.warm")%2 == replica {
			owned = 1
		}
		for _, f := range feeds {
			if bus.Partition("example."+f)%2 == replica {
				owned += records
			}
		}
		w.until(fmt.Sprintf("replica %d tells of its %d events", replica, owned), func() bool {
			data, err := w.operator().Status().Get(w.Context(), key)
			var s status.Hub
			return err == nil && json.Unmarshal(data, &s) == nil && s.Recorded == int64(owned)
		})
	}

	// An answer without the second would not be whole.
	second.kill()
	code, body := w.get("http://"+exporter.address("exports")+"/search/events.sjson?time.min=2026-01-01", token)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, "archive_unavailable") {
		t.Errorf("without a replica: %d %.300s", code, body)
	}
	w.until("the log names the replica", func() bool {
		return strings.Contains(exporter.tail(1<<20), "replica 1 of the hub default/main")
	})
	second.start()
	second.ready()
	w.finish(exporter)
}

func TestWithoutABusComponentsWaitAndSaySo(t *testing.T) {
	w := newWorld(t)
	hub := w.hub(0, 1)
	hub.start()
	w.busIsUp(hub)
	hub.stop() // before anything was configured
	all := map[string]*proc{"collector": w.collector(), "monitor": w.monitor(), "exporter": w.exporter()}
	for _, p := range all {
		p.start()
	}
	for name, p := range all {
		w.until(name+" says what it waits for", func() bool {
			s := p.readiness()
			return strings.Contains(s, "bus nats://"+w.bus) && strings.Contains(s, "no servers available")
		})
		if code, body := w.get("http://"+p.address("admin")+"/healthz", ""); code != http.StatusOK {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	all["monitor"].stop() // also while it waits
	all["monitor"].start()
	hub.start()
	w.configure(manifestsFor("http://127.0.0.1:1", 1))
	hub.ready()
	for _, p := range all {
		p.ready()
		if !strings.Contains(p.metrics(), "\ngo_goroutines ") {
			t.Errorf("%s has no metrics", p.name)
		}
	}
	for name, prefix := range map[string]string{"collector": "weir_collect_", "monitor": "weir_monitor_", "exporter": "weir_export_"} {
		w.until(name+" has metrics of its own", func() bool { return strings.Contains(all[name].metrics(), "\n"+prefix) })
	}
	for _, prefix := range []string{"weir_hub_", "weir_store_", "weir_query_"} {
		if !strings.Contains(hub.metrics(), "\n"+prefix) {
			t.Errorf("the hub has no metrics %s", prefix)
		}
	}
	hub.kill()
	w.until("the exporter says that the bus is gone", func() bool { return strings.Contains(all["exporter"].readiness(), "bus: ") })
	hub.start()
	for _, p := range all {
		p.ready()
	}
}

func (p *proc) metrics() string {
	_, body := p.w.get("http://"+p.address("admin")+"/metrics", "")
	return body
}

func TestCollectorsShareFeedsByShard(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	w := newWorld(t)
	hub := w.hub(0, 1)
	hub.start()
	w.busIsUp(hub)
	w.configure(manifestsFor(server.URL, 1))
	hub.ready()
	for i := range 2 {
		p := w.collector()
		p.args = append(p.args, fmt.Sprintf("--shard=%d/2", i))
		p.start()
		p.ready()
		want := 0
		for _, f := range append(feeds, "warm") {
			if plan.Shard(namespace, f, 2) == i {
				want++
			}
		}
		w.until("the shard has its feeds", func() bool {
			return strings.Contains(p.metrics(), fmt.Sprintf("\nweir_collect_feeds %d\n", want))
		})
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"no key":              {[]string{"collect", "--bus=nats://x"}, "--key"},
		"a key of another":    {[]string{"collect", "--bus=nats://x", "--key=monitor.a.b"}, "--key monitor.a.b"},
		"half a key":          {[]string{"monitor", "--bus=nats://x", "--key=monitor.a"}, "--key monitor.a"},
		"a key in the middle": {[]string{"monitor", "--bus=nats://x", "--key=monitor..b"}, "--key monitor..b"},
		"a long key":          {[]string{"monitor", "--bus=nats://x", "--key=monitor.a.b.c"}, "--key monitor.a.b.c"},
		"a shard":             {[]string{"monitor", "--bus=nats://x", "--key=monitor.", "--shard=2/2"}, "--shard"},
		"a network":           {[]string{"collect", "--bus=nats://x", "--key=collector.", "--allow-net=10.0.0.1"}, "--allow-net 10.0.0.1"},
		"no exchange":         {[]string{"export", "--bus=nats://x", "--key=subscription."}, "--exchange"},
		"whose hub":           {[]string{"hub"}, "--namespace"},
		"a replica":           {[]string{"hub", "--namespace=a", "--exchange=b", "--replica=3", "--replicas=2"}, "--replica 3"},
		"a level":             {[]string{"hub", "--namespace=a", "--exchange=b", "--log-level=loud"}, "--log-level loud"},
		"no bus":              {[]string{"monitor", "--key=monitor.", "--admin=127.0.0.1:0"}, "--bus"},
	} {
		root := newRoot()
		root.SetArgs(tt.args)
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v; want %s", name, err, tt.want)
		}
	}
	for _, key := range []string{"monitor.", "monitor.a.", "monitor.a.b"} {
		if !validKey("monitor", key) {
			t.Errorf("%s is refused", key)
		}
	}
}

func TestTheReplicaIsTheOrdinalOfThePod(t *testing.T) {
	for pod, want := range map[string]int{"main-hub-0": 0, "main-hub-11": 11} {
		t.Setenv("POD_NAME", pod)
		o := hubFlags{exchange: plan.Ref{Namespace: "a", Name: "b"}, replica: -1, replicas: 12}
		if err := o.check(); err != nil || o.replica != want {
			t.Errorf("%s is replica %d, %v", pod, o.replica, err)
		}
	}
	t.Setenv("POD_NAME", "laptop")
	o := hubFlags{exchange: plan.Ref{Namespace: "a", Name: "b"}, replica: -1, replicas: 2}
	if err := o.check(); err == nil {
		t.Error("a name without number is taken for one of two replicas")
	}
	o.replicas = 1
	if err := o.check(); err != nil || o.replica != 0 {
		t.Errorf("the only one: %d, %v", o.replica, err)
	}
}
