package formatchange

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/controllers/internal/condition"
	"github.com/weir-project/weir/controllers/internal/conditiontest"
	"github.com/weir-project/weir/controllers/internal/failure"
	"github.com/weir-project/weir/controllers/internal/scope"
	"github.com/weir-project/weir/pipeline/status"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// held is an incident that waits for a decision.
func held() *observed {
	return &observed{
		change: &v1alpha1.FormatChange{
			ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "phish-a1", Generation: 2},
			Spec:       v1alpha1.FormatChangeSpec{SourceRef: v1alpha1.LocalReference{Name: "phish"}, Incident: "a1"},
		},
		feed: &v1alpha1.FeedSource{ObjectMeta: metav1.ObjectMeta{Namespace: "feeds", Name: "phish"}},
		monitor: &status.Monitor{Held: 3, Incident: &status.Incident{
			ID: "a1", Opened: now.Add(-time.Hour), Class: "columns", Summary: "column url\nwas renamed",
			Findings: []status.Finding{{Code: "column-renamed", Path: "url", Sentence: "url is now link", Breaking: true}},
		}},
	}
}

func TestStatusOfAFormatChange(t *testing.T) {
	over := func(o *observed) { o.monitor = &status.Monitor{Result: status.Result{OK: true}} }
	known := func(o *observed) { // an earlier pass saw the incident
		o.change.Status = computeStatus(held(), now.Add(-time.Minute))
	}
	for name, tc := range map[string]struct {
		change []func(*observed)
		ready  metav1.ConditionStatus
		reason string
		held   int64
		told   bool // what the incident is
		also   []string
	}{
		"waits for a decision": {nil, "False", v1alpha1.ReasonAwaitingDecision, 3, true, []string{"Resolved=False/AwaitingDecision"}},
		"was decided": {[]func(*observed){func(o *observed) { o.change.Spec.Decision = v1alpha1.DecisionRelease }},
			"False", v1alpha1.ReasonDecided, 3, true, []string{"Resolved=False/Decided"}},
		"is over":         {[]func(*observed){known, over}, "True", v1alpha1.ReasonSucceeded, 0, true, []string{"Resolved=True/Resolved"}},
		"is over, unseen": {[]func(*observed){over}, "True", v1alpha1.ReasonSucceeded, 0, false, []string{"Resolved=True/Resolved"}},
		"another is open": {[]func(*observed){known, func(o *observed) { o.monitor.Incident.ID = "b2" }}, "True", v1alpha1.ReasonSucceeded, 0, true, nil},
		"the feed is gone": {[]func(*observed){known, func(o *observed) {
			o.feed, o.monitor, o.accepted = nil, nil, failure.Waiting(v1alpha1.ReasonReferenceMissing, "x")
		}}, "False", v1alpha1.ReasonReferenceMissing, 3, true, []string{"Resolved=False/AwaitingDecision"}},
		"the bus is away":     {[]func(*observed){known, func(o *observed) { o.monitor, o.configured = nil, failure.Waiting(v1alpha1.ReasonBusUnavailable, "x") }}, "False", v1alpha1.ReasonBusUnavailable, 3, true, []string{"Resolved=False/AwaitingDecision"}},
		"away from the start": {[]func(*observed){func(o *observed) { o.monitor, o.configured = nil, failure.Waiting(v1alpha1.ReasonBusUnavailable, "x") }}, "False", v1alpha1.ReasonBusUnavailable, 0, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := held()
			for _, fn := range tc.change {
				fn(o)
			}
			st := computeStatus(o, now)
			if err := conditiontest.Contract(st.Conditions, 2); err != nil {
				t.Error(err)
			}
			if ready := meta.FindStatusCondition(st.Conditions, v1alpha1.ConditionReady); ready.Status != tc.ready || ready.Reason != tc.reason {
				t.Errorf("Ready is %+v", ready)
			}
			conditiontest.Has(t, st.Conditions, tc.also...)
			if st.Held != tc.held || (st.Class == "columns") != tc.told || (len(st.Findings) == 1) != tc.told {
				t.Errorf("%+v", st)
			}
			if tc.told && (st.Summary != "column url; was renamed" || !st.Opened.Time.Equal(now.Add(-time.Hour)) || !st.Findings[0].Breaking) {
				t.Errorf("%+v", st)
			}
			o.change.Status = st
			if again := computeStatus(o, now.Add(time.Hour)); !scope.Same(st, again) {
				t.Errorf("the same, seen again, differs:\n%+v\n%+v", st, again)
			}
		})
	}
}

func TestFindingsAreBounded(t *testing.T) {
	o := held()
	for i := range 100 {
		o.monitor.Incident.Findings = append(o.monitor.Incident.Findings, status.Finding{Code: fmt.Sprintf("c%d", i), Sentence: strings.Repeat("x", 5000)})
	}
	st := computeStatus(o, now)
	if len(st.Findings) != maxFindings || st.Findings[63].Sentence != condition.Clean(strings.Repeat("x", 5000)) {
		t.Errorf("%d findings", len(st.Findings))
	}
}
