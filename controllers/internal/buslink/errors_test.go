package buslink

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/weir-project/weir/api/v1alpha1"
)

func TestDialErrorsAreToldInStableWords(t *testing.T) {
	const urls = "tls://nats.example:4222"
	for name, c := range map[string]struct {
		cause           error
		reason, message string
	}{
		"refused credentials": {nats.ErrAuthorization, v1alpha1.ReasonUnauthorized,
			"the bus at " + urls + " refuses the operator's credentials: its account and the key that signs them do not belong together, or they expired"},
		"no server": {nats.ErrNoServers, v1alpha1.ReasonBusUnavailable, "the bus at " + urls + " cannot be reached: nothing listens there"},
		"unknown host": {&net.DNSError{Name: "nats.example", Server: "10.0.0.1:53", IsNotFound: true}, v1alpha1.ReasonBusUnavailable,
			"the bus at " + urls + " cannot be reached: the host name is not known"},
		"unknown CA": {x509.UnknownAuthorityError{}, v1alpha1.ReasonBusUnavailable,
			"the bus at " + urls + " cannot be reached: its certificate is not trusted, check spec.bus.nats.ca"},
		"silence": {nats.ErrTimeout, v1alpha1.ReasonBusUnavailable, "the bus at " + urls + " cannot be reached: it does not answer"},
		"anything else": {&net.OpError{Op: "read", Net: "tcp", Err: fmt.Errorf("read tcp 10.1.2.3:53422: reset")}, v1alpha1.ReasonBusUnavailable,
			"the bus at " + urls + " cannot be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			err := dialError(urls, fmt.Errorf("connect: %w (last attempt: %w)", context.DeadlineExceeded, c.cause))
			if err.Reason != c.reason || err.Message != c.message {
				t.Errorf("%s: %s", err.Reason, err.Message)
			}
		})
	}
}
