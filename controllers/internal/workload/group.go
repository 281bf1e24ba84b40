package workload

import (
	appsv1 "k8s.io/api/apps/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"
	applypolicy "k8s.io/client-go/applyconfigurations/policy/v1"
)

// serviceAccount exists so that no pod runs as the namespace's default one, which
// others may have given rights to. It has no rights and no token.
func (g *group) serviceAccount() *applycore.ServiceAccountApplyConfiguration {
	return applycore.ServiceAccount(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithAutomountServiceAccountToken(false)
}

// deployment has no replicas yet: whoever does not say how many leaves that to an
// autoscaler.
func (g *group) deployment(name string, t *applycore.PodTemplateSpecApplyConfiguration, strategy *applyapps.DeploymentStrategyApplyConfiguration) *applyapps.DeploymentApplyConfiguration {
	return applyapps.Deployment(name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(applyapps.DeploymentSpec().
			WithRevisionHistoryLimit(2).
			WithSelector(applymeta.LabelSelector().WithMatchLabels(g.selector)).
			WithStrategy(strategy).
			WithTemplate(t))
}

// single stops the old pod before the new one starts: there is one owner of each
// cursor and baseline.
func single() *applyapps.DeploymentStrategyApplyConfiguration {
	return applyapps.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)
}

// gapless starts the new pod before the old one stops.
func gapless() *applyapps.DeploymentStrategyApplyConfiguration {
	return applyapps.DeploymentStrategy().
		WithType(appsv1.RollingUpdateDeploymentStrategyType).
		WithRollingUpdate(applyapps.RollingUpdateDeployment().
			WithMaxUnavailable(intstr.FromInt32(0)).
			WithMaxSurge(intstr.FromInt32(1)))
}

// disruptionBudget lets a node be drained one pod at a time. A pod that is not
// ready anyway holds nobody up.
func (g *group) disruptionBudget() *applypolicy.PodDisruptionBudgetApplyConfiguration {
	return applypolicy.PodDisruptionBudget(g.name, g.namespace()).
		WithLabels(g.labels).
		WithOwnerReferences(g.owner.reference()).
		WithSpec(applypolicy.PodDisruptionBudgetSpec().
			WithMaxUnavailable(intstr.FromInt32(1)).
			WithUnhealthyPodEvictionPolicy(policyv1.AlwaysAllow).
			WithSelector(applymeta.LabelSelector().WithMatchLabels(g.selector)))
}

// busArgs connect a component to its bus.
func busArgs(b Bus) []string {
	args := []string{"--bus=" + b.URL, "--creds=" + pathBus + "/user.creds"}
	if b.CA != nil {
		args = append(args, "--bus-ca="+pathBus+"/ca.crt")
	}
	return args
}
