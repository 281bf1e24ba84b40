package bus

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// The bytes of a large payload are stored in parts, one message each, on
//
//	<prefix>.<ns>.<feed>.<payload>.<upload>.<n>
//
// where <payload> hashes feed and payload id and <upload> is new for every
// attempt. This is what the object store of the NATS client does, with three
// differences that matter here: at most partsAhead parts are unacknowledged (the
// client's object store allows 512 MiB), a repeat finds what a crash left behind,
// and the message of the payload is itself the commit: nothing is visible before it.
const (
	partSize   = 128 << 10
	partsAhead = 8
	// partsReuse is how old a complete upload may be for a repeat to take it up.
	partsReuse = 24 * time.Hour
	// headerFinal is on the last part only: the digest of the whole content.
	headerFinal = "Weir-Final"
	// headerBefore is on every part, when there is an earlier complete upload:
	// "<prefix> <parts>".
	headerBefore = "Weir-Before"
	// removeTime is how long the removal of a part may take.
	removeTime = 20 * time.Millisecond
)

// upload takes compressed bytes as an io.Writer and stores them in parts, unless
// they fit into the message.
type upload struct {
	c       *Conn
	stream  string
	payload string // <prefix>.<ns>.<feed>.<payload>
	prefix  string // <prefix>.<ns>.<feed>.<payload>.<upload>

	ctx   context.Context //nolint:containedctx // Write has none; lives for one publish
	buf   []byte
	parts int
	box   outbox
	old   earlier
}

// earlier is a complete upload of the same payload; the zero value is none.
type earlier struct {
	prefix string
	parts  int
}

func (e earlier) String() string { return e.prefix + " " + strconv.Itoa(e.parts) }

// parseEarlier reads what String wrote about an upload of a payload.
func parseEarlier(s, payload string) earlier {
	prefix, count, _ := strings.Cut(s, " ")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || !strings.HasPrefix(prefix, payload+".") {
		return earlier{}
	}
	return earlier{prefix, n}
}

func (c *Conn) newUpload(stream, prefix string, f Feed, id string) *upload {
	payload := f.subject(prefix) + "." + payloadToken(f, id)
	return &upload{
		c: c, stream: stream, payload: payload, prefix: payload + "." + nuid.Next(),
		box: outbox{c: c, limit: partsAhead},
	}
}

// payloadToken makes a subject token of any payload id.
func payloadToken(f Feed, id string) string {
	sum := sha256.Sum256([]byte(f.String() + "/" + id))
	return hex.EncodeToString(sum[:16])
}

// Write collects parts. The last part is kept back for finish.
func (u *upload) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		most := partSize
		if u.parts == 0 {
			most = inlineMost
		}
		if len(u.buf) >= most {
			if err := u.spill(); err != nil {
				return 0, err
			}
			most = partSize
		}
		if u.buf == nil {
			u.buf = make([]byte, 0, min(most, max(32<<10, len(b))))
		}
		k := min(len(b), most-len(u.buf))
		u.buf = append(u.buf, b[:k]...)
		b = b[k:]
	}
	return n, nil
}

// spill publishes the buffer in parts.
func (u *upload) spill() error {
	for part := range slices.Chunk(u.buf, partSize) {
		if err := u.put(part, ""); err != nil {
			return err
		}
	}
	u.buf = nil
	return nil
}

// put publishes a part. final is the digest of the content if it is the last.
func (u *upload) put(part []byte, final string) error {
	if u.parts == 0 {
		if err := u.clean(u.ctx); err != nil {
			return err
		}
	}
	if err := u.box.reserve(u.ctx); err != nil {
		return err
	}
	m := nats.NewMsg(u.prefix + "." + strconv.Itoa(u.parts))
	m.Data = part
	if u.old.parts > 0 {
		m.Header.Set(headerBefore, u.old.String())
	}
	if final != "" {
		m.Header.Set(headerFinal, final)
	}
	u.parts++
	u.box.send(m)
	return nil
}

// finish stores what is left and says where the bytes are.
func (u *upload) finish(ctx context.Context, digest string) (body, error) {
	if u.parts == 0 {
		return body{inline: u.buf}, nil
	}
	if err := u.put(u.buf, digest); err != nil {
		return body{}, err
	}
	if err := u.box.flush(ctx); err != nil {
		return body{}, err
	}
	// Whoever cleaned up meanwhile took the first part, too.
	first, err := u.c.lastMessage(ctx, u.stream, u.prefix+".0")
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && removed(first.Header) {
		return body{}, fmt.Errorf("upload was disturbed by another publish of the same payload: %w", ErrWait)
	}
	if err != nil {
		return body{}, fmt.Errorf("look at upload: %w", err)
	}
	if u.old.parts > 0 {
		same, err := u.c.finalDigest(ctx, u.stream, u.old)
		if err == nil && same == digest {
			u.discard(ctx)
			u.prefix, u.parts = u.old.prefix, u.old.parts
		}
	}
	return body{stream: u.stream, prefix: u.prefix, parts: u.parts}, nil
}

