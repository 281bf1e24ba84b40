package bus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// lastMessage reads the newest message on a subject, which may have wildcards,
// waiting for the server if need be. jetstream.ErrMsgNotFound tells that there is
// none.
//
// The request has the subject in its own subject, so that a permission binds it;
// those of the client's library have it in the body.
func (c *Conn) lastMessage(ctx context.Context, stream, subject string) (*jetstream.RawStreamMsg, error) {
	var m *jetstream.RawStreamMsg
	missing := false
	err := c.retry(ctx, "read "+stream, func(ctx context.Context) error {
		answer, err := c.nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+stream+"."+subject, nil)
		if err != nil {
			return err
		}
		m, err = directAnswer(answer)
		missing = errors.Is(err, jetstream.ErrMsgNotFound)
		if missing {
			return nil
		}
		return err
	})
	if err == nil && missing {
		err = jetstream.ErrMsgNotFound
	}
	return m, err
}

// directAnswer reads the answer to a direct get: a message with headers that say
// where it was, or a status.
func directAnswer(m *nats.Msg) (*jetstream.RawStreamMsg, error) {
	if status := m.Header.Get("Status"); status != "" && len(m.Data) == 0 {
		if status == strconv.Itoa(http.StatusNotFound) {
			return nil, jetstream.ErrMsgNotFound
		}
		return nil, fmt.Errorf("direct get: status %s %s", status, m.Header.Get("Description"))
	}
	seq, err := strconv.ParseUint(m.Header.Get(jetstream.SequenceHeader), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("direct get: header %s: %w", jetstream.SequenceHeader, err)
	}
	stored, err := time.Parse(time.RFC3339Nano, m.Header.Get(jetstream.TimeStampHeaer))
	if err != nil {
		return nil, fmt.Errorf("direct get: header %s: %w", jetstream.TimeStampHeaer, err)
	}
	return &jetstream.RawStreamMsg{
		Subject: m.Header.Get(jetstream.SubjectHeader), Sequence: seq, Header: m.Header, Data: m.Data, Time: stored,
	}, nil
}

// headerRemoved marks a message that stands for one that was removed.
const headerRemoved = "Weir-Removed"

func removed(h nats.Header) bool { return h.Get(headerRemoved) != "" }

// removal makes the message that removes the one on a subject of a stream with one
// message a subject: it takes its place, and the server drops it after a second.
// A purge would need a permission for the whole stream.
func removal(subject string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Header.Set(headerRemoved, "1")
	m.Header.Set(jetstream.MsgTTLHeader, "1s")
	return m
}
