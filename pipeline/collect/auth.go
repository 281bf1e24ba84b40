package collect

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/secret"
)

// credentials are what one collection shows to the publisher. They are read
// anew for each, so a rotated secret is used without a restart.
type credentials struct {
	headers http.Header
	query   url.Values
	tls     *tls.Config
	// secret: there are secrets in the request, which need encryption.
	secret bool
	// sensitive: there are secrets or a body, which are for the publisher's host
	// only.
	sensitive bool
	redact    redactor
}

// secretStore reads the secrets of one namespace.
type secretStore struct {
	read      secret.Reader
	namespace string
}

// raw reads a secret as it is.
func (s secretStore) raw(field string, ref v1alpha1.SecretKeyReference) ([]byte, error) {
	if s.read == nil {
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: the collector was given no secrets", field)
	}
	raw, err := s.read(s.namespace, ref.Name, ref.Key)
	if err != nil {
		if errors.Is(err, secret.ErrNotFound) {
			return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: %w", field, err)
		}
		return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: secret %s, key %s cannot be read", field, ref.Name, ref.Key)
	}
	return raw, nil
}

// value reads a secret without the newline that editors leave at its end.
func (s secretStore) value(field string, ref v1alpha1.SecretKeyReference) (string, error) {
	raw, err := s.raw(field, ref)
	if err != nil {
		return "", err
	}
	v := strings.TrimRight(string(raw), "\r\n")
	if v == "" {
		return "", fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: secret %s, key %s is empty", field, ref.Name, ref.Key)
	}
	return v, nil
}

// token reads a secret that goes into a header or a query.
func (s secretStore) token(field string, ref v1alpha1.SecretKeyReference) (string, error) {
	v, err := s.value(field, ref)
	if err == nil && strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		err = fail(v1alpha1.ReasonSecretNotFound, backOff, "%s: secret %s, key %s holds control characters or several lines", field, ref.Name, ref.Key)
	}
	return v, err
}

func loadCredentials(store secretStore, spec *v1alpha1.HTTPSpec) (*credentials, error) {
	c := &credentials{headers: http.Header{}, query: url.Values{}}
	for i, h := range spec.Headers {
		if err := checkHeader(i, h); err != nil {
			return nil, err
		}
		c.headers.Set(h.Name, h.Value)
		if secretName(h.Name) {
			c.secret = true
			c.redact.add(h.Value)
		}
	}
	if err := c.loadAuth(store, spec.Auth); err != nil {
		return nil, err
	}
	var err error
	c.tls, err = c.loadTLS(store, spec.TLS)
	c.sensitive = c.secret || spec.Body != ""
	return c, err
}

