package match

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
)

// The oracle reads the specification criterion by criterion, subscriber by
// subscriber, and knows no index.

func oracleOwns(c *v1alpha1.CriteriaSpec, e *event.Event) bool {
	for _, a := range e.Address {
		if a.ASN.Set && slices.Contains(c.ASNs, int64(a.ASN.V)) || a.CC != "" && slices.Contains(c.Countries, a.CC) {
			return true
		}
		for _, cidr := range c.CIDRs {
			if netip.MustParsePrefix(cidr).Masked().Contains(a.IP) {
				return true
			}
		}
	}
	name := e.FQDN
	if name == "" && e.URL != "" {
		name = strings.SplitN(strings.SplitN(e.URL, "://", 2)[1], "/", 2)[0]
		name, _, _ = strings.Cut(name, ":")
	}
	for _, d := range c.FQDNs {
		if name == d || strings.HasSuffix(name, "."+d) {
			return true
		}
	}
	return slices.ContainsFunc(c.URLs, func(p string) bool { return oracleURL(p, e.URL) })
}

func oracleURL(prefix, url string) bool {
	if strings.Count(prefix, "/") == 3 {
		prefix = strings.TrimSuffix(prefix, "/") // a site without and with its root
	}
	rest, ok := strings.CutPrefix(url, prefix)
	if !ok {
		return false
	}
	site := strings.Count(prefix, "/") == 2
	return rest == "" || strings.HasSuffix(prefix, "/") || strings.ContainsRune("/?#", rune(rest[0])) ||
		rest[0] == '&' && strings.Contains(prefix, "?") ||
		rest[0] == ':' && site && !strings.Contains(prefix[6:], ":")
}

func oracleSelects(s *v1alpha1.SelectionSpec, e *event.Event) bool {
	if s == nil || len(s.Sources) > 0 && !slices.Contains(s.Sources, v1alpha1.SourceName(e.Source)) ||
		len(s.Categories) > 0 && !slices.Contains(s.Categories, v1alpha1.Category(e.Category.String())) {
		return false
	}
	rank := map[string]int{"low": 1, "medium": 2, "high": 3}
	return rank[e.Confidence.String()] >= rank[string(s.MinConfidence)]
}

func oracleMay(c policy.Clearance, e *event.Event) bool {
	tlp := e.TLP
	if tlp == 0 {
		tlp = event.TLPRed
	}
	if c.TLP == 0 || tlp > c.TLP {
		return false
	}
	public := e.Restriction == event.RestrictionPublic || e.Restriction == event.RestrictionNeedToKnow
	return c.FullAccess || public && !e.Ignored
}

// Small universes, so that things meet.
var (
	someSources    = []string{"alpha.one", "alpha.two", "beta.one", "unnamed.source"}
	someCategories = []string{"bots", "cnc", "phish", "other"}
	someIPs        = []string{"192.0.2.1", "192.0.2.129", "198.51.100.7", "203.0.113.1", "2001:db8::1", "2001:db8:1::1", "10.0.0.1"}
	someCIDRs      = []string{"192.0.2.0/24", "192.0.2.128/25", "192.0.2.129/32", "192.0.0.0/8", "0.0.0.0/0", "198.51.100.9/24", "2001:db8::/32",
		"2001:db8:1::/48", "::/0", "203.0.113.1/32"}
	someNames = []string{"example.org", "www.example.org", "a.b.www.example.org", "notexample.org", "example.com", "org"}
	someURLs  = []string{"http://example.org", "http://example.org/", "http://example.org/shop", "http://example.org/shop/",
		"http://example.org/shopping", "http://example.org/shop?id=1", "http://example.org/shop?id=1&x=2", "http://example.org/shop?id=12",
		"http://example.org:8080/shop", "http://example.org:8080", "https://example.org/shop", "http://example.org.example.net/",
		"http://www.example.org/a/b/c", "http://www.example.org/a"}
)

