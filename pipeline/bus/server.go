package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// ServerOptions configure the embedded server.
type ServerOptions struct {
	// Dir holds the streams. It is made if need be, and locked: one server at a time.
	Dir string
	// Listen is host:port for other processes; port 0 picks one. Empty: only
	// Server.Connect.
	Listen string
	// Token that other processes must give. Required with Listen unless it is a
	// loopback address.
	Token string
	// Trust makes every client, also inside the process, show credentials (see
	// DialCreds) instead of the token.
	Trust *Trust
	// MaxBytes bounds the disk space of all streams together. 0: no bound.
	MaxBytes int64
	Log      logr.Logger
}

// Times and sizes of the embedded server.
const (
	serverReady = 30 * time.Second
	maxPayload  = 8 << 20
)

// Server is an embedded NATS server with JetStream on disk.
type Server struct {
	opts ServerOptions
	lock *os.File

	restarting sync.Mutex // two servers on one folder would spoil it

	mu     sync.Mutex
	ns     *server.Server
	port   int // fixed after the first start, so that clients find a restarted server
	closed bool

	entrance *entrance // nil without Trust or Listen

	quit    chan struct{}
	watched chan struct{} // closed when the watchdog has ended
}

// StartServer starts the embedded server and waits until it takes connections.
func StartServer(o ServerOptions) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("bus directory is empty: give a folder for the streams")
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("start bus in %s: %w", o.Dir, err)
	}
	s := &Server{opts: o, lock: lock, quit: make(chan struct{}), watched: make(chan struct{})}
	if err := s.start(); err != nil {
		lock.Close()
		return nil, fmt.Errorf("start bus in %s: %w", o.Dir, err)
	}
	if err := s.enter(); err != nil {
		s.stop()
		return nil, fmt.Errorf("start bus in %s: %w", o.Dir, err)
	}
	go s.watch()
	return s, nil
}

// enter opens the entrance of clients with credentials.
func (s *Server) enter() error {
	if s.opts.Trust == nil || s.opts.Listen == "" {
		return nil
	}
	e, err := newEntrance(s.opts.Listen, s.InProcessConn, s.opts.Log)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s.entrance, s.port = e, e.port()
	return nil
}

func (s *Server) options() (*server.Options, error) {
	o := &server.Options{
		ServerName: "weir", DontListen: true, NoSigs: true, NoLog: true,
		MaxPayload: maxPayload, JetStream: true, SyncAlways: true,
		StoreDir: filepath.Clean(s.opts.Dir), JetStreamMaxMemory: 64 << 20, JetStreamMaxStore: s.opts.MaxBytes,
		JetStreamLimits: server.JSLimitOpts{DefaultMaxConsumers: maxConsumers},
		Authorization:   s.opts.Token,
	}
	if o.JetStreamMaxStore <= 0 {
		o.JetStreamMaxStore = 1 << 60 // the disk is the bound
	}
	if s.opts.Trust != nil {
		if s.opts.Token != "" {
			return nil, errors.New("give either a token or whose credentials to trust")
		}
		if err := s.opts.Trust.apply(o); err != nil {
			return nil, err
		}
	}
	if s.opts.Listen == "" {
		return o, nil
	}
	host, port, err := net.SplitHostPort(s.opts.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w", s.opts.Listen, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: port must be a number", s.opts.Listen)
	}
	if s.opts.Trust != nil {
		return o, nil // clients come through the entrance
	}
	if ip := net.ParseIP(host); s.opts.Token == "" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen address %q: a token is needed except on a loopback address", s.opts.Listen)
	}
	o.DontListen = false
	o.Host, o.Port = host, int(n)
	switch {
	case s.port != 0:
		o.Port = s.port
	case n == 0:
		o.Port = server.RANDOM_PORT
	}
	return o, nil
}

// start makes a server on the folder.
func (s *Server) start() error {
	o, err := s.options()
	if err != nil {
		return err
	}
	ns, err := server.NewServer(o)
	if err != nil {
		return err
	}
	fatal := make(chan string, 1)
	ns.SetLoggerV2(serverLog{s.opts.Log, fatal}, false, false, false)
	ns.Start()
	if err := ready(ns, fatal); err != nil {
		ns.Shutdown()
		ns.WaitForShutdown()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ns = ns
	if a, ok := ns.Addr().(*net.TCPAddr); ok {
		s.port = a.Port
	}
	return nil
}

// ready waits until the server takes connections or gives up.
func ready(ns *server.Server, fatal <-chan string) error {
	for deadline := time.Now().Add(serverReady); time.Now().Before(deadline); {
		select {
		case why := <-fatal:
			return errors.New(why)
		default:
		}
		if ns.ReadyForConnections(100*time.Millisecond) && ns.JetStreamEnabled() {
			return nil
		}
	}
	return errors.New("server did not become ready: see its log lines")
}

// lockDir makes dir and locks it.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("another process uses this folder: %w", err)
	}
	return f, nil
}

func (s *Server) current() *server.Server {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ns
}

// URL is where other processes connect; empty without Listen.
func (s *Server) URL() string {
	if s.opts.Listen == "" {
		return ""
	}
	host, _, _ := net.SplitHostPort(s.opts.Listen)
	s.mu.Lock()
	defer s.mu.Unlock()
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(s.port))
}

// InProcessConn makes a connection to whichever server runs now, so that clients
// of this process reconnect after a restart.
func (s *Server) InProcessConn() (net.Conn, error) {
	return s.current().InProcessConn()
}

// Connect makes a connection inside the process. A server that takes credentials
// refuses it: use DialCreds.
func (s *Server) Connect(name string) (*Conn, error) {
	if s.opts.Trust != nil {
		return nil, errors.New("connect to embedded bus: it takes credentials, use DialCreds")
	}
	c := newConn(s.opts.Log.WithValues("client", name))
	opts := []nats.Option{nats.InProcessServer(&linkInProcess{s, &c.link})}
	if s.opts.Token != "" {
		opts = append(opts, nats.Token(s.opts.Token))
	}
	if err := c.connect("", name, opts); err != nil {
		return nil, fmt.Errorf("connect to embedded bus: %w", err)
	}
	return c, nil
}

// Shutdown stops the server. Connections go on trying to reconnect until they are
// closed.
func (s *Server) Shutdown() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.quit)
	s.mu.Unlock()
	<-s.watched
	s.stop()
}

func (s *Server) stop() {
	if s.entrance != nil {
		s.entrance.close()
	}
	ns := s.current()
	ns.Shutdown()
	ns.WaitForShutdown()
	s.lock.Close()
}

// Healthy says what is wrong with the server, if anything: JetStream is off, a
// stream could not be recovered or could not be written.
func (s *Server) Healthy(context.Context) error {
	h := s.current().Healthz(nil)
	if h.StatusCode != http.StatusOK {
		return fmt.Errorf("embedded bus: %s", h.Error)
	}
	return nil
}

// serverLog hands the server's lines on: errors and warnings as lines, notices
// only when verbose.
type serverLog struct {
	log   logr.Logger
	fatal chan<- string // takes the first line that says why the server gives up
}

func (l serverLog) Noticef(format string, v ...any) { l.log.V(2).Info(fmt.Sprintf(format, v...)) }
func (l serverLog) Warnf(format string, v ...any)   { l.log.V(1).Info(fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any) {
	l.log.Info("bus server reports", "error", fmt.Sprintf(format, v...))
}
func (l serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
func (l serverLog) Debugf(string, ...any) {}
func (l serverLog) Tracef(string, ...any) {}
