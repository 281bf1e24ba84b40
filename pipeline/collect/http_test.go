package collect

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/weir-project/weir/api/v1alpha1"
)

func gzipped(s string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, s)
	_ = z.Close()
	return b.Bytes()
}

func zstded(s string) []byte {
	z, _ := zstd.NewWriter(nil)
	defer z.Close()
	return z.EncodeAll([]byte(s), nil)
}

// raw answers with bytes as they are, and closes the connection.
func raw(t *testing.T, answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, answer)
		_ = conn.Close()
	}
}

func answers(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func encoded(encoding string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		_, _ = w.Write(body)
	}
}

func TestRubbishIsRefusedWithAClearReasonAndNothingIsPublished(t *testing.T) {
	bomb := strings.Repeat("0", 30<<20)
	noise := strings.Repeat("192.0.2.1,443\n", 1000)
	whole := gzipped(noise)
	tests := []struct {
		name    string
		handler http.HandlerFunc
		reason  string
		text    string
		policy  policy
	}{
		{"truncated gzip encoding", encoded("gzip", whole[:len(whole)/2]), v1alpha1.ReasonUnpackFailed, "breaks off", backOff},
		{"truncated gzip file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole[:len(whole)/2]) }, v1alpha1.ReasonUnpackFailed, "breaks off", backOff},
		{"gzip with a wrong checksum", func(w http.ResponseWriter, _ *http.Request) {
			b := bytes.Clone(whole)
			b[len(b)-6] ^= 0xff
			_, _ = w.Write(b)
		}, v1alpha1.ReasonUnpackFailed, "gzip", backOff},
		{"gzip promised, none sent", encoded("gzip", []byte(noise)), v1alpha1.ReasonUnpackFailed, "gzip", backOff},
		{"unknown encoding", encoded("br", []byte(noise)), v1alpha1.ReasonUnpackFailed, `"br"`, onSchedule},
		{"double encoding", encoded("gzip, gzip", gzipped(string(whole))), v1alpha1.ReasonUnpackFailed, "several times", onSchedule},
		{"bomb as encoding", encoded("gzip", gzipped(bomb)), v1alpha1.ReasonTooLarge, "more than 200 times", onSchedule},
		{"bomb as zstd encoding", encoded("zstd", zstded(bomb)), v1alpha1.ReasonTooLarge, "more than 200 times", onSchedule},
		{"bomb as file", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(gzipped(bomb)) }, v1alpha1.ReasonTooLarge, "more than 200 times", onSchedule},
		{"bytes after gzip", encoded("gzip", append(bytes.Clone(whole), "tail"...)), v1alpha1.ReasonUnpackFailed, "", backOff},
		{"shorter than Content-Length", raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n192.0.2.1"), v1alpha1.ReasonUnreachable, "breaks off", backOff},
		{"broken chunk", raw(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"), v1alpha1.ReasonUnreachable, "breaks off", backOff},
		{"two lengths", raw(t, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), v1alpha1.ReasonUnreachable, "", backOff},
		{"no HTTP at all", raw(t, "SSH-2.0-OpenSSH_9.9\r\n"), v1alpha1.ReasonUnreachable, "malformed HTTP", backOff},
		{"endless header", func(w http.ResponseWriter, r *http.Request) {
			for i := range 2000 {
				w.Header().Set(fmt.Sprintf("X-Fill-%d", i), strings.Repeat("x", 1000))
			}
		}, v1alpha1.ReasonUnreachable, "exceeded", backOff},
		{"endless body", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, noise); err != nil {
					return
				}
			}
		}, v1alpha1.ReasonTooLarge, "downloadBytes", onSchedule},
		{"large Content-Length", answers(200, "Content-Length", "99999999"), v1alpha1.ReasonTooLarge, "downloadBytes", onSchedule},
		{"drip", func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for {
				_, _ = io.WriteString(w, "x")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
				}
			}
		}, v1alpha1.ReasonTimeout, "too slowly", backOff},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, v1alpha1.ReasonTimeout, "spec.limits.timeout", backOff},
		{"500", answers(500), v1alpha1.ReasonHTTPStatus, "answered 500", backOff},
		{"502", answers(502), v1alpha1.ReasonHTTPStatus, "answered 502", backOff},
		{"503", answers(503), v1alpha1.ReasonHTTPStatus, "answered 503", backOff},
		{"503 with Retry-After", answers(503, "Retry-After", "7"), v1alpha1.ReasonRateLimited, "wait for 7s", waitUntil},
		{"429", answers(429), v1alpha1.ReasonRateLimited, "answered 429", backOff},
		{"429 with Retry-After", answers(429, "Retry-After", "120"), v1alpha1.ReasonRateLimited, "wait for 2m0s", waitUntil},
		{"429 for a year", answers(429, "Retry-After", "31536000"), v1alpha1.ReasonRateLimited, "wait for 24h", waitUntil},
		{"429 with nonsense", answers(429, "Retry-After", "soon"), v1alpha1.ReasonRateLimited, "answered 429", backOff},
		{"401", answers(401), v1alpha1.ReasonUnauthorized, "spec.http.auth", onSchedule},
		{"403", answers(403), v1alpha1.ReasonUnauthorized, "answered 403", onSchedule},
		{"404", answers(404), v1alpha1.ReasonHTTPStatus, "answered 404", onSchedule},
		{"206 unasked", answers(206), v1alpha1.ReasonHTTPStatus, "answered 206", onSchedule},
		{"304 unasked", answers(304), v1alpha1.ReasonHTTPStatus, "answered 304", onSchedule},
		{"redirect to nowhere", answers(302), v1alpha1.ReasonHTTPStatus, "answered 302", onSchedule},
		{"redirect to no URL", answers(302, "Location", "http://%zz/"), v1alpha1.ReasonUnreachable, "Location", backOff},
		{"redirect to itself", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) }, v1alpha1.ReasonHTTPStatus, "more than 5 times", onSchedule},
		{"redirect to a metadata service", answers(302, "Location", "http://169.254.169.254/latest/meta-data/"), v1alpha1.ReasonAddressForbidden, "169.254.169.254", onSchedule},
		{"redirect to a private address", answers(307, "Location", "http://10.0.0.1/"), v1alpha1.ReasonAddressForbidden, "10.0.0.1", onSchedule},
		{"redirect to a file", answers(302, "Location", "file:///etc/passwd"), v1alpha1.ReasonAddressForbidden, "neither https nor http", onSchedule},
		{"redirect with a user", answers(302, "Location", "https://user:secret@feeds.example.com/"), v1alpha1.ReasonAddressForbidden, "user", onSchedule},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			h := newHarness(t)
			cfg := httpFeed(serve(t, tc.handler).URL + "/feed")
			cfg.Spec.Limits = v1alpha1.LimitsSpec{DownloadBytes: 4 << 20, Timeout: "2m"}
			if tc.name == "no answer" {
				cfg.Spec.Limits.Timeout = "1s"
			}
			f := h.fails(cfg, tc.reason, tc.text)
			if f.policy != tc.policy {
				t.Errorf("policy %d, want %d (%v)", f.policy, tc.policy, f)
			}
			if strings.Contains(f.Error(), "secret@") {
				t.Errorf("message tells a password: %v", f)
			}
		})
	}
}

