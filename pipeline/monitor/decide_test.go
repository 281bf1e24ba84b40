package monitor_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func policy(change func(*v1alpha1.FormatPolicySpec)) func(*plan.MonitorFeed) {
	return func(f *plan.MonitorFeed) { change(&f.FormatPolicy) }
}

// baseline is what the monitor has stored of the feed.
func (w *world) baseline() (m struct {
	Version  int64
	Baseline struct {
		Columns  []string
		Payloads int64
	}
}) {
	w.tb.Helper()
	b, err := w.conn.State().Get(w.tb.Context(), stateKey)
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		w.tb.Fatal(err)
	}
	return m
}

func TestReleaseLetsThroughOnceAndTheFormatStaysAsItWas(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(retyped(2, 9))
	w.publish(retyped(3, 9))
	s := w.done()
	if s.Incident.Records != 18 || !s.Incident.LastGood.Equal(started.Add(60e9)) {
		t.Errorf("incident: %+v", s.Incident)
	}
	w.decide(s.Incident.ID, v1alpha1.DecisionRelease)
	if s = w.closed(); !s.OK || s.Events != 27 || s.Baseline != 1 {
		t.Errorf("status after the release: %+v", s)
	}
	w.publish(good(4, 9))
	if s = w.done(); s.Held != 0 || s.Events != 36 {
		t.Errorf("the former format is held: %+v", s)
	}
	w.publish(retyped(5, 9))
	if s = w.done(); s.Held != 1 || s.Incident == nil {
		t.Errorf("the released format became normal: %+v", s)
	}
	want := slices.Concat(nets(1, 9), nets(2, 9), nets(3, 9), nets(4, 9))
	if got := w.addresses(36); !slices.Equal(got, want) {
		t.Errorf("events of %v, want %v", got, want)
	}
}

func TestTheBaselineIsFrozenWhileAnIncidentIsOpen(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.done()
	before := w.baseline()
	w.publish(retyped(2, 9))
	w.publish(rows(3, 9, "first_seen", "dst_ip", "dst_port", "malware", "asn"))
	s := w.done()
	if s.Held != 1 || s.Events != 18 {
		t.Fatalf("status: %+v", s)
	}
	if now := w.baseline(); !slices.Equal(now.Baseline.Columns, before.Baseline.Columns) {
		t.Errorf("it learned %q while the incident is open", now.Baseline.Columns)
	}
	w.decide(s.Incident.ID, v1alpha1.DecisionDiscard)
	w.closed()
	w.publish(rows(4, 9, "first_seen", "dst_ip", "dst_port", "malware", "asn"))
	w.done()
	if now := w.baseline(); len(now.Baseline.Columns) != 5 || now.Version != 1 {
		t.Errorf("it learns no more: %+v", now)
	}
}

func TestEachAdoptedFormatIsANewBaseline(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	for i, payload := range []string{retyped(2, 9), good(3, 9), retyped(4, 9)} {
		w.publish(payload)
		w.decide(w.done().Incident.ID, v1alpha1.DecisionAdopt)
		if s := w.closed(); s.Baseline != int64(i)+2 {
			t.Errorf("baseline %d after %d adoptions", s.Baseline, i+1)
		}
	}
}

func TestTheFirstFormatIsLearnedAlthoughAnIncidentIsOpen(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish("<html></html>")
	w.publish(good(1, 9))
	w.publish(retyped(2, 9))
	if s := w.done(); s.Held != 2 || s.Events != 9 || s.Baseline != 1 {
		t.Errorf("a change is not noticed: %+v", s)
	}
}

func TestThePolicyOfAClassIsFollowed(t *testing.T) {
	appended := rows(2, 9, "first_seen", "dst_ip", "dst_port", "malware", "asn")
	for _, tc := range []struct {
		name, payload string
		policy        func(*v1alpha1.FormatPolicySpec)
		held          int64
		reported      string // begins so
	}{
		{"additive passes", appended, func(*v1alpha1.FormatPolicySpec) {}, 0, ""},
		{"additive is reported", appended, func(p *v1alpha1.FormatPolicySpec) { p.OnAdditive = v1alpha1.FormatReport }, 0, `Column "asn" is new`},
		{"additive is held", appended, func(p *v1alpha1.FormatPolicySpec) { p.OnAdditive = v1alpha1.FormatHold }, 1, ""},
		{"cosmetic passes", rows(2, 9, "first_seen", "dst_ip", "dst_port", "malware"), func(p *v1alpha1.FormatPolicySpec) { p.OnAdditive = v1alpha1.FormatHold }, 0, ""},
		{"degraded is reported", strings.ReplaceAll(good(2, 9), ",word", ","), func(*v1alpha1.FormatPolicySpec) {}, 0, `Column "malware" had a value`},
		{"degraded is held", strings.ReplaceAll(good(2, 9), ",word", ","), func(p *v1alpha1.FormatPolicySpec) { p.OnDegraded = v1alpha1.FormatHold }, 1, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t)
			w.parser(table, policy(tc.policy))
			w.publish(strings.ReplaceAll(good(1, 9), ",80", ",90"))
			w.publish(tc.payload)
			s := w.done()
			if s.Held != tc.held || s.OK != (tc.held == 0) {
				t.Fatalf("status: %+v", s)
			}
			if tc.held > 0 {
				w.decide(s.Incident.ID, v1alpha1.DecisionAdopt)
				w.closed()
				w.publish(strings.ReplaceAll(tc.payload, "10.2.", "10.3."))
				if s = w.done(); s.Held != 0 || s.Events != 27 {
					t.Errorf("what was adopted is held: %+v", s)
				}
				return
			}
			if reported := s.Report != nil; reported != (tc.reported != "") || reported && (s.Reason != v1alpha1.ReasonFormatReported ||
				!strings.HasPrefix(s.Message, tc.reported) || !strings.HasPrefix(s.Report.Findings[0].Sentence, tc.reported)) {
				t.Errorf("status: %+v, report %+v", s, s.Report)
			}
			if s.Events != 18 {
				t.Errorf("%d events", s.Events)
			}
		})
	}
}

