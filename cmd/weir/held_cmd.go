package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func newHeld(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "held",
		Short: "See and decide what is held back after a format change",
		Args:  cobra.NoArgs,
	}
	cmd.AddCommand(
		w.addAll(&cobra.Command{
			Use:   "ls [SOURCE]",
			Short: "List held payloads",
			Args:  cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				s, err := w.scope(cmd, args)
				if err != nil {
					return err
				}
				return w.with(cmd, s, func(ctx context.Context, conns []*bus.Conn) error { return heldList(ctx, cmd.OutOrStdout(), conns, s) })
			},
		}),
		newHeldShow(w),
		newHeldDecide(w, "release", v1alpha1.DecisionRelease, "Parse what is held, once; what is normal stays so"),
		newHeldDecide(w, "adopt", v1alpha1.DecisionAdopt, "Parse what is held and take its format as normal"),
		newHeldRepair(w),
		newHeldDecide(w, "discard", v1alpha1.DecisionDiscard, "Drop what is held"),
	)
	return cmd
}

func heldList(ctx context.Context, out io.Writer, conns []*bus.Conn, s scope) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tCOLLECTED\tSIZE\tINCIDENT\tPAYLOAD\tREASON")
	n := 0
	each := func(h *bus.Held) error {
		p := &h.Payload
		if !s.has(p.Feed) {
			return nil
		}
		n++
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%.12s\t%s\n", p.Feed, p.Collected.Format(time.RFC3339), p.Size, h.Incident, p.ID, h.Reason)
		return nil
	}
	for _, c := range conns {
		if err := c.ListHeld(ctx, s.feed(), each); err != nil {
			return err
		}
	}
	if n == 0 {
		fmt.Fprintln(out, "nothing is held")
		return nil
	}
	return w.Flush()
}

func newHeldShow(w *world) *cobra.Command {
	var raw bool
	cmd := &cobra.Command{
		Use:   "show SOURCE",
		Short: "Explain why payloads of a source are held; --raw prints them",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return w.withFeed(cmd, args[0], func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
				if raw {
					return heldRaw(ctx, cmd.OutOrStdout(), c, feed)
				}
				e := &explanation{program: cmd.Root().DisplayName(), feed: feed}
				if err := e.askBus(ctx, c); err != nil {
					return err
				}
				if e.incident == "" {
					fmt.Fprintf(cmd.OutOrStdout(), "%s: nothing is held\n", feed)
					return nil
				}
				return e.print(cmd.OutOrStdout())
			})
		},
	}
	cmd.Flags().BoolVar(&raw, "raw", false, "print the bytes that are held")
	return cmd
}

func heldRaw(ctx context.Context, out io.Writer, c *bus.Conn, feed bus.Feed) error {
	return c.ListHeld(ctx, feed, func(h *bus.Held) error {
		r, err := c.Open(ctx, &h.Payload)
		if err != nil {
			return err
		}
		defer r.Close()
		_, err = io.Copy(out, r)
		return err
	})
}

// monitorStatus reads what the monitor says of a feed.
func monitorStatus(ctx context.Context, c *bus.Conn, feed bus.Feed) (*status.Monitor, error) {
	data, err := c.Status().Get(ctx, plan.Key(plan.PrefixMonitor, feed.Namespace, feed.Name))
	if errors.Is(err, bus.ErrNotFound) {
		return nil, fmt.Errorf("nothing is known about a FeedSource %s; is the name right, and was anything collected?", feed)
	}
	if err != nil {
		return nil, err
	}
	var s status.Monitor
	return &s, json.Unmarshal(data, &s)
}
