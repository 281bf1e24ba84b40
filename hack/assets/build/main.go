// Command build builds tools into the cache and prints where they are:
//
//	go run ./hack/assets/build envtest        # a folder for KUBEBUILDER_ASSETS
//	go run ./hack/assets/build helm kustomize # one path a line
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/weir-project/weir/hack/assets"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "assets:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("name what to build: envtest, %s", strings.Join(assets.Names(), ", "))
	}
	for _, name := range names {
		get := func(ctx context.Context) (string, error) { return assets.Tool(ctx, name) }
		if name == "envtest" {
			get = assets.Envtest
		}
		path, err := get(ctx)
		if err != nil {
			return err
		}
		fmt.Println(path)
	}
	return nil
}
