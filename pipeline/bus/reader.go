package bus

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
)

// errCorrupt says that stored bytes are not those that were published.
var errCorrupt = errors.New("stored bytes do not match size and digest")

// payloadReader decompresses and verifies.
type payloadReader struct {
	z      *zstd.Decoder // nil after Close
	id     string
	left   int64
	want   []byte
	digest hash.Hash
	err    error
}

func (r *payloadReader) Read(b []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if r.z == nil {
		return 0, fmt.Errorf("payload %s: read after close", r.id)
	}
	n, err := r.z.Read(b)
	r.digest.Write(b[:n])
	r.left -= int64(n)
	switch {
	case r.left < 0:
		r.err = fmt.Errorf("payload %s: %w: more bytes than announced", r.id, errCorrupt)
		return 0, r.err
	case err == nil:
		return n, nil
	case !errors.Is(err, io.EOF):
		r.err = fmt.Errorf("payload %s: %w", r.id, err)
	case r.left > 0 || !bytes.Equal(r.digest.Sum(nil), r.want):
		r.err = fmt.Errorf("payload %s: %w", r.id, errCorrupt)
	default:
		r.err = io.EOF
	}
	return n, r.err
}

// Close releases the decompressor. Bytes that were not read are not verified.
func (r *payloadReader) Close() error {
	if r.z == nil {
		return nil
	}
	if err := r.z.Reset(nil); err == nil {
		streamDecoders.Put(r.z)
	}
	r.z = nil
	return nil
}