func TestWhatIsDegradedTeachesNothing(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	first := w.done()
	for i := range 8 {
		w.publish(strings.ReplaceAll(good(i+2, 9), ",word", ","))
		s := w.done()
		if s.Report == nil || s.Baseline != first.Baseline || s.Events != int64(9*(i+2)) {
			t.Fatalf("status: %+v", s)
		}
		if i > 0 && !s.Report.Opened.Equal(first.Report.Opened) {
			t.Error("the same is reported again")
		}
		first.Report = s.Report
	}
}

func TestARedactedFeedShowsNoValues(t *testing.T) {
	for _, payload := range []string{
		"<html><title>Dear sekret</title></html>",
		strings.ReplaceAll(strings.ReplaceAll(good(2, 9), "10.2.", "sekret."), "word", "sekret"),
		"sekret;1\nsekret;2\n",
		strings.TrimPrefix(strings.ReplaceAll(good(2, 9), "word", "sekret"), "first_seen,dst_ip,dst_port,malware\n"),
		`{"a": "sekret"}`,
	} {
		w := newWorld(t)
		w.parser(table, policy(func(p *v1alpha1.FormatPolicySpec) { p.Redact = true }))
		w.publish(strings.ReplaceAll(good(1, 9), "word", "sekret"))
		w.publish(payload)
		s := w.done()
		b, err := json.Marshal(s)
		if err != nil || s.Held != 1 {
			t.Fatalf("%v, status: %+v", err, s)
		}
		if text := string(b); strings.Contains(text, "sekret") || strings.Contains(text, "10.1.0.") {
			t.Errorf("of %q a value is shown: %s", payload, text)
		}
		err = w.conn.ListHeld(t.Context(), bots, func(h *bus.Held) error {
			if strings.Contains(h.Reason, "sekret") || h.Reason == "" {
				return fmt.Errorf("held because: %s", h.Reason)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestTheExamplesOfAParserAreTheFirstBaseline(t *testing.T) {
	const examples = `
examples:
- name: usual
  input: |
    first_seen,dst_ip,dst_port,malware
    2026-01-01,192.0.2.1,80,a
    2026-01-02,192.0.2.2,80,b
    2026-01-03,192.0.2.3,80,c
    2026-01-04,192.0.2.4,80,d
    2026-01-05,192.0.2.5,80,e
`
	w := newWorld(t)
	w.parser(table + examples)
	w.publish(retyped(1, 20))
	w.publish(good(2, 20))
	if s := w.done(); s.Held != 1 || s.Events != 20 || s.Baseline != 1 {
		t.Errorf("status: %+v", s)
	}
	if m := w.baseline(); m.Baseline.Payloads != 1 {
		t.Errorf("examples are counted as payloads: %+v", m)
	}
}

func TestAFeedThatIsGivenUpEmitsNothingUntilItComesBack(t *testing.T) {
	const notice = "# This feed has been discontinued and is no longer updated.\nfirst_seen,dst_ip,dst_port,malware\n"
	w := newWorld(t)
	w.parser(strings.Replace(table, "csv: {}", "csv: {comment: '#'}", 1))
	for i := range 12 {
		w.publish(good(i+1, 30))
	}
	w.done()
	w.publish(notice)
	s := w.done()
	if s.OK || s.Reason != v1alpha1.ReasonRetired || s.Held != 0 || s.Events != 360 || !strings.Contains(s.Message, "discontinued") {
		t.Errorf("status: %+v", s)
	}
	w.publish(good(20, 30))
	if s = w.done(); !s.OK || s.Events != 390 {
		t.Errorf("after it has come back: %+v", s)
	}
}
