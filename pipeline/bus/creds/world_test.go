package creds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
	"go.uber.org/goleak"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// deadline bounds every wait; nothing takes that long.
const deadline = 60 * time.Second

func testContext(tb testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(logr.NewContext(context.Background(), strict(tb)), 2*deadline)
	tb.Cleanup(cancel)
	return ctx
}

// strict fails the test when the server refuses something.
func strict(tb testing.TB) logr.Logger {
	return funcr.New(func(_, line string) {
		if strings.Contains(strings.ToLower(line), "permissions violation") || strings.Contains(line, "cut off") {
			tb.Error(line)
		}
	}, funcr.Options{Verbosity: 1})
}

// world is a bus with credentials, set up by a hub.
type world struct {
	keys   *creds.Keys
	server *bus.Server
	hub    *bus.Conn
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	keys, err := creds.New()
	if err != nil {
		tb.Fatal(err)
	}
	w := &world{keys: keys, server: newServer(tb, keys)}
	w.hub = w.connect(tb, hubRole())
	if err := w.hub.Setup(testContext(tb), bus.Retention{}); err != nil {
		tb.Fatal(err)
	}
	return w
}

func trust(keys *creds.Keys) *bus.Trust {
	return &bus.Trust{Operator: keys.Operator, Account: keys.Account, System: keys.System}
}

func newServer(tb testing.TB, keys *creds.Keys) *bus.Server {
	tb.Helper()
	s, err := bus.StartServer(bus.ServerOptions{
		Dir: tb.TempDir(), Listen: "127.0.0.1:0", Trust: trust(keys), Log: logr.Discard(),
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Shutdown)
	return s
}

func hubRole() creds.Role { return creds.Hub("acme", "main") }

func mint(tb testing.TB, keys *creds.Keys, role creds.Role, lifetime time.Duration) []byte {
	tb.Helper()
	file, _, err := keys.Mint(role, lifetime)
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// connect is how a component connects.
func (w *world) connect(tb testing.TB, role creds.Role) *bus.Conn {
	tb.Helper()
	return w.connectWith(tb, mint(tb, w.keys, role, time.Hour))
}

func (w *world) connectWith(tb testing.TB, file []byte) *bus.Conn {
	tb.Helper()
	c, err := bus.DialCreds(testContext(tb), bus.DialOptions{URLs: []string{w.server.URL()}, Creds: file, Name: tb.Name()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// anything has no permissions, and so all.
func (w *world) anything(tb testing.TB) []byte {
	tb.Helper()
	user, err := nkeys.CreateUser()
	if err != nil {
		tb.Fatal(err)
	}
	public, _ := user.PublicKey()
	seed, _ := user.Seed()
	account, err := nkeys.FromSeed(w.keys.AccountSeed)
	if err != nil {
		tb.Fatal(err)
	}
	token, err := jwt.NewUserClaims(public).Encode(account)
	if err != nil {
		tb.Fatal(err)
	}
	file, err := jwt.FormatUserConfig(token, seed)
	if err != nil {
		tb.Fatal(err)
	}
	return file
}

// attacker has somebody's credentials and a client of its own.
type attacker struct {
	*nats.Conn
	inbox  string
	closed chan struct{}
}

func (w *world) attacker(tb testing.TB, file []byte) *attacker {
	tb.Helper()
	a := &attacker{inbox: inboxOf(tb, file), closed: make(chan struct{})}
	nc, err := nats.Connect(w.server.URL(), nats.UserCredentialBytes(file), nats.CustomInboxPrefix(a.inbox), nats.NoReconnect(),
		nats.Timeout(deadline), nats.ClosedHandler(func(*nats.Conn) { close(a.closed) }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	a.Conn = nc
	return a
}

func inboxOf(tb testing.TB, file []byte) string {
	tb.Helper()
	token, err := jwt.ParseDecoratedJWT(file)
	if err != nil {
		tb.Fatal(err)
	}
	claims, err := jwt.DecodeUserClaims(token)
	if err != nil {
		tb.Fatal(err)
	}
	for _, s := range claims.Sub.Allow {
		if strings.HasPrefix(s, "_INBOX") {
			return strings.TrimSuffix(s, ".>")
		}
	}
	return "_INBOX"
}

// refused reports whether the server says that it does not take what do sends on a
// subject, or asks to get from it.
func (a *attacker) refused(tb testing.TB, subject string, do func() error) bool {
	tb.Helper()
	if err := do(); err != nil {
		tb.Fatal(err)
	}
	// What the server says of it comes before its answer to this.
	if err := a.FlushTimeout(deadline); err != nil {
		tb.Fatal(err)
	}
	err := a.LastError()
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(err.Error(), fmt.Sprintf("to %q", subject))
}

// eventually waits for a condition.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	end := time.After(deadline)
	for !ok() {
		select {
		case <-end:
			tb.Fatal("waited too long: " + what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// background runs f until stop is called or the test ends.
func background(tb testing.TB, f func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(logr.NewContext(context.Background(), strict(tb)))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := f(ctx); err != nil && ctx.Err() == nil {
			tb.Error(err)
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	tb.Cleanup(stop)
	return stop
}

func receive[T any](tb testing.TB, ch <-chan T) T {
	tb.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(deadline):
		tb.Fatal("nothing came")
	}
	panic("unreachable")
}

func payload(feed bus.Feed, id string) *bus.Payload {
	return &bus.Payload{ID: id, Feed: feed, Source: "a.x", Collected: time.Now().UTC(), Collection: id}
}

// noise does not get smaller by compression.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func publish(tb testing.TB, c *bus.Conn, feed bus.Feed, id string, content []byte) {
	tb.Helper()
	if err := c.PublishRaw(testContext(tb), payload(feed, id), bytes.NewReader(content)); err != nil {
		tb.Fatal(err)
	}
}

func bytesOf(tb testing.TB, c *bus.Conn, p *bus.Payload) []byte {
	tb.Helper()
	r, err := c.Open(testContext(tb), p)
	if err != nil {
		tb.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// writeFile replaces a file as a kubelet does.
func writeFile(tb testing.TB, name string, data []byte) {
	tb.Helper()
	next := filepath.Join(filepath.Dir(name), "next")
	if err := os.WriteFile(next, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	if err := os.Rename(next, name); err != nil {
		tb.Fatal(err)
	}
}
