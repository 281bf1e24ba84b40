package collect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"

	"github.com/weir-project/weir/api/v1alpha1"
)

// bzip2Hello is printf 'hello\n' | bzip2.
const bzip2Hello = "QlpoOTFBWSZTWcHAgOIAAAFBAAAQAkSgADDNAMNGKZcXckU4UJDBwIDi"

type file struct{ name, body string }

func zipped(files ...file) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.Create(f.name)
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(w, f.body)
	}
	_ = z.Close()
	return b.Bytes()
}

func tarred(files ...file) []byte {
	var b bytes.Buffer
	z := tar.NewWriter(&b)
	for _, f := range files {
		_ = z.WriteHeader(&tar.Header{Name: f.name, Mode: 0o600, Size: int64(len(f.body)), Typeflag: tar.TypeReg})
		_, _ = io.WriteString(z, f.body)
	}
	_ = z.Close()
	return b.Bytes()
}

func xzed(s string) []byte {
	var b bytes.Buffer
	z, err := xz.NewWriter(&b)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.Bytes()
}

func bzip2Bytes() []byte {
	b, err := base64.StdEncoding.DecodeString(bzip2Hello)
	if err != nil {
		panic(err)
	}
	return b
}

// unpackBytes unpacks with limits small enough for tests.
func unpackBytes(t testing.TB, content []byte, mend func(*unpacker)) (names, bodies []string, err error) {
	s := newSpool(t.TempDir())
	s.max = 256 << 20
	defer s.Close()
	b, err := s.add(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	lim := limits{download: 1 << 20, payload: 64 << 20, ratio: 200, entries: 100, timeout: time.Minute}
	u := &unpacker{alive: alive(t.Context()), limits: lim, spool: s, emit: func(p part) error {
		raw, err := io.ReadAll(p.content.reader())
		names, bodies = append(names, p.filename), append(bodies, string(raw))
		return err
	}}
	if mend != nil {
		mend(u)
	}
	err = u.unpack(part{key: "", filename: "feed", content: b})
	return names, bodies, err
}

func TestUnpackOpensEveryFormat(t *testing.T) {
	csv := strings.Repeat("192.0.2.1,443\n", 500)
	var zipZstd bytes.Buffer
	zw := zip.NewWriter(&zipZstd)
	zw.RegisterCompressor(zstd.ZipMethodWinZip, zstd.ZipCompressor())
	w, _ := zw.CreateHeader(&zip.FileHeader{Name: "a.csv", Method: zstd.ZipMethodWinZip})
	_, _ = io.WriteString(w, csv)
	_ = zw.Close()
	tests := map[string]struct {
		content []byte
		want    []file
	}{
		"plain":             {[]byte(csv), []file{{"feed", csv}}},
		"empty":             {nil, []file{{"feed", ""}}},
		"gzip":              {gzipped(csv), []file{{"feed", csv}}},
		"gzip, two streams": {append(gzipped("a"), gzipped("b")...), []file{{"feed", "ab"}}},
		"gzip of nothing":   {gzipped(""), []file{{"feed", ""}}},
		"bzip2":             {bzip2Bytes(), []file{{"feed", "hello\n"}}},
		"xz":                {xzed(csv), []file{{"feed", csv}}},
		"zstd":              {zstded(csv), []file{{"feed", csv}}},
		"zip":               {zipped(file{"a.csv", csv}, file{"dir/b.csv", "x"}), []file{{"a.csv", csv}, {"dir/b.csv", "x"}}},
		"zip with folders":  {zipped(file{"dir/", ""}, file{"dir/b.csv", "x"}), []file{{"dir/b.csv", "x"}}},
		"zip with zstd":     {zipZstd.Bytes(), []file{{"a.csv", csv}}},
		"tar":               {tarred(file{"./a.csv", csv}, file{"b.csv", "x"}), []file{{"a.csv", csv}, {"b.csv", "x"}}},
		"tar.gz":            {gzipped(string(tarred(file{"a.csv", csv}, file{"b.csv", "x"}))), []file{{"a.csv", csv}, {"b.csv", "x"}}},
		"tar.xz":            {xzed(string(tarred(file{"a.csv", csv}))), []file{{"a.csv", csv}}},
		"tar.zst":           {zstded(string(tarred(file{"a.csv", csv}))), []file{{"a.csv", csv}}},
		"zip in gzip":       {gzipped(string(zipped(file{"a.csv", csv}))), []file{{"a.csv", csv}}},
		"gzip in zip":       {zipped(file{"a.csv.gz", string(gzipped(csv))}, file{"b.csv", "b"}), []file{{"a.csv", csv}, {"b.csv", "b"}}},
		"three layers":      {gzipped(string(tarred(file{"a.gz", string(gzipped("x"))}))), []file{{"a.gz", string(gzipped("x"))}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			names, bodies, err := unpackBytes(t, tc.content, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(names) != len(tc.want) {
				t.Fatalf("got %q, want %d payloads", names, len(tc.want))
			}
			for i, w := range tc.want {
				if names[i] != w.name || bodies[i] != w.body {
					t.Errorf("payload %d is %s with %.50q, want %s with %.50q", i, names[i], bodies[i], w.name, w.body)
				}
			}
		})
	}
}

func TestUnpackRefuses(t *testing.T) {
	encrypted := zipped(file{"a.csv", "x"})
	setFlag := func(signature string, at int) {
		encrypted[bytes.Index(encrypted, []byte(signature))+at] |= 1
	}
	setFlag("PK\x03\x04", 6)
	setFlag("PK\x01\x02", 8)
	oddMethod := bytes.Clone(zipped(file{"a.csv", "x"}))
	oddMethod[bytes.Index(oddMethod, []byte("PK\x01\x02"))+10] = 99
	many := make([]file, 101)
	for i := range many {
		many[i] = file{fmt.Sprintf("%d.csv", i), "x"}
	}
	zeros := strings.Repeat("0", 2<<20)
	bombs := make([]file, 20) // each below the ratio of its own, all together not
	for i := range bombs {
		bombs[i] = file{fmt.Sprintf("%d.gz", i), string(zstded(zeros))}
	}
	broken := zipped(file{"a.csv", strings.Repeat("x", 100)})
	broken[40] ^= 0xff
	cut := func(b []byte) []byte { return b[:len(b)-len(b)/4] }
	csv := strings.Repeat("192.0.2.1,443\n", 5000)
	tests := map[string]struct {
		content      []byte
		reason, text string
	}{
		"encrypted zip":          {encrypted, v1alpha1.ReasonUnpackFailed, "is encrypted"},
		"unknown method in zip":  {oddMethod, v1alpha1.ReasonUnpackFailed, "method 99"},
		"broken zip":             {broken, v1alpha1.ReasonUnpackFailed, "zip"},
		"zip cut off":            {cut(zipped(file{"a.csv", csv})), v1alpha1.ReasonUnpackFailed, "zip"},
		"tar cut off":            {cut(tarred(file{"a.csv", csv})), v1alpha1.ReasonUnpackFailed, "breaks off"},
		"tar.gz cut off":         {cut(gzipped(string(tarred(file{"a.csv", csv})))), v1alpha1.ReasonUnpackFailed, "breaks off"},
		"xz cut off":             {cut(xzed(csv)), v1alpha1.ReasonUnpackFailed, "xz"},
		"zstd cut off":           {cut(zstded(csv)), v1alpha1.ReasonUnpackFailed, "zstd"},
		"bzip2 cut off":          {cut(bzip2Bytes()), v1alpha1.ReasonUnpackFailed, "breaks off"},
		"too many in zip":        {zipped(many...), v1alpha1.ReasonTooLarge, "more than 100 members"},
		"too many in tar":        {tarred(many...), v1alpha1.ReasonTooLarge, "more than 100 members"},
		"bomb in zip":            {zipped(file{"a", strings.Repeat("0", 8<<20)}), v1alpha1.ReasonTooLarge, "200 times"},
		"bomb in xz":             {xzed(strings.Repeat("0", 4<<20)), v1alpha1.ReasonTooLarge, "200 times"},
		"bomb in a skipped tar":  {gzipped(string(tarred(file{"a", strings.Repeat("0", 8<<20)}))), v1alpha1.ReasonTooLarge, "200 times"},
		"bombs in members":       {tarred(bombs...), v1alpha1.ReasonTooLarge, "200 times"},
		"nothing picked":         {tarred(file{"a.txt", "x"}), v1alpha1.ReasonUnpackFailed, "spec.unpack.include"},
		"empty zip":              {zipped(), v1alpha1.ReasonUnpackFailed, "no file"},
		"xz with a giant window": {xzWindow(40), v1alpha1.ReasonUnpackFailed, "dictionary"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, _, err := unpackBytes(t, tc.content, func(u *unpacker) {
				if name == "nothing picked" || name == "bomb in a skipped tar" {
					u.include = []string{"*.csv"}
				}
			})
			var f *failure
			if !errors.As(err, &f) || f.reason != tc.reason || !strings.Contains(f.Error(), tc.text) {
				t.Errorf("got %v, want %s: ...%s...", err, tc.reason, tc.text)
			}
		})
	}
}

func TestAPayloadOverTheLimitIsRefusedWhereverItIsFrom(t *testing.T) {
	noise := strings.Repeat("abcdefghij0123456789", 100)
	for name, content := range map[string][]byte{"gzip": gzipped(noise), "zip": zipped(file{"a", noise}), "tar": tarred(file{"a", noise})} {
		_, _, err := unpackBytes(t, content, func(u *unpacker) { u.limits.payload = 1999 })
		if f := (*failure)(nil); !errors.As(err, &f) || f.reason != v1alpha1.ReasonTooLarge {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := unpackBytes(t, content, func(u *unpacker) { u.limits.payload = 2000 }); err != nil {
			t.Errorf("%s at the limit: %v", name, err)
		}
	}
	h := newHarness(t)
	cfg := httpFeed(serve(t, text(noise)).URL)
	cfg.Spec.Limits.PayloadBytes = 1999
	h.fails(cfg, v1alpha1.ReasonTooLarge, "payloadBytes")
}

func TestIncludePicksMembers(t *testing.T) {
	content := tarred(file{"a.csv", "1"}, file{"dir/b.csv", "2"}, file{"dir/c.txt", "3"}, file{"other/c.txt", "4"})
	names, _, err := unpackBytes(t, content, func(u *unpacker) { u.include = []string{"*.csv", "dir/*.txt"} })
	if err != nil || fmt.Sprint(names) != "[a.csv dir/b.csv dir/c.txt]" {
		t.Errorf("picked %v: %v", names, err)
	}
}

func TestLinksAndDevicesInArchivesAreNoPayloads(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []tar.Header{
		{Name: "link", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink},
		{Name: "hard", Linkname: "a.csv", Typeflag: tar.TypeLink},
		{Name: "pipe", Typeflag: tar.TypeFifo},
		{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3},
		{Name: "../../etc/cron.d/x", Typeflag: tar.TypeReg, Size: 1},
	} {
		_ = w.WriteHeader(&h)
		if h.Size > 0 {
			_, _ = w.Write([]byte("x"))
		}
	}
	_ = w.Close()
	names, _, err := unpackBytes(t, b.Bytes(), nil)
	// The name is metadata only: nothing is written under it.
	if err != nil || len(names) != 1 || names[0] != "../../etc/cron.d/x" {
		t.Errorf("payloads %q: %v", names, err)
	}
}

func TestTheDirectoryOfAZipIsBounded(t *testing.T) {
	var b bytes.Buffer
	entry := "PK\x01\x02" + strings.Repeat("\x00", 42)
	n := 100_000
	b.WriteString("PK\x03\x04")
	b.WriteString(strings.Repeat(entry, n))
	b.WriteString("PK\x05\x06\x00\x00\x00\x00")
	_ = binary.Write(&b, binary.LittleEndian, []uint16{1, 1})
	_ = binary.Write(&b, binary.LittleEndian, []uint32{uint32(n * 46), 4})
	_ = binary.Write(&b, binary.LittleEndian, uint16(0))
	_, _, err := unpackBytes(t, b.Bytes(), nil)
	if f := (*failure)(nil); !errors.As(err, &f) || f.reason != v1alpha1.ReasonTooLarge {
		t.Errorf("an archive that lies about its members: %v", err)
	}
}

// xzWindow is the start of an xz stream whose block asks for a dictionary of the
// given size.
func xzWindow(bits byte) []byte {
	b := []byte("\xfd7zXZ\x00\x00\x01")
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[6:8]))
	block := []byte{2, 0, xzLZMA2, 1, bits, 0, 0, 0}
	block = binary.LittleEndian.AppendUint32(block, crc32.ChecksumIEEE(block))
	return append(append(b, block...), make([]byte, 64)...)
}

