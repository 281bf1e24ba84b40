package export

import (
	"net/netip"
	"sync"
	"time"
)

// Failed logins that one address may make: a burst, then one a refill.
const (
	failureBurst   = 20
	failureRefill  = 3 * time.Second
	maxFailureSeen = 8192 // addresses that are remembered
)

// failures counts failed logins by remote address and says when an address has
// made too many. Only failed logins are refused: tokens are too long to be
// guessed, so the bound is against noise and load, and a subscriber who shares
// an address (or a proxy) with somebody who guesses is never locked out.
type failures struct {
	mu   sync.Mutex
	seen map[netip.Addr]bucket
}

// bucket is full of tokens at the time full.
type bucket struct{ full time.Time }

func newFailures() *failures { return &failures{seen: map[netip.Addr]bucket{}} }

// add notes a failed login and returns how long the address should wait, or 0.
func (f *failures) add(remote string, now time.Time) time.Duration {
	key := failureKey(remote)
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.seen[key]
	if !ok && len(f.seen) >= maxFailureSeen {
		f.makeRoom(now)
	}
	if b.full.Before(now) {
		b.full = now
	}
	if wait := b.full.Sub(now) - (failureBurst-1)*failureRefill; wait > 0 {
		return wait
	}
	b.full = b.full.Add(failureRefill)
	f.seen[key] = b
	return 0
}

// makeRoom forgets the addresses that are good again, and if those are few, any
// quarter, so that it is seldom called.
func (f *failures) makeRoom(now time.Time) {
	for k, b := range f.seen {
		if !b.full.After(now) {
			delete(f.seen, k)
		}
	}
	for k := range f.seen {
		if len(f.seen) <= maxFailureSeen/4*3 {
			return
		}
		delete(f.seen, k)
	}
}

// failureKey is the address, for IPv6 its /64: who has one address there has them
// all.
func failureKey(remote string) netip.Addr {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	a := ap.Addr().Unmap().WithZone("")
	if a.Is6() {
		p, _ := a.Prefix(64) // 64 is in range for every IPv6 address
		return p.Addr()
	}
	return a
}