func TestErrorPagesWithStatus200AreForTheMonitorToJudge(t *testing.T) {
	h := newHarness(t)
	h.works(httpFeed(serve(t, text("<!DOCTYPE html><title>Sorry</title>")).URL))
	h.published("<!DOCTYPE html><title>Sorry</title>")
}

func TestBodiesAreDecoded(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"identity":                         encoded("identity", []byte("192.0.2.1\n")),
		"gzip":                             encoded("gzip", gzipped("192.0.2.1\n")),
		"x-gzip":                           encoded("X-GZIP", gzipped("192.0.2.1\n")),
		"zstd":                             encoded("zstd", zstded("192.0.2.1\n")),
		"gzip twice, as file and encoding": encoded("gzip", gzipped(string(gzipped("192.0.2.1\n")))),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			h.works(httpFeed(serve(t, handler).URL))
			h.published("192.0.2.1\n")
		})
	}
	t.Run("unpack: None keeps a file packed, not the encoding", func(t *testing.T) {
		h := newHarness(t)
		cfg := httpFeed(serve(t, encoded("gzip", gzipped(string(gzipped("x"))))).URL)
		cfg.Spec.Unpack.Mode = v1alpha1.UnpackNone
		h.works(cfg)
		h.published(string(gzipped("x")))
	})
}

