package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
)

func newRejected() *cobra.Command {
	var b busFlags
	cmd := &cobra.Command{
		Use:   "rejected",
		Short: "See records that could not become events",
		Args:  cobra.NoArgs,
	}
	b.add(cmd)
	var since time.Duration
	var limit int
	ls := &cobra.Command{
		Use:   "ls [SOURCE]",
		Short: "Print rejected records as JSON lines with their reasons",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feed, err := b.optionalFeed(args)
			if err != nil {
				return err
			}
			return b.with(cmd.Context(), func(c *bus.Conn) error {
				left := limit
				err := c.ListRejected(cmd.Context(), feed, time.Now().Add(-since), func(block *bus.Block) error {
					return printLines(cmd, block.Lines, &left)
				})
				if errors.Is(err, errEnough) {
					fmt.Fprintf(cmd.ErrOrStderr(), "there are more than %d; see --limit\n", limit)
					return nil
				}
				return err
			})
		},
	}
	ls.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	ls.Flags().IntVar(&limit, "limit", 1000, "how many records at most")
	cmd.AddCommand(ls)
	return cmd
}

var errEnough = errors.New("enough")

// printLines prints whole lines until left is used up.
func printLines(cmd *cobra.Command, lines []byte, left *int) error {
	for start, i := 0, 0; i < len(lines); i++ {
		if lines[i] != '\n' {
			continue
		}
		if *left == 0 {
			return errEnough
		}
		*left--
		if _, err := cmd.OutOrStdout().Write(lines[start : i+1]); err != nil {
			return err
		}
		start = i + 1
	}
	return nil
}
