package e2e

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// good is what each feed publishes when it is well: a header and three hosts.
func good(n int) string {
	return fmt.Sprintf("ip,name\n192.0.2.%d,one\n198.51.100.%d,two\n203.0.113.%d,three\n", n, n, n)
}

func gzipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

// bomb is a zip file with a member of 64 MiB of zeros.
func bomb() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("bomb.csv")
	if err != nil {
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	for range 64 {
		f.Write(zeros)
	}
	w.Close()
	return b.Bytes()
}

// rubbish are the ways in which a publisher fails, and what weir status says.
var rubbish = []struct {
	name  string
	serve func(w http.ResponseWriter, r *http.Request, ok string)
	state string // part of the line of weir status, with single spaces
	early int    // events that arrive in spite of it
}{
	{"truncated-gzip", func(w http.ResponseWriter, _ *http.Request, ok string) {
		w.Write(gzipped(strings.Repeat(ok, 100))[:60])
	}, "UnpackFailed", 0},
	{"html", func(w http.ResponseWriter, _ *http.Request, _ string) {
		io.WriteString(w, "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>")
	}, `FormatChanged: The payload is HTML ("Just a moment...") instead of CSV.`, 0},
	{"wrong-charset", func(w http.ResponseWriter, _ *http.Request, ok string) {
		io.WriteString(w, ok+"192.0.2.250,\xb3\xf3d\xbf\n") // windows-1250 in what is declared as UTF-8
	}, " 3 0 1 0 Ready", 3},
	{"long-line", func(w http.ResponseWriter, _ *http.Request, ok string) {
		head, rest, _ := strings.Cut(ok, "\n")
		io.WriteString(w, head+"\n192.0.2.250,"+strings.Repeat("x", 10<<20)+"\n"+rest)
	}, " 3 0 1 0 Ready", 3},
	{"zip-bomb", func(w http.ResponseWriter, _ *http.Request, _ string) { w.Write(bomb()) }, "TooLarge", 0},
	{"metadata", func(w http.ResponseWriter, r *http.Request, _ string) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
	}, "AddressForbidden", 0},
	{"endless", func(w http.ResponseWriter, r *http.Request, ok string) {
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, ok); err != nil {
				return
			}
		}
	}, "TooLarge", 0},
	{"server-error", func(w http.ResponseWriter, _ *http.Request, _ string) {
		http.Error(w, "out of order", http.StatusInternalServerError)
	}, "HTTPStatus", 0},
}

const rubbishFeed = `---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: NAME}
spec:
  provider: example
  channel: NAME
  exchangeRef: {name: main}
  parserRef: {name: hosts}
  http: {url: "URL/NAME"}
  schedule: {interval: 1s}
  limits: {downloadBytes: 33554432}
`

const rubbishRest = WatchAll + `---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: hosts}
spec:
  input: {charset: utf-8, csv: {}}
  mapping: [{field: ip, from: [ip], required: true}, {field: name, from: [name]}]
  constants: {category: bots}
`

func TestRubbishGetsAClearStatusAndLosesNothing(t *testing.T) {
	var well atomic.Bool
	mux := http.NewServeMux()
	for i, r := range rubbish {
		ok := good(i + 1)
		mux.HandleFunc("/"+r.name, func(w http.ResponseWriter, req *http.Request) {
			if well.Load() {
				io.WriteString(w, ok)
				return
			}
			r.serve(w, req, ok)
		})
	}
	feeds := httptest.NewServer(mux)
	defer feeds.Close()
	manifests := rubbishRest
	for _, r := range rubbish {
		manifests += strings.NewReplacer("NAME", r.name, "URL", feeds.URL).Replace(rubbishFeed)
	}
	w := newWeir(t, manifests)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	e, err := w.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rubbish {
		status := ""
		err := Until(ctx, func() (bool, error) {
			out, err := w.Command(ctx, "status")
			for line := range strings.Lines(out) {
				if strings.HasPrefix(line, "default/"+r.name+" ") {
					status = strings.Join(strings.Fields(line), " ")
				}
			}
			return strings.Contains(status, r.state), err
		})
		if err != nil {
			t.Errorf("%s: weir status does not say %q: %v\n%s", r.name, r.state, err, status)
			return
		}
		t.Log(status)
	}
	early := 0
	for _, r := range rubbish {
		early += r.early
	}
	got, err := Get(ctx, e.Exports+"/s/all/search/events.sjson?time.min=2026-01-01", WatchAllToken)
	if err != nil || len(got) != early {
		t.Errorf("%d events of rubbish, want %d: %v", len(got), early, err)
	}

	well.Store(true)
	err = Until(ctx, func() (bool, error) {
		got, err = Get(ctx, e.Exports+"/s/all/search/events.sjson?time.min=2026-01-01", WatchAllToken)
		return len(got) == 3*len(rubbish), err
	})
	if err != nil {
		t.Fatalf("%d events after all feeds are well again, want %d: %v", len(got), 3*len(rubbish), err)
	}
}
