package cluster

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/weir-project/weir/hack/assets"
)

var images = []string{"weir-operator", "weir-pipeline", "weir-feedsim"}

// nextTag is that of the images that are upgraded to: the same under another name.
func (w *world) nextTag() string { return w.tag + "-next" }

// bring builds the images, unless the same were built before, and loads them. The
// tag is made of what they are built from, so no test runs on images of another
// state of the sources.
func (w *world) bring(ctx context.Context, load func(archive string) error) error {
	sum, err := w.sources(ctx)
	if err != nil {
		return err
	}
	w.tag = "e2e-" + sum
	tools, err := assets.Dir()
	if err != nil {
		return err
	}
	cache := filepath.Join(filepath.Dir(tools), "e2e-images")
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return err
	}
	unlock, err := assets.Lock(ctx, cache+".lock", nil)
	if err != nil {
		return err
	}
	defer unlock()
	dir := filepath.Join(cache, w.tag)
	if _, err := os.Stat(dir); err != nil {
		if err := w.build(ctx, cache, dir); err != nil {
			return err
		}
	}
	for _, name := range images {
		if err := load(filepath.Join(dir, name+".tar")); err != nil {
			return err
		}
		w.archives = append(w.archives, filepath.Join(dir, name+".tar"))
	}
	for _, name := range images[:2] {
		next := filepath.Join(w.dir, name+"-next.tar")
		if err := retag(filepath.Join(dir, name+".tar"), next, ":"+w.tag, ":"+w.nextTag()); err != nil {
			return err
		}
		if err := load(next); err != nil {
			return err
		}
	}
	return nil
}

// build makes the archives in a folder of their own, and removes those of other states.
func (w *world) build(ctx context.Context, cache, dir string) error {
	old, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil {
		return err
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./hack/image", "-out", dir+".tmp", "-tag", w.tag, "-registry", w.registry, "-only", strings.Join(images, ","))
	cmd.Dir = w.root
	if err := output(cmd); err != nil {
		return err
	}
	return os.Rename(dir+".tmp", dir)
}

// sources is a hash of all that the images are built from.
func (w *world) sources(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-f",
		`{{if and .Module .Module.Main}}{{$dir := .Dir}}{{range .GoFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{range .EmbedFiles}}{{$dir}}/{{.}}{{"\n"}}{{end}}{{end}}`,
		"./cmd/operator", "./cmd/pipeline", "./hack/feedsim/serve", "./hack/image")
	cmd.Dir = w.root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
	list, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	version, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	h := sha256.New()
	h.Write(version)
	for _, path := range append(strings.Fields(string(list)), filepath.Join(w.root, "go.mod"), filepath.Join(w.root, "go.sum")) {
		data, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(h, "%s %d\n", path, len(data)) // a hash takes everything
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// retag copies an image archive under another name. Names are in its lists only,
// which nothing in it refers to by digest.
func retag(from, to, oldName, newName string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	r, w := tar.NewReader(in), tar.NewWriter(out)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return w.Close()
		}
		if err != nil {
			return err
		}
		var body io.Reader = r
		if h.Name == "index.json" || h.Name == "manifest.json" {
			data, err := io.ReadAll(r)
			if err != nil {
				return err
			}
			data = bytes.ReplaceAll(data, []byte(oldName), []byte(newName))
			// The tag may stand without its image.
			data = bytes.ReplaceAll(data, []byte(`"`+oldName[1:]+`"`), []byte(`"`+newName[1:]+`"`))
			h.Size, body = int64(len(data)), bytes.NewReader(data)
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, body); err != nil {
			return err
		}
	}
}
