package infer

import (
	"net/netip"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// bothEnds reports whether one column has the source with its port, and another
// the destination.
func (d *drafting) bothEnds() bool {
	source, dest := false, false
	for _, c := range d.columns {
		if c.kindIs(drift.IPPort) {
			source = source || sourceWords.any(c.words)
			dest = dest || !sourceWords.any(c.words) && (destWords.any(c.words) || slices.Contains(c.words, "target"))
		}
	}
	return source && dest
}

// proposeEnd takes address and port of one end apart.
func (d *drafting) proposeEnd(c *column) []proposal {
	address, port := "dip", "dport"
	if sourceWords.any(c.words) {
		address, port = "ip", "sport"
	}
	return []proposal{{field: address, confidence: 0.9, reason: "the values are addresses with ports, and another column has the other end",
		rule: v1alpha1.MappingRule{Extract: `^\[?([0-9A-Fa-f.:]+?)\]?:\d+$`},
		more: []v1alpha1.MappingRule{{Field: port, From: []string{c.name}, Extract: `:(\d+)$`, OnInvalid: v1alpha1.InvalidDrop}}}}
}

func (d *drafting) proposeAddress(c *column) []proposal {
	if c.array || inList(c.name) && d.others(c, ipKinds) {
		return d.proposeAddresses(c)
	}
	if p := d.proposeOther(c); p != nil {
		return p
	}
	switch {
	case set("ip address ipaddress ipv4 addr").only(c.words):
		return one("ip", 0.97, "the values are addresses")
	case c.end() == sourceEnd:
		return one("ip", 0.96, "the values are addresses of a source")
	case addressWords.any(c.words):
		return one("ip", 0.93, "the values are addresses")
	}
	return one("ip", 0.88, "the values are addresses")
}

// proposeOther is for addresses that are not what an event is about.
func (d *drafting) proposeOther(c *column) []proposal {
	switch {
	case inList(c.name) && d.hasFileHash():
		return []proposal{{field: "dip", confidence: 0.55, others: []string{"ip"}, reason: "the values are addresses in a list of a record about a file: it seems to talk to them"}}
	case c.local():
		return one("", 1, "the values are addresses of the machine itself")
	case set("dns ns nameserver resolver gateway reporter netmask mask").any(c.words):
		return one("extra", 0.7, "the name says that it is another address")
	case set("start begin first from end stop last to").any(c.words) && d.has(ipKinds, 2):
		return one("extra", 0.7, "it is one end of a range of addresses")
	case c.end() == destEnd && d.hasSource(c):
		return one("dip", 0.9, "the values are addresses, and another column has the source")
	case (set("dst dest destination daddr").any(c.words) || c.relative == destEnd) && d.hasPlainAddress(c):
		return one("dip", 0.85, "the values are addresses of a destination, and another column has the address that it is about")
	}
	return nil
}

// proposeAddresses is for lists of addresses.
func (d *drafting) proposeAddresses(c *column) []proposal {
	if c.split != "" && c.end() == destEnd {
		return []proposal{{field: "dip", confidence: 0.7, reason: "the values are lists of addresses of a destination; the first is taken", keep: true,
			rule: v1alpha1.MappingRule{Extract: `^[^\s,;|]+`}}}
	}
	if c.array && addressWords.any(c.words) && !set("exit resolved dns ns nameserver").any(c.words) && !d.others(c, d.besideList()) {
		return one("ip", 0.65, "the values are lists of addresses")
	}
	if d.has(drift.FQDN, 1) && !d.others(c, ipKinds) {
		return []proposal{{field: "extra", confidence: 0.55, others: []string{"ip"}, reason: "the values are lists of addresses, of the names, it seems"}}
	}
	return one("extra", 0.65, "the values are lists of addresses; nothing says that they are what it is about")
}

// besideList are the kinds beside which a list of addresses is no part of what an
// event is about: all, but for the names of hosts, which have addresses. What lies
// beside a list that is taken apart is about other things.
func (d *drafting) besideList() drift.Kinds {
	if len(d.spec.Explode) > 0 {
		return strongKinds &^ drift.CIDR4
	}
	return ipKinds | drift.IPPort | drift.SHA256 | drift.SHA1 | drift.MD5
}

// local reports whether all values are addresses of the machine itself, as hosts
// files have them.
func (c *column) local() bool {
	for v := range c.distinct {
		a, err := netip.ParseAddr(v)
		if err != nil || !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			return false
		}
	}
	return c.nonNull > 0
}

// hasSource reports whether another column has addresses of a source.
func (d *drafting) hasSource(not *column) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c != not && c.kindIs(ipKinds) && c.end() == sourceEnd
	})
}

// hasFileHash reports whether records have a hash outside of lists.
func (d *drafting) hasFileHash() bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c.kindIs(drift.SHA256|drift.SHA1|drift.MD5) && !c.array && !inList(c.name) && !certWords.any(c.words) && !certWords.any(c.parents)
	})
}

// hasPlainAddress reports whether another column has addresses, and its name says
// nothing but that.
func (d *drafting) hasPlainAddress(not *column) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c != not && c.kindIs(ipKinds) && !c.array && addressWords.only(c.words) && c.end() == noEnd
	})
}
