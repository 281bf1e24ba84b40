package node

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// account is a user that proves itself by a token.
type account struct{ kubeconfig, user, groups string }

var accounts = []account{
	{"kubeconfig", "weir:admin", "system:masters"},
	{"config/kube-controller-manager.kubeconfig", "system:kube-controller-manager", ""},
	{"config/kube-scheduler.kubeconfig", "system:kube-scheduler", ""},
	{"config/kube-proxy.kubeconfig", "system:kube-proxy", ""},
	{"config/reclaimer.kubeconfig", "weir:reclaimer", ""},
	{"config/kubelet.kubeconfig", "system:node:" + nodeName, "system:nodes"},
}

// secretsDone is written last: with it, the folder is complete.
const secretsDone = "secrets/complete"

// makeSecrets makes the authority, certificates, tokens and kubeconfigs, unless
// an earlier start did.
func (c *Cluster) makeSecrets(context.Context) error {
	if exists(c.path(secretsDone)) {
		return nil
	}
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	if err := c.writePair("ca", ca.cert.Raw, ca.key); err != nil {
		return err
	}
	for name, cert := range certificates() {
		raw, key, err := ca.sign(cert)
		if err != nil {
			return fmt.Errorf("certificate %s: %w", name, err)
		}
		if err := c.writePair(name, raw, key); err != nil {
			return err
		}
	}
	tokens, err := c.writeKubeconfigs(ca.cert.Raw)
	if err != nil {
		return err
	}
	if err := writeFile(c.path("secrets", "tokens.csv"), tokens, 0o600); err != nil {
		return err
	}
	return writeFile(c.path(secretsDone), nil, 0o600)
}

// frontProxy is the API server when it calls an aggregated API on behalf of a user.
const frontProxy = "front-proxy-client"

func certificates() map[string]*x509.Certificate {
	server, client := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	return map[string]*x509.Certificate{
		"apiserver": {
			Subject:     pkix.Name{CommonName: "kube-apiserver"},
			ExtKeyUsage: server,
			IPAddresses: []net.IP{net.ParseIP(nodeIP), net.ParseIP(apiServiceIP)},
			DNSNames:    []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		},
		"kubelet": {
			Subject:     pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
			ExtKeyUsage: server,
			IPAddresses: []net.IP{net.ParseIP(nodeIP)},
			DNSNames:    []string{nodeName},
		},
		"apiserver-kubelet": {
			Subject:     pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}},
			ExtKeyUsage: client,
		},
		"front-proxy":     {Subject: pkix.Name{CommonName: frontProxy}, ExtKeyUsage: client},
		"service-account": {Subject: pkix.Name{CommonName: "service-accounts"}},
	}
}

func (c *Cluster) writeKubeconfigs(ca []byte) (tokens []byte, err error) {
	var csv bytes.Buffer
	for _, a := range accounts {
		token := rand.Text()
		_, _ = fmt.Fprintf(&csv, "%s,%s,%s", token, a.user, a.user)
		if a.groups != "" {
			_, _ = fmt.Fprintf(&csv, ",%q", a.groups)
		}
		csv.WriteByte('\n')
		data, err := render("kubeconfig.yaml", map[string]string{
			"NodeIP": nodeIP, "User": a.user, "Token": token,
			"CA": base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca})),
		})
		if err != nil {
			return nil, err
		}
		if err := writeFile(c.path(a.kubeconfig), data, 0o600); err != nil {
			return nil, err
		}
	}
	return csv.Bytes(), nil
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// lifetime of certificates: a development cluster is younger.
const lifetime = 10 * 365 * 24 * time.Hour

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "weir-cluster"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	raw, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(raw)
	return &authority{cert, key}, err
}

// sign completes a certificate and returns it with its new key.
func (a *authority) sign(cert *x509.Certificate) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	if cert.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)); err != nil {
		return nil, nil, err
	}
	cert.NotBefore, cert.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	cert.KeyUsage = x509.KeyUsageDigitalSignature
	raw, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	return raw, key, err
}

func (c *Cluster) writePair(name string, cert []byte, key *ecdsa.PrivateKey) error {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		path  string
		block pem.Block
		mode  os.FileMode
	}{
		{name + ".key", pem.Block{Type: "EC PRIVATE KEY", Bytes: der}, 0o600},
		{name + ".crt", pem.Block{Type: "CERTIFICATE", Bytes: cert}, 0o644},
	} {
		if err := writeFile(c.path("secrets", f.path), pem.EncodeToMemory(&f.block), f.mode); err != nil {
			return err
		}
	}
	return nil
}
