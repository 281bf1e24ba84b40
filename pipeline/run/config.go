package run

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/export"
	"github.com/weir-project/weir/pipeline/monitor"
	"github.com/weir-project/weir/pipeline/plan"
)

// settle is how long a folder must be quiet before it is read again: editors
// and git write several files in a row.
const settle = 300 * time.Millisecond

var errExchanges = errors.New("exchanges were added, removed or renamed: restart to apply that")

// apply makes the config bucket what the plan says. Decisions and replays that
// came over the bus stay.
func (p *local) apply(ctx context.Context, pl *plan.Plan) error {
	want, err := pl.Entries()
	if err != nil {
		return err
	}
	config := p.conn.Config()
	for _, prefix := range []string{plan.PrefixCollector, plan.PrefixMonitor, plan.PrefixHub, plan.PrefixSources, plan.PrefixSubscription} {
		have, err := config.Keys(ctx, prefix+".")
		if err != nil {
			return fmt.Errorf("read configuration: %w", err)
		}
		for _, key := range have {
			if _, ok := want[key]; ok {
				continue
			}
			if err := config.Delete(ctx, key); err != nil {
				return fmt.Errorf("remove %s: %w", key, err)
			}
			p.options.Log.Info("removed", "key", key)
		}
	}
	if err := p.forgetFeeds(ctx, want); err != nil {
		return err
	}
	for key, value := range want {
		old, err := config.Get(ctx, key)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return fmt.Errorf("read %s: %w", key, err)
		}
		if bytes.Equal(old, value) {
			continue
		}
		if err := config.Put(ctx, key, value); err != nil {
			return fmt.Errorf("write %s: %w", key, err)
		}
		p.options.Log.Info("configured", "key", key)
	}
	return nil
}

// forgetFeeds removes what is known of FeedSources that are gone: place in the
// stream, baseline, status. What they hold stays, and is there again if they come
// back.
func (p *local) forgetFeeds(ctx context.Context, want map[string][]byte) error {
	have, err := p.conn.Status().Keys(ctx, plan.PrefixMonitor+".")
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	for _, key := range have {
		namespace, name, _ := strings.Cut(strings.TrimPrefix(key, plan.PrefixMonitor+"."), ".")
		if _, ok := want[plan.Key(plan.PrefixCollector, namespace, name)]; ok {
			continue
		}
		feed := bus.Feed{Namespace: namespace, Name: name}
		err := errors.Join(
			p.conn.RemoveFeed(ctx, feed),
			p.conn.State().DeleteBelow(ctx, monitor.StateKey(feed)),
			p.conn.Status().Delete(ctx, key),
		)
		if err != nil {
			return fmt.Errorf("forget FeedSource %s: %w", feed, err)
		}
	}
	return nil
}

// follow applies changes of the manifests until ctx ends.
func (p *local) follow(ctx context.Context, h *hubs, exporter *export.Stage) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch manifests: %w", err)
	}
	defer w.Close()
	p.watchAll(w)
	timer := time.NewTimer(settle)
	timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-w.Events:
			// A change of times or modes only is no change.
			if e.Op != fsnotify.Chmod {
				timer.Reset(settle)
			}
		case err := <-w.Errors:
			p.options.Log.Error(err, "watching the manifests")
		case <-timer.C:
			p.watchAll(w) // folders may be new
			if p.reload(ctx, h) {
				exporter.ReadSecrets(ctx)
			}
		}
	}
}

func (p *local) watchAll(w *fsnotify.Watcher) {
	err := filepath.WalkDir(p.options.Watch, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return w.Add(path)
		case path == p.options.Watch:
			// A single file is watched through its folder: editors replace files.
			return w.Add(filepath.Dir(path))
		}
		return nil
	})
	if err != nil {
		p.options.Log.Error(err, "watching the manifests")
	}
}

// reload reports whether the manifests could be read and fit what runs.
func (p *local) reload(ctx context.Context, h *hubs) bool {
	log := p.options.Log
	m, err := p.options.Load(ctx)
	if err != nil {
		log.Error(err, "the changed manifests are not applied; what runs goes on as it was")
		return false
	}
	if name, same := h.same(m.Plan); !same {
		log.Error(errExchanges, "the changed manifests are not applied; what runs goes on as it was", "exchange", name)
		return false
	}
	p.secrets.set(m.Secrets)
	if err := p.apply(ctx, m.Plan); err != nil && ctx.Err() == nil {
		log.Error(err, "the changed manifests are applied in part; saving them again repeats it")
	}
	return true
}

// same reports whether the plan has the exchanges that run, or names one that
// makes the difference.
func (h *hubs) same(pl *plan.Plan) (string, bool) {
	seen := 0
	for i := range pl.Hubs {
		cfg := &pl.Hubs[i]
		one, ok := h.byNamespace[cfg.Namespace]
		if !ok || one.name != cfg.Name {
			return cfg.Namespace + "/" + cfg.Name, false
		}
		seen++
	}
	if seen != len(h.byNamespace) {
		return "(removed)", false
	}
	return "", true
}
