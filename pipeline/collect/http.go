package collect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

const (
	maxRedirects   = 5
	maxRetryAfter  = 24 * time.Hour
	maxHeaderBytes = 64 << 10
	maxValidator   = 1 << 10 // bytes of an ETag that is worth remembering

	dialTimeout   = 10 * time.Second
	tlsTimeout    = 10 * time.Second
	headerTimeout = time.Minute

	userAgent = "weir (+https://github.com/weir-project/weir)"
)

// httpTransport fetches feeds over HTTP.
type httpTransport struct {
	guard      *guard
	secrets    secretStore
	rateWindow time.Duration
	// services lets feeds come from Services of their own namespace.
	services bool
}

// session is one collection over HTTP.
type session struct {
	*httpTransport
	c      *collection
	spec   *v1alpha1.HTTPSpec
	creds  *credentials
	client *http.Client
	dialed func(context.Context, string, string, syscall.RawConn) error // the guard
	left   int64                                                        // bytes that may still be downloaded
}

// fetch adds the answer, or each page of it, to the collection.
func (t *httpTransport) fetch(ctx context.Context, c *collection) error {
	spec := c.cfg.Spec.HTTP
	creds, err := loadCredentials(t.secrets, spec)
	if err != nil {
		return err
	}
	c.redact = &creds.redact
	first, err := feedURL(spec.URL)
	if err != nil {
		return err
	}
	creds.redact.addQuery(first)
	s := &session{httpTransport: t, c: c, spec: spec, creds: creds, left: c.limits.download, dialed: t.guard.forCollection()}
	s.client = &http.Client{Transport: s.roundTripper(), CheckRedirect: s.checkRedirect}
	defer s.client.CloseIdleConnections()
	if spec.Paging != nil {
		return s.pages(ctx, first)
	}
	return s.single(ctx, first)
}

// single fetches a feed that is one answer. If it does not match its signature,
// one of the two may have been replaced between the requests: both are fetched
// again, once.
func (s *session) single(ctx context.Context, first *url.URL) error {
	c := s.c
	for again := false; ; again = true {
		before := c.spool.size
		a, err := s.get(ctx, first, s.method() == http.MethodGet && !again)
		if err != nil {
			return err
		}
		if a.unchanged {
			c.unchanged()
			return nil
		}
		p := a.part("", c.redact)
		signed, err := c.detached(p)
		if err == nil && signed {
			err = s.verify(ctx, first, p)
		}
		if err == nil {
			c.next.ETag, c.next.LastModified = s.validator(a.header, "ETag"), s.validator(a.header, "Last-Modified")
			return c.add(ctx, p, signed)
		}
		if again || !mismatch(err) {
			return err
		}
		if err := c.spool.truncate(before); err != nil {
			return err
		}
		s.left = c.limits.download
	}
}

// feedURL checks what the schema of the resource cannot.
func feedURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.url is no URL: %w", bare(err))
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.url must start with https:// or http://")
	case u.User != nil:
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.url must not carry a user or password: use spec.http.auth.basic")
	case u.Hostname() == "":
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.url names no host")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

func (s *session) method() string {
	if s.spec.Method == http.MethodPost {
		return http.MethodPost
	}
	return http.MethodGet
}

// roundTripper is a transport of this collection's own: nothing of one feed (a
// connection, a client certificate) is ever used for another. It uses no proxy:
// behind one, the guard would not see where a request goes.
func (s *session) roundTripper() http.RoundTripper {
	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: s.dialed}
	tr := &http.Transport{
		DialContext:            s.dial(dialer),
		TLSClientConfig:        s.creds.tls,
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxConnsPerHost:        perHost,
		DisableCompression:     true, // a truncated or endless body must not hide in the transport
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 15 * time.Second},
	}
	return roundTrip(func(req *http.Request) (*http.Response, error) {
		if s.creds.secret && req.URL.Scheme != "https" {
			req = req.WithContext(context.WithValue(req.Context(), plainCredentials{}, true))
		}
		return tr.RoundTrip(req)
	}, tr)
}

// dial marks dials to a Service of the feed's own namespace, if the feed itself
// names one: not what a redirect or a page leads to.
func (s *session) dial(d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	if !s.services || !s.spec.OwnService(s.c.cfg.Namespace) {
		return d.DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil && v1alpha1.OwnServiceHost(host, s.c.cfg.Namespace) {
			ctx = context.WithValue(ctx, ownService{}, true)
		}
		return d.DialContext(ctx, network, address)
	}
}

