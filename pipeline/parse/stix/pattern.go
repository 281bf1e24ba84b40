package stix

import (
	"net/netip"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/stixpattern"
)

// Observable is one value to look for.
type Observable struct {
	Type, Property, Value string
	// Port and Protocol go with an address; Source says that the port is that of the
	// source of a connection.
	Port, Protocol string
	Source         bool
}

// Pattern takes the observables out of a pattern: values that are equal to something,
// or in a set. passed are the reasons why other comparisons are none.
func Pattern(pattern string) (found []Observable, passed []string, err error) {
	o, err := stixpattern.Parse(pattern)
	if err != nil {
		return nil, nil, err
	}
	var w patternWalk
	w.observation(o)
	return w.found, w.passed, nil
}

type patternWalk struct {
	found  []Observable
	passed []string
}

// peers are the ports and the protocol that comparisons beside an address name.
type peers struct {
	dst, src, protocol []string
}

func (w *patternWalk) observation(o *stixpattern.Observation) {
	for _, p := range o.Parts {
		w.observation(p)
	}
	if o.Comparison != nil {
		w.comparison(o.Comparison, peers{})
	}
}

func (w *patternWalk) comparison(c *stixpattern.Comparison, beside peers) {
	switch c.Join {
	case "OR":
		for _, p := range c.Parts {
			w.comparison(p, beside)
		}
		return
	case "AND":
		w.all(c.Parts, beside)
		return
	}
	if beside.take(c) {
		w.passed = append(w.passed, "port-without-address")
		return
	}
	w.one(c, &beside)
}

// all goes through comparisons that hold together: ports belong to the addresses
// beside them.
func (w *patternWalk) all(parts []*stixpattern.Comparison, beside peers) {
	beside = peers{append([]string(nil), beside.dst...), append([]string(nil), beside.src...), append([]string(nil), beside.protocol...)}
	var rest []*stixpattern.Comparison
	for _, p := range parts {
		if !beside.take(p) {
			rest = append(rest, p)
		}
	}
	if len(rest) == 0 {
		w.passed = append(w.passed, "port-without-address")
	}
	for _, p := range rest {
		w.comparison(p, beside)
	}
}

// take keeps what a comparison, or several joined by OR, says about a connection
// without naming its ends; false if it says something else.
func (b *peers) take(c *stixpattern.Comparison) bool {
	if c.Join != "" {
		kept := *b
		for _, p := range c.Parts {
			if !kept.take(p) {
				return false
			}
		}
		*b = kept
		return true
	}
	if c.Path.Type != "network-traffic" {
		return false
	}
	property := c.Path.Property()
	if strings.HasSuffix(property, "_ref.type") {
		return true
	}
	var to *[]string
	switch {
	case property == "dst_port":
		to = &b.dst
	case property == "src_port":
		to = &b.src
	case strings.HasPrefix(property, "protocols["):
		to = &b.protocol
	default:
		return false
	}
	if isPositive(c) {
		for _, v := range c.Values {
			*to = append(*to, v.Text)
		}
	}
	return true
}

func isPositive(c *stixpattern.Comparison) bool {
	return !c.Negated && (c.Op == stixpattern.Equal || c.Op == stixpattern.In)
}

// one makes observables of a comparison.
func (w *patternWalk) one(c *stixpattern.Comparison, beside *peers) {
	if !isPositive(c) {
		w.passed = append(w.passed, negative(c))
		return
	}
	for _, v := range c.Values {
		o := Observable{Type: c.Path.Type, Property: property(&c.Path), Value: v.Text}
		if !o.known() {
			w.passed = append(w.passed, "property "+o.Type+":"+o.Property)
			continue
		}
		w.add(o, beside)
	}
}

func negative(c *stixpattern.Comparison) string {
	if c.Negated || c.Op == stixpattern.NotEqual {
		return "negated"
	}
	return "operator " + string(c.Op)
}

// property is the path in one spelling: an index makes no difference.
func property(p *stixpattern.Path) string {
	q := stixpattern.Path{Type: p.Type, Steps: make([]stixpattern.Step, len(p.Steps))}
	for i, s := range p.Steps {
		if q.Steps[i] = s; s.Index != "" {
			q.Steps[i].Index = "*"
		}
		if i > 0 && p.Steps[i-1].Name == "hashes" {
			q.Steps[i].Name = hashName(s.Name)
		}
	}
	return q.Property()
}

// maxPorts bounds how many observables ports make of one address.
const maxPorts = 16

// add adds an observable for each port that is beside it.
func (w *patternWalk) add(o Observable, beside *peers) {
	if !o.isHost() {
		w.found = append(w.found, o)
		return
	}
	o.Protocol = transport(beside.protocol)
	ports := beside.dst
	if o.Source = strings.HasPrefix(o.Property, "src_ref"); o.Source {
		ports = beside.src
	}
	if len(ports) == 0 || len(ports) > maxPorts {
		w.found = append(w.found, o)
		return
	}
	for _, p := range ports {
		o.Port = p
		w.found = append(w.found, o)
	}
}

// isHost reports whether a port may belong to the observable.
func (o *Observable) isHost() bool {
	switch o.Type {
	case "ipv4-addr", "ipv6-addr", "domain-name":
		return true
	}
	return o.Type == "network-traffic" && strings.HasSuffix(o.Property, "_ref.value")
}

// transport is the transport protocol among protocols.
func transport(protocols []string) string {
	for _, p := range protocols {
		switch p = strings.ToLower(p); p {
		case "tcp", "udp", "icmp":
			return p
		case "icmp6", "icmpv6", "ipv6-icmp":
			return "icmp"
		}
	}
	return ""
}

// hostMember says what a text is that may be an address, a network or a name.
func hostMember(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return "ip"
	}
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.IsSingleIP() {
			return "ip"
		}
		return "network"
	}
	return "fqdn"
}
