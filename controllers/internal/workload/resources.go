package workload

import (
	"maps"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/weir-project/weir/api/v1alpha1"
)

// budget is what a component's container asks for if nobody says otherwise. There
// is no limit on CPU: it would slow a burst down for nobody's good.
type budget struct{ cpu, memory, memoryLimit string }

var budgets = map[string]budget{
	ComponentCollector:  {"20m", "64Mi", "256Mi"},
	ComponentMonitor:    {"50m", "128Mi", "512Mi"},
	ComponentHub:        {"100m", "256Mi", "1Gi"},
	ComponentExporter:   {"20m", "64Mi", "384Mi"},
	ComponentCollectors: {"100m", "128Mi", "512Mi"},
	ComponentMonitors:   {"100m", "256Mi", "1Gi"},
	ComponentExporters:  {"100m", "128Mi", "1Gi"},
}

// resourcesOf merges what a user asks for with the component's budget. A default
// that contradicts the user gives way: a request is never above its limit unless
// the user wrote both.
func resourcesOf(component string, o *v1alpha1.PodOptions) (requests, limits corev1.ResourceList) {
	b := budgets[component]
	requests = corev1.ResourceList{
		corev1.ResourceCPU:    resource.MustParse(b.cpu),
		corev1.ResourceMemory: resource.MustParse(b.memory),
	}
	limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(b.memoryLimit)}
	if o == nil || o.Resources == nil {
		return requests, limits
	}
	asked, bound := listOf(o.Resources.Requests), listOf(o.Resources.Limits)
	maps.Copy(requests, asked)
	maps.Copy(limits, bound)
	for name, limit := range limits {
		request, both := requests[name]
		if !both || request.Cmp(limit) <= 0 {
			continue
		}
		if _, users := bound[name]; !users {
			limits[name] = request
		} else if _, users := asked[name]; !users {
			requests[name] = limit
		}
	}
	return requests, limits
}

func listOf(m map[string]resource.Quantity) corev1.ResourceList {
	list := corev1.ResourceList{}
	for name, q := range m {
		list[corev1.ResourceName(name)] = q
	}
	return list
}

// memoryEnv tells the Go runtime what the kernel will enforce: GOMEMLIMIT at nine
// tenths of the limit, so that it collects harder before the pod is killed. The
// downward API cannot express a share.
func memoryEnv(limits corev1.ResourceList) []*applycore.EnvVarApplyConfiguration {
	limit, ok := limits[corev1.ResourceMemory]
	if !ok || limit.Value() <= 0 {
		return nil
	}
	return []*applycore.EnvVarApplyConfiguration{
		applycore.EnvVar().WithName("GOMEMLIMIT").WithValue(strconv.FormatInt(limit.Value()/10*9, 10)),
	}
}
