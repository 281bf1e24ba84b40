// Package charts tests the Helm chart and the kustomizations in config.
package charts

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/yaml"
)

func TestTheChartPassesStrictLintWithEveryFileOfValues(t *testing.T) {
	for _, name := range variants(t) {
		args := []string{"lint", "--strict", chartDir}
		if name != "default" {
			args = append(args, "--values", valuesFile(name))
		}
		if out, err := tool(t, "helm", args...); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

// The definitions are compared elsewhere; golden copies of them would only
// double the diffs.
func TestTheChartRendersAsItsGoldenFilesSay(t *testing.T) {
	for _, name := range variants(t) {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			objects := render(t, name)
			slices.SortFunc(objects, func(a, b object) int { return strings.Compare(a.id(), b.id()) })
			for _, o := range objects {
				if o.GetKind() == "CustomResourceDefinition" {
					continue
				}
				if o.GetKind() == "ConfigMap" {
					o.Object["data"] = "left out"
				}
				text, err := yaml.Marshal(o.Object)
				if err != nil {
					t.Fatal(err)
				}
				got.WriteString("---\n")
				got.Write(text)
			}
			golden := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%s differs; look at the change after: go test ./charts -run Golden -update\n%s", golden, firstDifference(got.String(), string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			from := max(0, i-5)
			return "got:\n" + strings.Join(g[from:i+1], "\n") + "\nwant:\n" + strings.Join(w[from:i+1], "\n")
		}
	}
	return "one is longer"
}

func TestWrongValuesAreRefused(t *testing.T) {
	for _, c := range []struct {
		name, want string
		set        []string
	}{
		{"unknown key", "not allowed", []string{"--set", "replica=3"}},
		{"unknown nested key", "not allowed", []string{"--set", "image.operator.name=x"}},
		{"unknown kind", "not allowed", []string{"--set", "concurrency.Feed=3"}},
		{"no number", "replicas", []string{"--set", "replicas=many"}},
		{"no digest", "digest", []string{"--set", "image.pipeline.digest=sha256:12"}},
		{"no network", "allowNetworks", []string{"--set", "allowNetworks={intranet}"}},
		{"unknown mode", "mode", []string{"--set", "metrics.mode=Open"}},
		{"argument without dashes", "extraArgs", []string{"--set", "extraArgs={v=3}"}},
		{"secure metrics of a namespaced release", "cluster rights", []string{"--set", "watchNamespaces={a},metrics.mode=Secure"}},
		{"readers of a namespaced release", "cluster rights", []string{"--set", "watchNamespaces={a},metrics.readers[0].name=x,metrics.readers[0].namespace=y"}},
		{"open metrics", "every pod", []string{"--set", "metrics.mode=Plain,networkPolicies.operator=false"}},
		{"replicas without a leader", "leaderElection", []string{"--set", "leaderElection.enabled=false"}},
		{"self-test elsewhere", "selftest.namespace", []string{"--set", "watchNamespaces={a},selftest.namespace=b"}},
		{"unknown alert", "there is no alert", []string{"--set", "prometheusRule.disabled={Weir}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := tool(t, "helm", append([]string{"template", "weir", chartDir}, c.set...)...)
			if err == nil {
				t.Fatalf("rendered %d bytes", len(out))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("the message lacks %q: %v", c.want, err)
			}
		})
	}
}

func TestRegistryDigestAndPullSecretsReachThePodsThatTheOperatorMakes(t *testing.T) {
	deployment := find(t, render(t, "airgapped"), "weir-system/Deployment/weir-operator")
	text, err := json.Marshal(deployment.Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"image":"registry.internal.example:5000/weir-project/weir-operator@sha256:aaaa`,
		`"--pipeline-image=registry.internal.example:5000/weir-project/weir-pipeline@sha256:bbbb`,
		`"--image-pull-secret=mirror"`,
		`"imagePullSecrets":[{"name":"mirror"}]`,
		`"--allow-network=198.51.100.0/24","--allow-network=2001:db8::/32"`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("lacks %s in\n%s", want, text)
		}
	}
	if bytes.Contains(text, []byte("ghcr.io")) {
		t.Error("an image still comes from the public registry")
	}
}