func TestValidatorsAreSentAndA304IsNoPayload(t *testing.T) {
	var asked []string
	h := newHarness(t)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match")+" "+r.Header.Get("If-Modified-Since"))
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Last-Modified", "Sun, 01 Nov 2026 12:00:00 GMT")
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, "a")
	})
	cfg := httpFeed(srv.URL + "/a")
	h.works(cfg)
	if out := h.works(cfg); out.payloads != 0 {
		t.Errorf("304 gave %d payloads", out.payloads)
	}
	// Another URL is another thing, even with the same content.
	h.works(httpFeed(srv.URL + "/b"))
	h.published("a")
	want := []string{" ", `"v1" Sun, 01 Nov 2026 12:00:00 GMT`, " "}
	if strings.Join(asked, "|") != strings.Join(want, "|") {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestNothingThereIsNoPayload(t *testing.T) {
	h := newHarness(t)
	if out := h.works(httpFeed(serve(t, answers(204)).URL)); out.payloads != 0 {
		t.Errorf("204 gave %d payloads", out.payloads)
	}
}

func TestContentThatComesBackIsSentAgain(t *testing.T) {
	body := "a"
	h := newHarness(t)
	cfg := httpFeed(serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }).URL)
	for _, body = range []string{"a", "a", "b", "a", "a"} {
		h.works(cfg)
	}
	h.published("a", "b", "a")
	if h.raw.payloads[0].ID == h.raw.payloads[2].ID {
		t.Error("the bus would drop the content that came back")
	}
}

func TestCredentialsAreSentAndReadAnewEachTime(t *testing.T) {
	basic, bearer := secretRef("feed", "password"), secretRef("feed", "token")
	key := secretRef("feed", "key")
	tests := map[string]struct {
		auth *v1alpha1.HTTPAuth
		see  func(*http.Request) string
		want [2]string
	}{
		"basic": {&v1alpha1.HTTPAuth{Basic: &v1alpha1.BasicAuth{Username: "me", Password: basic}},
			func(r *http.Request) string { u, p, _ := r.BasicAuth(); return u + ":" + p }, [2]string{"me:one", "me:two"}},
		"bearer": {&v1alpha1.HTTPAuth{Bearer: &bearer},
			func(r *http.Request) string { return r.Header.Get("Authorization") }, [2]string{"Bearer one", "Bearer two"}},
		"header": {&v1alpha1.HTTPAuth{APIKey: &v1alpha1.APIKeyAuth{Header: "auth-key", SecretRef: key}},
			func(r *http.Request) string { return r.Header.Get("Auth-Key") }, [2]string{"one", "two"}},
		"query": {&v1alpha1.HTTPAuth{APIKey: &v1alpha1.APIKeyAuth{Query: "k", SecretRef: key}},
			func(r *http.Request) string { return r.URL.Query().Get("k") + r.URL.Query().Get("format") }, [2]string{"onecsv", "twocsv"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var seen []string
			h := newHarness(t)
			cfg := httpFeed(serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = append(seen, tc.see(r)) }).URL + "/?format=csv")
			cfg.Spec.HTTP.Auth = tc.auth
			f := h.fails(cfg, v1alpha1.ReasonSecretNotFound, "secret feed")
			if f.policy != backOff {
				t.Errorf("a secret that is missing must be waited for; policy %d", f.policy)
			}
			for _, value := range []string{"one\n", "two\r\n"} {
				for _, k := range []string{"password", "token", "key"} {
					h.secrets["feed/"+k] = value
				}
				h.works(cfg)
			}
			if len(seen) != 2 || seen[0] != tc.want[0] || seen[1] != tc.want[1] {
				t.Errorf("the publisher saw %q, want %q", seen, tc.want)
			}
		})
	}
}

func TestCredentialsStayOnTheirHost(t *testing.T) {
	token := secretRef("feed", "token")
	var other []http.Header
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) {
		other = append(other, r.Header)
		_, _ = io.WriteString(w, "x")
	})
	// localhost and 127.0.0.1 are two hosts.
	target := strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target, http.StatusFound) })

	h := newHarness(t)
	h.secrets["feed/token"] = "canary"
	cfg := httpFeed(srv.URL)
	cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{Bearer: &token}
	h.fails(cfg, v1alpha1.ReasonAddressForbidden, "another host")
	cfg.Spec.HTTP.Auth = nil
	cfg.Spec.HTTP.Headers = []v1alpha1.HTTPHeader{{Name: "X-Api-Key", Value: "canary"}}
	h.fails(cfg, v1alpha1.ReasonAddressForbidden, "another host")
	cfg.Spec.HTTP.Headers = []v1alpha1.HTTPHeader{{Name: "X-Customer", Value: "canary"}}
	h.works(cfg)
	for _, header := range other {
		if fmt.Sprint(header) != "" && strings.Contains(fmt.Sprint(header), "canary") {
			t.Errorf("the other host got %v", header)
		}
	}
	if len(other) != 1 {
		t.Errorf("the other host got %d requests, want 1", len(other))
	}
}

