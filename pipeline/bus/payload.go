package bus

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
)

// Payload is the bytes of one collection with their metadata. The bytes are
// read with Conn.Open.
type Payload struct {
	// ID is deterministic; two publishes of one ID are one message.
	ID        string    `json:"id"`
	Feed      Feed      `json:"-"`
	Source    string    `json:"source"`
	Collected time.Time `json:"collected"`
	// Collection groups the payloads of one collection (pages, archive members);
	// Part counts them from 0.
	Collection  string `json:"collection"`
	Part        int    `json:"part"`
	Size        int64  `json:"size"`   // bytes
	Digest      string `json:"digest"` // SHA-256 in hex
	ContentType string `json:"contentType,omitempty"`
	URL         string `json:"url,omitempty"` // without secrets
	Filename    string `json:"filename,omitempty"`

	// Seq is the position in the stream it was read from.
	Seq uint64 `json:"-"`

	body body
}

// body is where the compressed bytes are: inline, or in parts of a stream.
type body struct {
	inline []byte
	stream string
	prefix string // subject of the parts without the number
	parts  int
}

// Headers of messages that carry a payload.
const (
	headerPayload = "Weir-Payload" // Payload as JSON
	headerParts   = "Weir-Parts"   // "<stream> <prefix> <count>", when the bytes are not in the message
)

// inlineMost is how many compressed bytes travel in the message itself.
const inlineMost = 512 << 10

// PublishRaw stores content (inline up to 512 KiB compressed, else in parts) and
// publishes the payload. It streams: memory does not grow with the content.
// Size and Digest are computed here. If content returns an error, nothing is
// published and the partial upload is removed. What a crash leaves behind is
// removed by the next publish of the same id.
func (c *Conn) PublishRaw(ctx context.Context, p *Payload, content io.Reader) error {
	if err := p.Feed.check(); err != nil {
		return fmt.Errorf("publish payload: %w", err)
	}
	if p.ID == "" || strings.ContainsFunc(p.ID, unicode.IsControl) {
		return fmt.Errorf("publish payload: id %q: must be one line and not empty", p.ID)
	}
	up := c.newUpload(streamRawParts, prefixRawParts, p.Feed, p.ID)
	if err := up.fill(ctx, p, content); err != nil {
		up.discard(ctx)
		return fmt.Errorf("publish payload %s of %s: %w", p.ID, p.Feed, err)
	}
	m, err := encodePayload(p, p.Feed.subject(prefixRaw))
	if err != nil {
		return err
	}
	m.Header.Set(nats.MsgIdHdr, c.messageID(p.Feed.String()+"/"+p.ID))
	ack, err := c.publish(ctx, m)
	if err != nil {
		// The upload stays: the message may have been stored all the same, and if
		// not, the next publish of this id takes the upload up.
		return fmt.Errorf("publish payload %s of %s: %w", p.ID, p.Feed, err)
	}
	if ack.Duplicate {
		up.discardUnlessReferred(ctx, p.Feed.subject(prefixRaw), ack.Sequence)
	}
	p.Seq = ack.Sequence
	return nil
}

// fill reads content, compresses it, and sets size, digest and body of p.
func (u *upload) fill(ctx context.Context, p *Payload, content io.Reader) error {
	u.ctx = ctx
	digest := sha256.New()
	z := newCompressor(u)
	size, err := io.Copy(io.MultiWriter(digest, z), content)
	if err == nil {
		err = z.Close()
	}
	z.release()
	if err != nil {
		return err
	}
	p.Size, p.Digest = size, hex.EncodeToString(digest.Sum(nil))
	p.body, err = u.finish(ctx, p.Digest)
	return err
}

// encodePayload makes the message of a payload.
func encodePayload(p *Payload, subject string) (*nats.Msg, error) {
	meta, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("encode payload %s: %w", p.ID, err)
	}
	m := nats.NewMsg(subject)
	m.Header.Set(headerPayload, string(meta))
	if p.body.parts > 0 {
		m.Header.Set(headerParts, fmt.Sprintf("%s %s %d", p.body.stream, p.body.prefix, p.body.parts))
	} else {
		m.Data = p.body.inline
	}
	return m, nil
}

// decodePayload reads the message of a payload.
func decodePayload(h nats.Header, subject string, data []byte, seq uint64) (*Payload, error) {
	p := new(Payload)
	if err := json.Unmarshal([]byte(h.Get(headerPayload)), p); err != nil {
		return nil, fmt.Errorf("message %d on %s: header %s: %w", seq, subject, headerPayload, err)
	}
	p.Feed = feedOf(subject, 1)
	p.Seq = seq
	if p.Size < 0 {
		return nil, fmt.Errorf("message %d on %s: negative size", seq, subject)
	}
	ref := h.Get(headerParts)
	if ref == "" {
		p.body = body{inline: data}
		return p, nil
	}
	f := strings.Fields(ref)
	if len(f) != 3 {
		return nil, fmt.Errorf("message %d on %s: header %s: want stream, prefix and count", seq, subject, headerParts)
	}
	n, err := strconv.Atoi(f[2])
	if err != nil || n < 1 {
		return nil, fmt.Errorf("message %d on %s: header %s: bad count %q", seq, subject, headerParts, f[2])
	}
	if !ownParts(p.Feed, f[0], f[1]) {
		return nil, fmt.Errorf("message %d on %s: header %s: %s are not parts of this feed", seq, subject, headerParts, f[1])
	}
	p.body = body{stream: f[0], prefix: f[1], parts: n}
	return p, nil
}

// ownParts reports whether parts belong to a feed: the reader may be allowed more
// than the writer was.
func ownParts(f Feed, stream, prefix string) bool {
	switch stream {
	case streamRawParts:
		return strings.HasPrefix(prefix, f.subject(prefixRawParts)+".")
	case streamHeldPart:
		return strings.HasPrefix(prefix, f.subject(prefixHeldPart)+".")
	}
	return false
}

// Open reads the bytes of a payload that was consumed, listed or read. They are
// verified against Size and Digest: a mismatch is the error of the read that
// would have reached the end.
func (c *Conn) Open(ctx context.Context, p *Payload) (io.ReadCloser, error) {
	want, err := hex.DecodeString(p.Digest)
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("open payload %s: no SHA-256 digest", p.ID)
	}
	src, err := c.openBody(ctx, p.body)
	if err != nil {
		return nil, fmt.Errorf("open payload %s: %w", p.ID, err)
	}
	z := streamDecoders.Get().(*zstd.Decoder)
	if err := z.Reset(src); err != nil {
		streamDecoders.Put(z)
		return nil, fmt.Errorf("open payload %s: %w", p.ID, err)
	}
	return &payloadReader{z: z, id: p.ID, left: p.Size, want: want, digest: sha256.New()}, nil
}
