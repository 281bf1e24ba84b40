// Command serve runs the feed simulator: go run ./hack/feedsim/serve -listen 127.0.0.1:8099
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/weir-project/weir/hack/feedsim"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8099", "address to serve on")
	seed := flag.Uint64("seed", 1, "what the records are made of")
	records := flag.Int("records", 25, "records a feed gets in a round")
	every := flag.Duration("every", 30*time.Second, "length of a round; 0: only /control/advance starts one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *every, feedsim.Options{Seed: *seed, PerRound: *records}); err != nil {
		fmt.Fprintln(os.Stderr, "feedsim:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen string, every time.Duration, o feedsim.Options) error {
	sim := feedsim.New(o)
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for name, path := range sim.Feeds() {
		fmt.Printf("%-10s http://%s%s\n", name, l.Addr(), path)
	}
	srv := &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if every > 0 {
		go advance(ctx, sim, every)
	}
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func advance(ctx context.Context, sim *feedsim.Sim, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			sim.Advance()
		}
	}
}
