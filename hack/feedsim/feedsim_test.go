package feedsim

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

func get(s *Sim, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func TestOneSeedMakesOneWorld(t *testing.T) {
	a, b := New(Options{Seed: 7, Start: start}), New(Options{Seed: 7, Start: start})
	other := New(Options{Seed: 8, Start: start})
	for name, path := range a.Feeds() {
		if x, y := get(a, path).Body.String(), get(b, path).Body.String(); x != y || len(x) < 500 {
			t.Errorf("%s: two simulators of one seed differ, or say little: %d and %d bytes", name, len(x), len(y))
		}
		if get(a, path).Body.String() == get(other, path).Body.String() {
			t.Errorf("%s: another seed gives the same", name)
		}
	}
}

func TestEveryServedRecordIsInTheAnswers(t *testing.T) {
	s := New(Options{Seed: 1, Start: start, PerRound: 10})
	seen := map[string]*strings.Builder{}
	for range 4 {
		for name, path := range s.Feeds() {
			if seen[name] == nil {
				seen[name] = &strings.Builder{}
			}
			seen[name].WriteString(get(s, path).Body.String())
			if !s.Caught(name) {
				t.Errorf("%s was served, but does not count as caught", name)
			}
		}
		s.Advance()
	}
	for name, b := range seen {
		served := s.Served(name)
		if len(served) != 40 || len(s.Truth(name)) != 50 {
			t.Errorf("%s: %d served of %d, want 40 of 50", name, len(served), len(s.Truth(name)))
		}
		for _, r := range served {
			key := r.URL
			if key == "" {
				key = r.IP
			}
			if !strings.Contains(b.String(), key) {
				t.Errorf("%s: %s was served, but is in no answer", name, key)
			}
		}
		if s.Caught(name) {
			t.Errorf("%s: the last round was never served, but counts as caught", name)
		}
	}
}

func TestRecordsOfAFeedAreDistinct(t *testing.T) {
	s := New(Options{Seed: 3, Start: start})
	for range 20 {
		s.Advance()
	}
	for name := range s.Feeds() {
		seen := map[Record]bool{}
		for _, r := range s.Truth(name) {
			r.Round = 0
			if seen[r] {
				t.Errorf("%s: %+v comes twice", name, r)
			}
			seen[r] = true
		}
	}
}

func TestConditionalRequests(t *testing.T) {
	s := New(Options{Seed: 1, Start: start})
	first := get(s, "/feeds/c2.csv")
	for _, h := range [][]string{{"If-None-Match", first.Header().Get("ETag")}, {"If-Modified-Since", first.Header().Get("Last-Modified")}} {
		if w := get(s, "/feeds/c2.csv", h...); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
			t.Errorf("%v: %d", h, w.Code)
		}
	}
	s.Advance()
	for _, h := range [][]string{{"If-None-Match", first.Header().Get("ETag")}, {"If-Modified-Since", first.Header().Get("Last-Modified")}} {
		if w := get(s, "/feeds/c2.csv", h...); w.Code != http.StatusOK {
			t.Errorf("%v after a round: %d", h, w.Code)
		}
	}
	packed := get(s, "/feeds/phishing.txt", "Accept-Encoding", "gzip")
	z, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || string(plain) != get(s, "/feeds/phishing.txt").Body.String() {
		t.Errorf("gzip answer differs: %v", err)
	}
	if packed.Header().Get("ETag") == get(s, "/feeds/phishing.txt").Header().Get("ETag") {
		t.Error("both encodings have one ETag")
	}
}

