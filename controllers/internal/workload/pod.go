package workload

import (
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	adminPort  = 8081
	exportPort = 8080

	// The user and group of the image. The user is not named in the pod, so that a
	// platform may choose another one.
	groupID = 65532

	gracePeriod = 30
)

// group is what the pods of one workload are called, and where.
type group struct {
	component string // one of the components
	name      string // of the workload and what goes with it
	owner     owner
	labels    map[string]string // of every object
	selector  map[string]string // of the pods; a part of their labels
	bus       Bus
}

func (g *group) namespace() string { return g.owner.meta.Namespace }

// pod is what differs between the pods of the components.
type pod struct {
	group
	args        []string
	options     *v1alpha1.PodOptions
	creds       string              // Secret with the bus credentials
	secrets     []v1alpha1.FieldRef // mounted, see keysBySecret
	secretsHash string
	volumes     []volume // besides credentials and secrets
	ports       []*applycore.ContainerPortApplyConfiguration
	env         []*applycore.EnvVarApplyConfiguration
	lifecycle   *applycore.LifecycleApplyConfiguration
	spread      bool // over nodes, where there are several replicas
	grace       int64
}

// template builds a pod that passes Pod Security at level restricted, knows no
// service account token and writes nowhere but in its volumes.
func (o Options) template(p pod) *applycore.PodTemplateSpecApplyConfiguration {
	spec := applycore.PodSpec().
		WithServiceAccountName(p.name).
		WithAutomountServiceAccountToken(false).
		WithEnableServiceLinks(false).
		WithTerminationGracePeriodSeconds(p.grace).
		WithSecurityContext(o.podSecurity()).
		WithContainers(o.container(p))
	for _, v := range p.allVolumes() {
		if v.volume != nil {
			spec.WithVolumes(v.volume)
		}
	}
	if o.UserNamespaces {
		spec.WithHostUsers(false)
	}
	for _, name := range o.PullSecrets {
		spec.WithImagePullSecrets(applycore.LocalObjectReference().WithName(name))
	}
	if p.spread {
		spec.WithTopologySpreadConstraints(spread("kubernetes.io/hostname", p.selector), spread("topology.kubernetes.io/zone", p.selector))
	}
	labels, annotations := p.metadata()
	t := applycore.PodTemplateSpec().WithLabels(labels).WithAnnotations(annotations).WithSpec(spec)
	place(spec, p.options)
	return t
}

// metadata are labels and annotations of the pods: the user's, unless they are in
// the operator's domain, then the operator's.
func (p *pod) metadata() (labels, annotations map[string]string) {
	labels, annotations = map[string]string{}, map[string]string{}
	if p.options != nil {
		maps.Copy(labels, p.options.Labels)
		maps.Copy(annotations, p.options.Annotations)
	}
	reserved := func(k, _ string) bool { return strings.HasPrefix(k, domain) }
	maps.DeleteFunc(labels, reserved)
	maps.DeleteFunc(annotations, reserved)
	maps.Copy(labels, p.labels)
	maps.Copy(labels, p.selector)
	labels[LabelBus] = BusLabel(p.bus.Namespace, p.bus.Exchange)
	// Nothing in there outlives a collection: it need not keep a node from going.
	annotations["cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"] = volumeTemp
	if p.secretsHash != "" {
		annotations[AnnotationSecrets] = p.secretsHash
	}
	return labels, annotations
}

func (o Options) podSecurity() *applycore.PodSecurityContextApplyConfiguration {
	c := applycore.PodSecurityContext().
		WithRunAsNonRoot(true).
		WithSeccompProfile(applycore.SeccompProfile().WithType(corev1.SeccompProfileTypeRuntimeDefault))
	if !o.PlatformGroup {
		c.WithFSGroup(groupID).WithFSGroupChangePolicy(corev1.FSGroupChangeOnRootMismatch)
	}
	return c
}

func (o Options) container(p pod) *applycore.ContainerApplyConfiguration {
	requests, limits := resourcesOf(p.component, p.options)
	args := append(p.args, "--admin=:8081")
	if o.LogLevel != "" {
		args = append(args, "--log-level="+o.LogLevel)
	}
	c := applycore.Container().
		WithName(strings.TrimSuffix(p.component, "s")).
		WithImage(o.Image).
		WithArgs(args...).
		WithEnv(append(p.env, memoryEnv(limits)...)...).
		WithPorts(append(p.ports, containerPort("metrics", adminPort))...).
		WithResources(applycore.ResourceRequirements().WithRequests(requests).WithLimits(limits)).
		// A pod that waits for its bus is not ready, and must not be restarted for it:
		// only /healthz decides over its life.
		WithStartupProbe(probe("/healthz", 2, 150)).
		WithReadinessProbe(probe("/readyz", 5, 3)).
		WithLivenessProbe(probe("/healthz", 15, 6)).
		WithTerminationMessagePolicy(corev1.TerminationMessageFallbackToLogsOnError).
		WithSecurityContext(applycore.SecurityContext().
			WithAllowPrivilegeEscalation(false).
			WithReadOnlyRootFilesystem(true).
			WithCapabilities(applycore.Capabilities().WithDrop("ALL")))
	if o.PullPolicy != "" {
		c.WithImagePullPolicy(corev1.PullPolicy(o.PullPolicy))
	}
	if p.lifecycle != nil {
		c.WithLifecycle(p.lifecycle)
	}
	for _, v := range p.allVolumes() {
		c.WithVolumeMounts(v.mount)
	}
	return c
}

func probe(path string, period, failures int32) *applycore.ProbeApplyConfiguration {
	return applycore.Probe().
		WithHTTPGet(applycore.HTTPGetAction().WithPath(path).WithPort(intstr.FromString("metrics"))).
		WithPeriodSeconds(period).
		WithTimeoutSeconds(5).
		WithFailureThreshold(failures)
}

func containerPort(name string, port int32) *applycore.ContainerPortApplyConfiguration {
	return applycore.ContainerPort().WithName(name).WithContainerPort(port).WithProtocol(corev1.ProtocolTCP)
}

// spread asks for replicas on different nodes or in different zones, and does
// without where there are too few.
func spread(topology string, selector map[string]string) *applycore.TopologySpreadConstraintApplyConfiguration {
	return applycore.TopologySpreadConstraint().
		WithMaxSkew(1).
		WithTopologyKey(topology).
		WithWhenUnsatisfiable(corev1.ScheduleAnyway).
		WithLabelSelector(applymeta.LabelSelector().WithMatchLabels(selector))
}

// place applies what a user says about nodes and priority.
func place(spec *applycore.PodSpecApplyConfiguration, o *v1alpha1.PodOptions) {
	if o == nil {
		return
	}
	spec.WithNodeSelector(o.NodeSelector)
	if o.PriorityClassName != "" {
		spec.WithPriorityClassName(o.PriorityClassName)
	}
	for _, t := range o.Tolerations {
		a := applycore.Toleration().WithOperator(corev1.TolerationOpEqual)
		if t.Operator != "" {
			a.WithOperator(corev1.TolerationOperator(t.Operator))
		}
		if t.Key != "" {
			a.WithKey(t.Key)
		}
		if t.Value != "" {
			a.WithValue(t.Value)
		}
		if t.Effect != "" {
			a.WithEffect(corev1.TaintEffect(t.Effect))
		}
		spec.WithTolerations(a)
	}
}
