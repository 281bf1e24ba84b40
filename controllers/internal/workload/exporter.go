package workload

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// exportLinger is how many seconds an exporter goes on serving after it was told
// to stop: load balancers learn a little late that it goes.
const exportLinger = 5

// Exporter is what a Subscription wants: pods that serve it, a Service, and a way
// in from outside the cluster if it is exposed. Suspended, it keeps its Service.
// secretsHash is that of the Secrets of SubscriptionSecrets. gatewayAPI tells that
// the cluster knows HTTPRoutes: without, none is wanted.
//
// Where the Exchange's exporters share pods it wants only Service and way in, to
// the pod that has it. It wants nothing without an Exchange.
func Exporter(o Options, e *v1alpha1.Exchange, s *v1alpha1.Subscription, secretsHash string, gatewayAPI bool) Set {
	if e == nil || s == nil {
		return nil
	}
	g := group{
		component: ComponentExporter,
		name:      ServiceName(s.Name),
		owner:     owner{"Subscription", &s.ObjectMeta},
		labels:    Labels(ComponentExporter, "Subscription", s.Name),
		selector:  ExporterSelector(e, s),
		bus:       BusOf(e),
	}
	set := setOf(g.exportService())
	if !Shares(e, e.Spec.Exporters, s.Namespace) {
		set = append(set, o.exporterPods(g, e, s, secretsHash)...)
	}
	return append(set, g.wayIn(s.Spec.Expose, gatewayAPI)...)
}

// ExporterSelector selects the pods that serve a Subscription.
func ExporterSelector(e *v1alpha1.Exchange, s *v1alpha1.Subscription) map[string]string {
	if Shares(e, e.Spec.Exporters, s.Namespace) {
		shard := plan.Shard(s.Namespace, s.Name, shardsOf(e.Spec.Exporters))
		return shardSelector(ComponentExporters, e.Name, shard)
	}
	return map[string]string{labelName: "weir-exporter", labelSub: s.Name}
}

func (o Options) exporterPods(g group, e *v1alpha1.Exchange, s *v1alpha1.Subscription, secretsHash string) Set {
	replicas := s.Spec.Replicas
	if s.Spec.Suspend {
		replicas = new(int32)
	}
	several := replicas == nil || *replicas > 1 // nil: an autoscaler's
	p := o.exporterPod(g, e)
	p.args = append([]string{"export", "--key=" + plan.Key(plan.PrefixSubscription, s.Namespace, s.Name)}, p.args...)
	p.options = s.Spec.Pod
	p.creds = CredsSecretName(ComponentExporter, s.Name)
	p.secrets = SubscriptionSecrets(s)
	p.secretsHash = secretsHash
	p.spread = several
	d := g.deployment(g.name, o.template(p), gapless())
	if replicas != nil {
		d.Spec.WithReplicas(*replicas)
	}
	set := setOf(g.serviceAccount(), d)
	if several {
		set = append(set, setOf(g.disruptionBudget())...)
	}
	if o.NetworkPolicies {
		set = append(set, setOf(o.networkPolicy(g, exportIngress(), nil))...)
	}
	return set
}

// exporterPod is what dedicated and shared exporters have in common.
func (o Options) exporterPod(g group, e *v1alpha1.Exchange) pod {
	return pod{
		group: g,
		args: append(busArgs(g.bus),
			"--exchange="+e.Namespace+"/"+e.Name,
			"--listen=:"+strconv.Itoa(exportPort),
			"--secrets="+pathSecrets),
		volumes: []volume{tempVolume(temporaryOther)},
		ports:   []*applycore.ContainerPortApplyConfiguration{containerPort("http", exportPort)},
		lifecycle: applycore.Lifecycle().WithPreStop(applycore.LifecycleHandler().
			WithSleep(applycore.SleepAction().WithSeconds(exportLinger))),
		grace: gracePeriod + exportLinger,
	}
}

// exportIngress lets clients in, whoever they are: they must log in.
func exportIngress() []*ingress {
	return []*ingress{applynet.NetworkPolicyIngressRule().WithPorts(tcp(exportPort))}
}

func (g *group) exportService() *applycore.ServiceApplyConfiguration {
	return applycore.Service(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(applycore.ServiceSpec().
			WithType(corev1.ServiceTypeClusterIP).
			WithSelector(g.selector).
			WithPorts(servicePort("http", servicePortHTTP, "http").WithAppProtocol("http")))
}
