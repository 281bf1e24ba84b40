package buslink

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/weir-project/weir/pipeline/bus/creds"
)

// tlsServer is a NATS server with TLS, and the certificate that it is to be checked
// against.
func tlsServer(t *testing.T) (url string, ca []byte) {
	t.Helper()
	pair, ca := certificate(t)
	return "tls://" + startServer(t, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}), ca
}

// certificate is self-signed, for the loopback address.
func certificate(t *testing.T) (pair tls.Certificate, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// startServer starts a NATS server and returns its address.
func startServer(t *testing.T, config *tls.Config) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		TLSTimeout: patience.Seconds(), TLSConfig: config,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		t.Fatal("the server does not start")
	}
	return s.Addr().String()
}

func TestDialChecksTheServer(t *testing.T) {
	url, ca := tlsServer(t)
	_, foreign := tlsServer(t)
	user, _, err := newKeys(t).Mint(creds.Operator(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := dial(ctx, exchange, Config{URLs: url, Creds: user, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	for name, c := range map[string]struct {
		config Config
		want   string
	}{
		"another CA":        {Config{URLs: url, CA: foreign}, "its certificate is not trusted, check spec.bus.nats.ca"},
		"the system's CAs":  {Config{URLs: url}, "its certificate is not trusted, check spec.bus.nats.ca"},
		"no certificate":    {Config{URLs: url, CA: []byte("x")}, "cannot be reached"},
		"tls:// without it": {Config{URLs: "tls://" + startServer(t, nil)}, "it has no TLS, write nats:// in spec.bus.nats.urls"},
		"nothing listening": {Config{URLs: "nats://" + closed.Addr().String()}, "nothing listens there"},
	} {
		t.Run(name, func(t *testing.T) {
			// Long enough for one attempt to end with its own error on a busy machine.
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			c.config.Creds = user
			conn, err := dial(ctx, exchange, c.config)
			if err == nil {
				conn.Close()
				t.Fatal("connected")
			}
			if got := dialError(c.config.URLs, err).Message; !strings.Contains(got, c.want) {
				t.Errorf("%s, want %q in it (%v)", got, c.want, err)
			}
		})
	}
}
