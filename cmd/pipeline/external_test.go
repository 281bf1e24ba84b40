package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus/creds"
)

// somebodyElses is a NATS server in operator mode that is not Weir's. The world gets
// the signing key of an account on it, as an Exchange with spec.bus.nats has.
func (w *world) somebodyElses() {
	w.Helper()
	theirs, err := creds.New()
	if err != nil {
		w.Fatal(err)
	}
	account, err := jwt.DecodeAccountClaims(theirs.Account)
	if err != nil {
		w.Fatal(err)
	}
	operator, err := jwt.DecodeOperatorClaims(theirs.Operator)
	if err != nil {
		w.Fatal(err)
	}
	operatorKey, err := nkeys.FromSeed(theirs.OperatorSeed)
	if err != nil {
		w.Fatal(err)
	}
	signing, err := nkeys.CreateAccount()
	if err != nil {
		w.Fatal(err)
	}
	public, err := signing.PublicKey()
	if err != nil {
		w.Fatal(err)
	}
	seed, err := signing.Seed()
	if err != nil {
		w.Fatal(err)
	}
	account.SigningKeys.Add(public)
	token, err := account.Encode(operatorKey)
	if err != nil {
		w.Fatal(err)
	}
	resolver := new(server.MemAccResolver)
	if err := errors.Join(resolver.Store(account.Subject, token), resolver.Store(operator.SystemAccount, theirs.System)); err != nil {
		w.Fatal(err)
	}
	ns, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: w.path("nats"),
		MaxPayload: 8 << 20, MaxControlLine: 1 << 20,
		TrustedOperators: []*jwt.OperatorClaims{operator}, SystemAccount: operator.SystemAccount, AccountResolver: resolver,
	})
	if err != nil {
		w.Fatal(err)
	}
	ns.Start()
	w.Cleanup(func() {
		ns.Shutdown()
		ns.WaitForShutdown()
	})
	if !ns.ReadyForConnections(time.Minute) {
		w.Fatal("the server does not become ready")
	}
	if w.keys, err = creds.Signer(seed, account.Subject); err != nil {
		w.Fatal(err)
	}
	w.bus = strings.TrimPrefix(ns.ClientURL(), "nats://")
}

func TestOnSomebodyElsesBusEventsTravelAsOnTheHubsOwn(t *testing.T) {
	feed := httptest.NewServer(http.HandlerFunc(writeFeed))
	defer feed.Close()
	w := newWorld(t)
	w.somebodyElses()
	hub := w.component(creds.Hub(namespace, exchange), "hub", "hub", "--namespace="+namespace, "--exchange="+exchange,
		"--replica=0", "--data="+w.path("hub-0"), "--stream-replicas=1")
	exporter := w.exporter()
	for _, p := range []*proc{hub, w.collector(), w.monitor(append(slices.Clone(feeds), "warm")...), exporter} {
		p.start()
	}
	w.configure(manifestsFor(feed.URL, 1))
	hub.ready()
	exporter.ready()
	w.finish(exporter)
}
