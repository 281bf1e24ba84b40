package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/weir-project/weir/hack/assets"
	"github.com/weir-project/weir/hack/image/oci"
)

// buildOwn builds the programs of the cluster that are in this repository, and
// names its images by their content.
func (c *Cluster) buildOwn(ctx context.Context) error {
	root, err := assets.Root()
	if err != nil {
		return err
	}
	for _, name := range []string{"pause", "reclaim"} {
		c.tools[name] = c.path("bin", name)
		// By rename: the one before may be running.
		tmp := c.tools[name] + ".new"
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", tmp, "./hack/cluster/"+name)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOOS=linux", "GOARCH="+runtime.GOARCH)
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, msg)
		}
		if err := os.Rename(tmp, c.tools[name]); err != nil {
			return err
		}
	}
	data, err := os.ReadFile(c.tools["pause"])
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	c.vars.PauseImage = "cluster.weir.dev/pause:" + hex.EncodeToString(sum[:6])
	// The folder of a tool is named by what it is made of.
	c.vars.DNSImage = "cluster.weir.dev/dns:" + filepath.Base(filepath.Dir(c.tools["coredns"]))
	return nil
}

// importImages imports the cluster's own images if they are not there.
func (c *Cluster) importImages(ctx context.Context) error {
	image := func(name, program, source string) oci.Archive {
		return oci.Archive{Name: name, Plain: true, Images: []oci.Image{{
			OS: "linux", Arch: runtime.GOARCH, Entrypoint: []string{program},
			Files: []oci.File{{Path: program, Mode: 0o755, Source: source}},
		}}}
	}
	for _, a := range []oci.Archive{
		image(c.vars.PauseImage, "/pause", c.tools["pause"]),
		image(c.vars.DNSImage, "/coredns", c.tools["coredns"]),
	} {
		have, err := c.ctr(ctx, "-n", "k8s.io", "images", "ls", "-q", "name=="+a.Name)
		if err != nil {
			return err
		}
		if have != "" {
			continue
		}
		path := c.path("images", "import.tar")
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if _, err := oci.Write(f, a); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		if err := c.Load(ctx, path); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}
