package workload

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// Shared is what an Exchange wants for objects of its own namespace that share
// pods: for each kind in Shared mode, one Deployment a shard. feeds and subs are
// those of the namespace that work with the Exchange; versions are the resource
// versions of the Secrets that they name, by name.
//
// A shard learns on the bus which objects it has. What it mounts has to stand in
// its template: a feed or subscription with a new Secret rolls its shard.
func Shared(o Options, e *v1alpha1.Exchange, feeds []*v1alpha1.FeedSource, subs []*v1alpha1.Subscription, versions map[string]string) Set {
	if e == nil {
		return nil
	}
	var set Set
	if Shares(e, e.Spec.Collectors, e.Namespace) {
		set = append(set, o.sharedCollectors(e, own(e, feeds), versions)...)
	}
	if Shares(e, e.Spec.Monitors, e.Namespace) {
		set = append(set, o.sharedMonitors(e)...)
	}
	if Shares(e, e.Spec.Exporters, e.Namespace) {
		set = append(set, o.sharedExporters(e, own(e, subs), versions)...)
	}
	return set
}

// Shares tells whether objects of a namespace share pods: those of the
// Exchange's own, if its collectors, monitors or exporters (s) say so.
func Shares(e *v1alpha1.Exchange, s v1alpha1.SharingSpec, namespace string) bool {
	return s.Mode == v1alpha1.Shared && namespace == e.Namespace
}

// ShardName is the name of the Deployment, in the Exchange's namespace, that has an
// object in Shared mode. component is one of the plural ones, and s the Exchange's
// settings for it.
func ShardName(e *v1alpha1.Exchange, component string, s v1alpha1.SharingSpec, namespace, name string) string {
	return shardName(e, component, plan.Shard(namespace, name, shardsOf(s)))
}

func shardName(e *v1alpha1.Exchange, component string, shard int) string {
	return Child(e.Name, component+"-"+strconv.Itoa(shard))
}

func shardsOf(s v1alpha1.SharingSpec) int { return int(max(s.Shards, 1)) }

// own keeps the objects of the Exchange's namespace, sorted by name.
func own[T interface {
	GetNamespace() string
	GetName() string
}](e *v1alpha1.Exchange, objects []T) []T {
	kept := slices.DeleteFunc(slices.Clone(objects), func(x T) bool { return x.GetNamespace() != e.Namespace })
	slices.SortFunc(kept, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return kept
}

// inShard keeps the objects that a shard has.
func inShard[T interface {
	GetNamespace() string
	GetName() string
}](objects []T, shard, shards int) []T {
	return slices.DeleteFunc(slices.Clone(objects), func(x T) bool {
		return plan.Shard(x.GetNamespace(), x.GetName(), shards) != shard
	})
}

// shardSelector selects the pods of one shard, or of all if shard is negative.
func shardSelector(component, exchange string, shard int) map[string]string {
	m := map[string]string{labelName: "weir-" + strings.TrimSuffix(component, "s"), labelExchange: exchange}
	if shard >= 0 {
		m[LabelShard] = strconv.Itoa(shard)
	}
	return m
}

// sharedGroup is everything of one kind that an Exchange's shards have in common:
// service account, credentials, network policy.
func sharedGroup(e *v1alpha1.Exchange, component string) group {
	return group{
		component: component,
		name:      Child(e.Name, component),
		owner:     owner{"Exchange", &e.ObjectMeta},
		labels:    Labels(component, "Exchange", e.Name),
		selector:  shardSelector(component, e.Name, -1),
		bus:       BusOf(e),
	}
}

// shard is the group of one shard, its name and its arguments.
func (g *group) shard(e *v1alpha1.Exchange, prefix string, i, n int) (one group, name string, args []string) {
	one = *g
	one.selector = shardSelector(g.component, e.Name, i)
	one.labels = maps.Clone(g.labels)
	one.labels[LabelShard] = strconv.Itoa(i)
	args = []string{"--key=" + plan.Key(prefix, e.Namespace) + ".", fmt.Sprintf("--shard=%d/%d", i, n)}
	return one, shardName(e, g.component, i), args
}

func (o Options) sharedCollectors(e *v1alpha1.Exchange, feeds []*v1alpha1.FeedSource, versions map[string]string) Set {
	g := sharedGroup(e, ComponentCollectors)
	set := setOf(g.serviceAccount())
	n := shardsOf(e.Spec.Collectors)
	for i := range n {
		one, name, args := g.shard(e, plan.PrefixCollector, i, n)
		p := pod{
			group:   one,
			args:    slices.Concat([]string{"collect"}, args, o.collectArgs(g.bus)),
			options: e.Spec.Collectors.Pod,
			creds:   CredsSecretName(ComponentCollectors, e.Name),
			grace:   gracePeriod,
		}
		var temp int64
		var claims []string
		for _, f := range inShard(feeds, i, n) {
			p.secrets = append(p.secrets, FeedSecrets(f)...)
			temp = min(temp+temporary(f), 2*temporaryMost)
			if file := f.Spec.File; file != nil && file.ClaimName != "" {
				claims = append(claims, file.ClaimName)
			}
		}
		p.secretsHash = hashOf(p.secrets, versions)
		// Feeds come and go: in whole steps, so that not each of them rolls the pod.
		p.volumes = append(p.volumes, tempVolume(stepOf(temp)))
		slices.Sort(claims)
		if claims = slices.Compact(claims); len(claims) > 0 {
			p.args = append(p.args, "--files="+pathFiles)
		}
		for j, claim := range claims {
			p.volumes = append(p.volumes, claimVolume(fmt.Sprintf("files-%d", j), pathFiles+"/"+claim, claim))
		}
		d := one.deployment(name, o.template(p), single())
		d.Spec.WithReplicas(1)
		set = append(set, setOf(d)...)
	}
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, nil, o.collectorEgress(feeds...)))...)
	}
	return set
}

