package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
)

// forward opens a local port that leads to the bus in a pod, until stop is called.
// Only the loopback interface listens, and the bus asks for credentials.
func (c *Client) forward(ctx context.Context, namespace, pod string, lost func(error)) (address string, stop func(), err error) {
	t := target{"create", "pods/portforward", namespace, pod}
	dialer, err := c.dialer(c.core.Post().Namespace(namespace).Resource("pods").Name(pod).SubResource("portforward").URL())
	if err != nil {
		return "", nil, fmt.Errorf("forward a port to Pod %s/%s: %w", namespace, pod, err)
	}
	said := &lastWords{}
	fctx, cancel := context.WithCancel(klog.NewContext(ctx, logr.New(said)))
	ready := make(chan struct{})
	forwarder, err := portforward.NewOnAddressesForStreamingWithContext(fctx, dialer, []string{"127.0.0.1"},
		[]string{":" + strconv.Itoa(busPort)}, ready, io.Discard, io.Discard)
	if err != nil {
		cancel()
		return "", nil, fmt.Errorf("forward a port to Pod %s/%s: %w", namespace, pod, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		return "", nil, c.explainForward(t, errors.Join(dialer.err, err))
	case <-ctx.Done():
		cancel()
		return "", nil, ctx.Err()
	}
	ports, err := forwarder.GetPorts()
	if err != nil {
		cancel()
		return "", nil, err
	}
	var watching sync.WaitGroup
	watching.Go(func() {
		err := <-ended
		if fctx.Err() == nil {
			lost(fmt.Errorf("the port that was forwarded to Pod %s/%s is closed; does the bus run in it? %w", namespace, pod, errors.Join(err, said.last())))
		}
	})
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(ports[0].Local))), func() {
		cancel()
		watching.Wait()
	}, nil
}

func (c *Client) explainForward(t target, err error) error {
	var upgrade *httpstream.UpgradeFailureError
	if errors.As(err, &upgrade) {
		err = upgrade.Cause
	}
	if apierrors.IsForbidden(err) {
		// An API server asks for create, one before version 1.35 for get where the
		// connection is a WebSocket.
		t.verb = "get,create"
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return c.explain(t, err)
	}
	return fmt.Errorf("forward a port to Pod %s/%s: %w", t.namespace, t.name, err)
}

// dialer tries a WebSocket first, which proxies let through, then SPDY.
type dialer struct {
	websocket, spdy httpstream.Dialer
	// err is why the last Dial failed. The port forwarder only tells it as text.
	err error
}

func (c *Client) dialer(to *url.URL) (*dialer, error) {
	ws, err := portforward.NewSPDYOverWebsocketDialerForStreaming(to, c.config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(c.config)
	if err != nil {
		return nil, err
	}
	return &dialer{websocket: ws, spdy: spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, to)}, nil
}

// Dial implements httpstream.Dialer.
func (d *dialer) Dial(protocols ...string) (httpstream.Connection, string, error) {
	conn, protocol, err := d.websocket.Dial(protocols...)
	d.err = err
	if httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err) {
		var ferr error
		if conn, protocol, ferr = d.spdy.Dial(protocols...); ferr == nil {
			d.err, err = nil, nil
		}
	}
	return conn, protocol, err
}

// lastWords is a log that keeps the last error only: the port forwarder tells what
// went wrong in a pod to its log and nowhere else.
type lastWords struct {
	mu  sync.Mutex
	err error
}

// Init implements logr.LogSink, as the methods below do.
func (l *lastWords) Init(logr.RuntimeInfo) {}

// Enabled lets nothing but errors in.
func (l *lastWords) Enabled(int) bool { return false }

// Info drops.
func (l *lastWords) Info(int, string, ...any) {}

// Error keeps.
func (l *lastWords) Error(err error, msg string, _ ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = fmt.Errorf("%s: %w", msg, err)
}

// WithValues ignores them.
func (l *lastWords) WithValues(...any) logr.LogSink { return l }

// WithName ignores it.
func (l *lastWords) WithName(string) logr.LogSink { return l }

func (l *lastWords) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}
