package monitor_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/extend"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

// repaired applies the proposed patch as the operator does.
func repaired(t *testing.T, parser string, r *status.Repair) string {
	t.Helper()
	spec := specOf(t, parser)
	changed, err := extend.Merge(&spec, r.Patch)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestARepairIsProposedAndTheChangedParserReadsWhatIsHeld(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 30))
	w.publish(renamed(2, 30))
	w.publish(renamed(3, 30))
	s := w.until("a repair is proposed", func(s status.Monitor) bool { return s.Held == 2 && s.Incident.Repair != nil })
	r := s.Incident.Repair
	if r.Parser != "table" || r.Events != 30 || r.Confidence < 0.5 || len(r.Changes) == 0 || !strings.Contains(r.Patch, "ip_address") {
		t.Errorf("repair: %+v", r)
	}
	spec := specOf(t, table)
	if r.Spec != plan.SpecDigest(&spec) {
		t.Error("it is for another Parser")
	}
	// A restart neither forgets it nor looks again.
	w.stop()
	w.start()
	w.publish(good(4, 30))
	if s = w.done(); s.Incident == nil || s.Incident.Repair == nil || s.Incident.Repair.Patch != r.Patch {
		t.Errorf("after a restart: %+v", s.Incident)
	}
	w.parser(repaired(t, table, r))
	if s = w.closed(); !s.OK || s.Events != 120 {
		t.Errorf("status: %+v", s)
	}
	if got, want := w.addresses(120), slices.Concat(nets(1, 30), nets(4, 30), nets(2, 30), nets(3, 30)); !slices.Equal(got, want) {
		t.Errorf("events of %v", got)
	}
}

func TestNoRepairIsLookedForWhereNobodyWantsOne(t *testing.T) {
	w := newWorld(t)
	w.parser(table, policy(func(p *v1alpha1.FormatPolicySpec) { p.Repair = v1alpha1.RepairNever }))
	w.publish(good(1, 30))
	w.publish(renamed(2, 30))
	s := w.done()
	w.decide(s.Incident.ID, v1alpha1.DecisionRepair) // which is no order to the monitor
	w.publish(good(3, 30))
	if s = w.done(); s.Held != 1 || s.Incident.Repair != nil {
		t.Errorf("%+v", s.Incident)
	}
}

func TestARepairIsProposedForWhatIsRejectedInPart(t *testing.T) {
	w := newWorld(t)
	w.parser(table, emitValid)
	w.publish(good(1, 30))
	w.publish(strings.ReplaceAll(good(2, 30), ":", ".")) // another layout of times
	s := w.done()
	if s.Report == nil || s.Held != 0 || s.Incident != nil {
		t.Fatalf("status: %+v", s)
	}
	w.until("a repair is proposed", func(s status.Monitor) bool { return s.Report.Repair != nil })
}
