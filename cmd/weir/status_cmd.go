package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/cmd/weir/cluster"
	"github.com/weir-project/weir/pipeline/bus"
)

// statusOptions say how the status is shown.
type statusOptions struct {
	watch  time.Duration
	output string
}

func newStatus(w *world) *cobra.Command {
	var o statusOptions
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show a line for each source: payloads, events, held, rejected",
		Long: `Show a line for each source and each exchange, as the components tell it on the
bus. In a cluster, also a line for each object, as the API server knows it; when
the bus cannot be reached that is all, and the exit code is 1.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.output != "table" && o.output != "json" {
				return errOutput
			}
			s, err := w.scope(cmd, args)
			if err != nil {
				return err
			}
			c, err := w.connect(cmd)
			if err != nil {
				return err
			}
			if c != nil {
				return clusterStatus(cmd, w, c, s, &o)
			}
			return w.with(cmd, s, func(ctx context.Context, conns []*bus.Conn) error {
				return o.repeat(ctx, cmd.OutOrStdout(), func() (*report, error) { return newReport(ctx, conns, s) })
			})
		},
	}
	cmd.Flags().DurationVarP(&o.watch, "watch", "w", 0, "print again after this time, until stopped")
	cmd.Flags().StringVarP(&o.output, "output", "o", "table", "table or json")
	return w.addAll(cmd)
}

// clusterStatus shows what the API server and the buses know. It does without a bus
// that cannot be reached.
func clusterStatus(cmd *cobra.Command, w *world, c *cluster.Client, s scope, o *statusOptions) error {
	ok := true
	failed := func(err error) {
		ok = false
		fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", cmd.Root().DisplayName(), err)
	}
	// An API server that does not answer ends it; an Exchange that is not there does not.
	if _, err := c.Objects(cmd.Context(), s.namespace); err != nil {
		return err
	}
	exchanges, err := w.exchanges(cmd.Context(), c, s)
	if err != nil {
		failed(err)
	}
	err = w.withExchanges(cmd, c, exchanges, func(ctx context.Context, conns []*bus.Conn) error {
		return o.repeat(ctx, cmd.OutOrStdout(), func() (*report, error) {
			objects, err := c.Objects(ctx, s.namespace)
			if err != nil {
				return nil, err
			}
			r, err := newReport(ctx, conns, s)
			if err != nil {
				return nil, err
			}
			r.Objects = objects
			return r, nil
		})
	}, failed)
	if err == nil && !ok {
		return &exitError{code: 1}
	}
	return err
}

// repeat prints once, or again and again until ctx ends.
func (o *statusOptions) repeat(ctx context.Context, out io.Writer, read func() (*report, error)) error {
	for {
		r, err := read()
		if err != nil {
			return err
		}
		if o.output == "json" {
			err = json.NewEncoder(out).Encode(r)
		} else {
			err = r.print(out)
		}
		if err != nil || o.watch <= 0 {
			return err
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
				return cause
			}
			return nil
		case <-time.After(o.watch):
			if o.output != "json" {
				fmt.Fprintln(out)
			}
		}
	}
}