func TestRedirectsOnOneHostKeepCredentials(t *testing.T) {
	key := secretRef("feed", "key")
	h := newHarness(t)
	h.secrets["feed/key"] = "canary"
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/new" {
			http.Redirect(w, r, "/new", http.StatusMovedPermanently)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("Auth-Key")+r.Header.Get("Referer"))
	})
	cfg := httpFeed(srv.URL + "/old")
	cfg.Spec.HTTP.Auth = &v1alpha1.HTTPAuth{APIKey: &v1alpha1.APIKeyAuth{Header: "Auth-Key", SecretRef: key}}
	h.works(cfg)
	h.published("canary")
}

func TestHTTPSNeverFallsBack(t *testing.T) {
	plain := serve(t, text("x"))
	srv := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	defer srv.Close()
	h := newHarness(t)
	cfg := httpFeed(srv.URL)
	cfg.Spec.HTTP.TLS = h.trust(srv)
	h.fails(cfg, v1alpha1.ReasonAddressForbidden, "from https to http")
}

func TestPostSendsItsBody(t *testing.T) {
	h := newHarness(t)
	cfg := httpFeed(serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %s %s", r.Method, r.Header.Get("Content-Type"), r.Header.Get("If-None-Match"), b)
		w.Header().Set("ETag", `"v1"`)
	}).URL)
	cfg.Spec.HTTP.Method = "POST"
	cfg.Spec.HTTP.Body = `{"days":1}`
	cfg.Spec.HTTP.Headers = []v1alpha1.HTTPHeader{{Name: "Content-Type", Value: "application/json"}}
	h.works(cfg)
	h.works(cfg)
	h.published(`POST application/json  {"days":1}`)
}

func TestSpecsThatCannotWorkStall(t *testing.T) {
	for name, spec := range map[string]v1alpha1.HTTPSpec{
		"scheme":     {URL: "ftp://feeds.example.com/"},
		"no host":    {URL: "https:///x"},
		"user":       {URL: "https://user:canary@feeds.example.com/"},
		"no URL":     {URL: "https://feeds.example.com/%zz"},
		"Host":       {URL: "https://feeds.example.com/", Headers: []v1alpha1.HTTPHeader{{Name: "host", Value: "x"}}},
		"no pager":   {URL: "https://feeds.example.com/", Paging: &v1alpha1.PagingSpec{}},
		"line break": {URL: "https://feeds.example.com/\r\nX: y"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHarness(t)
			cfg := httpFeed("")
			cfg.Spec.HTTP = &spec
			if f := h.fails(cfg, v1alpha1.ReasonInvalidSpec, "spec.http"); f.policy != stall || strings.Contains(f.Error(), "canary") {
				t.Errorf("policy %d: %v", f.policy, f)
			}
		})
	}
}

func TestFilenameOfAnAnswer(t *testing.T) {
	for header, want := range map[string]string{
		`attachment; filename="list.csv"`:                 "list.csv",
		`attachment; filename="../../etc/passwd"`:         "passwd",
		`attachment; filename="C:\\feeds\\list.csv"`:      "list.csv",
		`attachment; filename*=UTF-8''p%C5%99%C3%ADl.csv`: "příl.csv",
		`attachment`: "feed",
		``:           "feed",
		`;;;`:        "feed",
	} {
		h := newHarness(t)
		h.works(httpFeed(serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Disposition", header)
			_, _ = io.WriteString(w, "x")
		}).URL + "/a/feed?x=y"))
		if got := h.raw.payloads[0].Filename; got != want {
			t.Errorf("%q gives %q, want %q", header, got, want)
		}
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, " 30 ": 30 * time.Second, "-5": 0, "1.5": 0, "": 0,
		"18446744073709551615":          0,
		"9223372036854775807":           maxRetryAfter,
		"Sun, 01 Nov 2026 12:01:00 GMT": time.Minute,
		"Sun, 01 Nov 2026 11:00:00 GMT": -time.Hour,
		"Fri, 01 Nov 2030 12:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("Retry-After: %s gives %s, want %s", value, got, want)
		}
	}
}
