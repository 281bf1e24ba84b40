package bus

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/weir-project/weir/pipeline/bus/internal/guard"
	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// entrance takes the connections of clients with credentials from other processes,
// and leads them past the guard to the server, which does not listen itself.
type entrance struct {
	listener net.Listener
	closing  chan struct{}
	server   func() (net.Conn, error)
	log      logr.Logger

	mu     sync.Mutex
	open   map[net.Conn]struct{} // nil: closed
	relays sync.WaitGroup
}

func newEntrance(address string, server func() (net.Conn, error), log logr.Logger) (*entrance, error) {
	l, err := net.Listen("tcp", address) //nolint:noctx // ends with close
	if err != nil {
		return nil, err
	}
	e := &entrance{listener: l, closing: make(chan struct{}), server: server, log: log, open: make(map[net.Conn]struct{})}
	e.relays.Go(e.accept)
	return e, nil
}

func (e *entrance) port() int { return e.listener.Addr().(*net.TCPAddr).Port }

func (e *entrance) accept() {
	for wait := time.Duration(0); ; {
		c, err := e.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many open files
			wait = nextDelay(wait, retryFirst, time.Second)
			e.log.Info("bus takes no connection for now", "error", err.Error())
			select {
			case <-time.After(wait):
			case <-e.closing:
			}
			continue
		}
		wait = 0
		if !e.keep(c) {
			hangUp(c)
			return
		}
		e.relays.Go(func() {
			defer e.drop(c)
			e.relay(c)
		})
	}
}

// relay serves one client until it or the server hangs up.
func (e *entrance) relay(client net.Conn) {
	server, err := e.server()
	if err != nil {
		e.log.V(1).Info("bus has no server for a client now", "error", err.Error())
		return
	}
	var answers sync.WaitGroup
	answers.Go(func() {
		_, _ = io.Copy(patient{client}, server) // the client sees the end of it
		hangUp(client)
	})
	err = guard.Relay(client, server, guard.Limits{Connect: layout.MaxCredentials, Message: maxPayload})
	if err != nil {
		e.log.Info("bus cut off a client", "client", client.RemoteAddr().String(), "reason", err.Error())
	}
	hangUp(server)
	answers.Wait() // the last of them says why the server hung up
}

// patient gives a client that does not read some time to go on.
type patient struct{ net.Conn }

const writeWait = 30 * time.Second

func (p patient) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
		return 0, err
	}
	return p.Conn.Write(b)
}

// hangUp closes a connection that may be closed already.
func hangUp(c net.Conn) { _ = c.Close() }

// keep remembers a connection for close, unless that came before.
func (e *entrance) keep(c net.Conn) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.open == nil {
		return false
	}
	e.open[c] = struct{}{}
	return true
}

func (e *entrance) drop(c net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hangUp(c)
	delete(e.open, c)
}

// close hangs up on everybody.
func (e *entrance) close() {
	close(e.closing)
	_ = e.listener.Close() // it was open
	e.mu.Lock()
	for c := range e.open {
		hangUp(c)
	}
	e.open = nil
	e.mu.Unlock()
	e.relays.Wait()
}
