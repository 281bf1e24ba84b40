package export

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-project/weir/pipeline/export/format"
)

// Endpoints, as metrics name them; the zones are the other ones.
const (
	endpointIndex  = "index"
	endpointStream = "stream"
	endpointOther  = "other"
)

const (
	pathPrefix = "/s/"
	realm      = `Bearer realm="weir"`
	// writeTimeout is how long one write may take before a client counts as gone.
	writeTimeout = 30 * time.Second
	// bodyTimeout bounds the wait for a body that nobody needs.
	bodyTimeout = 5 * time.Second
)

// NewHTTPServer serves h with limits that fit exports: headers must come quickly
// and be small, nothing bounds how long an answer goes on. Each write of an answer
// sets a deadline of its own; WriteTimeout covers the rest and resets the
// deadline of a connection with each request.
func NewHTTPServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    maxQueryBytes + 16<<10,
	}
}

// Handler serves every subscription of the stage: those of the namespace default
// under /s/<subscription>/, all under /s/<namespace>.<subscription>/ (names have
// no dots, so the two cannot be confused).
func (s *Stage) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tail, ok := strings.CutPrefix(r.URL.Path, pathPrefix)
		if !ok {
			s.serve(w, r, func() *problem {
				return problemf(http.StatusNotFound, codeNotFound, "subscriptions are under %s<subscription>/", pathPrefix)
			}, "", "", "")
			return
		}
		name, rest := tail, ""
		if i := strings.IndexByte(tail, '/'); i >= 0 {
			name, rest = tail[:i], tail[i:]
		}
		namespace := "default"
		if ns, n, ok := strings.Cut(name, "."); ok {
			namespace, name = ns, n
		}
		s.serve(w, r, nil, namespace, name, rest)
	})
}

// HandlerFor serves one subscription at the root, for an exporter of its own.
func (s *Stage) HandlerFor(namespace, name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.serve(w, r, nil, namespace, name, r.URL.Path)
	})
}

// serve answers one request for path within a subscription. Who is not logged in
// learns nothing: not whether there is such a subscription, nor such a path.
func (s *Stage) serve(w http.ResponseWriter, r *http.Request, refuse func() *problem, namespace, name, path string) {
	o := &observed{ResponseWriter: w, endpoint: endpointOther, start: s.now()}
	defer s.metrics.done(o)
	w.Header().Set("Cache-Control", "no-store")
	if r.ContentLength != 0 {
		// Nothing here takes a body, but the server reads it to the end.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
	}
	if refuse != nil {
		refuse().write(o, r)
		return
	}
	v, bad := s.login(o, r, namespace, name)
	if bad == nil {
		v.usage.requests.Add(1)
		bad = s.route(o, r, v, path)
	}
	if bad != nil {
		bad.write(o, r)
	}
}

// login finds the subscription and checks the token against its credentials. An
// unknown subscription is answered like a wrong token.
func (s *Stage) login(w http.ResponseWriter, r *http.Request, namespace, name string) (*served, *problem) {
	if err := s.Ready(); err != nil {
		w.Header().Set("Retry-After", "1")
		return nil, problemf(http.StatusServiceUnavailable, codeStarting, "%v", err)
	}
	v := s.lookup(namespace, name)
	known := v != nil
	if !known {
		v = &nobody
	}
	if who, ok := v.credentials.admit(bearerToken(r)); ok && known {
		s.log.V(1).Info("request", "subscription", v.key(), "login", who, "path", r.URL.Path)
		return v, nil
	}
	s.metrics.loginFailures.Inc()
	if wait := s.failures.add(r.RemoteAddr, s.now()); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		return nil, problemf(http.StatusTooManyRequests, codeTooManyAttempts,
			"too many requests with wrong credentials from your address; wait and use a valid token")
	}
	w.Header().Set("WWW-Authenticate", realm)
	return nil, problemf(http.StatusUnauthorized, codeUnauthorized,
		"send the header Authorization: Bearer <token> with a token of this subscription")
}

// nobody stands for a subscription that is not there. It has a key that no token
// hashes to, so that looking takes about as long.
var nobody = served{credentials: credentials{keys: []hashedKey{{}}}}

// route answers a request of somebody who is logged in.
func (s *Stage) route(w *observed, r *http.Request, v *served, path string) *problem {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return problemf(http.StatusMethodNotAllowed, codeMethod, "%s is not allowed; use GET", shown(r.Method))
	}
	if v.spec.Suspend {
		return problemf(http.StatusForbidden, codeSuspended, "the subscription is suspended")
	}
	if path == "" || path == "/" {
		w.endpoint = endpointIndex
		return s.index(w, r, v)
	}
	t, ok := parseTarget(path)
	if !ok {
		return problemf(http.StatusNotFound, codeNotFound,
			"there is no %s; there are /, /stream and /search/events, /report/inside, /report/threats with .%s, "+
				"below each of them /manifest.json and /schema.json, and before each of them /v<version>",
			shown(path), strings.Join(format.Names, ", ."))
	}
	w.endpoint = t.zone
	if bad := v.offers(t); bad != nil {
		return bad
	}
	edition, bad := s.edition(w, v, t)
	switch {
	case bad != nil:
		return bad
	case t.document != "":
		return s.describe(w, r, v, t, edition)
	case t.zone == endpointStream:
		return s.stream(w, r, v)
	}
	return s.search(w, r, v, t.zone, edition.Shape.Encoder())
}

// granted refuses a zone that the subscription has not.
func (v *served) granted(zone string) *problem {
	if slices.Contains(v.zones, zone) {
		return nil
	}
	return problemf(http.StatusForbidden, codeZoneNotGranted,
		"the subscription may not use the zone %s; granted: %s", zone, strings.Join(v.zones, ", "))
}
