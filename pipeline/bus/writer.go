package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// blocksAhead is how many blocks of one writer may be unacknowledged.
const blocksAhead = 64

// LineWriter collects lines into blocks and publishes them without waiting for
// each acknowledgement; Close waits for all. Not safe for concurrent use.
//
// A block that the bus does not take (stream full, disk full, server away) is
// repeated with the same id, and the caller waits meanwhile. When its context
// ends first, the error wraps ErrWait, and the writer may go on with another
// context.
//
// Blocks are stored in order, whatever happens to the connection and the server:
// none before all that precede it. One that was stored may be stored again (see
// ConsumeEvents). There is one exception: of a full stream, that takes some blocks
// and refuses others, those on their way behind a refused one, at most 64, may be
// stored before it. None is lost then, only late.
type LineWriter struct {
	subject string
	id      string // prefix of message ids
	block   Block
	blocks  int
	whole   bool // never cut into several blocks
	box     outbox
	err     error
}

// NewEventWriter writes to event.<partition>.<ns>.<feedsource>. The message ids
// are made of feed, payload, run and a counter, so a repeated run must write the
// same lines.
func (c *Conn) NewEventWriter(f Feed, source, payloadID, run string) *LineWriter {
	prefix := prefixEvent + "." + strconv.Itoa(Partition(source))
	return c.newWriter(f.subject(prefix), f.check(), Block{Source: source, Payload: payloadID},
		f.String()+"/"+payloadID+"/"+run)
}

// NewRejectedWriter writes to rejected.<ns>.<feedsource>.
func (c *Conn) NewRejectedWriter(f Feed, source, payloadID, run string) *LineWriter {
	return c.newWriter(f.subject(prefixRejected), f.check(), Block{Source: source, Payload: payloadID},
		f.String()+"/"+payloadID+"/"+run)
}

// NewDeliverWriter writes one block to deliver.<ns>.<subscription>, whatever its
// size. id is made of the id of the event block that is delivered from: lines are
// not the same when they are delivered again (the time of recording is in them), so
// where one block ends and the next begins must not depend on them.
func (c *Conn) NewDeliverWriter(namespace, subscription, zone, source, id string) *LineWriter {
	f := Feed{Namespace: namespace, Name: subscription}
	w := c.newWriter(f.subject(prefixDeliver), f.check(), Block{Source: source, Zone: zone},
		f.String()+"/"+zone+"/"+id)
	w.whole = true
	return w
}

func (c *Conn) newWriter(subject string, err error, b Block, id string) *LineWriter {
	for _, v := range []string{b.Source, b.Payload, b.Zone, id} {
		if strings.ContainsFunc(v, unicode.IsControl) {
			err = errors.Join(err, fmt.Errorf("control character in %q", v))
		}
	}
	return &LineWriter{subject: subject, id: id, block: b, err: err, box: outbox{c: c, limit: blocksAhead}}
}

// Append copies a line (without newline). It waits while too much is
// unacknowledged. When it fails the line was not taken.
func (w *LineWriter) Append(ctx context.Context, line []byte) error {
	switch {
	case w.err != nil:
		return w.err
	case len(line) > maxLine:
		return fmt.Errorf("line of %d bytes: at most %d fit into a block", len(line), maxLine)
	case bytes.IndexByte(line, '\n') >= 0:
		return errors.New("line has a line break inside")
	case w.whole && len(w.block.Lines)+len(line)+1 > maxBlock:
		return fmt.Errorf("block of more than %d bytes: write its lines as several", maxBlock)
	}
	if !w.whole && (w.block.Count == blockLines || w.block.Count > 0 && len(w.block.Lines)+len(line)+1 > blockBytes) {
		if err := w.flush(ctx); err != nil {
			return err
		}
	}
	w.block.Lines = append(append(w.block.Lines, line...), '\n')
	w.block.Count++
	return nil
}

// flush publishes the collected lines. When it fails they stay collected.
func (w *LineWriter) flush(ctx context.Context) error {
	if w.block.Count == 0 {
		return nil
	}
	if err := w.box.reserve(ctx); err != nil {
		return err
	}
	w.box.send(encodeBlock(w.subject, w.box.c.messageID(w.id+"."+strconv.Itoa(w.blocks)), &w.block))
	w.blocks++
	w.block.Lines, w.block.Count = w.block.Lines[:0], 0
	return nil
}

// Close publishes what is left and waits for every acknowledgement. It may be
// called again when it failed with ErrWait.
func (w *LineWriter) Close(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	if err := w.flush(ctx); err != nil {
		return err
	}
	return w.box.flush(ctx)
}
