// Command image builds Weir's container images as archives, without a daemon:
// the same source gives the same bytes.
//
//	go run ./hack/image -out bin/images -tag dev
//	go run ./hack/image -only weir-operator,weir-pipeline -platforms linux/amd64,linux/arm64 -tag 0.1.0
//
// Load an archive with: docker load -i, podman load -i, ctr -n k8s.io images
// import, or go run ./hack/cluster load; push it with: skopeo copy
// oci-archive:FILE docker://NAME.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weir-project/weir/hack/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var o options
	flag.StringVar(&o.out, "out", "bin/images", "folder for the archives: one NAME.tar an image")
	flag.StringVar(&o.tag, "tag", "dev", "tag of the images; also the version that the programs report")
	flag.StringVar(&o.registry, "registry", "ghcr.io/weir-project", "what comes before the images' names")
	flag.StringVar(&o.revision, "revision", "", "commit that the labels name; default: that of the checkout")
	only := flag.String("only", strings.Join(names(), ","), "images to build")
	platforms := flag.String("platforms", "linux/"+runtime.GOARCH, "platforms, as linux/amd64,linux/arm64")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flag.Arg(0))
	}
	var err error
	if o.root, err = assets.Root(); err != nil {
		return err
	}
	if o.created, err = created(); err != nil {
		return err
	}
	if o.revision == "" {
		o.revision = revision(ctx, o.root)
	}
	o.platforms = strings.Split(*platforms, ",")
	for _, name := range strings.Split(*only, ",") {
		i := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
		if i < 0 {
			return fmt.Errorf("-only: no image %q, want some of %s", name, strings.Join(names(), ","))
		}
		path, digest, err := build(ctx, programs[i], o)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%s %s %s\n", path, o.reference(programs[i]), digest)
	}
	return nil
}

// created is the time that images bear: that of SOURCE_DATE_EPOCH
// (reproducible-builds.org), by default the beginning of 1970.
func created() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Unix(0, 0), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970", text)
	}
	return time.Unix(seconds, 0), nil
}

// revision is the commit of the checkout, or nothing in an unpacked archive.
func revision(ctx context.Context, root string) string {
	cmd := exec.CommandContext(ctx, "git", "rev-parse", "HEAD")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
