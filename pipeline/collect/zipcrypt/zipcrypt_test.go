package zipcrypt

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/flate"
)

// The archives of testdata hold c2.csv, some of them sub/more.txt or the empty
// empty.csv, too. Those with aes in their names were made by 7-Zip 25.01, the
// others by Info-ZIP 3.0:
//
//	7z a -tzip -pinfected -mem=AES128 aes128.zip c2.csv sub/more.txt      (192 and 256 alike)
//	7z a -tzip -pinfected -mem=AES256 -mm=Copy aes-store.zip c2.csv sub/more.txt
//	7z a -tzip -pinfected -mem=AES256 -mm=BZip2 aes-bzip2.zip c2.csv
//	7z a -tzip -pinfected -mem=AES256 aes-empty.zip empty.csv c2.csv
//	zip -P infected crypt.zip c2.csv sub/more.txt
//	zip -0 -P infected crypt-store.zip c2.csv
//	zip -P infected crypt-stream.zip - < c2.csv
const password = "infected"

func c2() string {
	var b strings.Builder
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&b, "192.0.2.%d,443,2026-11-01T12:00:00Z\n", i)
	}
	return b.String()
}

func decompressor(method uint16) zip.Decompressor {
	switch method {
	case zip.Store:
		return io.NopCloser
	case zip.Deflate:
		return func(r io.Reader) io.ReadCloser { return flate.NewReader(r) }
	}
	return nil
}

func read(content []byte, password string) (map[string]string, error) {
	zr, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range zr.File {
		if !Encrypted(f) {
			continue
		}
		r, err := Open(f, password, decompressor)
		if err != nil {
			return out, err
		}
		b, err := io.ReadAll(io.LimitReader(r, 1<<20))
		if err != nil {
			return out, err
		}
		if err := r.Close(); err != nil {
			return out, err
		}
		out[f.Name] = string(b)
	}
	return out, nil
}

func load(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestEncryptedMembersAreRead(t *testing.T) {
	const more = "198.51.100.7\n"
	two := map[string]string{"c2.csv": c2(), "sub/more.txt": more}
	for name, want := range map[string]map[string]string{
		"aes128.zip": two, "aes192.zip": two, "aes256.zip": two, "aes-store.zip": two, "crypt.zip": two,
		"aes-empty.zip": {"c2.csv": c2()}, "crypt-store.zip": {"c2.csv": c2()}, "crypt-stream.zip": {"-": c2()},
	} {
		got, err := read(load(t, name), password)
		if err != nil || len(got) < len(want) {
			t.Errorf("%s: %d members, %v", name, len(got), err)
		}
		for file, body := range want {
			if got[file] != body {
				t.Errorf("%s: %s is %.60q", name, file, got[file])
			}
		}
	}
}

func TestAWrongPasswordIsTold(t *testing.T) {
	for _, name := range []string{"aes128.zip", "aes256.zip", "crypt.zip", "crypt-store.zip", "crypt-stream.zip"} {
		// With the legacy encryption, one password in 256 is found out only later.
		for i := range 300 {
			wrong := fmt.Sprintf("wrong%d", i)
			if _, err := read(load(t, name), wrong); !errors.Is(err, ErrPassword) && !errors.Is(err, ErrDamaged) {
				t.Errorf("%s, %s: %v", name, wrong, err)
			}
			if strings.HasPrefix(name, "aes") && i == 10 {
				break
			}
		}
	}
}

func TestAnUnknownMethodIsTold(t *testing.T) {
	if _, err := read(load(t, "aes-bzip2.zip"), password); !errors.Is(err, zip.ErrAlgorithm) {
		t.Errorf("bzip2, without its decompressor: %v", err)
	}
}

// What is encrypted is either read as it was or not at all.
func TestDamageIsNoticed(t *testing.T) {
	for _, name := range []string{"aes256.zip", "aes-store.zip", "crypt.zip", "crypt-store.zip"} {
		whole := load(t, name)
		want, err := read(whole, password)
		if err != nil {
			t.Fatal(err)
		}
		for i := range whole {
			bad := bytes.Clone(whole)
			bad[i] ^= 0x55
			got, err := read(bad, password)
			if err != nil {
				continue
			}
			for file, body := range got {
				if other, ok := want[file]; ok && other != body {
					t.Errorf("%s: with byte %d flipped, %s is %.40q", name, i, file, body)
				}
			}
		}
	}
}

func FuzzMember(f *testing.F) {
	for _, name := range []string{"aes128.zip", "aes256.zip", "aes-store.zip", "crypt.zip", "crypt-store.zip", "crypt-stream.zip"} {
		f.Add(load(f, name), password)
	}
	f.Fuzz(func(_ *testing.T, content []byte, password string) {
		_, _ = read(content, password)
	})
}

func BenchmarkAES(b *testing.B) {
	content := load(b, "aes-store.zip")
	zr, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		b.Fatal(err)
	}
	const size = 8 << 20
	a, err := newAES(io.MultiReader(rawOf(b, zr.File[0]), zeros{}), size, 3, password)
	if err != nil {
		b.Fatal(err)
	}
	a.(*aesReader).left = 1 << 60
	b.SetBytes(size)
	for b.Loop() {
		if _, err := io.CopyN(io.Discard, a, size); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLegacy(b *testing.B) {
	const size = 8 << 20
	l := &legacyReader{r: zeros{}}
	b.SetBytes(size)
	for b.Loop() {
		if _, err := io.CopyN(io.Discard, l, size); err != nil {
			b.Fatal(err)
		}
	}
}

func rawOf(b *testing.B, f *zip.File) io.Reader {
	r, err := f.OpenRaw()
	if err != nil {
		b.Fatal(err)
	}
	return r
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
