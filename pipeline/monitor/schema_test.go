package monitor_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

var documents = bus.Feed{Namespace: "default", Name: "documents"}

const schemaSet = `
input: {schemaSet: {schemaFrom: documents}}
`

// schemaWorld has a FeedSource of reports, which is bots, and one of schema
// documents.
type schemaWorld struct {
	*world
	docs int
}

func newSchemaWorld(t *testing.T, parser string) *schemaWorld {
	w := &schemaWorld{world: newWorld(t)}
	w.set(parser)
	return w
}

func (w *schemaWorld) set(parser string) {
	w.put(plan.Key(plan.PrefixMonitor, "default", "reports"), plan.Monitor{Namespace: "default", Name: "reports",
		Spec:  specOf(w.tb, parser),
		Feeds: []plan.MonitorFeed{{Name: bots.Name, Source: "example.bots"}, {Name: documents.Name, Source: "example.documents"}}})
}

// document publishes a schema document of a day of January, and waits until it
// was dealt with.
func (w *schemaWorld) document(day int, reports ...string) string {
	w.tb.Helper()
	return w.rawDocument(docOf(day, reports...))
}

func docOf(day int, reports ...string) string {
	return fmt.Sprintf(`{"_meta": {"date_created": "2026-01-%02dT00:00:00Z"}, %s}`, day, strings.Join(reports, ", "))
}

func (w *schemaWorld) rawDocument(doc string) string {
	w.tb.Helper()
	w.sendDocument(doc)
	w.docStatus("the document is dealt with", func(s status.Monitor) bool { return s.Payloads == int64(w.docs) })
	return digestOf(doc)
}

func digestOf(doc string) string {
	sum := sha256.Sum256([]byte(doc))
	return hex.EncodeToString(sum[:])
}

func (w *schemaWorld) sendDocument(doc string) {
	w.tb.Helper()
	w.docs++
	p := &bus.Payload{ID: fmt.Sprintf("d%d", w.docs), Feed: documents, Source: "example.documents", Collected: time.Now().UTC()}
	if err := w.conn.PublishRaw(w.tb.Context(), p, strings.NewReader(doc)); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *schemaWorld) docStatus(what string, ok func(status.Monitor) bool) (s status.Monitor) {
	w.tb.Helper()
	w.wait("of the documents: "+what, func() bool {
		s = status.Monitor{}
		b, err := w.conn.Status().Get(context.Background(), plan.Key(plan.PrefixMonitor, documents.Namespace, documents.Name))
		if err == nil {
			err = json.Unmarshal(b, &s)
		}
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			w.tb.Fatal(err)
		}
		return ok(s)
	})
	return s
}

// report publishes a report of n rows whose addresses are 10.<net>.x.x.
func (w *schemaWorld) report(name string, net, n int, columns ...string) {
	w.tb.Helper()
	w.send("2026-01-31-"+name+"-example.csv", rows(net, n, columns...))
}

func (w *schemaWorld) send(file, content string) {
	w.tb.Helper()
	w.published++
	p := &bus.Payload{ID: fmt.Sprintf("p%d", w.published), Feed: bots, Source: "example.bots", Collected: time.Now().UTC(), Filename: file}
	if err := w.conn.PublishRaw(w.tb.Context(), p, strings.NewReader(content)); err != nil {
		w.tb.Fatal(err)
	}
}

func (w *schemaWorld) decideDocument(incident string, d v1alpha1.Decision) status.Monitor {
	w.tb.Helper()
	w.put(plan.Key(plan.PrefixDecision, documents.Namespace, documents.Name, incident), plan.Decision{Incident: incident, Decision: d})
	return w.docStatus("the incident is closed", func(s status.Monitor) bool { return s.Incident == nil && s.Held == 0 })
}

// kind is a report in a schema document; its address is in the given column.
func kind(name, address string, optional ...string) string {
	return fmt.Sprintf(`%q: {"file_name": %q, "constant_fields": {"classification.type": "scanner", "classification.identifier": %q},
"required_fields": [["time.source", "first_seen"], ["source.ip", %q, "validate_ip"]],
"optional_fields": [["source.port", "dst_port", "convert_int"]%s]}`, name, name, name, address, strings.Join(append([]string{""}, optional...), ", "))
}

