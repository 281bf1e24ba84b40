// Package parse turns the bytes of a payload into events, as a Parser resource
// declares: it finds the records, skips, maps and validates them. It streams:
// memory does not grow with the payload.
package parse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// Input is one column or path that the mapping uses.
type Input struct {
	// Name is the column, or the path, as the Parser writes it.
	Name string
	// Fields are the event fields that it fills; none if only conditions, skip or
	// explode rules use it.
	Fields []string
	// Required: a rule that requires its field has this as its only input.
	Required bool
}

// Meta is what the collector knows about a payload.
type Meta struct {
	Source      string // "<provider>.<channel>"
	URL         string
	Filename    string
	ContentType string
	Collected   time.Time
	// Policy is what the FeedSource says of all its events; a record may narrow
	// it, never widen it. Without a restriction it is need-to-know.
	TLP         event.TLP
	Restriction event.Restriction
}

// Rejection is a record that could not become an event.
type Rejection struct {
	Reason string // without the field
	Field  string // of the event or the input; may be empty
	// Record is as it was in the payload, decoded to UTF-8, at most 64 KiB of it;
	// valid during the call.
	Record []byte
}

// Sink takes what comes out of a payload. An error stops parsing.
type Sink interface {
	// Event takes a validated event with its id. It and its text are valid during
	// the call: the text lies in the buffer that the payload is read into.
	Event(e *event.Event) error
	Reject(r *Rejection) error
}

// Stats accounts for every record: Records + what Explode and Emit added = Events +
// Rejected + sum of Skipped.
type Stats struct {
	Records  int64
	Exploded int64 // records that Explode and Emit added
	Events   int64
	Rejected int64
	Skipped  map[string]int64 // by reason
	// Missing are the columns that the mapping uses and the header does not have.
	// It is no error by itself; a Parser often allows for several layouts.
	Missing []string
}

// Observer sees the records before they are mapped; the drift monitor learns
// from it. Calls come in the order of the payload.
type Observer interface {
	// Columns tells the names of the columns, in order (CSV with a header; text
	// and header: None give the declared names).
	Columns(names []string)
	// Record is called for each record that could be read; where explode rules make
	// several of it that have values of their own, for the first of them.
	Record(r *Record)
}

// UnreadableError says that the payload is not in the declared format at all:
// HTML instead of CSV, no record array at the path, no header.
type UnreadableError struct {
	Reason string
}

func (e *UnreadableError) Error() string { return "payload cannot be read: " + e.Reason }

// Parse reads a payload. Its error is about the payload as a whole: an
// *UnreadableError, what the reader or the sink returned, or ctx's. The events
// before it were given to the sink. obs may be nil.
func (p *Parser) Parse(ctx context.Context, r io.Reader, m Meta, sink Sink, obs Observer) (Stats, error) {
	if p.set != nil {
		var err error
		if _, p, err = p.set.Parser(m); err != nil {
			return Stats{}, err
		}
	}
	var captured map[string]string
	if p.footer() {
		data, err := io.ReadAll(io.LimitReader(r, maxFooter+1))
		if err == nil {
			captured, err = p.rehearse(ctx, data, m)
		}
		if err != nil {
			return Stats{}, err
		}
		r = bytes.NewReader(data)
	}
	run, err := p.start(ctx, r, m, sink, obs)
	if err != nil {
		return Stats{}, err
	}
	for _, c := range p.captures {
		if v, ok := captured[c.name]; ok && c.footer {
			run.runner.Know(c.name, v)
		}
	}
	err = p.format.read(run)
	if run.groups != nil && (err == nil || unreadable(err)) {
		err = errors.Join(err, run.groups.flush())
	}
	return run.stats, err
}

// rehearse reads a payload for what is captured behind the records.
func (p *Parser) rehearse(ctx context.Context, data []byte, m Meta) (map[string]string, error) {
	if len(data) > maxFooter {
		return nil, &UnreadableError{fmt.Sprintf("it is larger than the %d MiB that a payload may have where "+
			"spec.input.capture has a footer", maxFooter>>20)}
	}
	run, err := p.start(ctx, bytes.NewReader(data), m, nil, nil)
	if err != nil {
		return nil, err
	}
	run.rehearsal = true
	if err := p.format.read(run); err != nil && !unreadable(err) {
		return nil, err
	}
	return run.captured, nil
}

// maxFooter bounds the payloads that are read twice.
const maxFooter = 16 << 20

func unreadable(err error) bool {
	var u *UnreadableError
	return errors.As(err, &u)
}

// binary is a format that is no text, or says itself what its character sets are.
type binary interface {
	format
	binary()
}

// start decodes the payload and prepares a run.
func (p *Parser) start(ctx context.Context, r io.Reader, m Meta, sink Sink, obs Observer) (*run, error) {
	if _, ok := p.format.(binary); ok {
		return newRun(ctx, p, r, charset{name: utf8Name}, m, sink, obs), nil
	}
	text, set, err := decode(r, p.charset, m.ContentType)
	if err != nil {
		return nil, err
	}
	return newRun(ctx, p, text, set, m, sink, obs), nil
}
