package collect

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weir-project/weir/api/v1alpha1"
)

// trust stores the certificate of a test server as a secret.
func (h *harness) trust(srv *httptest.Server) *v1alpha1.TLSSpec {
	h.secrets["tls/ca.crt"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw}))
	ca := secretRef("tls", "ca.crt")
	return &v1alpha1.TLSSpec{CA: &ca}
}

// clientCert makes a certificate of our own.
func (h *harness) clientCert(spec *v1alpha1.TLSSpec) *x509.Certificate {
	h.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		h.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "collector"},
		NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		h.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		h.Fatal(err)
	}
	h.secrets["tls/tls.crt"] = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	h.secrets["tls/tls.key"] = string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	certRef, keyRef := secretRef("tls", "tls.crt"), secretRef("tls", "tls.key")
	spec.ClientCert, spec.ClientKey = &certRef, &keyRef
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		h.Fatal(err)
	}
	return cert
}

func tlsServer(t *testing.T, conf *tls.Config, handler http.HandlerFunc) *httptest.Server {
	srv := httptest.NewUnstartedServer(handler)
	srv.TLS = conf
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv
}

func TestClientCertificatesAreShown(t *testing.T) {
	h := newHarness(t)
	conf := &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	srv := tlsServer(t, conf, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto+" "+r.TLS.PeerCertificates[0].Subject.CommonName)
	})
	cfg := httpFeed(srv.URL)
	cfg.Spec.HTTP.TLS = h.trust(srv)
	h.fails(cfg, v1alpha1.ReasonUnreachable, "") // with HTTP/2 the alert may be lost
	conf.ClientCAs.AddCert(h.clientCert(cfg.Spec.HTTP.TLS))
	h.works(cfg)
	h.published("HTTP/2.0 collector")
	h.secrets["tls/tls.key"] = "no key"
	h.fails(cfg, v1alpha1.ReasonSecretNotFound, "no pair")
}

func TestCertificatesAreVerified(t *testing.T) {
	h := newHarness(t)
	srv := tlsServer(t, nil, text("x"))
	cfg := httpFeed(srv.URL)
	h.fails(cfg, v1alpha1.ReasonUnreachable, "certificate cannot be verified")
	cfg.Spec.HTTP.TLS = h.trust(srv)
	h.works(cfg)
	h.secrets["tls/ca.crt"] = "no certificate"
	h.fails(cfg, v1alpha1.ReasonSecretNotFound, "no PEM certificate")
}

func TestOldTLSIsRefused(t *testing.T) {
	h := newHarness(t)
	srv := tlsServer(t, &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}, text("x"))
	cfg := httpFeed(srv.URL)
	cfg.Spec.HTTP.TLS = h.trust(srv)
	h.fails(cfg, v1alpha1.ReasonUnreachable, "")
}
