package bus

import (
	"errors"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// window bounds the memory that either side of a compressed payload takes.
const window = 1 << 20

var encoders = sync.Pool{New: func() any {
	w, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	return w
}}

var decoders = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*window),
		zstd.WithDecoderMaxMemory(maxBlock), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	return r
}}

// streamDecoders have no limit on the whole output, which is checked against the
// payload's size instead.
var streamDecoders = sync.Pool{New: func() any {
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*window),
		zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	return r
}}

func compress(dst, src []byte) []byte {
	w := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(w)
	return w.EncodeAll(src, dst)
}

// decompress appends at most maxBlock bytes to dst, which must be empty.
func decompress(dst, src []byte) ([]byte, error) {
	r := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(r)
	out, err := r.DecodeAll(src, dst)
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, errBlockTooLarge
	}
	return out, err
}

// compressor compresses a stream. Close ends it, release ends its use, closed or not.
type compressor struct{ *zstd.Encoder }

func newCompressor(w io.Writer) compressor {
	e := encoders.Get().(*zstd.Encoder)
	e.Reset(w)
	return compressor{e}
}

func (c compressor) release() {
	c.Reset(nil)
	encoders.Put(c.Encoder)
}
