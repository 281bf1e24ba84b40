// Package feedsim serves security feeds that change over time, for
// demonstrations and tests: a C2 list in CSV, a list of phishing URLs, a scan
// report in JSON and a sinkhole log in JSON lines. What they say is made of a
// seed, with addresses and names that are reserved for documentation (RFC 5737,
// RFC 3849, RFC 2606).
//
// Each round adds records, and a feed shows those of its last rounds only, as
// real publishers do: a record that was served and did not arrive is lost, and
// Served tells which records those are.
package feedsim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Names of the feeds. They are served under /feeds/<name>.<suffix>; see Feeds.
const (
	C2       = "c2"       // CSV with a commented header
	Phishing = "phishing" // one URL a line, gzip on request
	Scan     = "scan"     // JSON, an array of nested objects under "results"
	Sinkhole = "sinkhole" // JSON lines
)

// Fault is a way to break a feed.
type Fault string

// The faults. Rename to Retype change the format of one column, Delimiter and
// Envelope that of the whole; they count as served. Of the others nothing can be
// read.
const (
	Rename        Fault = "rename"         // the main column gets another name
	Remove        Fault = "remove"         // the main column goes
	Reorder       Fault = "reorder"        // the first two columns swap (JSON: keys, which means nothing)
	Retype        Fault = "retype"         // times are written in another way
	Append        Fault = "append"         // a column more at the end, which breaks nothing
	HTML          Fault = "html"           // an error page, with status 200
	ErrorBody     Fault = "error-body"     // an error in JSON, with status 200
	Retired       Fault = "retired"        // a notice instead of data
	Delimiter     Fault = "delimiter"      // semicolons instead of commas (CSV)
	Envelope      Fault = "envelope"       // the records are in another member (JSON)
	TruncatedGzip Fault = "truncated-gzip" // gzip that breaks off in the middle
	ServerError   Fault = "500"
	RateLimited   Fault = "429" // with Retry-After: 1
)

// Faults are all of them.
var Faults = []Fault{Rename, Remove, Reorder, Retype, Append, Delimiter, Envelope, HTML, ErrorBody, Retired, TruncatedGzip, ServerError, RateLimited}

// Options configure a simulator.
type Options struct {
	Seed uint64
	// Start is the time of the first record; an hour ago if zero. Each round is a
	// minute.
	Start time.Time
	// PerRound is how many records each feed gets in a round; 25 if zero.
	PerRound int
}

// Sim is the simulator, an http.Handler. Safe for concurrent use.
type Sim struct {
	opts Options
	mux  *http.ServeMux

	mu    sync.Mutex
	feeds map[string]*feed
}

// feed is one feed and what is known of it.
type feed struct {
	name, file string
	window     int // rounds that are shown
	layout     layout
	changed    time.Time
	fault      Fault
	rounds     [][]Record
	served     []bool // per round: was in a whole answer
	requests   int
}

// Record is one true observation.
type Record struct {
	Feed   string    `json:"feed"`
	Round  int       `json:"round"`
	Time   time.Time `json:"time"`
	IP     string    `json:"ip,omitempty"`
	Port   int       `json:"port,omitempty"`
	DstIP  string    `json:"dip,omitempty"`
	Host   string    `json:"fqdn,omitempty"`
	URL    string    `json:"url,omitempty"`
	Name   string    `json:"name,omitempty"`
	Online bool      `json:"online,omitempty"`
	CVE    string    `json:"cve,omitempty"`
}

// New makes a simulator whose feeds are in their first round.
func New(o Options) *Sim {
	if o.Start.IsZero() {
		o.Start = time.Now().Add(-time.Hour)
	}
	o.Start = o.Start.UTC().Truncate(time.Second)
	if o.PerRound <= 0 {
		o.PerRound = 25
	}
	s := &Sim{opts: o, mux: http.NewServeMux(), feeds: map[string]*feed{
		C2:       {name: C2, file: "c2.csv", window: 3, layout: c2Layout},
		Phishing: {name: Phishing, file: "phishing.txt", window: 5, layout: phishingLayout},
		Scan:     {name: Scan, file: "scan.json", window: 1, layout: scanLayout},
		Sinkhole: {name: Sinkhole, file: "sinkhole.jsonl", window: 1, layout: sinkholeLayout},
	}}
	for _, f := range s.feeds {
		s.mux.HandleFunc("GET /feeds/"+f.file, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, f) })
	}
	s.mux.HandleFunc("/control/{action}", s.control)
	s.Advance()
	return s
}

