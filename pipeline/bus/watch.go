package bus

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// Watch calls fn for each present key under any of the prefixes (see Keys), once
// with a zero Entry when all of them are through, then for each change, until ctx
// ends or fn fails. It survives reconnects: it reads the present keys again then,
// and tells what changed meanwhile. Of several quick changes of a key it may tell
// only the last.
func (b *Bucket) Watch(ctx context.Context, prefixes []string, fn func(Entry) error) error {
	filters, err := b.filters(prefixes)
	if err != nil {
		return fmt.Errorf("watch %s: %w", b.name, err)
	}
	w := &watch{c: b.c, stream: b.stream(), filters: filters, prefix: b.prefix(), fn: fn, known: make(map[string]version)}
	if err := b.c.repeat(ctx, w.stream, func() error { return w.session(ctx) }); err != nil {
		return fmt.Errorf("watch %s: %w", b.name, err)
	}
	return nil
}

type version struct {
	seq  uint64
	time time.Time
}

type watch struct {
	c       *Conn
	stream  string
	filters []string
	prefix  string
	fn      func(Entry) error
	known   map[string]version // keys that are present, as told to fn
	through bool               // the zero Entry was told
}

// session tells the differences between what is known and what is there, then
// the changes. Each filter has a reader of its own, because no permission binds
// one with several.
func (w *watch) session(ctx context.Context) error {
	readers := make([]*reader, len(w.filters))
	for i, filter := range w.filters {
		r, stop, err := w.c.openReader(ctx, rangeSpec{
			stream: w.stream, filter: filter, policy: jetstream.DeliverLastPerSubjectPolicy,
		})
		if err != nil {
			return err
		}
		defer stop()
		readers[i] = r
	}
	if err := w.present(readers); err != nil {
		return err
	}
	return w.changes(ctx, readers)
}

// present tells what is there.
func (w *watch) present(readers []*reader) error {
	seen := make(map[string]bool)
	for _, r := range readers {
		for more := r.pending; more > 0; {
			var m *delivery
			var err error
			if m, more, err = r.next(readIdle); err != nil {
				return err
			}
			if err := w.take(m, seen); err != nil {
				return err
			}
		}
	}
	for key := range w.known {
		if !seen[key] { // the mark of its deletion is gone too
			if err := w.tell(Entry{Key: key}); err != nil {
				return err
			}
			delete(w.known, key)
		}
	}
	if !w.through {
		if err := w.tell(Entry{}); err != nil {
			return err
		}
		w.through = true
	}
	return nil
}

// changes tells what changes. It returns when a reader or fn fails.
func (w *watch) changes(ctx context.Context, readers []*reader) error {
	g, ctx := errgroup.WithContext(ctx)
	changed := make(chan *delivery)
	for _, r := range readers {
		var cancel context.CancelFunc
		r.ctx, cancel = context.WithCancel(r.ctx) // ends with the connection, and with the other readers
		defer context.AfterFunc(ctx, cancel)()
		defer cancel()
		g.Go(func() error {
			for {
				m, _, err := r.next(0)
				if err != nil {
					return err
				}
				select {
				case changed <- m:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	}
	g.Go(func() error {
		for {
			select {
			case m := <-changed:
				if err := w.take(m, nil); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return g.Wait()
}

// take tells one change unless it is known. seen may be nil.
func (w *watch) take(m *delivery, seen map[string]bool) error {
	key := strings.TrimPrefix(m.Subject(), w.prefix)
	if seen != nil {
		seen[key] = true
	}
	now := version{m.seq, m.time}
	old, present := w.known[key]
	if deleted(m.Headers()) {
		if !present {
			return nil
		}
		delete(w.known, key)
		return w.tell(Entry{Key: key})
	}
	if present && old == now {
		return nil
	}
	w.known[key] = now
	value := m.Data()
	if value == nil {
		value = []byte{}
	}
	return w.tell(Entry{Key: key, Value: value})
}

func (w *watch) tell(e Entry) error {
	if err := w.fn(e); err != nil {
		return stopError{err}
	}
	return nil
}
