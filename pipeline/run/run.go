// Package run is local mode: every component in one process, on an embedded bus
// and a SQLite store, configured by the same plan as a cluster.
package run

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/collect"
	"github.com/weir-project/weir/pipeline/export"
	"github.com/weir-project/weir/pipeline/monitor"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/process"
	"github.com/weir-project/weir/pipeline/secret"
)

// Manifests are what a folder declares, judged and with defaults.
type Manifests struct {
	Plan    *plan.Plan
	Secrets secret.Reader
}

// Options of a run.
type Options struct {
	// Data is the folder for bus, store and state. It is made if need be, and
	// locked.
	Data string
	// Load reads the manifests. Its error is told, and what runs goes on as it is.
	Load func(context.Context) (*Manifests, error)
	// Watch is the file or folder whose changes call for a new Load.
	Watch string
	// Files is the folder that file sources may read.
	Files string
	// Listen serves the exports, Admin metrics and health; host:port, port 0 takes
	// any.
	Listen, Admin string
	// BusListen lets other processes (weir held, replay, ...) reach the bus.
	BusListen string
	// AllowNets are networks that sources may reach although the address guard
	// refuses them.
	AllowNets []netip.Prefix
	Log       logr.Logger
}

// Run runs until ctx ends. It returns nil when it was asked to stop.
func Run(ctx context.Context, o Options) error {
	lock, err := lockData(o.Data)
	if err != nil {
		return err
	}
	defer lock.Close()

	done := make(chan struct{})
	governed, stop := context.WithCancel(ctx)
	go func() {
		defer close(done)
		process.GovernMemory(governed)
	}()
	defer func() { stop(); <-done }()
	m, err := o.Load(ctx)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // judging manifests takes more than running them
	if len(m.Plan.Hubs) == 0 {
		return errors.New("the manifests declare no Exchange; add one: apiVersion: feeds.weir.dev/v1alpha1, kind: Exchange, metadata: {name: main}")
	}

	p := &local{options: o, secrets: &swappable{}, registry: process.NewRegistry()}
	p.secrets.set(m.Secrets)
	if err := p.openBus(ctx, m.Plan); err != nil {
		return err
	}
	defer p.closeBus()
	return p.run(ctx, m.Plan)
}

// local is one run with everything it opened.
type local struct {
	options  Options
	secrets  *swappable
	registry *prometheus.Registry
	server   *bus.Server
	conn     *bus.Conn
	endpoint Endpoint
}

func (p *local) openBus(ctx context.Context, pl *plan.Plan) error {
	token, err := newToken()
	if err != nil {
		return err
	}
	p.server, err = bus.StartServer(bus.ServerOptions{
		Dir:    filepath.Join(p.options.Data, "bus"),
		Listen: p.options.BusListen,
		Token:  token,
		Log:    p.options.Log.WithName("bus"),
	})
	if err != nil {
		return fmt.Errorf("embedded bus: %w", err)
	}
	if p.conn, err = p.server.Connect("weir-run"); err != nil {
		p.server.Shutdown()
		return fmt.Errorf("embedded bus: %w", err)
	}
	if err := p.conn.Setup(ctx, retention(pl)); err != nil {
		p.closeBus()
		return fmt.Errorf("streams of the embedded bus: %w", err)
	}
	p.endpoint = Endpoint{Bus: p.server.URL(), Token: token}
	return nil
}

func (p *local) closeBus() {
	removeEndpoint(p.options.Data)
	if err := p.conn.Close(); err != nil {
		p.options.Log.Error(err, "bus connection was not closed cleanly")
	}
	p.server.Shutdown()
}

// retention takes the longest of all exchanges: they share the bus.
func retention(pl *plan.Plan) bus.Retention {
	var r bus.Retention
	for i := range pl.Hubs {
		s := &pl.Hubs[i].Spec
		if d, err := time.ParseDuration(string(s.Raw.Retention)); err == nil {
			r.Raw = max(r.Raw, d)
		}
		if d, err := time.ParseDuration(string(s.Stream.Retention)); err == nil {
			r.Deliver = max(r.Deliver, d)
		}
	}
	return r
}

func (p *local) run(ctx context.Context, pl *plan.Plan) error {
	log := p.options.Log
	hubs, err := openHubs(p, pl)
	if err != nil {
		return err
	}
	defer hubs.close(log)

	collector, err := collect.New(collect.Options{
		Conn: p.conn, Log: log.WithName("collect"), Metrics: p.registry, Secrets: p.secrets.read,
		FilesRoot: p.options.Files, TempDir: filepath.Join(p.options.Data, "tmp"), AllowNets: p.options.AllowNets,
	})
	if err != nil {
		return err
	}
	mon, err := monitor.New(monitor.Options{Conn: p.conn, Log: log.WithName("monitor"), Metrics: p.registry})
	if err != nil {
		return err
	}
	exporter, err := export.New(export.Options{
		Conn: p.conn, Archive: hubs, Secrets: p.secrets.read, Log: log.WithName("export"), Metrics: p.registry,
	})
	if err != nil {
		return err
	}
	stages := map[string]process.Stage{"collect": collector, "monitor": mon, "export": exporter}
	for name, h := range hubs.byNamespace {
		stages["hub "+name] = h.hub
	}

	if err := p.apply(ctx, pl); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for name, s := range stages {
		group.Go(func() error {
			if err := s.Run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	group.Go(func() error { return p.follow(ctx, hubs, exporter) })
	group.Go(func() error { return p.serve(ctx, exporter.Handler(), stages) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
