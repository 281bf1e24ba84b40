package charts

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

type pod struct {
	id   string
	meta metav1.ObjectMeta
	spec corev1.PodSpec
}

// pods are the pods and pod templates of what is rendered.
func pods(t *testing.T, objects []object) []pod {
	t.Helper()
	var found []pod
	for _, o := range objects {
		switch o.GetKind() {
		case "Deployment":
			template := into[appsv1.Deployment](t, o).Spec.Template
			found = append(found, pod{o.id(), template.ObjectMeta, template.Spec})
		case "Pod":
			p := into[corev1.Pod](t, o)
			found = append(found, pod{o.id(), p.ObjectMeta, p.Spec})
		case "StatefulSet", "DaemonSet", "Job", "CronJob", "ReplicaSet":
			t.Fatalf("%s: this test knows no %s: teach it", o.id(), o.GetKind())
		}
	}
	return found
}

func TestEveryPodPassesTheRestrictedPodSecurityStandard(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	level := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, name := range variants(t) {
		found := pods(t, render(t, name))
		if len(found) == 0 {
			t.Errorf("%s: no pods", name)
		}
		for _, p := range found {
			for _, result := range evaluator.EvaluatePod(level, &p.meta, &p.spec) {
				if !result.Allowed {
					t.Errorf("%s: %s: %s: %s", name, p.id, result.ForbiddenReason, result.ForbiddenDetail)
				}
			}
		}
	}
}

// OpenShift gives each namespace a range of user ids and refuses others.
func TestNoPodFixesItsUserAndAllHaveAReadOnlyRoot(t *testing.T) {
	for _, name := range variants(t) {
		for _, p := range pods(t, render(t, name)) {
			sc := p.spec.SecurityContext
			if sc.RunAsUser != nil || sc.RunAsGroup != nil || sc.FSGroup != nil {
				t.Errorf("%s: %s fixes a user or group", name, p.id)
			}
			for _, c := range slices.Concat(p.spec.InitContainers, p.spec.Containers) {
				if c.SecurityContext.RunAsUser != nil || c.SecurityContext.RunAsGroup != nil {
					t.Errorf("%s: %s/%s fixes a user or group", name, p.id, c.Name)
				}
				if ro := c.SecurityContext.ReadOnlyRootFilesystem; ro == nil || !*ro {
					t.Errorf("%s: %s/%s can write its root", name, p.id, c.Name)
				}
				if c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
					t.Errorf("%s: %s/%s has no bound on its memory", name, p.id, c.Name)
				}
			}
		}
	}
}

func TestNoRoleHasAWildcardOrCanGrantRights(t *testing.T) {
	grants := []string{"escalate", "bind", "impersonate"}
	for _, name := range variants(t) {
		for _, o := range render(t, name) {
			if !strings.HasSuffix(o.GetKind(), "Role") {
				continue
			}
			var rules []rbacv1.PolicyRule
			if o.GetKind() == "Role" {
				rules = into[rbacv1.Role](t, o).Rules
			} else {
				rules = into[rbacv1.ClusterRole](t, o).Rules
			}
			for _, r := range rules {
				all := slices.Concat(r.APIGroups, r.Resources, r.Verbs, r.NonResourceURLs)
				if slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, "*") }) {
					t.Errorf("%s: %s has a wildcard: %v", name, o.id(), r)
				}
				if slices.ContainsFunc(r.Verbs, func(v string) bool { return slices.Contains(grants, v) }) ||
					slices.Contains(r.APIGroups, rbacv1.GroupName) {
					t.Errorf("%s: %s can grant rights: %v", name, o.id(), r)
				}
			}
		}
	}
}

func TestANamespacedReleaseHasNothingOfTheClusterButDefinitions(t *testing.T) {
	monitored := []string{"--set", "podMonitors.enabled=true,prometheusRule.enabled=true,dashboard.enabled=true"}
	for _, c := range []struct {
		name        string
		args        []string
		definitions int
	}{
		{"with definitions", nil, 5},
		{"without", []string{"--set", "crds.enabled=false"}, 0},
		{"with monitoring", append(monitored, "--set", "crds.enabled=false"), 0},
		{"told to make aggregated roles", []string{"--set", "crds.enabled=false,rbac.aggregatedRoles=true"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			definitions := 0
			for _, o := range render(t, "namespaced", c.args...) {
				switch ns := o.GetNamespace(); {
				case o.GetKind() == "CustomResourceDefinition":
					definitions++
				case ns == "":
					t.Errorf("%s is of the cluster", o.id())
				case !slices.Contains([]string{namespace, "team-a", "team-b"}, ns):
					t.Errorf("%s is elsewhere", o.id())
				}
			}
			if definitions != c.definitions {
				t.Errorf("%d definitions, want %d", definitions, c.definitions)
			}
		})
	}
}

func TestANamespacedOperatorIsToldItsNamespacesAndHasItsRightsThere(t *testing.T) {
	objects := render(t, "namespaced")
	args := into[appsv1.Deployment](t, find(t, objects, "weir-system/Deployment/weir-operator")).Spec.Template.Spec.Containers[0].Args
	for _, want := range []string{"--watch-namespace=team-a", "--watch-namespace=team-b", "--metrics-secure=false"} {
		if !slices.Contains(args, want) {
			t.Errorf("the operator is started without %s: %v", want, args)
		}
	}
	cluster := into[rbacv1.ClusterRole](t, find(t, render(t, "default"), "ClusterRole/weir-operator")).Rules
	for _, ns := range []string{"team-a", "team-b"} {
		rules := into[rbacv1.Role](t, find(t, objects, ns+"/Role/weir-operator")).Rules
		// The ClusterRole has namespaces, tokenreviews and subjectaccessreviews beside.
		if len(rules) != len(cluster)-3 {
			t.Errorf("%s: %d rules, the cluster's has %d", ns, len(rules), len(cluster))
		}
		binding := into[rbacv1.RoleBinding](t, find(t, objects, ns+"/RoleBinding/weir-operator"))
		want := rbacv1.Subject{Kind: "ServiceAccount", Name: "weir-operator", Namespace: namespace}
		if binding.RoleRef.Kind != "Role" || len(binding.Subjects) != 1 || binding.Subjects[0] != want {
			t.Errorf("%s: %+v binds %+v", ns, binding.RoleRef, binding.Subjects)
		}
	}
}
