package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/cmd/weir/cluster"
	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
)

func newHeldDecide(w *world, use string, decision v1alpha1.Decision, short string) *cobra.Command {
	return &cobra.Command{
		Use:   use + " SOURCE",
		Short: short,
		Long: short + `.

In a cluster the decision goes into the FormatChange of the incident, which asks
for no access to the bus. Where there is none yet, the monitor is told directly.`,
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
			out := cmd.OutOrStdout()
			if c != nil {
				if done, err := decideByAPI(cmd.Context(), out, c, feed, decision); done || err != nil {
					return err
				}
			}
			return w.withFeed(cmd, feed.String(), func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
				return decideByBus(ctx, out, c, feed, decision)
			})
		},
	}
}

// decideByAPI puts a decision into the FormatChange of a FeedSource. It is not done
// when there is none that waits, or several: then only the monitor knows which
// incident is open.
func decideByAPI(ctx context.Context, out io.Writer, c *cluster.Client, feed bus.Feed, decision v1alpha1.Decision) (done bool, err error) {
	changes, err := c.OpenChanges(ctx, feed.Namespace, feed.Name)
	if err != nil || len(changes) != 1 {
		return false, err
	}
	f := &changes[0]
	if err := c.Decide(ctx, f, decision); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "%s: %s of %s is under way (FormatChange %s, incident %s)\n",
		feed, strings.ToLower(string(decision)), count(int(f.Status.Held), "held payload"), f.Name, f.Spec.Incident)
	return true, nil
}

// decideByBus tells the monitor.
func decideByBus(ctx context.Context, out io.Writer, c *bus.Conn, feed bus.Feed, decision v1alpha1.Decision) error {
	s, err := monitorStatus(ctx, c, feed)
	if err != nil {
		return err
	}
	if s.Incident == nil {
		return fmt.Errorf("%s: nothing is held", feed)
	}
	value, err := json.Marshal(plan.Decision{Incident: s.Incident.ID, Decision: decision})
	if err != nil {
		return err
	}
	key := plan.Key(plan.PrefixDecision, feed.Namespace, feed.Name, s.Incident.ID)
	if err := c.Config().Put(ctx, key, value); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s of %s is under way (incident %s)\n",
		feed, strings.ToLower(string(decision)), count(int(s.Held), "held payload"), s.Incident.ID)
	return nil
}
