package export

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/export/format"
	"github.com/weir-project/weir/pipeline/plan"
)

// Headers and trailers of answers.
const (
	headerVersion = "Weir-Schema-Version"
	headerCount   = "Weir-Count"
)

// The documents beside an export.
const (
	documentManifest = "manifest.json"
	documentSchema   = "schema.json"
)

// target is what a path within a subscription names:
// [/v<version>]<export>[/manifest.json|/schema.json].
type target struct {
	version  string // "": the current one
	zone     string // or endpointStream
	format   string
	document string
	export   string // report/inside.csv
}

func parseTarget(path string) (target, bool) {
	var t target
	if rest, ok := strings.CutPrefix(path, "/v"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return t, false
		}
		t.version, path = rest[:i], rest[i:]
	}
	for _, d := range []string{documentManifest, documentSchema} {
		if rest, ok := strings.CutSuffix(path, "/"+d); ok {
			t.document, path = d, rest
		}
	}
	t.export = strings.TrimPrefix(path, "/")
	if path == "/"+endpointStream {
		t.zone, t.format = endpointStream, format.Stream
		return t, true
	}
	for zone, prefix := range zonePaths {
		if f, ok := strings.CutPrefix(path, prefix+"."); ok {
			t.zone, t.format = zone, f
			return t, true
		}
	}
	return t, false
}

// root leads from the target to where the paths of the subscription begin.
func (t *target) root() string {
	n := strings.Count(t.export, "/")
	if t.version != "" {
		n++
	}
	if t.document != "" {
		n++
	}
	return strings.Repeat("../", n)
}

// versions compiles the versions of what is served.
func (v *served) versions() {
	v.lines, v.transitions = map[string]*contract.Line{}, map[string]func() ([]contract.Transition, error){}
	add := func(l *contract.Line) {
		if l == nil {
			return
		}
		v.lines[l.Format] = l
		v.transitions[l.Format] = sync.OnceValues(func() ([]contract.Transition, error) {
			return l.Transitions(context.Background()) // bounded: no more than a few short samples
		})
	}
	if v.api != nil {
		for _, f := range format.Names {
			add(contract.LineOf(v.api, f))
		}
	}
	if v.stream != nil {
		add(contract.LineOf(v.api, format.Stream))
	}
}

// formats of queries that some version has.
func (v *served) formats() []string {
	var out []string
	for _, f := range format.Names {
		if v.lines[f] != nil {
			out = append(out, f)
		}
	}
	return out
}

func (v *served) indexVersions(now time.Time) []indexVersion {
	list := []indexVersion{}
	for _, f := range append(v.formats(), format.Stream) {
		l := v.lines[f]
		if l == nil {
			continue
		}
		for _, e := range l.Editions {
			list = append(list, indexVersion{Format: f, Version: e.Text, Status: l.Status(e, now)})
		}
	}
	return list
}

// offers refuses an export that the subscription has not.
func (v *served) offers(t target) *problem {
	if t.zone == endpointStream {
		if v.stream == nil {
			return problemf(http.StatusForbidden, codeExportNotGranted, "the subscription has no export of the kind stream")
		}
		return nil
	}
	if format.Builtin[t.format] == "" || t.format == format.Stream {
		return problemf(http.StatusNotFound, codeUnknownFormat, "there is no format %s; there are %s",
			shown(t.format), strings.Join(format.Names, ", "))
	}
	if v.api == nil {
		return problemf(http.StatusForbidden, codeExportNotGranted, "the subscription has no export of the kind api")
	}
	if bad := v.granted(t.zone); bad != nil {
		return bad
	}
	if v.lines[t.format] == nil {
		return problemf(http.StatusNotFound, codeUnknownFormat, "no version has the format %s; there are %s",
			t.format, strings.Join(v.formats(), ", "))
	}
	return nil
}

