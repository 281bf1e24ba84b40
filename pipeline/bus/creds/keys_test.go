package creds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
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

// rotation replaces a file of short-lived credentials until the test ends.
type rotation struct {
	file  string
	count atomic.Int64
}

// rotate mints anew after every pause, which may be longer than the lifetime.
func rotate(t *testing.T, keys *creds.Keys, role creds.Role, lifetime, pause time.Duration) *rotation {
	t.Helper()
	r := &rotation{file: filepath.Join(t.TempDir(), "user.creds")}
	writeFile(t, r.file, mint(t, keys, role, lifetime))
	background(t, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(pause):
			}
			data, _, err := keys.Mint(role, lifetime)
			if err != nil {
				return err
			}
			writeFile(t, r.file, data)
			r.count.Add(1)
		}
	})
	return r
}

func (r *rotation) connect(t *testing.T, w *world) *bus.Conn {
	t.Helper()
	// What the server says of credentials that are expired is no failure here.
	ctx, cancel := context.WithTimeout(context.Background(), 2*deadline)
	defer cancel()
	c, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: r.file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNothingIsLostWhileCredentialsRotate(t *testing.T) {
	for name, pause := range map[string]time.Duration{
		"in time": time.Second, "after they expired": 4 * time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			const lifetime = 2 * time.Second
			out := rotate(t, w.keys, creds.Collector("acme", "bots"), lifetime, pause)
			in := rotate(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), lifetime, pause)
			collector, monitor := out.connect(t, w), in.connect(t, w)
			published := make(chan string, 100_000)
			stop := background(t, func(ctx context.Context) error {
				for i := 0; ctx.Err() == nil; i++ {
					content := []byte("text")
					if i%20 == 0 {
						content = noise(1 << 20)
					}
					id := fmt.Sprint("p", i)
					if err := collector.PublishRaw(context.WithoutCancel(ctx), payload(bots, id), bytes.NewReader(content)); err != nil {
						return err
					}
					published <- id
				}
				return nil
			})
			got := make(chan string, 100_000)
			background(t, func(ctx context.Context) error {
				return monitor.ConsumeRaw(ctx, bots, func(_ context.Context, p *bus.Payload) error {
					got <- p.ID
					return nil
				})
			})
			eventually(t, "rotations", func() bool { return out.count.Load() >= 4 && in.count.Load() >= 4 })
			stop()
			close(published)
			seen := make(map[string]bool)
			for id := range published {
				for !seen[id] { // a payload may come again, but none is left out
					seen[receive(t, got)] = true
				}
			}
			if len(seen) < 10 {
				t.Errorf("only %d payloads in all the time", len(seen))
			}
		})
	}
}

func TestEventsKeepTheirOrderWhileCredentialsRotate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const lifetime = 2 * time.Second
	out := rotate(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), lifetime, time.Second)
	in := rotate(t, w.keys, hubRole(), lifetime, 3*time.Second)
	monitor, hub := out.connect(t, w), in.connect(t, w)
	last := make(chan int, 1)
	ahead := make(chan struct{}, 20_000) // events on their way
	stop := background(t, func(ctx context.Context) error {
		events := monitor.NewEventWriter(bots, "a.x", "p", "run")
		outlives := context.WithoutCancel(ctx)
		n := 0
		for ; ctx.Err() == nil; n++ {
			if err := events.Append(outlives, strconv.AppendInt(nil, int64(n), 10)); err != nil {
				return err
			}
			select {
			case ahead <- struct{}{}:
			case <-ctx.Done():
			}
		}
		last <- n - 1
		return events.Close(outlives)
	})
	got := make(chan int, 100)
	background(t, func(ctx context.Context) error {
		return hub.ConsumeEvents(ctx, "hub-acme", []string{"acme"}, []int{bus.Partition("a.x")}, 1000, func(ctx context.Context, bs []*bus.Block) error {
			for _, b := range bs {
				for line := range bytes.Lines(b.Lines) {
					n, err := strconv.Atoi(strings.TrimSpace(string(line)))
					if err != nil {
						return err
					}
					select {
					case got <- n:
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}
			return nil
		})
	})
	next, want, stopping := 0, -1, false
	for want < 0 || next <= want {
		select {
		case n := <-got:
			if n > next {
				t.Fatalf("event %d came where %d was expected", n, next)
			}
			if n < next {
				continue // it came before
			}
			next++
			select {
			case <-ahead:
			default:
			}
		case want = <-last:
		case <-time.After(deadline):
			t.Fatalf("event %d does not come", next)
		}
		if !stopping && out.count.Load() >= 4 && in.count.Load() >= 2 {
			stopping = true
			go stop()
		}
	}
}

func TestReplacedCredentialsAreUsedBeforeTheOldExpire(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "user.creds")
	writeFile(t, file, mint(t, w.keys, creds.Monitor("acme", "csv", []string{"bots"}), time.Hour))
	c, err := bus.DialCreds(logr.NewContext(testContext(t), logr.Discard()), bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	writeFile(t, file, mint(t, w.keys, creds.Monitor("acme", "csv", []string{"bots", "scans"}), time.Hour))
	if err := c.State().Put(testContext(t), "baseline.acme.scans", []byte("v")); err != nil {
		t.Errorf("the feed that came later: %v", err)
	}
}

func TestDialWaitsForCredentials(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "user.creds")
	expired := mint(t, w.keys, creds.Operator(), time.Nanosecond)
	connected := make(chan *bus.Conn, 1)
	background(t, func(ctx context.Context) error {
		c, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file})
		if err == nil {
			connected <- c
		}
		return err
	})
	writeFile(t, file, expired)
	eventually(t, "credentials expire", func() bool {
		at, err := creds.Expires(expired)
		return err == nil && time.Now().After(at)
	})
	writeFile(t, file, mint(t, w.keys, creds.Operator(), time.Hour))
	receive(t, connected).Close()

	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := bus.DialCreds(ctx, bus.DialOptions{URLs: []string{w.server.URL()}, CredsFile: file + ".missing"})
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "user.creds.missing") {
		t.Errorf("error %v, want one that names the file", err)
	}
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