// ServeHTTP serves the feeds and, under /control/, the methods below.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Feeds are the names with their paths.
func (s *Sim) Feeds() map[string]string {
	paths := map[string]string{}
	for name, f := range s.feeds {
		paths[name] = "/feeds/" + f.file
	}
	return paths
}

// Advance starts the next round and returns its number, from 0.
func (s *Sim) Advance() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	round := 0
	for _, f := range s.feeds {
		round = len(f.rounds)
		f.rounds = append(f.rounds, s.observe(f.name, round))
		f.served = append(f.served, false)
		f.touch()
	}
	return round
}

// touch moves Last-Modified, which counts in seconds, on.
func (f *feed) touch() {
	now := time.Now().UTC().Truncate(time.Second)
	if !now.After(f.changed) {
		now = f.changed.Add(time.Second)
	}
	f.changed = now
}

// Break breaks a feed until Fix. Not every format can break in every way.
func (s *Sim) Break(name string, how Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.feeds[name]
	switch {
	case !ok:
		return fmt.Errorf("there is no feed %q", name)
	case !slices.Contains(Faults, how):
		return fmt.Errorf("there is no fault %q: use one of %v", how, Faults)
	case name != C2 && how == Delimiter, name != Scan && how == Envelope:
		return fmt.Errorf("feed %s has no %s that could change", name, how)
	case name == Phishing && slices.Contains([]Fault{Rename, Remove, Reorder, Append}, how):
		return fmt.Errorf("feed %s has no columns that could %s", name, how)
	}
	f.fault = how
	f.touch()
	return nil
}

// Fix ends what Break began.
func (s *Sim) Fix(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.feeds[name]
	if !ok {
		return fmt.Errorf("there is no feed %q", name)
	}
	f.fault = ""
	f.touch()
	return nil
}

// Truth returns all records of a feed so far.
func (s *Sim) Truth(name string) []Record { return s.records(name, false) }

// Served returns the records that were in a whole answer in any format.
func (s *Sim) Served(name string) []Record { return s.records(name, true) }

func (s *Sim) records(name string, servedOnly bool) []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Record
	if f, ok := s.feeds[name]; ok {
		for i, round := range f.rounds {
			if f.served[i] || !servedOnly {
				all = append(all, round...)
			}
		}
	}
	return all
}

// Caught tells whether the newest round of a feed was in a whole answer. A
// driver that waits for it before it advances loses nothing on purpose.
func (s *Sim) Caught(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.feeds[name]
	return ok && f.served[len(f.served)-1]
}

// Requests counts the requests for a feed.
func (s *Sim) Requests(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.feeds[name]; ok {
		return f.requests
	}
	return 0
}

// control serves /control/advance, break?feed=&how=, fix?feed=, truth?feed=,
// served?feed= and feeds.
func (s *Sim) control(w http.ResponseWriter, r *http.Request) {
	name, err := r.FormValue("feed"), error(nil)
	var answer any
	switch r.PathValue("action") {
	case "advance":
		answer = map[string]int{"round": s.Advance()}
	case "break":
		err = s.Break(name, Fault(r.FormValue("how")))
	case "fix":
		err = s.Fix(name)
	case "truth":
		answer = s.Truth(name)
	case "served":
		answer = s.Served(name)
	case "feeds":
		answer = s.Feeds()
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// etag of a body; the encoded variant is another representation.
func etag(sum string, encoded bool) string {
	if encoded {
		sum += "-gzip"
	}
	return strconv.Quote(sum)
}

func acceptsGzip(r *http.Request) bool {
	return strings.Contains(strings.Join(r.Header.Values("Accept-Encoding"), ","), "gzip")
}
