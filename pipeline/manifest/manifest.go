// Package manifest reads the YAML documents of a folder.
package manifest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/pipeline/secret"
)

const maxFileBytes = 16 << 20

// Document is one object of one file.
type Document struct {
	File string
	Line int // of the document's first line, from 1

	APIVersion string
	Kind       string
	Namespace  string // "default" where the manifest has none
	Name       string
	Object     map[string]any
}

// Error is a file or document that cannot be read.
type Error struct {
	File string
	Line int
	Err  error
}

func (e *Error) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Read returns the objects of a file, or of the .yaml, .yml and .json files of a
// folder and its subfolders, in the order of their paths. Hidden files and
// kustomization files are passed over. It goes on after an *Error, so that all
// of them are told at once.
func Read(path string) ([]Document, []*Error) {
	files, err := list(path)
	if err != nil {
		return nil, []*Error{{File: path, Line: 1, Err: err}}
	}
	var docs []Document
	var errs []*Error
	for _, f := range files {
		d, e := readFile(f)
		docs = append(docs, d...)
		errs = append(errs, e...)
	}
	return docs, errs
}

func list(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if p != path && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		ext := filepath.Ext(p)
		known := ext == ".yaml" || ext == ".yml" || ext == ".json"
		if !d.IsDir() && known && !strings.HasPrefix(d.Name(), "kustomization.") {
			files = append(files, p)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

func readFile(path string) ([]Document, []*Error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, []*Error{{path, 1, err}}
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("file is over %d MiB", maxFileBytes>>20)
	}
	if err != nil {
		return nil, []*Error{{path, 1, err}}
	}
	return Parse(path, data)
}

// Parse reads the documents of one file.
func Parse(file string, data []byte) ([]Document, []*Error) {
	var docs []Document
	var errs []*Error
	for _, part := range split(data) {
		doc, err := parse(part.text)
		switch {
		case err != nil:
			errs = append(errs, &Error{file, part.line, err})
		case doc != nil:
			doc.File, doc.Line = file, part.line
			docs = append(docs, *doc)
		}
	}
	return docs, errs
}

type part struct {
	line int
	text []byte
}

func split(data []byte) []part {
	var parts []part
	start, startLine, line := 0, 1, 1
	for pos := 0; pos < len(data); line++ {
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		if l := bytes.TrimRight(data[pos:end], " \t\r\n"); string(l) == "---" {
			parts = append(parts, part{startLine, data[start:pos]})
			start, startLine = end, line+1
		}
		pos = end
	}
	return append(parts, part{startLine, data[start:]})
}

func parse(text []byte) (*Document, error) {
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return nil, err
	}
	if string(asJSON) == "null" {
		return nil, nil // nothing but comments
	}
	var obj map[string]any
	if err := utiljson.Unmarshal(asJSON, &obj); err != nil {
		return nil, fmt.Errorf("the document is no object: %w", err)
	}
	doc := &Document{Object: obj, Namespace: "default"}
	doc.APIVersion, _ = obj["apiVersion"].(string)
	doc.Kind, _ = obj["kind"].(string)
	meta, _ := obj["metadata"].(map[string]any)
	doc.Name, _ = meta["name"].(string)
	if ns, _ := meta["namespace"].(string); ns != "" {
		doc.Namespace = ns
	}
	if doc.APIVersion == "" || doc.Kind == "" {
		return nil, fmt.Errorf("the document has no apiVersion and kind")
	}
	return doc, nil
}

// Secrets are the values of Secret manifests.
type Secrets map[string]map[string][]byte // namespace/name, key

// Add takes a Secret manifest in.
func (s Secrets) Add(doc *Document) error {
	values := map[string][]byte{}
	data, _ := doc.Object["data"].(map[string]any)
	for k, v := range data {
		text, _ := v.(string)
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("data.%s: is no base64; write plain text under stringData", k)
		}
		values[k] = b
	}
	plain, _ := doc.Object["stringData"].(map[string]any)
	for k, v := range plain {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("stringData.%s: is no string; put it in quotes", k)
		}
		values[k] = []byte(text)
	}
	s[doc.Namespace+"/"+doc.Name] = values
	return nil
}

// Read is a secret.Reader.
func (s Secrets) Read(namespace, name, key string) ([]byte, error) {
	v, ok := s[namespace+"/"+name][key]
	if !ok {
		return nil, fmt.Errorf("secret %s, key %s: %w", name, key, secret.ErrNotFound)
	}
	return v, nil
}
