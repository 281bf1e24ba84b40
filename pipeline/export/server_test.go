package export

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/export/exporttest"
	"github.com/weir-project/weir/pipeline/hub"
	"github.com/weir-project/weir/pipeline/plan"
	"github.com/weir-project/weir/pipeline/store"
)

const since = "time.min=2024-05-01"

func TestAnswersInEveryFormatAndZone(t *testing.T) {
	f := standard(t)
	f.archive.events = yieldAll(exporttest.Events(), nil)
	types := map[string]string{"json": "application/json", "sjson": "text/plain; charset=UTF-8", "csv": "text/csv; charset=UTF-8"}
	for zone, path := range zonePaths {
		for format, contentType := range types {
			want, err := os.ReadFile(filepath.Join("format", "testdata", "events."+format))
			if err != nil {
				t.Fatal(err)
			}
			r := f.get("/s/acme"+path+"."+format+"?"+since+"&category=bots", acmeToken)
			if r.StatusCode != 200 || r.body != string(want) || r.err != nil {
				t.Errorf("%s.%s: %d %s %v", path, format, r.StatusCode, r.body, r.err)
			}
			if got := r.Header.Get("Content-Type"); got != contentType {
				t.Errorf("%s.%s has type %s", path, format, got)
			}
			if got := r.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("%s.%s may be cached: %q", path, format, got)
			}
			asked := f.archive.requests()
			if got := asked[len(asked)-1]; got.Zone != zone || got.Namespace != "default" || got.Subscription != "acme" ||
				!reflect.DeepEqual(got.Where, []store.Cond{in("category", "bots")[0], when("time", store.Min, "2024-05-01T00:00:00Z")}) {
				t.Errorf("asked %+v", got)
			}
		}
	}
}

func TestNamespacesAreAddressedWithADot(t *testing.T) {
	f := standard(t)
	for path, want := range map[string][2]string{"/s/acme/": {"default", acmeToken}, "/s/default.acme/": {"default", acmeToken}, "/s/two.acme/": {"two", otherToken}} {
		r := f.get(path+"search/events.json?"+since, want[1])
		asked := f.archive.requests()
		if r.StatusCode != 200 || asked[len(asked)-1].Namespace != want[0] {
			t.Errorf("%s: %d, asked %+v", path, r.StatusCode, asked)
		}
	}
}

func TestHandlerForServesAtTheRoot(t *testing.T) {
	f := standard(t)
	f.server.Config.Handler = f.stage.HandlerFor("default", "acme")
	if r := f.get("/report/inside.json?"+since, acmeToken); r.StatusCode != 200 || r.body != "[\n\n]" {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	if r := f.get("/", otherToken); r.StatusCode != 401 {
		t.Errorf("another subscription's token: %d", r.StatusCode)
	}
}

func TestStrangersLearnNothing(t *testing.T) {
	f := standard(t)
	f.archive.events = yieldAll(exporttest.Events(), nil)
	f.stage.failures = newFailures()
	first := f.get("/s/acme/search/events.json?"+since, "")
	if first.StatusCode != 401 || first.Header.Get("WWW-Authenticate") != `Bearer realm="weir"` {
		t.Fatalf("%d %v", first.StatusCode, first.Header)
	}
	first.Header.Del("Date")
	for _, c := range []struct{ name, method, path, token string }{
		{"wrong token", "GET", "/s/acme/search/events.json?" + since, "no-token-no-token-no-token"},
		{"another subscription's token", "GET", "/s/acme/search/events.json?" + since, otherToken},
		{"own token on another subscription", "GET", "/s/other/search/events.json?" + since, acmeToken},
		{"same name, another namespace", "GET", "/s/two.acme/search/events.json?" + since, acmeToken},
		{"unknown subscription", "GET", "/s/nobody/search/events.json?" + since, acmeToken},
		{"unknown namespace", "GET", "/s/x.acme/search/events.json?" + since, acmeToken},
		{"no subscription", "GET", "/s/", acmeToken},
		{"dots", "GET", "/s/default.acme.x/", acmeToken},
		{"escaped slash", "GET", "/s/default%2Facme/", acmeToken},
		{"unknown path", "GET", "/s/nobody/x", ""},
		{"wrong parameter", "GET", "/s/acme/search/events.json?x=y", otherToken},
		{"the hash of a token", "GET", "/s/acme/", hashed(acmeToken)},
		{"stream", "GET", "/s/other/stream", acmeToken},
		{"another method", "POST", "/s/acme/", otherToken},
		{"guessed event id", "GET", "/s/other/search/events.json?" + since + "&id=392ab73bbe7bcd6a56c84af2234987a4", acmeToken},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := f.do(c.method, c.path, c.token)
			r.Header.Del("Date")
			if r.StatusCode != 401 || r.body != first.body || !reflect.DeepEqual(r.Header, first.Header) {
				t.Errorf("%d %s %v, but without a token: %s %v", r.StatusCode, r.body, r.Header, first.body, first.Header)
			}
		})
	}
	if n := len(f.archive.requests()); n != 0 {
		t.Errorf("the archive was asked %d times", n)
	}
}

