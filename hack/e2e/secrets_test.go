package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// canary marks every secret of the test, so that they are found wherever they
// went.
const canary = "canary-x7q"

const secretManifests = `
apiVersion: feeds.weir.dev/v1alpha1
kind: Exchange
metadata: {name: main}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Parser
metadata: {name: p}
spec:
  input: {csv: {}}
  mapping: [{field: ip, from: [ip], required: true}]
  constants: {category: bots}
---
apiVersion: feeds.weir.dev/v1alpha1
kind: Subscription
metadata: {name: all}
spec:
  exchangeRef: {name: main}
  organisation: {id: all.example}
  clearance: {tlp: RED, fullAccess: true}
  zones: {search: {}, threats: {}}
  access:
    keys: [{name: k, secretRef: {name: s, key: token}}, {name: short, secretRef: {name: s, key: short}}]
    jwt: {secretRef: {name: s, key: jwt}, users: [{login: u, apiKeyID: some-key-id}]}
  exports: [{name: api, api: {}}, {name: live, stream: {}}]
---
apiVersion: v1
kind: Secret
metadata: {name: s}
stringData:
  token: token-` + canary + `-of-a-subscriber
  short: ` + canary + `
  jwt: jwt-` + canary + `-0123456789abcdef0123456789
  password: "pass/` + canary + ` +"
  bearer: bearer-` + canary + `
  header: header-` + canary + `
  query: "query/` + canary + `&="
  pem: "PEM-` + canary + `"
`

const secretFeed = `---
apiVersion: feeds.weir.dev/v1alpha1
kind: FeedSource
metadata: {name: NAME}
spec:
  {provider: example, channel: NAME, exchangeRef: {name: main}, parserRef: {name: p}, schedule: {interval: 1s},
   http: {url: "URL/NAME", AUTH}}
`

// auths are the ways in which a feed is given a secret, by the name of the feed.
var auths = map[string]string{
	"basic":  `auth: {basic: {username: u, password: {name: s, key: password}}}`,
	"bearer": `auth: {bearer: {name: s, key: bearer}}`,
	"header": `auth: {apiKey: {header: Auth-Key, secretRef: {name: s, key: header}}}`,
	"query":  `auth: {apiKey: {query: apikey, secretRef: {name: s, key: query}}}`,
	"tls":    `tls: {ca: {name: s, key: pem}}`,
}

// echo is a publisher that says what it was told, wherever it can: with a good
// payload, one whose format broke, a redirect and a refusal in turn.
func echo(w http.ResponseWriter, r *http.Request, n int) {
	secret := r.Header.Get("Authorization") + r.Header.Get("Auth-Key") + r.URL.Query().Get("apikey")
	h := w.Header()
	h.Set("Content-Type", "text/csv; key="+secret)
	h.Set("Content-Disposition", `attachment; filename="`+secret+`.csv"`)
	h.Set("Etag", `"`+secret+`"`)
	h.Set("Last-Modified", secret)
	switch n % 5 {
	case 2:
		h.Set("Location", "http://127.0.0.2:1/"+url.PathEscape(secret)+"?x="+url.QueryEscape(secret))
		w.WriteHeader(http.StatusFound)
	case 3:
		h.Set("Retry-After", "0")
		http.Error(w, secret, http.StatusServiceUnavailable)
	case 4:
		fmt.Fprintf(w, "address;port\n192.0.2.%d;80\n", n%250+1)
	default:
		fmt.Fprintf(w, "ip\n192.0.2.%d\nno address\n", n%250+1)
	}
}

