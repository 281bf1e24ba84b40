// Package process is what every process of Weir has around its stages: metrics and
// health over HTTP, servers that end in order, a bound on garbage.
package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Stage is what every component is. Run returns nil when ctx ended.
type Stage interface {
	Run(ctx context.Context) error
	Ready() error
}

// NewRegistry has the metrics of the Go runtime and of the process.
func NewRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// AdminHandler serves /metrics, /healthz (the process answers) and /readyz (nothing
// is waited for; else the body has a line for each thing that is).
func AdminHandler(metrics prometheus.Gatherer, waiting func() []string) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		lines := waiting()
		if len(lines) == 0 {
			fmt.Fprintln(w, "ok")
			return
		}
		slices.Sort(lines)
		w.WriteHeader(http.StatusServiceUnavailable)
		for _, line := range lines {
			fmt.Fprintln(w, line)
		}
	})
	return mux
}

// Waiting lists the stages that are not ready, and why.
func Waiting(stages map[string]Stage) []string {
	var lines []string
	for name, s := range stages {
		if err := s.Ready(); err != nil {
			lines = append(lines, name+": "+err.Error())
		}
	}
	return lines
}

// Server is an HTTP server with the listener that it is to serve.
type Server struct {
	*http.Server
	Listener net.Listener
}

// Serve serves until ctx ends or a server fails. Open requests may go on for grace
// then.
func Serve(ctx context.Context, grace time.Duration, servers ...Server) error {
	failed := make(chan error, len(servers))
	for _, s := range servers {
		go func() { failed <- s.Serve(s.Listener) }()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
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
