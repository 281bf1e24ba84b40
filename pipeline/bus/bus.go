// Package bus carries payloads, events and state between components: NATS
// JetStream, embedded or external, with the streams and buckets of Weir.
//
// Whatever is published here was written to disk (sync always) when the call
// returns. Message ids are deterministic, so repeating a publish after a crash
// does not double a message.
//
// A call that cannot go on for now (server away, disk full, stream full) waits
// and tries again until its context ends; it then returns an error that wraps
// ErrWait and the context's error. Waiting is how back-pressure travels
// upstream: an event writer that waits keeps its payload unacknowledged, and the
// next payload is not handed out.
package bus

import (
	"errors"
	"fmt"
	"strings"
)

// ErrWait marks an error that says "not now" (back-pressure, disk full): the
// message is delivered again without limit.
var ErrWait = errors.New("not now")

// ErrNotFound is returned by Get for a key that is not there.
var ErrNotFound = errors.New("key not found")

// Feed is a FeedSource by namespace and name.
type Feed struct {
	Namespace string
	Name      string
}

// String is namespace/name.
func (f Feed) String() string { return f.Namespace + "/" + f.Name }

// check reports whether both names may become subject tokens.
func (f Feed) check() error {
	if err := checkLabel("namespace", f.Namespace); err != nil {
		return err
	}
	return checkLabel("feed name", f.Name)
}

// subject is prefix.<ns>.<name>.
func (f Feed) subject(prefix string) string {
	return prefix + "." + f.Namespace + "." + f.Name
}

// filter is the subjects of one feed, or of all feeds for the zero Feed.
func (f Feed) filter(prefix string) (string, error) {
	if f == (Feed{}) {
		return prefix + ".>", nil
	}
	return f.subject(prefix), f.check()
}

// feedOf reads the feed from the tokens of a subject that follow skip tokens.
func feedOf(subject string, skip int) Feed {
	tokens := strings.SplitN(subject, ".", skip+3)
	if len(tokens) < skip+2 {
		return Feed{}
	}
	return Feed{Namespace: tokens[skip], Name: tokens[skip+1]}
}

// checkLabel refuses what is no DNS label (RFC 1123): other characters could
// change the meaning of a subject.
func checkLabel(what, s string) error {
	if s == "" || len(s) > 63 {
		return fmt.Errorf("%s %q: must have 1 to 63 characters", what, s)
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case c == '-' && i > 0 && i < len(s)-1:
		default:
			return fmt.Errorf("%s %q: must be a DNS label (lower-case letters, digits, inner dashes)", what, s)
		}
	}
	return nil
}
