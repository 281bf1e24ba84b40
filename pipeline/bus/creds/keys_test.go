package creds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/weir-project/weir/pipeline/bus"
	"github.com/weir-project/weir/pipeline/bus/creds"
)

func TestCredentialsTellWhenTheyExpire(t *testing.T) {
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	file, expires, err := keys.Mint(creds.Operator(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if expires.Before(before.Add(time.Hour)) || expires.After(time.Now().Add(time.Hour+time.Second)) {
		t.Errorf("expires at %s, minted at %s for an hour", expires, before)
	}
	if got, err := creds.Expires(file); err != nil || !got.Equal(expires) {
		t.Errorf("expires %s, %v; want %s", got, err, expires)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "no credentials": []byte("token"), "a seed alone": keys.AccountSeed} {
		if _, err := creds.Expires(bad); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestKeysThatCannotMintSayWhy(t *testing.T) {
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 5000)
	for i := range many {
		many[i] = fmt.Sprintf("%s-%d", strings.Repeat("f", 40), i)
	}
	for name, tt := range map[string]struct {
		keys     *creds.Keys
		role     creds.Role
		lifetime time.Duration
		want     string
	}{
		"no lifetime":     {keys, creds.Admin(), 0, "lifetime"},
		"no role":         {keys, creds.Role{}, time.Hour, "unknown kind"},
		"no keys":         {new(creds.Keys), creds.Admin(), time.Hour, "account seed"},
		"wildcard":        {keys, creds.Collector("acme", "*"), time.Hour, "DNS label"},
		"dot":             {keys, creds.Collector("acme", "a.b"), time.Hour, "DNS label"},
		"rest":            {keys, creds.Collector("acme", ">"), time.Hour, "DNS label"},
		"space":           {keys, creds.Exporter("acme", "s x", "acme", "main"), time.Hour, "DNS label"},
		"no namespace":    {keys, creds.Collectors(""), time.Hour, "DNS label"},
		"no exchange":     {keys, creds.Exporter("acme", "soc", "acme", ""), time.Hour, "DNS label"},
		"feed":            {keys, creds.Monitor("acme", "csv", []string{"a", "B"}), time.Hour, "DNS label"},
		"too many feeds":  {keys, creds.Monitor("acme", "csv", many), time.Hour, "too many"},
		"hub of no where": {keys, creds.Hub("", "main"), time.Hour, "DNS label"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := tt.keys.Mint(tt.role, tt.lifetime); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	user, _ := nkeys.CreateUser()
	seed, _ := user.Seed()
	account, _ := nkeys.CreateAccount()
	public, _ := account.PublicKey()
	if _, err := creds.Signer(seed, public); err == nil {
		t.Error("the seed of a user was taken as a signing key")
	}
	if _, err := creds.Signer(keys.AccountSeed, "acme"); err == nil {
		t.Error("a name was taken as an account")
	}
}

func TestMonitorsOfManyFeedsConnect(t *testing.T) {
	w := newWorld(t)
	feeds := make([]string, 300)
	for i := range feeds {
		feeds[i] = fmt.Sprintf("feed-%d", i)
	}
	c := w.connect(t, creds.Monitor("acme", "csv", feeds))
	putAndGet(t, c.State(), "baseline.acme.feed-0", "baseline.acme.feed-299")
}

func TestStrangersAreRefused(t *testing.T) {
	w := newWorld(t)
	other, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := creds.Signer(other.AccountSeed, accountOf(t, w.keys))
	if err != nil {
		t.Fatal(err)
	}
	expired := mint(t, w.keys, creds.Operator(), time.Nanosecond)
	eventually(t, "credentials expire", func() bool {
		at, err := creds.Expires(expired)
		return err == nil && time.Now().After(at.Add(time.Second)) // to the server, the last second is part of the life
	})
	for name, file := range map[string][]byte{
		"another account":                   mint(t, other, creds.Operator(), time.Hour),
		"a key that the account has not":    mint(t, signer, creds.Operator(), time.Hour),
		"expired":                           expired,
		"nothing in it":                     []byte("x"),
		"the JWT of one, the key of others": mix(t, mint(t, w.keys, creds.Operator(), time.Hour), mint(t, other, creds.Operator(), time.Hour)),
	} {
		t.Run(name, func(t *testing.T) {
			o := bus.DialOptions{URLs: []string{w.server.URL()}, Creds: file}
			if c, err := bus.DialCreds(testContext(t), o); err == nil {
				c.Close()
				t.Error("connected")
			} else if errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("not refused at once: %v", err)
			}
		})
	}
	for name, opts := range map[string][]nats.Option{"nobody": nil, "a token": {nats.Token("x")}} {
		if nc, err := nats.Connect(w.server.URL(), append(opts, nats.Timeout(deadline))...); err == nil {
			nc.Close()
			t.Errorf("%s connected", name)
		}
	}
	if c, err := w.server.Connect("inside"); err == nil {
		c.Close()
		t.Error("connected inside the process without credentials")
	}
	inside, err := bus.DialCreds(testContext(t), bus.DialOptions{Server: w.server, Creds: mint(t, w.keys, hubRole(), time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	if err := inside.Ready(testContext(t)); err != nil {
		t.Error(err)
	}
}

func accountOf(tb testing.TB, keys *creds.Keys) string {
	tb.Helper()
	claims, err := jwt.DecodeAccountClaims(keys.Account)
	if err != nil {
		tb.Fatal(err)
	}
	return claims.Subject
}

// mix makes a file of the JWT of one and the key of another.
func mix(tb testing.TB, token, key []byte) []byte {
	tb.Helper()
	const mark = "-----BEGIN USER NKEY SEED-----"
	first, _, ok1 := bytes.Cut(token, []byte(mark))
	_, second, ok2 := bytes.Cut(key, []byte(mark))
	if !ok1 || !ok2 {
		tb.Fatal("no credentials")
	}
	return slices.Concat(first, []byte(mark), second)
}

func TestStreamsOutliveTheServer(t *testing.T) {
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	ctx := testContext(t)
	dir := t.TempDir()
	for i := range 2 {
		s, err := bus.StartServer(bus.ServerOptions{Dir: dir, Listen: "127.0.0.1:0", Trust: trust(keys), Log: logr.Discard()})
		if err != nil {
			t.Fatal(err)
		}
		w := &world{keys: keys, server: s}
		hub, operator := w.connect(t, hubRole()), w.connect(t, creds.Operator())
		if i == 0 {
			if err := errors.Join(hub.Setup(ctx, bus.Retention{}), operator.Config().Put(ctx, "hub.acme.main", []byte("v"))); err != nil {
				t.Fatal(err)
			}
		} else if v, err := hub.Config().Get(ctx, "hub.acme.main"); err != nil || string(v) != "v" {
			t.Errorf("value %q, %v", v, err)
		}
		if err := s.Healthy(ctx); err != nil {
			t.Error(err)
		}
		hub.Close()
		operator.Close()
		s.Shutdown()
	}
}

func TestServersThatCannotTrustSayWhy(t *testing.T) {
	keys, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	other, err := creds.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		trust bus.Trust
		want  string
	}{
		"nothing":           {bus.Trust{}, "operator"},
		"no account":        {bus.Trust{Operator: keys.Operator, System: keys.System}, "account"},
		"no system account": {bus.Trust{Operator: keys.Operator, Account: keys.Account}, "system account"},
		"another operator":  {bus.Trust{Operator: other.Operator, Account: keys.Account, System: keys.System}, "not signed"},
		"same account":      {bus.Trust{Operator: keys.Operator, Account: keys.Account, System: keys.Account}, "differ"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := bus.StartServer(bus.ServerOptions{Dir: t.TempDir(), Trust: &tt.trust, Log: logr.Discard()})
			if err == nil {
				s.Shutdown()
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	o := bus.ServerOptions{Dir: t.TempDir(), Token: "x", Trust: trust(keys), Log: logr.Discard()}
	if s, err := bus.StartServer(o); err == nil {
		s.Shutdown()
		t.Error("started with both a token and trust")
	}
}
