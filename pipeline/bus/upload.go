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
//	<prefix>.<payload>.<upload>.<n>
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
)

// upload takes compressed bytes as an io.Writer and stores them in parts, unless
// they fit into the message.
type upload struct {
	c       *Conn
	stream  string
	payload string // <prefix>.<payload>
	prefix  string // <prefix>.<payload>.<upload>

	ctx   context.Context //nolint:containedctx // Write has none; lives for one publish
	buf   []byte
	parts int
	box   outbox
	old   map[string]int // complete earlier uploads, with their number of parts
}

func (c *Conn) newUpload(stream, prefix string, f Feed, id string) *upload {
	payload := prefix + "." + payloadToken(f, id)
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
		if err := u.put(part, nil); err != nil {
			return err
		}
	}
	u.buf = nil
	return nil
}

// put publishes a part.
func (u *upload) put(part []byte, header nats.Header) error {
	if u.parts == 0 {
		if err := u.clean(u.ctx); err != nil {
			return err
		}
	}
	if err := u.box.reserve(u.ctx); err != nil {
		return err
	}
	m := &nats.Msg{Subject: u.prefix + "." + strconv.Itoa(u.parts), Header: header, Data: part}
	u.parts++
	u.box.send(m)
	return nil
}

// finish stores what is left and says where the bytes are.
func (u *upload) finish(ctx context.Context, digest string) (body, error) {
	if u.parts == 0 {
		return body{inline: u.buf}, nil
	}
	if err := u.put(u.buf, nats.Header{headerFinal: []string{digest}}); err != nil {
		return body{}, err
	}
	if err := u.box.flush(ctx); err != nil {
		return body{}, err
	}
	uploads, err := u.list(ctx)
	if err != nil {
		return body{}, err
	}
	if uploads[u.prefix] != u.parts {
		return body{}, fmt.Errorf("upload was disturbed by another publish of the same payload: %w", ErrWait)
	}
	for prefix, parts := range u.old {
		same, err := u.c.finalDigest(ctx, u.stream, prefix, parts)
		if err == nil && same == digest {
			u.discard(ctx)
			u.prefix, u.parts = prefix, parts
			break
		}
	}
	return body{stream: u.stream, prefix: u.prefix, parts: u.parts}, nil
}

// list counts the parts of each upload of this payload.
func (u *upload) list(ctx context.Context) (map[string]int, error) {
	var info *jetstream.StreamInfo
	err := u.c.retry(ctx, "list parts", func(ctx context.Context) error {
		s, err := u.c.stream(ctx, u.stream)
		if err == nil {
			info, err = s.Info(ctx, jetstream.WithSubjectFilter(u.payload+".>"))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	uploads := make(map[string]int)
	for subject := range info.State.Subjects {
		if i := strings.LastIndexByte(subject, '.'); i > 0 {
			uploads[subject[:i]]++
		}
	}
	return uploads, nil
}

// clean removes what a crash left behind of earlier uploads of this payload, and
// remembers those that are complete.
func (u *upload) clean(ctx context.Context) error {
	uploads, err := u.list(ctx)
	if err != nil {
		return err
	}
	u.old = make(map[string]int)
	for prefix, parts := range uploads {
		if prefix == u.prefix {
			continue
		}
		_, err := u.c.finalDigest(ctx, u.stream, prefix, parts)
		switch {
		case err == nil:
			u.old[prefix] = parts
		case errors.Is(err, errNoParts):
			if err := u.c.purge(ctx, u.stream, prefix+".>"); err != nil {
				return fmt.Errorf("remove partial upload: %w", err)
			}
		case !errors.Is(err, errPartsOld):
			return err
		}
	}
	return nil
}

// discard removes this upload, also when ctx has ended.
func (u *upload) discard(ctx context.Context) {
	if u.parts == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTimeout)
	defer cancel()
	u.box.abandon(ctx) // a part on its way would outlive the purge
	if err := u.c.purge(ctx, u.stream, u.prefix+".>"); err != nil {
		u.c.log.Info("partial upload stays until its payload is published again", "subject", u.prefix, "error", err.Error())
	}
}

// discardUnlessReferred removes this upload if the message that made ours a
// duplicate refers to another one.
func (u *upload) discardUnlessReferred(ctx context.Context, subject string, seq uint64) {
	if u.parts == 0 {
		return
	}
	m, err := u.c.message(ctx, streamRaw, seq)
	if err != nil || m.Subject != subject {
		return
	}
	if p, err := decodePayload(m.Header, m.Subject, m.Data, m.Sequence); err == nil && p.body.prefix != u.prefix {
		u.discard(ctx)
	}
}

var (
	errNoParts  = errors.New("bytes are not there (incomplete, or older than the retention)")
	errPartsOld = errors.New("upload is too old to be taken up")
)

// finalDigest is the digest in the last part of a complete upload.
func (c *Conn) finalDigest(ctx context.Context, stream, prefix string, parts int) (string, error) {
	m, err := c.lastMessage(ctx, stream, prefix+"."+strconv.Itoa(parts-1))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return "", errNoParts
	}
	if err != nil {
		return "", err
	}
	digest := m.Header.Get(headerFinal)
	switch {
	case digest == "":
		return "", errNoParts
	case time.Since(m.Time) > partsReuse:
		return "", errPartsOld
	}
	return digest, nil
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
		case err == nil:
			r.n++
			return m.Data, nil
		case !errors.Is(err, jetstream.ErrMsgNotFound):
			return nil, fmt.Errorf("part %d of %d: %w", r.n, r.body.parts, err)
		case try == 3:
			return nil, fmt.Errorf("part %d of %d: %w", r.n, r.body.parts, errNoParts)
		}
		if err := sleep(r.ctx, retryFirst); err != nil {
			return nil, err
		}
	}
}
