package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/status"
)

func newStatus() *cobra.Command {
	var b busFlags
	var watch time.Duration
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show a line for each source: payloads, events, held, rejected",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return b.with(cmd.Context(), func(c *bus.Conn) error {
				for {
					if err := printStatus(cmd.Context(), cmd.OutOrStdout(), c); err != nil || watch <= 0 {
						return err
					}
					select {
					case <-cmd.Context().Done():
						return nil
					case <-time.After(watch):
						fmt.Fprintln(cmd.OutOrStdout())
					}
				}
			})
		},
	}
	b.add(cmd)
	cmd.Flags().DurationVarP(&watch, "watch", "w", 0, "print again after this time, until stopped")
	return cmd
}

// sourceLine is what is known about one source.
type sourceLine struct {
	collector status.Collector
	monitor   status.Monitor
}

func printStatus(ctx context.Context, out io.Writer, c *bus.Conn) error {
	lines := map[string]*sourceLine{}
	line := func(key, prefix string) *sourceLine {
		name := nameOf(key, prefix)
		if lines[name] == nil {
			lines[name] = &sourceLine{}
		}
		return lines[name]
	}
	err := eachStatus(ctx, c, plan.PrefixCollector, func(key string, data []byte) error {
		return json.Unmarshal(data, &line(key, plan.PrefixCollector).collector)
	})
	if err != nil {
		return err
	}
	err = eachStatus(ctx, c, plan.PrefixMonitor, func(key string, data []byte) error {
		return json.Unmarshal(data, &line(key, plan.PrefixMonitor).monitor)
	})
	if err != nil {
		return err
	}
	names := slices.Sorted(func(yield func(string) bool) {
		for n := range lines {
			if !yield(n) {
				return
			}
		}
	})
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tCOLLECTED\tPAYLOADS\tEVENTS\tSKIPPED\tREJECTED\tHELD\tSTATE")
	for _, n := range names {
		l := lines[n]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\t%s\n", n, ago(l.collector.LastSuccess), l.collector.Payloads,
			l.monitor.Events, l.monitor.Skipped, l.monitor.Rejected, l.monitor.Held, state(l))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return printHubs(ctx, out, c)
}

func printHubs(ctx context.Context, out io.Writer, c *bus.Conn) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nEXCHANGE\tEVENTS\tNEW\tDELIVERED\tSTATE")
	err := eachStatus(ctx, c, plan.PrefixHub, func(key string, data []byte) error {
		var h status.Hub
		if err := json.Unmarshal(data, &h); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", nameOf(key, plan.PrefixHub), h.Events, h.Recorded, h.Delivered, result(h.Result))
		return nil
	})
	if err != nil {
		return err
	}
	return w.Flush()
}

// nameOf turns prefix.namespace.name into namespace/name.
func nameOf(key, prefix string) string {
	return strings.Replace(strings.TrimPrefix(key, prefix+"."), ".", "/", 1)
}

func result(r status.Result) string {
	if r.OK {
		return "Ready"
	}
	return r.Reason + ": " + r.Message
}

func eachStatus(ctx context.Context, c *bus.Conn, prefix string, fn func(key string, data []byte) error) error {
	keys, err := c.Status().Keys(ctx, prefix+".")
	if err != nil {
		return err
	}
	for _, k := range keys {
		data, err := c.Status().Get(ctx, k)
		if err != nil {
			return err
		}
		if err := fn(k, data); err != nil {
			return fmt.Errorf("status %s: %w", k, err)
		}
	}
	return nil
}

// state is the most pressing thing about a source.
func state(l *sourceLine) string {
	switch {
	case l.monitor.Incident != nil:
		return "FormatChanged: " + l.monitor.Incident.Summary
	case l.monitor.Reason != "" && !l.monitor.OK:
		return result(l.monitor.Result)
	case l.collector.Reason != "":
		return result(l.collector.Result)
	}
	return "Waiting"
}

func ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return time.Since(t).Truncate(time.Second).String() + " ago"
}
