// Command reclaim empties the volumes of a local cluster that their claims gave
// back, and offers them again. Kubernetes' own recycler cannot be used: it
// mixes up volumes that are given back at the same time.
package main

import (
	"context"
	"flag"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	dir := flag.String("dir", "", "the folder whose folders are volumes")
	every := flag.Duration("every", time.Second, "time between looks")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := newClient(*kubeconfig)
	if err != nil {
		slog.Error("read kubeconfig", "error", err)
		os.Exit(1)
	}
	run(ctx, c, *dir, *every)
}

func run(ctx context.Context, c *client, dir string, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		volumes, err := c.list(ctx)
		if err != nil && ctx.Err() == nil {
			slog.Warn("list volumes", "error", err)
		}
		for _, v := range volumes {
			if !v.reclaimable(dir) {
				continue
			}
			if err := reclaim(ctx, c, v); err != nil {
				slog.Warn("reclaim", "volume", v.Metadata.Name, "error", err)
				continue
			}
			slog.Info("reclaimed", "volume", v.Metadata.Name, "claim", v.Spec.ClaimRef.Namespace+"/"+v.Spec.ClaimRef.Name)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
