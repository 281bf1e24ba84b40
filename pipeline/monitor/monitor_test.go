package monitor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func TestAChangedFormatIsHeldAtTheFirstPayload(t *testing.T) {
	for _, tc := range []struct{ name, payload, sentence string }{
		{"renamed", renamed(2, 9), `Column "dst_ip" is gone; "ip_address" has the same kind of values (ipv4) and took its place.`},
		{"removed", rows(2, 9, "first_seen", "dst_port", "malware"), `Column "dst_ip" is gone; it fills ip.`},
		{"retyped", retyped(2, 9), `Column "malware" held text in 9 of 9 values and now holds ipv4 in 9 of 9: "word" became "198.51.100.7", for example.`},
		{"retyped", strings.ReplaceAll(good(2, 9), "10.2.0.", "host-"), `Column "dst_ip" held ipv4 in 9 of 9 values and now holds text in 9 of 9`},
		{"a page", "<!DOCTYPE html><title>Just a moment...</title>", `The payload is HTML ("Just a moment...") instead of CSV.`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.parser(table)
			w.publish(good(1, 9))
			w.publish(tc.payload)
			w.publish(good(3, 9)) // the old format again
			s := w.done()
			if s.OK || s.Reason != v1alpha1.ReasonFormatChanged || s.Held != 1 || s.Incident == nil {
				t.Fatalf("status: %+v", s)
			}
			if !strings.HasPrefix(s.Message, tc.sentence) || !strings.HasPrefix(s.Incident.Findings[0].Sentence, tc.sentence) {
				t.Errorf("message: %s\nwant %s", s.Message, tc.sentence)
			}
			if got, want := w.addresses(18), append(nets(1, 9), nets(3, 9)...); !slices.Equal(got, want) {
				t.Errorf("events of %v, want %v", got, want)
			}
			if s.Events != 18 || s.Records != 18 || s.Rejected != 0 {
				t.Errorf("counts: %+v", s)
			}
		})
	}
}

func TestAppendedColumnsFlowOn(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(rows(2, 9, "first_seen", "dst_ip", "dst_port", "malware", "asn"))
	s := w.done()
	if !s.OK || s.Held != 0 || s.Events != 18 || s.Message != "" || s.Report != nil {
		t.Errorf("status: %+v", s)
	}
	w.addresses(18)
	if n := testutil.CollectAndCount(w.reg, "weir_monitor_payloads_total"); n != 1 {
		t.Errorf("%d series of payloads", n)
	}
}

func TestAdoptAcceptsTheNewFormatAndReplaysAllOfIt(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(retyped(2, 9))
	w.publish(retyped(3, 9))
	s := w.done()
	if s.Held != 2 {
		t.Fatalf("status: %+v", s)
	}
	w.decide(s.Incident.ID, v1alpha1.DecisionAdopt)
	s = w.closed()
	if !s.OK || s.Events != 27 || s.Records != 27 || s.Payloads != 3 {
		t.Errorf("status after it was adopted: %+v", s)
	}
	w.publish(retyped(4, 9))
	if s = w.done(); !s.OK || s.Held != 0 {
		t.Errorf("the adopted format is held again: %+v", s)
	}
	want := slices.Concat(nets(1, 9), nets(2, 9), nets(3, 9), nets(4, 9))
	if got := w.addresses(36); !slices.Equal(got, want) {
		t.Errorf("events of %v, want %v", got, want)
	}
	w.publish(good(5, 9))
	if s = w.done(); s.Held != 1 {
		t.Errorf("the former format is not held: %+v", s)
	}
}

func TestReleasingWhatIsNoDataLeavesATraceAndTheFormat(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish("<html></html>")
	w.decide(w.done().Incident.ID, v1alpha1.DecisionAdopt)
	if s := w.closed(); !s.OK || s.Rejected != 1 || s.Records != 10 {
		t.Errorf("status: %+v", s)
	}
	if got := w.rejected(); len(got) != 1 || !strings.Contains(got[0], "payload cannot be read") {
		t.Errorf("rejected: %q", got)
	}
	w.publish(good(3, 9))
	w.publish("<html></html>")
	if s := w.done(); s.Events != 18 || s.Held != 1 {
		t.Errorf("status: %+v", s)
	}
}

