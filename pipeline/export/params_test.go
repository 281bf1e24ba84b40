package export

import (
	"encoding/base64"
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/policy"
	"github.com/weir-project/weir/pipeline/store"
)

var fullAccess = policy.Clearance{TLP: event.TLPRed, FullAccess: true}

func readQuery(t *testing.T, zone string, c policy.Clearance, raw string) (query, *problem) {
	t.Helper()
	rd := reader{zone: zone, clearance: c}
	bad := rd.read(raw)
	return rd.query, bad
}

func in(field string, values ...string) []store.Cond {
	return []store.Cond{{Field: field, Op: store.In, Text: values}}
}

func contains(field string, values ...string) []store.Cond {
	return []store.Cond{{Field: field, Op: store.Contains, Text: values}}
}

func when(field string, op store.Op, s string) store.Cond {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return store.Cond{Field: field, Op: op, Time: t}
}

func TestEveryParameterBecomesACondition(t *testing.T) {
	const md5, sha1 = "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef01234567"
	const sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tested := map[string]bool{}
	for _, c := range []struct {
		query string
		want  []store.Cond
	}{
		{"id=" + strings.ToUpper(md5), in("id", md5)},
		{"source=abuse-ch.feodo", in("source", "abuse-ch.feodo")},
		{"source=hidden.1a2b3c4d,b.c", in("source", "hidden.1a2b3c4d", "b.c")},
		{"category=bots,cnc&category=dns-query,bots", in("category", "bots", "cnc", "dns-query")},
		{"confidence=high%2Clow", in("confidence", "high", "low")},
		{"restriction=need-to-know", in("restriction", "need-to-know")},
		{"tlp=AMBER+STRICT,tlp:green,AMBER%2BSTRICT", in("tlp", "AMBER+STRICT", "GREEN")},
		{"ip=192.0.2.1,2001:DB8::0001,::ffff:192.0.2.2", in("ip", "192.0.2.1", "2001:db8::1", "192.0.2.2")},
		{"ip.net=192.0.2.77/24,2001:db8::1/32,::ffff:198.51.100.1/120", []store.Cond{{Field: "ip", Op: store.InNet, Nets: []netip.Prefix{
			netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("198.51.100.0/24")}}}},
		{"asn=64496,AS64497,asn64498,1.10,as0.1,4294967295", in("asn", "64496", "64497", "64498", "65546", "1", "4294967295")},
		{"cc=pl,GB,A1", in("cc", "PL", "GB", "A1")},
		{"dip=192.0.2.1", in("dip", "192.0.2.1")},
		{"dport=0,80,65535", in("dport", "0", "80", "65535")},
		{"sport=080", in("sport", "80")},
		{"proto=tcp", in("proto", "tcp")},
		{"fqdn=WWW.Example.COM.,b%C3%BCcher.example", in("fqdn", "www.example.com", "xn--bcher-kva.example")},
		{"fqdn.sub=.Example,b%C3%BCcher", contains("fqdn", ".example", "xn--bcher-kva")},
		{"url=HTTP://Example.com/Path?a=b%26c", in("url", "http://example.com/Path?a=b&c")},
		{"url=hxxp://example[.]com/x", in("url", "http://example.com/x")},
		{"url.sub=%2FPath%25", contains("url", "/Path%")},
		{"url.b64=" + base64.URLEncoding.EncodeToString([]byte("http://example.com/a,b>?>")), in("url", "http://example.com/a,b>?>")},
		{"url.b64=" + base64.RawURLEncoding.EncodeToString([]byte("http://example.com/a,b")), in("url", "http://example.com/a,b")},
		{"url.b64=aHR0cDovL2V4YW1wbGUuY29tLw%25253D%25253D", in("url", "http://example.com/")},
		{"name=SSH%20Scan,mirai", in("name", "SSH Scan", "mirai")},
		{"name.sub=mir", contains("name", "mir")},
		{"target=Example+Bank", in("target", "Example Bank")},
		{"md5=" + md5, in("md5", md5)},
		{"sha1=" + sha1, in("sha1", sha1)},
		{"sha256=" + sha256, in("sha256", sha256)},
		{"origin=p2p-crawler", in("origin", "p2p-crawler")},
		{"status=active", in("status", "active")},
		{"replaces=" + md5, in("replaces", md5)},
		{"client=example.com,nask.example", in("client", "example.com", "nask.example")},
		{"ignored=No", in("ignored", "false")},
		{"ignored", in("ignored", "true")},
		{"time.min=2024-02-01&time.max=2024-02-02", []store.Cond{when("time", store.Min, "2024-02-01T00:00:00Z"), when("time", store.Max, "2024-02-02T00:00:00Z")}},
		{"time.until=2024-02-03&time.max=2024-02-02", []store.Cond{when("time", store.Until, "2024-02-03T00:00:00Z")}},
		{"modified.min=2024-02-01T13:14:15%2B01:00", []store.Cond{when("modified", store.Min, "2024-02-01T12:14:15Z")}},
		{"modified.max=2024-032", []store.Cond{when("modified", store.Max, "2024-02-01T00:00:00Z")}},
		{"modified.until=2024-W05-4+10:00", []store.Cond{when("modified", store.Until, "2024-02-01T10:00:00Z")}},
		{"active.min=20240201", []store.Cond{when("active", store.Min, "2024-02-01T00:00:00Z")}},
		{"active.max=20240201", []store.Cond{when("active", store.Max, "2024-02-01T00:00:00Z")}},
		{"active.until=20240201", []store.Cond{when("active", store.Until, "2024-02-01T00:00:00Z")}},
		{"opt.limit=10&opt.primary=yes", nil},
		{"", nil},
		{"&&cc=PL&", in("cc", "PL")},
		{"%63%63=PL", in("cc", "PL")},
		{"time.min=2024-02-01&ip=192.0.2.1&ip.net=192.0.2.0/24", []store.Cond{in("ip", "192.0.2.1")[0],
			{Field: "ip", Op: store.InNet, Nets: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, when("time", store.Min, "2024-02-01T00:00:00Z")}},
	} {
		t.Run(c.query, func(t *testing.T) {
			got, bad := readQuery(t, zoneSearch, fullAccess, c.query)
			if bad != nil {
				t.Fatal(bad)
			}
			if !reflect.DeepEqual(got.where, c.want) {
				t.Errorf("got  %+v\nwant %+v", got.where, c.want)
			}
		})
		names, _, _ := splitQuery(c.query)
		for _, n := range names {
			tested[n] = true
		}
	}
	for name := range parameters {
		if !tested[name] {
			t.Errorf("%s is not tested", name)
		}
	}
}

func TestOptions(t *testing.T) {
	for raw, want := range map[string]query{
		"opt.limit=1":                    {limit: 1},
		"opt.limit=18446744073709551615": {limit: math.MaxInt64},
		"opt.primary":                    {primary: true},
		"opt.primary=":                   {primary: true},
		"opt.primary=ON":                 {primary: true},
		"opt.primary=f":                  {},
	} {
		got, bad := readQuery(t, zoneSearch, policy.Clearance{}, raw)
		if bad != nil || got.limit != want.limit || got.primary != want.primary {
			t.Errorf("%s: %+v, %v", raw, got, bad)
		}
	}
}

func TestParametersThatAreRefusedSayWhy(t *testing.T) {
	green := policy.Clearance{TLP: event.TLPGreen}
	for _, c := range []struct {
		zone, query, code, want string
	}{
		{zoneSearch, "categry=bots", codeUnknownParam, "categry: is no parameter of /search/events; the index page lists all of them"},
		{zoneSearch, "rid=0", codeUnknownParam, "rid: is no parameter of /search/events"},
		{zoneSearch, "Category=bots", codeUnknownParam, "Category: is no parameter"},
		{zoneSearch, "restriction=public", codeForbiddenParam, "restriction: is for subscriptions with full access only"},
		{zoneSearch, "dip=192.0.2.1", codeForbiddenParam, "dip: is for subscriptions with full access only"},
		{zoneThreats, "name.sub=x", codeForbiddenParam, "name.sub: is for subscriptions with full access only"},
		{zoneSearch, "client=example.com", codeForbiddenParam, "client: is for subscriptions with full access only"},
		{zoneInside, "client=example.com", codeForbiddenParam, "client: is no parameter of /report/inside"},
		{zoneSearch, "ignored=no", codeForbiddenParam, "ignored: is for subscriptions with full access only"},
		{zoneSearch, "%69gnored=no", codeForbiddenParam, "ignored: is for"},
		{zoneSearch, "time.min=2024-02-01,2024-02-02", codeManyValues, "time.min: takes one value, got 2"},
		{zoneSearch, "opt.limit=1&opt.limit=1", codeManyValues, "opt.limit: takes one value, got 2"},
		{zoneSearch, "time.min=yesterday", codeInvalidValue, `time.min: "yesterday" is no ISO 8601 time; write it as 2024-02-01T13:00:00Z`},
		{zoneSearch, "time.min=", codeInvalidValue, "time.min: has an empty value; it takes: ISO 8601 time"},
		{zoneSearch, "time.max=2024-02-30&time.until=2024-02-01", codeInvalidValue, "time.max:"},
		{zoneSearch, "category=bot", codeInvalidValue, `category: "bot" is not one of amplifier, bots, backdoor`},
		{zoneSearch, "category=bots,,cnc", codeInvalidValue, "category: has an empty value; it takes: one of amplifier"},
		{zoneSearch, "confidence=High", codeInvalidValue, `confidence: "High" is not one of low, medium, high`},
		{zoneSearch, "tlp=WHITE", codeInvalidValue, `tlp: "WHITE" is not one of CLEAR, GREEN`},
		{zoneSearch, "ip=192.0.2.256", codeInvalidValue, `ip: "192.0.2.256" is no IPv4 or IPv6 address`},
		{zoneSearch, "ip=192.0.2.01", codeInvalidValue, "ip:"},
		{zoneSearch, "ip=0.0.0.0", codeInvalidValue, "ip:"},
		{zoneSearch, "ip=fe80::1%25eth0", codeInvalidValue, "ip:"},
		{zoneSearch, "ip.net=192.0.2.0", codeInvalidValue, `ip.net: "192.0.2.0" is no network; write it as 192.0.2.0/24 or 2001:db8::/32`},
		{zoneSearch, "ip.net=192.0.2.0/33", codeInvalidValue, "ip.net:"},
		{zoneSearch, "ip.net=::ffff:192.0.2.0/24", codeInvalidValue, "ip.net:"},
		{zoneSearch, "asn=AS", codeInvalidValue, `asn: "AS" is no AS number`},
		{zoneSearch, "asn=4294967296", codeInvalidValue, "asn:"},
		{zoneSearch, "asn=-1", codeInvalidValue, "asn:"},
		{zoneSearch, "asn=1.65536", codeInvalidValue, "asn:"},
		{zoneSearch, "asn=1.2.3", codeInvalidValue, "asn:"},
		{zoneSearch, "cc=POL", codeInvalidValue, `cc: "POL" is no country code of two letters`},
		{zoneSearch, "cc=11", codeInvalidValue, "cc:"},
		{zoneSearch, "dport=65536", codeInvalidValue, `dport: "65536" is no port from 0 to 65535`},
		{zoneSearch, "id=xyz", codeInvalidValue, `id: "xyz" is not 32 hex digits`},
		{zoneSearch, "md5=0123", codeInvalidValue, "md5:"},
		{zoneSearch, "source=feodo", codeInvalidValue, `source: "feodo" is no source; write it as provider.channel, in lower case`},
		{zoneSearch, "source=a.b.c", codeInvalidValue, "source:"},
		{zoneSearch, "fqdn=192.0.2.1", codeInvalidValue, `fqdn: "192.0.2.1" is no domain name`},
		{zoneSearch, "fqdn=a..b", codeInvalidValue, "fqdn:"},
		{zoneSearch, "fqdn.sub=a%20b", codeInvalidValue, `fqdn.sub: "a b" is no part of a domain name`},
		{zoneSearch, "url=example.com", codeInvalidValue, `url: "example.com" is no URL`},
		{zoneSearch, "url.b64=a*b", codeInvalidValue, `url.b64: "a*b" is no URL-safe Base64`},
		{zoneSearch, "url.b64=" + base64.StdEncoding.EncodeToString([]byte("http://example.com/??>>")), codeInvalidValue, "url.b64:"},
		{zoneSearch, "url.b64=" + base64.URLEncoding.EncodeToString([]byte("\xff\xfe")), codeInvalidValue, "holds bytes that are not UTF-8"},
		{zoneSearch, "url.b64=" + base64.URLEncoding.EncodeToString([]byte("no url")), codeInvalidValue, "holds what is no URL"},
		{zoneSearch, "name=" + strings.Repeat("x", 256), codeInvalidValue, `x"... is not a text of 1 to 255 characters`},
		{zoneSearch, "opt.limit=0", codeInvalidValue, `opt.limit: "0" is no number from 1 to 18446744073709551615`},
		{zoneSearch, "opt.primary=maybe", codeInvalidValue, `opt.primary: "maybe" is no flag; write it as yes or no`},
		{zoneSearch, "cc=%zz", codeQuery, `cc: the value "%zz" is not percent-encoded UTF-8`},
		{zoneSearch, "name=%ff", codeQuery, "name: the value"},
		{zoneSearch, "%ff=1", codeQuery, `the parameter name "%ff" is not percent-encoded UTF-8`},
		{zoneSearch, "cc=" + strings.Repeat("PL,", maxQueryValues), codeQuery, "the query has more than 4096 values"},
		{zoneSearch, "name=" + strings.Repeat("x", maxQueryBytes), codeQuery, "65536 are allowed"},
	} {
		t.Run(fmt.Sprintf("%s %.40s", c.zone, c.query), func(t *testing.T) {
			_, bad := readQuery(t, c.zone, green, c.query)
			if bad == nil {
				t.Fatal("it was taken")
			}
			if bad.Code != c.code || !strings.Contains(bad.Error(), c.want) || bad.status != 400 {
				t.Errorf("got %d %s %s\nwant %s %s", bad.status, bad.Code, bad.Error(), c.code, c.want)
			}
			if len(bad.Error()) > 600 {
				t.Errorf("the message has %d bytes", len(bad.Error()))
			}
		})
	}
}

func TestEveryParameterWithoutFullAccess(t *testing.T) {
	for name := range parameters {
		_, bad := readQuery(t, zoneSearch, policy.Clearance{TLP: event.TLPRed}, name+"=%00")
		forbidden := bad != nil && bad.Code == codeForbiddenParam
		if want := policy.ForbiddenParam(name, policy.Clearance{}); forbidden != want {
			t.Errorf("%s: forbidden %v, want %v", name, forbidden, want)
		}
	}
}

func FuzzParameters(f *testing.F) {
	for _, s := range []string{"time.min=2024-02-01&category=bots,cnc", "ip.net=192.0.2.0/24&asn=AS1.2", "url.b64=aHR0cDovL2V4YW1wbGUuY29tLw%3D%3D",
		"tlp=AMBER+STRICT&opt.primary&opt.limit=5", "fqdn=b%C3%BCcher.example&fqdn.sub=x", "modified.max=2024-W05-4+10:00", "a=%zz", "url=hxxp://a[.]b/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		rd := reader{zone: zoneSearch, clearance: fullAccess}
		if bad := rd.read(raw); bad != nil {
			if bad.status != 400 || bad.Code == "" || bad.Message == "" {
				t.Fatalf("%+v", bad)
			}
			return
		}
		if len(rd.query.where) > len(parameters) {
			t.Fatalf("%d conditions", len(rd.query.where))
		}
		for _, c := range rd.query.where {
			if len(c.Text)+len(c.Nets) == 0 && c.Time.IsZero() && c.Op < store.Min {
				t.Fatalf("a condition without values: %+v", c)
			}
		}
		to, sent := redirectQuery(raw, &rd.query, time.Unix(1700000000, 0))
		if !sent {
			return
		}
		next := reader{zone: zoneSearch, clearance: fullAccess}
		if bad := next.read(to); bad != nil {
			if len(to) > maxQueryBytes || bad.Code == codeQuery {
				return
			}
			t.Fatalf("%q is sent on to %q, which is refused: %v", raw, to, bad)
		}
		if !next.query.time.min.Set {
			t.Fatalf("%q has no time.min", to)
		}
	})
}

func FuzzBase64URL(f *testing.F) {
	f.Add("aHR0cDovL2V4YW1wbGUuY29tLw==")
	f.Add("aHR0cDovL2V4YW1wbGUuY29tLw%253D%253D")
	f.Add("%")
	f.Fuzz(func(t *testing.T, s string) {
		u, err := base64URL(s)
		if err != nil {
			return
		}
		again, err := base64URL(base64.URLEncoding.EncodeToString([]byte(u)))
		if err != nil || again != u {
			t.Fatalf("%q is %q, and that is %q, %v", s, u, again, err)
		}
		if again, err := wholeURL(u); err != nil || again != u {
			t.Fatalf("%q is not normal: %q, %v", u, again, err)
		}
		if _, err := base64URL(url.QueryEscape(s)); err != nil && strings.Count(s, "%25") < unquoteRounds-2 {
			t.Fatalf("%q cannot be escaped once more: %v", s, err)
		}
	})
}
