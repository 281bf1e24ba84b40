package main

import (
	"context"
	"encoding/json"
	"errors"
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
	var provider string
	cmd := &cobra.Command{
		Use:   use + " SOURCE",
		Short: short,
		Long: short + `.

In a cluster the decision goes into the FormatChange of the incident, which asks
for no access to the bus. Where there is none yet, the monitor is told directly.

--provider decides the same about every open incident of a provider.`,
		Args: func(_ *cobra.Command, args []string) error {
			if (provider == "") != (len(args) == 1) {
				return errors.New("name a SOURCE, or all of a provider with --provider")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if provider != "" {
				return w.decideProvider(cmd, provider, decision)
			}
			return w.decideOn(cmd, args[0], decision)
		},
	}
	cmd.Flags().StringVar(&provider, "provider", "", "decide about all open incidents of this provider")
	return cmd
}

// decideOn decides about what is held of one feed.
func (w *world) decideOn(cmd *cobra.Command, arg string, decision v1alpha1.Decision) error {
	feed, err := w.feed(cmd, arg)
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
		if decision == v1alpha1.DecisionRepair {
			return fmt.Errorf("%s: there is no FormatChange, or there are several: set spec.decision of the right one to Repair", feed)
		}
	}
	return w.withFeed(cmd, feed.String(), func(ctx context.Context, c *bus.Conn, feed bus.Feed) error {
		return decideByBus(ctx, out, c, feed, decision)
	})
}

// decideProvider decides about all that is held of a provider: of the namespace in a
// cluster, else of the data folder.
func (w *world) decideProvider(cmd *cobra.Command, provider string, decision v1alpha1.Decision) error {
	c, err := w.connect(cmd)
	if err != nil {
		return err
	}
	out, n := cmd.OutOrStdout(), 0
	if c != nil {
		namespace, err := w.currentNamespace(cmd)
		if err != nil {
			return err
		}
		changes, err := c.ChangesOfProvider(cmd.Context(), namespace, provider)
		if err != nil {
			return err
		}
		for i := range changes {
			if err := c.Decide(cmd.Context(), &changes[i], decision); err != nil {
				return err
			}
			tellDecision(out, bus.Feed{Namespace: changes[i].Namespace, Name: changes[i].Spec.SourceRef.Name}, decision, changes[i].Status.Held,
				"FormatChange "+changes[i].Name+", incident "+changes[i].Spec.Incident)
		}
		n = len(changes)
	} else if n, err = w.decideProviderByBus(cmd, provider, decision); err != nil {
		return err
	}
	if n == 0 {
		return fmt.Errorf("nothing of provider %s is held", provider)
	}
	return nil
}

func (w *world) decideProviderByBus(cmd *cobra.Command, provider string, decision v1alpha1.Decision) (n int, err error) {
	err = w.with(cmd, scope{}, func(ctx context.Context, conns []*bus.Conn) error {
		for _, c := range conns {
			keys, err := c.Config().Keys(ctx, plan.PrefixCollector+".")
			if err != nil {
				return err
			}
			for _, key := range keys {
				var f plan.Collector
				if err := ignoreNotFound(configOf(ctx, c, key, &f)); err != nil {
					return err
				}
				feed := bus.Feed{Namespace: f.Namespace, Name: f.Name}
				if f.Spec.Provider != provider || w.namespace != "" && w.namespace != feed.Namespace {
					continue
				}
				if s, err := monitorStatus(ctx, c, feed); err != nil || s.Incident == nil {
					continue // nothing was collected yet, or nothing is held
				}
				if err := decideByBus(ctx, cmd.OutOrStdout(), c, feed, decision); err != nil {
					return err
				}
				n++
			}
		}
		return nil
	})
	return n, err
}

func tellDecision(out io.Writer, feed bus.Feed, decision v1alpha1.Decision, held int64, where string) {
	fmt.Fprintf(out, "%s: %s of %s is under way (%s)\n", feed, strings.ToLower(string(decision)), count(int(held), "held payload"), where)
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
	tellDecision(out, feed, decision, f.Status.Held, "FormatChange "+f.Name+", incident "+f.Spec.Incident)
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
	tellDecision(out, feed, decision, s.Held, "incident "+s.Incident.ID)
	return nil
}
