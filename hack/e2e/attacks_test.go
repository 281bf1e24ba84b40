package e2e

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// attacks tries to get more than is granted. own and about are what a may see
// inside and in threats, ownB what b may see inside.
func (i *isolation) attacks(own, about, ownB []string) {
	i.logins()
	i.paths()
	i.parameters(own, about)
	i.guesses(own, about)
	i.requests(own)
	i.zones()
	// All that noise locks nobody out.
	i.same("a after the attacks", i.names("/s/a/report/inside.sjson"+everSince, keyOfA), own)
	i.same("b after the attacks", i.names("/s/b/report/inside.sjson"+everSince, keyOfB), ownB)
}

// refused expects a status out of a list, and no record in the answer.
func (i *isolation) refused(what string, code int, body string, want ...int) {
	i.Helper()
	if !slices.Contains(want, code) || recordName.MatchString(body) {
		i.Errorf("%s: %d, want one of %v: %.300q", what, code, want, body)
	}
}

// sign makes a JSON Web Token.
func sign(header, claims, key string) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	if key == "" {
		return text + "."
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return text + "." + enc.EncodeToString(mac.Sum(nil))
}

func (i *isolation) logins() {
	const hs256 = `{"alg":"HS256","typ":"JWT"}`
	const claimsB = `{"login":"user@b.example","api_key_id":"api-key-of-b"}`
	const claimsA = `{"login":"user@a.example","api_key_id":"api-key-of-a"}`
	if code, body := i.ask(http.MethodGet, "/s/b/", sign(hs256, claimsB, jwtOfB)); code != http.StatusOK {
		i.Errorf("a token that b may use: %d %s", code, body)
	}
	forged := map[string]string{
		"no key":                      "",
		"key of a":                    keyOfA,
		"key of cert":                 keyOfCert,
		"hash of the key":             "sha256:" + strings.Repeat("0", 64),
		"part of the key":             keyOfB[:len(keyOfB)-1],
		"two keys":                    keyOfA + "," + keyOfB,
		"very long":                   strings.Repeat("x", 8<<10),
		"token of a":                  sign(hs256, claimsA, jwtOfA),
		"claims of b, signed by a":    sign(hs256, claimsB, jwtOfA),
		"claims of a, signed by b":    sign(hs256, claimsA, jwtOfB),
		"not signed":                  sign(`{"alg":"none"}`, claimsB, ""),
		"not signed, other case":      sign(`{"alg":"nOnE"}`, claimsB, ""),
		"alg none, signed":            sign(`{"alg":"none"}`, claimsB, jwtOfB),
		"another algorithm":           sign(`{"alg":"HS512"}`, claimsB, jwtOfB),
		"asymmetric":                  sign(`{"alg":"RS256"}`, claimsB, jwtOfB),
		"no algorithm":                sign(`{}`, claimsB, jwtOfB),
		"signed with nothing":         sign(hs256, claimsB, "\x00"),
		"signed with the public part": sign(hs256, claimsB, "api-key-of-b"),
		"another key id":              sign(hs256, `{"login":"user@b.example","api_key_id":"api-key-of-a"}`, jwtOfB),
		"another login":               sign(hs256, `{"login":"user@a.example","api_key_id":"api-key-of-b"}`, jwtOfB),
		"no key id":                   sign(hs256, `{"login":"user@b.example"}`, jwtOfB),
		"null key id":                 sign(hs256, `{"login":"user@b.example","api_key_id":null}`, jwtOfB),
		"an additional claim":         sign(hs256, `{"login":"user@b.example","api_key_id":"api-key-of-b","full_access":true}`, jwtOfB),
		"padding":                     sign(hs256, claimsB, jwtOfB) + "=",
		"no dots":                     "e30e30e30",
	}
	for name, token := range forged {
		for _, path := range []string{"/s/b/", "/s/b/stream", "/s/b/report/inside.json", "/s/b/report/threats.csv", "/s/b/search/events.sjson", "/s/b/nothing"} {
			code, body := i.ask(http.MethodGet, path+everSince, token)
			i.refused(name+" on "+path, code, body, http.StatusUnauthorized, http.StatusTooManyRequests)
		}
	}
	for _, query := range []string{"access_token=", "token=", "key=", "authorization=Bearer+", "api_key="} {
		code, body := i.ask(http.MethodGet, "/s/b/report/inside.json"+everSince+"&"+query+keyOfB, "")
		i.refused("key in the address as "+query, code, body, http.StatusUnauthorized, http.StatusTooManyRequests)
	}
	for _, header := range [][2]string{
		{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("b:"+keyOfB))}, {"Authorization", keyOfB},
		{"X-Api-Key", keyOfB}, {"Cookie", "token=" + keyOfB}, {"Proxy-Authorization", "Bearer " + keyOfB}, {"X-Remote-User", "b"},
	} {
		code, body := i.ask(http.MethodGet, "/s/b/report/inside.json"+everSince, "", header[0], header[1])
		i.refused("login with "+header[0], code, body, http.StatusUnauthorized, http.StatusTooManyRequests)
	}
}

