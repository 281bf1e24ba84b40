package hub

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func put(t *testing.T, c *configs, hub plan.Hub, subs ...plan.Subscription) {
	t.Helper()
	for _, e := range entries(t, hub, subs...) {
		if err := c.entry(e); err != nil {
			t.Fatal(err)
		}
	}
}

func names(c *config) []string {
	var out []string
	for _, s := range c.subscribers {
		out = append(out, s.name)
	}
	return out
}

func TestManyChangesMakeFewIndexesAndTakeEffectWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfigs("default", "main", logr.Discard())
		ctx, cancel := context.WithCancel(t.Context())
		builds := 0
		done := make(chan error, 1)
		go func() { done <- c.run(ctx, func(*config) { builds++ }) }()
		hub := plan.Hub{Namespace: "default", Name: "main"}
		put(t, c, hub, everything("one"))
		synctest.Wait()
		if c.current() != nil {
			t.Fatal("configured before all keys were through")
		}
		if err := c.entry(bus.Entry{}); err != nil {
			t.Fatal(err)
		}
		if err := c.wait(ctx); err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			put(t, c, hub, everything(fmt.Sprintf("s%03d", i)))
			<-time.After(time.Millisecond)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if got := len(c.current().subscribers); got != 1001 {
			t.Errorf("%d subscriptions, want 1001", got)
		}
		if builds < 2 || builds > 4 {
			t.Errorf("%d indexes for 1000 changes in a second", builds)
		}
		if err := c.entry(bus.Entry{Key: plan.Key(plan.PrefixSubscription, "default", "s000")}); err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second)
		synctest.Wait()
		if slices.Contains(names(c.current()), "s000") {
			t.Error("a removed subscription still gets events")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTheHubWaitsForItsOwnKey(t *testing.T) {
	c := newConfigs("default", "main", logr.Discard())
	put(t, c, plan.Hub{Namespace: "default", Name: "another"}, everything("one"))
	if err := c.entry(bus.Entry{}); err != nil {
		t.Fatal(err)
	}
	if c.build() != nil {
		t.Fatal("configured by another exchange's key")
	}
	put(t, c, plan.Hub{Namespace: "default", Name: "main"})
	if c.build() == nil {
		t.Fatal("not configured")
	}
	if err := c.entry(bus.Entry{Key: plan.Key(plan.PrefixHub, "default", "main")}); err != nil {
		t.Fatal(err)
	}
	if c.build() == nil {
		t.Error("events that are under way have nowhere to go once the key is gone")
	}
}

func TestOnlySubscriptionsOfTheExchangeCount(t *testing.T) {
	c := newConfigs("default", "main", logr.Discard())
	other := everything("other")
	other.Spec.ExchangeRef.Name = "another"
	abroad := everything("abroad")
	abroad.Namespace = "elsewhere"
	put(t, c, plan.Hub{Namespace: "default", Name: "main"}, everything("one"), other, abroad)
	if err := c.entry(bus.Entry{}); err != nil {
		t.Fatal(err)
	}
	if got := names(c.build()); !slices.Equal(got, []string{"one"}) {
		t.Errorf("subscriptions %v", got)
	}
}

func TestAMistakeInTheConfigurationIsToldAndGivesNothingAway(t *testing.T) {
	c := newConfigs("default", "main", logr.Discard())
	bad := everything("bad")
	bad.Spec.Organisation.Criteria.CIDRs = []string{"192.0.2.0/24", "192.0.2.0/99"}
	label := everything("label")
	label.Spec.Clearance.TLP = "PURPLE"
	hub := plan.Hub{Namespace: "default", Name: "main", Spec: v1alpha1.ExchangeSpec{Store: v1alpha1.StoreSpec{Retention: "soon"}}}
	put(t, c, hub, bad, label, everything("unreadable"))
	for _, e := range []bus.Entry{{Key: plan.Key(plan.PrefixSubscription, "default", "unreadable"), Value: []byte("{")}, {}} {
		if err := c.entry(e); err != nil {
			t.Fatal(err)
		}
	}
	got := c.build()
	if want := []string{"bad", "label"}; !slices.Equal(names(got), want) {
		t.Errorf("subscriptions %v, want %v: what cannot be read gets nothing", names(got), want)
	}
	if got.byName["label"].clearance.TLP != 0 || got.byName["label"].clearance.FullAccess {
		t.Errorf("an unknown label clears for %+v", got.byName["label"].clearance)
	}
	if got.retention != 0 {
		t.Errorf("an unreadable retention drops events: %v", got.retention)
	}
	all := strings.Join(got.problems, "\n")
	for _, want := range []string{"subscription bad: spec.organisation.criteria.cidrs[1]: ", "subscription label: spec.clearance.tlp: ",
		"spec.store.retention: ", "subscription.default.unreadable"} {
		if !strings.Contains(all, want) {
			t.Errorf("problems do not tell of %q:\n%s", want, all)
		}
	}
	h, _ := testHub(t, newMemory(), nil)
	h.configured(got)
	if now, _ := h.report.take(); !now.OK || !strings.Contains(now.Message, "and 3 more") {
		t.Errorf("status %+v", now)
	}
}