func TestXzGuardPassesStreamsOfEveryShape(t *testing.T) {
	noise := make([]byte, 300_000)
	for i := range noise {
		noise[i] = byte(i * i >> 3 * 7)
	}
	for _, check := range []byte{xz.CRC32, xz.CRC64, xz.SHA256} {
		for _, blocks := range []int{1, 7} {
			var b bytes.Buffer
			w, err := xz.WriterConfig{CheckSum: check, BlockSize: int64(len(noise)/blocks + 1), DictCap: 1 << 16}.NewWriter(&b)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Write(noise)
			_ = w.Close()
			_, bodies, err := unpackBytes(t, b.Bytes(), nil)
			if err != nil || bodies[0] != string(noise) {
				t.Errorf("check %d, %d blocks: %v", check, blocks, err)
			}
		}
	}
}

func FuzzUnpack(f *testing.F) {
	csv := strings.Repeat("192.0.2.1,443\n", 50)
	for _, seed := range [][]byte{
		nil, []byte(csv), gzipped(csv), bzip2Bytes(), xzed(csv), zstded(csv), zipped(file{"a.csv", csv}), tarred(file{"a.csv", csv}),
		gzipped(string(tarred(file{"a.csv", csv}))), zipped(file{"a.gz", string(gzipped(csv))}), xzWindow(40), xzWindow(0),
		gzipped(string(xzed(csv))), gzipped(string(zipped(file{"b", "x"}))),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		most := max(int64(len(content))*200, ratioFree) + 1<<20
		_, bodies, err := unpackBytes(t, content, func(u *unpacker) { u.limits.payload = 8 << 20; u.limits.entries = 50 })
		var total int64
		for _, b := range bodies {
			total += int64(len(b))
		}
		if len(bodies) > 50 || total > most {
			t.Errorf("%d payloads of %d bytes came out of %d bytes", len(bodies), total, len(content))
		}
		if f := (*failure)(nil); err != nil && !errors.As(err, &f) {
			t.Errorf("error without a reason: %v", err)
		}
	})
}

func BenchmarkUnpackGzip(b *testing.B) {
	content := gzipped(strings.Repeat("192.0.2.1,443,2026-11-01T12:00:00Z\n", 100_000))
	b.SetBytes(35 * 100_000)
	for b.Loop() {
		s := newSpool(b.TempDir())
		bl, err := s.add(bytes.NewReader(content))
		if err != nil {
			b.Fatal(err)
		}
		u := &unpacker{alive: alive(b.Context()), limits: limits{payload: 1 << 30, ratio: 10_000, entries: 1}, spool: s, emit: func(part) error { return nil }}
		if err := u.unpack(part{content: bl}); err != nil {
			b.Fatal(err)
		}
		_ = s.Close()
	}
}
