package collect

import (
	"context"
	"net/netip"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestAServiceOfTheFeedsOwnNamespaceIsInReach(t *testing.T) {
	for url, want := range map[string]bool{
		"http://feeds.tenant.svc/list":                     true,
		"https://feeds.tenant.svc.cluster.local:8443/list": true,
		"http://FEEDS.tenant.svc/list":                     true,
		"http://feeds.other.svc/list":                      false,
		"http://a.feeds.tenant.svc/list":                   false,
		"http://.tenant.svc/list":                          false,
		"http://tenant.svc/list":                           false,
		"http://feeds.tenant.svc.example.org/list":         false,
		"http://example.org/feeds.tenant.svc":              false,
		"http://feeds.tenant.svc@example.org/":             false,
	} {
		if got := (&v1alpha1.HTTPSpec{URL: url}).OwnService("tenant"); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
}

func TestAServiceMayNotLeadToTheNodeOrToMetadata(t *testing.T) {
	g := newGuard(nil)
	marked := context.WithValue(t.Context(), ownService{}, true)
	for address, want := range map[string]bool{
		"10.96.0.17:80": true, "[fd12:3456::1]:80": true, "198.18.0.7:80": true, "192.168.7.1:8080": true,
		"127.0.0.1:80": false, "[::1]:80": false, "169.254.169.254:80": false, "[fe80::1]:80": false,
		"0.0.0.0:80": false, "224.0.0.1:80": false, "100.100.100.200:80": false, "[fd00:ec2::254]:80": false,
		"[::ffff:169.254.169.254]:80": false, "[64:ff9b::a9fe:a9fe]:80": false,
	} {
		network := "tcp4"
		if a := netip.MustParseAddrPort(address); a.Addr().Is6() {
			network = "tcp6"
		}
		if err := g.control(marked, network, address, nil); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
		if err := g.control(t.Context(), network, address, nil); err == nil {
			t.Errorf("%s is in reach of any feed", address)
		}
	}
}