// chart is what Chart.yaml says.
type chart struct {
	AppVersion  string            `json:"appVersion"`
	Annotations map[string]string `json:"annotations"`
}

func metadata(t *testing.T) chart {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(chartDir, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c chart
	if err := yaml.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestImagesAreNamedByTheVersionOfTheChart(t *testing.T) {
	chart := metadata(t)
	deployment, err := json.Marshal(find(t, render(t, "default"), "weir-system/Deployment/weir-operator").Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"ghcr.io/weir-project/weir-operator:", "ghcr.io/weir-project/weir-pipeline:"} {
		if !strings.Contains(chart.Annotations["artifacthub.io/images"], image+chart.AppVersion+"\n") {
			t.Errorf("artifacthub.io/images lacks %s%s", image, chart.AppVersion)
		}
		if !bytes.Contains(deployment, []byte(image+chart.AppVersion+`"`)) {
			t.Errorf("the Deployment lacks %s%s", image, chart.AppVersion)
		}
	}
}

func TestDefinitionsStayUnlessToldOtherwise(t *testing.T) {
	count := func(objects []object) (all, kept int) {
		for _, o := range objects {
			if o.GetKind() == "CustomResourceDefinition" {
				all++
				if o.GetAnnotations()["helm.sh/resource-policy"] == "keep" {
					kept++
				}
			}
		}
		return all, kept
	}
	for _, c := range []struct {
		set       string
		all, kept int
	}{{"crds.enabled=true", 5, 5}, {"crds.keep=false", 5, 0}, {"crds.enabled=false", 0, 0}} {
		if all, kept := count(render(t, "default", "--set", c.set)); all != c.all || kept != c.kept {
			t.Errorf("%s: %d definitions, %d kept; want %d, %d", c.set, all, kept, c.all, c.kept)
		}
	}
}

// Client-side apply keeps a copy in an annotation of at most 256 KiB.
func TestEachDefinitionIsSmall(t *testing.T) {
	files, err := filepath.Glob("../config/crd/feeds.weir.dev_*.yaml")
	if err != nil || len(files) != 5 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := yaml.YAMLToJSON(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) >= 200<<10 || len(compact) >= 200<<10 {
			t.Errorf("%s: %d bytes, %d as JSON; want less than %d", f, len(text), len(compact), 200<<10)
		}
	}
}

var declaredFlag = regexp.MustCompile(`fs\.\w+\((?:&[\w.]+, )?"([a-z-]+)"`)

func TestTheOperatorKnowsEveryArgumentThatItIsStartedWith(t *testing.T) {
	source, err := os.ReadFile("../cmd/operator/flags.go")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range declaredFlag.FindAllStringSubmatch(string(source), -1) {
		known[m[1]] = true
	}
	for _, name := range variants(t) {
		objects := render(t, name, "--set", "concurrency.Parser=3,platformGroup=true,image.pullSecrets={a},networkPolicies.metricsFrom={b}")
		for _, arg := range into[appsv1.Deployment](t, find(t, objects, "weir-system/Deployment/weir-operator")).Spec.Template.Spec.Containers[0].Args {
			flag, _, valued := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			if !valued || !known[flag] {
				t.Errorf("%s: cmd/operator has no flag for %s", name, arg)
			}
		}
	}
}

func TestExtraObjectsAreTemplates(t *testing.T) {
	values := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte(`
extraObjects:
  - apiVersion: v1
    kind: ConfigMap
    metadata:
      name: "{{ .Release.Name }}-as-map"
  - |
    apiVersion: v1
    kind: ConfigMap
    metadata:
      name: {{ .Release.Name }}-as-text
`), 0o600); err != nil {
		t.Fatal(err)
	}
	objects := render(t, "default", "--values", values)
	find(t, objects, "ConfigMap/weir-as-map")
	find(t, objects, "ConfigMap/weir-as-text")
}
