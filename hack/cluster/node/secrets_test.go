package node

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"
)

func TestCertificatesAreOfTheAuthorityAndForTheirUse(t *testing.T) {
	c := &Cluster{dir: t.TempDir()}
	if err := c.makeSecrets(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(readCert(t, c, "ca"))
	for name, o := range map[string]x509.VerifyOptions{
		"apiserver":         {DNSName: apiServiceIP, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"kubelet":           {DNSName: nodeIP, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}},
		"apiserver-kubelet": {KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
		"front-proxy":       {KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}},
	} {
		o.Roots = pool
		if _, err := readCert(t, c, name).Verify(o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASecondStartKeepsTheSecrets(t *testing.T) {
	c := &Cluster{dir: t.TempDir()}
	read := func() string {
		if err := c.makeSecrets(t.Context()); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(c.path("secrets", "tokens.csv"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	one := read()
	if two := read(); one != two {
		t.Error("tokens changed")
	}
	for line := range strings.Lines(one) {
		token, _, _ := strings.Cut(line, ",")
		if len(token) < 26 {
			t.Errorf("token of %d characters", len(token))
		}
	}
	for _, a := range accounts {
		info, err := os.Stat(c.path(a.kubeconfig))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", a.kubeconfig, info.Mode(), err)
		}
	}
}

func readCert(t *testing.T, c *Cluster, name string) *x509.Certificate {
	t.Helper()
	data, err := os.ReadFile(c.path("secrets", name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