func TestN6TokenOpensItsSubscriptionOnly(t *testing.T) {
	f := newFixture(t)
	f.secrets.Store("n6/secret", signing)
	acme, other := subscription("default", "acme", "acme"), subscription("default", "other", "other")
	access := func(login, id string) *v1alpha1.JWTAccess {
		return &v1alpha1.JWTAccess{SecretRef: reference("n6/secret"), Users: []v1alpha1.JWTUser{{Login: login, APIKeyID: id}}}
	}
	acme.Spec.Access.JWT, other.Spec.Access.JWT = access("a@example.com", "id-of-acme"), access("b@example.com", "id-of-other")
	f.configure(acme, other)
	token := sign(t, jwt.SigningMethodHS256, []byte(signing), jwt.MapClaims{"login": "a@example.com", "api_key_id": "id-of-acme"})
	for path, want := range map[string]int{"/s/acme/": 200, "/s/other/": 401} {
		if r := f.get(path, token); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, r.StatusCode, want)
		}
	}
	acme.Spec.Access.JWT.Users[0].APIKeyID = "the-next-id"
	f.configure(acme)
	if r := f.get("/s/acme/", token); r.StatusCode != 401 {
		t.Errorf("a revoked token: %d", r.StatusCode)
	}
}

func TestOtherSchemesAreNotTaken(t *testing.T) {
	f := standard(t)
	for auth, want := range map[string]int{"Bearer " + acmeToken: 200, "bearer  " + acmeToken: 200, "Basic " + acmeToken: 401, acmeToken: 401, "Bearer": 401} {
		if r := f.get("/s/acme/", "", "Authorization", auth); r.StatusCode != want {
			t.Errorf("%s: %d, want %d", auth, r.StatusCode, want)
		}
	}
	if r := f.get("/s/acme/?access_token="+acmeToken, ""); r.StatusCode != 401 {
		t.Errorf("a token in the address: %d", r.StatusCode)
	}
}

func TestGuessingIsSlowedDownAndSubscribersAreNot(t *testing.T) {
	f := standard(t)
	for range failureBurst {
		f.get("/s/acme/", "wrong")
	}
	r := f.get("/s/acme/", "wrong")
	wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
	if r.StatusCode != 429 || err != nil || wait < 1 || r.problemOf(t).Code != codeTooManyAttempts {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, r.body)
	}
	if r := f.get("/s/acme/", acmeToken); r.StatusCode != 200 {
		t.Errorf("the right token from the same address: %d", r.StatusCode)
	}
}

func TestTokensAreNotLogged(t *testing.T) {
	f := standard(t)
	f.archive.events = yieldAll(nil, errDisk)
	f.get("/s/acme/search/events.json?"+since, acmeToken)
	f.get("/s/acme/", otherToken)
	f.get("/s/acme/", "a-guess-a-guess-a-guess-a-guess")
	log := f.log.String()
	for _, secret := range []string{acmeToken, otherToken, "a-guess", hashed(acmeToken)[len(hashPrefix):]} {
		if strings.Contains(log, secret) {
			t.Errorf("%s is in the log:\n%s", secret, log)
		}
	}
	if !strings.Contains(log, errDisk.Error()) {
		t.Errorf("the failed query is not in the log:\n%s", log)
	}
}

