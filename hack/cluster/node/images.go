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

// buildImages names the two images that the cluster itself runs by their
// content, and builds the program of one.
func (c *Cluster) buildImages(ctx context.Context) error {
	root, err := assets.Root()
	if err != nil {
		return err
	}
	out := c.path("images", "pause")
	if err := os.MkdirAll(filepath.Dir(out), 0o700); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./hack/cluster/pause")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOOS=linux", "GOARCH="+runtime.GOARCH)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build pause: %w: %s", err, msg)
	}
	data, err := os.ReadFile(out)
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
		image(c.vars.PauseImage, "/pause", c.path("images", "pause")),
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