func drawEvent(t *rapid.T) *event.Event {
	e := &event.Event{
		Source:      rapid.SampledFrom(someSources).Draw(t, "source"),
		Confidence:  event.Confidence(rapid.IntRange(1, 3).Draw(t, "confidence")),
		Restriction: event.Restriction(rapid.IntRange(0, 3).Draw(t, "restriction")),
		TLP:         event.TLP(rapid.IntRange(0, 5).Draw(t, "tlp")),
		Ignored:     rapid.IntRange(0, 5).Draw(t, "ignored") == 0,
	}
	e.Category, _ = event.ParseCategory(rapid.SampledFrom(someCategories).Draw(t, "category"))
	for range rapid.IntRange(0, 3).Draw(t, "addresses") {
		a := event.Address{IP: netip.MustParseAddr(rapid.SampledFrom(someIPs).Draw(t, "ip"))}
		if rapid.Bool().Draw(t, "has asn") {
			a.ASN = event.Some(uint32(rapid.IntRange(0, 3).Draw(t, "asn")))
		}
		a.CC = rapid.SampledFrom([]string{"", "PL", "DE"}).Draw(t, "cc")
		e.Address = append(e.Address, a)
	}
	if rapid.Bool().Draw(t, "has fqdn") {
		e.FQDN = rapid.SampledFrom(someNames).Draw(t, "fqdn")
	}
	if rapid.Bool().Draw(t, "has url") {
		e.URL = rapid.SampledFrom(someURLs).Draw(t, "url")
	}
	return e
}

func drawSelection(t *rapid.T, label string) *v1alpha1.SelectionSpec {
	if rapid.IntRange(0, 3).Draw(t, label) == 0 {
		return nil
	}
	s := &v1alpha1.SelectionSpec{}
	for _, v := range drawSome(t, someSources[:3], 2, "sources") {
		s.Sources = append(s.Sources, v1alpha1.SourceName(v))
	}
	for _, v := range drawSome(t, someCategories, 2, "categories") {
		s.Categories = append(s.Categories, v1alpha1.Category(v))
	}
	s.MinConfidence = v1alpha1.Confidence(rapid.SampledFrom([]string{"", "low", "medium", "high"}).Draw(t, "min"))
	return s
}

func drawSome(t *rapid.T, from []string, most int, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, most, rapid.ID[string]).Draw(t, label)
}

func drawSubscriber(t *rapid.T) Subscriber {
	s := Subscriber{
		Clearance: policy.Clearance{
			TLP: event.TLP(rapid.IntRange(0, 5).Draw(t, "clearance")), FullAccess: rapid.Bool().Draw(t, "full"),
		},
		Inside:  drawSelection(t, "inside"),
		Threats: drawSelection(t, "threats"),
	}
	s.Organisation.ID = rapid.SampledFrom([]string{"a.example", "b.example", "c.example", "d.example"}).Draw(t, "org")
	c := &s.Organisation.Criteria
	for range rapid.IntRange(0, 2).Draw(t, "asns") {
		c.ASNs = append(c.ASNs, int64(rapid.IntRange(0, 5).Draw(t, "asn")))
	}
	c.CIDRs = drawSome(t, someCIDRs, 2, "cidrs")
	c.Countries = drawSome(t, []string{"PL", "DE", "FR"}, 1, "countries")
	c.FQDNs = drawSome(t, someNames, 2, "fqdns")
	c.URLs = drawSome(t, someURLs, 2, "urls")
	return s
}

func TestMatchAgreesWithALinearReadingOfTheSpecification(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subs := rapid.SliceOfN(rapid.Custom(drawSubscriber), 0, 8).Draw(t, "subscribers")
		ix, errs := Build(subs)
		if len(errs) > 0 {
			t.Fatalf("criteria are good, but: %v", errs)
		}
		var m Matches
		for range 10 {
			e := drawEvent(t)
			ix.Match(e, &m)

			owners := map[string]bool{}
			for i := range subs {
				if oracleOwns(&subs[i].Organisation.Criteria, e) {
					owners[subs[i].Organisation.ID] = true
				}
			}
			var inside, threats []int32
			for i := range subs {
				s := &subs[i]
				if owners[s.Organisation.ID] && oracleMay(s.Clearance, e) && oracleSelects(s.Inside, e) {
					inside = append(inside, int32(i))
				}
				if oracleMay(s.Clearance, e) && oracleSelects(s.Threats, e) {
					threats = append(threats, int32(i))
				}
			}
			var client []string
			for o := range owners {
				client = append(client, o)
			}
			slices.Sort(client)
			var gotThreats []int32
			for _, g := range m.Threats {
				gotThreats = append(gotThreats, ix.Group(g)...)
			}
			gotInside := slices.Sorted(slices.Values(m.Inside))
			slices.Sort(gotThreats)
			if !slices.Equal(m.Client, client) {
				t.Fatalf("client %v, want %v for %+v", m.Client, client, e)
			}
			if !slices.Equal(gotInside, inside) {
				t.Fatalf("inside %v, want %v for %+v", gotInside, inside, e)
			}
			if !slices.Equal(gotThreats, threats) {
				t.Fatalf("threats %v, want %v for %+v", gotThreats, threats, e)
			}
		}
	})
}