func TestReportsWaitForTheSchemaDocument(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port", "word")
	s := w.until("the feed waits", func(s status.Monitor) bool { return s.Reason == v1alpha1.ReasonWaiting })
	if s.OK || s.Message != `Waits for a schema document of FeedSource "documents".` {
		t.Errorf("status: %+v", s)
	}
	w.document(1, kind("scan_a", "dst_ip"))
	if s := w.done(); !s.OK || s.Events != 9 || s.Held != 0 {
		t.Errorf("status: %+v", s)
	}
	if got := w.addresses(9); !slices.Equal(got, nets(1, 9)) {
		t.Errorf("events of %v", got)
	}
	d := w.docStatus("it is in force", func(s status.Monitor) bool { return s.OK })
	if d.Message != "The schema document of 2026-01-01T00:00:00Z is in force: 1 report, 3 columns." || d.Held != 0 {
		t.Errorf("status of the documents: %+v", d)
	}
}

func TestANewDocumentReleasesReportsThatWereUnknown(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(1, kind("scan_a", "dst_ip"))
	w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port")
	w.report("scan_b", 2, 9, "first_seen", "dst_ip", "dst_port")
	s := w.done()
	if s.Held != 1 || s.Events != 9 || !strings.Contains(s.Message, `has no report "scan_b"`) {
		t.Fatalf("status: %+v", s)
	}
	w.document(2, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"))
	if s = w.until("it is released", func(s status.Monitor) bool { return s.Held == 0 && s.Incident == nil }); s.Events != 18 || !s.OK {
		t.Errorf("status: %+v", s)
	}
	if got := w.addresses(18); !slices.Equal(got, append(nets(1, 9), nets(2, 9)...)) {
		t.Errorf("events of %v", got)
	}
	d := w.docStatus("it is in force", func(s status.Monitor) bool { return strings.Contains(s.Message, "01-02") })
	if !strings.Contains(d.Message, "(1 report new (scan_b))") {
		t.Error(d.Message)
	}
	// A replay takes all of it once more, with other message ids.
	w.put(plan.Key(plan.PrefixReplay, bots.Namespace, bots.Name), plan.Replay{ID: "again", Since: started.Add(-time.Hour).Format(time.RFC3339)})
	w.until("the replay is done", func(s status.Monitor) bool { return s.Replay == "again" })
	w.addresses(36)
}

func TestADocumentThatFailsACheckIsHeldAndTheOneInForceStays(t *testing.T) {
	const unknown = `["extra.", "tag", "to_something_new"]`
	for _, tc := range []struct{ name, doc, want string }{
		{"an unknown function", docOf(2, kind("scan_a", "dst_ip", unknown)), `does not know the function "to_something_new"`},
		{"older", docOf(1, kind("scan_a", "dst_ip")), "it is of 2026-01-01T00:00:00Z, older than the one in force, of 2026-01-02T00:00:00Z"},
		{"no document", "<html>maintenance</html>", "the schema document is no JSON object"},
		{"the last report would not be read", docOf(3, kind("scan_a", "ip_address"), kind("scan_ex", "dst_ip")),
			"of the last report scan_a of FeedSource bots, 0 of 9 records would become events (the report scan_a lacks the required column ip_address"},
		{"the report is gone", docOf(3, kind("scan_ex", "dst_ip")), `0 of 9 records would become events (the schema document of 2026-01-03T00:00:00Z has no report`},
		{"an example fails", docOf(3, kind("scan_a", "dst_ip"), strings.Replace(kind("scan_ex", "dst_ip"), "scanner", "spam", 1)),
			`the example "as ever" of the Parser fails with it: event 1: category: expected "scanning", got "spam"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newSchemaWorld(t, schemaSet+`
examples:
- name: as ever
  meta: {filename: scan_ex.csv}
  input: "first_seen,dst_ip\n2026-01-01,192.0.2.1\n"
  events: [{category: scanning}]
`)
			w.document(2, kind("scan_a", "dst_ip"), kind("scan_ex", "dst_ip"))
			w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port")
			w.done()
			w.rawDocument(tc.doc)
			d := w.docStatus("it is held", func(s status.Monitor) bool { return s.Held == 1 })
			if d.OK || d.Reason != v1alpha1.ReasonFormatChanged || d.Incident == nil || !strings.Contains(d.Message, tc.want) {
				t.Fatalf("status: %+v\nwant %s", d, tc.want)
			}
			w.report("scan_a", 2, 9, "first_seen", "dst_ip", "dst_port")
			if s := w.done(); s.Events != 18 || s.Held != 0 {
				t.Errorf("status of the reports: %+v", s)
			}
			if d = w.decideDocument(d.Incident.ID, v1alpha1.DecisionDiscard); !d.OK {
				t.Errorf("status after it was discarded: %+v", d)
			}
			// Discarded is discarded: the same document does not ask again.
			w.rawDocument(tc.doc)
			d = w.docStatus("it is passed over", func(s status.Monitor) bool { return strings.Contains(s.Message, "discarded") })
			if d.Held != 0 || !d.OK {
				t.Errorf("status: %+v", d)
			}
		})
	}
}

func TestAReleaseForcesADocument(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(2, kind("scan_a", "dst_ip"))
	w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port", "word")
	w.done()
	w.document(1, kind("scan_a", "dst_ip", `["extra.", "word", "to_something_new"]`), kind("scan_b", "dst_ip"))
	d := w.docStatus("it is held", func(s status.Monitor) bool { return s.Held == 1 })
	if d = w.decideDocument(d.Incident.ID, v1alpha1.DecisionRelease); !strings.HasPrefix(d.Message, "The schema document of 2026-01-01T00:00:00Z is in force") {
		t.Errorf("status: %+v", d)
	}
	w.report("scan_a", 2, 9, "first_seen", "dst_ip", "dst_port", "word")
	w.report("scan_b", 3, 9, "first_seen", "dst_ip", "dst_port")
	if s := w.done(); s.Events != 27 || s.Held != 0 {
		t.Errorf("status: %+v", s)
	}
	w.addresses(27)
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := w.lines[9]; !strings.Contains(last, `"word":"word"`) {
		t.Errorf("the column of the unknown function is lost: %s", last)
	}
}

func TestADocumentThatIsMendedClosesTheIncident(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(1, kind("scan_a", "dst_ip"))
	w.document(2, kind("scan_a", "dst_ip", `["extra.", "tag", "to_something_new"]`))
	w.docStatus("it is held", func(s status.Monitor) bool { return s.Held == 1 })
	w.document(3, kind("scan_a", "dst_ip"))
	d := w.docStatus("the incident is closed", func(s status.Monitor) bool { return s.Held == 0 && s.Incident == nil && s.OK })
	if !strings.Contains(d.Message, "2026-01-03") && !strings.Contains(d.Message, "a newer one is in force") {
		t.Errorf("status: %+v", d)
	}
	w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port")
	if s := w.done(); s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
}

// A report that has not come yet is not in the canary: that it cannot be read is
// found out when it comes.
func TestADocumentIsTakenBackWhenReportsCannotBeRead(t *testing.T) {
	for _, restart := range []bool{false, true} {
		t.Run(fmt.Sprintf("restart %t", restart), func(t *testing.T) {
			w := newSchemaWorld(t, schemaSet)
			w.document(1, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"))
			w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port")
			w.done()
			bad := docOf(2, kind("scan_a", "dst_ip"), kind("scan_b", "ip_address"), kind("scan_c", "dst_ip"))
			w.rawDocument(bad)
			if restart {
				w.stop()
				w.start()
			}
			w.report("scan_b", 2, 9, "first_seen", "dst_ip", "dst_port")
			d := w.docStatus("it is taken back", func(s status.Monitor) bool { return s.Incident != nil })
			for _, want := range []string{"report scan_b (payload p2 of FeedSource bots)", "lacks the required column ip_address"} {
				if d.OK || d.Held != 1 || !strings.Contains(d.Message, want) {
					t.Errorf("status of the documents: %+v\nwant %s", d, want)
				}
			}
			s := w.until("the report flows", func(s status.Monitor) bool { return s.Held == 0 && s.Incident == nil && s.Payloads == 2 })
			if s.Events != 18 || !s.OK {
				t.Errorf("status: %+v", s)
			}
			if got := w.addresses(18); !slices.Equal(got, append(nets(1, 9), nets(2, 9)...)) {
				t.Errorf("events of %v", got)
			}
			if restart {
				w.stop()
				w.start()
			}
			w.rawDocument(bad) // it comes again, and is not put in force again
			w.report("scan_b", 3, 9, "first_seen", "dst_ip", "dst_port")
			if s := w.done(); s.Events != 27 || s.Held != 0 {
				t.Errorf("status: %+v", s)
			}
			w.document(3, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"), kind("scan_c", "dst_ip"))
			w.docStatus("the incident is closed", func(s status.Monitor) bool { return s.Incident == nil && s.Held == 0 && s.OK })
		})
	}
}

func TestAReportThatChangedLaterDoesNotTakeTheDocumentBack(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(1, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"))
	w.document(2, kind("scan_a", "dst_ip"), kind("scan_b", "ip_address"))
	w.report("scan_b", 1, 9, "first_seen", "ip_address", "dst_port")
	w.report("scan_b", 2, 9, "first_seen", "dst_ip", "dst_port")
	s := w.done()
	if s.Held != 1 || s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
	if d := w.docStatus("", func(status.Monitor) bool { return true }); !d.OK || !strings.Contains(d.Message, "2026-01-02") {
		t.Errorf("status of the documents: %+v", d)
	}
}

func TestTheDocumentSurvivesARestartAndTheRawPayload(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(1, kind("scan_a", "dst_ip"))
	w.report("scan_a", 1, 9, "first_seen", "dst_ip", "dst_port")
	w.done()
	w.stop()
	before, err := w.conn.State().Get(t.Context(), "baseline.default.documents")
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	w.report("scan_a", 2, 9, "first_seen", "dst_ip", "dst_port")
	if s := w.done(); s.Events != 18 || !s.OK {
		t.Errorf("status: %+v", s)
	}
	// A crash after the next document was stored, before it was remembered: it comes
	// again, and the one before is still there.
	w.document(2, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"))
	w.stop()
	if err := w.conn.State().Put(t.Context(), "baseline.default.documents", before); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.report("scan_a", 3, 9, "first_seen", "dst_ip", "dst_port")
	if s := w.done(); s.Events != 27 {
		t.Errorf("status: %+v", s)
	}
	w.stop()
	if err := w.conn.RemoveFeed(t.Context(), documents); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.report("scan_b", 4, 9, "first_seen", "dst_ip", "dst_port")
	w.until("scan_b is known", func(s status.Monitor) bool { return s.Events == 36 && s.Held == 0 })
}

func TestAPinnedDocumentIsTheOnlyOne(t *testing.T) {
	first := docOf(5, kind("scan_a", "dst_ip"))
	second := docOf(4, kind("scan_a", "dst_ip"), kind("scan_b", "dst_ip"))
	pinned := func(digest string) string {
		return strings.Replace(schemaSet, "documents}", "documents, sha256: "+digest+"}", 1)
	}
	w := newSchemaWorld(t, pinned(digestOf(second)))
	w.rawDocument(first)
	w.report("scan_b", 1, 9, "first_seen", "dst_ip", "dst_port")
	d := w.docStatus("it is passed over", func(s status.Monitor) bool {
		return strings.Contains(s.Message, "sha256 of the Parser wants another one")
	})
	if d.OK || d.Reason != v1alpha1.ReasonWaiting || d.Held != 0 {
		t.Errorf("status of the documents: %+v", d)
	}
	w.rawDocument(second)
	if s := w.done(); s.Events != 9 || s.Held != 0 {
		t.Errorf("status: %+v", s)
	}
	// Another pin finds the document among those that were collected.
	w.set(pinned(digestOf(first)))
	w.docStatus("the first is in force", func(s status.Monitor) bool { return strings.HasPrefix(s.Message, "The schema document of 2026-01-05") })
	w.report("scan_b", 2, 9, "first_seen", "dst_ip", "dst_port")
	if s := w.done(); s.Held != 1 || s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
	w.set(pinned(digestOf(second)))
	if s := w.until("the second is in force", func(s status.Monitor) bool { return s.Held == 0 && s.Payloads == 2 }); s.Events != 18 {
		t.Errorf("status: %+v", s)
	}
}

func TestEachReportHasABaselineOfItsOwn(t *testing.T) {
	w := newSchemaWorld(t, schemaSet)
	w.document(1, kind("scan_a", "dst_ip", `["source.fqdn", "host"]`), kind("scan_b", "ip_address"))
	w.report("scan_a", 1, 30, "first_seen", "dst_ip", "dst_port", "host")
	w.report("scan_b", 2, 30, "ip_address", "first_seen", "word")
	w.report("scan_a", 3, 30, "dst_ip", "new", "first_seen", "host")
	if s := w.done(); s.Events != 90 || s.Held != 0 || !s.OK {
		t.Fatalf("status: %+v", s)
	}
	w.stop()
	w.start()
	w.send("scan_a.csv", strings.ReplaceAll(rows(4, 30, "dst_ip", "new", "first_seen", "host"), ",word\n", ",192.0.2.1\n"))
	if s := w.done(); s.Held != 1 || !strings.Contains(s.Message, `Column "host" held`) {
		t.Errorf("status: %+v", s)
	}
}
