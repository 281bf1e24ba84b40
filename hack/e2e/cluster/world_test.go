package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/hack/assets"
	"github.com/weir-project/weir/hack/cluster/node"
	"github.com/weir-project/weir/hack/e2e"
	"github.com/weir-project/weir/hack/feedsim"
)

const (
	release   = "weir"
	system    = "weir-system"
	feedsNS   = "default"
	kindName  = "weir-e2e"
	patience  = 4 * time.Minute // of one wait for a condition
	startTime = 25 * time.Minute
)

// world is the cluster under test, and a folder with what a user has: the chart and
// the samples, with the images of this build.
type world struct {
	client.Client
	core       kubernetes.Interface
	config     *rest.Config
	kubeconfig string
	node       *node.Cluster // if it is the one of hack/cluster

	root, dir     string // the checkout; the user's folder
	registry, tag string
	bin           string // in front of the user's PATH: helm, kubectl, kubectl-weir
	archives      []string
	undo          []func(context.Context) error
	closers       []func() error
	// past is what was published by a simulator that is gone, by feed.
	past map[string]map[string]feedsim.Record
}

var errNoCluster = errors.New("no cluster")

// start finds or makes a cluster, brings the images there and leaves it as new.
func start(ctx context.Context, dir string) (*world, error) {
	root, err := assets.Root()
	if err != nil {
		return nil, err
	}
	w := &world{root: root, dir: dir, registry: "ghcr.io/weir-project", bin: filepath.Join(dir, "bin")}
	if err := w.provision(ctx); err != nil {
		return w, err
	}
	for _, step := range []func(context.Context) error{w.linkTools, w.copyFiles, w.connect, w.checkUnused, w.clean, w.claim} {
		if err := step(ctx); err != nil {
			return w, err
		}
	}
	return w, nil
}

// provision decides which cluster it is.
func (w *world) provision(ctx context.Context) error {
	if w.tag = os.Getenv("WEIR_E2E_TAG"); w.tag != "" && os.Getenv("KUBECONFIG") != "" {
		w.kubeconfig = os.Getenv("KUBECONFIG")
		if r := os.Getenv("WEIR_E2E_REGISTRY"); r != "" {
			w.registry = r
		}
		return nil
	}
	if _, err := exec.LookPath("kind"); err == nil && exec.CommandContext(ctx, "docker", "info").Run() == nil {
		return w.useKind(ctx)
	}
	return w.useNode(ctx)
}

func (w *world) useNode(ctx context.Context) error {
	c, err := node.Open(node.Options{Log: os.Stderr})
	if err != nil {
		return fmt.Errorf("%w: set KUBECONFIG and WEIR_E2E_TAG, or install docker and kind; %w", errNoCluster, err)
	}
	running := c.Status(ctx, io.Discard) == nil
	if c, err = node.Up(ctx, node.Options{}); err != nil {
		return err
	}
	if !running {
		w.undo = append(w.undo, c.Down)
	}
	w.node, w.kubeconfig = c, c.Kubeconfig()
	return w.bring(ctx, func(archive string) error { return c.Load(ctx, archive) })
}

func (w *world) useKind(ctx context.Context) error {
	w.kubeconfig = filepath.Join(w.dir, "kubeconfig")
	out, err := exec.CommandContext(ctx, "kind", "get", "clusters").Output()
	if err != nil {
		return fmt.Errorf("kind get clusters: %w", err)
	}
	make := []string{"export", "kubeconfig"}
	if !slices.Contains(strings.Fields(string(out)), kindName) {
		make = []string{"create", "cluster", "--wait", "5m"}
		w.undo = append(w.undo, func(ctx context.Context) error {
			return output(exec.CommandContext(ctx, "kind", "delete", "cluster", "--name", kindName))
		})
	}
	if err := output(exec.CommandContext(ctx, "kind", append(make, "--name", kindName, "--kubeconfig", w.kubeconfig)...)); err != nil {
		return err
	}
	return w.bring(ctx, func(archive string) error {
		return output(exec.CommandContext(ctx, "kind", "load", "image-archive", archive, "--name", kindName))
	})
}