func TestFaults(t *testing.T) {
	s := New(Options{Seed: 1, Start: start})
	line := func(feed string, n int) string {
		return strings.Split(get(s, s.Feeds()[feed]).Body.String(), "\n")[n]
	}
	tests := []struct {
		feed  string
		how   Fault
		check func() bool
	}{
		{C2, Rename, func() bool { return line(C2, 6) == "# first_seen_utc,server_address,dst_port,c2_status,malware" }},
		{C2, Remove, func() bool { return line(C2, 6) == "# first_seen_utc,dst_port,c2_status,malware" }},
		{C2, Reorder, func() bool { return line(C2, 6) == "# dst_ip,first_seen_utc,dst_port,c2_status,malware" }},
		{C2, Retype, func() bool { return strings.HasPrefix(line(C2, 7), `"17`) }},
		{C2, Append, func() bool { return strings.HasSuffix(line(C2, 6), ",reporter") }},
		{Scan, Rename, func() bool { return strings.Contains(line(Scan, 0), `"host":{"address":`) }},
		{Sinkhole, Retype, func() bool { return strings.HasPrefix(line(Sinkhole, 0), `{"ts":"2026-11-01T`) }},
		{Sinkhole, Remove, func() bool { return !strings.Contains(line(Sinkhole, 0), `"src":`) }},
		{Phishing, Retype, func() bool { return strings.Contains(line(Phishing, 0), ";hxxps://") }},
		{Phishing, HTML, func() bool { return strings.HasPrefix(line(Phishing, 0), "<!DOCTYPE") }},
		{C2, Delimiter, func() bool { return line(C2, 6) == "# first_seen_utc;dst_ip;dst_port;c2_status;malware" }},
		{Scan, Envelope, func() bool { return strings.Contains(line(Scan, 0), `"observations":[`) }},
		{Sinkhole, ErrorBody, func() bool { return strings.HasPrefix(line(Sinkhole, 0), `{"error":`) }},
		{Phishing, Retired, func() bool { return strings.Contains(line(Phishing, 0), "discontinued") }},
		{Scan, ServerError, func() bool { return get(s, "/feeds/scan.json").Code == 500 }},
		{Scan, RateLimited, func() bool {
			w := get(s, "/feeds/scan.json")
			return w.Code == 429 && w.Header().Get("Retry-After") == "1"
		}},
		{C2, TruncatedGzip, func() bool {
			z, err := gzip.NewReader(get(s, "/feeds/c2.csv").Body)
			if err == nil {
				_, err = io.ReadAll(z)
			}
			return errors.Is(err, io.ErrUnexpectedEOF)
		}},
	}
	for _, tc := range tests {
		before := get(s, s.Feeds()[tc.feed]).Body.Bytes()
		if w := get(s, "/control/break?feed="+tc.feed+"&how="+string(tc.how)); w.Code != 200 {
			t.Errorf("%s %s: %s", tc.feed, tc.how, w.Body)
		}
		if !tc.check() {
			t.Errorf("%s %s: does not show", tc.feed, tc.how)
		}
		if w := get(s, "/control/fix?feed="+tc.feed); w.Code != 200 {
			t.Errorf("fix %s: %s", tc.feed, w.Body)
		}
		if !bytes.Equal(before, get(s, s.Feeds()[tc.feed]).Body.Bytes()) {
			t.Errorf("%s %s: fix does not bring back what was there", tc.feed, tc.how)
		}
	}
}

func TestJSONFeedsAreValid(t *testing.T) {
	s := New(Options{Seed: 1, Start: start})
	for _, how := range []Fault{"", Rename, Remove, Reorder, Retype, Append} {
		for _, feed := range []string{Scan, Sinkhole} {
			if how != "" {
				if err := s.Break(feed, how); err != nil {
					t.Fatal(err)
				}
			}
			d := json.NewDecoder(get(s, s.Feeds()[feed]).Body)
			for d.More() {
				var v map[string]any
				if err := d.Decode(&v); err != nil || len(v) == 0 {
					t.Fatalf("%s %s: %v", feed, how, err)
				}
			}
		}
	}
}

func TestControlRefusesWhatIsNotThere(t *testing.T) {
	s := New(Options{})
	for _, path := range []string{"/control/break?feed=none&how=html", "/control/break?feed=c2&how=none", "/control/break?feed=phishing&how=rename", "/control/fix?feed=none"} {
		if w := get(s, path); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get(s, "/control/none"); w.Code != http.StatusNotFound {
		t.Errorf("unknown action: %d", w.Code)
	}
	var truth []Record
	if err := json.Unmarshal(get(s, "/control/truth?feed=c2").Body.Bytes(), &truth); err != nil || !slices.Equal(truth, s.Truth(C2)) {
		t.Errorf("truth over HTTP differs: %v", err)
	}
	get(s, "/control/advance")
	if len(s.Truth(C2)) != 50 || s.Requests(C2) != 0 {
		t.Errorf("after advance: %d records, %d requests", len(s.Truth(C2)), s.Requests(C2))
	}
}
