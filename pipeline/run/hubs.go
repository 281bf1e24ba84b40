package run

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
	"github.com/weir-project/weir/pipeline/store/sqlite"
)

// hubs are the hubs of a process, at most one in a namespace, each with a store of
// its own.
type hubs struct {
	byNamespace map[string]*openHub
}

type openHub struct {
	name  string
	hub   *hub.Hub
	store store.Store
}

func openHubs(p *local, pl *plan.Plan) (*hubs, error) {
	all := &hubs{byNamespace: map[string]*openHub{}}
	for i := range pl.Hubs {
		cfg := &pl.Hubs[i]
		h, err := openOne(p, cfg)
		if err != nil {
			all.close(p.options.Log)
			return nil, fmt.Errorf("exchange %s/%s: %w", cfg.Namespace, cfg.Name, err)
		}
		all.byNamespace[cfg.Namespace] = h
	}
	return all, nil
}

func openOne(p *local, cfg *plan.Hub) (*openHub, error) {
	log := p.options.Log.WithName("hub").WithValues("exchange", cfg.Namespace+"/"+cfg.Name)
	st, err := sqlite.Open(sqlite.Options{
		Dir: filepath.Join(p.options.Data, "store", cfg.Namespace), Log: log, Metrics: p.namespaced(cfg.Namespace),
	})
	if err != nil {
		return nil, err
	}
	h, err := hub.New(hub.Options{
		Conn: p.conn, Store: st, Log: log, Metrics: p.namespaced(cfg.Namespace),
		Namespace: cfg.Namespace, Exchange: cfg.Name,
	})
	if err != nil {
		return nil, fmt.Errorf("hub: %w", err)
	}
	return &openHub{cfg.Name, h, st}, nil
}

func (h *hubs) close(log logr.Logger) {
	for ns, one := range h.byNamespace {
		if err := one.store.Close(); err != nil {
			log.Error(err, "store was not closed cleanly", "namespace", ns)
		}
	}
}

// Search asks the hub of the subscription's exchange.
func (h *hubs) Search(ctx context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error] {
	one, ok := h.byNamespace[req.Exchange.Namespace]
	if !ok || one.name != req.Exchange.Name {
		return func(yield func(*event.Event, error) bool) {
			yield(nil, fmt.Errorf("there is no Exchange %s", req.Exchange))
		}
	}
	return one.hub.Search(ctx, req)
}
