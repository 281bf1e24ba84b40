package controllers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/extend"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// changed is what a monitor says of a feed whose lines have another comment now.
func (s *site) changed(p *v1alpha1.Parser, incident string) status.Monitor {
	s.t.Helper()
	s.fresh(p)
	return status.Monitor{Result: status.Result{Reason: v1alpha1.ReasonFormatChanged, Message: "comments begin with ;"}, Held: 1,
		Incident: &status.Incident{
			ID: incident, Opened: time.Now(), LastGood: time.Now().Add(-time.Hour), Class: "BREAKING-silent", Summary: "comments begin with ;", Records: 12,
			Findings: []status.Finding{{Code: "retyped", Path: "line", Class: "BREAKING-silent", Sentence: "lines are text", Before: "ipv4", After: "text",
				Fields: []string{"ip"}, Breaking: true, Evidence: &status.Evidence{Was: 9, WasOf: 9, IsOf: 12, P: 1e-9}}},
			Repair: &status.Repair{Patch: `{"input":{"text":{"comment":";"}}}`, Parser: p.Name, Spec: plan.SpecDigest(&p.Spec),
				Changes: []string{"Comments begin with ;."}, Confidence: 0.97, Safe: true, Events: 11, Rejected: 1},
		}}
}

func (s *site) comment(p *v1alpha1.Parser, want string) {
	s.t.Helper()
	eventually(s.t, "comments of the Parser begin with "+want, func() error {
		if s.fresh(p); p.Spec.Input.Text == nil || p.Spec.Input.Text.Comment != want {
			return fmt.Errorf("%+v", p.Spec.Input.Text)
		}
		return nil
	})
}

// repair waits until a FormatChange says what becomes of the repair.
func (s *site) repair(c *v1alpha1.FormatChange, ok func(*v1alpha1.ProposedRepair) bool) {
	s.t.Helper()
	eventually(s.t, "what becomes of the repair", func() error {
		if s.fresh(c); c.Status.Repair == nil || !ok(c.Status.Repair) {
			return fmt.Errorf("%+v", c.Status.Repair)
		}
		return nil
	})
}

func TestAProposedRepairIsAppliedWhenAPersonSaysSo(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "repair")
	x := s.up()
	s.tell(s.changed(x.p, "a1"), plan.PrefixMonitor, s.ns, "one")
	c := s.openChange(nil)
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonAwaitingDecision)
	st := c.Status
	if r := st.Repair; r == nil || r.Confidence != 97 || !r.Safe || r.Events != 11 || r.Applied != nil || r.Refused != "" {
		t.Errorf("%+v", r)
	}
	if st.Records != 12 || st.LastGood == nil || !strings.HasPrefix(st.Group, "example-org-2") || c.Labels[v1alpha1.LabelProvider] != "example-org" {
		t.Errorf("%+v", st)
	}
	if a := st.Subscriptions; a == nil || a.Count != 1 || !slices.Equal(a.Names, []string{s.ns + "/bank"}) {
		t.Errorf("affected: %+v", a)
	}
	if f := st.Findings[0]; f.Before != "ipv4" || f.After != "text" || f.Class == "" || !slices.Equal(f.Fields, []string{"ip"}) ||
		f.Evidence != "9 of 9 before, 0 of 12 now, by chance with p = 1e-09" {
		t.Errorf("%+v", f)
	}
	s.comment(x.p, "#")

	edit(s, c, func(o *v1alpha1.FormatChange) { o.Spec.Decision = v1alpha1.DecisionRepair })
	s.comment(x.p, ";")
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonRepaired)
	if !strings.HasPrefix(x.p.Annotations[v1alpha1.AnnotationRepair+"one"], "a1 20") || len(x.p.Spec.Mapping) != 1 {
		t.Errorf("%+v", x.p)
	}
	if !slices.ContainsFunc(x.p.ManagedFields, func(m metav1.ManagedFieldsEntry) bool { return m.Manager == "weir-repair" }) {
		t.Errorf("%+v", x.p.ManagedFields)
	}
	for _, o := range []client.Object{x.p, x.f} {
		eventually(t, fmt.Sprintf("an event on the %T", o), func() error {
			for _, e := range s.events(o) {
				if e.Reason == v1alpha1.ReasonRepaired && strings.Contains(e.Note, "Comments begin with ;.") {
					return nil
				}
			}
			return fmt.Errorf("%+v", s.events(o))
		})
	}
	s.noConfig(plan.PrefixDecision, s.ns, "one", "a1")
	s.tell(status.Monitor{Result: status.Result{OK: true, Reason: v1alpha1.ReasonSucceeded}}, plan.PrefixMonitor, s.ns, "one")
	s.has(c, v1alpha1.ConditionResolved, metav1.ConditionTrue, v1alpha1.ReasonResolved)
	if r := c.Status.Repair; r == nil || r.Applied == nil {
		t.Errorf("%+v", r)
	}
}