// clean removes what a crash left behind of earlier uploads of this payload, and
// remembers the last that is complete.
//
// Every upload cleans up after those before it, so there is at most one that is
// not complete, the newest. Its parts tell of the complete one before it.
func (u *upload) clean(ctx context.Context) error {
	m, err := u.c.lastMessage(ctx, u.stream, u.payload+".>")
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for earlier uploads: %w", err)
	}
	i := strings.LastIndexByte(m.Subject, '.')
	n, err := strconv.Atoi(m.Subject[i+1:])
	if err != nil {
		return fmt.Errorf("look for earlier uploads: part %s has no number", m.Subject)
	}
	newest := earlier{m.Subject[:i], n + 1}
	if m.Header.Get(headerFinal) != "" {
		if time.Since(m.Time) <= partsReuse {
			u.old = newest
		}
		return nil
	}
	u.old = parseEarlier(m.Header.Get(headerBefore), u.payload)
	if removed(m.Header) {
		newest.parts = n // somebody began to remove it
	}
	if err := u.c.removeParts(ctx, newest, u.old); err != nil {
		return fmt.Errorf("remove partial upload: %w", err)
	}
	return nil
}

// removeParts removes an upload, from its last part to its first, so that one that
// is interrupted leaves a partial upload.
func (c *Conn) removeParts(ctx context.Context, e, before earlier) error {
	box := outbox{c: c, limit: blocksAhead}
	for n := e.parts - 1; n >= 0; n-- {
		m := removal(e.prefix + "." + strconv.Itoa(n))
		if before.parts > 0 {
			m.Header.Set(headerBefore, before.String())
		}
		if err := box.reserve(ctx); err != nil {
			return err
		}
		box.send(m)
	}
	return box.flush(ctx)
}

// discard removes this upload, also when ctx has ended, but then only what can be
// removed soon.
func (u *upload) discard(ctx context.Context) {
	if u.parts == 0 {
		return
	}
	wait := ackTimeout
	if ctx.Err() == nil {
		wait += time.Duration(u.parts) * removeTime
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	u.box.abandon(ctx) // a part on its way would outlive the removal
	if err := u.c.removeParts(ctx, earlier{u.prefix, u.parts}, u.old); err != nil {
		u.c.log.Info("partial upload stays until its payload is published again", "subject", u.prefix, "error", err.Error())
	}
}

// discardUnlessReferred removes this upload if the message that made ours a
// duplicate refers to another one. If others came after that message the upload
// stays, as nobody may read messages by their number.
func (u *upload) discardUnlessReferred(ctx context.Context, subject string, seq uint64) {
	if u.parts == 0 {
		return
	}
	m, err := u.c.lastMessage(ctx, streamRaw, subject)
	if err != nil || m.Sequence != seq {
		return
	}
	if p, err := decodePayload(m.Header, m.Subject, m.Data, m.Sequence); err == nil && p.body.prefix != u.prefix {
		u.discard(ctx)
	}
}

var errNoParts = errors.New("bytes are not there (incomplete, or older than the retention)")

// finalDigest is the digest in the last part of a complete upload.
func (c *Conn) finalDigest(ctx context.Context, stream string, e earlier) (string, error) {
	m, err := c.lastMessage(ctx, stream, e.prefix+"."+strconv.Itoa(e.parts-1))
	if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && m.Header.Get(headerFinal) == "" {
		return "", errNoParts
	}
	if err != nil {
		return "", err
	}
	return m.Header.Get(headerFinal), nil
}

// openBody reads the compressed bytes.
func (c *Conn) openBody(ctx context.Context, b body) (io.Reader, error) {
	if b.parts == 0 {
		return bytes.NewReader(b.inline), nil
	}
	if b.stream != streamRawParts && b.stream != streamHeldPart {
		return nil, fmt.Errorf("no parts are kept in stream %q", b.stream)
	}
	return &partReader{c: c, ctx: ctx, body: b}, nil
}

// partReader reads one part after the other.
type partReader struct {
	c    *Conn
	ctx  context.Context //nolint:containedctx // an io.Reader has none
	body body
	n    int
	buf  []byte
}

func (r *partReader) Read(b []byte) (int, error) {
	for len(r.buf) == 0 {
		if r.n == r.body.parts {
			return 0, io.EOF
		}
		data, err := r.next()
		if err != nil {
			return 0, err
		}
		r.buf = data
	}
	n := copy(b, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}

// next fetches a part. On a cluster a replica that is behind may not have it yet.
func (r *partReader) next() ([]byte, error) {
	subject := r.body.prefix + "." + strconv.Itoa(r.n)
	for try := 0; ; try++ {
		m, err := r.c.lastMessage(r.ctx, r.body.stream, subject)
		switch {
		case err == nil && !removed(m.Header):
			r.n++
			return m.Data, nil
		case err != nil && !errors.Is(err, jetstream.ErrMsgNotFound):
			return nil, fmt.Errorf("part %d of %d: %w", r.n, r.body.parts, err)
		case try == 3:
			return nil, fmt.Errorf("part %d of %d: %w", r.n, r.body.parts, errNoParts)
		}
		if err := sleep(r.ctx, retryFirst); err != nil {
			return nil, err
		}
	}
}
