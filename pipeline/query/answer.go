package query

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Times of an answer.
const (
	// idleAfter is how long an answer waits for its reader.
	idleAfter = 30 * time.Second
	// pulse is how long a reader waits for events before it is told that the
	// search goes on.
	pulse = 2 * time.Second
	// linger is how long events that were found wait for more; firstLinger those of
	// the first piece.
	linger      = 20 * time.Millisecond
	firstLinger = time.Millisecond
)

// answer is one search under way. One goroutine fills it, requests empty it.
type answer struct {
	cancel context.CancelFunc
	ended  <-chan struct{} // of the context of the search
	idle   *time.Timer

	mu      sync.Mutex
	text    []byte // found and not taken yet
	want    int    // wakes the reader when there is so much
	pieces  int    // taken so far
	done    bool   // nothing more will be found
	err     error  // why
	reading bool   // a request waits

	filled chan struct{} // has a token when the reader should look
	taken  chan struct{} // has a token when the search should look
}

func newAnswer(ctx context.Context, cancel context.CancelFunc, idle time.Duration) *answer {
	return &answer{cancel: cancel, ended: ctx.Done(), idle: time.AfterFunc(idle, cancel),
		filled: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fill runs a search to its end, to an error, or until the context ends. It waits
// while a whole piece lies there.
func (a *answer) fill(events iter.Seq2[*event.Event, error]) {
	for e, err := range events {
		if err != nil {
			a.finish(err)
			return
		}
		if !a.add(e) {
			return
		}
	}
	a.finish(nil)
}

// over tells whether the search was given up.
func (a *answer) over() bool {
	select {
	case <-a.ended:
		return true
	default:
		return false
	}
}

func (a *answer) finish(err error) {
	a.mu.Lock()
	a.done, a.err = true, err
	a.mu.Unlock()
	signal(a.filled)
}

func (a *answer) add(e *event.Event) bool {
	a.mu.Lock()
	before := len(a.text)
	a.text = append(event.AppendJSON(a.text, e), '\n')
	now := len(a.text)
	wake := a.reading && (before == 0 || now >= a.want)
	a.mu.Unlock()
	if wake {
		signal(a.filled)
	}
	for now >= maxPiece {
		select {
		case <-a.taken:
		case <-a.ended:
			return false
		}
		a.mu.Lock()
		now = len(a.text)
		a.mu.Unlock()
	}
	return true
}

// begin lets one request at a time wait.
func (a *answer) begin() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reading {
		return false
	}
	a.reading = true
	return true
}

// take waits for the next piece: a full one, what was found within linger, the
// last one, or, after a pulse, nothing. An error comes after everything that was
// found before it.
func (a *answer) take(buf []byte, pulse time.Duration) (piece []byte, end bool, err error) {
	beat := time.NewTimer(pulse)
	defer beat.Stop()
	var soon <-chan time.Time
	for {
		state := a.look()
		if state == ripe {
			return a.cut(buf)
		}
		if state == growing && soon == nil {
			t := time.NewTimer(a.lingerNow())
			defer t.Stop()
			soon = t.C
		}
		select {
		case <-a.filled:
		case <-soon:
			return a.cut(buf)
		case <-beat.C:
			return a.cut(buf)
		case <-a.ended:
			return a.cut(buf)
		}
	}
}

const (
	empty = iota
	growing
	ripe
)

func (a *answer) look() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	// The first piece is small: whoever waits for it wants to see something.
	a.want = min(firstPiece<<(2*a.pieces), maxPiece)
	switch {
	case a.done || len(a.text) >= a.want:
		return ripe
	case len(a.text) > 0:
		return growing
	}
	return empty
}

func (a *answer) lingerNow() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pieces == 0 {
		return firstLinger
	}
	return linger
}

// cut takes what is there, at most a piece, and ends the wait of the request.
func (a *answer) cut(buf []byte) (piece []byte, end bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = false
	n := min(len(a.text), maxPiece)
	piece = append(buf, a.text[:n]...)
	a.text = a.text[:copy(a.text, a.text[n:])]
	if n > 0 && a.pieces < 8 {
		a.pieces++
	}
	signal(a.taken)
	if len(a.text) > 0 {
		return piece, false, nil
	}
	if a.done && a.err != nil && n > 0 {
		return piece, false, nil // the error comes with the next one
	}
	return piece, a.done, a.err
}
