package charts

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestTheKustomizationAndTheChartInstallTheSame(t *testing.T) {
	compare(t, kustomize(t, "default"), render(t, "default"))
}

func TestTheMonitoringOfTheKustomizationIsThatOfTheChart(t *testing.T) {
	objects := render(t, "default", "--set", "podMonitors.enabled=true,prometheusRule.enabled=true")
	without := render(t, "default")
	objects = slices.DeleteFunc(objects, func(o object) bool {
		return slices.ContainsFunc(without, func(w object) bool { return w.id() == o.id() })
	})
	compare(t, kustomize(t, "prometheus"), objects)
}

func kustomize(t *testing.T, folder string) []object {
	t.Helper()
	out, err := tool(t, "kustomize", "build", "../config/"+folder)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

func compare(t *testing.T, kustomized, helmed []object) {
	t.Helper()
	got, want := plain(t, kustomized), plain(t, helmed)
	for id := range want {
		if got[id] == "" {
			t.Errorf("config lacks %s", id)
		}
	}
	for id, g := range got {
		if want[id] == "" {
			t.Errorf("the chart lacks %s", id)
		} else if g != want[id] {
			t.Errorf("%s: config and the chart differ\n%s", id, firstDifference(g, want[id]))
		}
	}
}

// plain returns objects as YAML by their ids, without what only one of the two
// can have: Helm's labels, annotations and hooks, the Namespace.
func plain(t *testing.T, objects []object) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, o := range objects {
		if o.isHook() || o.GetKind() == "Namespace" {
			continue
		}
		labels := o.GetLabels()
		for _, l := range []string{"helm.sh/chart", "app.kubernetes.io/managed-by", "app.kubernetes.io/version"} {
			delete(labels, l)
		}
		o.SetLabels(labels)
		annotations := o.GetAnnotations()
		delete(annotations, "helm.sh/resource-policy")
		o.SetAnnotations(annotations)
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		out[o.id()] = string(text)
	}
	return out
}
