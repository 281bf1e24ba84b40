// Package assets builds the programs that tests and the local cluster need
// (kube-apiserver, etcd, kubectl, helm, ...) from the Go modules pinned under
// hack/tools, once, into the user's cache folder.
//
// The folder of a tool is named by its module's version and by a hash of its
// go.mod, go.sum and build settings, so that a changed pin is a new folder. A
// binary appears by rename: what is there is complete. Processes that need the
// same tool at once wait for the first. To reclaim the space, remove the folder
// that [Dir] names.
package assets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Envtest returns a folder that holds kube-apiserver, etcd and kubectl, as
// controller-runtime's envtest wants it in KUBEBUILDER_ASSETS. If that variable
// is set, its folder is returned as it is. The first call on a machine builds
// for minutes and says so on the standard error.
func Envtest(ctx context.Context) (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	paths, err := Tools(ctx, "etcd", "kubectl", "kube-apiserver")
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(paths, "\n")))
	cache, err := Dir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "envtest-"+hex.EncodeToString(sum[:6]))
	return dir, linkAll(dir, paths)
}

// Tool returns the path of a program, and builds it first if it is not cached:
// one of [Names].
func Tool(ctx context.Context, name string) (string, error) {
	t, ok := tools[name]
	if !ok {
		return "", fmt.Errorf("unknown tool %q: want one of %s", name, strings.Join(Names(), ", "))
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	cache, err := Dir()
	if err != nil {
		return "", err
	}
	src := filepath.Join(root, "hack", "tools", t.set)
	key, version, err := t.key(src)
	if err != nil {
		return "", fmt.Errorf("tool %s: %w", name, err)
	}
	dir := filepath.Join(cache, key)
	path := filepath.Join(dir, name)
	if isFile(path) {
		return path, nil
	}
	if err := t.build(ctx, src, dir, name, version); err != nil {
		return "", fmt.Errorf("build %s: %w", name, err)
	}
	return path, nil
}

// Tools returns the paths of several programs, in the order of their names.
func Tools(ctx context.Context, names ...string) ([]string, error) {
	paths := make([]string, 0, len(names))
	for _, name := range names {
		path, err := Tool(ctx, name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// Names returns what [Tool] can build, sorted.
func Names() []string {
	names := make([]string, 0, len(tools))
	for name := range tools {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Dir returns the folder of the built tools in the user's cache folder.
func Dir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		// A process started by init or a CI runner may have no HOME.
		return filepath.Join(os.TempDir(), "weir-cache", "tools"), nil //nolint:nilerr // the fallback is the answer
	}
	return filepath.Join(cache, "weir", "tools"), nil
}

// Root returns the checkout that the working directory is in.
func Root() (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := wd; ; dir = filepath.Dir(dir) {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(mod, []byte("module github.com/weir-project/weir\n")) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside a checkout of github.com/weir-project/weir: change the directory", wd)
		}
	}
}

// key names the folder of a tool's binaries, and returns its module's version.
func (t tool) key(src string) (key, version string, err error) {
	mod, err := os.ReadFile(filepath.Join(src, "go.mod"))
	if err != nil {
		return "", "", err
	}
	sum, err := os.ReadFile(filepath.Join(src, "go.sum"))
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(mod)) {
		if f := strings.Fields(strings.TrimPrefix(line, "require ")); len(f) >= 2 && f[0] == t.module && strings.HasPrefix(f[1], "v") {
			version = f[1]
			break
		}
	}
	if version == "" {
		return "", "", fmt.Errorf("%s/go.mod requires no version of %s", src, t.module)
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s\n%s\n%s\n%s/%s\n", mod, sum, strings.Join(t.flags(version), "\n"), runtime.GOOS, runtime.GOARCH)
	return fmt.Sprintf("%s-%s-%x", t.set, version, h.Sum(nil)[:6]), version, nil
}

// build compiles a tool in the module at src and moves it to dir/name.
func (t tool) build(ctx context.Context, src, dir, name, version string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := Lock(ctx, dir+".lock", func() { say("waiting for another process that builds %s", t.set) })
	if err != nil {
		return err
	}
	defer unlock()
	if isFile(filepath.Join(dir, name)) {
		return nil
	}
	if err := sweep(dir); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, unfinished)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	say("building %s %s, this takes some minutes, once", name, version)
	out := filepath.Join(tmp, name)
	args := append([]string{"build", "-o", out}, t.flags(version)...)
	cmd := exec.CommandContext(ctx, "go", append(args, t.pkg)...)
	cmd.Dir = src
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	var log tail
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go build in %s: %w\n%s", src, err, log.String())
	}
	if err := os.Rename(out, filepath.Join(dir, name)); err != nil {
		return err
	}
	say("built %s", filepath.Join(dir, name))
	return nil
}

// unfinished begins the names of the folders that builds work in.
const unfinished = ".build-"

// sweep removes what killed builds left. Call it under the folder's lock.
func sweep(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, unfinished+"*"))
	if err != nil {
		return err
	}
	for _, path := range left {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	return nil
}

// linkAll makes dir a folder of links to paths. Several processes may do it at once.
func linkAll(dir string, paths []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range paths {
		err := os.Symlink(path, filepath.Join(dir, filepath.Base(path)))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

// tail keeps the last bytes written: what the compiler said before it gave up.
type tail struct{ b []byte }

const maxTail = 8 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if n := len(t.b) - maxTail; n > 0 {
		t.b = append(t.b[:0], t.b[n:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.b) }