func TestDiscardDropsWhatIsHeld(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(renamed(2, 9))
	first := w.done().Incident.ID
	w.decide(first, v1alpha1.DecisionDiscard)
	w.closed()
	w.publish(good(3, 9))
	if s := w.done(); !s.OK || s.Events != 18 {
		t.Errorf("status: %+v", s)
	}
	w.publish(renamed(4, 9))
	if s := w.done(); s.Held != 1 || s.Incident == nil || s.Incident.ID == first {
		t.Errorf("the same change again: %+v", s)
	}
	w.addresses(18)
}

func TestADecisionAboutAnIncidentThatIsClosedIsForgotten(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.done()
	w.decide("0123456789abcdef", v1alpha1.DecisionAdopt)
	w.closed()
}

func TestAMendedParserReleasesWhatFitsIt(t *testing.T) {
	for _, tc := range []struct {
		name, payload, mended string
		held                  int64
	}{
		{"the renamed column is mapped", renamed(2, 9), strings.ReplaceAll(table, "dst_ip", "ip_address"), 0},
		{"both names are mapped", renamed(2, 9), strings.ReplaceAll(table, "dst_ip", "dst_ip, ip_address"), 0},
		{
			"the new layout is read", strings.ReplaceAll(rows(2, 9, "epoch", "dst_ip", "dst_port", "malware"), "epoch", "first_seen"),
			strings.Replace(table, "[first_seen]", "[first_seen], time: {layouts: [unix]}", 1), 0,
		},
		{"another rule is changed", renamed(2, 9), strings.Replace(table, "cnc", "bots", 1), 1},
		{
			"another rule is changed, and the values would fit", strings.ReplaceAll(good(2, 9), "word", "198.51.100.7"),
			strings.Replace(table, "cnc", "bots", 1), 1,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.parser(table)
			w.publish(good(1, 9))
			w.publish(tc.payload)
			if s := w.done(); s.Held != 1 {
				t.Fatalf("status: %+v", s)
			}
			w.parser(tc.mended)
			if tc.held == 0 {
				w.closed()
				if got := w.addresses(18); !slices.Equal(got, append(nets(1, 9), nets(2, 9)...)) {
					t.Errorf("events of %v", got)
				}
			}
			w.publish(tc.payload) // the same again: it shows that the monitor has seen the Parser
			if s := w.done(); s.Held != 2*tc.held || s.OK != (tc.held == 0) {
				t.Errorf("status: %+v", s)
			}
		})
	}
}

func TestWhatDoesNotFitTheMendedParserStaysHeld(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(renamed(2, 9))
	w.publish("<html><title>Sign in</title></html>")
	w.publish(renamed(3, 9))
	if s := w.done(); s.Held != 3 {
		t.Fatalf("status: %+v", s)
	}
	w.parser(strings.ReplaceAll(table, "dst_ip", "ip_address"))
	s := w.until("two are released", func(s status.Monitor) bool { return s.Held == 1 && strings.Contains(s.Message, "Sign in") })
	if s.Events != 27 {
		t.Errorf("status: %+v", s)
	}
	w.decide(s.Incident.ID, v1alpha1.DecisionDiscard)
	if s = w.closed(); !s.OK {
		t.Errorf("status: %+v", s)
	}
	w.addresses(27)
}

func TestEmitValidLetsValidRecordsPass(t *testing.T) {
	w := newWorld(t)
	w.parser(table, emitValid)
	w.publish(good(1, 9))
	mixed := good(2, 9) + strings.Repeat("2025-01-01,nowhere,1,word\n", 12)
	w.publish(mixed)
	s := w.done()
	if s.OK || s.Reason != v1alpha1.ReasonFormatChanged || s.Held != 0 || s.Events != 18 || s.Rejected != 12 {
		t.Errorf("status: %+v", s)
	}
	if got := w.rejected(); len(got) != 12 || !strings.HasPrefix(got[0], "p2 ip: ") || !strings.HasSuffix(got[0], "<2025-01-01,nowhere,1,word>") {
		t.Errorf("rejected: %q", got)
	}
	w.publish("<html></html>")
	if s = w.done(); s.Held != 1 {
		t.Errorf("nothing in a page is valid, it must be held: %+v", s)
	}
	w.addresses(18)
}

