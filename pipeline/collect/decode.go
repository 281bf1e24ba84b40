package collect

import (
	"io"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/api/v1alpha1"
)

// acceptEncoding is what decode understands.
const acceptEncoding = "gzip, zstd"

// maxWindow bounds the memory that a zstd or xz stream may ask for. Level 22 and
// xz -9 need up to 64 MiB, zstd --long twice that.
const maxWindow = 128 << 20

// decode takes the Content-Encoding off a body (RFC 9110, section 8.4). done
// frees what the decoder holds.
func decode(r io.Reader, encodings []string, exp *expansion) (decoded io.Reader, done func(), err error) {
	var names []string
	for name := range strings.SplitSeq(strings.Join(encodings, ","), ",") {
		if name = strings.ToLower(strings.TrimSpace(name)); name != "" && name != "identity" {
			names = append(names, name)
		}
	}
	switch {
	case len(names) == 0:
		return r, func() {}, nil
	case len(names) > 1:
		return nil, nil, fail(v1alpha1.ReasonUnpackFailed, onSchedule, "the answer is encoded several times (%s)", strings.Join(names, ", "))
	}
	f := format(names[0])
	if f == "x-gzip" {
		f = formatGzip
	}
	if f != formatGzip && f != formatZstd {
		return nil, nil, fail(v1alpha1.ReasonUnpackFailed, onSchedule, "Content-Encoding %q was not asked for and is not understood", names[0])
	}
	s, err := openStream(f, r)
	if err != nil {
		return nil, nil, broken(f, err)
	}
	return exp.reader(explained{f, s}), func() { _ = s.Close() }, nil
}

// openStream starts a decompressor. It reads no further than the stream needs,
// apart from a buffer.
func openStream(f format, r io.Reader) (io.ReadCloser, error) {
	switch f {
	case formatGzip:
		return gzip.NewReader(r)
	case formatZstd:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	default:
		return openRare(f, r)
	}
}
