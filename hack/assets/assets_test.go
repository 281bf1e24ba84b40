package assets

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestEveryToolHasAPinnedVersion(t *testing.T) {
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range Names() {
		key, version, err := tools[name].key(filepath.Join(root, "hack", "tools", tools[name].set))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !strings.HasPrefix(key, tools[name].set+"-"+version+"-") {
			t.Errorf("%s: key %q does not begin with its set and version %s", name, key, version)
		}
	}
}

func TestAChangedPinIsANewFolder(t *testing.T) {
	src := module(t, "package main\nfunc main() {}\n")
	one, _, err := demo.key(src)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(src, "go.sum"), "example.org/other v1.0.0 h1:x\n")
	two, _, err := demo.key(src)
	if err != nil {
		t.Fatal(err)
	}
	if one == two {
		t.Errorf("both are %s", one)
	}
}

func TestBuildersAtOnceBuildOnce(t *testing.T) {
	src, dir := module(t, "package main\nfunc main() {}\n"), filepath.Join(t.TempDir(), "demo")
	if err := os.MkdirAll(filepath.Join(dir, unfinished+"killed"), 0o755); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	infos := make([]os.FileInfo, 3)
	for i := range infos {
		wg.Go(func() {
			if err := demo.build(t.Context(), src, dir, "demo", "v1.2.3"); err != nil {
				t.Error(err)
				return
			}
			infos[i], _ = os.Stat(filepath.Join(dir, "demo"))
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, info := range infos[1:] {
		if !os.SameFile(infos[0], info) {
			t.Error("the binary was replaced: it was built more than once")
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestAFailedBuildSaysWhyAndLeavesNothing(t *testing.T) {
	src, dir := module(t, "package main\nfunc main() { nonsense() }\n"), filepath.Join(t.TempDir(), "demo")
	err := demo.build(t.Context(), src, dir, "demo", "v1.2.3")
	if err == nil || !strings.Contains(err.Error(), "undefined: nonsense") {
		t.Fatalf("error %v does not hold what the compiler said", err)
	}
	left, _ := os.ReadDir(dir)
	if len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWaitingForALockEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.lock")
	unlock, err := Lock(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	waited := false
	if _, err := Lock(ctx, path, func() { waited = true }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	if !waited {
		t.Error("nobody was told of the wait")
	}
}

func TestTheEnvironmentWins(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "/somewhere/else")
	dir, err := Envtest(t.Context())
	if err != nil || dir != "/somewhere/else" {
		t.Fatalf("got %q, %v", dir, err)
	}
}

func TestUnknownToolsAreNamed(t *testing.T) {
	_, err := Tool(t.Context(), "docker")
	if err == nil || !strings.Contains(err.Error(), `unknown tool "docker"`) || !strings.Contains(err.Error(), "kustomize") {
		t.Fatalf("got %v", err)
	}
}

func TestLinksSurviveASecondCall(t *testing.T) {
	bin, dir := filepath.Join(t.TempDir(), "etcd"), filepath.Join(t.TempDir(), "envtest")
	write(t, bin, "x")
	for range 2 {
		if err := linkAll(dir, []string{bin}); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "etcd")); err != nil || string(got) != "x" {
		t.Fatalf("got %q, %v", got, err)
	}
}

// demo is a tool whose package is its module's own.
var demo = tool{set: "demo", module: "example.org/pinned", pkg: "."}

func module(t *testing.T, code string) string {
	t.Helper()
	src := t.TempDir()
	write(t, filepath.Join(src, "go.mod"), "module example.org/demo\n\ngo 1.26.0\n\n// require example.org/pinned v9.9.9\nrequire example.org/pinned v1.2.3 // indirect\n")
	write(t, filepath.Join(src, "go.sum"), "example.org/pinned v1.2.3/go.mod h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
	write(t, filepath.Join(src, "main.go"), code)
	return src
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
