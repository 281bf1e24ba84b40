package event

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MaxAddresses, MaxCVEs and MaxClients bound the lists of an event.
const (
	MaxAddresses = 256
	MaxCVEs      = 256
	MaxClients   = 65535
)

// ParseAddr reads an IP address as feeds write it: defanged (192.0.2[.]1), in
// brackets, as a network of one address (192.0.2.1/32), IPv4 mapped into IPv6.
// The reason says why something else is refused.
func ParseAddr(s string) (addr netip.Addr, reason string) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		if ip, reason = parseOddAddr(s); reason != "" {
			return netip.Addr{}, reason
		}
	}
	return normalAddr(ip)
}

// normalAddr unmaps IPv4, and refuses zones, which mean nothing elsewhere, and
// the unspecified address, which feeds use for "unknown".
func normalAddr(ip netip.Addr) (netip.Addr, string) {
	switch {
	case ip.Zone() != "":
		return netip.Addr{}, "has an IPv6 zone, which means nothing on another machine"
	case ip.IsUnspecified():
		return netip.Addr{}, "is the unspecified address; list it under nulls if the feed means that there is none"
	case ip.Is4In6():
		if ip = ip.Unmap(); ip.IsUnspecified() {
			return netip.Addr{}, "is the unspecified address; list it under nulls if the feed means that there is none"
		}
	}
	return ip, ""
}

func parseOddAddr(s string) (netip.Addr, string) {
	const maxLen = 128
	s = strings.TrimSpace(s)
	if len(s) > maxLen {
		return netip.Addr{}, "is not an IP address"
	}
	s = refang(s)
	if ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		return ip, ""
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.IsSingleIP() {
			return p.Addr(), ""
		}
		return netip.Addr{}, "is a network, not one address; keep it in extra, or cut it to its address with extract"
	}
	if _, err := netip.ParseAddrPort(s); err == nil {
		return netip.Addr{}, "has a port; extract the address, and map the port to sport or dport"
	}
	if strings.ContainsAny(s, ", ;|") {
		return netip.Addr{}, "is not one IP address; use split if it is a list"
	}
	return netip.Addr{}, "is not an IP address"
}

// parseASN reads 64496, AS64496, ASN64496 and 1.10 (RFC 5396 asdot).
func parseASN(s string) (uint32, string) {
	const reason = "is not an AS number (0 to 4294967295, with or without AS before it)"
	s = strings.TrimSpace(s)
	if len(s) > 2 && (s[0]|0x20) == 'a' && (s[1]|0x20) == 's' {
		if s = s[2:]; len(s) > 1 && (s[0]|0x20) == 'n' {
			s = s[1:]
		}
		s = strings.TrimLeft(s, " ")
	}
	if high, low, ok := strings.Cut(s, "."); ok {
		h, bad := parseUint(high, 16, reason)
		if bad != "" {
			return 0, reason
		}
		l, bad := parseUint(low, 16, reason)
		return uint32(h<<16 | l), bad
	}
	n, bad := parseUint(s, 32, reason)
	return uint32(n), bad
}

// parseUint reads digits only: strconv would take a plus sign.
func parseUint(s string, bits int, reason string) (uint64, string) {
	if s == "" || !isDigit(s[0]) {
		return 0, reason
	}
	n, err := strconv.ParseUint(s, 10, bits)
	if err != nil {
		return 0, reason
	}
	return n, ""
}

// normalCC gives a country code in upper case.
func normalCC(s string) (string, string) {
	if len(s) == 2 && s[0]-'A' < 26 && s[1]-'A' < 26 {
		return s, ""
	}
	s = strings.TrimSpace(s)
	if s == "" {
		return "", ""
	}
	if len(s) != 2 || !isAlpha(s[0]) || !isAlpha(s[1]) {
		return "", "is not a country code of two letters (ISO 3166-1)"
	}
	return upperASCII(s), ""
}

// validateAddresses normalizes the addresses, sorts them and merges those with the
// same IP.
func validateAddresses(e *Event) *FieldError {
	if len(e.Address) == 0 {
		return nil
	}
	if len(e.Address) > MaxAddresses {
		return fieldError("address", "has more than "+strconv.Itoa(MaxAddresses)+" addresses; explode the record", "")
	}
	for i := range e.Address {
		if part, reason, value := normalizeAddress(&e.Address[i]); reason != "" {
			return fieldError(addressField(i, part), reason, value)
		}
	}
	if len(e.Address) > 1 {
		slices.SortStableFunc(e.Address, func(a, b Address) int { return a.IP.Compare(b.IP) })
		e.Address = mergeAddresses(e.Address)
	}
	return nil
}

func addressField(i int, part string) string {
	return "address[" + strconv.Itoa(i) + "]." + part
}

func normalizeAddress(a *Address) (part, reason, value string) {
	if !a.IP.IsValid() {
		return "ip", "is missing: asn, cc, dir and rdns describe an address, so map ip as well", ""
	}
	ip, reason := normalAddr(a.IP)
	if reason != "" {
		return "ip", reason, a.IP.String()
	}
	a.IP = ip
	if !a.ASN.Set {
		a.ASN.V = 0
	}
	if a.CC != "" {
		cc, reason := normalCC(a.CC)
		if reason != "" {
			return "cc", reason, a.CC
		}
		a.CC = cc
	}
	if int(a.Dir) >= len(dirNames) {
		return "dir", "is no direction", ""
	}
	if a.RDNS != "" {
		rdns, reason := normalFQDN(a.RDNS)
		if reason != "" {
			return "rdns", reason, a.RDNS
		}
		a.RDNS = rdns
	}
	return "", "", ""
}

// mergeAddresses joins neighbours with the same IP. Where they contradict each
// other the smaller value stands, so that the result does not depend on the order
// of the feed.
func mergeAddresses(list []Address) []Address {
	out := list[:1]
	for i := range list[1:] {
		a, last := &list[i+1], &out[len(out)-1]
		if a.IP != last.IP {
			out = append(out, *a)
			continue
		}
		if !last.ASN.Set || a.ASN.Set && a.ASN.V < last.ASN.V {
			last.ASN = a.ASN
		}
		last.CC = leastPresent(last.CC, a.CC)
		last.Dir = leastPresent(last.Dir, a.Dir)
		last.RDNS = leastPresent(last.RDNS, a.RDNS)
	}
	return out
}

func leastPresent[T cmp.Ordered](a, b T) T {
	var absent T
	if a == absent || b != absent && b < a {
		return b
	}
	return a
}
