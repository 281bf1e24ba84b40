package policy

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/plan"
)

// Sources is what the outside may know about each source, by its real name.
type Sources map[string]plan.SourcePolicy

// NewSources indexes the sources of an exchange.
func NewSources(list []plan.SourcePolicy) Sources {
	s := make(Sources, len(list))
	for _, p := range list {
		s[p.Source] = p
	}
	return s
}

// Shown is the name under which source appears without full access. A source
// that is not configured (any more) stays hidden.
func (s Sources) Shown(source string) string {
	p, ok := s[source]
	switch {
	case ok && p.ShowSource:
		return source
	case ok && p.Alias != "":
		return p.Alias
	}
	return plan.Alias(source)
}

// Resolve turns the names that a subscriber asks for into real sources: with
// full access they are taken as they are, without it only the names that Shown
// gives are known. Others are dropped, so the real name of a hidden source finds
// as much as a name that does not exist: nothing.
func (s Sources) Resolve(names []string, c Clearance) []string {
	if c.FullAccess {
		return names
	}
	wanted := make(map[string]bool, len(names))
	for _, n := range names {
		wanted[n] = true
	}
	var real []string
	for source := range s {
		if wanted[s.Shown(source)] {
			real = append(real, source)
		}
	}
	return real
}

// Viewer shows events as a subscriber may see them. Not safe for concurrent use.
type Viewer struct {
	Clearance Clearance
	Sources   Sources

	view  event.Event
	extra []event.Extra
}

// View is e by the access classes of Fields: e itself with full access, else a
// redacted shallow copy that shares memory with e and is valid until the next
// call. e is not changed. View does not ask whether e is Visible at all.
func (v *Viewer) View(e *event.Event) *event.Event {
	if v.Clearance.FullAccess {
		return e
	}
	v.view = *e
	w := &v.view
	w.Source = v.Sources.Shown(e.Source)
	w.Until = time.Time{}
	w.Count = event.Opt[uint32]{}
	w.Client = nil
	w.Ignored = false
	if e.DIP.IsValid() {
		w.DIP = netip.Addr{}
		if w.ADIP == "" {
			w.ADIP = anonymize(e.DIP)
		}
	}
	v.extra = v.extra[:0]
	for _, x := range e.Extra {
		if openExtra[x.Key] {
			v.extra = append(v.extra, x)
		}
	}
	w.Extra = v.extra
	return w
}

// anonymize keeps the last 16 bits of an address and hides the rest: 192.0.2.7
// becomes x.x.2.7, as in n6, and 2001:db8::a:b becomes x:x:x:x:x:x:x:b. An IPv6
// address shows no more bits than an IPv4 one, because its lower half can name a
// device (RFC 4291, appendix A).
func anonymize(ip netip.Addr) string {
	ip = ip.Unmap()
	if ip.Is4() {
		a := ip.As4()
		b := append(make([]byte, 0, len("x.x.255.255")), "x.x."...)
		b = strconv.AppendUint(b, uint64(a[2]), 10)
		b = append(b, '.')
		return string(strconv.AppendUint(b, uint64(a[3]), 10))
	}
	a := ip.As16()
	b := append(make([]byte, 0, len("x:x:x:x:x:x:x:ffff")), "x:x:x:x:x:x:x:"...)
	return string(strconv.AppendUint(b, uint64(a[14])<<8|uint64(a[15]), 16))
}
