package buslink

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weir-project/weir/pipeline/bus"
)

const (
	// dialTimeout bounds one attempt, which is many tries; then its error is told.
	dialTimeout = 10 * time.Second
	// dialPause is between attempts: some fail at once.
	dialPause = 2 * time.Second

	// pingEvery notices a bus that is gone without a lost connection, pingLost one
	// that is back.
	pingEvery   = 10 * time.Second
	pingLost    = time.Second
	pingTimeout = 5 * time.Second
	// lostMost is how long a connection may try to come back by itself. Then it is
	// made anew, which also tells what is in the way.
	lostMost = 30 * time.Second

	// doubtAfter is how long the bus may take to tell what this link wrote.
	doubtAfter = 10 * time.Second

	// settleMost is how long a new link may be neither connected nor refused.
	settleMost = 15 * time.Second
)

// Link is the connection to the bus of one Exchange, and what is known of it. All
// methods of a nil Link answer that it is not connected.
type Link struct {
	links    *Links
	exchange types.NamespacedName
	cfg      Config
	log      logr.Logger
	changes  *coalescer
	poked    chan struct{} // asks for a ping now
	retired  chan struct{} // closed by retire
	made     time.Time

	mu      sync.Mutex
	settled bool     // it was connected, or could not be
	trouble *Error   // why the link cannot be used; nil if it can
	session *session // nil without a connection
	seen    *session // the last one that was read completely, to be asked until the next one is
	owed    bool     // somebody was sent away and waits for a Change
}

// session is one connection, with what was read over it. Its fields below mu of
// Link are guarded by that.
type session struct {
	conn   *bus.Conn
	config *configMirror
	status *statusMirror

	configRead, statusRead bool
	answers                bool            // the last ping
	epoch                  context.Context //nolint:containedctx // ends when the bus stops answering
	endEpoch               context.CancelFunc
}

func newLink(l *Links, exchange types.NamespacedName, c Config) *Link {
	k := &Link{
		links: l, exchange: exchange, cfg: c,
		log:     l.opts.Log.WithValues("exchange", exchange.String()),
		poked:   make(chan struct{}, 1),
		retired: make(chan struct{}),
		made:    time.Now(),
		trouble: unavailable("not connected yet to the bus at "+c.URLs, nil),
	}
	k.changes = newCoalescer(window, func(key string) { l.notify(k, key) })
	return k
}

// retire ends the link. It answers at once that it is not connected, and closes the
// connection later.
func (k *Link) retire() {
	close(k.retired)
	k.end(unavailable("the connection to the bus at "+k.cfg.URLs+" was ended", nil))
}

// run connects, again and again, until ctx ends or the link is retired.
func (k *Link) run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside.Go(func() { k.changes.run(ctx) })
	beside.Go(func() {
		select {
		case <-k.retired:
			cancel()
		case <-ctx.Done():
		}
	})
	for ctx.Err() == nil {
		err := k.connection(ctx)
		if ctx.Err() != nil {
			break
		}
		k.log.V(1).Info("bus connection ended", "error", err.Error())
		pause(ctx, dialPause)
	}
	k.end(unavailable("the operator stops", nil))
}

// connection makes one connection and works with it until it is of no use.
func (k *Link) connection(ctx context.Context) error {
	dctx, cancel := context.WithTimeout(logr.NewContext(ctx, k.log), dialTimeout)
	conn, err := k.links.opts.Dial(dctx, k.exchange, k.cfg)
	cancel()
	if err != nil {
		k.end(dialError(k.cfg.URLs, err))
		return err
	}
	defer func() {
		if err := conn.Close(); err != nil {
			k.log.V(1).Info("closing the bus connection", "error", err.Error())
		}
	}()
	s := &session{conn: conn, config: newConfigMirror(), status: newStatusMirror(), answers: true}
	s.epoch, s.endEpoch = context.WithCancel(ctx)
	k.begin(s)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return k.followConfig(gctx, s) })
	g.Go(func() error { return k.followStatus(gctx, s) })
	g.Go(func() error { return k.ping(gctx, s) })
	err = g.Wait()
	if ctx.Err() == nil {
		k.end(k.lost(err))
	}
	return err
}