// raw sends bytes as they are and returns all that comes back.
func (i *isolation) raw(request string) string {
	i.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(i.url, "http://"))
	if err != nil {
		i.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	go io.WriteString(conn, request) // the server may hang up early
	all, _ := io.ReadAll(conn)       // reset after an early answer is fine
	return string(all)
}

// rawCode reads the status and body of the first answer.
func (i *isolation) rawCode(request string) (int, string) {
	i.Helper()
	all := i.raw(request)
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader([]byte(all))), nil)
	if err != nil {
		return http.StatusBadRequest, all // hung up
	}
	resp.Body.Close()
	return resp.StatusCode, all
}

const rest = " HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nAuthorization: Bearer " + keyOfA + "\r\n"

// paths tries to get from a's address to b's with a's key.
func (i *isolation) paths() {
	const report = "/report/inside.json" + everSince
	for _, path := range []string{
		"/s/b" + report, "//s/b" + report, "/s//b" + report, "/s/./b" + report, "/S/b" + report, "/s/B" + report, "/s/b." + report,
		"/s/.b" + report, "/s/default.b" + report, "/s/Default.b" + report, "/s/default.default.b" + report, "/s/a.b" + report,
		"/s/a/../b" + report, "/s/a/..;/b" + report, "/s/a/%2e%2e/b" + report, "/s/a/%2E%2E%2Fb" + report, "/s/a%2f..%2fb" + report,
		"/s/a/..%5cb" + report, "/s/a\\..\\b" + report, "/s/a%5c..%5cb" + report, "/s/a%00/../b" + report, "/s/b%00" + report, "/s/b%20" + report,
		"/s/%62" + report, "/s/a;b" + report, "/s/a,b" + report, "/s/a|b" + report, "/s/*" + report, "/s/>" + report, "/s/a.*" + report, "/s/" + report, "/s/a/s/b" + report,
		"/s/a/report/../../b" + report, "/s/a/report/inside.json/../../../b" + report, "/s/a/report/inside.json/", "/s/a/report/inside.JSON" + everSince,
		"/s/a/report/inside.json%00.csv" + everSince, "/s/a/report//inside.json" + everSince, "/s/a/report/inside.json;client=b" + everSince,
		"/s/a/report/inside" + everSince, "/s/a/report/inside.xml" + everSince, "/s/a/report/%69nside.../json", "/s/a/search/../../b" + report,
		"/s/%ff%fe" + report, "/s/a/%ff%fe", "/s/" + strings.Repeat("a", 60<<10) + report, "/" + strings.Repeat("../", 500) + "s/b" + report,
		"/s/a" + strings.Repeat("/", 5000) + "b" + report, "http://weir/s/b" + report, "http://b@weir/s/a/../b" + report,
		"/metrics", "/debug/pprof/", "/readyz", "/s/a/metrics", "/..%2fendpoint.json", "*", "b", "/s/%zz" + report, "/s/\xff" + report,
	} {
		code, body := i.rawCode("GET " + path + rest + "\r\n")
		i.refused("path "+path[:min(len(path), 100)], code, body, 400, 401, 404, 414, 429, 431)
	}
	code, body := i.rawCode("GET /s/a/" + strings.Repeat("x", 1<<20) + rest + "\r\n")
	i.refused("path of a megabyte", code, body, 400, 414, 431)
}

