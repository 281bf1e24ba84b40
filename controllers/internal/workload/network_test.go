package workload

import (
	"net/netip"
	"slices"
	"testing"

	"code.dny.dev/ssrf"
	networkingv1 "k8s.io/api/networking/v1"
	"pgregory.net/rapid"

	"github.com/weir-project/weir/api/v1alpha1"
)

func policyOf(t *testing.T, set Set) networkingv1.NetworkPolicySpec {
	t.Helper()
	for _, o := range set {
		if o.GVK.Kind == "NetworkPolicy" {
			return decode[networkingv1.NetworkPolicy](t, o).Spec
		}
	}
	t.Fatal("no NetworkPolicy")
	return networkingv1.NetworkPolicySpec{}
}

// reaches tells whether a rule lets packets to an address outside the cluster out,
// at every port.
func reaches(rules []networkingv1.NetworkPolicyEgressRule, a netip.Addr) bool {
	for _, r := range rules {
		if len(r.Ports) > 0 {
			continue
		}
		for _, to := range r.To {
			if to.IPBlock == nil || !netip.MustParsePrefix(to.IPBlock.CIDR).Contains(a) {
				continue
			}
			if !slices.ContainsFunc(to.IPBlock.Except, func(p string) bool { return netip.MustParsePrefix(p).Contains(a) }) {
				return true
			}
		}
	}
	return false
}

func TestACollectorReachesWhatItsGuardAllows(t *testing.T) {
	rules := policyOf(t, Collector(options(), exchange(), feed("feodo"), "")).Egress
	guard := ssrf.New(ssrf.WithAnyPort())
	same := func(a netip.Addr) bool { return reaches(rules, a) == (guard.SafeAddr(a) == nil) }
	for _, s := range []string{
		"1.1.1.1", "10.1.2.3", "127.0.0.1", "169.254.169.254", "172.31.255.255", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"198.18.0.1", "203.0.113.9", "2606:4700::1111", "::1", "fd00::1", "fe80::1", "2001:db8::1", "64:ff9b::a00:1", "ff02::1",
	} {
		if a := netip.MustParseAddr(s); !same(a) {
			t.Errorf("%s: policy %t, guard %v", s, reaches(rules, a), guard.SafeAddr(a))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		for _, a := range []netip.Addr{netip.AddrFrom4([4]byte(b[:4])), netip.AddrFrom16([16]byte(b))} {
			if !a.Is4In6() && !same(a) && a != netip.MustParseAddr("168.63.129.16") {
				t.Fatalf("%s: policy %t, guard %v", a, reaches(rules, a), guard.SafeAddr(a))
			}
		}
	})
	if reaches(rules, netip.MustParseAddr("168.63.129.16")) {
		t.Error("a metadata service on a public address can be reached")
	}
}

