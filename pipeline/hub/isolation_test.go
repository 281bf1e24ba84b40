package hub

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
)

var drawnSources = []plan.SourcePolicy{
	{Source: "alpha.secret", Alias: plan.Alias("alpha.secret")},
	{Source: "beta.open", Alias: plan.Alias("beta.open"), ShowSource: true},
}

var drawnNets = []string{"192.0.2.0/25", "192.0.2.128/25", "198.51.100.0/24", "2001:db8::/32", "0.0.0.0/0"}

func drawEvent(t *rapid.T, n int) *event.Event {
	e := sample(n, rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.200", "198.51.100.9", "2001:db8::7", "203.0.113.1"}).Draw(t, "ip"))
	e.Source = rapid.SampledFrom([]string{"alpha.secret", "beta.open", "gamma.gone"}).Draw(t, "source")
	e.TLP = event.TLP(rapid.IntRange(0, 5).Draw(t, "tlp"))
	e.Restriction = event.Restriction(rapid.IntRange(1, 3).Draw(t, "restriction"))
	e.Confidence = event.Confidence(rapid.IntRange(1, 3).Draw(t, "confidence"))
	e.Category, _ = event.ParseCategory(rapid.SampledFrom([]string{"bots", "phish"}).Draw(t, "category"))
	e.Ignored = rapid.IntRange(0, 4).Draw(t, "ignored") == 0
	e.DIP = netip.MustParseAddr("203.0.113.99")
	e.Count = event.Some(uint32(7))
	e.Until = e.Time.Add(time.Hour)
	e.Extra = []event.Extra{{Key: "tags", Value: json.RawMessage(`"internal tag"`)}}
	e.ID = event.ComputeID(e)
	return e
}

func drawZone(t *rapid.T, label string) *v1alpha1.SelectionSpec {
	if rapid.IntRange(0, 3).Draw(t, label) == 0 {
		return nil
	}
	s := &v1alpha1.SelectionSpec{}
	if rapid.Bool().Draw(t, "by source") {
		s.Sources = []v1alpha1.SourceName{v1alpha1.SourceName(rapid.SampledFrom([]string{"alpha.secret", "beta.open"}).Draw(t, "selected"))}
	}
	if rapid.Bool().Draw(t, "by category") {
		s.Categories = []v1alpha1.Category{"bots"}
	}
	s.MinConfidence = v1alpha1.Confidence(rapid.SampledFrom([]string{"", "medium", "high"}).Draw(t, "least"))
	return s
}

func drawSubscription(t *rapid.T, name string) plan.Subscription {
	spec := v1alpha1.SubscriptionSpec{
		Clearance: v1alpha1.ClearanceSpec{
			TLP:        v1alpha1.TLP(rapid.SampledFrom([]string{"", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED", "nonsense"}).Draw(t, "clearance")),
			FullAccess: rapid.Bool().Draw(t, "full"),
		},
		Zones: v1alpha1.ZonesSpec{Inside: drawZone(t, "inside"), Threats: drawZone(t, "threats"), Search: drawZone(t, "search")},
	}
	spec.Organisation.Criteria.CIDRs = rapid.SliceOfNDistinct(rapid.SampledFrom(drawnNets), 0, 2, rapid.ID[string]).Draw(t, "cidrs")
	return subscription(name, spec)
}

// due is what a subscription is due in a zone, read from the specification.
func due(s *plan.Subscription, zone string, e *event.Event) bool {
	rank := map[v1alpha1.TLP]event.TLP{"CLEAR": 1, "GREEN": 2, "": 2, "AMBER": 3, "AMBER+STRICT": 4, "RED": 5}
	label := e.TLP
	if label == 0 {
		label = event.TLPRed
	}
	if label > rank[s.Spec.Clearance.TLP] || !s.Spec.Clearance.FullAccess && (e.Ignored || e.Restriction == event.RestrictionInternal) {
		return false
	}
	sel := map[string]*v1alpha1.SelectionSpec{"inside": s.Spec.Zones.Inside, "threats": s.Spec.Zones.Threats, "search": s.Spec.Zones.Search}[zone]
	if sel == nil ||
		len(sel.Sources) > 0 && !slices.Contains(sel.Sources, v1alpha1.SourceName(e.Source)) ||
		len(sel.Categories) > 0 && !slices.Contains(sel.Categories, v1alpha1.Category(e.Category.String())) {
		return false
	}
	if least := map[v1alpha1.Confidence]event.Confidence{"": 0, "medium": 2, "high": 3}[sel.MinConfidence]; e.Confidence < least {
		return false
	}
	if zone != "inside" {
		return true
	}
	return slices.ContainsFunc(s.Spec.Organisation.Criteria.CIDRs, func(c string) bool {
		return netip.MustParsePrefix(c).Contains(e.Address[0].IP)
	})
}

// secrets are strings that no line for a subscription without full access may
// hold.
var secrets = []string{"alpha.secret", "gamma.gone", "203.0.113.99", "internal tag", `"until"`, `"count"`, `"client"`, `"ignored"`}

func checkLines(t *rapid.T, where string, s *plan.Subscription, lines []string, want []string) {
	var ids []string
	for _, l := range lines {
		var e struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatalf("%s: %v in %s", where, err, l)
		}
		ids = append(ids, e.ID)
		for _, secret := range secrets {
			if !s.Spec.Clearance.FullAccess && strings.Contains(l, secret) {
				t.Fatalf("%s shows %s: %s", where, secret, l)
			}
		}
	}
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Fatalf("%s: got %d events, due %d\n%v\n%v", where, len(ids), len(want), ids, want)
	}
}

// Whatever the events and the subscriptions are, each subscription gets in each
// zone exactly what is due to it, in the form that is due to it, by delivery and
// by search.
func TestEverySubscriptionGetsWhatIsDueToItAndNothingElse(tt *testing.T) {
	rapid.Check(tt, func(t *rapid.T) {
		var subs []plan.Subscription
		for i := range rapid.IntRange(1, 4).Draw(t, "subscriptions") {
			subs = append(subs, drawSubscription(t, fmt.Sprint("s", i)))
		}
		h, p := testHub(tt, newMemory(), drawnSources, subs...)
		events := map[event.ID]*event.Event{}
		for i := range rapid.IntRange(1, 5).Draw(t, "blocks") {
			var list []*event.Event
			for j := range rapid.IntRange(1, 4).Draw(t, "events") {
				e := drawEvent(t, j)
				if j > 0 { // a block is of one source
					e.Source = list[0].Source
					e.ID = event.ComputeID(e)
				}
				list = append(list, e)
				if events[e.ID] == nil { // the first of its kind is the one that counts
					events[e.ID] = e
				}
			}
			if err := h.handle(tt.Context(), []*bus.Block{block(fmt.Sprint("block", i), list...)}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range subs {
			s := &subs[i]
			for _, zone := range []string{"inside", "threats", "search"} {
				var want []string
				for _, e := range events {
					if due(s, zone, e) {
						want = append(want, e.ID.String())
					}
				}
				where := fmt.Sprintf("%s %s %+v", s.Name, zone, s.Spec.Clearance)
				if zone != "search" {
					checkLines(t, "delivery to "+where, s, p.lines(s.Name, zone), slices.Clone(want))
				}
				granted := map[string]bool{"inside": s.Spec.Zones.Inside != nil, "threats": s.Spec.Zones.Threats != nil, "search": s.Spec.Zones.Search != nil}
				if granted[zone] {
					checkLines(t, "search by "+where, s, collect(tt, h, SearchRequest{Subscription: s.Name, Zone: zone}), want)
				}
			}
		}
		for _, m := range p.messages {
			for i := range subs {
				if subs[i].Name == m.subscription && !subs[i].Spec.Clearance.FullAccess && slices.Contains(secrets, m.source) {
					t.Fatalf("a block for %s tells the source %s", m.subscription, m.source)
				}
			}
		}
	})
}
