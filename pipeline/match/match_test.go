package match

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
)

func owner(c v1alpha1.CriteriaSpec) []Subscriber {
	return []Subscriber{{Name: "acme", Organisation: v1alpha1.OrganisationSpec{ID: "acme.example", Criteria: c},
		Clearance: policy.Clearance{TLP: event.TLPRed, FullAccess: true}, Inside: &v1alpha1.SelectionSpec{}}}
}

func owned(t *testing.T, c v1alpha1.CriteriaSpec, e *event.Event) bool {
	t.Helper()
	ix, errs := Build(owner(c))
	for _, err := range errs {
		t.Fatal(err)
	}
	var m Matches
	ix.Match(e, &m)
	return len(m.Client) == 1
}

func TestCriteriaMakeEventsAnOrganisationsOwn(t *testing.T) {
	type fqdns = []string
	name := func(s string) *event.Event { return &event.Event{FQDN: s} }
	url := func(s string) *event.Event { return &event.Event{URL: s} }
	ip := func(s string) *event.Event {
		return &event.Event{Address: []event.Address{{IP: netip.MustParseAddr(s)}}}
	}
	domain := v1alpha1.CriteriaSpec{FQDNs: fqdns{"Example.ORG."}}
	idn := v1alpha1.CriteriaSpec{FQDNs: fqdns{"żółw.example"}}
	wild := v1alpha1.CriteriaSpec{FQDNs: fqdns{"*.example.org"}}
	net4 := v1alpha1.CriteriaSpec{CIDRs: []string{"192.0.2.77/24"}}
	mapped := v1alpha1.CriteriaSpec{CIDRs: []string{"::ffff:192.0.2.0/120"}}
	net6 := v1alpha1.CriteriaSpec{CIDRs: []string{"2001:db8::5/32"}}
	shop := v1alpha1.CriteriaSpec{URLs: []string{"HTTP://Example.org/shop"}}
	site := v1alpha1.CriteriaSpec{URLs: []string{"https://example.org"}}
	query := v1alpha1.CriteriaSpec{URLs: []string{"https://example.org/a?id=5"}}
	queryName := v1alpha1.CriteriaSpec{URLs: []string{"https://example.org/a?id="}}
	folder := v1alpha1.CriteriaSpec{URLs: []string{"https://example.org/a/"}}
	ported := v1alpha1.CriteriaSpec{URLs: []string{"https://example.org:8443/a"}}
	literal := v1alpha1.CriteriaSpec{URLs: []string{"https://[2001:db8::1]/a"}}
	for _, tt := range []struct {
		what     string
		criteria v1alpha1.CriteriaSpec
		event    *event.Event
		want     bool
	}{
		{"the domain itself", domain, name("example.org"), true},
		{"a subdomain", domain, name("a.b.example.org"), true},
		{"a longer label", domain, name("notexample.org"), false},
		{"the parent", domain, name("org"), false},
		{"an A-label of a U-label", idn, name("www.xn--w-uga1v8h.example"), true},
		{"a wildcard's own name", wild, name("example.org"), true},
		{"host bits are masked", net4, ip("192.0.2.200"), true},
		{"outside the network", net4, ip("192.0.3.1"), false},
		{"an IPv4-mapped address", net4, ip("::ffff:192.0.2.1"), true},
		{"an IPv4-mapped network", mapped, ip("192.0.2.1"), true},
		{"IPv6", net6, ip("2001:db8:ffff::1"), true},
		{"IPv6 outside", net6, ip("2001:db9::1"), false},
		{"no address", net4, &event.Event{Address: []event.Address{{}}}, false},
		{"AS 0 is an AS", v1alpha1.CriteriaSpec{ASNs: []int64{0}}, &event.Event{Address: []event.Address{{ASN: event.Some(uint32(0))}}}, true},
		{"no AS is not AS 0", v1alpha1.CriteriaSpec{ASNs: []int64{0}}, ip("192.0.2.1"), false},
		{"a URL prefix", shop, url("http://example.org/shop"), true},
		{"a path below", shop, url("http://example.org/shop/1"), true},
		{"a query", shop, url("http://example.org/shop?x=1"), true},
		{"a fragment", shop, url("http://example.org/shop#x"), true},
		{"a longer segment", shop, url("http://example.org/shopping"), false},
		{"another scheme", shop, url("https://example.org/shop"), false},
		{"another case of the path", shop, url("http://example.org/Shop"), false},
		{"an event's host in upper case", shop, url("http://EXAMPLE.org/shop"), true},
		{"a site", site, url("https://example.org/any?thing"), true},
		{"a site without a path", site, url("https://example.org"), true},
		{"a port of a site", site, url("https://example.org:8443/x"), true},
		{"a host that goes on", site, url("https://example.org.example.net/"), false},
		{"credentials that look like the host", site, url("https://example.org:x@example.net/"), false},
		{"credentials that look like host and port", site, url("https://example.org:80@example.net/"), false},
		{"a user that looks like the host", site, url("https://example.org@example.net/"), false},
		{"a backslash after the host", site, url(`https://example.org\@example.net/`), true},
		{"a value of a query", query, url("https://example.org/a?id=5&b=1"), true},
		{"a longer value", query, url("https://example.org/a?id=55"), false},
		{"any value", queryName, url("https://example.org/a?id=55"), true},
		{"an ampersand in a path is no boundary", shop, url("http://example.org/shop&x"), false},
		{"a folder", folder, url("https://example.org/a/b"), true},
		{"a folder without its slash", folder, url("https://example.org/a"), false},
		{"a port", ported, url("https://example.org:8443/a/b"), true},
		{"another port", ported, url("https://example.org/a/b"), false},
		{"an IPv6 literal", literal, url("https://[2001:db8::1]/a"), true},
		{"the host of a URL is in the domain", domain, url("http://u:p@WWW.example.org.:8080/x"), true},
		{"the host of a URL is in the network", net4, url("http://192.0.2.9:8080/x"), true},
		{"the IPv6 host of a URL is in the network", net6, url("http://[2001:db8::9]:8080/x"), true},
		{"a name in the path is not the host", domain, url("http://example.net/example.org"), false},
		{"the fqdn counts rather than the host", domain, &event.Event{FQDN: "example.net", URL: "http://example.org/"}, false},
		{"no URL", domain, url("mailto:a@example.org"), false},
		{"rubbish", domain, url("://"), false},
	} {
		if got := owned(t, tt.criteria, tt.event); got != tt.want {
			t.Errorf("%s: owned = %v, want %v", tt.what, got, tt.want)
		}
	}
}