func output(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// linkTools fills the folder that stands in front of PATH.
func (w *world) linkTools(ctx context.Context) error {
	if err := os.MkdirAll(w.bin, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"helm", "kubectl"} {
		path, err := assets.Tool(ctx, name)
		if err != nil {
			return err
		}
		if err := os.Symlink(path, filepath.Join(w.bin, name)); err != nil {
			return err
		}
	}
	weir, err := e2e.Build(ctx, w.dir)
	if err != nil {
		return err
	}
	return os.Symlink(weir, filepath.Join(w.bin, "kubectl-weir"))
}

// copyFiles makes the folder in which the commands of the documentation work: its
// chart and samples name the images of this build, and the simulator goes on only
// when it is told to.
func (w *world) copyFiles(context.Context) error {
	for _, part := range []string{"charts/weir", "config"} {
		if err := os.CopyFS(filepath.Join(w.dir, part), os.DirFS(filepath.Join(w.root, part))); err != nil {
			return err
		}
	}
	host, path, _ := strings.Cut(w.registry, "/")
	for file, changes := range map[string][]string{
		"charts/weir/Chart.yaml":      {"appVersion: 0.1.0", "appVersion: " + w.tag},
		"charts/weir/values.yaml":     {"registry: ghcr.io", "registry: " + host, "repository: weir-project/", "repository: " + path + "/"},
		"config/feedsim/feedsim.yaml": {"ghcr.io/weir-project/weir-feedsim:0.1.0", w.registry + "/weir-feedsim:" + w.tag, "[-listen=:8099]", "[-listen=:8099, -every=0s]"},
	} {
		if err := replace(filepath.Join(w.dir, file), changes...); err != nil {
			return err
		}
	}
	return nil
}

// replace changes texts in a file, each of which must be there.
func replace(file string, oldNew ...string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text := string(data)
	for i := 0; i < len(oldNew); i += 2 {
		if !strings.Contains(text, oldNew[i]) {
			return fmt.Errorf("%s does not contain %q", file, oldNew[i])
		}
		text = strings.ReplaceAll(text, oldNew[i], oldNew[i+1])
	}
	return os.WriteFile(file, []byte(text), 0o600)
}

func (w *world) connect(context.Context) error {
	var err error
	if w.config, err = clientcmd.BuildConfigFromFlags("", w.kubeconfig); err != nil {
		return err
	}
	w.config.QPS = -1
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	if w.core, err = kubernetes.NewForConfig(w.config); err != nil {
		return err
	}
	w.Client, err = client.New(w.config, client.Options{Scheme: scheme})
	return err
}

// marker is in a cluster that the tests use.
func marker() *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: feedsNS, Name: "weir-e2e"}}
}

// checkUnused protects what somebody else has in the cluster.
func (w *world) checkUnused(ctx context.Context) error {
	err := w.Get(ctx, client.ObjectKeyFromObject(marker()), marker())
	if err == nil || !apierrors.IsNotFound(err) {
		return err
	}
	releases, err := w.run(ctx, "helm", "list", "--all-namespaces", "--short", "--filter", "^"+release+"$")
	if err != nil {
		return err
	}
	crds, err := w.run(ctx, "kubectl", "get", "crd", "--output=name")
	if err != nil {
		return err
	}
	if strings.TrimSpace(releases) != "" || strings.Contains(crds, "exchanges.feeds.weir.dev") {
		return errors.New("Weir is installed in this cluster, and these tests delete everything of it: remove it first (docs/install.md), " +
			"or say that it may go: kubectl create configmap weir-e2e -n " + feedsNS)
	}
	return nil
}

