package bus

import "github.com/nats-io/nats.go"

// Core is the connection itself, for requests and answers that need not outlive
// the moment: no stream keeps them.
func (c *Conn) Core() *nats.Conn { return c.nc }