func TestSecretsStayWhereTheyBelong(t *testing.T) {
	asked := map[string]*atomic.Int32{"basic": {}, "bearer": {}, "header": {}, "query": {}}
	feeds := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := asked[strings.Trim(r.URL.Path, "/")]; n != nil {
			echo(w, r, int(n.Add(1)-1))
		}
	}))
	defer feeds.Close()
	manifests := secretManifests
	for name, auth := range auths {
		manifests += strings.NewReplacer("NAME", name, "URL", feeds.URL, "AUTH", auth).Replace(secretFeed)
	}
	w := newWeir(t, manifests)
	w.Args = []string{"--log", "json"}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	e, err := w.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	key := "token-" + canary + "-of-a-subscriber"
	for name := range asked {
		err := Until(ctx, func() (bool, error) {
			out, err := w.Command(ctx, "held", "ls")
			return strings.Contains(out, name), err
		})
		if err != nil {
			t.Fatalf("nothing of %s is held: %v", name, err)
		}
	}
	err = Until(ctx, func() (bool, error) {
		got, err := Get(ctx, e.Exports+"/s/all/search/events.sjson?time.min=2020-01-01", key)
		return len(got) > 0, err
	})
	if err != nil {
		t.Fatal(err)
	}
	// Logins that are refused, one way or another.
	for _, path := range []string{"/s/all/search/events.json?token=" + key, "/s/" + key + "/", "/s/all/search/events.json?" + key + "=1", "/s/all/" + key} {
		for _, k := range []string{key, "wrong-" + key} {
			if got, _ := Get(ctx, e.Exports+path, k); len(got) > 0 {
				t.Errorf("%s with %s: %d events", path, k, len(got))
			}
		}
	}

	texts := map[string]string{"log": w.Log()}
	for _, path := range []string{"/metrics", "/readyz"} {
		resp, err := (&http.Client{}).Get(e.Admin + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(body)
	}
	commands := [][]string{{"status"}, {"held", "ls"}, {"rejected", "ls"}}
	for name := range asked {
		commands = append(commands, []string{"held", "show", name}, []string{"rejected", "ls", name})
	}
	for _, args := range commands {
		out, err := w.Command(ctx, args...)
		if err != nil {
			t.Error(err)
		}
		t.Logf("weir %s:\n%.300s", strings.Join(args, " "), out)
		texts["weir "+strings.Join(args, " ")] = out
	}
	if !strings.Contains(texts["weir status"], "default/basic") {
		t.Errorf("weir status says nothing of the feeds:\n%s", texts["weir status"])
	}
	for what, text := range texts {
		if at := strings.Index(text, canary); at >= 0 {
			t.Errorf("%s holds a secret: ...%s...", what, text[max(0, at-200):min(len(text), at+100)])
		}
	}
	token := busIsShut(ctx, t, e.Bus, e.Token)
	w.Kill() // so that nothing is tidied up
	keptFiles(t, w.Data, token)
}

// busIsShut checks that the bus answers nobody without its token.
func busIsShut(ctx context.Context, t *testing.T, address, token string) string {
	t.Helper()
	for name, hello := range map[string]string{
		"no token":    `{"verbose":true}`,
		"wrong token": `{"verbose":true,"auth_token":"0000000000000000000000000000000000000000000000000000000000000000"}`,
		"empty token": `{"verbose":true,"auth_token":""}`,
		"a user":      `{"verbose":true,"user":"weir","pass":"weir"}`,
	} {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", strings.TrimPrefix(address, "nats://"))
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		fmt.Fprintf(conn, "CONNECT %s\r\nSUB > 1\r\nPUB $JS.API.STREAM.NAMES reply 0\r\n\r\nPING\r\n", hello)
		refused := false
		for sc := bufio.NewScanner(conn); sc.Scan(); {
			switch line := sc.Text(); {
			case strings.Contains(line, token):
				t.Errorf("%s: the bus tells its token", name)
			case strings.HasPrefix(line, "-ERR 'Authorization Violation'"):
				refused = true
			case strings.HasPrefix(line, "MSG"), strings.HasPrefix(line, "PONG"), strings.HasPrefix(line, "+OK"):
				t.Errorf("%s: the bus answers %q", name, line)
			}
		}
		conn.Close()
		if !refused {
			t.Errorf("%s: the bus did not refuse", name)
		}
	}
	return token
}

// keptFiles checks the data folder: nobody else may read it, and it keeps no
// secret but the token of its bus, in one place.
func keptFiles(t *testing.T, data, token string) {
	t.Helper()
	var with []string
	err := filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(data, path)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is open to others: %s", name, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if at := strings.Index(string(content), canary); at >= 0 {
			t.Errorf("%s holds a secret: %q", name, content[max(0, at-200):min(len(content), at+100)])
		}
		if strings.Contains(string(content), token) {
			with = append(with, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(with, []string{"endpoint.json"}) {
		t.Errorf("the token of the bus is in %v", with)
	}
}