func (k *Link) lost(cause error) *Error {
	return unavailable("the bus at "+k.cfg.URLs+" does not answer", cause)
}

func (k *Link) begin(s *session) {
	k.change(func() {
		select {
		case <-k.retired: // while it was being connected
			s.endEpoch()
			return
		default:
		}
		k.session = s
		k.judge()
	})
}

func (k *Link) end(why *Error) {
	k.change(func() {
		if s := k.session; s != nil {
			s.endEpoch()
			k.session = nil
		}
		k.trouble, k.settled = why, true
	})
}

// judge computes trouble from the session. k.mu is held.
func (k *Link) judge() {
	s := k.session
	switch {
	case s == nil: // the link was ended while something came over it
	case !s.answers:
		k.trouble = k.lost(nil)
	case !s.configRead || !s.statusRead:
		k.trouble = unavailable("connected to the bus at "+k.cfg.URLs+
			", but its configuration and status could not be read yet: the hub makes their streams when it starts", nil)
	default:
		k.trouble, k.seen, k.settled = nil, s, true
	}
}

// change calls fn with k.mu held, and tells if that made a difference.
func (k *Link) change(fn func()) {
	k.mu.Lock()
	before := k.trouble
	fn()
	after := k.trouble
	tell := !before.same(after)
	if after == nil && k.owed {
		k.owed, tell = false, true
	}
	k.mu.Unlock()
	if (before == nil) != (after == nil) {
		k.links.measure(k, after == nil)
		if after == nil {
			k.log.Info("bus is connected")
		} else {
			k.log.Info("bus is not connected", "error", after.Message)
		}
	}
	if tell {
		k.changes.add("")
	}
}

// followConfig keeps the mirror of the config bucket.
func (k *Link) followConfig(ctx context.Context, s *session) error {
	read := false // only here, so without the lock
	err := s.conn.Config().Watch(ctx, nil, func(e bus.Entry) error {
		if e.Key == "" {
			read = true
			k.change(func() {
				s.configRead = true
				k.judge()
			})
			return nil
		}
		if s.config.told(e) && read && wanted(e.Key) {
			k.changes.add("") // somebody else wrote, or the bus lost it
		}
		return nil
	})
	return ended(ctx, err)
}

// followStatus keeps the mirror of the status bucket.
func (k *Link) followStatus(ctx context.Context, s *session) error {
	read := false
	err := s.conn.Status().Watch(ctx, nil, func(e bus.Entry) error {
		if e.Key == "" {
			read = true
			k.change(func() {
				s.statusRead = true
				k.judge()
			})
			return nil
		}
		s.status.told(e)
		if read {
			k.changes.add(e.Key)
		}
		return nil
	})
	return ended(ctx, err)
}

// errEnded ends the goroutines of a connection together.
var errEnded = errors.New("connection closed")

func ended(ctx context.Context, err error) error {
	if err == nil && ctx.Err() == nil {
		return errEnded
	}
	return err
}

// ping asks the bus whether it is there, until it is not for too long.
func (k *Link) ping(ctx context.Context, s *session) error {
	answered := time.Now()
	for {
		wait := pingEvery
		if !k.answering(s) {
			wait = pingLost
		}
		k.awaitPing(ctx, wait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pctx, cancel := context.WithTimeout(ctx, pingTimeout)
		err := s.conn.Ready(pctx)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			answered = time.Now()
		case time.Since(answered) > lostMost:
			return err
		}
		k.pinged(s, err)
	}
}

func (k *Link) awaitPing(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-k.poked:
	}
}

func (k *Link) answering(s *session) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return s.answers
}

// pinged notes the result of a ping.
func (k *Link) pinged(s *session, err error) {
	k.change(func() {
		switch {
		case err != nil && s.answers:
			s.answers = false
			s.endEpoch()
		case err == nil && !s.answers:
			s.answers = true
			s.epoch, s.endEpoch = context.WithCancel(context.WithoutCancel(s.epoch))
		}
		k.judge()
	})
	if err == nil && s.config.doubt(time.Now().Add(-doubtAfter)) {
		k.changes.add("")
	}
}

// poke asks for a ping now.
func (k *Link) poke() {
	select {
	case k.poked <- struct{}{}:
	default:
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
