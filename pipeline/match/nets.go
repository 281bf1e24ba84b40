package match

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"
)

// nets finds the organisations whose networks hold an address. The table gives
// the longest prefix, which leads to the shorter ones that hold it too; so memory
// is linear in the number of prefixes, however they nest.
type nets struct {
	table *bart.Table[int32]
	nodes []netNode
}

type netNode struct {
	orgs   []int32
	parent int32 // the next shorter prefix, or -1
}

func (n *nets) find(ip netip.Addr, m *Matches) {
	if !ip.IsValid() {
		return
	}
	i, ok := n.table.Lookup(ip.Unmap())
	for ok && i >= 0 {
		m.own(n.nodes[i].orgs)
		i = n.nodes[i].parent
	}
}

type netBuilder struct{ orgs map[netip.Prefix][]int32 }

func newNetBuilder() *netBuilder { return &netBuilder{map[netip.Prefix][]int32{}} }

// insert takes a network; host bits are masked.
func (b *netBuilder) insert(cidr string, o int32) error {
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("%q is no network; write it as 192.0.2.0/24 or 2001:db8::/32", cidr)
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return fmt.Errorf("%q is wider than the IPv4-mapped range; write the IPv4 network", cidr)
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	p = p.Masked()
	b.orgs[p] = add(b.orgs[p], o)
	return nil
}

func (b *netBuilder) build() nets {
	prefixes := make([]netip.Prefix, 0, len(b.orgs))
	for p := range b.orgs {
		prefixes = append(prefixes, p)
	}
	// By address, the shorter first: what holds a prefix comes before it.
	slices.SortFunc(prefixes, func(x, y netip.Prefix) int {
		if c := x.Addr().Compare(y.Addr()); c != 0 {
			return c
		}
		return x.Bits() - y.Bits()
	})
	n := nets{table: new(bart.Table[int32]), nodes: make([]netNode, 0, len(prefixes))}
	var open []int32 // the prefixes that hold the one at hand
	for i, p := range prefixes {
		for len(open) > 0 && !prefixes[open[len(open)-1]].Contains(p.Addr()) {
			open = open[:len(open)-1]
		}
		parent := int32(-1)
		if len(open) > 0 {
			parent = open[len(open)-1]
		}
		n.nodes = append(n.nodes, netNode{b.orgs[p], parent})
		n.table.Insert(p, int32(i))
		open = append(open, int32(i))
	}
	return n
}
