package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-project/weir/hack/assets"
)

// commandLimit ends a helper program that hangs. Importing a large image on a
// loaded machine is the slowest.
const commandLimit = 5 * time.Minute

// command runs a program to its end and returns its standard output, trimmed.
// The error holds what it said.
func command(ctx context.Context, stdin io.Reader, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = stdin
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, strings.TrimSpace(errs.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

// tool returns the path of a built tool.
func (c *Cluster) tool(ctx context.Context, name string) (string, error) {
	if path, ok := c.tools[name]; ok {
		return path, nil
	}
	return assets.Tool(ctx, name)
}

func (c *Cluster) kubectl(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	path, err := c.tool(ctx, "kubectl")
	if err != nil {
		return "", err
	}
	return command(ctx, stdin, path, append([]string{"--kubeconfig", c.Kubeconfig(), "--cache-dir", c.path("kubectl-cache")}, args...)...)
}

func (c *Cluster) ctr(ctx context.Context, args ...string) (string, error) {
	path, err := c.tool(ctx, "ctr")
	if err != nil {
		return "", err
	}
	return command(ctx, nil, path, append([]string{"-a", c.path("containerd", "containerd.sock")}, args...)...)
}

// startLimit is how long a part may take to become ready. It is generous: the
// machine may be compiling at the same time.
const startLimit = 5 * time.Minute

// wait calls done until it returns nil. The error is that of the last call.
func wait(ctx context.Context, what string, done func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := done(ctx)
		var lost *diedError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &lost):
			return fmt.Errorf("wait for %s: %w", what, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(context.Cause(ctx), err))
		case <-tick.C:
		}
	}
}

// packages are Debian's names of the programs that are not built.
var packages = map[string]string{"runc": "runc", "nft": "nftables", "ip": "iproute2", "mount": "mount"}

const cniPackage = "containernetworking-plugins"

func (c *Cluster) installPackages(ctx context.Context) error {
	var missing []string
	for program, pkg := range packages {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, pkg)
		}
	}
	if findCNI() == "" {
		missing = append(missing, cniPackage)
	}
	if len(missing) > 0 {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return fmt.Errorf("there is no apt-get on this machine: install what Debian calls %s", strings.Join(missing, ", "))
		}
		c.say("installing %s", strings.Join(missing, ", "))
		for _, args := range [][]string{{"update", "-qq"}, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, missing...)} {
			env := append([]string{"DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"}, args...)
			if _, err := command(ctx, nil, "env", env...); err != nil {
				return err
			}
		}
	}
	c.vars.CNIBin = findCNI()
	if c.vars.CNIBin == "" {
		return errors.New("the network plugins ptp and host-local are not there")
	}
	return nil
}

// findCNI returns the folder of the network plugins, or nothing.
func findCNI() string {
	for _, dir := range []string{"/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni"} {
		if exists(filepath.Join(dir, "ptp")) && exists(filepath.Join(dir, "host-local")) && exists(filepath.Join(dir, "loopback")) {
			return dir
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

var wanted = []string{
	"etcd", "kubectl", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy",
	"containerd", "containerd-shim-runc-v2", "ctr", "coredns",
}

func (c *Cluster) buildTools(ctx context.Context) error {
	paths, err := assets.Tools(ctx, wanted...)
	if err != nil {
		return err
	}
	for i, name := range wanted {
		c.tools[name] = paths[i]
	}
	return c.buildOwn(ctx)
}
