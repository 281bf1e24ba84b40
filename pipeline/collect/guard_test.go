package collect

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestGuardRefusesEverythingThatIsNotPublic(t *testing.T) {
	g := newGuard(nil)
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.1.1", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1",
		"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "168.63.129.16", "100.100.100.200",
		"::", "::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "fe80::1", "fe80::1%eth0",
		"fc00::1", "fd00:ec2::254", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1",
		"2001::1", "2001:db8::1", "3fff::1", "5f00::1", "100::1", "fec0::1",
	} {
		if err := g.check(netip.MustParseAddr(a)); err == nil {
			t.Errorf("%s is allowed", a)
		}
	}
	for _, a := range []string{"8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "169.253.0.1", "2606:4700:4700::1111", "2a00:1450::1"} {
		if err := g.check(netip.MustParseAddr(a)); err != nil {
			t.Errorf("%s: %v", a, err)
		}
	}
}

func TestGuardAllowsWhatTheOperatorNames(t *testing.T) {
	g := newGuard([]netip.Prefix{
		netip.MustParsePrefix("10.1.2.3/16"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("64:ff9b::/96"),
		netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("168.63.129.16/32"),
	})
	for a, allowed := range map[string]bool{
		"10.1.0.1": true, "::ffff:10.1.0.1": true, "10.2.0.1": false, "fd12::1": true,
		"169.254.1.1": true, "169.254.169.254": false, // metadata needs its very address
		"fd00:ec2::254": false, "168.63.129.16": true,
		"64:ff9b::808:808": true, "64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b::a01:1": true,
	} {
		if err := g.check(netip.MustParseAddr(a)); (err == nil) != allowed {
			t.Errorf("%s: %v, want allowed %v", a, err, allowed)
		}
	}
}

func TestAPublisherOutsideLeadsNowhereInside(t *testing.T) {
	g := newGuard([]netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("169.254.169.254/32"),
	})
	for name, c := range map[string]struct {
		dials   []string
		allowed bool // the last
	}{
		"inside":                 {[]string{"127.0.0.1:80", "10.0.0.1:80"}, true},
		"from inside to outside": {[]string{"127.0.0.1:80", "8.8.8.8:80", "10.0.0.1:80"}, true},
		"outside":                {[]string{"8.8.8.8:80", "[2606:4700:4700::1111]:443"}, true},
		"outside, translated":    {[]string{"[2606:4700:4700::1111]:443", "[64:ff9b::808:808]:443"}, true},
		"to loopback":            {[]string{"8.8.8.8:80", "127.0.0.1:8481"}, false},
		"to loopback, mapped":    {[]string{"8.8.8.8:80", "[::ffff:127.0.0.1]:8481"}, false},
		"to a private network":   {[]string{"8.8.8.8:80", "1.1.1.1:80", "10.0.0.1:80"}, false},
		"translated to private":  {[]string{"[64:ff9b::808:808]:80", "[64:ff9b::a00:1]:80"}, false},
		"to metadata":            {[]string{"8.8.8.8:80", "169.254.169.254:80"}, false},
	} {
		dial := g.forCollection()
		var err error
		for _, address := range c.dials {
			network := "tcp4"
			if address[0] == '[' {
				network = "tcp6"
			}
			err = dial(t.Context(), network, address, nil)
		}
		if (err == nil) != c.allowed {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOfTwoSecretsTheLongerIsTakenOutFirst(t *testing.T) {
	var r redactor
	r.add("part")
	r.add("part-and-more")
	if got := r.text("it is part-and-more"); got != "it is "+hidden {
		t.Error(got)
	}
}

func TestCredentialsNeedEncryptionUnlessTheNetworkIsNamed(t *testing.T) {
	g := newGuard([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	secret := context.WithValue(t.Context(), plainCredentials{}, true)
	if err := g.control(t.Context(), "tcp4", "8.8.8.8:80", nil); err != nil {
		t.Errorf("plain request without credentials: %v", err)
	}
	if err := g.control(secret, "tcp4", "10.0.0.1:8080", nil); err != nil {
		t.Errorf("credentials into a named network: %v", err)
	}
	var forbidden *forbiddenError
	if err := g.control(secret, "tcp4", "8.8.8.8:80", nil); !errors.As(err, &forbidden) || !strings.Contains(err.Error(), "use https") {
		t.Errorf("credentials without encryption: %v", err)
	}
	for _, bad := range [][2]string{{"udp4", "8.8.8.8:53"}, {"unix", "/run/docker.sock"}, {"tcp4", "8.8.8.8"}, {"tcp4", "localhost:80"}} {
		if err := g.control(t.Context(), bad[0], bad[1], nil); err == nil {
			t.Errorf("%v is allowed", bad)
		}
	}
}

func TestNamesThatResolveToLoopbackAreRefused(t *testing.T) {
	srv := serve(t, text("secret of this host"))
	h := newHarness(t, func(o *Options) { o.AllowNets = nil })
	for _, url := range []string{srv.URL, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)} {
		h.fails(httpFeed(url), v1alpha1.ReasonAddressForbidden, "is not public")
	}
	for _, host := range []string{"[::ffff:127.0.0.1]", "[::1]", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::7f00:1]"} {
		if f := h.fails(httpFeed("http://"+host+":80/"), v1alpha1.ReasonAddressForbidden, ""); f.policy != onSchedule {
			t.Errorf("%s: policy %d", host, f.policy)
		}
	}
}
