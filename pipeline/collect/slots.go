package collect

import (
	"context"
	"sync"
)

const (
	// atOnce bounds the collections that run at the same time, perHost those
	// from one host: feeds of one publisher must not look like an attack.
	atOnce  = 16
	perHost = 2
)

// slots bound how many collections run at once.
type slots struct {
	all chan struct{}

	mu    sync.Mutex
	hosts map[string]*hostSlots
}

type hostSlots struct {
	free  chan struct{}
	users int // that hold a slot or wait for one
}

func newSlots() *slots {
	return &slots{all: make(chan struct{}, atOnce), hosts: map[string]*hostSlots{}}
}

// acquire waits for a slot of the host and one of all, in this order, so that a
// slow host's queue takes nothing from the others. An empty host has no bound of
// its own.
func (s *slots) acquire(ctx context.Context, host string) (release func(), err error) {
	leave, err := s.enter(ctx, host)
	if err != nil {
		return nil, err
	}
	select {
	case s.all <- struct{}{}:
		return func() { <-s.all; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}

func (s *slots) enter(ctx context.Context, host string) (leave func(), err error) {
	if host == "" {
		return func() {}, nil
	}
	s.mu.Lock()
	h := s.hosts[host]
	if h == nil {
		h = &hostSlots{free: make(chan struct{}, perHost)}
		s.hosts[host] = h
	}
	h.users++
	s.mu.Unlock()
	forget := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if h.users--; h.users == 0 {
			delete(s.hosts, host)
		}
	}
	select {
	case h.free <- struct{}{}:
		return func() { <-h.free; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
}
