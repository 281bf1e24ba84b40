package run

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/manifest"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func TestMain(m *testing.M) {
	// The embedded server leaves these behind for a moment after its shutdown.
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*msgBlock).flushLoop"),
	)
}

const folder = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main, namespace: default}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: hosts, namespace: default}
spec:
  provider: example
  channel: hosts
  exchangeRef: {name: main}
  parserRef: {name: hosts}
  file: {path: hosts.csv}
  schedule: {interval: 1s}
  policy: {tlp: GREEN, restriction: public, showSource: true}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: hosts, namespace: default}
spec:
  input: {csv: {}}
  mapping: [{field: ip, from: [ip], required: true}]
  constants: {category: bots}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: all, namespace: default}
spec:
  exchangeRef: {name: main}
  organisation: {id: all.example}
  clearance: {tlp: RED, fullAccess: true}
  zones: {search: {}}
  access: {keys: [{name: k, secretRef: {name: all, key: token}}]}
  exports: [{name: api, api: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: all}
stringData: {token: a-token-for-tests-only-0123456789}
`

// world is a run on a folder of its own.
type world struct {
	t       *testing.T
	dir     string
	options Options
	loads   atomic.Int64
	stop    func() error
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, dir: t.TempDir()}
	w.write("feeds/all.yaml", folder)
	w.write("feeds/hosts.csv", "ip\n192.0.2.1\n192.0.2.2\n")
	w.options = Options{
		Data: filepath.Join(w.dir, "data"), Watch: filepath.Join(w.dir, "feeds"), Files: filepath.Join(w.dir, "feeds"),
		Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", BusListen: "127.0.0.1:0",
		Load: w.load, Log: testr.NewWithOptions(t, testr.Options{}),
	}
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// load reads the folder without the schema: weir check has tests of its own.
func (w *world) load(context.Context) (*Manifests, error) {
	w.loads.Add(1)
	docs, errs := manifest.Read(w.options.Watch)
	if len(errs) > 0 {
		return nil, errs[0]
	}
	var o plan.Objects
	secrets := manifest.Secrets{}
	for i := range docs {
		if err := add(&o, secrets, &docs[i]); err != nil {
			return nil, err
		}
	}
	p, problems := plan.Build(o)
	if len(problems) > 0 {
		return nil, errors.New(problems[0].String())
	}
	return &Manifests{Plan: p, Secrets: secrets.Read}, nil
}

func add(o *plan.Objects, secrets manifest.Secrets, doc *manifest.Document) error {
	data, err := json.Marshal(doc.Object)
	if err != nil {
		return err
	}
	switch doc.Kind {
	case "Exchange":
		o.Exchanges = append(o.Exchanges, v1alpha1.Exchange{})
		return json.Unmarshal(data, &o.Exchanges[len(o.Exchanges)-1])
	case "FeedSource":
		o.FeedSources = append(o.FeedSources, v1alpha1.FeedSource{})
		return json.Unmarshal(data, &o.FeedSources[len(o.FeedSources)-1])
	case "Parser":
		o.Parsers = append(o.Parsers, v1alpha1.Parser{})
		return json.Unmarshal(data, &o.Parsers[len(o.Parsers)-1])
	case "Subscription":
		o.Subscriptions = append(o.Subscriptions, v1alpha1.Subscription{})
		return json.Unmarshal(data, &o.Subscriptions[len(o.Subscriptions)-1])
	case "Secret":
		return secrets.Add(doc)
	}
	return fmt.Errorf("kind %s", doc.Kind)
}

func (w *world) start() Endpoint {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- Run(ctx, w.options) }()
	w.stop = func() error {
		cancel()
		err := <-done
		done <- err
		return err
	}
	w.t.Cleanup(func() {
		if err := w.stop(); err != nil {
			w.t.Errorf("run: %v", err)
		}
	})
	var e Endpoint
	w.until("ready", func() bool {
		var err error
		if e, err = ReadEndpoint(w.options.Data); err != nil {
			return false
		}
		return get(w.t, e.Admin+"/readyz", "") == "ok\n"
	})
	return e
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			w.t.Fatalf("waited in vain: %s", what)
		case <-tick.C:
		}
	}
}

// get returns the body, or the status if it is another than 200.
func get(t *testing.T, url, token string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Close = true
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		return resp.Status
	}
	return string(body)
}

func (w *world) events(e Endpoint) string {
	return get(w.t, e.Exports+"/s/all/search/events.sjson?time.min=2026-01-01", "a-token-for-tests-only-0123456789")
}

func (w *world) eventsReach(e Endpoint, ips ...string) {
	w.t.Helper()
	w.until(strings.Join(ips, ", "), func() bool {
		got := w.events(e)
		for _, ip := range ips {
			if !strings.Contains(got, `"`+ip+`"`) {
				return false
			}
		}
		return true
	})
}

func TestChangedManifestsAreAppliedWithoutRestart(t *testing.T) {
	w := newWorld(t)
	e := w.start()
	w.eventsReach(e, "192.0.2.1", "192.0.2.2")

	// A second feed appears.
	second := strings.NewReplacer("name: hosts", "name: more", "channel: hosts", "channel: more", "hosts.csv", "more.csv").
		Replace(strings.SplitN(folder, "---\n", 4)[1])
	w.write("feeds/more.csv", "ip\n198.51.100.1\n")
	w.write("feeds/more.yaml", strings.Replace(second, "parserRef: {name: more}", "parserRef: {name: hosts}", 1))
	w.eventsReach(e, "198.51.100.1")

	// A broken file changes nothing.
	loads := w.loads.Load()
	w.write("feeds/broken.yaml", "kind: [\n")
	w.until("the broken file is read", func() bool { return w.loads.Load() > loads })
	w.write("feeds/hosts.csv", "ip\n192.0.2.1\n192.0.2.2\n192.0.2.3\n")
	w.eventsReach(e, "192.0.2.3")

	// The key of the subscriber changes.
	if err := os.Remove(filepath.Join(w.dir, "feeds/broken.yaml")); err != nil {
		t.Fatal(err)
	}
	w.write("feeds/all.yaml", strings.Replace(folder, "a-token-for-tests-only-0123456789", "another-token-for-tests-0123456789", 1))
	w.until("the old key is refused", func() bool { return strings.HasPrefix(w.events(e), "401") })
	if got := get(t, e.Exports+"/s/all/search/events.sjson?time.min=2026-01-01", "another-token-for-tests-0123456789"); !strings.Contains(got, "192.0.2.1") {
		t.Errorf("the new key gets %q", got)
	}
}

func TestAFeedThatIsGoneIsForgotten(t *testing.T) {
	w := newWorld(t)
	e := w.start()
	w.eventsReach(e, "192.0.2.1")
	conn, done, err := Attach(t.Context(), w.options.Data, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	w.until("its status", func() bool {
		_, err := conn.Status().Get(t.Context(), "monitor.default.hosts")
		return err == nil
	})
	parts := strings.SplitN(folder, "---\n", 4)
	w.write("feeds/all.yaml", parts[0]+"---\n"+parts[2]+"---\n"+parts[3])
	for _, key := range []string{"collector.default.hosts", "monitor.default.hosts"} {
		w.until(key+" is gone", func() bool {
			_, err := conn.Status().Get(t.Context(), key)
			return errors.Is(err, bus.ErrNotFound)
		})
	}
	if got := w.events(e); !strings.Contains(got, "192.0.2.1") {
		t.Errorf("its events are gone too: %q", got)
	}

	w.write("feeds/all.yaml", folder)
	w.until("it is back", func() bool {
		data, err := conn.Status().Get(t.Context(), "monitor.default.hosts")
		var s status.Monitor
		return err == nil && json.Unmarshal(data, &s) == nil && s.Events > 0
	})
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	w := newWorld(t)
	e := w.start()
	w.eventsReach(e, "192.0.2.1", "192.0.2.2")
	before := w.events(e)
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadEndpoint(w.options.Data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the endpoint is still there: %v", err)
	}
	if after := w.events(w.start()); after != before {
		t.Errorf("before the restart:\n%s\nafter:\n%s", before, after)
	}
}

func TestOneProcessOnADataFolder(t *testing.T) {
	w := newWorld(t)
	w.start()
	if err := Run(t.Context(), w.options); !errors.Is(err, ErrLocked) {
		t.Errorf("a second run: %v", err)
	}
	conn, done, err := Attach(t.Context(), w.options.Data, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Config().Get(t.Context(), "hub.default.main"); err != nil {
		t.Errorf("attached to the run: %v", err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
}

func TestAttachOpensTheFolderWhenNothingRuns(t *testing.T) {
	w := newWorld(t)
	w.start()
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	conn, done, err := Attach(t.Context(), w.options.Data, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Config().Get(t.Context(), "hub.default.main"); err != nil {
		t.Errorf("attached to the folder: %v", err)
	}
	if err := done(); err != nil {
		t.Error(err)
	}
	_, _, err = Attach(t.Context(), t.TempDir(), logr.Discard())
	if err == nil || !strings.Contains(err.Error(), "--data") {
		t.Errorf("a foreign folder: %v", err)
	}
}

func TestMetricsOfEveryComponent(t *testing.T) {
	w := newWorld(t)
	e := w.start()
	w.eventsReach(e, "192.0.2.1")
	text := get(t, e.Admin+"/metrics", "")
	for _, name := range []string{"weir_collect_payloads_total", "weir_monitor_records_total", "weir_hub_events_total",
		"weir_store_recorded_events_total", "weir_export_requests_total", "go_goroutines", "process_resident_memory_bytes"} {
		if !strings.Contains(text, "\n"+name) {
			t.Errorf("/metrics has no %s", name)
		}
	}
	if got := get(t, e.Admin+"/healthz", ""); got != "ok\n" {
		t.Errorf("/healthz: %q", got)
	}
}

func TestOneExchangeForSeveralNamespaces(t *testing.T) {
	w := newWorld(t)
	guest := strings.NewReplacer("{name: all, namespace: default}", "{name: guest, namespace: guests}",
		"namespace: default", "namespace: guests", "exchangeRef: {name: main}", "exchangeRef: {name: main, namespace: default}",
		"id: all.example", "id: guest.example", "channel: hosts", "channel: guests", "hosts.csv", "guests.csv").Replace(strings.SplitN(folder, "---\n", 2)[1])
	guest = strings.Replace(guest, "metadata: {name: all}", "metadata: {name: all, namespace: guests}", 1)
	w.write("feeds/all.yaml", strings.Replace(folder, "metadata: {name: main, namespace: default}",
		"metadata: {name: main, namespace: default}\nspec: {allowedNamespaces: {from: All}}", 1))
	w.write("feeds/guests.csv", "ip\n203.0.113.1\n")
	e := w.start()
	w.eventsReach(e, "192.0.2.1")
	w.write("feeds/guests.yaml", guest)
	w.eventsReach(e, "203.0.113.1")
	w.until("the guest sees both", func() bool {
		got := get(t, e.Exports+"/s/guests.guest/search/events.sjson?time.min=2026-01-01", "a-token-for-tests-only-0123456789")
		return strings.Contains(got, "192.0.2.1") && strings.Contains(got, "203.0.113.1")
	})
}
