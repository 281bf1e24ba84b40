package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Times of the client. Requests and publishes that get no answer in time are
// repeated, so these bound how long a lost answer goes unnoticed.
const (
	dialTimeout    = 5 * time.Second
	authTimeout    = 10 * time.Second // large credentials take a slow machine a while
	requestTimeout = 10 * time.Second
	retryFirst     = 50 * time.Millisecond
	retryMost      = 5 * time.Second
)

// Conn is a connection with the streams and buckets on it. Safe for concurrent use.
type Conn struct {
	nc  *nats.Conn
	js  jetstream.JetStream
	log logr.Logger

	// maxDeliver is the constant, hurry is 1; tests have other ideas.
	maxDeliver int
	hurry      time.Duration

	link link
	salt []byte // of message ids

	closing   chan struct{} // closed by Close
	closeOnce sync.Once
	rotating  sync.WaitGroup

	mu    sync.Mutex
	epoch context.Context    //nolint:containedctx // ends at the next reconnect, then replaced
	renew context.CancelFunc // ends epoch
}

// Dial connects to url, a NATS server or a comma-separated list of servers. It
// tries until ctx ends, then goes on in the background for ever: a connection
// that was once made reconnects without limit. token may be empty; name shows in
// the server's connection list. The logger is taken from ctx.
func Dial(ctx context.Context, url, token, name string) (*Conn, error) {
	if url == "" {
		return nil, errors.New("bus address is empty: give nats://host:4222")
	}
	var opts []nats.Option
	if token != "" {
		opts = append(opts, nats.Token(token))
	}
	c := newConn(logr.FromContextOrDiscard(ctx))
	opts = append(opts, nats.Timeout(dialTimeout),
		nats.SetCustomDialer(&linkDialer{Dialer: net.Dialer{Timeout: dialTimeout}, link: &c.link}))
	err := c.dial(ctx, func() error { return c.connect(url, name, opts) }, refused)
	if errors.Is(err, nats.ErrAuthorization) {
		err = fmt.Errorf("token refused: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("connect to bus %s: %w", url, err)
	}
	return c, nil
}

// dial attempts to connect until that succeeds, fails for good or ctx ends.
func (c *Conn) dial(ctx context.Context, attempt func() error, final func(error) bool) error {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := attempt()
		if err == nil || final(err) {
			return err
		}
		c.log.V(1).Info("bus not reachable, trying again", "error", err.Error())
		if sleep(ctx, wait) != nil {
			return fmt.Errorf("%w (last attempt: %w)", ctx.Err(), err)
		}
	}
}

func newConn(log logr.Logger) *Conn {
	c := &Conn{log: log, maxDeliver: maxDeliver, hurry: 1, closing: make(chan struct{})}
	c.epoch, c.renew = context.WithCancel(context.Background())
	return c
}

// connect makes one attempt.
func (c *Conn) connect(url, name string, opts []nats.Option) error {
	opts = append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(100 * time.Millisecond),
		nats.CustomReconnectDelay(reconnectDelay),
		// Publishes during an outage fail at once, and the outbox repeats them in order.
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(false),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.log.Info("bus connection lost", "error", err.Error())
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { c.signalReconnect() }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			c.log.Info("bus connection reports", "error", err.Error())
		}),
	}, opts...)
	nc, err := nats.Connect(url, opts...)
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc,
		jetstream.WithPublishAsyncTimeout(requestTimeout),
		jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		nc.Close()
		return err
	}
	c.nc, c.js = nc, js
	return nil
}

func reconnectDelay(attempts int) time.Duration {
	return min(retryFirst<<min(attempts, 10), 2*time.Second)
}

func (c *Conn) signalReconnect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renew()
	c.epoch, c.renew = context.WithCancel(context.Background())
	c.log.Info("bus connection is back")
}

// untilReconnect derives a context that ends when the connection was lost and is
// back: what was asked from the server before may not have been heard.
func (c *Conn) untilReconnect(ctx context.Context) (context.Context, context.CancelFunc) {
	c.mu.Lock()
	epoch := c.epoch
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(epoch, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// pause waits for d, or until the connection is back, or for the end of ctx,
// whose error it returns.
func (c *Conn) pause(ctx context.Context, d time.Duration) error {
	until, cancel := c.untilReconnect(ctx)
	defer cancel()
	_ = sleep(until, d)
	return ctx.Err()
}

// Ready reports whether the connection is up and JetStream answers.
func (c *Conn) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	if _, err := c.js.AccountInfo(ctx); err != nil {
		return fmt.Errorf("bus does not answer: %w", err)
	}
	return nil
}

// Close drains and closes the connection.
func (c *Conn) Close() error {
	c.closeOnce.Do(func() { close(c.closing) })
	c.rotating.Wait()
	if c.nc.IsClosed() {
		return nil
	}
	closed := make(chan struct{})
	c.nc.SetClosedHandler(func(*nats.Conn) { close(closed) })
	if err := c.nc.Drain(); err != nil {
		c.nc.Close()
		if errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrConnectionClosed) {
			return nil
		}
		return fmt.Errorf("close bus connection: %w", err)
	}
	select {
	case <-closed:
	case <-time.After(requestTimeout):
		c.nc.Close()
	}
	return nil
}

// sleep waits for d or the end of ctx, whose error it returns.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
