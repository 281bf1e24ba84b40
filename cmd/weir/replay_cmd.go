package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func newReplay(w *world) *cobra.Command {
	var since time.Duration
	cmd := &cobra.Command{
		Use:   "replay SOURCE --since 24h",
		Short: "Parse collected payloads of a source again, through the Parser as it is now",
		Long: `Parse the raw payloads of a source again. Events that are recorded already are
not recorded or delivered again.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if since <= 0 {
				return fmt.Errorf("--since must be a time span such as 24h")
			}
			value, err := json.Marshal(plan.Replay{
				ID: requestID(), Since: time.Now().UTC().Add(-since).Format(time.RFC3339),
			})
			if err != nil {
				return err
			}
			return w.withFeed(cmd, args[0], func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
				if _, err := monitorStatus(ctx, c, feed); err != nil {
					return err
				}
				if err := c.Config().Put(ctx, plan.Key(plan.PrefixReplay, feed.Namespace, feed.Name), value); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: replay of the last %s is under way\n", feed, since)
				return nil
			})
		},
	}
	cmd.Flags().DurationVar(&since, "since", 24*time.Hour, "how far back")
	return cmd
}