// checkRedirect is http.Client.CheckRedirect. The guard sees the new address
// when it is dialed.
func (s *session) checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fail(v1alpha1.ReasonHTTPStatus, onSchedule, "the publisher redirects more than %d times", maxRedirects)
	}
	if err := s.checkHop(via[len(via)-1].URL, req.URL); err != nil {
		return err
	}
	req.Header.Del("Referer") // may carry a key in its query
	if !sameHost(via[0].URL, req.URL) {
		clear(req.Header)
		req.Header.Set("User-Agent", userAgent)
		req.Header.Set("Accept-Encoding", acceptEncoding)
	}
	return nil
}

// checkHop decides whether one URL may lead to another, by a redirect or a link
// to the next page.
func (s *session) checkHop(from, to *url.URL) error {
	shown := s.creds.redact.url(to)
	switch {
	case to.Scheme != "https" && to.Scheme != "http":
		return fail(v1alpha1.ReasonAddressForbidden, onSchedule, "the publisher leads to %q, which is neither https nor http", shown)
	case from.Scheme == "https" && to.Scheme == "http":
		return fail(v1alpha1.ReasonAddressForbidden, onSchedule, "the publisher leads from https to http (%s): refused", shown)
	case to.User != nil:
		return fail(v1alpha1.ReasonAddressForbidden, onSchedule, "the publisher leads to a URL with a user in it (%s): refused", shown)
	case s.creds.sensitive && !sameHost(from, to):
		return fail(v1alpha1.ReasonAddressForbidden, onSchedule,
			"the publisher leads to another host (%s), but the feed has credentials, which are for the first host only: set spec.http.url to where it leads, if that is right", shown)
	}
	return nil
}

// sameHost tells whether two URLs are on one host and port; the change from http
// to https on their usual ports does not matter.
func sameHost(a, b *url.URL) bool {
	usual := func(u *url.URL) string {
		p := u.Port()
		if p == "" || (u.Scheme == "http" && p == "80") || (u.Scheme == "https" && p == "443") {
			return ""
		}
		return p
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) && usual(a) == usual(b)
}

// answer is one body with what is known about it.
type answer struct {
	unchanged bool // 304, or nothing there (204)
	header    http.Header
	url       *url.URL
	shown     string // url without secrets
	content   blob
}

// part makes a part of the answer. key tells it from the collection's other parts.
func (a *answer) part(key string, redact *redactor) part {
	return part{
		key:         key,
		filename:    filename(a.header, a.url, redact),
		contentType: a.header.Get("Content-Type"),
		url:         a.shown,
		content:     a.content,
	}
}

// get fetches one URL into the spool.
func (s *session) get(ctx context.Context, u *url.URL, conditional bool) (*answer, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := s.request(ctx, u, conditional)
	if err != nil {
		return nil, err
	}
	a := &answer{url: u, shown: s.creds.redact.url(u)}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, explain(ctx, err)
	}
	defer resp.Body.Close() // without draining: the rest may be endless
	a.header = resp.Header
	conditional = req.Header.Get("If-None-Match") != "" || req.Header.Get("If-Modified-Since") != ""
	if a.unchanged, err = checkStatus(resp, conditional, a.shown, time.Now()); err != nil || a.unchanged {
		return a, err
	}
	if resp.ContentLength > s.left {
		return nil, s.c.limits.tooMuchDownload()
	}
	a.content, err = s.download(ctx, cancel, resp)
	if err != nil {
		return nil, explain(ctx, err)
	}
	return a, nil
}

func (s *session) request(ctx context.Context, u *url.URL, conditional bool) (*http.Request, error) {
	var body io.Reader
	if s.spec.Body != "" {
		body = strings.NewReader(s.spec.Body)
	}
	req, err := http.NewRequestWithContext(ctx, s.method(), u.String(), body)
	if err != nil {
		return nil, fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.url: %w", bare(err))
	}
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept-Encoding", acceptEncoding)
	s.creds.apply(req)
	if prev := s.c.prev; conditional && prev.Target == s.c.next.Target {
		if prev.ETag != "" {
			req.Header.Set("If-None-Match", prev.ETag)
		}
		if prev.LastModified != "" {
			req.Header.Set("If-Modified-Since", prev.LastModified)
		}
	}
	return req, nil
}

