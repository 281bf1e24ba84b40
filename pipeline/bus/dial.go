package bus

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus/internal/layout"
)

// DialOptions say how to reach a bus with credentials of package creds.
type DialOptions struct {
	// URLs are the servers, nats:// or tls://. Empty with Server.
	URLs []string
	// Server is an embedded server of this process, past its guard. A refusal is
	// noticed after 10 s only, as either side waits for the other to listen.
	Server *Server
	// CredsFile is read at every connect, so it may be replaced at any time; the
	// connection is made anew soon after, because the new credentials may allow
	// more. Creds are the same as bytes, for what lives shorter than they do.
	CredsFile string
	Creds     []byte
	// CAFile has the certificates (PEM) that the servers' must be signed by; empty:
	// those of the system. CA are the same as bytes.
	CAFile string
	CA     []byte
	// Name shows in the server's connection list.
	Name string
}

// rotateEvery is how often the credentials file is looked at.
const rotateEvery = 2 * time.Second

// DialCreds connects with credentials. It tries until ctx ends, also while the
// credentials file is missing or the server refuses what is in it, as it does after
// a long outage until the file was replaced; a refusal of Creds is final. A
// connection that was once made is made again for ever, with the file as it is
// then. The logger is taken from ctx.
func DialCreds(ctx context.Context, o DialOptions) (*Conn, error) {
	url := strings.Join(o.URLs, ",")
	switch {
	case o.Server != nil && url != "" || o.Server == nil && url == "":
		return nil, errors.New("bus address: give either servers (nats://host:4222) or an embedded server")
	case (o.CredsFile == "") == (len(o.Creds) == 0):
		return nil, errors.New("bus credentials: give either a file or bytes")
	}
	secret := &credentials{file: o.CredsFile, data: o.Creds}
	c := newConn(logr.FromContextOrDiscard(ctx))
	attempt := func() error {
		opts, err := c.credsOptions(&o, secret)
		if err != nil {
			return err
		}
		return c.connect(url, o.Name, opts)
	}
	final := func(err error) bool { return o.CredsFile == "" && refused(err) }
	if err := c.dial(ctx, attempt, final); err != nil {
		where := url
		if o.Server != nil {
			where = "inside the process"
		}
		return nil, fmt.Errorf("connect to bus %s: %w", where, err)
	}
	if o.CredsFile != "" {
		c.rotate(secret)
	}
	return c, nil
}

// refused reports whether the server does not take credentials.
func refused(err error) bool {
	return errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, errCredentials)
}

// credsOptions reads the credentials, for what is fixed for the life of the
// connection, and makes the options of the client.
func (c *Conn) credsOptions(o *DialOptions, secret *credentials) ([]nats.Option, error) {
	claims, err := secret.claims()
	if err != nil {
		return nil, err
	}
	for _, tag := range claims.Tags {
		if salt, ok := strings.CutPrefix(tag, layout.TagSalt); ok {
			c.salt = []byte(salt)
		}
	}
	opts := []nats.Option{
		nats.Timeout(authTimeout),
		nats.UserJWT(secret.token, secret.sign),
		// Else the client gives up for ever when it is refused twice.
		nats.IgnoreAuthErrorAbort(),
	}
	for _, subject := range claims.Sub.Allow {
		if prefix, ok := strings.CutSuffix(subject, ".>"); ok && strings.HasPrefix(prefix, layout.Inbox) {
			opts = append(opts, nats.CustomInboxPrefix(prefix))
			break
		}
	}
	switch {
	case o.CAFile != "":
		opts = append(opts, nats.RootCAs(o.CAFile))
	case len(o.CA) > 0:
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(o.CA) {
			return nil, errors.New("bus CA: no certificate in it: give a PEM bundle")
		}
		opts = append(opts, nats.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	}
	if o.Server != nil {
		return append(opts, nats.InProcessServer(&linkInProcess{o.Server, &c.link})), nil
	}
	return append(opts, nats.SetCustomDialer(&linkDialer{Dialer: net.Dialer{Timeout: dialTimeout}, link: &c.link})), nil
}

// errCredentials says that there is nothing to show to the server.
var errCredentials = errors.New("no bus credentials")

// credentials are read anew whenever the server asks.
type credentials struct {
	file string

	mu   sync.Mutex
	data []byte // as last shown to the server
}

// read loads the file.
func (s *credentials) read() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == "" {
		return s.data, nil
	}
	data, err := readCredentials(s.file)
	if err != nil {
		return nil, err
	}
	s.data = data
	return data, nil
}

func readCredentials(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, layout.MaxCredentials+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	case len(data) > layout.MaxCredentials:
		return nil, fmt.Errorf("%w: %s has more than %d bytes", errCredentials, name, layout.MaxCredentials)
	}
	return data, nil
}

// token is asked first at each connect, then sign, for what token read: the file
// may be replaced between the two.
func (s *credentials) token() (string, error) {
	data, err := s.read()
	if err != nil {
		return "", err
	}
	token, err := jwt.ParseDecoratedJWT(data)
	if err != nil {
		return "", fmt.Errorf("%w: no JWT: %w", errCredentials, err)
	}
	return token, nil
}

func (s *credentials) sign(nonce []byte) ([]byte, error) {
	s.mu.Lock()
	data := s.data
	s.mu.Unlock()
	kp, err := nkeys.ParseDecoratedNKey(data)
	if err != nil {
		return nil, fmt.Errorf("%w: no key: %w", errCredentials, err)
	}
	defer kp.Wipe()
	return kp.Sign(nonce)
}

func (s *credentials) claims() (*jwt.UserClaims, error) {
	token, err := s.token()
	if err != nil {
		return nil, err
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCredentials, err)
	}
	return claims, nil
}

// changed reports whether the file is another one than was last shown, and one
// that may be shown.
func (s *credentials) changed() bool {
	data, err := readCredentials(s.file)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(data) == string(s.data) {
		return false
	}
	_, err = jwt.ParseDecoratedJWT(data)
	return err == nil
}

// rotate makes the connection anew when the credentials changed, until Close.
func (c *Conn) rotate(secret *credentials) {
	c.rotating.Add(1)
	go func() {
		defer c.rotating.Done()
		t := time.NewTicker(rotateEvery)
		defer t.Stop()
		for {
			select {
			case <-c.closing:
				return
			case <-t.C:
			}
			if c.nc.IsConnected() && secret.changed() {
				c.log.Info("bus credentials were replaced, connecting anew")
				if err := c.nc.ForceReconnect(); err != nil {
					c.log.Info("bus connection reports", "error", err.Error())
				}
			}
		}
	}()
}
