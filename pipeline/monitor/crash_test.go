package monitor_test

import (
	"slices"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/status"
)

const stateKey = "baseline.default.bots"

func TestACrashBeforeTheAcknowledgementRepeatsWithoutDoubling(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.done()
	before, err := w.conn.State().Get(t.Context(), stateKey)
	if err != nil {
		t.Fatal(err)
	}
	w.publish(good(2, 300))
	w.publish(renamed(3, 9))
	w.done()
	w.addresses(309)

	// All that the monitor remembers is as it was before the second payload, and
	// every payload comes again.
	w.stop()
	if err := w.conn.State().Put(t.Context(), stateKey, before); err != nil {
		t.Fatal(err)
	}
	if err := w.conn.RemoveFeed(t.Context(), bots); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.publish(good(4, 9))
	s := w.done()
	if s.Held != 1 || s.Incident == nil || s.Events != 318 || s.Rejected != 0 {
		t.Errorf("status: %+v", s)
	}
	if got, want := w.addresses(318), slices.Concat(nets(1, 9), nets(2, 300), nets(4, 9)); !slices.Equal(got, want) {
		t.Errorf("events of %d addresses, want %d", len(got), len(want))
	}
	if n := w.lineCount(); n != 318 {
		t.Errorf("%d events on the bus, want 318: what was published came twice", n)
	}
}

func TestALostAcknowledgementChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.done()
	w.stop()
	if err := w.conn.RemoveFeed(t.Context(), bots); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.publish(good(2, 9))
	if s := w.done(); s.Events != 18 || s.Records != 18 {
		t.Errorf("status: %+v", s)
	}
	w.addresses(18)
}

func TestACrashInARelease(t *testing.T) {
	for _, d := range []v1alpha1.Decision{v1alpha1.DecisionRelease, v1alpha1.DecisionAdopt} {
		t.Run(string(d), func(t *testing.T) { crashInARelease(t, d) })
	}
}

func crashInARelease(t *testing.T, d v1alpha1.Decision) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	want := nets(1, 9)
	for i := 2; i < 12; i++ {
		w.publish(retyped(i, 9))
		want = append(want, nets(i, 9)...)
	}
	s := w.done()
	w.decide(s.Incident.ID, d)
	w.addresses(18) // the first held payload is out
	w.stop()
	w.start()
	s = w.closed()
	if !s.OK || s.Payloads != 11 {
		t.Errorf("status: %+v", s)
	}
	if got := w.addresses(len(want)); !slices.Equal(got, want) {
		t.Errorf("events of %v, want %v", got, want)
	}
	if adopted := d == v1alpha1.DecisionAdopt; (s.Baseline == 2) != adopted || s.Events != int64(len(want)) {
		t.Errorf("baseline %d, %d events", s.Baseline, s.Events)
	}
}

func TestACrashWhileAnAnnouncedParserTakesOver(t *testing.T) {
	w := newWorld(t)
	w.parser(table, announce(t, later, 0))
	w.publish(good(1, 9))
	w.done()
	before, err := w.conn.State().Get(t.Context(), stateKey)
	if err != nil {
		t.Fatal(err)
	}
	w.publish(renamed(2, 9))
	w.done()
	w.addresses(18)

	// The events of the second payload are out, but nobody remembers it.
	w.stop()
	if err := w.conn.State().Put(t.Context(), stateKey, before); err != nil {
		t.Fatal(err)
	}
	if err := w.conn.RemoveFeed(t.Context(), bots); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.publish(renamed(3, 9))
	s := w.until("all are dealt with", func(s status.Monitor) bool { return s.Events == 27 })
	if s.Held != 0 || s.Parser.Name != "later" || s.Parser.Payload != "p2" {
		t.Errorf("status: %+v, Parser %+v", s, s.Parser)
	}
	if got, want := w.addresses(27), slices.Concat(nets(1, 9), nets(2, 9), nets(3, 9)); !slices.Equal(got, want) || w.lineCount() != 27 {
		t.Errorf("%d events of %v", w.lineCount(), got)
	}
}

func TestAnIncidentSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	w.parser(table)
	w.publish(good(1, 9))
	w.publish(renamed(2, 9))
	before := w.done()
	w.stop()
	w.start()
	w.publish(renamed(3, 9))
	s := w.done()
	if s.Incident == nil || s.Incident.ID != before.Incident.ID || s.Held != 2 || !s.Since.Equal(before.Since) {
		t.Errorf("status: %+v\nbefore: %+v", s, before)
	}
}

func TestADamagedMemoryIsLearnedAnew(t *testing.T) {
	w := newWorld(t)
	if err := w.conn.State().Put(t.Context(), stateKey, []byte(`{"payloads":`)); err != nil {
		t.Fatal(err)
	}
	w.parser(table)
	w.publish(good(1, 9))
	if s := w.done(); !s.OK || s.Events != 9 {
		t.Errorf("status: %+v", s)
	}
}
