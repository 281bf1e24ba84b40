package workload

import (
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

const (
	mib = 1 << 20
	gib = 1 << 30
)

// Collector is what a FeedSource wants: a pod that collects it, while it is not
// suspended. secretsHash is that of the Secrets of FeedSecrets. It wants nothing
// where the Exchange's collectors share pods, or without an Exchange.
func Collector(o Options, e *v1alpha1.Exchange, f *v1alpha1.FeedSource, secretsHash string) Set {
	if e == nil || f == nil || Shares(e, e.Spec.Collectors, f.Namespace) {
		return nil
	}
	g := group{
		component: ComponentCollector,
		name:      Child(f.Name, ComponentCollector),
		owner:     owner{"FeedSource", &f.ObjectMeta},
		labels:    Labels(ComponentCollector, "FeedSource", f.Name),
		selector:  map[string]string{labelName: "weir-collector", labelFeedSource: f.Name},
		bus:       BusOf(e),
	}
	p := pod{
		group:       g,
		args:        append([]string{"collect", "--key=" + plan.Key(plan.PrefixCollector, f.Namespace, f.Name)}, o.collectArgs(g.bus)...),
		options:     f.Spec.Pod,
		creds:       CredsSecretName(ComponentCollector, f.Name),
		secrets:     FeedSecrets(f),
		secretsHash: secretsHash,
		volumes:     []volume{tempVolume(temporary(f))},
		grace:       gracePeriod,
	}
	if file := f.Spec.File; file != nil && file.ClaimName != "" {
		p.args = append(p.args, "--files="+pathFiles)
		p.volumes = append(p.volumes, claimVolume("files", pathFiles, file.ClaimName))
	}
	replicas := int32(1)
	if f.Spec.Suspend {
		replicas = 0
	}
	d := g.deployment(g.name, o.template(p), single())
	d.Spec.WithReplicas(replicas)
	set := setOf(g.serviceAccount(), d)
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, nil, o.collectorEgress(f)))...)
	}
	return set
}

// collectorEgress is where a collector may connect to besides the bus: nowhere if
// it reads files.
func (o Options) collectorEgress(feeds ...*v1alpha1.FeedSource) []*egress {
	var rules []*egress
	for _, f := range feeds {
		if f.Spec.HTTP != nil {
			rules = append(rules, o.feedEgress())
			break
		}
	}
	for _, f := range feeds {
		if f.Spec.HTTP != nil && f.Spec.HTTP.OwnService(f.Namespace) {
			return append(rules, ownNamespaceEgress())
		}
	}
	return rules
}

// ownNamespaceEgress allows the pods behind Services of the namespace.
func ownNamespaceEgress() *egress {
	return applynet.NetworkPolicyEgressRule().WithTo(applynet.NetworkPolicyPeer().WithPodSelector(applymeta.LabelSelector()))
}

// collectArgs are the arguments of every collector.
func (o Options) collectArgs(b Bus) []string {
	args := append(busArgs(b), "--secrets="+pathSecrets, "--temp="+pathTemp, "--services")
	for _, p := range o.AllowNetworks {
		args = append(args, "--allow-net="+p.Masked().String())
	}
	return args
}

// What one collection takes of the temporary folder: what came over the wire, and
// what comes out of it. The bound is the collector's own, and keeps one feed from
// filling a node's disk.
const (
	temporaryDownload = 2 * gib // the defaults of spec.limits
	temporaryPayload  = 4 * gib
	temporaryMost     = 16 * gib
	temporarySpare    = 64 * mib
)

// temporary is how many bytes of temporary files the limits of a feed allow.
func temporary(f *v1alpha1.FeedSource) int64 {
	download, payload := int64(temporaryDownload), int64(temporaryPayload)
	if n := f.Spec.Limits.DownloadBytes; n > 0 {
		download = n
	}
	if n := f.Spec.Limits.PayloadBytes; n > 0 {
		payload = n
	}
	download, payload = min(download, temporaryMost), min(payload, temporaryMost) // no overflow
	if u := f.Spec.Unpack; u.PGP != nil || u.Mail == v1alpha1.MailAttachments {
		download *= 2 // an archive in a message is there twice, as it came and decrypted
	}
	return min(download+payload, temporaryMost) + temporarySpare
}
