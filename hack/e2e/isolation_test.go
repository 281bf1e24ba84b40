package e2e

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The subscribers' secrets.
const (
	keyOfA, newKeyOfA = "key-of-a-canary-0123456789", "new-key-of-a-canary-0123456789"
	keyOfB, keyOfCert = "key-of-b-canary-0123456789", "key-of-cert-canary-0123456789"
	jwtOfA, jwtOfB    = "signs-the-tokens-of-a-0123456789abcdef", "signs-the-tokens-of-b-0123456789abcdef"
)

const isolationManifests = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: hidden}
spec:
  {provider: secret-publisher, channel: list, exchangeRef: {name: main}, parserRef: {name: p}, file: {path: "hidden*.jsonl"},
   schedule: {interval: 1s}, policy: {tlp: CLEAR, restriction: public}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: shown}
spec:
  {provider: open-publisher, channel: list, exchangeRef: {name: main}, parserRef: {name: p}, file: {path: "shown*.jsonl"},
   schedule: {interval: 1s}, policy: {showSource: true}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: p}
spec:
  input: {jsonLines: {}}
  mapping:
    - {field: time, from: [t], time: {layouts: [unix]}}
    - {field: name, from: [name], required: true}
    - {field: category, from: [category]}
    - {field: confidence, from: [confidence]}
    - {field: tlp, from: [tlp]}
    - {field: restriction, from: [restriction]}
    - {field: ip, from: [ip]}
    - {field: asn, from: [asn]}
    - {field: fqdn, from: [fqdn]}
    - {field: url, from: [url]}
    - {field: dip, from: [dip]}
    - {field: count, from: [count]}
    - {field: extra.block, from: [open]}
    - {field: extra.sensor, from: [sensor]}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: a}