func TestARepairOfAParserThatBuildsOnAnotherOneLeavesThatAlone(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "child")
	x := s.up()
	child := &v1alpha1.Parser{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "child"},
		Spec: v1alpha1.ParserSpec{Base: &v1alpha1.LocalReference{Name: x.p.Name}, Constants: map[string]string{"confidence": "low"}}}
	s.create(child)
	f := feed(s.ns, "two")
	f.Spec.ParserRef.Name = child.Name
	s.create(f)
	s.ready(f)
	m := s.changed(child, "a1")
	s.fresh(x.p)
	m.Incident.Repair.Spec = plan.SpecDigest(extend.Spec(&child.Spec, &x.p.Spec))
	m.Incident.Repair.Patch = `{"input":{"text":{"comment":";"}},"mapping":[{"field":"ip","from":["text"],"required":true}]}`
	s.tell(m, plan.PrefixMonitor, s.ns, "two")
	c := s.openChange(nil)
	s.repair(c, func(r *v1alpha1.ProposedRepair) bool {
		return !r.Safe && slices.Contains(r.Changes, "It no longer builds on the Parser list.")
	})
	m.Incident.Repair.Patch = `{"input":{"text":{"comment":";"}}}`
	s.tell(m, plan.PrefixMonitor, s.ns, "two")
	s.repair(c, func(r *v1alpha1.ProposedRepair) bool { return r.Safe && len(r.Changes) == 1 })
	edit(s, c, func(o *v1alpha1.FormatChange) { o.Spec.Decision = v1alpha1.DecisionRepair })
	s.comment(child, ";")
	if b := child.Spec.Base; b == nil || b.Name != x.p.Name || len(child.Spec.Mapping) != 0 {
		t.Errorf("%+v", child.Spec)
	}
	s.comment(x.p, "#")
}

func TestAnAutomaticRepairIsAppliedOnceADay(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "automatic")
	x := s.up()
	edit(s, x.f, func(o *v1alpha1.FeedSource) { o.Spec.FormatPolicy.Repair = v1alpha1.RepairAutomatic })
	unsure := s.changed(x.p, "a0")
	unsure.Incident.Repair.Safe = false
	s.tell(unsure, plan.PrefixMonitor, s.ns, "one")
	c := s.openChange(nil)
	s.repair(c, func(r *v1alpha1.ProposedRepair) bool { return strings.Contains(r.Refused, "not sure enough") })

	s.tell(s.changed(x.p, "a1"), plan.PrefixMonitor, s.ns, "one")
	s.comment(x.p, ";")
	c = &v1alpha1.FormatChange{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "one-a1"}}
	eventually(t, "the second FormatChange", func() error { return world.Admin.Get(t.Context(), client.ObjectKeyFromObject(c), c) })
	s.repair(c, func(r *v1alpha1.ProposedRepair) bool { return r.Applied != nil })

	// The next one is a person's, also for an operator that remembers nothing.
	s.stop()
	s.start()
	m := s.changed(x.p, "a2")
	m.Incident.Repair.Patch = `{"input":{"text":{"comment":"!"}}}`
	s.tell(m, plan.PrefixMonitor, s.ns, "one")
	next := &v1alpha1.FormatChange{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "one-a2"}}
	eventually(t, "the third FormatChange", func() error { return world.Admin.Get(t.Context(), client.ObjectKeyFromObject(next), next) })
	s.repair(next, func(r *v1alpha1.ProposedRepair) bool {
		return r.Applied == nil && strings.Contains(r.Refused, "within the last day")
	})
	s.comment(x.p, ";")

	// Nobody repairs what has changed since, nor anything but the reading.
	for patch, why := range map[string]string{`{"kind":"Blacklist"}`: "spec.kind", `nonsense`: "none"} {
		m.Incident.Repair.Patch = patch
		s.tell(m, plan.PrefixMonitor, s.ns, "one")
		s.repair(next, func(r *v1alpha1.ProposedRepair) bool { return strings.Contains(r.Refused, why) })
	}
	m = s.changed(x.p, "a2")
	m.Incident.Repair.Spec = "of another time"
	s.tell(m, plan.PrefixMonitor, s.ns, "one")
	edit(s, next, func(o *v1alpha1.FormatChange) { o.Spec.Decision = v1alpha1.DecisionRepair })
	s.has(next, v1alpha1.ConditionResolved, metav1.ConditionFalse, v1alpha1.ReasonNotRepaired)
	s.repair(next, func(r *v1alpha1.ProposedRepair) bool { return strings.Contains(r.Refused, "has changed since") })
	s.comment(x.p, ";")
}

