// Package query carries questions to the archive over the bus: a Server beside
// each hub replica, a Client in each exporter that asks all of them.
//
// A question travels on
//
//	query.<exchange namespace>.<exchange>.<replica>.<subscription namespace>.<subscription>.<verb>
//
// so the bus, by the credentials of whoever asks, decides for which subscription
// it may ask; no name in a message counts. Open begins an answer and brings its
// first piece, next brings one more, keep says that the reader is alive, close
// that it is gone. The reader pulls: an answer of any length costs either side a
// few pieces of memory.
package query

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

// The verbs.
const (
	verbOpen  = "open"
	verbNext  = "next"
	verbKeep  = "keep"
	verbClose = "close"
)

// Headers.
const (
	headerQuery  = "Weir-Query"  // of open: how next, keep and close name the answer
	headerStatus = "Weir-Status" // more, end, or why it failed
	headerError  = "Weir-Error"  // one line
)

// Sizes. maxPiece fits any server: the smallest default bound of a message is
// 1 MiB.
const (
	firstPiece = 16 << 10
	maxPiece   = 256 << 10
	maxRequest = 512 << 10
	// maxLine is the longest line of an event, which may span pieces.
	maxLine = 4 << 20
)

// Prefix of the subjects.
const Prefix = "query"

// subject of a verb.
func subject(exchange plan.Ref, replica int, namespace, subscription, verb string) string {
	return strings.Join([]string{Prefix, exchange.Namespace, exchange.Name, strconv.Itoa(replica), namespace, subscription, verb}, ".")
}

// asker reads who asks what from a subject.
func asker(subject string) (who plan.Ref, verb string, ok bool) {
	t := strings.Split(subject, ".")
	if len(t) != 7 {
		return plan.Ref{}, "", false
	}
	return plan.Ref{Namespace: t[4], Name: t[5]}, t[6], true
}

// question is the body of open. A hub refuses one with fields that it does not
// know, rather than answer more than was asked for.
type question struct {
	Zone    string      `json:"zone"`
	Where   []condition `json:"where,omitempty"`
	Limit   int64       `json:"limit,omitempty"`
	Primary bool        `json:"primary,omitempty"`
}

type condition struct {
	Field string         `json:"field"`
	Op    string         `json:"op"`
	Text  []string       `json:"text,omitempty"`
	Nets  []netip.Prefix `json:"nets,omitempty"`
	Time  time.Time      `json:"time,omitzero"`
}

// operators by the names that they have on the bus.
var operators = map[string]store.Op{
	"in": store.In, "contains": store.Contains, "innet": store.InNet, "min": store.Min, "max": store.Max,
	"until": store.Until, "atmost": store.AtMost, "atleast": store.AtLeast, "subdomain": store.Subdomain,
}

var operatorNames = func() map[store.Op]string {
	names := make(map[store.Op]string, len(operators))
	for name, op := range operators {
		names[op] = name
	}
	return names
}()

func encodeQuestion(req *hub.SearchRequest) ([]byte, error) {
	q := question{Zone: req.Zone, Limit: req.Limit, Primary: req.Primary}
	for _, c := range req.Where {
		name, ok := operatorNames[c.Op]
		if !ok {
			return nil, fmt.Errorf("%w: field %q: unknown operator %d", store.ErrQuery, c.Field, c.Op)
		}
		q.Where = append(q.Where, condition{c.Field, name, c.Text, c.Nets, c.Time})
	}
	b, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrQuery, err)
	}
	if len(b) > maxRequest {
		return nil, fmt.Errorf("%w: the conditions have %d bytes, at most %d are allowed", store.ErrQuery, len(b), maxRequest)
	}
	return b, nil
}

func decodeQuestion(data []byte) (hub.SearchRequest, error) {
	if len(data) > maxRequest {
		return hub.SearchRequest{}, fmt.Errorf("%w: the question has %d bytes, at most %d are allowed", store.ErrQuery, len(data), maxRequest)
	}
	var q question
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return hub.SearchRequest{}, fmt.Errorf("%w: the question cannot be read: %w", store.ErrQuery, err)
	}
	req := hub.SearchRequest{Zone: q.Zone, Limit: q.Limit, Primary: q.Primary}
	for _, c := range q.Where {
		op, ok := operators[c.Op]
		if !ok {
			return hub.SearchRequest{}, fmt.Errorf("%w: field %q: unknown operator %q", store.ErrQuery, c.Field, c.Op)
		}
		req.Where = append(req.Where, store.Cond{Field: c.Field, Op: op, Text: c.Text, Nets: c.Nets, Time: c.Time})
	}
	return req, nil
}

// Statuses of an answer.
const (
	statusMore = "more"
	statusEnd  = "end"
	statusGone = "gone" // the answer ended already: the reader was idle, or the hub was started anew
)

// failures are the statuses of errors that the reader tells apart.
var failures = []struct {
	status string
	err    error
}{
	{"forbidden", hub.ErrForbidden},
	{"starting", hub.ErrNotReady},
	{"busy", hub.ErrBusy},
	{"invalid", store.ErrQuery},
	{statusGone, hub.ErrUnavailable},
}

func statusOf(err error) string {
	for _, f := range failures {
		if errors.Is(err, f.err) {
			return f.status
		}
	}
	return "failed"
}

// errorOf is the error that an answer brings, if any.
func errorOf(m *nats.Msg) error {
	status := m.Header.Get(headerStatus)
	if status == statusMore || status == statusEnd {
		return nil
	}
	for _, f := range failures {
		if f.status == status {
			return fmt.Errorf("%w (%s)", f.err, m.Header.Get(headerError))
		}
	}
	return fmt.Errorf("status %q: %s", status, m.Header.Get(headerError))
}

// oneLine makes an error fit for a header.
func oneLine(err error) string {
	b := []byte(err.Error())
	for i, c := range b {
		if c < ' ' {
			b[i] = ' '
		}
	}
	return string(b[:min(len(b), 1024)])
}
