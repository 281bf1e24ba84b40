package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/monitor"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/process"
)

func newMonitor() *cobra.Command {
	var c common
	var own objects
	cmd := &cobra.Command{
		Use:   "monitor --bus URL --creds FILE --key monitor.NAMESPACE.PARSER...",
		Short: "Notice format changes and make events of payloads",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := own.check(plan.PrefixMonitor); err != nil {
				return err
			}
			return c.run(cmd.Context(), "weir-monitor", func(ctx context.Context, p *component) error {
				conn, err := p.dial(ctx, nil)
				if err != nil {
					return err
				}
				defer p.hangUp(conn)
				stage, err := monitor.New(monitor.Options{
					Conn: conn, Log: p.log.WithName("monitor"), Metrics: p.registry, Keys: own.keys, Share: own.share,
				})
				if err != nil {
					return err
				}
				return p.runStages(ctx, conn, map[string]process.Stage{"monitor": stage})
			})
		},
	}
	c.add(cmd)
	own.add(cmd, plan.PrefixMonitor)
	return cmd
}
