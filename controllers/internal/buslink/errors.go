package buslink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/nats-io/nats.go"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Error says why a link cannot be used now. It is made for a condition: Message
// is one sentence that stays the same as long as the cause does, without times,
// counters or secrets.
type Error struct {
	Reason  string // ReasonBusUnavailable or ReasonUnauthorized
	Message string
	Err     error // the cause, for logs; may be nil
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Err }

func unavailable(message string, cause error) *Error {
	return &Error{Reason: v1alpha1.ReasonBusUnavailable, Message: message, Err: cause}
}

// same reports whether two errors tell a person the same.
func (e *Error) same(o *Error) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.Reason == o.Reason && e.Message == o.Message
}

// errNone is what methods of a nil Link answer.
var errNone = unavailable("not connected to the bus yet", nil)

// dialError explains why no connection to urls was made.
func dialError(urls string, cause error) *Error {
	if unauthorized(cause) {
		return &Error{
			Reason:  v1alpha1.ReasonUnauthorized,
			Message: "the bus at " + urls + " refuses the operator's credentials: its account and the key that signs them do not belong together, or they expired",
			Err:     cause,
		}
	}
	message := "the bus at " + urls + " cannot be reached"
	if why := dialCause(cause); why != "" {
		message += ": " + why
	}
	return unavailable(message, cause)
}

func unauthorized(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) ||
		errors.Is(err, nats.ErrAuthRevoked) || errors.Is(err, nats.ErrAccountAuthExpired)
}

// dialCause names the usual causes in words that do not change from attempt to
// attempt; error texts have ports in them.
func dialCause(err error) string {
	var dns *net.DNSError
	var timeout net.Error
	var cert *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &dns):
		return "the host name is not known"
	case errors.As(err, &cert), errors.As(err, &unknown):
		return "its certificate is not trusted, check spec.bus.nats.ca"
	case errors.Is(err, nats.ErrSecureConnWanted):
		return "it has no TLS, write nats:// in spec.bus.nats.urls"
	case errors.Is(err, nats.ErrNoServers):
		return "nothing listens there"
	case errors.Is(err, nats.ErrTimeout), errors.As(err, &timeout) && timeout.Timeout() && !errors.Is(err, context.DeadlineExceeded):
		return "it does not answer"
	}
	return ""
}

// ConditionReason is the reason of a condition that this error explains.
func (e *Error) ConditionReason() string { return e.Reason }
