package collect

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// verify fetches the signature of the feed's answer and checks it.
func (s *session) verify(ctx context.Context, first *url.URL, p part) error {
	places, err := signatureURLs(s.c.cfg.Spec.Verify, first)
	if err != nil {
		return err
	}
	for _, place := range places {
		shown := s.creds.redact.url(place)
		raw, err := s.signature(ctx, first, place)
		var f *failure
		switch {
		case errors.As(err, &f) && (f.status == http.StatusNotFound || f.status == http.StatusGone):
			continue
		case errors.As(err, &f):
			f.err = badSignature("the signature cannot be fetched: %w", f.err).err
			return f
		case err != nil:
			return err
		}
		return s.c.check(ctx, p, raw, shown, first.Path, p.filename)
	}
	var shown []string
	for _, place := range places {
		shown = append(shown, s.creds.redact.url(place))
	}
	return badSignature("there is no signature at %s", strings.Join(shown, " or "))
}

// signatureURLs are where the signature may be.
func signatureURLs(v *v1alpha1.VerifySpec, feed *url.URL) ([]*url.URL, error) {
	if v.SignatureURL == "" {
		var places []*url.URL
		for _, suffix := range suffixes(v) {
			place := *feed
			place.Path += suffix
			if place.RawPath != "" {
				place.RawPath += suffix
			}
			places = append(places, &place)
		}
		return places, nil
	}
	plain := *feed
	plain.RawQuery = ""
	text := strings.NewReplacer("{url}", plain.String(), "{name}", url.PathEscape(path.Base(feed.Path))).Replace(v.SignatureURL)
	place, err := feed.Parse(text)
	const field = "spec.verify.signatureURL"
	switch {
	case err != nil:
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%s is no URL: %w", field, bare(err))
	case place.Scheme != "https" && place.Scheme != "http":
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%s must start with https:// or http://, or be relative to spec.http.url", field)
	case place.Scheme == "http" && feed.Scheme == "https":
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%s must be https, as spec.http.url is", field)
	case place.User != nil:
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%s must not carry a user or password", field)
	case place.Hostname() == "":
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "%s names no host", field)
	}
	place.Fragment, place.RawFragment = "", ""
	return []*url.URL{place}, nil
}

// signature fetches a signature. The feed's credentials are for its host only.
func (s *session) signature(ctx context.Context, feed, place *url.URL) ([]byte, error) {
	spec := *s.spec
	spec.Method, spec.Body = http.MethodGet, ""
	creds := &credentials{tls: &tls.Config{MinVersion: tls.VersionTLS12}, redact: s.creds.redact}
	if sameHost(feed, place) {
		*creds = *s.creds
		creds.headers = s.creds.headers.Clone()
		creds.headers.Del("Accept") // the feed's type is not the signature's
		creds.sensitive = creds.secret
	}
	sub := *s
	sub.spec, sub.creds, sub.left = &spec, creds, min(s.left, maxSignature)
	sub.client = &http.Client{Transport: sub.roundTripper(), CheckRedirect: sub.checkRedirect}
	defer sub.client.CloseIdleConnections()
	before := sub.left
	a, err := sub.get(ctx, place, false)
	s.left -= before - sub.left
	var f *failure
	switch {
	case errors.As(err, &f) && f.reason == v1alpha1.ReasonTooLarge, err == nil && !a.unchanged && a.content.Size() > maxSignature:
		return nil, badSignature("%s is larger than %d bytes", s.creds.redact.url(place), before)
	case err != nil:
		return nil, err
	case a.unchanged: // no content
		return nil, badSignature("%s is empty", a.shown)
	}
	return a.content.bytes()
}

// verify reads the signature beside a file and checks it.
func (t *fileTransport) verify(ctx context.Context, c *collection, root *os.Root, p part, left *int64) error {
	places := suffixes(c.cfg.Spec.Verify)
	for _, suffix := range places {
		name := p.filename + suffix
		info, err := root.Stat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxSignature {
			return badSignature("the signature %s is no regular file of at most %d bytes", name, maxSignature)
		}
		b, _, err := t.read(ctx, c, root, name, left)
		if err != nil {
			return err
		}
		raw, err := b.bytes()
		if err != nil {
			return err
		}
		err = c.check(ctx, p, raw, name, p.filename)
		return soon(err)
	}
	return soon(badSignature("there is no signature beside %s: it is looked for in %s", p.filename, p.filename+strings.Join(places, " and "+p.filename)))
}

// soon makes a bad signature of a file be looked at again: whoever writes files
// writes one of the two first.
func soon(err error) error {
	var f *failure
	if errors.As(err, &f) && f.reason == v1alpha1.ReasonSignatureInvalid {
		f.policy = backOff
	}
	return err
}
