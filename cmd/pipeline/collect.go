package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/process"
	"github.com/weir-project/weir/pipeline/secret"
)

func newCollect() *cobra.Command {
	var c common
	var own objects
	var secrets, files, temp string
	var allow []string
	var services bool
	cmd := &cobra.Command{
		Use:   "collect --bus URL --creds FILE --key collector.NAMESPACE.FEEDSOURCE...",
		Short: "Fetch feeds and publish what is new",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := own.check(plan.PrefixCollector); err != nil {
				return err
			}
			nets, err := parseNets(allow)
			if err != nil {
				return err
			}
			return c.run(cmd.Context(), "weir-collector", func(ctx context.Context, p *component) error {
				conn, err := p.dial(ctx, nil)
				if err != nil {
					return err
				}
				defer p.hangUp(conn)
				stage, err := collect.New(collect.Options{
					Conn: conn, Log: p.log.WithName("collect"), Metrics: p.registry, Secrets: secret.Dir(secrets),
					FilesRoot: files, TempDir: temp, AllowNets: nets, Services: services, Keys: own.keys, Share: own.share,
				})
				if err != nil {
					return err
				}
				return p.runStages(ctx, conn, map[string]process.Stage{"collect": stage})
			})
		},
	}
	c.add(cmd)
	own.add(cmd, plan.PrefixCollector)
	f := cmd.Flags()
	f.StringVar(&secrets, "secrets", "/etc/weir/secrets", "folder of the Secrets: <secret>/<key>")
	f.StringVar(&files, "files", "", "folder that file sources may read")
	f.StringVar(&temp, "temp", "/tmp", "folder for large payloads until they are whole")
	f.StringArrayVar(&allow, "allow-net", nil, "network that sources may reach although it is not public; repeatable")
	f.BoolVar(&services, "services", false, "let a feed come from a Service of its own namespace")
	return cmd
}
