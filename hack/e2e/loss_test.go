package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Three feeds of different formats, 200,000 records together. The text feed has
// no times of its own.
const (
	csvRecords  = 100_000
	jsonRecords = 50_000
	textRecords = 50_000
	allRecords  = csvRecords + jsonRecords + textRecords
)

func writeFeed(w http.ResponseWriter, r *http.Request) {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	switch r.URL.Path {
	case "/csv":
		fmt.Fprintln(w, "time,ip,port,malware")
		for i := range csvRecords {
			fmt.Fprintf(w, "%s,198.51.100.%d,%d,family%d\n", start.Add(time.Duration(i)*7*time.Second).Format("2006-01-02 15:04:05"), i%250+1, i%60000+1, i%17)
		}
	case "/json":
		for i := range jsonRecords {
			fmt.Fprintf(w, `{"seen":%d,"src":{"ip":"2001:db8::%x"},"url":"http://host%d.example.net/p/%d"}`+"\n", start.Unix()+int64(i)*11, i%65000+1, i%900, i)
		}
	case "/text":
		for i := range textRecords {
			fmt.Fprintf(w, "http://phish%d.example.org/login?id=%d\n", i%700, i)
		}
	}
}

const lossManifests = WatchAll + `---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: csv}
spec: {provider: example, channel: csv, exchangeRef: {name: main}, parserRef: {name: csv}, http: {url: "URL/csv"}, schedule: {interval: 1h}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: json}
spec: {provider: example, channel: json, exchangeRef: {name: main}, parserRef: {name: json}, http: {url: "URL/json"}, schedule: {interval: 1h}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: text}
spec: {provider: example, channel: text, exchangeRef: {name: main}, parserRef: {name: text}, http: {url: "URL/text"}, schedule: {interval: 1h}}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: csv}
spec:
  input: {csv: {}}
  mapping:
    - {field: time, from: [time], time: {layouts: ["%Y-%m-%d %H:%M:%S"]}}
    - {field: ip, from: [ip], required: true}
    - {field: dport, from: [port]}
    - {field: name, from: [malware]}
  constants: {category: bots}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: json}
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
metadata: {name: text}
spec:
  input: {text: {}}
  mapping:
    - {field: url, from: [line], required: true}
  constants: {category: phish}
`

func newWeir(t *testing.T, manifests string) *Weir {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the binary for a while")
	}
	dir := t.TempDir()
	bin, err := Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &Weir{Bin: bin, Manifests: filepath.Join(dir, "manifests"), Data: filepath.Join(dir, "data")}
	if err := os.MkdirAll(w.Manifests, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.Manifests, "all.yaml"), []byte(manifests), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Kill()
		if t.Failed() {
			t.Logf("weir said at the end:\n%s", tail(w.Log(), 4000))
		}
	})
	return w
}

// finish waits until all records are recorded and returns id by record content.
func finish(t *testing.T, w *Weir) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e, err := w.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	url := e.Exports + "/s/all/search/events.sjson?time.min=2026-01-01"
	var events []Event
	err = Until(ctx, func() (bool, error) {
		recorded := 0
		events, err = Get(ctx, url, WatchAllToken)
		recorded = len(events)
		if err == nil && recorded < allRecords {
			return false, wait(ctx, time.Second)
		}
		return recorded >= allRecords, err
	})
	if err != nil {
		t.Fatalf("%d of %d events: %v", len(events), allRecords, err)
	}
	ids := make(map[string]string, len(events))
	for _, e := range events {
		if _, twice := ids[e.ID]; twice {
			t.Errorf("event %s is there twice: %s", e.ID, e.Raw)
		}
		ids[e.ID] = e.Raw
	}
	return ids
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func compare(t *testing.T, want, got map[string]string) {
	t.Helper()
	lost, added := 0, 0
	for id, raw := range want {
		if _, ok := got[id]; !ok {
			if lost++; lost <= 3 {
				t.Errorf("lost: %s", raw)
			}
		}
	}
	for id, raw := range got {
		if _, ok := want[id]; !ok {
			if added++; added <= 3 {
				t.Errorf("not in the undisturbed run: %s", raw)
			}
		}
	}
	if lost+added > 0 {
		t.Errorf("%d events lost, %d added", lost, added)
	}
}

func TestKilledTenTimesItEndsWithTheEventsOfAnUndisturbedRun(t *testing.T) {
	feeds := httptest.NewServer(http.HandlerFunc(writeFeed))
	defer feeds.Close()
	manifests := strings.ReplaceAll(lossManifests, "URL", feeds.URL)

	calm := newWeir(t, manifests)
	started := time.Now()
	if err := calm.Start(); err != nil {
		t.Fatal(err)
	}
	want := finish(t, calm)
	undisturbed := time.Since(started)
	t.Logf("undisturbed: %d events in %s", len(want), undisturbed.Round(time.Millisecond))
	calm.Kill()

	stormy := newWeir(t, manifests)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		if err := stormy.Start(); err != nil {
			t.Fatal(err)
		}
		// Long enough that work is done, short enough that it is not finished.
		pause := 200*time.Millisecond + time.Duration(random.Int64N(int64(undisturbed/8)))
		if err := wait(t.Context(), pause); err != nil {
			t.Fatal(err)
		}
		stormy.Kill()
	}
	if err := stormy.Start(); err != nil {
		t.Fatal(err)
	}
	compare(t, want, finish(t, stormy))
}

func TestAFullStoreDiskLosesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mounting a small file system needs root")
	}
	feeds := httptest.NewServer(http.HandlerFunc(writeFeed))
	defer feeds.Close()
	manifests := strings.ReplaceAll(lossManifests, "URL", feeds.URL)

	calm := newWeir(t, manifests)
	if err := calm.Start(); err != nil {
		t.Fatal(err)
	}
	want := finish(t, calm)
	calm.Kill()

	w := newWeir(t, manifests)
	dir := filepath.Join(w.Data, "store")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		if errors.Is(err, syscall.EPERM) {
			t.Skip("mounting is not permitted here")
		}
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Kill()
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if _, err := w.Endpoint(ctx); err != nil {
		t.Fatal(err)
	}
	err := Until(ctx, func() (bool, error) {
		var fs syscall.Statfs_t
		if err := syscall.Statfs(dir, &fs); err != nil {
			return false, err
		}
		return fs.Bavail*uint64(fs.Bsize) < 512<<10 || strings.Contains(w.Log(), "full"), nil
	})
	if err != nil {
		t.Fatalf("the disk did not become full: %v", err)
	}
	if err := wait(ctx, 2*time.Second); err != nil { // it stays full for a while
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=2g"); err != nil {
		t.Fatal(err)
	}
	compare(t, want, finish(t, w))
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }
