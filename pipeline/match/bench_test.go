package match

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
)

// crowd is n subscribers, each with an own AS, ten networks, five domains and two
// URLs; each of them selects its own three of 100 sources for threats.
func crowd(n int) []Subscriber {
	r := rand.New(rand.NewPCG(1, 2))
	categories := []v1alpha1.Category{"bots", "cnc", "phish", "malurl", "vulnerable"}
	subs := make([]Subscriber, n)
	for i := range subs {
		s := &subs[i]
		s.Name = fmt.Sprint("s", i)
		s.Organisation.ID = fmt.Sprintf("org%d.example", i)
		c := &s.Organisation.Criteria
		c.ASNs = []int64{int64(64500 + i)}
		for range 10 {
			c.CIDRs = append(c.CIDRs, netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(1 + r.IntN(220)), byte(r.IntN(256)), byte(r.IntN(256))}), 16+r.IntN(9)).String())
		}
		for j := range 5 {
			c.FQDNs = append(c.FQDNs, fmt.Sprintf("d%d.org%d.example", j, i))
		}
		c.URLs = []string{fmt.Sprintf("https://org%d.example/a", i), fmt.Sprintf("https://hosting.example/org%d/", i)}
		s.Clearance = policy.Clearance{TLP: event.TLP(2 + r.IntN(3)), FullAccess: i%100 == 0}
		s.Inside = &v1alpha1.SelectionSpec{}
		s.Threats = &v1alpha1.SelectionSpec{Categories: []v1alpha1.Category{categories[r.IntN(len(categories))]}}
		for range 3 {
			s.Threats.Sources = append(s.Threats.Sources, v1alpha1.SourceName(fmt.Sprintf("provider.channel%d", r.IntN(100))))
		}
	}
	return subs
}

func traffic(n, orgs int) []*event.Event {
	r := rand.New(rand.NewPCG(3, 4))
	events := make([]*event.Event, n)
	for i := range events {
		e := &event.Event{
			Source: fmt.Sprintf("provider.channel%d", r.IntN(100)), Category: event.Category(1 + r.IntN(27)),
			Confidence: event.Confidence(1 + r.IntN(3)), Restriction: event.RestrictionNeedToKnow, TLP: event.TLP(1 + r.IntN(3)),
			Address: []event.Address{{IP: netip.AddrFrom4([4]byte{byte(1 + r.IntN(220)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))}),
				ASN: event.Some(uint32(64500 + r.IntN(10*orgs))), CC: "PL"}},
		}
		if i%2 == 0 {
			e.FQDN = fmt.Sprintf("www.d%d.org%d.example", r.IntN(20), r.IntN(2*orgs))
			e.URL = fmt.Sprintf("https://hosting.example/org%d/x/y?z=%d", r.IntN(2*orgs), i)
		}
		events[i] = e
	}
	return events
}

func BenchmarkMatch(b *testing.B) {
	for _, n := range []int{100, 1000, 10_000} {
		b.Run(fmt.Sprintf("subscriptions=%d", n), func(b *testing.B) {
			ix, errs := Build(crowd(n))
			if len(errs) > 0 {
				b.Fatal(errs[0])
			}
			events := traffic(4096, n)
			var m Matches
			inside, threats, i := 0, 0, 0
			b.ReportAllocs()
			for b.Loop() {
				ix.Match(events[i%len(events)], &m)
				inside += len(m.Inside)
				for _, g := range m.Threats {
					threats += len(ix.Group(g))
				}
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(inside)/float64(b.N), "inside/event")
			b.ReportMetric(float64(threats)/float64(b.N), "threats/event")
		})
	}
}

// BenchmarkMatchEverybody has one selection for all: each event has as many
// matches as there are subscriptions.
func BenchmarkMatchEverybody(b *testing.B) {
	subs := crowd(10_000)
	for i := range subs {
		subs[i].Threats = &v1alpha1.SelectionSpec{}
	}
	ix, _ := Build(subs)
	events := traffic(4096, 10_000)
	var m Matches
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		ix.Match(events[i%len(events)], &m)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkMatchUnknownSituation is what an event costs that nobody like it came
// before.
func BenchmarkMatchUnknownSituation(b *testing.B) {
	ix, _ := Build(crowd(10_000))
	events := traffic(4096, 10_000)
	var m Matches
	i := 0
	for b.Loop() {
		m.memo.reset()
		ix.Match(events[i%len(events)], &m)
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkBuild(b *testing.B) {
	subs := crowd(10_000)
	b.ReportAllocs()
	for b.Loop() {
		Build(subs)
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/build")
}
