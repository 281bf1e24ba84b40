// Command weir runs, checks and inspects Weir. Installed as kubectl-weir it is a
// plugin of kubectl, and the commands that look at what runs work on a cluster.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// exitError carries an exit code other than 1. Its cause, if any, was not
// printed yet.
type exitError struct {
	code  int
	cause error
}

func (e *exitError) Error() string {
	if e.cause == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.cause.Error()
}

func (e *exitError) Unwrap() error { return e.cause }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, newRoot(strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl-weir")))
	stop()
	os.Exit(code)
}

func execute(ctx context.Context, root *cobra.Command) int {
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.cause != nil {
			fmt.Fprintln(root.ErrOrStderr(), "weir:", exit.cause)
		}
		return exit.code
	}
	fmt.Fprintln(root.ErrOrStderr(), "weir:", err)
	return 1
}

// newRoot makes the command line; plugin is that of kubectl.
func newRoot(plugin bool) *cobra.Command {
	w := &world{plugin: plugin}
	root := &cobra.Command{
		Use:           "weir",
		Short:         "Collect security feeds, notice format changes, deliver to each subscriber its own",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		// What chooses the world may also stand before the command.
		TraverseChildren: true,
	}
	if plugin {
		root.Use = "kubectl-weir"
		root.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl weir"}
	}
	for _, cmd := range []*cobra.Command{newStatus(w), newCollect(w), newHeld(w), newExplain(w), newRejected(w), newDead(w), newReplay(w)} {
		w.add(cmd)
		root.AddCommand(cmd)
	}
	root.Flags().AddFlagSet(root.Commands()[0].PersistentFlags())
	root.AddCommand(newRun(), newCheck(), newInfer(), newTry(), newTest(), newDiff(), newKey(), newCatalog())
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		if cmd.Flag("kubeconfig") == nil {
			root.Flags().Visit(func(f *pflag.Flag) { err = fmt.Errorf("%s takes no --%s before it", cmd.CommandPath(), f.Name) })
		}
		return err
	}
	return root
}
