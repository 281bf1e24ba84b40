package run

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weir-project/weir/pipeline/export"
)

// stopGrace is how long open requests may go on after a stop.
const stopGrace = 5 * time.Second

// serve answers on the two listeners until ctx ends.
func (p *process) serve(ctx context.Context, exports http.Handler, stages map[string]stage) error {
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

	servers := []*http.Server{export.NewHTTPServer(exports), export.NewHTTPServer(p.adminHandler(stages))}
	failed := make(chan error, len(servers))
	for i, l := range []net.Listener{public, admin} {
		go func() { failed <- servers[i].Serve(l) }()
	}
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(stop) != nil {
			s.Close() // live streams do not end by themselves
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// adminHandler serves /metrics, /healthz (the process answers) and /readyz
// (every component is ready; the body names those that are not).
func (p *process) adminHandler(stages map[string]stage) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		var waiting []string
		for name, s := range stages {
			if err := s.Ready(); err != nil {
				waiting = append(waiting, name+": "+err.Error())
			}
		}
		if len(waiting) == 0 {
			fmt.Fprintln(w, "ok")
			return
		}
		slices.Sort(waiting)
		w.WriteHeader(http.StatusServiceUnavailable)
		for _, line := range waiting {
			fmt.Fprintln(w, line)
		}
	})
	return mux
}

// namespaced keeps the metrics of several hubs apart.
func (p *process) namespaced(namespace string) prometheus.Registerer {
	return prometheus.WrapRegistererWith(prometheus.Labels{"exchange_namespace": namespace}, p.registry)
}