func TestAllowedNetworksAreReached(t *testing.T) {
	o := options(func(o *Options) { o.AllowNetworks = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")} })
	rules := policyOf(t, Collector(o, exchange(), feed("feodo"), "")).Egress
	if !reaches(rules, netip.MustParseAddr("10.20.1.1")) || reaches(rules, netip.MustParseAddr("10.21.1.1")) {
		t.Error("only the network that is allowed should be reached")
	}
}

// Kubernetes refuses an exception that is not a real part of its block.
func TestExceptionsArePartsOfTheirBlocks(t *testing.T) {
	for name, set := range variants() {
		for _, o := range set {
			if o.GVK.Kind != "NetworkPolicy" {
				continue
			}
			for _, r := range decode[networkingv1.NetworkPolicy](t, o).Spec.Egress {
				for _, to := range r.To {
					checkBlock(t, name, to.IPBlock)
				}
			}
		}
	}
}

func checkBlock(t *testing.T, name string, b *networkingv1.IPBlock) {
	t.Helper()
	if b == nil {
		return
	}
	whole := netip.MustParsePrefix(b.CIDR)
	if whole != whole.Masked() {
		t.Errorf("%s: %s has bits behind its mask", name, whole)
	}
	for _, e := range b.Except {
		part := netip.MustParsePrefix(e)
		if part != part.Masked() || !whole.Overlaps(part) || part.Bits() <= whole.Bits() {
			t.Errorf("%s: %s is no part of %s", name, part, whole)
		}
	}
}

func TestOnlyCollectorsThatFetchReachTheWorld(t *testing.T) {
	world := netip.MustParseAddr("1.1.1.1")
	for name, set := range map[string]Set{
		"file":     Collector(options(), exchange(), feed("reports", fromFile), ""),
		"monitor":  Monitor(options(), exchange(), parser()),
		"hub":      Hub(options(), exchange()),
		"exporter": Exporter(options(), exchange(), subscription("acme"), "", false),
	} {
		p := policyOf(t, set)
		if reaches(p.Egress, world) {
			t.Errorf("%s reaches the world", name)
		}
		if len(p.PolicyTypes) != 2 || len(p.Egress) != 2 {
			t.Errorf("%s: %d rules for %v, want DNS and bus", name, len(p.Egress), p.PolicyTypes)
		}
	}
}

func TestAnEmbeddedBusLetsNoStrangersIn(t *testing.T) {
	rule := policyOf(t, Hub(options(), exchange())).Ingress[1]
	for _, from := range rule.From {
		if from.PodSelector == nil || len(from.PodSelector.MatchLabels) == 0 {
			t.Errorf("every pod of a namespace may connect: %+v", from)
		}
	}
	if len(rule.From) != 2 {
		t.Errorf("%d peers, want the pods of the bus and the operator", len(rule.From))
	}
	if in := policyOf(t, Hub(options(), exchange(external))).Ingress; len(in) != 1 {
		t.Errorf("%d rules where the hub has no bus, want metrics only", len(in))
	}
}

func TestWhereABusIs(t *testing.T) {
	for _, c := range []struct {
		url       string
		host      string
		port      int32
		namespace string
	}{
		{"nats://nats.nats.svc:4222", "nats.nats.svc", 4222, "nats"},
		{"nats://nats-0.nats.bus.svc.cluster.local", "nats-0.nats.bus.svc.cluster.local", 4222, "bus"},
		{"tls://bus.example.org:443", "bus.example.org", 443, ""},
		{"tls://svc.example.org", "svc.example.org", 4222, ""},
		{"nats://192.0.2.1:4333", "192.0.2.1", 4333, ""},
		{"nats://[2001:db8::1]:4333", "2001:db8::1", 4333, ""},
	} {
		b := BusOf(exchange(func(e *v1alpha1.Exchange) { e.Spec.Bus.NATS = &v1alpha1.NATSSpec{URLs: []string{c.url}} }))
		if !b.External || b.URL != c.url || b.Replicas != 3 || len(b.Servers) != 1 {
			t.Fatalf("%s: %+v", c.url, b)
		}
		s := b.Servers[0]
		if ns, _ := s.namespace(); s.Host != c.host || s.Port != c.port || ns != c.namespace {
			t.Errorf("%s: %+v in %q", c.url, s, ns)
		}
	}
	for _, bad := range []string{"nats://host:99999", "nats://:4222", "nats://ho st", "nats://host:0", "nats://[::1"} {
		if s, ok := serverOf(bad); ok {
			t.Errorf("%s: %+v", bad, s)
		}
	}
	if got := BusOf(exchange()); got.External || got.URL != "nats://main-hub-0.main-hub.cert.svc:4222" {
		t.Errorf("embedded: %+v", got)
	}
}

func TestNoPoliciesWhenSwitchedOff(t *testing.T) {
	o := options(func(o *Options) { o.NetworkPolicies = false })
	for name, set := range map[string]Set{
		"collector": Collector(o, exchange(), feed("feodo"), ""), "monitor": Monitor(o, exchange(), parser()), "hub": Hub(o, exchange()),
		"exporter": Exporter(o, exchange(), subscription("acme"), "", false), "shared": Shared(o, exchange(shared), nil, nil, nil),
	} {
		if slices.ContainsFunc(set, func(o Object) bool { return o.GVK.Kind == "NetworkPolicy" }) {
			t.Errorf("%s has a NetworkPolicy", name)
		}
	}
}
