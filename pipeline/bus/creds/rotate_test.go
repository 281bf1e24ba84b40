package creds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// rotation replaces a file of short-lived credentials until the test ends.
type rotation struct {
	file  string
	count atomic.Int64
}

// rotate mints anew after every pause, which may be longer than the lifetime.
func rotate(t *testing.T, keys *creds.Keys, role creds.Role, lifetime, pause time.Duration) *rotation {
	t.Helper()
	r := &rotation{file: filepath.Join(t.TempDir(), "user.creds")}
	writeFile(t, r.file, mint(t, keys, role, lifetime))
	background(t, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			data, _, err := keys.Mint(role, lifetime)
			if err != nil {
				return err
			}
			writeFile(t, r.file, data)
			r.count.Add(1)
		}
	})
	return r
}

func (r *rotation) connect(t *testing.T, w *world) *bus.Conn {
	t.Helper()
	// What the server says of credentials that are expired is no failure here.
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	defer cancel()
	c, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: r.file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNothingIsLostWhileCredentialsRotate(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"in time": time.Second, "after they expired": 4 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const lifetime = 2 * time.Second
			out := rotate(t, w.keys, creds.Collector("acme", "bots"), lifetime, pause)
			in := rotate(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), lifetime, pause)
			collector, monitor := out.connect(t, w), in.connect(t, w)
			published := make(chan string, 100_000)
			stop := background(t, func(ctx context.Context) error {
				for i := 0; ctx.Err() == nil; i++ {
					content := []byte("text")
					if i%20 == 0 {
						content = noise(1 << 20)
					}
					id := fmt.Sprint("p", i)
					if err := collector.PublishRaw(context.WithoutCancel(ctx), payload(bots, id), bytes.NewReader(content)); err != nil {
						return err
					}
					published <- id
				}
				return nil
			})
			got := make(chan string, 100_000)
			background(t, func(ctx context.Context) error {
				return monitor.ConsumeRaw(ctx, bots, func(_ context.Context, p *bus.Payload) error {
					got <- p.ID
					return nil
				})
			})
			eventually(t, "rotations", func() bool { return out.count.Load() >= 4 && in.count.Load() >= 4 })
			stop()
			close(published)
			seen := make(map[string]bool)
			for id := range published {
				for !seen[id] { // a payload may come again, but none is left out
					seen[receive(t, got)] = true
				}
			}
			if len(seen) < 10 {
				t.Errorf("only %d payloads in all the time", len(seen))
			}
		})
	}
}

func TestEventsKeepTheirOrderWhileCredentialsRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const lifetime = 2 * time.Second
	out := rotate(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), lifetime, time.Second)
	in := rotate(t, w.keys, hubRole(), lifetime, 3*time.Second)
	monitor, hub := out.connect(t, w), in.connect(t, w)
	last := make(chan int, 1)
	ahead := make(chan struct{}, 20_000) // events on their way
	stop := background(t, func(ctx context.Context) error {
		events := monitor.NewEventWriter(bots, "a.x", "p", "run")
		outlives := context.WithoutCancel(ctx)
		n := 0
		for ; ctx.Err() == nil; n++ {
			if err := events.Append(outlives, strconv.AppendInt(nil, int64(n), 10)); err != nil {
				return err
			}
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
			}
		}
		last <- n - 1
		return events.Close(outlives)
	})
	got := make(chan int, 100)
	background(t, func(ctx context.Context) error {
		return hub.ConsumeEvents(ctx, "hub-acme", []string{"acme"}, []int{bus.Partition("a.x")}, 1000, func(ctx context.Context, bs []*bus.Block) error {
			for _, b := range bs {
				for line := range bytes.Lines(b.Lines) {
					n, err := strconv.Atoi(strings.TrimSpace(string(line)))
					if err != nil {
						return err
					}
					select {
					case got <- n:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			return nil
		})
	})
	next, want, stopping := 0, -1, false
	for want < 0 || next <= want {
		select {
		case n := <-got:
			if n > next {
				t.Fatalf("event %d came where %d was expected", n, next)
			}
			if n < next {
				continue // it came before
			}
			next++
			select {
			case <-ahead:
			default:
			}
		case want = <-last:
		case <-time.After(deadline):
			t.Fatalf("event %d does not come", next)
		}
		if !stopping && out.count.Load() >= 4 && in.count.Load() >= 2 {
			stopping = true
			go stop()
		}
	}
}

func TestReplacedCredentialsAreUsedBeforeTheOldExpire(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "user.creds")
	writeFile(t, file, mint(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), time.Hour))
	c, err := bus.DialCreds(logr.NewContext(testContext(t), logr.Discard()), bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	writeFile(t, file, mint(t, w.keys, creds.Monitor("acme", "csv", []string{"bots", "scans"}), time.Hour))
	if err := c.State().Put(testContext(t), "baseline.acme.scans", []byte("v")); err != nil {
		t.Errorf("the feed that came later: %v", err)
	}
}

func TestDialWaitsForCredentials(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "user.creds")
	expired := mint(t, w.keys, creds.Operator(), time.Nanosecond)
	connected := make(chan *bus.Conn, 1)
	background(t, func(ctx context.Context) error {
		c, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file})
		if err == nil {
			connected <- c
		}
		return err
	})
	writeFile(t, file, expired)
	eventually(t, "credentials expire", func() bool {
		at, err := creds.Expires(expired)
		return err == nil && time.Now().After(at)
	})
	writeFile(t, file, mint(t, w.keys, creds.Operator(), time.Hour))
	receive(t, connected).Close()

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file + ".missing"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "user.creds.missing") {
		t.Errorf("error %v, want one that names the file", err)
	}
}