spec:
  exchangeRef: {name: main}
  organisation: {id: org-a.example, criteria: {CRITERIA_A}}
  clearance: {tlp: CLEARANCE_A}
  zones: {inside: {}, threats: {categories: [cnc, malurl], minConfidence: medium}}
  access:
    keys: [{name: k, secretRef: {name: keys, key: a}}]
    jwt: {secretRef: {name: keys, key: jwt-a}, users: [{login: user@a.example, apiKeyID: api-key-of-a}]}
  exports: [{name: api, api: {}}, {name: live, stream: {}}]
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: cert}
spec:
  exchangeRef: {name: main}
  organisation: {id: cert.example}
  clearance: {tlp: RED, fullAccess: true}
  zones: {search: {}}
  access: {keys: [{name: k, secretRef: {name: keys, key: cert}}]}
  exports: [{name: api, api: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {a: KEY_OF_A, b: ` + keyOfB + `, cert: ` + keyOfCert + `, jwt-a: ` + jwtOfA + `, jwt-b: ` + jwtOfB + `}
`

const subscriptionB = `---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: b}
spec:
  exchangeRef: {name: main}
  organisation:
    id: org-b.example
    criteria: {asns: [64501], cidrs: [198.51.100.0/24, "2001:db8:b::/48"], fqdns: [b.example], urls: ["https://cdn.example.net/b/"]}
  clearance: {tlp: AMBER}
  zones: {inside: {}}
  access:
    keys: [{name: k, secretRef: {name: keys, key: b}}]
    jwt: {secretRef: {name: keys, key: jwt-b}, users: [{login: user@b.example, apiKeyID: api-key-of-b}]}
  exports: [{name: api, api: {}}, {name: live, stream: {}}]
`

const (
	criteriaOfA    = `asns: [64500], cidrs: [192.0.2.0/24, "2001:db8:a::/48"], fqdns: [a.example], urls: ["https://cdn.example.net/a/"]`
	newCriteriaOfA = `cidrs: ["2001:db8:c::/48"]`
)

// place is where something happened, and whose it is.
type place struct {
	IP     string `json:"ip,omitempty"`
	ASN    int    `json:"asn,omitempty"`
	FQDN   string `json:"fqdn,omitempty"`
	URL    string `json:"url,omitempty"`
	owners string
}

var places = []place{
	{IP: "192.0.2.7", owners: "a"},
	{IP: "2001:db8:a::7", owners: "a"},
	{IP: "203.0.113.7", ASN: 64500, owners: "a"},
	{FQDN: "mail.a.example", owners: "a"},
	{URL: "https://cdn.example.net/a/x", owners: "a"},
	{URL: "http://www.a.example:8080/x", owners: "a"},
	{IP: "198.51.100.7", owners: "b"},
	{IP: "2001:db8:b::7", owners: "b"},
	{IP: "203.0.113.8", ASN: 64501, owners: "b"},
	{FQDN: "b.example", owners: "b"},
	{URL: "https://cdn.example.net/b/x", owners: "b"},
	{URL: "http://198.51.100.9/x", owners: "b"},
	{IP: "192.0.2.8", FQDN: "www.b.example", owners: "ab"},
	{IP: "203.0.113.9"},
	{IP: "2001:db8:ab::7"},
	{FQDN: "nota.example"},
	{FQDN: "a.example.b.example.org"},
	{URL: "https://cdn.example.net/ab/x"},
	{URL: "https://a.example@cdn.example.net/x"},
}

// record is one line of a feed.
type record struct {
	place
	Name        string `json:"name"`
	T           int64  `json:"t"`
	Category    string `json:"category"`
	Confidence  string `json:"confidence"`
	TLP         string `json:"tlp,omitempty"`
	Restriction string `json:"restriction,omitempty"`
	DIP         string `json:"dip"`
	Count       int    `json:"count"`
	Open        string `json:"open"`
	Sensor      string `json:"sensor"`
	shown       bool   // of the feed that shows its name
}

var labels = []string{"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"}

// draw makes records at places with every label and restriction.
func draw(series string, shown bool, at []place) []record {
	var out []record
	for _, p := range at {
		for _, tlp := range labels {
			for _, restriction := range []string{"public", "need-to-know", "internal"} {
				n := len(out)
				out = append(out, record{
					place: p, Name: fmt.Sprintf("rec-%s-%04d-end", series, n), T: time.Now().Add(-time.Duration(n+1) * time.Minute).Unix(),
					Category:   []string{"bots", "cnc", "malurl", "scanning"}[n%4],
					Confidence: []string{"low", "medium", "high"}[n/4%3],
					TLP:        tlp, Restriction: restriction, DIP: "233.252.0.1", Count: 4711, Open: "open-value", Sensor: "sensor-canary", shown: shown,
				})
			}
		}
	}
	return out
}

// publish puts a file into the folder of the feeds in one move.
func publish(t *testing.T, dir, name string, records []record) {
	t.Helper()
	var b strings.Builder
	enc := json.NewEncoder(&b)
	for i := range records {
		if err := enc.Encode(&records[i]); err != nil {
			t.Fatal(err)
		}
	}
	tmp := filepath.Join(dir, ".new")
	if err := os.WriteFile(tmp, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

// label is what the event ends up with: the feed that shows its name is AMBER and
// need-to-know, and records only narrow that.
func (r *record) label() int {
	n := slices.Index(labels, r.TLP)
	if r.shown {
		n = max(n, slices.Index(labels, "AMBER"))
	}
	return n
}

// visible says what the documents promise, without the product's code.
func (r *record) visible(clearance string) bool {
	return r.Restriction != "internal" && r.label() <= slices.Index(labels, clearance)
}

// inside and threats are the names of what a subscriber sees in a zone.
func inside(all []record, owner, clearance string) []string {
	return namesOf(all, func(r *record) bool { return strings.Contains(r.owners, owner) && r.visible(clearance) })
}

func threats(all []record, clearance string) []string {
	return namesOf(all, func(r *record) bool {
		return (r.Category == "cnc" || r.Category == "malurl") && r.Confidence != "low" && r.visible(clearance)
	})
}

func namesOf(all []record, want func(*record) bool) []string {
	var out []string
	for i := range all {
		if want(&all[i]) {
			out = append(out, all[i].Name)
		}
	}
	slices.Sort(out)
	return out
}

// recordName finds records in any text.
var recordName = regexp.MustCompile(`rec-[a-z]+-[0-9]{4}-end`)

func namesIn(text string) []string {
	names := recordName.FindAllString(text, -1)
	slices.Sort(names)
	return names
}

// isolation is a running weir with the three subscriptions.
type isolation struct {
	*testing.T
	weir     *Weir
	files    string
	url      string
	records  []record
	manifest map[string]string // placeholder to value
	withB    bool
}

// write writes the manifests.
func (i *isolation) write() {
	i.Helper()
	text := isolationManifests
	if i.withB {
		text += subscriptionB
	}
	for k, v := range i.manifest {
		text = strings.ReplaceAll(text, k, v)
	}
	tmp := filepath.Join(i.weir.Manifests, ".new")
	if err := os.WriteFile(tmp, []byte(text), 0o600); err != nil {
		i.Fatal(err)
	}
	if err := os.Rename(tmp, filepath.Join(i.weir.Manifests, "all.yaml")); err != nil {
		i.Fatal(err)
	}
}

// until waits for what is about to happen.
func (i *isolation) until(what string, ok func() bool) {
	i.Helper()
	ctx, cancel := context.WithTimeout(i.Context(), time.Minute)
	defer cancel()
	if err := Until(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		i.Fatalf("%s: it did not come about: %v", what, err)
	}
}

// ask sends a request and returns status and body.
func (i *isolation) ask(method, path, key string, header ...string) (int, string) {
	i.Helper()
	req, err := http.NewRequestWithContext(i.Context(), method, i.url+path, nil)
	if err != nil {
		i.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for k := 0; k < len(header); k += 2 {
		req.Header.Set(header[k], header[k+1])
	}
	resp, err := noRedirects.Do(req)
	if err != nil {
		i.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		i.Fatalf("%s %s: %v", method, path, err)
	}
	return resp.StatusCode, string(body)
}

var noRedirects = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

// names asks for a report and returns the records in it.
func (i *isolation) names(path, key string) []string {
	i.Helper()
	code, body := i.ask(http.MethodGet, path, key)
	if code != http.StatusOK {
		i.Errorf("%s: %d %.300s", path, code, body)
	}
	return namesIn(body)
}

const everSince = "?time.min=2020-01-01"

// listener is a client of a stream. It goes on reading until the stream ends.
type listener struct {
	mu     sync.Mutex
	text   strings.Builder
	lastID string
	ended  chan struct{}
	stop   context.CancelFunc
}

func (i *isolation) listen(path, key, after string) *listener {
	i.Helper()
	ctx, cancel := context.WithCancel(i.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.url+path, nil)
	if err != nil {
		i.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	resp, err := noRedirects.Do(req)
	if err != nil {
		i.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		i.Fatalf("%s: %s", path, resp.Status)
	}
	l := &listener{ended: make(chan struct{}), stop: cancel}
	go func() {
		defer close(l.ended)
		defer resp.Body.Close()
		sc := bufio.NewScanner(resp.Body)
		sc.Buffer(nil, 1<<20)
		for sc.Scan() {
			l.mu.Lock()
			l.text.WriteString(sc.Text() + "\n")
			if id, ok := strings.CutPrefix(sc.Text(), "id: "); ok {
				l.lastID = id
			}
			l.mu.Unlock()
		}
	}()
	i.Cleanup(func() { cancel(); <-l.ended })
	return l
}

func (l *listener) got() (text, lastID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String(), l.lastID
}

// same compares sorted lists and tells the difference.
func (i *isolation) same(what string, got, want []string) {
	i.Helper()
	if slices.Equal(got, want) {
		return
	}
	more := slices.DeleteFunc(slices.Clone(got), func(n string) bool { return slices.Contains(want, n) })
	less := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return slices.Contains(got, n) })
	i.Errorf("%s: %d records, want %d; too many: %v; missing: %v", what, len(got), len(want), more, less)
}

func TestSubscribersSeeTheirOwnAndNothingElse(t *testing.T) {
	i := &isolation{T: t, withB: true, manifest: map[string]string{"CRITERIA_A": criteriaOfA, "CLEARANCE_A": "GREEN", "KEY_OF_A": keyOfA}}
	i.weir = newWeir(t, "")
	i.files = t.TempDir()
	i.weir.Args = []string{"--files", i.files}
	i.write()
	if err := i.weir.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := i.weir.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i.url = e.Exports
	a, b := i.listen("/s/a/stream", keyOfA, ""), i.listen("/s/b/stream", keyOfB, "")

	hidden, shown := draw("hid", false, places), draw("sho", true, places[:8])
	publish(t, i.files, "hidden.jsonl", hidden)
	publish(t, i.files, "shown.jsonl", shown)
	i.records = slices.Concat(hidden, shown)
	everything := namesOf(i.records, func(*record) bool { return true })
	i.until("all events are recorded", func() bool {
		return len(i.names("/s/cert/search/events.sjson"+everSince, keyOfCert)) >= len(everything)
	})
	own, about, ownB := inside(i.records, "a", "GREEN"), threats(i.records, "GREEN"), inside(i.records, "b", "AMBER")

	t.Run("reports", func(t *testing.T) {
		i := i.in(t)
		for _, c := range []struct {
			path, key string
			want      []string
		}{
			{"/s/a/report/inside", keyOfA, own},
			{"/s/a/report/threats", keyOfA, about},
			{"/s/b/report/inside", keyOfB, ownB},
			{"/s/default.b/report/inside", keyOfB, ownB},
			{"/s/cert/search/events", keyOfCert, everything},
		} {
			i.report(c.path, c.key, c.want)
		}
	})
	t.Run("streams", func(t *testing.T) {
		i := i.in(t)
		both := slices.Concat(own, about)
		slices.Sort(both)
		i.streamed(a, both)
		i.streamed(b, ownB)
	})
	_, id := b.got()
	other := i.listen("/s/a/stream", keyOfA, id) // a place in the stream of another
	t.Run("attacks", func(t *testing.T) { i.in(t).attacks(own, about, ownB) })
	text, _ := other.got()
	for _, name := range namesIn(text) {
		if !slices.Contains(own, name) && !slices.Contains(about, name) {
			t.Errorf("resumed where another was, the stream of a has %s", name)
		}
	}
	t.Run("changes", func(t *testing.T) { i.in(t).changes(a, b) })
}

// in is i for a part of the test.
func (i *isolation) in(t *testing.T) *isolation {
	c := *i
	c.T = t
	return &c
}

// report compares a report in all formats, and the fields of its events.
func (i *isolation) report(path, key string, want []string) {
	i.Helper()
	full := key == keyOfCert
	_, text := i.ask(http.MethodGet, path+".json"+everSince, key)
	var events []map[string]any
	if err := json.Unmarshal([]byte(text), &events); err != nil {
		i.Fatalf("%s: %v", path, err)
	}
	i.same(path+".json", namesIn(text), want)
	for _, e := range events {
		i.redacted(path, e, full)
	}
	i.same(path+".sjson", i.names(path+".sjson"+everSince, key), want)
	_, text = i.ask(http.MethodGet, path+".csv"+everSince, key)
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil || len(rows) != len(want)+1 {
		i.Errorf("%s.csv: %d rows: %v", path, len(rows), err)
	}
	i.same(path+".csv", namesIn(text), want)
	if !full {
		i.clean(path+".csv", text)
	}
}

// redacted checks what of an event is shown.
func (i *isolation) redacted(path string, e map[string]any, full bool) {
	i.Helper()
	text, _ := json.Marshal(e)
	if !full {
		i.clean(path, string(text))
	}
	var want []string
	if full {
		want = []string{"count", "dip"}
	} else {
		want = []string{"adip"}
	}
	for _, field := range []string{"count", "dip", "adip", "ignored", "until"} {
		if _, there := e[field]; there != slices.Contains(want, field) {
			i.Errorf("%s: %s is there: %v; %s", path, field, there, text)
		}
	}
	if extra, _ := e["extra"].(map[string]any); len(extra) != map[bool]int{false: 1, true: 2}[full] {
		i.Errorf("%s: extra is %v", path, slices.Collect(maps.Keys(extra)))
	}
}

// clean checks that a text for somebody without full access holds nothing that is
// restricted.
func (i *isolation) clean(what, text string) {
	i.Helper()
	for _, s := range []string{"secret-publisher", "sensor-canary", "233.252", "4711,", "org-a.example", "org-b.example", "internal", "client"} {
		if strings.Contains(text, s) {
			i.Errorf("%s holds %q", what, s)
		}
	}
}

// streamed waits until a stream has brought records, and checks that it brings no
// others.
func (i *isolation) streamed(l *listener, want []string) {
	i.Helper()
	i.until("the stream has brought everything", func() bool {
		text, _ := l.got()
		return len(namesIn(text)) >= len(want)
	})
	text, _ := l.got()
	i.same("stream", namesIn(text), want)
	i.clean("stream", text)
}

// changes alters what is granted while everything runs.
func (i *isolation) changes(a, b *listener) {
	_, early := a.got()
	seen := i.listen("/s/a/stream", keyOfA, "1.0")
	i.until("there is something to resume", func() bool { _, id := seen.got(); return id != "" })

	// Lower clearance and other networks, and new events at the same time.
	i.manifest["CLEARANCE_A"], i.manifest["CRITERIA_A"] = "CLEAR", newCriteriaOfA
	late := draw("late", false, append(slices.Clone(places), place{IP: "2001:db8:c::7", owners: "c"}))
	i.write()
	publish(i.T, i.files, "hidden-late.jsonl", late)
	ended(i, a, "of a, when the clearance was lowered")
	ended(i, seen, "of a, when the clearance was lowered")
	var resumed []*listener
	for _, id := range []string{early, "1.0", ""} {
		resumed = append(resumed, i.listen("/s/a/stream", keyOfA, id))
	}
	total := len(i.records) + len(late)
	i.until("the new events are recorded", func() bool {
		return len(i.names("/s/cert/search/events.sjson"+everSince, keyOfCert)) >= total
	})
	old := inside(i.records, "a", "CLEAR")
	i.until("queries follow the lower clearance", func() bool {
		got := i.names("/s/a/report/inside.sjson"+everSince, keyOfA)
		return len(got) < total && !slices.ContainsFunc(got, i.above("CLEAR", late))
	})
	got := i.names("/s/a/report/inside.sjson"+everSince, keyOfA)
	for _, name := range old { // what it belonged to was decided when it was recorded
		if !slices.Contains(got, name) {
			i.Errorf("%s is not inside any more", name)
		}
	}

	// Once the change is through, new events come by the new rules only.
	last := draw("last", false, append(slices.Clone(places), place{IP: "2001:db8:c::8", owners: "c"}))
	publish(i.T, i.files, "hidden-last.jsonl", last)
	want := inside(last, "c", "CLEAR")
	for _, l := range resumed {
		i.until("new events reach the stream", func() bool {
			text, _ := l.got()
			return !slices.ContainsFunc(slices.Concat(want, threats(last, "CLEAR")), func(n string) bool { return !strings.Contains(text, n) })
		})
		text, _ := l.got()
		for _, name := range namesIn(text) {
			if i.above("CLEAR", late, last)(name) {
				i.Errorf("a resumed stream has %s", name)
			}
		}
	}
	inLast := slices.DeleteFunc(i.names("/s/a/report/inside.sjson"+everSince, keyOfA), func(n string) bool { return !strings.Contains(n, "-last-") })
	i.same("inside by the new criteria", inLast, want)

	// Another key.
	i.manifest["KEY_OF_A"] = newKeyOfA
	i.write()
	for _, l := range resumed {
		ended(i, l, "of a, when its key was changed")
	}
	if code, _ := i.ask(http.MethodGet, "/s/a/", keyOfA); code != http.StatusUnauthorized && code != http.StatusTooManyRequests {
		i.Errorf("the old key: %d", code)
	}
	if code, body := i.ask(http.MethodGet, "/s/a/", newKeyOfA); code != http.StatusOK {
		i.Errorf("the new key: %d %s", code, body)
	}
	select {
	case <-b.ended:
		i.Error("the stream of b ended for what is not b's")
	default:
	}

	// No subscription.
	i.withB = false
	i.write()
	ended(i, b, "of b, when its subscription was removed")
	for _, path := range []string{"/s/b/", "/s/b/stream", "/s/b/report/inside.json" + everSince} {
		if code, body := i.ask(http.MethodGet, path, keyOfB); code != http.StatusUnauthorized && code != http.StatusTooManyRequests {
			i.Errorf("%s of a removed subscription: %d %.200s", path, code, body)
		}
	}
}

// above tells names of records that clearance does not show.
func (i *isolation) above(clearance string, more ...[]record) func(string) bool {
	hidden := map[string]bool{}
	for _, list := range append(more, i.records) {
		for k := range list {
			hidden[list[k].Name] = !list[k].visible(clearance)
		}
	}
	return func(name string) bool { return hidden[name] }
}

func ended(i *isolation, l *listener, whose string) {
	i.Helper()
	select {
	case <-l.ended:
	case <-time.After(30 * time.Second):
		i.Fatalf("the stream %s, did not end", whose)
	}
}