func TestRedirectIsRelativeAndKeepsTheQuery(t *testing.T) {
	f := standard(t)
	for _, method := range []string{"GET", "HEAD"} {
		r := f.do(method, "/s/acme/report/inside.csv?name=%7Bx%7D,{y}&cc=PL", acmeToken)
		const want = "inside.csv?name=%7Bx%7D,{y}&cc=PL&time.min=2024-05-03+12%3A00%3A00"
		if r.StatusCode != 307 || r.Header.Get("Location") != want {
			t.Errorf("%s: %d %s", method, r.StatusCode, r.Header.Get("Location"))
		}
		to, err := r.Location()
		if err != nil || !strings.HasPrefix(to.String(), f.server.URL+"/s/acme/report/inside.csv?name=") {
			t.Errorf("%s: resolves to %v, %v", method, to, err)
		}
		if again := f.do(method, to.RequestURI(), acmeToken); again.StatusCode != 200 {
			t.Errorf("%s: following gives %d %s", method, again.StatusCode, again.body)
		}
	}
}

func TestWrongParametersComeBeforeTheRedirect(t *testing.T) {
	f := standard(t)
	r := f.get("/s/acme/search/events.json?dip=192.0.2.1", acmeToken)
	want := problem{Code: codeForbiddenParam, Parameter: "dip", Message: "is for subscriptions with full access only"}
	if got := r.problemOf(t); r.StatusCode != 400 || got != want || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %+v", r.StatusCode, got)
	}
	if n := len(f.archive.requests()); n != 0 {
		t.Errorf("the archive was asked %d times", n)
	}
}

func TestProblemsAreTextForThoseWhoWantText(t *testing.T) {
	f := standard(t)
	const want = "400 Bad Request\n\ncc: \"X\" is no country code of two letters\n"
	for accept, text := range map[string]bool{"text/plain": true, "text/html,application/xhtml+xml,*/*;q=0.8": true, "application/json, text/plain": false,
		"*/*": false, "": false, "TEXT/CSV; q=1": true} {
		r := f.get("/s/acme/search/events.csv?cc=X", acmeToken, "Accept", accept)
		if got := r.body == want; got != text {
			t.Errorf("Accept %q: %s", accept, r.body)
		}
	}
}

func TestOnlyWhatIsGrantedIsServed(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Zones = v1alpha1.ZonesSpec{Search: &v1alpha1.SelectionSpec{}}
	cfg.Spec.Exports = cfg.Spec.Exports[:1]
	f.configure(cfg)
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/report/inside.json?" + since:  {403, codeZoneNotGranted},
		"/report/threats.json?" + since: {403, codeZoneNotGranted},
		"/stream":                       {403, codeExportNotGranted},
		"/search/events.xml?" + since:   {404, codeUnknownFormat},
		"/search/events?" + since:       {404, codeNotFound},
		"/search/events.?" + since:      {404, codeUnknownFormat},
		"/report/all.json":              {404, codeNotFound},
		"/healthz":                      {404, codeNotFound},
	} {
		r := f.get("/s/acme"+path, acmeToken)
		if got := r.problemOf(t); r.StatusCode != want.status || got.Code != want.code {
			t.Errorf("%s: %d %+v, want %d %s", path, r.StatusCode, got, want.status, want.code)
		}
	}
	if r := f.get("/s/acme/report/inside.json", acmeToken); !strings.Contains(r.body, "granted: search") {
		t.Errorf("the refusal does not say what is granted: %s", r.body)
	}
	cfg.Spec.Exports = []v1alpha1.ExportSpec{{Name: "live", Stream: &v1alpha1.StreamExport{}}}
	f.configure(cfg)
	if r := f.get("/s/acme/search/events.json?"+since, acmeToken); r.StatusCode != 403 || r.problemOf(t).Code != codeExportNotGranted {
		t.Errorf("without an api export: %d %s", r.StatusCode, r.body)
	}
	if r := f.get("/s/acme/stream", acmeToken); r.StatusCode != 403 || !strings.Contains(r.body, "inside and threats") {
		t.Errorf("a stream of the zone search: %d %s", r.StatusCode, r.body)
	}
	if r := f.get("/elsewhere", acmeToken); r.StatusCode != 404 {
		t.Errorf("outside of /s/: %d", r.StatusCode)
	}
}