// claim notes whose the cluster is now, and lets only pods by the restricted
// standard into the namespace of the feeds.
func (w *world) claim(ctx context.Context) error {
	_, err := w.run(ctx, "kubectl", "label", "namespace", feedsNS, "--overwrite", "pod-security.kubernetes.io/enforce=restricted")
	return errors.Join(err, w.Create(ctx, marker()))
}

// clean removes what tests made.
func (w *world) clean(ctx context.Context) error {
	crds := "exchanges.feeds.weir.dev feedsources.feeds.weir.dev formatchanges.feeds.weir.dev parsers.feeds.weir.dev subscriptions.feeds.weir.dev"
	script := `
		set -e
		kubectl uncordon $(kubectl get nodes --output=name)
		helm uninstall ` + release + ` -n ` + system + ` --ignore-not-found --wait
		helm uninstall ` + release + ` -n team-a --ignore-not-found --wait
		kubectl delete crd --ignore-not-found --timeout=3m ` + crds + `
		kubectl delete namespace --ignore-not-found --timeout=3m ` + system + ` team-a team-b team-c
		kubectl delete -n ` + feedsNS + ` --ignore-not-found deploy/feeds svc/feeds secret/subscribers pvc/data-main-hub-0 configmap/weir-e2e
		kubectl delete -n ` + feedsNS + ` --ignore-not-found --wait=false endpointslice/feeds-outside
		kubectl label namespace ` + feedsNS + ` pod-security.kubernetes.io/enforce-
		kubectl wait -n ` + feedsNS + ` --for=delete pod --all --timeout=3m`
	_, err := w.shell(ctx, script)
	return err
}

// shell runs a script in the user's folder and returns what it printed.
func (w *world) shell(ctx context.Context, script string) (string, error) {
	return w.run(ctx, "bash", "-c", script)
}

// run runs a program in the user's folder and returns its standard output.
func (w *world) run(ctx context.Context, name string, args ...string) (string, error) {
	if path := filepath.Join(w.bin, name); !strings.Contains(name, "/") {
		if _, err := os.Stat(path); err == nil {
			name = path
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "KUBECONFIG="+w.kubeconfig, "PATH="+w.bin+":"+os.Getenv("PATH"),
		"HELM_CACHE_HOME="+filepath.Join(w.dir, "helm"), "HELM_CONFIG_HOME="+filepath.Join(w.dir, "helm"), "HELM_DATA_HOME="+filepath.Join(w.dir, "helm"))
	cmd.WaitDelay = 5 * time.Second
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", filepath.Base(name), strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String(), nil
}

// must is shell, for what has to work.
func (w *world) must(t *testing.T, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, err := w.shell(ctx, script)
	if err != nil {
		t.Fatalf("$ %s\n%v", script, err)
	}
	return out
}

// until waits until check returns nothing, or fails with what it last returned.
func until(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := poll(ctx, check); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// poll calls check until it returns nothing or something final, or ctx ends; then
// it returns what check returned last.
func poll(ctx context.Context, check func(context.Context) error) error {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		once, cancel := context.WithTimeout(ctx, 20*time.Second)
		err := check(once)
		cancel()
		var never *final
		if err == nil || errors.As(err, &never) {
			return err
		}
		if last == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err // the end of the wait is no news
		}
		select {
		case <-ctx.Done():
			return last
		case <-tick.C:
		}
	}
}

// final is an error that time does not mend.
type final struct{ error }

// stop gives the cluster back.
func (w *world) stop(ctx context.Context) error {
	if os.Getenv("WEIR_E2E_KEEP") != "" {
		fmt.Fprintf(os.Stderr, "kept: KUBECONFIG=%s\n", w.kubeconfig)
		return nil
	}
	var errs []error
	for _, f := range w.closers {
		errs = append(errs, f())
	}
	if len(w.undo) == 0 && w.Client != nil {
		errs = append(errs, w.clean(ctx))
	}
	for _, f := range slices.Backward(w.undo) {
		errs = append(errs, f(ctx))
	}
	return errors.Join(errs...)
}
