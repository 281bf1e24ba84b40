package zone

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// policies are the actions of targets of aliases.
var policies = map[string]string{
	".": "NXDOMAIN", "*.": "NODATA", "rpz-passthru.": "PASSTHRU", "rpz-drop.": "DROP", "rpz-tcp-only.": "TCP-only",
}

// triggers are the last label below the apex, and what it stands for.
var triggers = map[string]string{
	"rpz-ip": "ip", "rpz-client-ip": "client-ip", "rpz-nsip": "nsip", "rpz-nsdname": "nsdname",
}

// policy reads the record as one of a response policy zone.
func policy(e *Entry) error {
	e.Action = "record"
	if e.Type == "CNAME" {
		e.Action = "CNAME"
		if a, ok := policies[strings.ToLower(e.Data)]; ok {
			e.Action = a
		} else if e.Name != "" && strings.EqualFold(trimDot(e.Data), e.Name) {
			e.Action = "PASSTHRU" // as it was written before rpz-passthru
		}
	}
	e.Trigger = "qname"
	last := e.Name[strings.LastIndexByte(e.Name, '.')+1:]
	if t, ok := triggers[strings.ToLower(last)]; ok && len(last) < len(e.Name) {
		e.Trigger = t
		e.Name = e.Name[:len(e.Name)-len(last)-1]
	}
	if e.Trigger != "qname" && e.Trigger != "nsdname" {
		p, ok := network(e.Name)
		if !ok {
			return bad("%.100q is no network as in response policy zones, such as 24.0.2.0.192", e.Name)
		}
		e.Name, e.Network = "", p.String()
		if p.IsSingleIP() {
			e.Address = p.Addr().String()
		}
		return nil
	}
	if rest, ok := strings.CutPrefix(e.Name, "*."); ok {
		e.Name, e.Wildcard = rest, true
	}
	return nil
}

// network reads a prefix as response policy zones write it: its length, then the
// parts of the address from the last to the first, zz for what :: stands for.
func network(name string) (netip.Prefix, bool) {
	labels := strings.Split(name, ".")
	bits, err := strconv.ParseUint(labels[0], 10, 8)
	if err != nil {
		return netip.Prefix{}, false
	}
	parts := labels[1:]
	slices.Reverse(parts)
	text := strings.Join(parts, ".")
	isV4 := len(parts) == 4 && !slices.Contains(parts, "zz")
	if !isV4 {
		text = strings.Join(parts, ":")
		switch zz := slices.Index(parts, "zz"); {
		case zz < 0:
		case len(parts) == 1:
			text = "::"
		case zz == 0:
			text = ":" + strings.Replace(text, "zz", "", 1)
		case zz == len(parts)-1:
			text = strings.Replace(text, "zz", "", 1) + ":"
		default:
			text = strings.Replace(text, "zz", "", 1)
		}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Is4() != isV4 || int(bits) > a.BitLen() {
		return netip.Prefix{}, false
	}
	p, err := a.Prefix(int(bits))
	return p, err == nil
}