// stepOf rounds up to a power of two, of at least 8 GiB.
func stepOf(n int64) int64 {
	step := int64(8 * gib)
	for step < n {
		step *= 2
	}
	return step
}

func (o Options) sharedMonitors(e *v1alpha1.Exchange) Set {
	g := sharedGroup(e, ComponentMonitors)
	set := setOf(g.serviceAccount())
	n := shardsOf(e.Spec.Monitors)
	for i := range n {
		one, name, args := g.shard(e, plan.PrefixMonitor, i, n)
		d := one.deployment(name, o.template(pod{
			group:   one,
			args:    slices.Concat([]string{"monitor"}, args, busArgs(g.bus)),
			options: e.Spec.Monitors.Pod,
			creds:   CredsSecretName(ComponentMonitors, e.Name),
			volumes: []volume{tempVolume(temporaryOther)},
			grace:   gracePeriod,
		}), single())
		d.Spec.WithReplicas(1)
		set = append(set, setOf(d)...)
	}
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, nil, nil))...)
	}
	return set
}

func (o Options) sharedExporters(e *v1alpha1.Exchange, subs []*v1alpha1.Subscription, versions map[string]string) Set {
	g := sharedGroup(e, ComponentExporters)
	set := setOf(g.serviceAccount())
	n := shardsOf(e.Spec.Exporters)
	for i := range n {
		one, name, args := g.shard(e, plan.PrefixSubscription, i, n)
		p := o.exporterPod(one, e)
		p.args = slices.Concat([]string{"export"}, args, p.args)
		p.options = e.Spec.Exporters.Pod
		p.creds = CredsSecretName(ComponentExporters, e.Name)
		for _, s := range inShard(subs, i, n) {
			p.secrets = append(p.secrets, SubscriptionSecrets(s)...)
		}
		p.secretsHash = hashOf(p.secrets, versions)
		d := one.deployment(name, o.template(p), gapless())
		d.Spec.WithReplicas(1)
		set = append(set, setOf(d)...)
	}
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, exportIngress(), nil))...)
	}
	return set
}

// hashOf is the hash of the versions of exactly the Secrets that are named.
func hashOf(refs []v1alpha1.FieldRef, versions map[string]string) string {
	used := map[string]string{}
	for _, r := range refs {
		if v, ok := versions[r.Ref.Name]; ok {
			used[r.Ref.Name] = v
		}
	}
	return SecretsHash(used)
}