func TestOtherMethodsAreRefused(t *testing.T) {
	f := standard(t)
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		r := f.do(method, "/s/acme/search/events.json?"+since, acmeToken)
		if r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, r.StatusCode, r.Header)
		}
	}
}

func TestHeadHasTheHeaderOnly(t *testing.T) {
	f := standard(t)
	f.archive.events = yieldAll(exporttest.Events(), nil)
	r := f.do("HEAD", "/s/acme/search/events.csv?"+since, acmeToken)
	if r.StatusCode != 200 || r.body != "" || r.Header.Get("Content-Type") != "text/csv; charset=UTF-8" {
		t.Errorf("%d %q %v", r.StatusCode, r.body, r.Header)
	}
	for _, path := range []string{"/", "/stream"} {
		if r := f.do("HEAD", "/s/acme"+path, acmeToken); r.StatusCode != 200 || r.body != "" {
			t.Errorf("%s: %d %q", path, r.StatusCode, r.body)
		}
	}
	if r := f.do("HEAD", "/s/acme/search/events.csv?x=1", acmeToken); r.StatusCode != 400 || r.body != "" {
		t.Errorf("%d %q", r.StatusCode, r.body)
	}
	if n := len(f.archive.requests()); n != 0 {
		t.Errorf("the archive was asked %d times", n)
	}
}

func TestLimitsAreTheSmallerOnes(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.Exports[0].API.MaxEvents = 100
	f.configure(cfg)
	for raw, want := range map[string]int64{"": 100, "&opt.limit=5": 5, "&opt.limit=500": 100, "&opt.limit=18446744073709551615": 100} {
		r := f.get("/s/acme/search/events.json?"+since+raw, acmeToken)
		asked := f.archive.requests()
		if got := asked[len(asked)-1].Limit; got != want || r.Header.Get("Weir-Max-Events") != "100" {
			t.Errorf("%q asks for %d, want %d; %v", raw, got, want, r.Header)
		}
	}
	if r := f.get("/s/acme/search/events.json?"+since+"&opt.primary", acmeToken); r.StatusCode != 200 || !f.archive.requests()[4].Primary {
		t.Errorf("opt.primary is not passed on: %+v", f.archive.requests()[4])
	}
}

func TestCompressedAnswers(t *testing.T) {
	f := standard(t)
	f.archive.events = yieldAll(exporttest.Events(), nil)
	r := f.get("/s/acme/search/events.sjson?"+since, acmeToken, "Accept-Encoding", "br, gzip;q=0.5")
	if r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Vary") != "Accept-Encoding" {
		t.Fatalf("%v", r.Header)
	}
	z, err := gzip.NewReader(strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	want, _ := os.ReadFile("format/testdata/events.sjson")
	if err != nil || string(got) != string(want) {
		t.Errorf("%s, %v", got, err)
	}
	for header, want := range map[string]bool{"gzip": true, "*": true, "GZIP ; q=1.0": true, "gzip;q=0": false, "gzip;q=0, *": false, "identity": false, "": false, "gzip;q=x": false} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("acceptsGzip(%q) = %v", header, got)
		}
	}
}

