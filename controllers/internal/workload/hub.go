package workload

import (
	"fmt"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/intstr"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applynet "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// hubGrace is longer than that of the others: replica 0 may have a bus to close.
const hubGrace = 60

// Hub is what an Exchange wants: the replicas of the hub with a volume each, and
// the name under which the first one, with the embedded bus, is found.
func Hub(o Options, e *v1alpha1.Exchange) Set {
	if e == nil {
		return nil
	}
	g := group{
		component: ComponentHub,
		name:      Child(e.Name, ComponentHub),
		owner:     owner{"Exchange", &e.ObjectMeta},
		labels:    Labels(ComponentHub, "Exchange", e.Name),
		selector:  hubSelector(e.Name),
		bus:       BusOf(e),
	}
	replicas := max(e.Spec.Replicas, 1)
	set := setOf(g.serviceAccount(), g.hubService(), o.hubStatefulSet(g, e, replicas))
	if replicas > 1 {
		set = append(set, setOf(g.disruptionBudget())...)
	}
	if o.NetworkPolicies {
		var in []*applynet.NetworkPolicyIngressRuleApplyConfiguration
		if !g.bus.External {
			in = append(in, o.busIngress(e))
		}
		set = append(set, setOf(o.networkPolicy(g, in, nil))...)
	}
	return set
}

// ClaimNames are the volume claims of an Exchange's hub. A StatefulSet cannot
// change them once they are made: to grow them is up to the caller, and so is what
// the StatefulSet's template says about their size.
func ClaimNames(e *v1alpha1.Exchange) []string {
	var names []string
	for i := range max(e.Spec.Replicas, 1) {
		names = append(names, fmt.Sprintf("%s-%s-%d", volumeData, Child(e.Name, ComponentHub), i))
	}
	return names
}

func hubSelector(exchange string) map[string]string {
	return map[string]string{labelName: "weir-hub", labelExchange: exchange}
}

// hubService names the pods, ready or not: a hub is not ready before its bus is,
// and others of its replicas wait for that bus.
func (g *group) hubService() *applycore.ServiceApplyConfiguration {
	spec := applycore.ServiceSpec().
		WithClusterIP(corev1.ClusterIPNone).
		WithPublishNotReadyAddresses(true).
		WithSelector(g.selector)
	if !g.bus.External {
		spec.WithPorts(servicePort("bus", busPort, "bus"))
	}
	spec.WithPorts(servicePort("metrics", adminPort, "metrics"))
	return applycore.Service(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(spec)
}

func servicePort(name string, port int32, target string) *applycore.ServicePortApplyConfiguration {
	return applycore.ServicePort().WithName(name).WithProtocol(corev1.ProtocolTCP).
		WithPort(port).WithTargetPort(intstr.FromString(target))
}

func (o Options) hubStatefulSet(g group, e *v1alpha1.Exchange, replicas int32) *applyapps.StatefulSetApplyConfiguration {
	p := pod{
		group:   g,
		args:    hubArgs(e, g.bus, replicas),
		options: e.Spec.Pod,
		creds:   CredsSecretName(ComponentHub, e.Name),
		volumes: []volume{{mount: mount(volumeData, pathData)}, tempVolume(temporaryOther)},
		env:     []*applycore.EnvVarApplyConfiguration{fieldEnv("POD_NAME", "metadata.name")},
		spread:  replicas > 1,
		grace:   hubGrace,
	}
	if !g.bus.External {
		p.ports = append(p.ports, containerPort("bus", busPort))
		p.volumes = append(p.volumes, secretVolume("trust", pathTrust, TrustSecretName(e.Name), "operator.jwt", "account.jwt", "system.jwt"))
	}
	deleted := appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	if e.Spec.Storage.DeletionPolicy == v1alpha1.DeletionDelete {
		deleted = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	}
	return applyapps.StatefulSet(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(applyapps.StatefulSetSpec().
			WithReplicas(replicas).
			WithRevisionHistoryLimit(2).
			WithServiceName(g.name).
			// The others wait for the bus of the first, and the first may wait for none:
			// after an outage they must be able to start in any order.
			WithPodManagementPolicy(appsv1.ParallelPodManagement).
			WithUpdateStrategy(applyapps.StatefulSetUpdateStrategy().WithType(appsv1.RollingUpdateStatefulSetStrategyType)).
			WithPersistentVolumeClaimRetentionPolicy(applyapps.StatefulSetPersistentVolumeClaimRetentionPolicy().
				WithWhenDeleted(deleted).
				WithWhenScaled(appsv1.RetainPersistentVolumeClaimRetentionPolicyType)).
			WithSelector(applymeta.LabelSelector().WithMatchLabels(g.selector)).
			WithTemplate(o.template(p)).
			WithVolumeClaimTemplates(hubClaim(g, e.Spec.Storage)))
}

func hubArgs(e *v1alpha1.Exchange, b Bus, replicas int32) []string {
	args := slices.Concat([]string{
		"hub",
		"--namespace=" + e.Namespace,
		"--exchange=" + e.Name,
		"--replicas=" + strconv.Itoa(int(replicas)),
		"--data=" + pathData,
	}, busArgs(b))
	if b.External {
		return append(args, "--stream-replicas="+strconv.Itoa(int(b.Replicas)))
	}
	most := StorageSize(e.Spec.Storage)
	bytes := most.Value() / 2
	if m := e.Spec.Bus.MaxBytes; m != nil {
		bytes = m.Value()
	}
	return append(args,
		fmt.Sprintf("--bus-listen=:%d", busPort),
		"--trust="+pathTrust,
		"--bus-max-bytes="+strconv.FormatInt(bytes, 10))
}

// StorageSize is the size of each volume of a hub.
func StorageSize(s v1alpha1.StorageSpec) resource.Quantity {
	if s.Size == nil || s.Size.IsZero() {
		return resource.MustParse("20Gi")
	}
	return *s.Size
}

// hubClaim is part of what cannot change later: its labels are those that select
// the pods, nothing that a new version may want to be different.
func hubClaim(g group, s v1alpha1.StorageSpec) *applycore.PersistentVolumeClaimApplyConfiguration {
	spec := applycore.PersistentVolumeClaimSpec().
		WithAccessModes(corev1.ReadWriteOnce).
		WithVolumeMode(corev1.PersistentVolumeFilesystem).
		WithResources(applycore.VolumeResourceRequirements().
			WithRequests(corev1.ResourceList{corev1.ResourceStorage: StorageSize(s)}))
	if s.ClassName != "" {
		spec.WithStorageClassName(s.ClassName)
	}
	// Without namespace and kind: a template is not an object of its own.
	return (&applycore.PersistentVolumeClaimApplyConfiguration{}).
		WithName(volumeData).
		WithLabels(g.selector).
		WithSpec(spec)
}
