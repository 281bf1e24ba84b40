package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-project/weir/pipeline/export"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/process"
	"github.com/weir-project/weir/pipeline/query"
	"github.com/weir-project/weir/pipeline/secret"
)

// exportGrace is how long answers under way may go on after a stop.
const exportGrace = 20 * time.Second

func newExport() *cobra.Command {
	var c common
	var own objects
	var exchange, listen, secrets string
	cmd := &cobra.Command{
		Use:   "export --bus URL --creds FILE --exchange NAMESPACE/NAME --key subscription.NAMESPACE.SUBSCRIPTION...",
		Short: "Serve subscribers",
		Long: `Serve subscribers: each under /s/<namespace>.<subscription>/, those of the
namespace default also under /s/<subscription>/. With one --key that names a
subscription, it is served at the root as well.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := own.check(plan.PrefixSubscription); err != nil {
				return err
			}
			ref, err := parseRef(exchange)
			if err != nil {
				return err
			}
			return c.run(cmd.Context(), "weir-exporter", func(ctx context.Context, p *component) error {
				var lc net.ListenConfig
				listener, err := lc.Listen(ctx, "tcp", listen)
				if err != nil {
					return fmt.Errorf("listen for subscribers: %w", err)
				}
				defer listener.Close()
				conn, err := p.dial(ctx, nil)
				if err != nil {
					return err
				}
				defer p.hangUp(conn)
				stage, err := export.New(export.Options{
					Conn: conn, Archive: query.NewClient(conn), Secrets: secret.Dir(secrets), Log: p.log.WithName("export"),
					Metrics: p.registry, Keys: own.keys, Share: own.share,
					Exchanges: []string{plan.Key(plan.PrefixSources, ref.Namespace, ref.Name)},
				})
				if err != nil {
					return err
				}
				return p.runStages(ctx, conn, map[string]process.Stage{
					"export": stage,
					"http":   &httpStage{log: p.log, listener: listener, handler: exportHandler(stage, &own), grace: exportGrace},
				})
			})
		},
	}
	c.add(cmd)
	own.add(cmd, plan.PrefixSubscription)
	f := cmd.Flags()
	f.StringVar(&exchange, "exchange", "", "the Exchange of the subscriptions, NAMESPACE/NAME")
	f.StringVar(&listen, "listen", ":8080", "address for subscribers")
	f.StringVar(&secrets, "secrets", "/etc/weir/secrets", "folder of the Secrets: <secret>/<key>")
	return cmd
}

// exportHandler serves every subscription under its name, and the only one at the
// root too.
func exportHandler(stage *export.Stage, own *objects) http.Handler {
	named := stage.Handler()
	ref, ok := own.single()
	if !ok {
		return named
	}
	mux := http.NewServeMux()
	mux.Handle("/s/", named)
	mux.Handle("/", stage.HandlerFor(ref.Namespace, ref.Name))
	return mux
}
