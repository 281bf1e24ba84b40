package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
)

func newDead() *cobra.Command {
	var b busFlags
	cmd := &cobra.Command{
		Use:   "dead",
		Short: "See payloads that were given up after failing again and again",
		Args:  cobra.NoArgs,
	}
	b.add(cmd)
	cmd.AddCommand(&cobra.Command{
		Use:   "ls [SOURCE]",
		Short: "List dead letters with the last error; weir replay parses their payloads again",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feed, err := b.optionalFeed(args)
			if err != nil {
				return err
			}
			return b.with(cmd.Context(), func(c *bus.Conn) error { return deadList(cmd, c, feed) })
		},
	})
	return cmd
}

func deadList(cmd *cobra.Command, c *bus.Conn, feed bus.Feed) error {
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSINCE\tPAYLOAD\tERROR")
	n := 0
	err := c.ListDead(cmd.Context(), feed, func(d *bus.DeadLetter) error {
		n++
		payload := "(block of events)"
		if d.Payload != nil {
			payload = fmt.Sprintf("%.12s", d.Payload.ID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", d.Feed, d.Since.UTC().Format(time.RFC3339), payload, d.Error)
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		fmt.Fprintln(cmd.OutOrStdout(), "there are no dead letters")
		return nil
	}
	return w.Flush()
}
