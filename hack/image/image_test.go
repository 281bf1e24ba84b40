package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestTwoBuildsGiveTheSameArchive(t *testing.T) {
	src := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":  "module example.org/demo\n\ngo 1.26.0\n",
		"main.go": "package main\n\nvar version string\n\nfunc main() { println(version) }\n",
	} {
		if err := os.WriteFile(filepath.Join(src, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := program{name: "demo", pkg: ".", path: "/demo"}
	var archives []string
	for range 2 {
		o := options{root: src, out: t.TempDir(), tag: "1.0", registry: "example.org/", revision: "abc", platforms: []string{"linux/" + runtime.GOARCH}, created: time.Unix(0, 0)}
		path, _, err := build(t.Context(), p, o)
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, string(data))
		if left, _ := os.ReadDir(o.out); len(left) != 1 {
			t.Errorf("left behind: %v", left)
		}
	}
	if archives[0] != archives[1] {
		t.Error("two builds differ")
	}
	if !strings.Contains(archives[0], `"RepoTags":["example.org/demo:1.0"]`) {
		t.Error("the archive does not name the image")
	}
}

func TestImagesRunAsNobodyWithoutAShell(t *testing.T) {
	for _, p := range programs {
		img := options{tag: "1.0"}.image(p, "amd64", "bin")
		if img.User != "65532:65532" || len(img.Entrypoint) != 1 || img.Labels["org.opencontainers.image.title"] != p.name {
			t.Errorf("%s: %+v", p.name, img)
		}
		if len(img.Files) != 3 {
			t.Errorf("%s holds more than the program, certificates and a user: %d files", p.name, len(img.Files))
		}
	}
}

func TestRootsAreCertificates(t *testing.T) {
	pool := x509.NewCertPool()
	data := roots()
	if !pool.AppendCertsFromPEM(data) || strings.Count(string(data), "BEGIN CERTIFICATE") < 50 {
		t.Errorf("%d bytes are no set of authorities", len(data))
	}
}

func TestTheTimeOfAnImageIsGivenOrFixed(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "1700000000": 1700000000} {
		t.Setenv("SOURCE_DATE_EPOCH", text)
		if got, err := created(); err != nil || got.Unix() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"yesterday", "-1"} {
		t.Setenv("SOURCE_DATE_EPOCH", text)
		if _, err := created(); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
