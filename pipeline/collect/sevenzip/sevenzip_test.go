package sevenzip

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The archives of testdata hold c2.csv, some of them sub/more.txt and the empty
// empty.csv, too. They were made by 7-Zip 25.01:
//
//	7z a lzma2.7z c2.csv sub/more.txt empty.csv sub
//	7z a -m0=LZMA lzma.7z c2.csv sub/more.txt              (Copy, Deflate, BZip2, PPMd alike)
//	7z a -m0=Delta:4 -m1=LZMA2 delta.7z c2.csv
//	7z a -ms=off nonsolid.7z c2.csv sub/more.txt
//	7z a -mhc=off plainheader.7z c2.csv sub/more.txt
//	7z a -pinfected aes.7z c2.csv sub/more.txt
//	7z a -pinfected -mhe=on aes-header.7z c2.csv sub/more.txt
const (
	password = "infected"
	more     = "198.51.100.7\n"
)

func c2() string {
	var b strings.Builder
	for i := 1; i <= 40; i++ {
		fmt.Fprintf(&b, "192.0.2.%d,443,2026-11-01T12:00:00Z\n", i)
	}
	return b.String()
}

func options(password string) Options {
	return Options{Password: password, Files: 100, Window: 64 << 20}
}

// read reads all files.
func read(content []byte, o Options) (map[string]string, error) {
	a, err := Open(bytes.NewReader(content), int64(len(content)), o)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, f := range a.Empty {
		out[f.Name] = ""
	}
	for _, folder := range a.Folders {
		r, err := folder.Open()
		if err != nil {
			return out, err
		}
		for _, f := range folder.Files {
			b, err := io.ReadAll(io.LimitReader(folder.File(r, f), 1<<20))
			if err != nil {
				return out, err
			}
			out[f.Name] = string(b)
		}
		if err := r.Close(); err != nil {
			return out, err
		}
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

func TestArchivesOfEveryKindAreRead(t *testing.T) {
	two := map[string]string{"c2.csv": c2(), "sub/more.txt": more}
	one := map[string]string{"c2.csv": c2()}
	for name, want := range map[string]map[string]string{
		"lzma2.7z": {"c2.csv": c2(), "sub/more.txt": more, "empty.csv": ""},
		"lzma.7z":  two, "nonsolid.7z": two, "plainheader.7z": two, "aes.7z": two, "aes-header.7z": two,
		"copy.7z": one, "deflate.7z": one, "bzip2.7z": one, "delta.7z": one,
	} {
		got, err := read(load(t, name), options(password))
		if err != nil || len(got) != len(want) {
			t.Errorf("%s: %d files, %v", name, len(got), err)
		}
		for file, body := range want {
			if got[file] != body {
				t.Errorf("%s: %s is %.60q", name, file, got[file])
			}
		}
	}
}

func TestWhatCannotBeReadSaysWhy(t *testing.T) {
	tests := map[string]struct {
		file     string
		o        Options
		want     error
		mentions string
	}{
		"no password":              {"aes.7z", options(""), ErrNoPassword, ""},
		"no password for the list": {"aes-header.7z", options(""), ErrNoPassword, ""},
		"wrong password":           {"aes.7z", options("wrong"), ErrPassword, ""},
		"wrong for the list":       {"aes-header.7z", options("wrong"), ErrPassword, ""},
		"PPMd":                     {"ppmd.7z", options(""), ErrMethod, "PPMd"},
		"too many":                 {"lzma2.7z", Options{Files: 3, Window: 1 << 20}, ErrTooMany, ""},
		"too much memory":          {"lzma.7z", Options{Files: 9, Window: 1 << 10}, ErrMemory, ""},
		"too much memory, LZMA2":   {"lzma2.7z", Options{Files: 9, Window: 1 << 11}, ErrMemory, ""},
	}
	for name, tc := range tests {
		_, err := read(load(t, tc.file), tc.o)
		if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.mentions) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestDamageIsNoticedEverywhere(t *testing.T) {
	for _, name := range []string{"lzma2.7z", "copy.7z", "plainheader.7z", "aes.7z", "nonsolid.7z"} {
		whole := load(t, name)
		for i := range whole {
			if i == 6 || i == 7 {
				continue // the version
			}
			bad := bytes.Clone(whole)
			bad[i] ^= 0x55
			if got, err := read(bad, options(password)); err == nil && !same(got, whole, t) {
				t.Errorf("%s: a flipped byte %d gives something else", name, i)
			}
			if name == "aes.7z" && i%7 > 0 {
				continue // each derives a key, which takes its time
			}
			if _, err := read(whole[:i], options(password)); err == nil {
				t.Errorf("%s: cut off at %d, it is whole", name, i)
			}
		}
	}
}

func same(got map[string]string, whole []byte, t *testing.T) bool {
	want, err := read(whole, options(password))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(got) == fmt.Sprint(want)
}

func FuzzArchive(f *testing.F) {
	names, err := filepath.Glob("testdata/*.7z")
	if err != nil {
		f.Fatal(err)
	}
	for _, n := range names {
		if !strings.Contains(n, "aes") {
			f.Add(load(f, filepath.Base(n)))
		}
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		a := &Archive{r: bytes.NewReader(content), options: options(""), keys: map[string][]byte{}}
		// Without the sums of the header, which would keep the fuzzer out.
		if len(content) > startBytes {
			_ = a.directory(content[startBytes:], uint64(len(content)-startBytes))
		}
		got, err := read(content, options(""))
		if err == nil && len(got) > 100 {
			t.Errorf("%d files", len(got))
		}
	})
}