// parameters tries what a query can say. All answers are what the zone grants, or
// less.
func (i *isolation) parameters(own, about []string) {
	zones := map[string][]string{"/s/a/report/inside.sjson": own, "/s/a/report/threats.sjson": about}
	for path, granted := range zones {
		for _, q := range []string{
			"client=org-b.example", "dip=233.252.0.1", "restriction=internal", "restriction=public", "ignored=true", "ignored=no", "name.sub=rec", "rid=0123456789abcdef0123456789abcdef",
			"cli%65nt=org-b.example", "client=", "client", "name=x&client=org-b.example", "Client=org-b.example", "client%00=org-b.example", "client[]=org-b.example", "+client=x",
			"dip.net=233.252.0.0/24", "tlp.max=RED", "restriction.max=internal", "count=4711", "zone=search", "organisation=org-b.example", "subscription=b", "fullAccess=true",
			"extra.sensor=sensor-canary", "opt.full=yes", "opt.limit=0", "opt.limit=-1", "opt.limit=1e3", "opt.limit=18446744073709551616", "opt.limit=1&opt.limit=2",
			"opt.primary=maybe", "id=%00", "id=0", "id=*", "id=' OR 1=1 --", "tlp=ALL", "tlp=", "tlp=%00", "asn=-1", "asn=64501 OR 1=1", "source=*", "source=%25", "fqdn=%00b.example", "fqdn.sub=%25",
			"name=%ff%fe", "%ff=1", "name=%zz", "time.max=%00", "time.min=2020-01-01&time.min=2019-01-01", "ip.net=0.0.0.0/-1", "ip.net=::/129",
			"id=" + strings.Repeat("0123456789abcdef0123456789abcdef,", 1900), "asn=" + strings.Repeat("1,", 5000), strings.Repeat("name=x&", 5000),
		} {
			since := everSince + "&"
			if strings.HasPrefix(q, "time.min") {
				since = "?"
			}
			code, body := i.ask(http.MethodGet, path+since+strings.ReplaceAll(q, " ", "%20"), keyOfA)
			i.refused(path+" "+q[:min(len(q), 60)], code, body, http.StatusBadRequest)
		}
		for _, q := range []string{ // as wide as it goes
			"", "&opt.limit=18446744073709551615", "&opt.primary=yes", "&opt.primary", "&time.max=9999-12-31T23:59:59Z", "&time.until=9999-12-31",
			"&modified.min=0001-01-01", "&modified.max=9999-12-31", "&active.min=0001-01-01", "&active.max=9999-12-31", "&active.until=9999-12-31&modified.min=1970-01-01",
			"&tlp=RED,AMBER%2BSTRICT,amber,GREEN,CLEAR", "&confidence=low,medium,high", "&category=bots,cnc,malurl,scanning",
			"&source=" + "secret-publisher.list,open-publisher.list," + i.alias(),
		} {
			i.same(path+q, i.names(path+everSince+q, keyOfA), granted)
		}
		for _, q := range []string{ // what is not granted is not found
			"&tlp=AMBER,AMBER%2BSTRICT,RED", "&source=secret-publisher.list", "&source=open-publisher.list", "&category=phish", "&opt.limit=10&tlp=RED",
			"&time.min=9999-01-01", "&modified.max=1970-01-01", "&name=rec-sho-0000-end", "&name=rec", "&replaces=0123456789abcdef0123456789abcdef",
		} {
			if strings.HasPrefix(q, "&time.min") {
				q = "?" + q[1:]
			} else {
				q = everSince + q
			}
			i.same(path+q, i.names(path+q, keyOfA), nil)
		}
		for _, q := range []string{"&ip.net=0.0.0.0/0,::/0", "&ip.net=198.51.100.0/24", "&asn=64501", "&fqdn.sub=b.example", "&url.sub=/b/", "&url.sub=%25", "&url.sub=_", "&cc=PL"} {
			for _, n := range i.names(path+everSince+q, keyOfA) {
				if !slices.Contains(granted, n) {
					i.Errorf("%s%s shows %s", path, q, n)
				}
			}
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			code, body := i.ask(method, path+"?id=0123456789abcdef0123456789abcdef", keyOfA)
			i.refused("without time.min", code, body, http.StatusTemporaryRedirect)
		}
	}
	i.same("what cert asks of a client", i.names("/s/cert/search/events.sjson"+everSince+"&client=org-b.example", keyOfCert),
		namesOf(i.records, func(r *record) bool { return strings.Contains(r.owners, "b") }))
}

// alias is how a knows the source that does not show its name.
func (i *isolation) alias() string {
	_, body := i.ask(http.MethodGet, "/s/a/report/inside.sjson"+everSince+"&opt.limit=1", keyOfA)
	var e Event
	if err := json.Unmarshal([]byte(strings.TrimSpace(body)), &e); err != nil || !strings.HasPrefix(e.Source, "hidden.") {
		i.Errorf("source %q: %v", e.Source, err)
	}
	return e.Source
}

