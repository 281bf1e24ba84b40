package collect

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"

	"code.dny.dev/ssrf"
)

// guard decides which addresses a collector may connect to. It is asked by the
// dialer after name resolution, for each address and each redirect, so a name
// that resolves to something else the second time gains nothing.
//
// Refused is everything that is not public: loopback, link-local, private,
// shared (CGNAT), unique local, multicast, unspecified, documentation, reserved,
// 6to4, Teredo, NAT64, and metadata services on public addresses. Any port is
// allowed: publishers use odd ones, and the addresses that matter are refused.
type guard struct {
	public *ssrf.Guardian
	allow  []netip.Prefix
}

// forbiddenError says that an address was refused.
type forbiddenError struct {
	addr netip.Addr
	why  string
}

func (e *forbiddenError) Error() string {
	return fmt.Sprintf("address %s %s", e.addr, e.why)
}

// Metadata services hand out credentials to whoever connects. They are refused
// even inside an allowed net, unless the operator allows the very address.
var metadata = []netip.Addr{
	netip.MustParseAddr("169.254.169.254"), // most clouds
	netip.MustParseAddr("169.254.170.2"),   // AWS ECS
	netip.MustParseAddr("169.254.170.23"),  // AWS EKS
	netip.MustParseAddr("168.63.129.16"),   // Azure, a public address
	netip.MustParseAddr("100.100.100.200"), // Alibaba
	netip.MustParseAddr("192.0.0.192"),     // Oracle
	netip.MustParseAddr("fd00:ec2::254"),   // AWS
	netip.MustParseAddr("fd20:ce::254"),    // Google
}

// translated are prefixes with an IPv4 address in their last 32 bits (RFC 6052,
// RFC 8215). Allowing such a prefix does not allow what is behind it.
var translated = []netip.Prefix{
	netip.MustParsePrefix("64:ff9b::/96"),
	netip.MustParsePrefix("64:ff9b:1::/48"),
}

func newGuard(allow []netip.Prefix) *guard {
	g := &guard{public: ssrf.New(ssrf.WithAnyPort())}
	for _, p := range allow {
		g.allow = append(g.allow, p.Masked())
	}
	return g
}

// allowed tells whether the operator named the address.
func (g *guard) allowed(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range g.allow {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// check returns a *forbiddenError for an address that may not be connected to.
func (g *guard) check(a netip.Addr) error {
	plain := a.Unmap().WithZone("")
	for _, m := range metadata {
		if m == plain && !g.named(plain) {
			return &forbiddenError{plain, "is a metadata service: never fetch feeds from there"}
		}
	}
	for _, p := range translated {
		if b := plain.As16(); p.Contains(plain) && g.allowed(plain) {
			return g.check(netip.AddrFrom4([4]byte(b[12:])))
		}
	}
	if g.allowed(plain) {
		return nil
	}
	if err := g.public.SafeAddr(plain); err != nil {
		return &forbiddenError{plain, "is not public: if the feed is meant to come from there, allow its network in the collector's settings"}
	}
	return nil
}

// ownService marks the context of a dial to a Service of the feed's own namespace.
type ownService struct{}

// checkService is check for such a dial: the addresses of a cluster are not public.
// Those of the node and of metadata services stay refused, since a Service may be a
// name for anything.
func (g *guard) checkService(a netip.Addr) error {
	if slices.Contains(metadata, a) || a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() {
		return g.check(a)
	}
	for _, p := range translated {
		if p.Contains(a) {
			return g.check(a)
		}
	}
	return nil
}

// forCollection is control for the dials of one collection. If the first goes to a
// public address, none may go to one that only the operator's settings allow: they
// are for feeds from there, not for whoever out there answers with a redirect or
// a link to the next page.
func (g *guard) forCollection() func(context.Context, string, string, syscall.RawConn) error {
	var first sync.Once
	fromOutside := false
	return func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if err := g.control(ctx, network, address, c); err != nil {
			return err
		}
		ap, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("address %q: %w", address, err)
		}
		addr := ap.Addr().Unmap().WithZone("")
		public := g.outside(addr)
		first.Do(func() { fromOutside = public })
		if fromOutside && !public {
			return &forbiddenError{addr, "is not public, and a publisher on a public address leads there: set spec.http.url to where it leads, if that is right"}
		}
		return nil
	}
}

// outside tells whether everybody may connect to an address, whatever the operator
// allows.
func (g *guard) outside(a netip.Addr) bool {
	for _, p := range translated {
		if b := a.As16(); p.Contains(a) {
			a = netip.AddrFrom4([4]byte(b[12:]))
		}
	}
	return !slices.Contains(metadata, a) && g.public.SafeAddr(a) == nil
}

// named tells whether the operator allowed exactly this address.
func (g *guard) named(a netip.Addr) bool {
	for _, p := range g.allow {
		if p.IsSingleIP() && p.Addr() == a {
			return true
		}
	}
	return false
}

// plainCredentials marks the context of a request that would carry credentials
// without encryption.
type plainCredentials struct{}

// control is net.Dialer.ControlContext.
func (g *guard) control(ctx context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("network %s is not allowed", network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	check := g.check
	if ctx.Value(ownService{}) != nil {
		check = g.checkService
	}
	if err := check(ap.Addr().Unmap().WithZone("")); err != nil {
		return err
	}
	if ctx.Value(plainCredentials{}) != nil && !g.allowed(ap.Addr()) {
		return &forbiddenError{ap.Addr(), "would get credentials without encryption: use https"}
	}
	return nil
}