func TestFeedsOfOneProviderAndOneParser(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "together")
	x := s.up()
	others := []*v1alpha1.FeedSource{feed(s.ns, "two"), feed(s.ns, "three"), feed(s.ns, "four")}
	for _, f := range others {
		s.create(f)
		s.ready(f)
	}
	edit(s, x.f, func(o *v1alpha1.FeedSource) { o.Spec.FormatPolicy.Repair = v1alpha1.RepairAutomatic })
	s.tell(s.changed(x.p, "a1"), plan.PrefixMonitor, s.ns, "one")
	first := s.openChange(nil)
	s.repair(first, func(r *v1alpha1.ProposedRepair) bool { return strings.Contains(r.Refused, "which is well") })
	s.comment(x.p, "#")

	for _, f := range others {
		s.tell(s.changed(x.p, "a1"), plan.PrefixMonitor, s.ns, f.Name)
		s.has(f, v1alpha1.ConditionFormatStable, metav1.ConditionFalse, v1alpha1.ReasonFormatChanged)
		c := &v1alpha1.FormatChange{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: f.Name + "-a1"}}
		eventually(t, "it joins the group", func() error {
			if err := world.Admin.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
				return err
			}
			if c.Status.Group != first.Status.Group {
				return fmt.Errorf("group %q, that of the first is %q", c.Status.Group, first.Status.Group)
			}
			return nil
		})
	}
	for _, want := range []string{"2 feeds of example-org changed within a day", "4 feeds of example-org changed within a day"} {
		eventually(t, "an event: "+want, func() error {
			for _, e := range s.events(first) {
				if strings.Contains(e.Note, want) {
					return nil
				}
			}
			return fmt.Errorf("%+v", s.events(first))
		})
	}
	// None is well now.
	s.touch("again", first)
	s.comment(x.p, ";")
}

func TestAReportIsAnEventOnce(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "report")
	x := s.up()
	m := status.Monitor{Result: status.Result{OK: true, Reason: v1alpha1.ReasonFormatReported, Message: "a column is new"}, Baseline: 2,
		Parser: &status.InForce{Name: "list-v2", Since: time.Now(), Payload: "p7"},
		Report: &status.Incident{ID: "r1", Opened: time.Now(), Class: "COMPATIBLE-additive", Summary: "a column is new"}}
	for i := range 3 {
		m.Records = int64(i)
		s.tell(m, plan.PrefixMonitor, s.ns, "one")
		s.touch(fmt.Sprintf("look-%d", i), x.f)
	}
	eventually(t, "the status tells", func() error {
		f := x.f.Status.Format
		if s.fresh(x.f); f == nil || f.Reported == nil || f.Reported.ID != "r1" || f.Baseline != 2 || f.Parser != "list-v2" || f.ParserPayload != "p7" {
			return fmt.Errorf("%+v", f)
		}
		return nil
	})
	s.has(x.f, v1alpha1.ConditionFormatStable, metav1.ConditionTrue, v1alpha1.ReasonFormatReported)
	s.ready(x.f)
	n := 0
	for _, e := range s.events(x.f) {
		if e.Reason == v1alpha1.ReasonFormatReported {
			n++
			if e.Series != nil {
				n += int(e.Series.Count) - 1
			}
		}
	}
	if n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestAMonitorFollowsTheParserThatIsAnnounced(t *testing.T) {
	t.Parallel()
	s := confined(t, nil, "announced")
	x := s.up()
	edit(s, x.f, func(o *v1alpha1.FeedSource) {
		o.Spec.Announced = []v1alpha1.AnnouncedChange{{ParserRef: v1alpha1.LocalReference{Name: "next"}, From: "2027-01-01T00:00:00Z"}}
	})
	told := func(what string, ok func(plan.AnnouncedParser) bool) {
		t.Helper()
		eventually(t, "the monitor is told: "+what, func() error {
			var m plan.Monitor
			if s.config(&m, plan.PrefixMonitor, s.ns, "list"); len(m.Feeds) != 1 || len(m.Feeds[0].Announced) != 1 || !ok(m.Feeds[0].Announced[0]) {
				return fmt.Errorf("%+v", m.Feeds)
			}
			return nil
		})
	}
	told("it is not there", func(a plan.AnnouncedParser) bool { return a.Spec == nil && a.Problem != "" })
	s.ready(x.f)
	next := parser(s.ns)
	next.Name = "next"
	s.create(next)
	told("it is there", func(a plan.AnnouncedParser) bool { return a.Spec != nil && a.Spec.Constants["category"] == "cnc" })
	edit(s, next, func(p *v1alpha1.Parser) { p.Spec.Constants["category"] = "bots" })
	told("it has changed", func(a plan.AnnouncedParser) bool { return a.Spec != nil && a.Spec.Constants["category"] == "bots" })
}
