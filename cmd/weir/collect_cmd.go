package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func newCollect(w *world) *cobra.Command {
	return &cobra.Command{
		Use:   "collect SOURCE",
		Short: "Collect a source now, besides its schedule",
		Long: `Collect a source now, besides its schedule.

In a cluster this sets the annotation feeds.weir.dev/requestedAt, which asks for
no access to the bus.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			feed, err := w.feed(cmd, args[0])
			if err != nil {
				return err
			}
			c, err := w.connect(cmd)
			if err != nil {
				return err
			}
			suspended := false
			if c != nil {
				f, err := c.CollectNow(cmd.Context(), feed.Namespace, feed.Name, time.Now())
				if err != nil {
					return err
				}
				suspended = f.Spec.Suspend
			} else {
				err := w.withFeed(cmd, feed.String(), func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
					suspended, err = collectNow(ctx, c, feed)
					return err
				})
				if err != nil {
					return err
				}
			}
			if suspended {
				return fmt.Errorf("%s is suspended: it is collected when spec.suspend is taken away", feed)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: collection was asked for\n", feed)
			return nil
		},
	}
}

// collectNow tells the collector of a feed, unless it is suspended.
func collectNow(ctx context.Context, c *bus.Conn, feed bus.Feed) (suspended bool, err error) {
	data, err := c.Config().Get(ctx, plan.Key(plan.PrefixCollector, feed.Namespace, feed.Name))
	if errors.Is(err, bus.ErrNotFound) {
		return false, fmt.Errorf("there is no FeedSource %s", feed)
	}
	if err != nil {
		return false, err
	}
	var cfg plan.Collector
	if err := json.Unmarshal(data, &cfg); err != nil {
		return false, fmt.Errorf("configuration of %s: %w", feed, err)
	}
	if cfg.Spec.Suspend {
		return true, nil
	}
	value, err := json.Marshal(plan.CollectNow{ID: requestID()})
	if err != nil {
		return false, err
	}
	return false, c.Config().Put(ctx, plan.Key(plan.PrefixCollect, feed.Namespace, feed.Name), value)
}

// requestID tells one request from the next.
func requestID() string { return rand.Text() }