// edition finds the version that a target names and tells the client of its dates.
// One that has ended is refused, but its manifest and schema stay.
func (s *Stage) edition(w http.ResponseWriter, v *served, t target) (*contract.Edition, *problem) {
	l, now := v.lines[t.format], s.now()
	e := l.Current(now)
	if t.version != "" {
		e = l.Find(t.version, now)
	}
	if e == nil {
		var known []string
		for _, x := range l.Editions {
			known = append(known, x.Text)
		}
		if t.version == "" {
			return nil, problemf(http.StatusNotFound, codeUnknownVersion,
				"the format %s is to be tried only: put /v<version> before the path, with one of %s", t.format, strings.Join(known, ", "))
		}
		return nil, problemf(http.StatusNotFound, codeUnknownVersion, "there is no version %s of the format %s; there are %s",
			shown(t.version), t.format, strings.Join(known, ", "))
	}
	announce(w.Header(), l, e, t)
	if t.document == "" && l.Status(e, now) == contract.Retired {
		return nil, retired(l, e, t)
	}
	return e, nil
}

// announce sets the headers that tell of a version: what it is, what describes it,
// and how long it will be there (RFC 9745, RFC 8594, RFC 5829, RFC 8631). Links are
// relative to the request. An address without a version has no end of its own.
func announce(h http.Header, l *contract.Line, e *contract.Edition, t target) {
	h.Set(headerVersion, e.Version.String())
	own := t.export[strings.LastIndexByte(t.export, '/')+1:] + "/"
	if t.document != "" {
		own = ""
	}
	link := func(to, rel, media string) {
		value := "<" + to + `>; rel="` + rel + `"`
		if media != "" {
			value += `; type="` + media + `"`
		}
		h.Add("Link", value)
	}
	link(own+documentSchema, "describedby", "application/schema+json")
	link(own+documentManifest, "service-meta", "application/json")
	if t.version != "" {
		link(t.root()+t.export, "latest-version", "")
	}
	if e.Spec == nil || e.Spec.Deprecated == nil {
		return
	}
	h.Set("Deprecation", "@"+strconv.FormatInt(e.Spec.Deprecated.Unix(), 10))
	link(own+documentManifest, "deprecation", "application/json")
	if next := l.Successor(e); next != nil {
		link(t.root()+"v"+next.Text+"/"+t.export, "successor-version", "")
	}
	if e.Spec.Sunset != nil && t.version != "" {
		h.Set("Sunset", e.Spec.Sunset.UTC().Format(http.TimeFormat))
		link(own+documentManifest, "sunset", "application/json")
	}
}

// retired is the answer after a sunset.
func retired(l *contract.Line, e *contract.Edition, t target) *problem {
	g := &gone{Type: "about:blank", Title: "Gone", Status: http.StatusGone, Code: codeVersionGone, Version: e.Text,
		Sunset:   e.Spec.Sunset.UTC().Format(time.RFC3339),
		Manifest: t.export[strings.LastIndexByte(t.export, '/')+1:] + "/" + documentManifest}
	g.Detail = fmt.Sprintf("Version %s of this export ended at %s.", e.Text, g.Sunset)
	if next := l.Successor(e); next != nil {
		g.Successor, g.URL = next.Text, t.root()+"v"+next.Text+"/"+t.export
		g.Detail += fmt.Sprintf(" Its successor is version %s; the manifest tells what changed.", next.Text)
	}
	p := problemf(http.StatusGone, codeVersionGone, "%s", g.Detail)
	p.gone = g
	return p
}

// describe answers with the manifest or the schema of a version.
func (s *Stage) describe(w http.ResponseWriter, r *http.Request, v *served, t target, e *contract.Edition) *problem {
	l := v.lines[t.format]
	feed := v.key() + "/" + t.export
	media, body := "application/schema+json", []byte(nil)
	if t.document == documentSchema {
		body = l.SchemaOf(e, feed)
	} else {
		transitions, err := v.transitions[t.format]()
		if err != nil {
			s.log.Error(err, "versions cannot be compared", "subscription", v.key())
			return problemf(http.StatusInternalServerError, codeArchive, "the manifest could not be written; tell the operator")
		}
		x := s.exchange(v.exchange)
		about := contract.About{Feed: feed, Path: t.export, Root: t.root(), Now: s.now(), Transitions: transitions, Retention: retention(x, t)}
		media, body = "application/json", l.Manifest(e, about)
	}
	h := w.Header()
	h.Set("Content-Type", media)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:gosec // JSON, and nosniff
	}
	return nil
}

// retention of what a target shows; 0 if it is not known.
func retention(x *plan.Sources, t target) time.Duration {
	of := x.Retention
	if t.zone == endpointStream {
		of = x.StreamRetention
	}
	d, err := time.ParseDuration(string(of))
	if err != nil {
		return 0
	}
	return d
}
