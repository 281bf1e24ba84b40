package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func put(t *testing.T, c *configs, ex exchange, subs ...plan.Subscription) {
	t.Helper()
	for _, e := range entries(t, ex, subs...) {
		if err := c.entry(e); err != nil {
			t.Fatal(err)
		}
	}
}

func names(c *config) []string {
	var out []string
	for _, s := range c.subscribers {
		out = append(out, s.name.Name)
	}
	return out
}

func TestManyChangesMakeFewIndexesAndTakeEffectWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newConfigs(ref("main"), logr.Discard())
		ctx, cancel := context.WithCancel(t.Context())
		builds := 0
		done := make(chan error, 1)
		go func() { done <- c.run(ctx, func(*config) { builds++ }) }()
		hub := exchangeOf()
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
	c := newConfigs(ref("main"), logr.Discard())
	put(t, c, named("default", "another"), everything("one"))
	if err := c.entry(bus.Entry{}); err != nil {
		t.Fatal(err)
	}
	if c.build() != nil {
		t.Fatal("configured by another exchange's key")
	}
	put(t, c, exchangeOf())
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
	c := newConfigs(ref("main"), logr.Discard())
	other := everything("other")
	other.Spec.ExchangeRef.Name = "another"
	abroad := everything("abroad") // means the exchange main of its own namespace
	abroad.Namespace = "elsewhere"
	guest := everything("guest")
	guest.Namespace, guest.Spec.ExchangeRef.Namespace = "guests", "default"
	uninvited := everything("uninvited")
	uninvited.Namespace, uninvited.Spec.ExchangeRef.Namespace = "strangers", "default"
	ex := exchangeOf()
	ex.hub.Namespaces = []string{"default", "elsewhere", "guests"}
	put(t, c, ex, everything("one"), other, abroad, guest, uninvited)
	if err := c.entry(bus.Entry{}); err != nil {
		t.Fatal(err)
	}
	if got := names(c.build()); !slices.Equal(got, []string{"one", "guest"}) {
		t.Errorf("subscriptions %v", got)
	}
}

func TestASubscriptionUnderTheKeyOfAnotherGetsNothing(t *testing.T) {
	c := newConfigs(ref("main"), logr.Discard())
	put(t, c, exchangeOf(), everything("one"))
	value, err := json.Marshal(everything("one"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []bus.Entry{{Key: plan.Key(plan.PrefixSubscription, "default", "two"), Value: value}, {}} {
		if err := c.entry(e); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.build(); !slices.Equal(names(got), []string{"one"}) || len(got.problems) != 1 {
		t.Errorf("subscriptions %v, problems %q", names(got), got.problems)
	}
}

// named is an empty exchange.
func named(namespace, name string) exchange {
	return exchange{plan.Hub{Namespace: namespace, Name: name}, plan.Sources{Namespace: namespace, Name: name}}
}

func TestAMistakeInTheConfigurationIsToldAndGivesNothingAway(t *testing.T) {
	c := newConfigs(ref("main"), logr.Discard())
	bad := everything("bad")
	bad.Spec.Organisation.Criteria.CIDRs = []string{"192.0.2.0/24", "192.0.2.0/99"}
	label := everything("label")
	label.Spec.Clearance.TLP = "PURPLE"
	ex := exchangeOf()
	ex.hub.Spec.Store.Retention = "soon"
	put(t, c, ex, bad, label, everything("unreadable"))
	for _, e := range []bus.Entry{{Key: plan.Key(plan.PrefixSubscription, "default", "unreadable"), Value: []byte("{")}, {}} {
		if err := c.entry(e); err != nil {
			t.Fatal(err)
		}
	}
	got := c.build()
	if want := []string{"bad", "label"}; !slices.Equal(names(got), want) {
		t.Errorf("subscriptions %v, want %v: what cannot be read gets nothing", names(got), want)
	}
	if got.byName[ref("label")].clearance.TLP != 0 || got.byName[ref("label")].clearance.FullAccess {
		t.Errorf("an unknown label clears for %+v", got.byName[ref("label")].clearance)
	}
	if got.retention != 0 {
		t.Errorf("an unreadable retention drops events: %v", got.retention)
	}
	all := strings.Join(got.problems, "\n")
	for _, want := range []string{"subscription default/bad: spec.organisation.criteria.cidrs[1]: ", "subscription default/label: spec.clearance.tlp: ",
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