func TestAFewBadRecordsAreRejectedAndTheRestPasses(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9) + "2025-01-01,nowhere,1,word\n")
	s := w.done()
	if !s.OK || s.Records != 10 || s.Events != 9 || s.Rejected != 1 || len(w.rejected()) != 1 {
		t.Errorf("status: %+v, rejected %q", s, w.rejected())
	}
}

func TestPayloadsWaitForAParserThatWorks(t *testing.T) {
	w := newWorld(t)
	w.parser(strings.Replace(table, "field: ip,", "field: addr,", 1))
	w.publish(good(1, 9))
	s := w.until("the Parser is refused", func(s status.Monitor) bool { return s.Reason == v1alpha1.ReasonInvalidSpec })
	if s.OK || !strings.Contains(s.Message, "spec.mapping[1]") {
		t.Errorf("status: %+v", s)
	}
	w.parser(table)
	if s = w.done(); !s.OK || s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
	w.addresses(9)
}

func TestReplayParsesRawPayloadsAgain(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish("<html></html>")
	w.publish(good(3, 9))
	w.decide(w.done().Incident.ID, v1alpha1.DecisionDiscard)
	w.closed()
	w.addresses(18)

	w.parser(strings.Replace(table, "cnc", "bots", 1))
	// Keys come in any order: a replay that was faster than the Parser has the old one.
	for i, seen := 1, 18; ; i, seen = i+1, seen+18 {
		id := fmt.Sprintf("r%d", i)
		w.put(plan.Key(plan.PrefixReplay, "default", "bots"), plan.Replay{ID: id, Since: started.Format("2006-01-02T15:04:05Z")})
		s := w.until("the replay is done", func(s status.Monitor) bool { return s.Replay == id })
		if !s.OK || s.Events != 18 || s.Payloads != 3 {
			t.Errorf("a replay changes no counts: %+v", s)
		}
		w.addresses(seen + 18)
		w.mu.Lock()
		again := slices.Clone(w.lines[seen:])
		w.mu.Unlock()
		if i < 20 && len(again) == 18 && strings.Contains(again[0], `"cnc"`) {
			continue
		}
		if len(again) != 18 {
			t.Errorf("%d events, want 18", len(again))
		}
		for i, line := range again {
			if !strings.Contains(line, `"bots"`) {
				t.Errorf("event %d is not of the new Parser: %s", i, line)
			}
		}
		return
	}
}

func TestAFeedThatIsGoneGoesOnWhereItWasWhenItComesBack(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.done()
	if err := w.conn.Config().Delete(t.Context(), plan.Key(plan.PrefixMonitor, "default", "table")); err != nil {
		t.Fatal(err)
	}
	w.publish(renamed(2, 9))
	w.parser(table)
	if s := w.done(); s.Held != 1 || s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
	if got := w.lineCount(); got != 9 {
		t.Errorf("%d events, want 9", got)
	}
}

func TestALongPayloadIsHeldWhenItBreaksLater(t *testing.T) {
	if testing.Short() {
		t.Skip("parses 100,000 records")
	}
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	var b strings.Builder
	b.WriteString("first_seen,dst_ip,dst_port,malware\n")
	for i := range 40_000 {
		fmt.Fprintf(&b, "2025-01-01 00:00:00,10.1.%d.%d,80,word\n", i>>8, i&255)
	}
	for range 60_000 {
		b.WriteString("2025-01-01 00:00:00,example.com,80,word\n")
	}
	w.publish(b.String())
	s := w.done()
	if s.Held != 1 || !strings.HasPrefix(s.Message, `Column "dst_ip" held ipv4 in 9 of 9 values and now holds fqdn`) {
		t.Errorf("status: %+v", s)
	}
}
