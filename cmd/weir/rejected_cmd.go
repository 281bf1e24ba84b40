package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
)

func newRejected(w *world) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rejected",
		Short: "See records that could not become events",
		Args:  cobra.NoArgs,
	}
	var since time.Duration
	var limit int
	ls := &cobra.Command{
		Use:   "ls [SOURCE]",
		Short: "Print rejected records as JSON lines with their reasons",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := w.scope(cmd, args)
			if err != nil {
				return err
			}
			err = w.with(cmd, s, func(ctx context.Context, conns []*bus.Conn) error {
				return rejectedList(ctx, cmd.OutOrStdout(), conns, s, time.Now().Add(-since), limit)
			})
			if errors.Is(err, errEnough) {
				fmt.Fprintf(cmd.ErrOrStderr(), "there are more than %d; see --limit\n", limit)
				return nil
			}
			return err
		},
	}
	ls.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	ls.Flags().IntVar(&limit, "limit", 1000, "how many records at most")
	cmd.AddCommand(w.addAll(ls))
	return cmd
}

var errEnough = errors.New("enough")

// rejectedList prints up to limit records; errEnough tells that there are more.
func rejectedList(ctx context.Context, out io.Writer, conns []*bus.Conn, s scope, since time.Time, limit int) error {
	for _, c := range conns {
		err := c.ListRejected(ctx, s.feed(), since, func(block *bus.Block) error {
			if !s.has(block.Feed) {
				return nil
			}
			return printLines(out, block.Lines, &limit)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// printLines prints whole lines until left is used up.
func printLines(out io.Writer, lines []byte, left *int) error {
	for start, i := 0, 0; i < len(lines); i++ {
		if lines[i] != '\n' {
			continue
		}
		if *left == 0 {
			return errEnough
		}
		*left--
		if _, err := out.Write(lines[start : i+1]); err != nil {
			return err
		}
		start = i + 1
	}
	return nil
}
