// Package node runs a one-node Kubernetes cluster on a plain Linux machine,
// from binaries that [assets] builds and a few Debian packages: no Docker, no
// downloads but Go modules and those packages. It is for development and for
// tests that need real pods.
//
// Everything lives in one folder; every process has a pid file there and runs
// in one control group. [Cluster.Down] takes all of it away again. The
// addresses are out of 198.18.0.0/15 (RFC 2544) and loopback. One cluster fits
// on a machine.
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/weir-project/weir/hack/assets"
)

// DefaultDir holds a cluster's state unless [Options] name another folder.
const DefaultDir = "/var/lib/weir-cluster"

// Options say how a cluster runs. The zero value is a good one.
type Options struct {
	// Dir holds all state. Sockets are in it, so keep it shorter than 60 bytes.
	Dir string
	// Memory bounds all pods together, in bytes: by default half of the
	// machine's, at most 8 GiB.
	Memory int64
	// Log is told what is done, one line a step; nil: the standard error.
	Log io.Writer
}

// Cluster is a cluster of one node. Its methods may be called from several
// goroutines, except those that start and stop things.
type Cluster struct {
	dir   string
	log   io.Writer
	tools map[string]string // paths by name, from Up or on demand
	vars  vars
}

// Up starts a cluster, or what is missing of one, and returns when the node is
// ready and names of services resolve. What runs stays. The first call on a
// machine installs packages and builds tools for some minutes. The processes
// outlive the caller; when Up fails, what it started stays for a look at the
// logs until [Cluster.Down].
func Up(ctx context.Context, o Options) (*Cluster, error) {
	c, err := Open(o)
	if err != nil {
		return nil, err
	}
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"look for another cluster", c.checkAlone},
		{"make folders", c.makeFolders},
		{"install packages", c.installPackages},
		{"build tools", c.buildTools},
		{"make keys", c.makeSecrets},
		{"write the configuration", c.writeConfig},
		{"set up control groups", c.setUpCgroups},
		{"set up the network", c.setUpNetwork},
		{"start the control plane", c.startControlPlane},
		{"start the node", c.startNode},
		{"apply the add-ons", c.applyAddons},
		{"wait for the cluster", c.waitUsable},
	} {
		if err := step.do(ctx); err != nil {
			if exists(c.path("log")) {
				err = fmt.Errorf("%w (logs are in %s)", err, c.path("log"))
			}
			return nil, fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return c, nil
}

// Open returns a cluster as it is, running or not.
func Open(o Options) (*Cluster, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("a local cluster needs Linux (control groups, network namespaces), not %s", runtime.GOOS)
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("a local cluster needs root: it makes control groups, mounts and network interfaces")
	}
	if o.Dir == "" {
		o.Dir = DefaultDir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if dir == "/" || len(dir) > 60 {
		return nil, fmt.Errorf("folder %s: want one of its own with at most 60 bytes in its name, sockets are made in it", dir)
	}
	if o.Log == nil {
		o.Log = os.Stderr
	}
	v, err := newVars(dir, o.Memory)
	if err != nil {
		return nil, err
	}
	return &Cluster{dir: dir, log: o.Log, tools: map[string]string{}, vars: v}, nil
}

// Kubeconfig returns the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.path("kubeconfig") }

// Load imports an image archive, OCI's or docker's, and returns when pods can
// use its images by the names in the archive. Pods need imagePullPolicy Never,
// or IfNotPresent and a tag that is not latest.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	if _, err := c.ctr(ctx, "-n", "k8s.io", "images", "import", archive); err != nil {
		return fmt.Errorf("load %s: %w", archive, err)
	}
	c.say("loaded %s", archive)
	return nil
}

// Kubectl runs kubectl as the administrator and returns its standard output.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, nil, args...)
}

// lock keeps two processes from changing the machine at once. Its file is
// outside of the folder, which Down removes.
func (c *Cluster) lock(ctx context.Context) (func(), error) {
	cache, err := assets.Dir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return nil, err
	}
	return assets.Lock(ctx, filepath.Join(cache, "cluster.lock"), func() { c.say("waiting for another process that changes the cluster") })
}

func (c *Cluster) path(elem ...string) string {
	return filepath.Join(append([]string{c.dir}, elem...)...)
}

func (c *Cluster) say(format string, args ...any) {
	fmt.Fprintf(c.log, format+"\n", args...)
}
