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
package catalog

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
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
	Text    string // the comment as it is written, with its line ends
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
	l := loader{parsers: map[string]parser{}}
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
		p, ok := l.parsers[f.Source.Spec.ParserRef.Name]
		if !ok {
			return nil, fmt.Errorf("catalogue: %s: spec.parserRef: there is no Parser %q", f.File, f.Source.Spec.ParserRef.Name)
		}
		f.Parser, f.ParserYAML = p.object, p.yaml
	}
	slices.SortFunc(l.feeds, func(a, b Feed) int {
		return cmp.Or(strings.Compare(a.Provider(), b.Provider()), strings.Compare(a.Name, b.Name))
	})
	return l.feeds, nil
}

type parser struct {
	object v1alpha1.Parser
	yaml   string
}

type loader struct {
	feeds   []Feed
	parsers map[string]parser // by name
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
			if f.Source.Spec.HTTP == nil {
				return fmt.Errorf("FeedSource %s: spec.http: is missing; a ready-made feed is fetched over HTTP", f.Source.Name)
			}
			f.Name = f.Source.Name
			l.feeds = append(l.feeds, f)
		case "Parser":
			p := parser{yaml: doc}
			if err := yaml.UnmarshalStrict([]byte(doc), &p.object); err != nil {
				return err
			}
			l.parsers[p.object.Name] = p
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
	keys := map[string]*string{"About": &h.About, "Terms": &h.Terms, "Updates": &h.Updates, "Auth": &h.Auth}
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

// Provider is the folder of the feed.
func (f *Feed) Provider() string { return path.Dir(f.File) }

// Format is the format of the payload: csv, json, jsonLines or text.
func (f *Feed) Format() string {
	in := &f.Parser.Spec.Input
	switch {
	case in.CSV != nil:
		return "csv"
	case in.JSON != nil:
		return "json"
	case in.JSONLines != nil:
		return "jsonLines"
	default:
		return "text"
	}
}

// Schedule is how often the FeedSource collects: an interval such as 15m, or a
// cron expression.
func (f *Feed) Schedule() string {
	switch s := &f.Source.Spec.Schedule; {
	case s.Cron != "":
		return s.Cron
	case s.Interval != "":
		return string(s.Interval)
	default:
		return "1h"
	}
}

// Categories are those that the Parser can give to an event.
func (f *Feed) Categories() []string { return f.can("category") }

// Confidences are those that the Parser can give to an event.
func (f *Feed) Confidences() []string { return f.can("confidence") }

// can lists the values that rules and constants write into a field. Rules with
// an expression are read for the texts that look like a value of the field.
func (f *Feed) can(field string) []string {
	var out []string
	for _, r := range f.Parser.Spec.Mapping {
		if r.Field != field {
			continue
		}
		if r.Value != nil {
			out = append(out, *r.Value)
		}
		if r.Values != nil {
			for _, v := range r.Values.Entries {
				out = append(out, v)
			}
			if r.Values.Default != nil {
				out = append(out, *r.Values.Default)
			}
		}
		for i, part := range strings.Split(r.Expr, `"`) {
			if i%2 == 1 && slices.Contains([]string{"low", "medium", "high"}, part) {
				out = append(out, part)
			}
		}
	}
	if v, ok := f.Parser.Spec.Constants[field]; ok {
		out = append(out, v)
	} else if field == "confidence" && len(out) == 0 {
		out = append(out, "medium")
	}
	slices.Sort(out)
	return slices.Compact(out)
}