func TestNestedNetworksOfSeveralOrganisationsAllMatch(t *testing.T) {
	var subs []Subscriber
	for id, cidr := range map[string]string{"a": "0.0.0.0/0", "b": "192.0.0.0/16", "c": "192.0.2.0/24", "d": "192.0.2.128/25", "e": "192.0.2.0/25"} {
		s := owner(v1alpha1.CriteriaSpec{CIDRs: []string{cidr}})[0]
		s.Organisation.ID = id
		subs = append(subs, s)
	}
	ix, _ := Build(subs)
	var m Matches
	ix.Match(&event.Event{Address: []event.Address{{IP: netip.MustParseAddr("192.0.2.200")}}}, &m)
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(m.Client, want) {
		t.Errorf("client = %v, want %v", m.Client, want)
	}
}

func TestMistakesNameTheirFieldAndCostOnlyThemselves(t *testing.T) {
	subs := owner(v1alpha1.CriteriaSpec{
		ASNs:  []int64{-1, 64500},
		CIDRs: []string{"192.0.2.0/24", "198.51.100.0/24", "192.0.2.0/33", "::ffff:0:0/90"},
		FQDNs: []string{"example.org", "exa mple", "http://example.org/", "a..b", "."},
		URLs:  []string{"https://example.org/", "example.org/shop", "https:///shop", "https://a@example.org/"},
	})
	subs[0].Inside = &v1alpha1.SelectionSpec{Categories: []v1alpha1.Category{"bots", "nonsense"}}
	subs[0].Threats = &v1alpha1.SelectionSpec{MinConfidence: "sure"}
	ix, errs := Build(subs)
	var fields []string
	for _, err := range errs {
		fields = append(fields, err.Field)
		if !strings.HasPrefix(err.Error(), "subscription acme: spec.") {
			t.Errorf("error does not say whose it is: %v", err)
		}
	}
	slices.Sort(fields)
	const c = "spec.organisation.criteria."
	want := []string{c + "asns[0]", c + "cidrs[2]", c + "cidrs[3]", c + "fqdns[1]", c + "fqdns[2]", c + "fqdns[3]", c + "fqdns[4]",
		c + "urls[1]", c + "urls[2]", c + "urls[3]", "spec.zones.inside.categories[1]", "spec.zones.threats.minConfidence"}
	if !slices.Equal(fields, want) {
		t.Errorf("fields\n%q, want\n%q", fields, want)
	}
	var m Matches
	bots, _ := event.ParseCategory("bots")
	ix.Match(&event.Event{TLP: event.TLPClear, Category: bots, Confidence: event.ConfidenceHigh, Restriction: event.RestrictionPublic,
		Address: []event.Address{{IP: netip.MustParseAddr("192.0.2.1")}}}, &m)
	if len(m.Inside) != 1 {
		t.Error("the good criteria of the subscriber do not work")
	}
	if len(m.Threats) != 0 {
		t.Error("an unreadable confidence selects everything")
	}
}

