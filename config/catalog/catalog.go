// Package catalog holds ready-made feeds: a FeedSource and its Parser each, with
// examples. Every folder is a provider, and a base for kustomize.
//
// A file begins with a comment that says what the feed is and who may use it:
//
//	# What it is, in one sentence.
//	# More to know, on any number of lines.
//	#
//	# About: https://...      a page that describes the feed or its format
//	# Terms: https://...      licence or terms of use
//	# Updates: every hour     how often the publisher changes it
//	# Auth: none              or what is needed, and where it is had
//	# Transport: mail ...     how its files come here, for a FeedSource that reads files
package catalog

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Files are the manifests, by provider: abuse-ch/urlhaus.yaml.
//
//go:embed */*.yaml
var Files embed.FS

// Kustomization is the name of the file that makes a provider a base.
const Kustomization = "kustomization.yaml"

// Header is the comment at the head of a file.
type Header struct {
	Title   string // one sentence
	Notes   string // more to know, or empty
	About   string // a URL
	Terms   string // a URL
	Updates string
	Auth    string // "none", or what is needed
	// Transport says how files come to where the FeedSource reads them; empty if it
	// fetches the feed itself.
	Transport string
	Text      string // the comment as it is written, with its line ends
}

// Feed is one FeedSource of the catalogue and the Parser that it names.
type Feed struct {
	Header
	Name       string // of the FeedSource: abuse-ch-urlhaus-recent
	File       string // abuse-ch/urlhaus.yaml
	Source     v1alpha1.FeedSource
	Parser     v1alpha1.Parser
	SourceYAML string // the documents as they are written, with comments
	ParserYAML string
	Bases      []Base // Parsers that the Parser builds on, the nearest first

	bases []*v1alpha1.ParserSpec
}

// Base is a Parser that another one builds on.
type Base struct {
	Name string
	YAML string
}

// Load returns the feeds, by provider and name. An error is about the catalogue itself, and
// names the file.
func Load() ([]Feed, error) {
	return load(Files)
}

func load(files fs.FS) ([]Feed, error) {
	names, err := fs.Glob(files, "*/*.yaml")
	if err != nil {
		return nil, err
	}
	l := loader{parsers: map[string]*parser{}}
	for _, name := range names {
		if path.Base(name) == Kustomization {
			continue
		}
		data, err := fs.ReadFile(files, name)
		if err == nil {
			err = l.file(name, string(data))
		}
		if err != nil {
			return nil, fmt.Errorf("catalogue: %s: %w", name, err)
		}
	}
	for i := range l.feeds {
		f := &l.feeds[i]
		if err := l.bind(f); err != nil {
			return nil, fmt.Errorf("catalogue: %s: %w", f.File, err)
		}
	}
	if err := l.unused(); err != nil {
		return nil, fmt.Errorf("catalogue: %w", err)
	}
	slices.SortFunc(l.feeds, func(a, b Feed) int {
		return cmp.Or(strings.Compare(a.Provider(), b.Provider()), strings.Compare(a.Name, b.Name))
	})
	return l.feeds, nil
}

type parser struct {
	object v1alpha1.Parser
	yaml   string
	file   string
	used   bool
}

type loader struct {
	feeds   []Feed
	parsers map[string]*parser // by name
}

// maxBases bounds a chain of Parsers that build on one another.
const maxBases = 4

// bind gives a feed the Parser that it names, and those that it builds on.
func (l *loader) bind(f *Feed) error {
	p, ok := l.parsers[f.Source.Spec.ParserRef.Name]
	if !ok {
		return fmt.Errorf("spec.parserRef: there is no Parser %q", f.Source.Spec.ParserRef.Name)
	}
	f.Parser, f.ParserYAML, p.used = p.object, p.yaml, true
	for p.object.Spec.Base != nil {
		name := p.object.Spec.Base.Name
		if p, ok = l.parsers[name]; !ok {
			return fmt.Errorf("spec.base: there is no Parser %q", name)
		}
		if len(f.Bases) == maxBases {
			return fmt.Errorf("spec.base: more than %d Parsers build on one another", maxBases)
		}
		f.Bases = append(f.Bases, Base{Name: name, YAML: p.yaml})
		f.bases = append(f.bases, &p.object.Spec)
		p.used = true
	}
	return nil
}

func (l *loader) unused() error {
	for _, name := range slices.Sorted(maps.Keys(l.parsers)) {
		if p := l.parsers[name]; !p.used {
			return fmt.Errorf("%s: no FeedSource uses the Parser %q", p.file, name)
		}
	}
	return nil
}

func (l *loader) file(name, text string) error {
	head, body := cutHeader(text)
	h, err := parseHeader(head)
	if err != nil {
		return err
	}
	for _, doc := range strings.Split(body, "\n---\n") {
		doc = strings.TrimRight(doc, "\n") + "\n"
		var kind struct{ Kind string }
		if err := yaml.Unmarshal([]byte(doc), &kind); err != nil {
			return err
		}
		switch kind.Kind {
		case "FeedSource":
			f := Feed{Header: h, File: name, SourceYAML: doc}
			if err := yaml.UnmarshalStrict([]byte(doc), &f.Source); err != nil {
				return err
			}
			if (f.Source.Spec.File != nil) != (h.Transport != "") {
				return fmt.Errorf("FeedSource %s: spec.file and a line \"# Transport: ...\" at the head go together", f.Source.Name)
			}
			f.Name = f.Source.Name
			l.feeds = append(l.feeds, f)
		case "Parser":
			p := parser{yaml: doc, file: name}
			if err := yaml.UnmarshalStrict([]byte(doc), &p.object); err != nil {
				return err
			}
			if other, taken := l.parsers[p.object.Name]; taken {
				return fmt.Errorf("the Parser %s is in %s already", p.object.Name, other.file)
			}
			l.parsers[p.object.Name] = &p
		default:
			return fmt.Errorf("kind %q has no place in the catalogue", kind.Kind)
		}
	}
	return nil
}

// cutHeader parts the comment at the head from the documents.
func cutHeader(text string) (head, body string) {
	end := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			break
		}
		end += len(line)
	}
	return text[:end], text[end:]
}

func parseHeader(text string) (Header, error) {
	h := Header{Text: text}
	keys := map[string]*string{"About": &h.About, "Terms": &h.Terms, "Updates": &h.Updates, "Auth": &h.Auth, "Transport": &h.Transport}
	var notes []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(line, "#"))
		key, value, _ := strings.Cut(line, ": ")
		switch to := keys[key]; {
		case to != nil:
			*to = value
		case h.Title == "":
			h.Title = line
		case line != "":
			notes = append(notes, line)
		}
	}
	h.Notes = strings.Join(notes, " ")
	if h.Title == "" {
		return h, errors.New("begins with no comment that says what the feed is")
	}
	for _, key := range []string{"About", "Terms", "Updates", "Auth"} {
		if *keys[key] == "" {
			return h, fmt.Errorf("the comment at its head has no line \"# %s: ...\"", key)
		}
	}
	return h, nil
}
