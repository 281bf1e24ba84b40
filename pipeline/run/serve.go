package run

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/export"
	"github.com/weir-project/weir/pipeline/process"
)

// stopGrace is how long open requests may go on after a stop.
const stopGrace = 5 * time.Second

// serve answers on the two listeners until ctx ends.
func (p *local) serve(ctx context.Context, exports http.Handler, stages map[string]process.Stage) error {
	var lc net.ListenConfig
	public, err := lc.Listen(ctx, "tcp", p.options.Listen)
	if err != nil {
		return fmt.Errorf("listen for exports: %w", err)
	}
	admin, err := lc.Listen(ctx, "tcp", p.options.Admin)
	if err != nil {
		public.Close()
		return fmt.Errorf("listen for metrics and health: %w", err)
	}
	p.endpoint.Exports, p.endpoint.Admin = "http://"+public.Addr().String(), "http://"+admin.Addr().String()
	if err := writeEndpoint(p.options.Data, p.endpoint); err != nil {
		public.Close()
		admin.Close()
		return err
	}
	p.options.Log.Info("serving", "exports", p.endpoint.Exports+"/s/", "admin", p.endpoint.Admin)

	return process.Serve(ctx, stopGrace,
		process.Server{Server: export.NewHTTPServer(exports), Listener: public},
		process.Server{Server: export.NewHTTPServer(process.AdminHandler(p.registry, func() []string { return process.Waiting(stages) })), Listener: admin})
}

// namespaced keeps the metrics of several hubs apart.
func (p *local) namespaced(namespace string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"exchange_namespace": namespace}, p.registry)
}
