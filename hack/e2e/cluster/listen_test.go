package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/weir-project/weir/hack/e2e"
)

// listener is a client of a live stream that comes back after each interruption
// and goes on behind the last event that it saw.
type listener struct {
	w                       *world
	subscription, namespace string
	before                  map[string]bool // what was recorded when it came

	mu    sync.Mutex
	last  string
	seen  map[string]bool
	gaps  int
	opens int
}

// listen starts a listener, which stops with the test.
func (w *world) listen(t *testing.T, subscription, namespace string) *listener {
	t.Helper()
	l := &listener{w: w, subscription: subscription, namespace: namespace, before: map[string]bool{}, seen: map[string]bool{}}
	until(t, "what "+subscription+" has", func(ctx context.Context) error {
		events, err := l.recorded(ctx)
		for i := range events {
			l.before[events[i].ID] = true
		}
		return err
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	done.Go(func() {
		// Until ends with the context only.
		_ = e2e.Until(ctx, func() (bool, error) {
			_ = l.follow(ctx) // an interruption is what it is for
			return false, nil
		})
	})
	until(t, "the live stream", func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.opens == 0 {
			return fmt.Errorf("of %s does not open", subscription)
		}
		return nil
	})
	return l
}

func (l *listener) recorded(ctx context.Context) ([]e2e.Event, error) {
	return l.w.ask(ctx, l.namespace, l.subscription, "/report/inside")
}

// follow reads the stream until it breaks off.
func (l *listener) follow(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.subscription+"-exporter."+l.namespace+"/s/"+l.namespace+"."+l.subscription+"/stream?zone=inside", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token(l.subscription))
	l.mu.Lock()
	if l.last != "" {
		req.Header.Set("Last-Event-ID", l.last)
	}
	l.mu.Unlock()
	resp, err := l.w.web().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", req.URL, resp.Status)
	}
	l.mu.Lock()
	l.opens++
	l.mu.Unlock()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	var id, kind string
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			if err := l.take(id, kind, value); err != nil {
				return err
			}
		}
	}
	return lines.Err()
}

func (l *listener) take(id, kind, data string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id != "" {
		l.last = id
	}
	if kind != "event" {
		l.gaps++
		return nil
	}
	var e e2e.Event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return err
	}
	l.seen[e.ID] = true
	return nil
}

// caughtUp waits until the listener has what was recorded since it came.
func (l *listener) caughtUp(t *testing.T) {
	t.Helper()
	until(t, "the live stream of "+l.subscription, func(ctx context.Context) error {
		events, err := l.recorded(ctx)
		if err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.gaps > 0 {
			return &final{fmt.Errorf("there were %d gaps", l.gaps)}
		}
		events = slices.DeleteFunc(events, func(e e2e.Event) bool { return l.before[e.ID] })
		missing := slices.DeleteFunc(slices.Clone(events), func(e e2e.Event) bool { return l.seen[e.ID] })
		if len(events) == 0 || len(missing) > 0 {
			return fmt.Errorf("%d of %d events are missing", len(missing), len(events))
		}
		return nil
	})
}
