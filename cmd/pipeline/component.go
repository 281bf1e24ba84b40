package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/export"
	"github.com/weir-project/weir/pipeline/process"
)

const (
	// adminGrace is how long a request for metrics or health may go on at the end.
	adminGrace = time.Second
	// retryEvery is how long what cannot be had now is left alone.
	retryEvery = 2 * time.Second
	// dialFor is how long one attempt to reach the bus takes, after which /readyz
	// says why it failed.
	dialFor = 5 * time.Second
	// busAnswers is how long the bus may take to answer a question of /readyz.
	busAnswers = 2 * time.Second
)

// component is one process: it comes up in whatever order things are there, and
// says on /readyz what it waits for. Only what no waiting mends ends it.
type component struct {
	*common
	name     string // shows in the bus's list of connections
	log      logr.Logger
	registry *prometheus.Registry

	mu      sync.Mutex
	waitFor string // nothing: it runs
	stages  map[string]process.Stage
}

// run serves health and metrics while work goes on.
func (c *common) run(ctx context.Context, name string, work func(context.Context, *component) error) error {
	log, err := c.log()
	if err != nil {
		return err
	}
	p := &component{common: c, name: name, log: log, registry: process.NewRegistry(), waitFor: "starting"}
	var lc net.ListenConfig
	admin, err := lc.Listen(ctx, "tcp", c.admin)
	if err != nil {
		return fmt.Errorf("listen for metrics and health: %w", err)
	}
	log.Info("serving", "what", "admin", "address", admin.Addr().String())
	group, gctx := errgroup.WithContext(ctx)
	// Health is served until the work has ended.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		server := export.NewHTTPServer(process.AdminHandler(p.registry, p.waiting))
		return process.Serve(serving, adminGrace, process.Server{Server: server, Listener: admin})
	})
	group.Go(func() error {
		process.GovernMemory(gctx)
		return nil
	})
	group.Go(func() error {
		defer stop()
		err := work(logr.NewContext(gctx, log), p)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // it was asked to stop
		}
		if err == nil && ctx.Err() == nil {
			err = errors.New("it ended by itself")
		}
		return err
	})
	err = group.Wait()
	stop()
	if ctx.Err() != nil {
		log.Info("stopped")
	}
	return err
}

// waiting lists what keeps the process from being ready.
func (p *component) waiting() []string {
	p.mu.Lock()
	waitFor, stages := p.waitFor, p.stages
	p.mu.Unlock()
	if waitFor != "" {
		return []string{waitFor}
	}
	return process.Waiting(stages)
}

func (p *component) note(waitFor string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waitFor = strings.ReplaceAll(waitFor, "\n", " ")
}

// await tries until it works or ctx ends, and says on /readyz what it waits for.
func await[T any](ctx context.Context, p *component, what string, try func(context.Context) (T, error)) (T, error) {
	p.note(what)
	last := ""
	for {
		v, err := try(ctx)
		switch {
		case err == nil:
			return v, nil
		case ctx.Err() != nil:
			return v, ctx.Err()
		}
		if why := err.Error(); why != last {
			last = why
			p.note(what + ": " + why)
			p.log.Info("waiting", "for", what, "error", why)
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return v, ctx.Err()
		}
	}
}

// dial connects to the bus, or to a server of this process. Without credentials,
// the bus must take everybody: a loopback address does.
func (p *component) dial(ctx context.Context, server *bus.Server) (*bus.Conn, error) {
	if server == nil && len(p.bus) == 0 {
		return nil, errors.New("--bus is missing; give the address of the bus, such as nats://host:4222")
	}
	what := "bus " + strings.Join(p.bus, ",")
	if server != nil {
		what = "bus of this process"
	}
	return await(ctx, p, what, func(ctx context.Context) (*bus.Conn, error) {
		attempt, cancel := context.WithTimeout(ctx, dialFor)
		defer cancel()
		switch {
		case p.creds != "":
			o := bus.DialOptions{URLs: p.bus, CredsFile: p.creds, CAFile: p.ca, Name: p.name}
			if server != nil {
				o.Server, o.URLs, o.CAFile = server, nil, ""
			}
			return bus.DialCreds(attempt, o)
		case server != nil:
			return server.Connect(p.name)
		}
		return bus.Dial(attempt, strings.Join(p.bus, ","), "", p.name)
	})
}

// hangUp closes the connection, when nothing uses it any more.
func (p *component) hangUp(conn *bus.Conn) {
	if err := conn.Close(); err != nil {
		p.log.Info("bus connection was not closed cleanly", "error", err.Error())
	}
}

// runStages runs until ctx ends or a stage fails.
func (p *component) runStages(ctx context.Context, conn *bus.Conn, stages map[string]process.Stage) error {
	group, ctx := errgroup.WithContext(ctx)
	all := map[string]process.Stage{"bus": &busStage{conn: conn}}
	for name, s := range stages {
		all[name] = s
		group.Go(func() error {
			if err := s.Run(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	p.mu.Lock()
	p.stages, p.waitFor = all, ""
	p.mu.Unlock()
	<-ctx.Done()
	p.note("stopping")
	if err := group.Wait(); err != nil {
		return err
	}
	return ctx.Err()
}

// busStage is ready while the bus answers.
type busStage struct{ conn *bus.Conn }

func (*busStage) Run(context.Context) error { return nil }

func (s *busStage) Ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), busAnswers)
	defer cancel()
	return s.conn.Ready(ctx)
}

// httpStage serves what another stage has.
type httpStage struct {
	log      logr.Logger
	listener net.Listener
	handler  http.Handler
	grace    time.Duration
}

func (s *httpStage) Run(ctx context.Context) error {
	s.log.Info("serving", "what", "exports", "address", s.listener.Addr().String())
	return process.Serve(ctx, s.grace, process.Server{Server: export.NewHTTPServer(s.handler), Listener: s.listener})
}

func (*httpStage) Ready() error { return nil }
