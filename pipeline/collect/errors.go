package collect

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-project/weir/api/v1alpha1"
)

// policy says when a failed collection is tried again.
type policy int

const (
	// backOff tries again after 1 s, 2 s, 4 s ..., never later than the schedule
	// would.
	backOff policy = iota
	// onSchedule waits for the next start: trying sooner would not help.
	onSchedule
	// waitUntil waits for the time that the publisher named.
	waitUntil
	// stall waits until the spec changes.
	stall
)

// failure is why a collection gave nothing: what the status says and when the
// next attempt is worth it.
type failure struct {
	reason string // one of the Reason constants of the API
	policy policy
	until  time.Time // with waitUntil
	status int       // of HTTP, with HTTPStatus
	err    error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// fail makes a failure of a message, as fmt.Errorf does.
func fail(reason string, p policy, format string, args ...any) *failure {
	return &failure{reason: reason, policy: p, err: fmt.Errorf(format, args...)}
}

// failWith makes a failure of a cause that is told after text.
func failWith(reason string, p policy, cause error, text string) *failure {
	return fail(reason, p, "%s: %w", text, bare(cause))
}

// bare takes the URL out of an error of net/http: it may carry a key in its
// query, and the message names the feed's URL anyway.
func bare(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return bare(ue.Err)
	}
	return err
}

// Causes of a cancelled collection.
var (
	errTimeout = errors.New("the collection took longer than spec.limits.timeout")
	errTooSlow = errors.New("the publisher sends too slowly")
)

// explain turns any error of a collection into a failure.
func explain(ctx context.Context, err error) *failure {
	var f *failure
	if errors.As(err, &f) && !errors.Is(err, context.Canceled) {
		return f
	}
	if cause := context.Cause(ctx); cause != nil {
		switch {
		case errors.Is(cause, errTooSlow):
			return fail(v1alpha1.ReasonTimeout, backOff, "%w", cause)
		case errors.Is(cause, errTimeout), errors.Is(cause, context.DeadlineExceeded):
			return fail(v1alpha1.ReasonTimeout, backOff, "%w", errTimeout)
		}
	}
	if f != nil {
		return f
	}
	return explainCause(err)
}

func explainCause(err error) *failure {
	var (
		forbidden *forbiddenError
		cert      *tls.CertificateVerificationError
		unknown   x509.UnknownAuthorityError
		op        *net.OpError
		netErr    net.Error
		dns       *net.DNSError
	)
	switch {
	case errors.As(err, &forbidden):
		return fail(v1alpha1.ReasonAddressForbidden, onSchedule, "%w", forbidden)
	case errors.Is(err, syscall.ENOSPC):
		return fail(v1alpha1.ReasonTooLarge, backOff, "the temporary folder of the collector is full: give it more space, or lower spec.limits")
	case errors.As(err, &cert), errors.As(err, &unknown):
		return failWith(v1alpha1.ReasonUnreachable, onSchedule, err, "the publisher's certificate cannot be verified")
	case errors.As(err, &op) && op.Op == "remote error": // so says crypto/tls of an alert
		return failWith(v1alpha1.ReasonUnreachable, onSchedule, err, "the publisher refused the TLS connection")
	case errors.As(err, &dns):
		return failWith(v1alpha1.ReasonUnreachable, backOff, err, "the publisher's name cannot be resolved")
	case errors.As(err, &netErr) && netErr.Timeout():
		return failWith(v1alpha1.ReasonTimeout, backOff, err, "the publisher did not answer in time")
	default:
		return failWith(v1alpha1.ReasonUnreachable, backOff, err, "the feed could not be fetched")
	}
}

const maxMessage = 1 << 10 // bytes; a publisher's text may be part of a message

// sentence makes a text fit for a status: one line of at most 1 KiB.
func sentence(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	if len(s) <= maxMessage {
		return s
	}
	cut := maxMessage - len("...")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}
