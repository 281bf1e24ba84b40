package query

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

// Bounds of what is open at once: an answer costs half a MiB and the cursors of
// the store.
const (
	maxOpenEach = 32 // of one subscription, over all its exporters
	maxOpen     = 256
	maxID       = 64 // characters of the name of an answer
)

// Archive answers questions. A hub does.
type Archive interface {
	Search(ctx context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error]
}

// ServerOptions of a server; all but Log and Metrics are required.
type ServerOptions struct {
	Conn    *bus.Conn
	Archive Archive
	// Exchange whose archive it is, and the replica of its hub.
	Exchange plan.Ref
	Replica  int
	Log      logr.Logger
	Metrics  prometheus.Registerer // may be nil
}

// Server answers the exporters of one exchange for one replica of its hub.
type Server struct {
	o       ServerOptions
	metrics *serverMetrics

	idle, pulse time.Duration

	mu      sync.Mutex
	running context.Context //nolint:containedctx // of Run; nil while it does not run
	ready   bool
	open    map[string]*answer // by key
	count   map[plan.Ref]int   // by subscription
	work    sync.WaitGroup
}

// NewServer makes a server. Run starts it.
func NewServer(o ServerOptions) (*Server, error) {
	switch {
	case o.Conn == nil || o.Archive == nil:
		return nil, errors.New("query server needs a bus connection and an archive")
	case o.Exchange.Namespace == "" || o.Exchange.Name == "" || o.Replica < 0:
		return nil, errors.New("query server needs namespace and name of its exchange, and its replica")
	}
	m, err := newServerMetrics(o.Metrics)
	if err != nil {
		return nil, fmt.Errorf("query server metrics: %w", err)
	}
	if o.Log.GetSink() == nil {
		o.Log = logr.Discard()
	}
	return &Server{o: o, metrics: m, idle: idleAfter, pulse: pulse, open: map[string]*answer{}, count: map[plan.Ref]int{}}, nil
}

// Ready is nil while questions are taken.
func (s *Server) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ready {
		return errors.New("questions to the archive are not taken yet")
	}
	return nil
}

// Run answers until ctx ends. Answers under way are cut off then, and none is left
// when it returns.
func (s *Server) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = ctx
	s.mu.Unlock()
	sub, err := s.o.Conn.Core().Subscribe(subject(s.o.Exchange, s.o.Replica, "*", "*", "*"), s.receive)
	if err != nil {
		return fmt.Errorf("take questions to the archive: %w", err)
	}
	s.setReady(true)
	<-ctx.Done()
	s.setReady(false)
	// A connection that is gone has no subscription to end.
	if err := sub.Unsubscribe(); err != nil && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrBadSubscription) {
		s.o.Log.V(1).Info("questions may go unanswered for a moment", "error", err.Error())
	}
	s.work.Wait()
	return nil
}

func (s *Server) setReady(ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = ready
}

// receive must not wait: it holds up the questions of everybody.
func (s *Server) receive(m *nats.Msg) {
	who, verb, ok := asker(m.Subject)
	if !ok {
		return
	}
	switch verb {
	case verbOpen:
		s.opened(m, who)
	case verbNext:
		s.next(m, who)
	case verbKeep:
		if a := s.find(who, string(m.Data)); a != nil {
			a.idle.Reset(s.idle)
		}
	case verbClose:
		if a := s.find(who, string(m.Data)); a != nil {
			a.cancel()
		}
	}
}

// key names an answer to those who may ask for the subscription: an id that
// somebody else learned is worth nothing.
func key(who plan.Ref, id string) string { return who.String() + "/" + id }

func (s *Server) find(who plan.Ref, id string) *answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[key(who, id)]
}

func (s *Server) opened(m *nats.Msg, who plan.Ref) {
	id := m.Header.Get(headerQuery)
	ctx, a, err := s.enter(who, id)
	if err != nil {
		s.metrics.questions.WithLabelValues(statusOf(err)).Inc()
		s.refuse(m, err)
		return
	}
	go func() {
		defer s.work.Done()
		defer s.leave(who, id, a)
		req, err := decodeQuestion(m.Data)
		if err != nil {
			a.finish(err)
		} else {
			req.Namespace, req.Subscription, req.Exchange = who.Namespace, who.Name, s.o.Exchange
			a.fill(s.o.Archive.Search(ctx, req))
		}
		// What was found waits for its reader.
		<-ctx.Done()
	}()
	a.begin()
	go func() {
		defer s.work.Done()
		s.reply(m, a)
	}()
}

