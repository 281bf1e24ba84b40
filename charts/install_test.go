package charts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/pod-security-admission/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/hack/assets"
)

// cluster is a real API server without nodes.
type cluster struct {
	client.Client
	env        *envtest.Environment
	warnings   *warnings
	kubeconfig string // of whom helm runs as
}

// warnings are what the API server warns of.
type warnings struct {
	mu   sync.Mutex
	text []string
}

func (w *warnings) HandleWarningHeader(_ int, _, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, text)
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := assets.Envtest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory:    dir,
		ControlPlaneStartTimeout: 3 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
	})
	c := &cluster{env: env, warnings: &warnings{}}
	config = rest.CopyConfig(config)
	config.WarningHandler = c.warnings
	if c.Client, err = client.New(config, client.Options{}); err != nil {
		t.Fatal(err)
	}
	c.kubeconfig = c.user(t, envtest.User{Name: "administrator", Groups: []string{"system:masters"}})
	return c
}

// user makes a user and returns the path of its kubeconfig.
func (c *cluster) user(t *testing.T, u envtest.User) string {
	t.Helper()
	user, err := c.env.AddUser(u, nil)
	if err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := user.KubeConfig()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err == nil {
		err = os.WriteFile(path, kubeconfig, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// namespace makes a namespace that takes restricted pods only.
func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		api.EnforceLevelLabel: string(api.LevelRestricted), api.WarnLevelLabel: string(api.LevelRestricted),
	}}}
	if err := c.Create(t.Context(), ns); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

func (c *cluster) helm(t *testing.T, args ...string) {
	t.Helper()
	if err := c.tryHelm(t, args...); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) tryHelm(t *testing.T, args ...string) error {
	t.Helper()
	_, err := tool(t, "helm", append(args, "--kubeconfig", c.kubeconfig, "--namespace", namespace)...)
	return err
}

// get reads an object as it is in the cluster.
func (c *cluster) get(t *testing.T, o object) (object, error) {
	t.Helper()
	found := object{}
	found.SetGroupVersionKind(o.GroupVersionKind())
	err := c.Get(t.Context(), client.ObjectKeyFromObject(&o.Unstructured), &found.Unstructured)
	return found, err
}

// unknown are kinds of operators that this cluster does not have.
func unknown(o object) bool {
	return slices.Contains([]string{"monitoring.coreos.com", "grafana.integreatly.org"}, o.GroupVersionKind().Group)
}

func TestARealAPIServerTakesWhatIsRenderedWithoutAWarning(t *testing.T) {
	c := startCluster(t)
	for _, ns := range []string{namespace, "team-a", "team-b", "monitoring"} {
		c.namespace(t, ns)
	}
	rendered := map[string][]object{"config/default": kustomize(t, "default")}
	for _, name := range variants(t) {
		rendered[name] = render(t, name)
	}
	strict := client.WithFieldValidation(c.Client, metav1.FieldValidationStrict)
	for name, objects := range rendered {
		for _, o := range objects {
			if unknown(o) {
				continue
			}
			err := strict.Create(t.Context(), &o.Unstructured, client.DryRunAll)
			if err != nil && !apierrors.IsAlreadyExists(err) {
				t.Errorf("%s: %s: %v", name, o.id(), err)
			}
		}
	}
	if len(c.warnings.text) > 0 {
		t.Errorf("warnings: %q", c.warnings.text)
	}
}

func TestInstallUpgradeAndUninstallLeaveWhatIsPromised(t *testing.T) {
	c := startCluster(t)
	c.helm(t, "install", "weir", chartDir, "--create-namespace")
	objects := slices.DeleteFunc(render(t, "default"), object.isHook)
	for _, o := range objects {
		if _, err := c.get(t, o); err != nil {
			t.Errorf("after the installation: %v", err)
		}
	}

	var examples []map[string]any
	if err := yaml.Unmarshal([]byte(metadata(t).Annotations["artifacthub.io/crdsExamples"]), &examples); err != nil || len(examples) == 0 {
		t.Fatal(examples, err)
	}
	exchange := object{unstructured.Unstructured{Object: examples[0]}}
	exchange.SetNamespace("default")
	c.eventually(t, "the API serves Exchanges", func(ctx context.Context) error {
		return c.Create(ctx, exchange.DeepCopy())
	})

	c.helm(t, "upgrade", "weir", chartDir, "--set", "replicas=1,networkPolicies.operator=false")
	deployment, err := c.get(t, find(t, objects, "weir-system/Deployment/weir-operator"))
	if replicas := nested(deployment, "spec", "replicas"); err != nil || replicas != int64(1) {
		t.Errorf("after the upgrade: %v replicas, %v", replicas, err)
	}
	for _, id := range []string{"weir-system/NetworkPolicy/weir-operator", "weir-system/PodDisruptionBudget/weir-operator"} {
		if _, err := c.get(t, find(t, objects, id)); !apierrors.IsNotFound(err) {
			t.Errorf("after the upgrade, %s: %v", id, err)
		}
	}

	c.helm(t, "uninstall", "weir")
	for _, o := range objects {
		_, err := c.get(t, o)
		if stays := o.GetKind() == "CustomResourceDefinition"; stays && err != nil || !stays && !apierrors.IsNotFound(err) {
			t.Errorf("after the removal, %s: %v", o.id(), err)
		}
	}
	if _, err := c.get(t, exchange); err != nil {
		t.Errorf("after the removal: %v", err)
	}

	c.helm(t, "install", "weir", chartDir)
	if _, err := c.get(t, exchange); err != nil {
		t.Errorf("after the second installation: %v", err)
	}
}

// Kubernetes lets nobody grant what they may not do, so this also shows which
// rights are enough to install.
func TestANamespacedReleaseNeedsNoRightInTheCluster(t *testing.T) {
	c := startCluster(t)
	c.helm(t, "install", "definitions", chartDir, "--create-namespace",
		"--set", "rbac.create=false,serviceAccount.create=false,replicas=0,networkPolicies.operator=false")
	c.namespace(t, "team-a")
	c.namespace(t, "team-b")
	installer := c.installer(t, namespace, "team-a", "team-b")
	if err := installer.tryHelm(t, "install", "weir", chartDir, "--set", "crds.enabled=false,fullnameOverride=weir-teams"); err == nil || !strings.Contains(err.Error(), "forbidden") {
		t.Fatalf("a release for the whole cluster: %v", err)
	}
	args := []string{"--values", valuesFile("namespaced"), "--set", "crds.enabled=false,fullnameOverride=weir-teams"}
	installer.helm(t, append([]string{"upgrade", "--install", "weir", chartDir}, args...)...)
	for _, o := range slices.DeleteFunc(render(t, "namespaced", args[2:]...), object.isHook) {
		if _, err := c.get(t, o); err != nil {
			t.Error(err)
		}
	}
}

// installer is a user that may do everything in some namespaces and nothing else.
func (c *cluster) installer(t *testing.T, namespaces ...string) *cluster {
	t.Helper()
	for _, ns := range namespaces {
		for _, o := range parse(t, fmt.Appendf(nil, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: everything, namespace: %[1]s}
rules:
  - {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: everything, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: everything}
subjects:
  - {apiGroup: rbac.authorization.k8s.io, kind: User, name: installer}
`, ns)) {
			if err := c.Create(t.Context(), &o.Unstructured); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := *c
	other.kubeconfig = c.user(t, envtest.User{Name: "installer"})
	return &other
}

// eventually tries again while a definition is not served yet.
func (c *cluster) eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v, %v", what, err, last)
	}
}
