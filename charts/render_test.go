package charts

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/weir-project/weir/hack/assets"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	chartDir  = "weir"
	namespace = "weir-system"
)

// object is one rendered object.
type object struct{ unstructured.Unstructured }

func (o object) id() string {
	return strings.TrimPrefix(fmt.Sprintf("%s/%s/%s", o.GetNamespace(), o.GetKind(), o.GetName()), "/")
}

func (o object) isHook() bool {
	_, found := o.GetAnnotations()["helm.sh/hook"]
	return found
}

// into converts an object to its Go type, strictly.
func into[T any](t *testing.T, o object) *T {
	t.Helper()
	out := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, out, true); err != nil {
		t.Fatalf("%s: %v", o.id(), err)
	}
	return out
}

// nested returns what is at a path, or nothing.
func nested(o object, path ...string) any {
	got, _, _ := unstructured.NestedFieldNoCopy(o.Object, path...)
	return got
}

// helmTemplate renders the chart in a folder. Arguments are those of helm template.
func helmTemplate(t *testing.T, dir string, args ...string) []object {
	t.Helper()
	out, err := tool(t, "helm", append([]string{"template", "weir", dir, "--namespace", namespace}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, out)
}

// render renders the chart with a file of values of its ci folder.
func render(t *testing.T, values string, args ...string) []object {
	t.Helper()
	if values != "default" {
		args = append([]string{"--values", valuesFile(values)}, args...)
	}
	return helmTemplate(t, chartDir, args...)
}

func valuesFile(name string) string {
	return filepath.Join(chartDir, "ci", name+"-values.yaml")
}

// variants are the default and every file of values of the ci folder.
func variants(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(valuesFile("*"))
	if err != nil || len(files) < 6 {
		t.Fatalf("files of values: %v, %v", files, err)
	}
	names := []string{"default"}
	for _, f := range files {
		names = append(names, strings.TrimSuffix(filepath.Base(f), "-values.yaml"))
	}
	return names
}

// tool runs helm or kustomize.
func tool(t *testing.T, name string, args ...string) ([]byte, error) {
	t.Helper()
	// A first call compiles the tool.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Minute)
	defer cancel()
	path, err := assets.Tool(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home, "KUBECONFIG="+os.DevNull)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, stderr.String(), out)
	}
	return out, nil
}

func parse(t *testing.T, manifests []byte) []object {
	t.Helper()
	var objects []object
	seen := map[string]bool{}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		var o object
		err := decoder.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("after %d objects: %v", len(objects), err)
		}
		if len(o.Object) == 0 {
			continue
		}
		if o.GetKind() == "" || o.GetName() == "" || seen[o.id()] {
			t.Fatalf("an object without kind or name, or twice: %s", o.id())
		}
		seen[o.id()] = true
		objects = append(objects, o)
	}
}

// find returns the object with an id such as weir-system/Deployment/weir-operator.
func find(t *testing.T, objects []object, id string) object {
	t.Helper()
	for _, o := range objects {
		if o.id() == id {
			return o
		}
	}
	t.Fatalf("no %s is rendered", id)
	return object{}
}
