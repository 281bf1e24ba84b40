// Package oci writes container images as archives, without a daemon and
// reproducibly: the same input gives the same bytes. An archive holds the
// layout of the OCI image specification and docker's manifest.json, so
// containerd, podman, skopeo and docker all load it.
package oci

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"time"
)

// File is a regular file of an image.
type File struct {
	Path string // absolute in the image
	Mode int64
	// Data is the content; if it is nil, the content is read from the file Source.
	Data   []byte
	Source string
}

// Image is an image for one platform: one layer.
type Image struct {
	OS, Arch   string
	Files      []File
	Entrypoint []string
	Cmd        []string
	Env        []string
	User       string // numeric uid:gid, so that runAsNonRoot can be checked
	WorkingDir string
	Ports      []string // like 8443/tcp
	Labels     map[string]string
	Created    time.Time // of the image and of each file; zero: 1970
}

// Archive is one image name, for one or more platforms.
type Archive struct {
	Name   string // reference with a tag: registry/repository:tag
	Images []Image
	// Plain leaves layers uncompressed: larger, but faster to make and to load.
	Plain bool
}

const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type manifest struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Config        descriptor        `json:"config"`
	Layers        []descriptor      `json:"layers"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType"`
	Manifests     []descriptor `json:"manifests"`
}

type config struct {
	Created      string    `json:"created"`
	Architecture string    `json:"architecture"`
	OS           string    `json:"os"`
	Config       runConfig `json:"config"`
	RootFS       rootFS    `json:"rootfs"`
	History      []history `json:"history"`
}

type runConfig struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
	Labels       map[string]string   `json:"Labels,omitempty"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

// dockerManifest is an entry of manifest.json, which docker load reads.
type dockerManifest struct {
	Config   string   `json:"Config"`
	RepoTags []string `json:"RepoTags"`
	Layers   []string `json:"Layers"`
}

// Write writes the archive. Its digest, that of the manifest or of the index
// over several platforms, is returned as sha256:<hex>.
func Write(w io.Writer, a Archive) (digest string, err error) {
	tag := strings.LastIndexByte(a.Name, ':')
	if tag <= strings.LastIndexByte(a.Name, '/') {
		return "", fmt.Errorf("image name %q: want one with a tag", a.Name)
	}
	if len(a.Images) == 0 {
		return "", fmt.Errorf("image %s: no platform", a.Name)
	}
	b := blobs{}
	var manifests []descriptor
	var docker []dockerManifest
	for _, img := range a.Images {
		d, dm, err := b.image(img, a.Plain)
		if err != nil {
			return "", fmt.Errorf("image %s for %s/%s: %w", a.Name, img.OS, img.Arch, err)
		}
		dm.RepoTags = []string{a.Name}
		manifests, docker = append(manifests, d), append(docker, dm)
	}
	top := manifests[0]
	if len(manifests) > 1 {
		if top, err = b.addJSON(typeIndex, index{2, typeIndex, manifests}); err != nil {
			return "", err
		}
	}
	top.Annotations = map[string]string{
		"io.containerd.image.name":          a.Name,
		"org.opencontainers.image.ref.name": a.Name[tag+1:],
	}
	files := []File{}
	for _, part := range []struct {
		name  string
		value any
	}{
		{"index.json", index{2, typeIndex, []descriptor{top}}},
		{"manifest.json", docker[:1]}, // docker knows one platform
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
	} {
		data, err := json.Marshal(part.value)
		if err != nil {
			return "", err
		}
		files = append(files, File{Path: part.name, Mode: 0o644, Data: data})
	}
	for sum, data := range b {
		files = append(files, File{Path: "blobs/sha256/" + sum, Mode: 0o644, Data: data})
	}
	return top.Digest, writeTar(w, files, time.Unix(0, 0))
}

// blobs are the contents of an archive by their sha256.
type blobs map[string][]byte

func (b blobs) add(mediaType string, data []byte) descriptor {
	h := sha256.Sum256(data)
	sum := hex.EncodeToString(h[:])
	b[sum] = data
	return descriptor{MediaType: mediaType, Digest: "sha256:" + sum, Size: len(data)}
}

func (b blobs) addJSON(mediaType string, v any) (descriptor, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	return b.add(mediaType, data), nil
}

func (b blobs) image(img Image, plain bool) (descriptor, dockerManifest, error) {
	fail := func(err error) (descriptor, dockerManifest, error) { return descriptor{}, dockerManifest{}, err }
	if img.OS == "" || img.Arch == "" {
		return fail(errors.New("platform is missing"))
	}
	if img.Created.IsZero() {
		img.Created = time.Unix(0, 0)
	}
	var content bytes.Buffer
	if err := writeTar(&content, img.Files, img.Created); err != nil {
		return fail(err)
	}
	diff := sha256.Sum256(content.Bytes())
	layer, mediaType := content.Bytes(), typeLayer
	if !plain {
		packed, err := pack(layer)
		if err != nil {
			return fail(err)
		}
		layer, mediaType = packed, typeLayer+"+gzip"
	}
	ld := b.add(mediaType, layer)
	created := img.Created.UTC().Format(time.RFC3339)
	ports := map[string]struct{}{}
	for _, p := range img.Ports {
		ports[p] = struct{}{}
	}
	cd, err := b.addJSON(typeConfig, config{
		Created: created, Architecture: img.Arch, OS: img.OS,
		Config: runConfig{
			User: img.User, ExposedPorts: ports, Env: img.Env, Entrypoint: img.Entrypoint, Cmd: img.Cmd,
			WorkingDir: img.WorkingDir, Labels: img.Labels,
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{"sha256:" + hex.EncodeToString(diff[:])}},
		History: []history{{Created: created, CreatedBy: "weir hack/image"}},
	})
	if err != nil {
		return fail(err)
	}
	d, err := b.addJSON(typeManifest, manifest{2, typeManifest, cd, []descriptor{ld}, img.Labels})
	if err != nil {
		return fail(err)
	}
	d.Platform = &platform{img.Arch, img.OS}
	return d, dockerManifest{Config: blobPath(cd), Layers: []string{blobPath(ld)}}, nil
}

func blobPath(d descriptor) string {
	return "blobs/sha256/" + strings.TrimPrefix(d.Digest, "sha256:")
}

func pack(data []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b) // no name and no time in the header
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// writeTar writes files and the folders that they are in, sorted, all owned by
// root and of one time.
func writeTar(w io.Writer, files []File, when time.Time) error {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(clean(a.Path), clean(b.Path)) })
	t := tar.NewWriter(w)
	seen := map[string]bool{"": true, ".": true}
	for _, f := range files {
		name := clean(f.Path)
		if seen[name] {
			return fmt.Errorf("file %q: twice or without a name", f.Path)
		}
		if err := writeDirs(t, seen, path.Dir(name), when); err != nil {
			return err
		}
		seen[name] = true
		data := f.Data
		if data == nil {
			var err error
			if data, err = os.ReadFile(f.Source); err != nil {
				return err
			}
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: f.Mode, Size: int64(len(data)), ModTime: when.UTC().Truncate(time.Second), Format: tar.FormatUSTAR}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(data); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeDirs(t *tar.Writer, seen map[string]bool, dir string, when time.Time) error {
	if seen[dir] {
		return nil
	}
	if err := writeDirs(t, seen, path.Dir(dir), when); err != nil {
		return err
	}
	seen[dir] = true
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755, ModTime: when.UTC().Truncate(time.Second), Format: tar.FormatUSTAR})
}

func clean(p string) string { return strings.TrimPrefix(path.Clean("/"+p), "/") }
