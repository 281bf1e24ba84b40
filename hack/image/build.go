package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-project/weir/hack/image/oci"
)

// program becomes an image: one static binary in an empty file system.
type program struct {
	name, description string
	pkg               string
	path              string // of the binary in the image
	cmd               []string
	ports             []string
}

var programs = []program{
	{
		name: "weir-operator", description: "Operator of Weir: runs the exchange of security feeds on Kubernetes",
		pkg: "./cmd/operator", path: "/operator", ports: []string{"8081/tcp", "8443/tcp"},
	},
	{
		name: "weir-pipeline", description: "Data plane of Weir: collectors, format monitors, hubs and exporters",
		pkg: "./cmd/pipeline", path: "/pipeline", ports: []string{"4222/tcp", "8080/tcp", "8081/tcp"},
	},
	{
		name: "weir", description: "Weir in one process, and its command line",
		pkg: "./cmd/weir", path: "/weir",
	},
	{
		name: "weir-feedsim", description: "Simulator of feeds, for tests of Weir",
		pkg: "./hack/feedsim/serve", path: "/feedsim", cmd: []string{"-listen", ":8099"}, ports: []string{"8099/tcp"},
	},
}

func names() []string {
	var all []string
	for _, p := range programs {
		all = append(all, p.name)
	}
	return all
}

type options struct {
	root, out, tag, registry, revision string
	platforms                          []string
	created                            time.Time
}

func (o options) reference(p program) string {
	return strings.TrimSuffix(o.registry, "/") + "/" + p.name + ":" + o.tag
}

// user is nobody that a machine has; it is a number so that runAsNonRoot can
// be checked without the image's files.
const user = "65532:65532"

// build compiles a program for each platform and writes its archive.
func build(ctx context.Context, p program, o options) (path, digest string, err error) {
	tmp, err := os.MkdirTemp("", "weir-image-")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	a := oci.Archive{Name: o.reference(p)}
	for _, platform := range o.platforms {
		system, arch, ok := strings.Cut(platform, "/")
		if !ok || system != "linux" {
			return "", "", fmt.Errorf("platform %q: want linux/ARCH", platform)
		}
		bin := filepath.Join(tmp, arch)
		if err := compile(ctx, p, o, arch, bin); err != nil {
			return "", "", err
		}
		a.Images = append(a.Images, o.image(p, arch, bin))
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return "", "", err
	}
	path = filepath.Join(o.out, p.name+".tar")
	f, err := os.CreateTemp(o.out, ".image-*")
	if err != nil {
		return "", "", err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if digest, err = oci.Write(f, a); err != nil {
		f.Close()
		return "", "", err
	}
	if err := f.Chmod(0o644); err != nil {
		f.Close()
		return "", "", err
	}
	if err := f.Close(); err != nil {
		return "", "", err
	}
	return path, digest, os.Rename(f.Name(), path)
}

func compile(ctx context.Context, p program, o options, arch, out string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags=timetzdata",
		"-ldflags=-s -w -buildid= -X main.version="+o.tag, "-o", out, p.pkg)
	cmd.Dir = o.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOOS=linux", "GOARCH="+arch)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", p.pkg, err, msg)
	}
	return nil
}

func (o options) image(p program, arch, bin string) oci.Image {
	labels := map[string]string{
		"org.opencontainers.image.title":       p.name,
		"org.opencontainers.image.description": p.description,
		"org.opencontainers.image.source":      "https://github.com/weir-project/weir",
		"org.opencontainers.image.licenses":    "Apache-2.0",
		"org.opencontainers.image.vendor":      "Weir",
		"org.opencontainers.image.version":     o.tag,
	}
	if o.revision != "" {
		labels["org.opencontainers.image.revision"] = o.revision
	}
	return oci.Image{
		OS: "linux", Arch: arch, Created: o.created, Labels: labels,
		User: user, WorkingDir: "/", Entrypoint: []string{p.path}, Cmd: p.cmd, Ports: p.ports,
		Files: []oci.File{
			{Path: p.path, Mode: 0o755, Source: bin},
			// Where Go looks for them on Linux. Time zones are in the binary.
			{Path: "/etc/ssl/certs/ca-certificates.crt", Mode: 0o644, Data: roots()},
			{Path: "/etc/passwd", Mode: 0o644, Data: []byte("nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n")},
		},
	}
}