// guesses asks for the ids of all events there are.
func (i *isolation) guesses(own, about []string) {
	all, err := Get(i.Context(), i.url+"/s/cert/search/events.sjson"+everSince, keyOfCert)
	if err != nil {
		i.Fatal(err)
	}
	var ids []string
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	for path, granted := range map[string][]string{"/s/a/report/inside.json": own, "/s/a/report/threats.csv": about} {
		i.same("all ids in "+path, i.names(path+everSince+"&id="+strings.Join(ids, ","), keyOfA), granted)
	}
}

// requests tries what a request can be besides its path and query.
func (i *isolation) requests(own []string) {
	const path = "/s/a/report/inside.json" + everSince
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
		for _, p := range []string{path, "/s/a/", "/s/a/stream"} {
			code, body := i.rawCode(method + " " + p + rest + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\nclient=org-b.example")
			i.refused(method+" "+p, code, body, http.StatusMethodNotAllowed, http.StatusBadRequest)
		}
		code, body := i.rawCode(method + " /s/b/ HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n")
		i.refused(method+" without a key", code, body, 400, 401, 429)
	}
	if code, body := i.ask(http.MethodHead, path, keyOfA); code != http.StatusOK || body != "" {
		i.Errorf("HEAD: %d %q", code, body)
	}
	const smuggled = "GET /s/b/report/inside.json" + everSince + " HTTP/1.1\r\nHost: weir\r\n\r\n"
	for name, more := range map[string]string{
		"range":                "Range: bytes=0-10\r\n\r\n",
		"other addresses":      "X-Original-URL: /s/b/report/inside.json\r\nX-Rewrite-URL: /s/b/\r\nX-Forwarded-Prefix: /s/b\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n",
		"other method":         "X-HTTP-Method-Override: POST\r\n\r\n",
		"other user":           "X-Forwarded-User: b\r\nX-Subscription: b\r\n\r\n",
		"second authorization": "Authorization: Bearer " + strings.Repeat("x", 30) + "\r\n\r\n",
		"parameters in a body": "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 20\r\n\r\nclient=org-b.example",
		"encoding":             "Accept-Encoding: identity;q=1, *;q=0\r\n\r\n",
		"a request behind":     "\r\n" + smuggled,
	} {
		i.same(name, namesIn(i.raw("GET "+path+rest+more)), own)
	}
	for name, more := range map[string]string{
		"two lengths":          "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled,
		"length and chunks":    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
		"chunks in disguise":   "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled,
		"a folded header":      "X: 1\r\n Authorization: Bearer x\r\n\r\n",
		"a bare line feed":     "X: 1\nAuthorization: Bearer x\r\n\r\n",
		"a NUL in a header":    "X: \x00\r\n\r\n",
		"space before colon":   "Authorization : Bearer x\r\n\r\n",
		"two hosts":            "Host: b\r\n\r\n",
		"header of a megabyte": "X: " + strings.Repeat("x", 1<<20) + "\r\n\r\n",
	} {
		for _, n := range namesIn(i.raw("GET " + path + rest + more)) {
			if !slices.Contains(own, n) {
				i.Errorf("%s shows %s", name, n)
			}
		}
	}
}

// zones asks for what is not granted.
func (i *isolation) zones() {
	for _, c := range []struct {
		path, key string
		code      int
	}{
		{"/s/a/search/events.json", keyOfA, http.StatusForbidden},
		{"/s/b/report/threats.json", keyOfB, http.StatusForbidden},
		{"/s/b/search/events.csv", keyOfB, http.StatusForbidden},
		{"/s/cert/report/inside.json", keyOfCert, http.StatusForbidden},
		{"/s/cert/stream", keyOfCert, http.StatusForbidden},
		{"/s/b/stream?zone=threats", keyOfB, http.StatusForbidden},
		{"/s/b/stream?zone=inside,threats", keyOfB, http.StatusForbidden},
		{"/s/a/stream?zone=search", keyOfA, http.StatusBadRequest},
		{"/s/a/stream?zone=inside." + strings.Repeat("0", 16), keyOfA, http.StatusBadRequest},
		{"/s/a/stream?zone=", keyOfA, http.StatusBadRequest},
		{"/s/a/stream?subscription=b", keyOfA, http.StatusBadRequest},
		{"/s/a/stream?after=" + url.QueryEscape("1.0\r\nid: 2"), keyOfA, http.StatusBadRequest},
	} {
		code, body := i.ask(http.MethodGet, c.path, c.key)
		i.refused(c.path, code, body, c.code)
	}
}