// checkHeader refuses what the client itself must decide.
func checkHeader(i int, h v1alpha1.HTTPHeader) error {
	own := []string{"Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "Te", "Trailer", "Upgrade"}
	if slices.Contains(own, http.CanonicalHeaderKey(h.Name)) {
		return fail(v1alpha1.ReasonInvalidSpec, stall, "spec.http.headers[%d]: %s is set by Weir itself: remove it", i, h.Name)
	}
	return nil
}

func (c *credentials) loadAuth(store secretStore, auth *v1alpha1.HTTPAuth) error {
	if auth == nil {
		return nil
	}
	c.secret = true
	switch {
	case auth.Basic != nil:
		password, err := store.token("spec.http.auth.basic.password", auth.Basic.Password)
		if err != nil {
			return err
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(auth.Basic.Username + ":" + password))
		c.redact.add(password, encoded)
		c.headers.Set("Authorization", "Basic "+encoded)
	case auth.Bearer != nil:
		token, err := store.token("spec.http.auth.bearer", *auth.Bearer)
		if err != nil {
			return err
		}
		c.redact.add(token)
		c.headers.Set("Authorization", "Bearer "+token)
	case auth.APIKey != nil:
		key, err := store.token("spec.http.auth.apiKey.secretRef", auth.APIKey.SecretRef)
		if err != nil {
			return err
		}
		c.redact.add(key)
		if auth.APIKey.Header != "" {
			c.headers.Set(auth.APIKey.Header, key)
			return nil
		}
		c.query.Set(auth.APIKey.Query, key)
		c.redact.parameters = append(c.redact.parameters, auth.APIKey.Query)
	}
	return nil
}

func (c *credentials) loadTLS(store secretStore, spec *v1alpha1.TLSSpec) (*tls.Config, error) {
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if spec == nil {
		return conf, nil
	}
	if spec.CA != nil {
		pem, err := store.value("spec.http.tls.ca", *spec.CA)
		if err != nil {
			return nil, err
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM([]byte(pem)) {
			return nil, fail(v1alpha1.ReasonSecretNotFound, backOff, "spec.http.tls.ca: secret %s, key %s holds no PEM certificate", spec.CA.Name, spec.CA.Key)
		}
	}
	if spec.ClientCert == nil || spec.ClientKey == nil {
		return conf, nil
	}
	cert, err := store.value("spec.http.tls.clientCert", *spec.ClientCert)
	if err != nil {
		return nil, err
	}
	key, err := store.value("spec.http.tls.clientKey", *spec.ClientKey)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		return nil, failWith(v1alpha1.ReasonSecretNotFound, backOff, err, "spec.http.tls: clientCert and clientKey are no pair in PEM")
	}
	conf.Certificates = []tls.Certificate{pair}
	c.secret = true
	return conf, nil
}

// apply adds the credentials to a request. The query is set anew, so that a page
// or a redirect on the same host carries the key as well.
func (c *credentials) apply(req *http.Request) {
	for name, values := range c.headers {
		req.Header[name] = values
	}
	if len(c.query) == 0 {
		return
	}
	q := req.URL.Query()
	for name, values := range c.query {
		q[name] = values
	}
	req.URL.RawQuery = q.Encode()
}

// redactor takes secrets out of texts that leave the collector.
type redactor struct {
	values     []string
	parameters []string // names of query parameters, besides those that sound secret
}

const hidden = "[redacted]"

func (r *redactor) add(secrets ...string) {
	for _, s := range secrets {
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			// Two characters occur everywhere: nothing would be left of the text.
			if len(form) > 2 && !slices.Contains(r.values, form) {
				r.values = append(r.values, form)
			}
		}
	}
	// Of two secrets of which one begins the other, the end of the longer would be
	// left.
	slices.SortStableFunc(r.values, func(a, b string) int { return len(b) - len(a) })
}

// addQuery takes what a URL of the spec tells under names that sound secret for
// secrets, though they belong in auth.
func (r *redactor) addQuery(u *url.URL) {
	for name, values := range u.Query() {
		if secretName(name) {
			r.add(values...)
		}
	}
}

// text replaces every secret in s.
func (r *redactor) text(s string) string {
	for _, v := range r.values {
		s = strings.ReplaceAll(s, v, hidden)
	}
	return s
}

// url is u without user, fragment, and the values of parameters that may be
// secret.
func (r *redactor) url(u *url.URL) string {
	shown := *u
	shown.User, shown.Fragment, shown.RawFragment = nil, "", ""
	if shown.RawQuery != "" {
		pairs := strings.Split(shown.RawQuery, "&")
		for i, pair := range pairs {
			name, _, _ := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(name); err != nil || secretName(plain) || slices.Contains(r.parameters, plain) {
				pairs[i] = fmt.Sprintf("%s=%s", name, hidden)
			}
		}
		shown.RawQuery = strings.Join(pairs, "&")
	}
	return r.text(shown.String())
}

// secretName tells whether a header or parameter of this name may hold a secret.
func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, word := range []string{"key", "token", "secret", "auth", "pass", "pwd", "sig", "credential", "cookie", "session", "jwt"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
