package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/hub"
)

// Times of a reader.
const (
	// patience is how long a replica may leave a request unanswered. One that
	// searches says so every pulse.
	patience = 10 * time.Second
	// keepEvery is how often a reader that is busy elsewhere says that it is alive.
	keepEvery = idleAfter / 3
	// knockEvery is how often a replica that is not there is tried again.
	knockEvery = 200 * time.Millisecond
)

// maxReplicas of a hub.
const maxReplicas = 64

// Client asks the replicas of hubs.
type Client struct {
	conn                *bus.Conn
	patience, keepEvery time.Duration
}

// NewClient makes a client.
func NewClient(c *bus.Conn) *Client {
	return &Client{conn: c, patience: patience, keepEvery: keepEvery}
}

// Search asks every replica of req.Exchange and yields their events as one answer:
// latest time first, events of one time by id, none twice. An event is valid until
// the next is asked for. An error comes last; it wraps the hub's, or
// hub.ErrUnavailable if a replica does not answer or the bus is lost. What comes
// without an error is whole.
func (c *Client) Search(ctx context.Context, req hub.SearchRequest) iter.Seq2[*event.Event, error] {
	return func(yield func(*event.Event, error) bool) {
		body, err := encodeQuestion(&req)
		switch {
		case err != nil:
			yield(nil, err)
			return
		case req.Replicas < 1 || req.Replicas > maxReplicas:
			yield(nil, fmt.Errorf("%w: how many replicas the hub %s has is not known", hub.ErrNotReady, req.Exchange))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		m := &merge{limit: req.Limit}
		for i := range req.Replicas {
			m.streams = append(m.streams, c.open(ctx, &req, i, body))
		}
		defer func() {
			cancel()
			for _, s := range m.streams {
				<-s.ended
			}
		}()
		m.run(yield)
	}
}

// piece is a part of the answer of one replica.
type piece struct {
	text []byte
	err  error
	end  bool
}

// stream is the answer of one replica. A goroutine is one piece ahead of whoever
// reads.
type stream struct {
	c       *Client
	name    string
	subject func(verb string) string
	id      string

	pieces chan piece
	ended  chan struct{}

	rest  []byte
	last  bool // rest is the end of the answer
	carry []byte
	event event.Event
}

func (c *Client) open(ctx context.Context, req *hub.SearchRequest, replica int, body []byte) *stream {
	s := &stream{
		c: c, name: replicaName(req.Exchange, replica), id: nuid.Next(), pieces: make(chan piece), ended: make(chan struct{}),
		subject: func(verb string) string {
			return subject(req.Exchange, replica, req.Namespace, req.Subscription, verb)
		},
	}
	go func() {
		defer close(s.ended)
		s.fetch(ctx, body)
	}()
	return s
}

// fetch asks for pieces until the answer ends or ctx does.
func (s *stream) fetch(ctx context.Context, body []byte) {
	open := true
	defer func() {
		if open {
			s.leave()
		}
	}()
	m, err := s.knock(ctx, body)
	for {
		p := piece{err: err}
		if err == nil {
			p.err = s.explain(errorOf(m))
			p.text, p.end = m.Data, m.Header.Get(headerStatus) == statusEnd
			open = p.err == nil && !p.end
		}
		if !s.hand(ctx, p) || p.err != nil || p.end {
			return
		}
		if m, err = s.ask(ctx, verbNext, []byte(s.id)); err != nil {
			err = s.unavailable(err)
		}
	}
}

// hand gives a piece to the reader, and tells the replica meanwhile that somebody
// is there. It is false if ctx ended.
func (s *stream) hand(ctx context.Context, p piece) bool {
	keep := time.NewTicker(s.c.keepEvery)
	defer keep.Stop()
	for {
		select {
		case s.pieces <- p:
			return true
		case <-ctx.Done():
			return false
		case <-keep.C:
			_ = s.c.conn.Core().Publish(s.subject(verbKeep), []byte(s.id)) // else the next request tells
		}
	}
}

// leave tells the replica that nobody reads any more. If that is lost, idleness
// tells it.
func (s *stream) leave() {
	_ = s.c.conn.Core().Publish(s.subject(verbClose), []byte(s.id))
}

// knock opens the answer. A replica that is not there, or not ready, is tried again
// for as long as patience lasts: it may just be started anew.
func (s *stream) knock(ctx context.Context, body []byte) (*nats.Msg, error) {
	until := time.Now().Add(s.c.patience)
	for {
		m, err := s.ask(ctx, verbOpen, body)
		again := errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrReconnectBufExceeded) ||
			err == nil && errors.Is(errorOf(m), hub.ErrNotReady)
		if !again || time.Now().Add(knockEvery).After(until) {
			if err != nil {
				err = s.unavailable(err)
			}
			return m, err
		}
		t := time.NewTimer(knockEvery)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil, ctx.Err()
		}
	}
}

func (s *stream) ask(ctx context.Context, verb string, body []byte) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, s.c.patience)
	defer cancel()
	m := &nats.Msg{Subject: s.subject(verb), Data: body}
	if verb == verbOpen {
		m.Header = nats.Header{headerQuery: {s.id}}
	}
	return s.c.conn.Core().RequestMsgWithContext(ctx, m)
}

func (s *stream) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

func (s *stream) unavailable(err error) error {
	return fmt.Errorf("%w: %s does not answer: %w", hub.ErrUnavailable, s.name, err)
}

// next is the next event of the replica, nil at the end.
func (s *stream) next() (*event.Event, error) {
	line, err := s.line()
	if line == nil || err != nil {
		return nil, err
	}
	s.event.Reset()
	if err := event.DecodeJSON(line, &s.event); err != nil {
		return nil, fmt.Errorf("%s sent an event that cannot be read: %w", s.name, err)
	}
	return &s.event, nil
}

// line is the next line without its end; it may span pieces.
func (s *stream) line() ([]byte, error) {
	s.carry = nil // events may share memory with the line before
	for {
		if i := bytes.IndexByte(s.rest, '\n'); i >= 0 {
			line := s.rest[:i]
			s.rest = s.rest[i+1:]
			if len(s.carry) > 0 {
				line = append(s.carry, line...)
			}
			return line, nil
		}
		if len(s.carry)+len(s.rest) > maxLine {
			return nil, fmt.Errorf("%s sent a line of more than %d bytes", s.name, maxLine)
		}
		s.carry, s.rest = append(s.carry, s.rest...), nil
		if s.last {
			if len(s.carry) > 0 {
				return nil, fmt.Errorf("%w: the answer of %s is cut off", hub.ErrUnavailable, s.name)
			}
			return nil, nil
		}
		select {
		case p := <-s.pieces:
			if p.err != nil {
				return nil, p.err
			}
			s.rest, s.last = p.text, p.end
		case <-s.ended:
			return nil, fmt.Errorf("%w: the question to %s was given up", context.Canceled, s.name)
		}
	}
}
