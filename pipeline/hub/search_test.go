package hub

import (
	"context"
	"errors"
	"iter"
	"testing"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

func in(field string, values ...string) store.Cond {
	return store.Cond{Field: field, Op: store.In, Text: values}
}

// searchHub has one event of a hidden source inside acme's network.
func searchHub(t *testing.T) *Hub {
	t.Helper()
	limited := func(name, cidr string) plan.Subscription {
		s := everything(name)
		s.Spec.Clearance = v1alpha1.ClearanceSpec{TLP: "AMBER"}
		s.Spec.Organisation.Criteria.CIDRs = []string{cidr}
		return s
	}
	narrow := limited("narrow", "203.0.113.0/24")
	narrow.Spec.Zones = v1alpha1.ZonesSpec{Threats: &v1alpha1.SelectionSpec{Categories: []v1alpha1.Category{"phish"}}}
	h, _ := testHub(t, newMemory(), []plan.SourcePolicy{{Source: "provider.channel", Alias: "hidden.0badcafe"}},
		limited("acme", "192.0.2.0/24"), limited("other", "198.51.100.0/24"), narrow, everything("full"))
	if err := h.handle(t.Context(), []*bus.Block{block("a", sample(1, "192.0.2.1"))}); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSearchFindsNoMoreThanTheSubscriptionMaySee(t *testing.T) {
	h := searchHub(t)
	for _, tt := range []struct {
		what string
		req  SearchRequest
		want int
	}{
		{"own events", SearchRequest{Subscription: "acme", Zone: ZoneInside}, 1},
		{"another's events", SearchRequest{Subscription: "other", Zone: ZoneInside}, 0},
		{"threats", SearchRequest{Subscription: "other", Zone: ZoneThreats}, 1},
		{"threats beyond the selection", SearchRequest{Subscription: "narrow", Zone: ZoneThreats}, 0},
		{"the selection cannot be widened", SearchRequest{Subscription: "narrow", Zone: ZoneThreats, Where: []store.Cond{in("category", "bots")}}, 0},
		{"a source by its alias", SearchRequest{Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{in("source", "hidden.0badcafe")}}, 1},
		{"a hidden source by its name", SearchRequest{Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{in("source", "provider.channel")}}, 0},
		{"a hidden source by its name, with full access", SearchRequest{Subscription: "full", Zone: ZoneSearch, Where: []store.Cond{in("source", "provider.channel")}}, 1},
		{"no source that exists", SearchRequest{Subscription: "full", Zone: ZoneSearch, Where: []store.Cond{in("source", "no.such")}}, 0},
		{"another client, with full access", SearchRequest{Subscription: "full", Zone: ZoneSearch, Where: []store.Cond{in("client", "acme.example")}}, 1},
		{"another client inside", SearchRequest{Subscription: "full", Zone: ZoneInside, Where: []store.Cond{in("client", "other.example")}}, 0},
		{"a limit", SearchRequest{Subscription: "full", Zone: ZoneSearch, Limit: 1}, 1},
	} {
		if got := collect(t, h, tt.req); len(got) != tt.want {
			t.Errorf("%s: found %d events, want %d: %v", tt.what, len(got), tt.want, got)
		}
	}
}

func TestSearchRefusesWhatIsNotGranted(t *testing.T) {
	h := searchHub(t)
	for what, req := range map[string]SearchRequest{
		"a zone that is not granted": {Subscription: "narrow", Zone: ZoneInside},
		"a zone that does not exist": {Subscription: "full", Zone: "outside"},
		"no zone":                    {Subscription: "full"},
		"an unknown subscription":    {Subscription: "nobody", Zone: ZoneSearch},
		"another namespace":          {Namespace: "other", Subscription: "full", Zone: ZoneSearch},
		"by destination":             {Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{in("dip", "192.0.2.1")}},
		"by client":                  {Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{in("client", "other.example")}},
		"by ignored":                 {Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{in("ignored", "true")}},
		"by restriction":             {Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{{Field: "restriction", Op: store.AtMost, Text: []string{"internal"}}}},
		"by part of a name":          {Subscription: "acme", Zone: ZoneSearch, Where: []store.Cond{{Field: "name", Op: store.Contains, Text: []string{"e"}}}},
		"by part of a source":        {Subscription: "full", Zone: ZoneSearch, Where: []store.Cond{{Field: "source", Op: store.Contains, Text: []string{"e"}}}},
	} {
		if req.Namespace == "" {
			req.Namespace = "default"
		}
		n := 0
		for e, err := range h.Search(t.Context(), req) {
			n++
			if e != nil || !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: got %v, %v; want ErrForbidden", what, e, err)
			}
		}
		if n != 1 {
			t.Errorf("%s: %d answers, want one", what, n)
		}
	}
}

// careless is a store that ignores conditions.
type careless struct{ *memory }

func (c careless) Search(ctx context.Context, _ store.Query) iter.Seq2[*event.Event, error] {
	return c.memory.Search(ctx, store.Query{})
}

func TestSearchDoesNotRelyOnTheStore(t *testing.T) {
	h := searchHub(t)
	h.store = careless{h.store.(*memory)}
	for _, req := range []SearchRequest{{Subscription: "other", Zone: ZoneInside}, {Subscription: "narrow", Zone: ZoneThreats}} {
		if got := collect(t, h, req); len(got) > 0 {
			t.Errorf("%+v: shows %v", req, got)
		}
	}
}

func TestSearchTellsThatThereIsNoConfigurationYet(t *testing.T) {
	h, err := newHub(Options{Store: newMemory(), Log: logr.Discard(), Namespace: "default", Exchange: "main"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range h.Search(t.Context(), SearchRequest{}) {
		if !errors.Is(err, ErrNotReady) {
			t.Errorf("error %v", err)
		}
	}
	if h.Ready() == nil {
		t.Error("the hub says that it is ready")
	}
}

func TestErrorsOfTheStoreReachTheCaller(t *testing.T) {
	h := searchHub(t)
	for _, err := range h.Search(t.Context(), SearchRequest{Namespace: "default", Subscription: "full", Zone: ZoneSearch,
		Where: []store.Cond{in("no such field", "x")}}) {
		if !errors.Is(err, store.ErrQuery) || errors.Is(err, ErrForbidden) {
			t.Errorf("error %v", err)
		}
	}
}

func TestASuspendedSubscriptionGetsNothing(t *testing.T) {
	s := everything("one")
	s.Spec.Suspend = true
	h, p := testHub(t, newMemory(), nil, s)
	if err := h.handle(t.Context(), []*bus.Block{block("a", sample(1, "192.0.2.1"))}); err != nil {
		t.Fatal(err)
	}
	if len(p.messages) > 0 {
		t.Error("delivered")
	}
	for _, err := range h.Search(t.Context(), SearchRequest{Namespace: "default", Subscription: "one", Zone: ZoneSearch}) {
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("search: %v", err)
		}
	}
}
