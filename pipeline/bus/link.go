package bus

import (
	"errors"
	"net"
	"sync/atomic"

	"github.com/nats-io/nats.go"
)

// link numbers the connections that a Conn makes one after the other, so that a
// message which must not overtake those sent before it can be kept to the
// connection that they were sent on.
type link struct {
	number  atomic.Int64
	sending atomic.Int64 // calls of during that may go on
}

// errSending refuses a new connection for a moment.
var errSending = errors.New("a publish on the connection before is not over")

// current is the number of the newest connection.
func (l *link) current() int64 { return l.number.Load() }

// next begins a new connection, unless something that is about to be published on
// the one before could end up on it.
func (l *link) next() error {
	l.number.Add(1)
	if l.sending.Load() > 0 {
		return errSending
	}
	return nil
}

// during calls publish unless a newer connection than n was begun. None begins
// while publish runs.
func (l *link) during(n int64, publish func()) {
	l.sending.Add(1)
	defer l.sending.Add(-1)
	if l.number.Load() == n {
		publish()
	}
}

// linkDialer dials as the NATS client does, and numbers what it dials.
type linkDialer struct {
	net.Dialer
	link *link
}

func (d *linkDialer) Dial(network, address string) (net.Conn, error) {
	if err := d.link.next(); err != nil {
		return nil, err
	}
	return d.Dialer.Dial(network, address)
}

// linkInProcess does the same for connections inside the process.
type linkInProcess struct {
	nats.InProcessConnProvider
	link *link
}

func (p *linkInProcess) InProcessConn() (net.Conn, error) {
	if err := p.link.next(); err != nil {
		return nil, err
	}
	return p.InProcessConnProvider.InProcessConn()
}
