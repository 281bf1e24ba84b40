package workload

import (
	"net/netip"
	"slices"

	"code.dny.dev/ssrf"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// labelNamespace is on every namespace, with its name.
const labelNamespace = corev1.LabelMetadataName

type (
	peer    = applynet.NetworkPolicyPeerApplyConfiguration
	ingress = applynet.NetworkPolicyIngressRuleApplyConfiguration
	egress  = applynet.NetworkPolicyEgressRuleApplyConfiguration
)

// networkPolicy denies the pods of a group everything but DNS, the bus, being
// asked for metrics, and what else is given.
func (o Options) networkPolicy(g group, in []*ingress, out []*egress) *applynet.NetworkPolicyApplyConfiguration {
	in = append([]*ingress{o.metricsIngress()}, in...)
	out = slices.Concat([]*egress{o.dnsEgress()}, busEgress(g.bus), out)
	return applynet.NetworkPolicy(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(applynet.NetworkPolicySpec().
			WithPodSelector(applymeta.LabelSelector().WithMatchLabels(g.selector)).
			WithPolicyTypes(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress).
			WithIngress(in...).
			WithEgress(out...))
}

func (o Options) metricsIngress() *ingress {
	rule := applynet.NetworkPolicyIngressRule().WithPorts(tcp(adminPort))
	if len(o.MetricsFrom) == 0 {
		return rule.WithFrom(applynet.NetworkPolicyPeer().WithNamespaceSelector(applymeta.LabelSelector()))
	}
	return rule.WithFrom(applynet.NetworkPolicyPeer().WithNamespaceSelector(applymeta.LabelSelector().
		WithMatchExpressions(applymeta.LabelSelectorRequirement().
			WithKey(labelNamespace).WithOperator(metav1.LabelSelectorOpIn).WithValues(o.MetricsFrom...))))
}

// dnsEgress allows the cluster's DNS, and the address that a node's own cache of
// it listens on where there is one.
func (o Options) dnsEgress() *egress {
	namespace := o.DNSNamespace
	if namespace == "" {
		namespace = metav1.NamespaceSystem
	}
	ports := []int32{53}
	if namespace == "openshift-dns" {
		ports = append(ports, 5353) // where its pods listen
	}
	rule := applynet.NetworkPolicyEgressRule().WithTo(inNamespace(namespace), block("169.254.20.10/32"))
	for _, p := range ports {
		rule.WithPorts(udp(p), tcp(p))
	}
	return rule
}

// busEgress allows the servers of a bus. Policies know no names: a server that is
// neither in the cluster nor given as an address is allowed by its port alone.
func busEgress(b Bus) []*egress {
	if !b.External {
		hub := hubSelector(b.Exchange)
		return []*egress{applynet.NetworkPolicyEgressRule().
			WithTo(inNamespace(b.Namespace).WithPodSelector(applymeta.LabelSelector().WithMatchLabels(hub))).
			WithPorts(tcp(busPort))}
	}
	rules := make([]*egress, 0, len(b.Servers))
	for _, s := range b.Servers {
		rule := applynet.NetworkPolicyEgressRule().WithPorts(tcp(s.Port))
		if ns, ok := s.namespace(); ok {
			rules = append(rules, rule.WithTo(inNamespace(ns)))
		} else if a, err := netip.ParseAddr(s.Host); err == nil {
			rules = append(rules, rule.WithTo(block(netip.PrefixFrom(a, a.BitLen()).String())))
		} else {
			rules = append(rules, rule.WithTo(block("0.0.0.0/0"), block("::/0")))
		}
	}
	return rules
}

// feedEgress allows every public address, and the networks that the operator's
// settings allow. It is the same list that the collector itself checks after name
// resolution; here the kernel checks it too.
func (o Options) feedEgress() *egress {
	v4 := append(prefixStrings(ssrf.IPv4DeniedPrefixes), "168.63.129.16/32") // a metadata service on a public address
	rule := applynet.NetworkPolicyEgressRule().WithTo(
		block("0.0.0.0/0", v4...),
		block(ssrf.IPv6GlobalUnicast.String(), prefixStrings(ssrf.IPv6DeniedPrefixes)...))
	for _, p := range o.AllowNetworks {
		rule.WithTo(block(p.Masked().String()))
	}
	return rule
}

// busIngress lets the pods of an Exchange's bus in, from the namespaces that the
// Exchange allows, and the operator.
func (o Options) busIngress(e *v1alpha1.Exchange) *ingress {
	pods := func() *applymeta.LabelSelectorApplyConfiguration {
		return applymeta.LabelSelector().WithMatchLabels(map[string]string{LabelBus: BusLabel(e.Namespace, e.Name)})
	}
	rule := applynet.NetworkPolicyIngressRule().WithPorts(tcp(busPort)).
		WithFrom(applynet.NetworkPolicyPeer().WithPodSelector(pods()))
	switch a := e.Spec.AllowedNamespaces; a.From {
	case v1alpha1.NamespacesAll:
		rule.WithFrom(applynet.NetworkPolicyPeer().WithNamespaceSelector(applymeta.LabelSelector()).WithPodSelector(pods()))
	case v1alpha1.NamespacesSelector:
		if a.Selector != nil {
			rule.WithFrom(applynet.NetworkPolicyPeer().WithNamespaceSelector(selectorOf(a.Selector)).WithPodSelector(pods()))
		}
	}
	if o.OperatorNamespace != "" {
		rule.WithFrom(inNamespace(o.OperatorNamespace).
			WithPodSelector(applymeta.LabelSelector().WithMatchLabels(o.OperatorLabels)))
	}
	return rule
}

func selectorOf(s *metav1.LabelSelector) *applymeta.LabelSelectorApplyConfiguration {
	a := applymeta.LabelSelector().WithMatchLabels(s.MatchLabels)
	for _, r := range s.MatchExpressions {
		a.WithMatchExpressions(applymeta.LabelSelectorRequirement().WithKey(r.Key).WithOperator(r.Operator).WithValues(r.Values...))
	}
	return a
}

func inNamespace(name string) *peer {
	return applynet.NetworkPolicyPeer().WithNamespaceSelector(
		applymeta.LabelSelector().WithMatchLabels(map[string]string{labelNamespace: name}))
}

func block(cidr string, except ...string) *peer {
	return applynet.NetworkPolicyPeer().WithIPBlock(applynet.IPBlock().WithCIDR(cidr).WithExcept(except...))
}

func prefixStrings(prefixes []netip.Prefix) []string {
	s := make([]string, 0, len(prefixes)+1)
	for _, p := range prefixes {
		s = append(s, p.String())
	}
	return s
}

func tcp(port int32) *applynet.NetworkPolicyPortApplyConfiguration {
	return applynet.NetworkPolicyPort().WithProtocol(corev1.ProtocolTCP).WithPort(intstr.FromInt32(port))
}

func udp(port int32) *applynet.NetworkPolicyPortApplyConfiguration {
	return applynet.NetworkPolicyPort().WithProtocol(corev1.ProtocolUDP).WithPort(intstr.FromInt32(port))
}
