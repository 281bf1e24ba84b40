package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
)

func newDead(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "See payloads that were given up after failing again and again",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(w.addAll(&cobra.Command{
		Use:   "ls [SOURCE]",
		Short: "List dead letters with the last error; weir replay parses their payloads again",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := w.scope(cmd, args)
			if err != nil {
				return err
			}
			return w.with(cmd, s, func(ctx context.Context, conns []*bus.Conn) error { return deadList(ctx, cmd.OutOrStdout(), conns, s) })
		},
	}))
	return cmd
}

func deadList(ctx context.Context, out io.Writer, conns []*bus.Conn, s scope) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSINCE\tPAYLOAD\tERROR")
	n := 0
	each := func(d *bus.DeadLetter) error {
		if !s.has(d.Feed) {
			return nil
		}
		n++
		payload := "(block of events)"
		if d.Payload != nil {
			payload = fmt.Sprintf("%.12s", d.Payload.ID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Feed, d.Since.UTC().Format(time.RFC3339), payload, d.Error)
		return nil
	}
	for _, c := range conns {
		if err := c.ListDead(ctx, s.feed(), each); err != nil {
			return err
		}
	}
	if n == 0 {
		fmt.Fprintln(out, "there are no dead letters")
		return nil
	}
	return w.Flush()
}