// enter counts an answer in.
func (s *Server) enter(who plan.Ref, id string) (context.Context, *answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !s.ready || s.running.Err() != nil:
		return nil, nil, hub.ErrNotReady
	case id == "" || len(id) > maxID || s.open[key(who, id)] != nil:
		return nil, nil, fmt.Errorf("%w: %q names no new answer", store.ErrQuery, id[:min(len(id), maxID)])
	case s.count[who] >= maxOpenEach:
		return nil, nil, fmt.Errorf("%w: subscription %s has %d questions open", hub.ErrBusy, who, maxOpenEach)
	case len(s.open) >= maxOpen:
		return nil, nil, fmt.Errorf("%w: %d questions are open", hub.ErrBusy, maxOpen)
	}
	ctx, cancel := context.WithCancel(s.running)
	a := newAnswer(ctx, cancel, s.idle)
	s.open[key(who, id)] = a
	s.count[who]++
	s.metrics.open.Inc()
	s.work.Add(2)
	return ctx, a, nil
}

func (s *Server) leave(who plan.Ref, id string, a *answer) {
	a.cancel()
	a.idle.Stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, key(who, id))
	if s.count[who]--; s.count[who] == 0 {
		delete(s.count, who)
	}
	s.metrics.open.Dec()
}

var errGone = fmt.Errorf("%w: the answer is not open any more", hub.ErrUnavailable)

func (s *Server) next(m *nats.Msg, who plan.Ref) {
	id := string(m.Data)
	s.mu.Lock()
	a := s.open[key(who, id)]
	if a != nil {
		s.work.Add(1)
	}
	s.mu.Unlock()
	if a == nil {
		s.refuse(m, errGone)
		return
	}
	if !a.begin() {
		s.work.Done()
		s.refuse(m, fmt.Errorf("%w: the answer is being read", hub.ErrBusy))
		return
	}
	go func() {
		defer s.work.Done()
		s.reply(m, a)
	}()
}

// reply waits for a piece and sends it. The last one ends the answer.
func (s *Server) reply(m *nats.Msg, a *answer) {
	buf, _ := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	a.idle.Reset(s.idle)
	piece, end, err := a.take((*buf)[:0], s.pulse)
	a.idle.Reset(s.idle)
	*buf = piece
	status := statusMore
	if a.over() && (err != nil || !end) {
		err = errGone
	}
	switch {
	case err != nil:
		status = statusOf(err)
	case end:
		status = statusEnd
	}
	out := &nats.Msg{Data: piece, Header: nats.Header{headerStatus: {status}}}
	if err != nil {
		out.Data = nil
		out.Header[headerError] = []string{oneLine(err)}
		s.o.Log.V(1).Info("question failed", "status", status, "error", err.Error())
	}
	if status != statusMore {
		s.metrics.questions.WithLabelValues(status).Inc()
		a.cancel()
	}
	if respond(m, out) != nil {
		a.cancel()
		return
	}
	s.metrics.bytes.Add(float64(len(out.Data)))
}

// buffers of pieces. A connection is done with one when Publish returns.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, maxPiece); return &b }}

func (s *Server) refuse(m *nats.Msg, err error) {
	_ = respond(m, &nats.Msg{Header: nats.Header{headerStatus: {statusOf(err)}, headerError: {oneLine(err)}}})
}

// respond answers whoever waits for it.
func respond(m, out *nats.Msg) error {
	if m.Reply == "" {
		return nats.ErrMsgNoReply
	}
	return m.RespondMsg(out)
}

// serverMetrics of one server.
type serverMetrics struct {
	questions *prometheus.CounterVec
	open      prometheus.Gauge
	bytes     prometheus.Counter
}

func newServerMetrics(r prometheus.Registerer) (*serverMetrics, error) {
	m := &serverMetrics{
		questions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weir_query_questions_total",
			Help: "Questions of exporters to the archive by how they ended: end, forbidden, starting, busy, invalid, gone or failed."}, []string{"status"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_query_open", Help: "Questions that are being answered."}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{Name: "weir_query_bytes_total",
			Help: "Bytes of events that were sent to exporters."}),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.questions, m.open, m.bytes} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// replicaName is how messages name a replica.
func replicaName(exchange plan.Ref, replica int) string {
	return "replica " + strconv.Itoa(replica) + " of the hub " + exchange.String()
}