// many yields n copies of an event, then err.
func many(n int, err error) func(func(*event.Event, error) bool) {
	e := exporttest.Events()[0]
	return func(yield func(*event.Event, error) bool) {
		for range n {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

func TestErrorBeforeTheFirstByteIsAStatus(t *testing.T) {
	f := standard(t)
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{{errDisk, 500, codeArchive}, {hub.ErrNotReady, 503, codeStarting}, {hub.ErrForbidden, 403, codeZoneNotGranted},
		{fmt.Errorf("replica 1: %w", hub.ErrUnavailable), 503, codeUnavailable}, {hub.ErrBusy, 429, codeTooManyRequests}} {
		f.archive.events = yieldAll(exporttest.Events(), c.err)
		for _, format := range formatsOfQueries {
			r := f.get("/s/acme/search/events."+format+"?"+since, acmeToken, "Accept-Encoding", "gzip")
			if got := r.problemOf(t); r.StatusCode != c.status || got.Code != c.code || strings.Contains(r.body, "fire") {
				t.Errorf("%s: %d %+v", format, r.StatusCode, got)
			}
		}
	}
}

func TestErrorInMidStreamCutsTheAnswer(t *testing.T) {
	f := standard(t)
	f.archive.events = many(1000, errDisk)
	for _, format := range formatsOfQueries {
		for _, encoding := range []string{"identity", "gzip"} {
			r := f.get("/s/acme/search/events."+format+"?"+since, acmeToken, "Accept-Encoding", encoding)
			if r.StatusCode != 200 || r.err == nil || r.body == "" {
				t.Errorf("%s, %s: %d, %d bytes, %v", format, encoding, r.StatusCode, len(r.body), r.err)
			}
			if json.Valid([]byte(r.body)) || strings.HasSuffix(r.body, "\n]") || strings.HasSuffix(r.body, "\n\n") {
				t.Errorf("%s: the answer looks complete", format)
			}
		}
	}
}

func TestLargeAnswersAreWhole(t *testing.T) {
	f := standard(t)
	const n = 5000
	f.archive.events = many(n, nil)
	r := f.get("/s/acme/search/events.json?"+since, acmeToken)
	var list []json.RawMessage
	if err := json.Unmarshal([]byte(r.body), &list); err != nil || len(list) != n || r.err != nil {
		t.Errorf("%d events, %v, %v", len(list), err, r.err)
	}
}

func TestFirstEventsDoNotWaitForTheRest(t *testing.T) {
	f := standard(t)
	release := make(chan struct{})
	f.archive.events = func(yield func(*event.Event, error) bool) {
		<-time.After(2 * batchDelay) // an archive that takes its time
		if !yield(exporttest.Events()[0], nil) {
			return
		}
		<-release
		yield(exporttest.Events()[1], nil)
	}
	req, _ := http.NewRequestWithContext(t.Context(), "GET", f.server.URL+"/s/acme/search/events.sjson?"+since, nil)
	req.Header.Set("Authorization", "Bearer "+acmeToken)
	res, err := f.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	buf := make([]byte, 10)
	if _, err := io.ReadFull(res.Body, buf); err != nil || !strings.HasPrefix(string(buf), `{"id": "3`) {
		t.Errorf("%q, %v", buf, err)
	}
	close(release)
	if rest, err := io.ReadAll(res.Body); err != nil || strings.Count(string(rest), "\n") != 3 {
		t.Errorf("%q, %v", rest, err)
	}
}

func TestClientThatGoesEndsTheQuery(t *testing.T) {
	f := standard(t)
	ended := make(chan struct{})
	f.archive.events = func(yield func(*event.Event, error) bool) {
		defer close(ended)
		for yield(exporttest.Events()[0], nil) {
		}
	}
	conn, err := net.Dial("tcp", f.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /s/acme/search/events.json?"+since+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+acmeToken+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 1024)
	if _, err := io.ReadFull(conn, buf); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("the query goes on")
	}
}

func TestQueriesOfOneSubscriptionAreBounded(t *testing.T) {
	f := standard(t)
	release := make(chan struct{})
	f.archive.events = func(func(*event.Event, error) bool) { <-release }
	done := make(chan int, maxSearches)
	for range maxSearches {
		go func() { done <- f.get("/s/acme/search/events.json?"+since, acmeToken).StatusCode }()
	}
	eventually(t, "all queries run", func() bool { return len(f.archive.requests()) == maxSearches })
	r := f.get("/s/acme/search/events.json?"+since, acmeToken)
	if r.StatusCode != 429 || r.Header.Get("Retry-After") == "" || r.problemOf(t).Code != codeTooManyRequests {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
	close(release)
	for range maxSearches {
		if code := <-done; code != 200 {
			t.Errorf("a query got %d", code)
		}
	}
	if r := f.get("/s/other/search/events.json?"+since, otherToken); r.StatusCode != 200 {
		t.Errorf("another subscription: %d", r.StatusCode)
	}
	if r := f.get("/s/acme/search/events.json?"+since, acmeToken); r.StatusCode != 200 {
		t.Errorf("afterwards: %d", r.StatusCode)
	}
}

func TestIndexDescribesTheSubscription(t *testing.T) {
	f := newFixture(t)
	cfg := subscription("default", "acme", "acme")
	cfg.Spec.ExchangeRef.Name = "main"
	f.knows(cfg, plan.SourcePolicy{Source: "abuse-ch.feodo", Alias: plan.Alias("abuse-ch.feodo")}, plan.SourcePolicy{Source: "open.list", Alias: plan.Alias("open.list"), ShowSource: true})
	f.configure(cfg)
	var page indexPage
	for _, path := range []string{"/s/acme", "/s/acme/"} {
		r := f.get(path, acmeToken)
		if err := json.Unmarshal([]byte(r.body), &page); err != nil || r.StatusCode != 200 {
			t.Fatalf("%s: %d %v", path, r.StatusCode, err)
		}
		if strings.Contains(r.body, "abuse-ch") {
			t.Errorf("the index shows a hidden source: %s", r.body)
		}
	}
	if page.Subscription != "default/acme" || page.Organisation != "acme.example" || page.TLP != "AMBER" || len(page.Zones) != 3 ||
		page.Zones[0].URLs[0] != "report/inside.json" || page.Stream.URL != "stream" {
		t.Errorf("%+v", page)
	}
	if want := []string{plan.Alias("abuse-ch.feodo"), "open.list"}; !reflect.DeepEqual(page.Sources, want) {
		t.Errorf("sources %v, want %v", page.Sources, want)
	}
	access := map[string]indexParam{}
	for _, p := range page.Parameters {
		access[p.Name] = p
	}
	if len(access) != len(parameters) {
		t.Errorf("%d parameters", len(access))
	}
	for name, want := range map[string]indexParam{
		"dip":      {"dip", "IPv4 or IPv6 address", "restricted", false, true, ""},
		"source":   {"source", "provider.channel", "anonymized", true, true, ""},
		"time.min": {"time.min", "ISO 8601 time", "unrestricted", true, false, ""},
		"client":   {"client", "organisation id", "restricted", false, true, "inside"},
	} {
		if access[name] != want {
			t.Errorf("%+v, want %+v", access[name], want)
		}
	}
}

func TestStatusAndMetricsCountRequests(t *testing.T) {
	f := standard(t, func(s *Stage) { s.refreshEvery = 5 * time.Millisecond })
	f.archive.events = yieldAll(exporttest.Events(), nil)
	f.get("/s/acme/search/events.json?"+since, acmeToken)
	eventually(t, "the status tells one request", func() bool {
		f.buckets.mu.Lock()
		defer f.buckets.mu.Unlock()
		s := f.buckets.status["exporter.default.acme"]
		return strings.Contains(s, `"requests":1,"events":3,"streams":0`) && strings.Contains(s, `"ok":true,"reason":"Succeeded"`)
	})
}

func TestServerHasLimits(t *testing.T) {
	s := NewHTTPServer(http.NotFoundHandler())
	if s.ReadHeaderTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes < maxQueryBytes || s.ReadTimeout != 0 {
		t.Errorf("%+v", s)
	}
}

func TestNothingIsServedBeforeTheConfigurationIsRead(t *testing.T) {
	f := newFixture(t)
	if err := f.stage.Ready(); !errors.Is(err, errStarting) {
		t.Errorf("ready: %v", err)
	}
	if r := f.get("/s/acme/", acmeToken); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	f.synced()
	if err := f.stage.Ready(); err != nil {
		t.Errorf("ready: %v", err)
	}
	if r := f.get("/s/acme/", acmeToken); r.StatusCode != 401 {
		t.Errorf("%d", r.StatusCode)
	}
}

func TestZonesAreThoseOfTheHub(t *testing.T) {
	zones := []string{zoneInside, zoneThreats, zoneSearch}
	if !slices.Equal(zones, []string{"inside", "threats", "search"}) {
		t.Error(zones)
	}
}
