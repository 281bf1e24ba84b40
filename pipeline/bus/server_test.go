package bus

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

func TestOtherProcessesConnectWithTheToken(t *testing.T) {
	s := testServer(t, ServerOptions{Listen: "127.0.0.1:0", Token: "secret"})
	ctx := testContext(t)
	c, err := Dial(ctx, s.URL(), "secret", "collector")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Setup(ctx, Retention{}); err != nil {
		t.Fatal(err)
	}
	if err := s.restart(); err != nil { // the port stays
		t.Fatal(err)
	}
	if err := c.State().Put(ctx, "a", []byte("1")); err != nil {
		t.Fatal(err)
	}
	if v, err := testConn(t, s).State().Get(ctx, "a"); err != nil || string(v) != "1" {
		t.Errorf("in-process: %q, %v", v, err)
	}
	if _, err := Dial(ctx, s.URL(), "wrong", "collector"); !errors.Is(err, nats.ErrAuthorization) || !strings.Contains(err.Error(), s.URL()) {
		t.Errorf("wrong token: %v", err)
	}
}

func TestDialWaitsForTheServer(t *testing.T) {
	s := testServer(t, ServerOptions{Listen: "127.0.0.1:0"})
	url := s.URL()
	s.Shutdown()
	short, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if _, err := Dial(short, url, "", "x"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), url) {
		t.Errorf("no server: %v", err)
	}
	dialed := make(chan error, 1)
	go func() {
		c, err := Dial(testContext(t), url, "", "x")
		if err == nil {
			c.Close()
		}
		dialed <- err
	}()
	testServer(t, ServerOptions{Listen: strings.TrimPrefix(url, "nats://")})
	if err := receive(t, dialed); err != nil {
		t.Error(err)
	}
}

func TestServersThatCannotStartSayWhy(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for want, o := range map[string]ServerOptions{
		"directory is empty": {},
		"token is needed":    {Dir: t.TempDir(), Listen: "0.0.0.0:0"},
		"port must be":       {Dir: t.TempDir(), Listen: "127.0.0.1:nats"},
		"listen address":     {Dir: t.TempDir(), Listen: "127.0.0.1"},
		"/dev/null":          {Dir: "/dev/null/bus"},
		"another process":    {Dir: testServer(t, ServerOptions{}).opts.Dir},
		"address already":    {Dir: t.TempDir(), Listen: listener.Addr().String()},
	} {
		if _, err := StartServer(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want %q", o, err, want)
		}
	}
}

func TestCallsOfAClosedServerEndWithTheirContext(t *testing.T) {
	s, c := testBus(t)
	s.Shutdown()
	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	err := c.PublishRaw(short, testPayload("p"), strings.NewReader("x"))
	if !errors.Is(err, ErrWait) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("publish: %v", err)
	}
	if _, err := c.State().Get(short, "a"); !errors.Is(err, ErrWait) {
		t.Errorf("get: %v", err)
	}
}

func TestSetupAgainChangesTheRetention(t *testing.T) {
	_, c := testBus(t)
	ctx := testContext(t)
	publishText(t, c, "p", "x")
	if err := c.Setup(ctx, Retention{Raw: 5 * time.Minute, Deliver: time.Hour, EventBytes: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	s, err := c.js.Stream(ctx, streamRaw)
	if err != nil {
		t.Fatal(err)
	}
	if info := s.CachedInfo(); info.Config.MaxAge != 5*time.Minute || info.State.Msgs != 1 {
		t.Errorf("age %v, %d messages", info.Config.MaxAge, info.State.Msgs)
	}
}

func TestFeedsAreDNSLabels(t *testing.T) {
	_, c := testBus(t)
	for _, f := range []Feed{
		{"", "a"}, {"a", ""}, {"a", "b.c"}, {"a", "*"}, {"a", ">"}, {"a", "B"}, {"a", "-b"}, {"a", "b-"}, {"a", strings.Repeat("b", 64)},
	} {
		p := testPayload("p")
		p.Feed = f
		if err := c.PublishRaw(testContext(t), p, strings.NewReader("x")); err == nil || errors.Is(err, ErrWait) {
			t.Errorf("feed %q: error %v", f, err)
		}
	}
}