// download copies the body into the spool, without its Content-Encoding. A body
// that breaks off, or is not as long as announced, is an error.
func (s *session) download(ctx context.Context, cancel context.CancelCauseFunc, resp *http.Response) (blob, error) {
	why := func(err error) *failure { return explain(ctx, err) }
	paced := newPace(body{resp.Body, alive(ctx), why}, s.rateWindow, cancel)
	defer paced.stop()
	start := s.left
	wire := s.c.limits.wire(paced, &s.left)
	r, done, err := decode(wire, resp.Header.Values("Content-Encoding"), &expansion{
		limit: s.c.limits, packed: func() int64 { return start - s.left },
	})
	if err != nil {
		return blob{}, err
	}
	defer done()
	b, err := s.c.spool.add(stoppable{alive(ctx), r})
	if err != nil {
		return blob{}, err
	}
	// What follows the end of the compressed stream must be nothing.
	if n, err := io.Copy(io.Discard, io.LimitReader(wire, 1)); err != nil || n > 0 {
		return blob{}, errors.Join(err, errTrailing)
	}
	return b, nil
}

// body explains why a body could not be read, before a decoder takes it for
// broken bytes.
type body struct {
	r       io.Reader
	alive   func() error
	explain func(error) *failure
}

func (b body) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if err == nil || err == io.EOF {
		return n, err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) && b.alive() == nil {
		return n, fail(v1alpha1.ReasonUnreachable, backOff, "the answer breaks off: it is shorter than the publisher announced")
	}
	return n, b.explain(err)
}

// checkStatus turns everything that is not a body into a failure.
func checkStatus(resp *http.Response, conditional bool, shown string, now time.Time) (unchanged bool, err error) {
	code := resp.StatusCode
	switch {
	case code == http.StatusOK, code == http.StatusNonAuthoritativeInfo:
		return false, nil
	case code == http.StatusNoContent, code == http.StatusNotModified && conditional:
		return true, nil
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return false, fail(v1alpha1.ReasonUnauthorized, onSchedule, "%s answered %d: check spec.http.auth and its secret", shown, code)
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		return false, busy(resp, shown, now)
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		return false, fail(v1alpha1.ReasonHTTPStatus, backOff, "%s answered %d", shown, code)
	default:
		f := fail(v1alpha1.ReasonHTTPStatus, onSchedule, "%s answered %d", shown, code)
		f.status = code
		return false, f
	}
}

// busy honours Retry-After (RFC 9110, section 10.2.3).
func busy(resp *http.Response, shown string, now time.Time) error {
	wait := retryAfter(resp.Header.Get("Retry-After"), now)
	reason := v1alpha1.ReasonHTTPStatus
	if wait > 0 || resp.StatusCode == http.StatusTooManyRequests {
		reason = v1alpha1.ReasonRateLimited
	}
	if wait <= 0 {
		return fail(reason, backOff, "%s answered %d", shown, resp.StatusCode)
	}
	f := fail(reason, waitUntil, "%s answered %d and asks to wait for %s", shown, resp.StatusCode, wait.Round(time.Second))
	f.until = now.Add(wait)
	return f
}

// retryAfter is how long the publisher asks to wait, at most a day.
func retryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(t.Sub(now), maxRetryAfter)
	}
	return 0
}

// validator is a header that a later request can repeat. One that echoes a
// secret is not remembered.
func (s *session) validator(h http.Header, name string) string {
	v := h.Get(name)
	if len(v) > maxValidator || s.creds.redact.text(v) != v {
		return ""
	}
	return v
}

// filename is what the publisher calls the body, without any folder. Secrets go
// first: of one with a slash, the end would be left.
func filename(h http.Header, u *url.URL, redact *redactor) string {
	if _, params, err := mime.ParseMediaType(h.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		return lastName(redact.text(params["filename"]))
	}
	return lastName(redact.text(u.Path))
}

func lastName(p string) string {
	name := path.Base(strings.ReplaceAll(p, `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	return name
}

type roundTripFunc struct {
	do   func(*http.Request) (*http.Response, error)
	idle interface{ CloseIdleConnections() }
}

// roundTrip makes a RoundTripper of a function in front of a transport.
func roundTrip(do func(*http.Request) (*http.Response, error), tr *http.Transport) http.RoundTripper {
	return roundTripFunc{do, tr}
}

func (r roundTripFunc) RoundTrip(req *http.Request) (*http.Response, error) { return r.do(req) }
func (r roundTripFunc) CloseIdleConnections()                               { r.idle.CloseIdleConnections() }

var errTrailing = fmt.Errorf("there is something after the end of the compressed answer")
