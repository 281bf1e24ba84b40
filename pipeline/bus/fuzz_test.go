package bus

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats.go"
)

// bomb compresses n zeros with the widest window.
func bomb(n int) []byte {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b, zstd.WithWindowSize(zstd.MaxWindowSize), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	for ; n > 0; n -= len(zeros) {
		if _, err := w.Write(zeros[:min(n, len(zeros))]); err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestBlocksDecompressToABoundedSize(t *testing.T) {
	h := nats.Header{headerCount: {"1"}}
	for _, data := range [][]byte{bomb(maxBlock + 1), bomb(64 << 20), compress(nil, make([]byte, maxBlock+1))} {
		var b Block
		if err := decodeBlock(&b, h, data); err == nil || cap(b.Lines) > 2*maxBlock {
			t.Errorf("error %v, %d bytes", err, cap(b.Lines))
		}
	}
	full := append(bytes.Repeat([]byte{'x'}, maxBlock-1), '\n')
	var b Block
	if err := decodeBlock(&b, h, compress(nil, full)); err != nil || len(b.Lines) != maxBlock {
		t.Errorf("the largest block: %v", err)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add("2", compress(nil, []byte("a\nb\n")))
	f.Add("1", compress(nil, []byte("a\nb\n")))
	f.Add("1", compress(nil, []byte("a")))
	f.Add("0", compress(nil, nil))
	f.Add("-1", []byte{})
	f.Add("1", bomb(32<<20))
	f.Add("1", append(compress(nil, []byte("a\n")), compress(nil, []byte("b\n"))...))
	f.Fuzz(func(t *testing.T, count string, data []byte) {
		var b Block
		err := decodeBlock(&b, nats.Header{headerCount: {count}}, data)
		if cap(b.Lines) > 2*maxBlock {
			t.Fatalf("%d bytes were made", cap(b.Lines))
		}
		if err != nil {
			return
		}
		if len(b.Lines) > maxBlock || bytes.Count(b.Lines, newline) != b.Count || b.Count < 1 {
			t.Fatalf("%d lines, %d bytes", b.Count, len(b.Lines))
		}
		m := encodeBlock("event.1.a.b", "id", &b)
		var again Block
		if err := decodeBlock(&again, m.Header, m.Data); err != nil || !bytes.Equal(again.Lines, b.Lines) || again.Count != b.Count {
			t.Fatalf("not the same after a round: %v", err)
		}
	})
}

func FuzzDecodePayload(f *testing.F) {
	f.Add(`{"id":"a","size":4}`, "", []byte("x"))
	f.Add(`{"id":"a","size":4}`, "RAWPARTS rawparts.a.b 3", []byte(nil))
	f.Add(`{"size":-1}`, "RAWPARTS a -1", []byte(nil))
	f.Add(`{`, "a b c d", bomb(4<<20))
	f.Fuzz(func(t *testing.T, meta, parts string, data []byte) {
		h := nats.Header{headerPayload: {meta}, headerParts: {parts}}
		p, err := decodePayload(h, "raw.default.bots", data, 1)
		if err != nil {
			return
		}
		if p.Feed != testFeed || p.body.parts > 0 && strings.Count(p.body.prefix, " ") > 0 {
			t.Fatalf("%+v", p)
		}
		if p.body.parts > 0 {
			return
		}
		p.Digest = strings.Repeat("0", 64)
		p.Size = min(p.Size, 1<<20)
		r, err := new(Conn).Open(t.Context(), p)
		if err != nil {
			return
		}
		defer r.Close()
		if n, err := io.Copy(io.Discard, r); err == nil || n > 1<<20 {
			t.Fatalf("%d bytes, error %v", n, err)
		}
	})
}
