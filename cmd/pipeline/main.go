// Command pipeline is the data plane: it runs in the pods that the operator makes,
// as a collector, a monitor, a hub or an exporter. It knows its bus, its name and
// its credentials, and never talks to Kubernetes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// stopWithin bounds the way down: a pod is killed after 30 s.
const stopWithin = 25 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // a second signal ends the process at once
		time.AfterFunc(stopWithin, func() {
			fmt.Fprintln(os.Stderr, "pipeline: did not stop in", stopWithin)
			os.Exit(1)
		})
	})
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "pipeline:", err)
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "pipeline",
		Short:         "Collect, watch formats, record and match, export: one component of Weir",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newCollect(), newMonitor(), newHub(), newExport())
	return root
}
