// Command weir runs, checks and inspects Weir.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
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
	code := execute(ctx, newRoot())
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

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "weir",
		Short:         "Collect security feeds, notice format changes, deliver to each subscriber its own",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.AddCommand(newRun(), newCheck(), newTry(), newTest(), newStatus(), newHeld(), newRejected(), newDead(), newReplay(), newKey())
	return root
}
