package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sample(archs ...string) Archive {
	a := Archive{Name: "example.org:5000/weir/demo:1.0"}
	for _, arch := range archs {
		a.Images = append(a.Images, Image{
			OS: "linux", Arch: arch, User: "65532:65532", Entrypoint: []string{"/demo"}, Cmd: []string{"-x"}, Ports: []string{"80/tcp"},
			Env: []string{"A=b"}, Labels: map[string]string{"b": "2", "a": "1"}, WorkingDir: "/", Created: time.Unix(1700000000, 5),
			Files: []File{
				{Path: "/usr/share/data", Mode: 0o644, Data: []byte("data of " + arch)},
				{Path: "/demo", Mode: 0o755, Data: []byte("program")},
			},
		})
	}
	return a
}

func TestTheSameInputGivesTheSameBytes(t *testing.T) {
	var one, two bytes.Buffer
	d1, err := Write(&one, sample("amd64", "arm64"))
	if err != nil {
		t.Fatal(err)
	}
	a := sample("amd64", "arm64")
	for i := range a.Images {
		f := a.Images[i].Files
		f[0], f[1] = f[1], f[0] // the order of files is of no matter
	}
	d2, err := Write(&two, a)
	if err != nil {
		t.Fatal(err)
	}
	if d1 != d2 || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two writes differ")
	}
}

func TestEveryDigestNamesWhatItSays(t *testing.T) {
	for name, a := range map[string]Archive{"one platform": sample("amd64"), "two platforms": sample("amd64", "arm64"), "plain": func() Archive {
		a := sample("amd64")
		a.Plain = true
		return a
	}()} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			digest, err := Write(&b, a)
			if err != nil {
				t.Fatal(err)
			}
			files := untar(t, &b)
			for path, data := range files {
				if sum, ok := strings.CutPrefix(path, "blobs/sha256/"); ok && sum != "" && sum != sha(data) {
					t.Errorf("%s holds %s", path, sha(data))
				}
			}
			var top index
			decode(t, files["index.json"], &top)
			if len(top.Manifests) != 1 || top.Manifests[0].Digest != digest || top.Manifests[0].Annotations["io.containerd.image.name"] != a.Name ||
				top.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "1.0" {
				t.Fatalf("index %+v", top)
			}
			manifests := top.Manifests
			if len(a.Images) > 1 {
				var inner index
				decode(t, blob(t, files, manifests[0]), &inner)
				manifests = inner.Manifests
			}
			if len(manifests) != len(a.Images) {
				t.Fatalf("%d manifests for %d platforms", len(manifests), len(a.Images))
			}
			for i, d := range manifests {
				checkImage(t, files, d, a.Images[i])
			}
			checkDocker(t, files, a)
		})
	}
}

func checkImage(t *testing.T, files map[string][]byte, d descriptor, img Image) {
	t.Helper()
	if d.Platform == nil || d.Platform.Architecture != img.Arch || d.Platform.OS != "linux" {
		t.Errorf("platform %+v", d.Platform)
	}
	var m manifest
	decode(t, blob(t, files, d), &m)
	var c config
	decode(t, blob(t, files, m.Config), &c)
	if c.Architecture != img.Arch || c.Config.User != img.User || c.Config.Entrypoint[0] != "/demo" || c.Config.Labels["a"] != "1" || c.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("config %+v", c)
	}
	if _, ok := c.Config.ExposedPorts["80/tcp"]; !ok {
		t.Error("port 80 is not exposed")
	}
	layer := blob(t, files, m.Layers[0])
	if strings.HasSuffix(m.Layers[0].MediaType, "+gzip") {
		z, err := gzip.NewReader(bytes.NewReader(layer))
		if err != nil {
			t.Fatal(err)
		}
		if layer, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	if c.RootFS.DiffIDs[0] != "sha256:"+sha(layer) {
		t.Errorf("layer is %s, config says %s", sha(layer), c.RootFS.DiffIDs[0])
	}
	inside := untar(t, bytes.NewReader(layer))
	if string(inside["usr/share/data"]) != "data of "+img.Arch || string(inside["demo"]) != "program" {
		t.Errorf("layer holds %q", inside)
	}
	for _, dir := range []string{"usr/", "usr/share/"} {
		if _, ok := inside[dir]; !ok {
			t.Errorf("layer has no folder %s", dir)
		}
	}
}

func checkDocker(t *testing.T, files map[string][]byte, a Archive) {
	t.Helper()
	var all []dockerManifest
	decode(t, files["manifest.json"], &all)
	if len(all) != 1 || all[0].RepoTags[0] != a.Name {
		t.Fatalf("manifest.json %+v", all)
	}
	for _, path := range append(all[0].Layers, all[0].Config) {
		if _, ok := files[path]; !ok {
			t.Errorf("manifest.json names %s, which is not there", path)
		}
	}
}

func TestWrongImagesAreRefused(t *testing.T) {
	change := func(f func(*Archive)) Archive {
		a := sample("amd64")
		f(&a)
		return a
	}
	for want, a := range map[string]Archive{
		"want one with a tag":      change(func(a *Archive) { a.Name = "example.org:5000/weir/demo" }),
		"no platform":              change(func(a *Archive) { a.Images = nil }),
		"platform is missing":      change(func(a *Archive) { a.Images[0].Arch = "" }),
		"twice or without a name":  change(func(a *Archive) { a.Images[0].Files[1].Path = "usr/share/data" }),
		"no such file":             change(func(a *Archive) { a.Images[0].Files[0] = File{Path: "/x", Source: filepath.Join(t.TempDir(), "none")} }),
		"twice or without a name ": change(func(a *Archive) { a.Images[0].Files[0].Path = "/" }),
	} {
		if _, err := Write(io.Discard, a); err == nil || !strings.Contains(err.Error(), strings.TrimSpace(want)) {
			t.Errorf("got %v, want one with %q", err, want)
		}
	}
	failed := errors.New("disk is full")
	if _, err := Write(broken{failed}, sample("amd64")); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
}

func TestFilesAreReadFromTheirSource(t *testing.T) {
	src := filepath.Join(t.TempDir(), "bin")
	if err := os.WriteFile(src, []byte("built"), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := writeTar(&b, []File{{Path: "/bin", Mode: 0o755, Source: src}}, time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if got := untar(t, &b)["bin"]; string(got) != "built" {
		t.Errorf("got %q", got)
	}
}

type broken struct{ err error }

func (b broken) Write([]byte) (int, error) { return 0, b.err }

func untar(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" {
			t.Errorf("%s is owned by %d:%d %s", h.Name, h.Uid, h.Gid, h.Uname)
		}
		if files[h.Name], err = io.ReadAll(tr); err != nil {
			t.Fatal(err)
		}
	}
}

func blob(t *testing.T, files map[string][]byte, d descriptor) []byte {
	t.Helper()
	data, ok := files[blobPath(d)]
	if !ok || len(data) != d.Size {
		t.Fatalf("blob %s: %d bytes, want %d", d.Digest, len(data), d.Size)
	}
	return data
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func sha(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}
