package creds_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

// foreign is a server that somebody else runs, with an account of theirs that has a
// signing key of ours.
func foreign(t *testing.T) (url string, signer *creds.Keys) {
	t.Helper()
	theirs, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	account, err := jwt.DecodeAccountClaims(theirs.Account)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := nkeys.CreateAccount()
	if err != nil {
		t.Fatal(err)
	}
	public, _ := ours.PublicKey()
	seed, _ := ours.Seed()
	account.SigningKeys.Add(public)
	operatorKey, err := nkeys.FromSeed(theirs.OperatorSeed)
	if err != nil {
		t.Fatal(err)
	}
	token, err := account.Encode(operatorKey)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := jwt.DecodeOperatorClaims(theirs.Operator)
	if err != nil {
		t.Fatal(err)
	}
	resolver := new(server.MemAccResolver)
	if err := errors.Join(resolver.Store(account.Subject, token), resolver.Store(operator.SystemAccount, theirs.System)); err != nil {
		t.Fatal(err)
	}
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(),
		MaxPayload: 8 << 20, MaxControlLine: 1 << 20,
		TrustedOperators: []*jwt.OperatorClaims{operator}, SystemAccount: operator.SystemAccount, AccountResolver: resolver,
	})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(deadline) {
		t.Fatal("server does not become ready")
	}
	signer, err = creds.Signer(seed, account.Subject)
	if err != nil {
		t.Fatal(err)
	}
	return ns.ClientURL(), signer
}

func TestSignerMintsForAServerOfSomebodyElse(t *testing.T) {
	url, signer := foreign(t)
	dial := func(role creds.Role) *bus.Conn {
		c, err := bus.DialCreds(testContext(t), bus.DialOptions{URLs: []string{url}, Creds: mint(t, signer, role, time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	ctx := testContext(t)
	if err := dial(hubRole()).Setup(ctx, bus.Retention{}); err != nil {
		t.Fatal(err)
	}
	publish(t, dial(creds.Collector("acme", "bots")), bots, "p", noise(2<<20))
	monitor := dial(creds.Monitor("acme", "csv", []string{"bots"}))
	n := 0
	err := monitor.ReadRaw(ctx, bots, time.Time{}, func(p *bus.Payload) error {
		n += len(bytesOf(t, monitor, p))
		return nil
	})
	if err != nil || n != 2<<20 {
		t.Errorf("%d bytes, %v", n, err)
	}
	file := mint(t, signer, creds.Collector("acme", "bots"), time.Hour)
	nc, err := nats.Connect(url, nats.UserCredentialBytes(file), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := errors.Join(nc.Publish("raw.rival.bots", nil), nc.FlushTimeout(deadline)); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(nc.LastError(), nats.ErrPermissionViolation) {
		t.Errorf("publish as another feed: %v", nc.LastError())
	}
}