func TestSubscribersWithOneSelectionAreOneGroup(t *testing.T) {
	sel := func(sources ...v1alpha1.SourceName) *v1alpha1.SelectionSpec {
		return &v1alpha1.SelectionSpec{Sources: sources}
	}
	green := policy.Clearance{TLP: event.TLPGreen}
	ix, _ := Build([]Subscriber{
		{Clearance: green, Threats: sel("a.b", "c.d")},
		{Clearance: green, Threats: sel("c.d", "a.b")},
		{Clearance: policy.Clearance{TLP: event.TLPRed}, Threats: sel("a.b", "c.d")},
	})
	var m Matches
	ix.Match(&event.Event{Source: "c.d", TLP: event.TLPGreen, Restriction: event.RestrictionPublic}, &m)
	if len(m.Threats) != 2 || !slices.Equal(ix.Group(m.Threats[0]), []int32{0, 1}) {
		t.Errorf("groups %v, the first %v; want two, the first of subscribers 0 and 1", m.Threats, ix.Group(m.Threats[0]))
	}
}

func TestAMatchesServesOneIndexAfterAnother(t *testing.T) {
	var m Matches
	e := &event.Event{FQDN: "example.org", TLP: event.TLPClear, Restriction: event.RestrictionPublic}
	for _, domain := range []string{"example.org", "example.com", "org"} {
		ix, _ := Build(owner(v1alpha1.CriteriaSpec{FQDNs: []string{domain}}))
		ix.Match(e, &m)
		if got, want := len(m.Client) == 1, domain != "example.com"; got != want {
			t.Errorf("index of %s: owned = %v", domain, got)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	th := &threats{groups: make([]group, 4096)}
	for i := range th.groups {
		th.groups[i] = group{selection: selection{all: true, categories: ^uint64(0)}, clearance: policy.Clearance{TLP: event.TLPRed, FullAccess: true}}
	}
	b := groupBuilder{list: th.groups}
	built := b.build(1000)
	var m memo
	m.reset()
	for s := range int32(1000) {
		if got := m.groups(&built, situation{source: s, confidence: 1, need: policy.Clearance{TLP: 1}}); len(got) != 4096 {
			t.Fatalf("source %d: %d groups", s, len(got))
		}
		if m.size > maxMemo {
			t.Fatalf("memo holds %d", m.size)
		}
	}
}

func FuzzCriteria(f *testing.F) {
	for _, s := range []string{"192.0.2.0/24", "2001:db8::/32", "example.org", "*.example.org", "żółw.example", "https://example.org/a?b=c",
		"https://[::1]:80/", "http://", "a://b:c@d", "::ffff:1.2.3.4/97", "xn--", "%", "http://example.org\\x"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, criterion, seen string) {
		ix, _ := Build(owner(v1alpha1.CriteriaSpec{CIDRs: []string{criterion}, FQDNs: []string{criterion}, URLs: []string{criterion}}))
		var m Matches
		ix.Match(&event.Event{FQDN: seen, URL: seen}, &m)
		ix.Match(&event.Event{URL: seen}, &m)
	})
}
