package workload

import (
	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// temporaryOther is the temporary folder of components that stream: no more than
// the runtime itself may want.
const temporaryOther = 64 * mib

// Monitor is what a Parser wants for one Exchange: a pod that checks and parses. It
// wants nothing where the Exchange's monitors share pods, or without an Exchange.
func Monitor(o Options, e *v1alpha1.Exchange, p *v1alpha1.Parser) Set {
	if e == nil || p == nil || Shares(e, e.Spec.Monitors, p.Namespace) {
		return nil
	}
	g := group{
		component: ComponentMonitor,
		name:      Child(p.Name, ComponentMonitor),
		owner:     owner{"Parser", &p.ObjectMeta},
		labels:    Labels(ComponentMonitor, "Parser", p.Name),
		selector:  map[string]string{labelName: "weir-monitor", labelParser: p.Name},
		bus:       BusOf(e),
	}
	d := g.deployment(g.name, o.template(pod{
		group:   g,
		args:    append([]string{"monitor", "--key=" + plan.Key(plan.PrefixMonitor, p.Namespace, p.Name)}, busArgs(g.bus)...),
		creds:   CredsSecretName(ComponentMonitor, p.Name),
		volumes: []volume{tempVolume(temporaryOther)},
		grace:   gracePeriod,
	}), single())
	d.Spec.WithReplicas(1)
	set := setOf(g.serviceAccount(), d)
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, nil, nil))...)
	}
	return set
}
