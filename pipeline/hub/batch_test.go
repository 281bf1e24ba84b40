package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

var all = &v1alpha1.SelectionSpec{}

// everything is a subscription that sees all there is.
func everything(name string) plan.Subscription {
	return subscription(name, v1alpha1.SubscriptionSpec{
		Clearance: v1alpha1.ClearanceSpec{TLP: "RED", FullAccess: true},
		Organisation: v1alpha1.OrganisationSpec{ID: name + ".example",
			Criteria: v1alpha1.CriteriaSpec{CIDRs: []string{"192.0.2.0/24"}}},
		Zones: v1alpha1.ZonesSpec{Inside: all, Threats: all, Search: all},
	})
}

func TestARepeatedBatchAddsNothing(t *testing.T) {
	st := newMemory()
	h, p := testHub(t, st, nil, everything("one"), everything("two"))
	// The first attempt dies between delivery and commit; the second publishes the
	// same messages again, which the bus knows by their ids.
	st.commit = []error{errors.New("power failed")}
	blocks := []*bus.Block{block("a", sample(1, "192.0.2.1"), sample(2, "192.0.2.2")), block("b", sample(2, "192.0.2.2"), sample(3, "203.0.113.1"))}
	if err := h.handle(t.Context(), blocks); !errors.Is(err, bus.ErrWait) {
		t.Fatalf("error %v does not ask to wait", err)
	}
	first := maps.Clone(p.messages)
	// The repetition may come in other batches.
	for _, b := range blocks {
		if err := h.handle(t.Context(), []*bus.Block{b}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := len(p.messages), len(first); got != want {
		t.Errorf("%d messages after the repetition, %d before", got, want)
	}
	if got := len(st.ids()); got != 3 {
		t.Errorf("%d events are recorded, want 3", got)
	}
	for _, s := range []string{"one", "two"} {
		if got := len(p.lines(s, ZoneThreats)); got != 3 {
			t.Errorf("%s got %d threats, want 3", s, got)
		}
		if got := len(p.lines(s, ZoneInside)); got != 2 {
			t.Errorf("%s got %d inside events, want 2", s, got)
		}
	}
}

func TestEventsThatAreKnownAreNotDeliveredAgain(t *testing.T) {
	h, p := testHub(t, newMemory(), nil, everything("one"))
	for _, id := range []string{"a", "b"} {
		if err := h.handle(t.Context(), []*bus.Block{block(id, sample(1, "192.0.2.1"))}); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(p.lines("one", ZoneThreats)); got != 1 {
		t.Errorf("delivered %d times", got)
	}
	now, _ := h.report.take()
	if now.Events != 2 || now.Recorded != 1 || now.Delivered != 2 {
		t.Errorf("status counts %+v, want 2 events, 1 recorded, 2 delivered (inside and threats)", now)
	}
}

func TestEventsWaitWhileTheStoreOrTheBusCannotTakeThem(t *testing.T) {
	st := newMemory()
	h, p := testHub(t, st, nil, everything("one"))
	st.before = []error{fmt.Errorf("write day: %w", store.ErrFull), errors.New("database is locked")}
	p.fail = []error{errors.New("no responders")}
	blocks := []*bus.Block{block("a", sample(1, "192.0.2.1"))}
	for i, reason := range []string{ReasonStoreFull, ReasonStoreFailed, v1alpha1.ReasonBusUnavailable} {
		if err := h.handle(t.Context(), blocks); !errors.Is(err, bus.ErrWait) {
			t.Fatalf("attempt %d: error %v does not ask to wait", i, err)
		}
		if now, dirty := h.report.take(); now.OK || now.Reason != reason || now.Message == "" || !dirty {
			t.Errorf("attempt %d: status %+v, want reason %s", i, now, reason)
		}
		if len(st.ids()) > 0 {
			t.Errorf("attempt %d: recorded although it failed", i)
		}
	}
	if err := h.handle(t.Context(), blocks); err != nil {
		t.Fatal(err)
	}
	if now, _ := h.report.take(); !now.OK || now.Recorded != 1 || now.Events != 1 {
		t.Errorf("status after recovery: %+v", now)
	}
}

func TestWhatWasDeliveredIsNotDeliveredAgainHoweverLongTheStoreIsFull(t *testing.T) {
	st := newMemory()
	h, p := testHub(t, st, nil, everything("one"), everything("two"))
	var calls atomic.Int32
	h.publish = func(ctx context.Context, d delivery) error {
		if calls.Add(1) == 2 {
			return errors.New("no responders")
		}
		return p.publish(ctx, d)
	}
	st.commit = []error{store.ErrFull, store.ErrFull, store.ErrFull}
	blocks := []*bus.Block{block("a", sample(1, "203.0.113.1"))}
	for h.handle(t.Context(), blocks) != nil {
	}
	if calls.Load() != 3 {
		t.Errorf("published %d times for two subscriptions and one failure", calls.Load())
	}
	if err := h.handle(t.Context(), []*bus.Block{block("b", sample(2, "203.0.113.1"))}); err != nil {
		t.Fatal(err)
	}
	if calls.Load() != 5 {
		t.Errorf("the next batch was not delivered")
	}
}

func TestALineThatIsNoEventIsRejectedAndHoldsUpNothing(t *testing.T) {
	st := newMemory()
	h, p := testHub(t, st, nil, everything("one"))
	b := block("a", sample(1, "192.0.2.1"), sample(2, "192.0.2.1"))
	b.Lines = append([]byte("{\"category\":\"nonsense\"}\nno json\n"), b.Lines...)
	incomplete := sample(4, "192.0.2.1")
	incomplete.ID = event.ID{}
	b.Lines = append(event.AppendJSON(b.Lines, incomplete), '\n')
	b.Lines = append(append(b.Lines, strings.Repeat("y", maxLine+1)...), '\n')
	only := block("b", sample(3, "192.0.2.1"))
	only.Lines = []byte(strings.Repeat("x", maxRejected+5) + "\n")
	if err := h.handle(t.Context(), []*bus.Block{b, only}); err != nil {
		t.Fatal(err)
	}
	if len(st.ids()) != 2 || len(p.rejected) != 5 {
		t.Fatalf("%d recorded, %d rejected; want 2 and 5", len(st.ids()), len(p.rejected))
	}
	found := false
	for _, line := range p.rejected {
		var r struct{ Reason, Field, Record string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.Reason == "" || r.Record == "" || len(r.Record) > maxRejected {
			t.Errorf("rejection says %.200s", line)
		}
		found = found || r.Field == "category" && strings.Contains(r.Record, "nonsense")
	}
	if !found {
		t.Errorf("no rejection names the field and holds the record: %.500q", p.rejected)
	}
}

func TestEventsOfAnotherNamespaceAreRefused(t *testing.T) {
	st := newMemory()
	h, _ := testHub(t, st, nil, everything("one"))
	b := block("a", sample(1, "192.0.2.1"))
	b.Feed.Namespace = "other"
	if err := h.handle(t.Context(), []*bus.Block{b}); !errors.Is(err, bus.ErrWait) || !strings.Contains(err.Error(), "other/feed") {
		t.Errorf("error %v; want one that waits and names the feed", err)
	}
	if len(st.ids()) > 0 {
		t.Error("the event was recorded")
	}
}

func TestOwnersAreRecordedWhateverTheyMaySee(t *testing.T) {
	blind := everything("blind")
	blind.Spec.Clearance = v1alpha1.ClearanceSpec{TLP: "CLEAR"}
	blind.Spec.Zones = v1alpha1.ZonesSpec{Search: all}
	h, p := testHub(t, newMemory(), nil, everything("one"), blind)
	e := sample(1, "192.0.2.1")
	e.TLP = event.TLPRed
	e.Client = []string{"forged.example"}
	if err := h.handle(t.Context(), []*bus.Block{block("a", e)}); err != nil {
		t.Fatal(err)
	}
	got := collect(t, h, SearchRequest{Subscription: "one", Zone: ZoneSearch})
	if len(got) != 1 || member(t, got[0], "client") != `["blind.example","one.example"]` {
		t.Errorf("recorded %v", got)
	}
	if len(p.lines("blind", ZoneInside))+len(p.lines("blind", ZoneThreats)) > 0 {
		t.Error("delivered to a subscription that may not see it")
	}
}

func TestLargeBatchesAreDeliveredInTheirBlocks(t *testing.T) {
	h, p := testHub(t, newMemory(), nil, everything("one"))
	var blocks []*bus.Block
	for i := range 8 {
		var events []*event.Event
		for j := range 200 {
			events = append(events, sample(1000*i+j, "192.0.2.1"))
		}
		blocks = append(blocks, block(fmt.Sprint(i), events...))
	}
	for range 2 { // the second time on used memory, with nothing new
		if err := h.handle(t.Context(), blocks); err != nil {
			t.Fatal(err)
		}
	}
	if len(p.messages) != 16 {
		t.Errorf("%d messages, want 8 for each of two zones", len(p.messages))
	}
	for id, m := range p.messages {
		if len(m.lines) != 200 {
			t.Errorf("message %s has %d lines", id, len(m.lines))
		}
		for i, l := range m.lines {
			if !strings.HasSuffix(strings.Trim(member(t, l, "name"), `"`), fmt.Sprint(i)) {
				t.Fatalf("message %s: line %d is %s", id, i, l)
			}
		}
	}
}

func TestOldEventsAreDropped(t *testing.T) {
	st := newMemory()
	h, _ := testHub(t, st, nil)
	h.purge(t.Context())
	if len(st.purged) > 0 {
		t.Fatal("events were dropped without a retention")
	}
	ex := exchangeOf()
	ex.hub.Spec.Store.Retention = "48h"
	configure(t, h, ex)
	h.purge(t.Context())
	if len(st.purged) != 1 || time.Since(st.purged[0].Add(48*time.Hour)).Abs() > time.Minute {
		t.Errorf("dropped what is before %v", st.purged)
	}
}

func TestConsumerNamesAreLabels(t *testing.T) {
	long := strings.Repeat("n", 63)
	names := []string{consumerName("default", 0), consumerName("default", 1), consumerName("1-default", 0),
		consumerName(long, 0), consumerName(long, 1)}
	if names[0] != "hub-default" {
		t.Errorf("name %s", names[0])
	}
	for _, n := range names {
		if len(n) > 63 {
			t.Errorf("%s is too long", n)
		}
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 5 {
		t.Error("two hubs share a consumer")
	}
}
