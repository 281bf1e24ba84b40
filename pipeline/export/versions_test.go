package export

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/pipeline/export/contract"
	"github.com/weir-project/weir/pipeline/export/exporttest"
	"github.com/weir-project/weir/pipeline/export/format"
	"github.com/weir-project/weir/pipeline/plan"
)

var update = flag.Bool("update", false, "write the golden files")

var formatsOfQueries = format.Names

// versionsAt are versions whose dates are days before or after the clock of the
// fixture: 1 ended, 2 is on its way out, 3 is current, 4 begins later, 5 is tried.
const versionsAt = `
- version: "1"
  formats: [csv]
  columns: [{name: ip, field: ip}]
  deprecated: "2024-01-01T00:00:00Z"
  sunset: "2024-05-10T12:00:00Z"
  successor: "2"
- version: "2"
  formats: [csv, sjson]
  columns: [{name: time, field: time}, {name: host, field: fqdn}]
  from: "2024-01-10T00:00:00Z"
  deprecated: "2024-05-01T00:00:00Z"
  sunset: "2024-12-31T23:59:59Z"
  successor: "3.1"
- version: "3"
  columns: [{name: time, field: time}, {name: hostname, field: fqdn}]
  from: "2024-04-01T00:00:00Z"
- version: "3.1"
  columns: [{name: time, field: time}, {name: hostname, field: fqdn}, {name: ip, field: ip}]
  from: "2024-05-01T00:00:00Z"
- version: "4"
  from: "2024-06-01T00:00:00Z"
- version: "5.0.1"
  preview: true
  columns: [{name: ip, field: ip}]
`

func versioned(t *testing.T, name, secretName, versions string) *plan.Subscription {
	t.Helper()
	cfg := subscription("default", name, secretName)
	cfg.Spec.Exports[0].API.Contact = "feeds@example.org"
	if err := yaml.UnmarshalStrict([]byte(versions), &cfg.Spec.Exports[0].API.Versions); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// links of an answer by relation.
func links(h http.Header) map[string][]string {
	out := map[string][]string{}
	for _, l := range h.Values("Link") {
		to, rest, _ := strings.Cut(strings.TrimPrefix(l, "<"), ">")
		_, rel, _ := strings.Cut(rest, `rel="`)
		rel, _, _ = strings.Cut(rel, `"`)
		out[rel] = append(out[rel], to)
	}
	return out
}

func TestVersionsAreServedSideBySide(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", versionsAt))
	f.archive.events = yieldAll(exporttest.Events()[1:2], nil)
	const v2, v3 = "\"time\",\"host\"\r\n\"2024-05-03T01:57:26Z\",\"-odd.example.com\"\r\n\n",
		"\"time\",\"hostname\",\"ip\"\r\n\"2024-05-03T01:57:26Z\",\"-odd.example.com\",\"\"\r\n\n"
	for path, want := range map[string]struct{ version, body string }{
		"/report/inside.csv":         {"3.1.0", v3},
		"/v3/report/inside.csv":      {"3.1.0", v3},
		"/v3.1/report/inside.csv":    {"3.1.0", v3},
		"/v3.1.0/search/events.csv":  {"3.1.0", v3},
		"/v3.0/report/inside.csv":    {"3.0.0", strings.NewReplacer(`,"ip"`, "", `,""`, "").Replace(v3)},
		"/v2/report/threats.csv":     {"2.0.0", v2},
		"/v2/search/events.csv":      {"2.0.0", v2},
		"/v2/search/events.sjson":    {"2.0.0", "{\"time\": \"2024-05-03T01:57:26Z\", \"host\": \"-odd.example.com\"}\n\n"},
		"/v5/search/events.csv":      {"5.0.1", "\"ip\"\r\n\"\"\r\n\n"},
		"/v4.0.0/search/events.json": {"4.0.0", string(encoded(format.JSON))},
	} {
		r := f.get("/s/acme"+path+"?"+since, acmeToken)
		if r.StatusCode != 200 || r.body != want.body || r.Header.Get(headerVersion) != want.version || r.err != nil {
			t.Errorf("%s: %d, version %s, %v\n%q\nwant %s\n%q", path, r.StatusCode, r.Header.Get(headerVersion), r.err, r.body, want.version, want.body)
		}
	}
	for path, want := range map[string]string{
		"/v6/report/inside.csv": codeUnknownVersion, "/v2.1/report/inside.csv": codeUnknownVersion, "/v2/report/inside.json": codeUnknownVersion,
		"/v01/report/inside.csv": codeUnknownVersion, "/v2..0/report/inside.csv": codeUnknownVersion, "/v2": codeNotFound, "/v2/": codeNotFound,
		"/v2/v3/report/inside.csv": codeNotFound, "/vx/report/inside.csv": codeNotFound, "/v2/report/inside.xml": codeUnknownFormat,
	} {
		if r := f.get("/s/acme"+path+"?"+since, acmeToken); r.StatusCode != 404 || r.problemOf(t).Code != want {
			t.Errorf("%s: %d %s, want %s", path, r.StatusCode, r.body, want)
		}
	}
}

func encoded(name string) []byte {
	enc := (&format.Shape{Format: name}).Encoder()
	return enc.End(enc.Event(enc.Begin(nil), exporttest.Events()[1]))
}

func TestSubscribersAreToldOfDates(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", versionsAt))
	for path, want := range map[string]struct{ deprecation, sunset, successor, latest string }{
		"/report/inside.csv":                {},
		"/v3/report/inside.csv":             {latest: "/s/acme/report/inside.csv"},
		"/v2/report/inside.csv":             {"@1714521600", "Tue, 31 Dec 2024 23:59:59 GMT", "/s/acme/v3.1/report/inside.csv", "/s/acme/report/inside.csv"},
		"/v2/search/events.sjson":           {"@1714521600", "Tue, 31 Dec 2024 23:59:59 GMT", "/s/acme/v3.1/search/events.sjson", "/s/acme/search/events.sjson"},
		"/v1/report/inside.csv":             {"@1704067200", "Fri, 10 May 2024 12:00:00 GMT", "/s/acme/v2/report/inside.csv", "/s/acme/report/inside.csv"},
		"/v2/report/inside.csv/schema.json": {"@1714521600", "Tue, 31 Dec 2024 23:59:59 GMT", "/s/acme/v3.1/report/inside.csv", "/s/acme/report/inside.csv"},
	} {
		for _, method := range []string{"GET", "HEAD"} {
			r := f.do(method, "/s/acme"+path+"?"+since, acmeToken)
			if r.Header.Get("Deprecation") != want.deprecation || r.Header.Get("Sunset") != want.sunset {
				t.Errorf("%s %s: Deprecation %q, Sunset %q", method, path, r.Header.Get("Deprecation"), r.Header.Get("Sunset"))
			}
			got := links(r.Header)
			at := func(rel string) string {
				if len(got[rel]) == 0 {
					return ""
				}
				to, err := r.Request.URL.Parse(got[rel][0])
				if err != nil || len(got[rel]) > 1 {
					t.Errorf("%s: %v, %v", rel, got[rel], err)
				}
				return to.Path
			}
			if at("successor-version") != want.successor || at("latest-version") != want.latest {
				t.Errorf("%s %s: successor %q, latest %q", method, path, at("successor-version"), at("latest-version"))
			}
			for _, rel := range []string{"deprecation", "sunset"} {
				if told := want.deprecation != ""; told != (at(rel) != "") {
					t.Errorf("%s %s: %s leads to %q", method, path, rel, at(rel))
				}
			}
			for rel, media := range map[string]string{"describedby": "application/schema+json", "service-meta": "application/json"} {
				if d := f.get(at(rel), acmeToken); d.StatusCode != 200 || d.Header.Get("Content-Type") != media {
					t.Errorf("%s %s: %s at %q: %d", method, path, rel, at(rel), d.StatusCode)
				}
			}
		}
	}
	// The redirect of a query without time.min keeps the version.
	r := f.get("/s/acme/v2/report/inside.csv", acmeToken)
	to, err := r.Location()
	if r.StatusCode != 307 || err != nil || to.Path != "/s/acme/v2/report/inside.csv" || r.Header.Get("Deprecation") == "" {
		t.Errorf("%d %v %v", r.StatusCode, to, err)
	}
}

func TestAnAddressWithoutVersionTellsThatItWillGiveAnother(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", `
- version: "1"
  deprecated: "2024-05-01T00:00:00Z"
  sunset: "2024-09-01T00:00:00Z"
  successor: "2"
- version: "2"
  columns: [{name: ip, field: ip}]
  from: "2024-06-01T00:00:00Z"
`))
	r := f.get("/s/acme/report/inside.csv?"+since, acmeToken)
	got := links(r.Header)
	if r.Header.Get(headerVersion) != "1.0.0" || r.Header.Get("Deprecation") != "@1714521600" || r.Header.Get("Sunset") != "" ||
		!slices.Equal(got["successor-version"], []string{"../v2/report/inside.csv"}) {
		t.Errorf("%v", r.Header)
	}
}

func TestWhatHasEndedIsGone(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", versionsAt))
	f.archive.events = yieldAll(exporttest.Events(), nil)
	for _, accept := range []string{"", "text/csv", "application/json", "*/*"} {
		r := f.get("/s/acme/v1/report/inside.csv?"+since, acmeToken, "Accept", accept)
		var g gone
		if err := json.Unmarshal([]byte(r.body), &g); err != nil || r.StatusCode != 410 || r.Header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("%d %s %s: %v", r.StatusCode, r.Header.Get("Content-Type"), r.body, err)
		}
		next, err := r.Request.URL.Parse(g.URL)
		if err != nil || g.Status != 410 || g.Code != codeVersionGone || g.Version != "1" || g.Successor != "2" || g.Sunset != "2024-05-10T12:00:00Z" ||
			next.Path != "/s/acme/v2/report/inside.csv" || !strings.Contains(g.Detail, "ended") {
			t.Errorf("%+v", g)
		}
		if m := f.get(resolve(t, r.Request.URL, g.Manifest), acmeToken); m.StatusCode != 200 {
			t.Errorf("the manifest of what has ended: %d", m.StatusCode)
		}
	}
	if r := f.do("HEAD", "/s/acme/v1/report/inside.csv?"+since, acmeToken); r.StatusCode != 410 || r.body != "" {
		t.Errorf("HEAD: %d %q", r.StatusCode, r.body)
	}
	if n := len(f.archive.requests()); n != 0 {
		t.Errorf("the archive was asked %d times", n)
	}
}

func resolve(t *testing.T, base *url.URL, to string) string {
	t.Helper()
	u, err := base.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

func TestAVersionEndsAtItsSunset(t *testing.T) {
	now := time.Date(2024, 12, 31, 23, 59, 58, 0, time.UTC)
	f := newFixture(t, func(s *Stage) { s.now = func() time.Time { return now } })
	f.configure(versioned(t, "acme", "acme", versionsAt))
	if r := f.get("/s/acme/v2/report/inside.csv?"+since, acmeToken); r.StatusCode != 200 {
		t.Errorf("a second before: %d", r.StatusCode)
	}
	now = now.Add(time.Second)
	if r := f.get("/s/acme/v2/report/inside.csv?"+since, acmeToken); r.StatusCode != 410 {
		t.Errorf("at its sunset: %d", r.StatusCode)
	}
	if r := f.get("/s/acme/report/inside.csv?"+since, acmeToken); r.Header.Get(headerVersion) != "4.0.0" {
		t.Errorf("version 4 began in June: %s", r.Header.Get(headerVersion))
	}
}

func TestManifestsAreAsPublished(t *testing.T) {
	f := newFixture(t)
	cfg := versioned(t, "acme", "acme", versionsAt)
	f.configure(cfg, subscription("default", "other", "other"))
	ref := plan.ExchangeOf("default", cfg.Spec.ExchangeRef)
	f.tell(plan.Sources{Namespace: ref.Namespace, Name: ref.Name, Replicas: 1, Retention: "8760h", StreamRetention: "36h"})
	for file, path := range map[string]struct{ path, token string }{
		"versions.csv.manifest.json": {"/s/acme/v2/report/inside.csv/manifest.json", acmeToken},
		"versions.csv.schema.json":   {"/s/acme/v2/report/inside.csv/schema.json", acmeToken},
		"n6.csv.manifest.json":       {"/s/other/report/inside.csv/manifest.json", otherToken},
		"n6.csv.schema.json":         {"/s/other/report/inside.csv/schema.json", otherToken},
		"n6.json.schema.json":        {"/s/other/v1/search/events.json/schema.json", otherToken},
		"stream.manifest.json":       {"/s/acme/stream/manifest.json", acmeToken},
	} {
		r := f.get(path.path, path.token)
		golden := filepath.Join("testdata", file)
		if *update {
			if err := os.WriteFile(golden, []byte(r.body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if r.StatusCode != 200 || r.body != string(want) {
			t.Errorf("%s: %d\n%s\nwant:\n%s", path.path, r.StatusCode, r.body, want)
		}
	}
}

func TestAManifestLeadsToItsSchemaAndToEveryVersion(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", versionsAt))
	r := f.get("/s/acme/report/inside.csv/manifest.json", acmeToken)
	var m contract.Manifest
	if err := json.Unmarshal([]byte(r.body), &m); err != nil {
		t.Fatal(err)
	}
	schema := f.get(resolve(t, r.Request.URL, m.Schema), acmeToken)
	sum := sha256.Sum256([]byte(schema.body))
	if schema.StatusCode != 200 || hex.EncodeToString(sum[:]) != m.SHA256 {
		t.Errorf("schema: %d, sha256 %s, %x", schema.StatusCode, m.SHA256, sum)
	}
	if m.Contact != "feeds@example.org" || m.SchemaVersion != "3.1.0" || len(m.Columns) != 3 || m.Feed != "default/acme/report/inside.csv" {
		t.Errorf("%+v", m)
	}
	want := map[string]contract.Status{"1": contract.Retired, "2": contract.Deprecated, "3": contract.Supported, "3.1": contract.Current,
		"4": contract.Preview, "5.0.1": contract.Preview}
	for _, v := range m.Versions {
		code := 200
		if v.Status == contract.Retired {
			code = 410
		}
		if got := f.get(resolve(t, r.Request.URL, v.URL)+"?"+since, acmeToken); got.StatusCode != code || v.Status != want[v.V] {
			t.Errorf("%+v: %d", v, got.StatusCode)
		}
		delete(want, v.V)
	}
	if len(want) > 0 {
		t.Errorf("the manifest lacks %v", want)
	}
	renamed := slices.ContainsFunc(m.Changes, func(c contract.ManifestChange) bool {
		return c.From == "2" && c.To == "3" && c.Class == "major" && c.Code == "column-renamed" && c.Path == "host" && c.At == "2024-04-01T00:00:00Z"
	})
	if !renamed {
		t.Errorf("%+v", m.Changes)
	}
}

func TestManifestsAreForTheSubscriberOnly(t *testing.T) {
	f := newFixture(t)
	narrow := subscription("default", "acme", "acme")
	narrow.Spec.Zones.Threats, narrow.Spec.Zones.Search = nil, nil
	narrow.Spec.Exports = narrow.Spec.Exports[:1]
	f.configure(narrow, subscription("default", "other", "other"))
	for path, want := range map[string]int{
		"/s/acme/report/inside.csv/manifest.json": 200, "/s/acme/report/inside.json/schema.json": 200,
		"/s/acme/report/threats.csv/manifest.json": 403, "/s/acme/v1/search/events.csv/schema.json": 403,
		"/s/acme/stream/manifest.json": 403, "/s/acme/v1/stream": 403,
		"/s/other/report/inside.csv/manifest.json": 401, "/s/other/v1/stream/schema.json": 401, "/s/nobody/report/inside.csv/manifest.json": 401,
		"/s/acme/report/inside.xml/manifest.json": 404, "/s/acme/manifest.json": 404, "/s/acme/report/inside.csv/other.json": 404,
		"/s/acme/report/inside.csv/manifest.json/schema.json": 404,
	} {
		if r := f.get(path, acmeToken); r.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", path, r.StatusCode, want, r.body)
		}
	}
	if r := f.get("/s/acme/report/inside.csv/manifest.json", ""); r.StatusCode != 401 {
		t.Errorf("without a token: %d", r.StatusCode)
	}
	if r := f.do("HEAD", "/s/acme/report/inside.csv/manifest.json", acmeToken); r.StatusCode != 200 || r.body != "" {
		t.Errorf("HEAD: %d %q", r.StatusCode, r.body)
	}
}

func TestAFormatThatIsAPreviewOnlyNeedsItsVersion(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", `[{version: "1", formats: [csv]}, {version: "2", preview: true}]`))
	for path, want := range map[string]int{"/report/inside.json": 404, "/report/inside.json/manifest.json": 404, "/v2/report/inside.json": 200,
		"/v2/report/inside.json/manifest.json": 200, "/report/inside.csv": 200} {
		r := f.get("/s/acme"+path+"?"+since, acmeToken)
		if r.StatusCode != want || want == 404 && r.problemOf(t).Code != codeUnknownVersion {
			t.Errorf("%s: %d %s", path, r.StatusCode, r.body)
		}
	}
	if r := f.get("/s/acme/", acmeToken); strings.Contains(r.body, "inside.json") || !strings.Contains(r.body, "inside.csv") {
		t.Errorf("the index offers %s", r.body)
	}
}

func TestTheStreamHasAVersion(t *testing.T) {
	f := standard(t)
	for _, path := range []string{"/stream", "/v1/stream", "/v1.0.0/stream?zone=inside"} {
		r := f.do("HEAD", "/s/acme"+path, acmeToken)
		if r.StatusCode != 200 || r.Header.Get(headerVersion) != format.Builtin[format.Stream] ||
			!slices.Equal(links(r.Header)["describedby"], []string{"stream/schema.json"}) {
			t.Errorf("%s: %d %v", path, r.StatusCode, r.Header)
		}
	}
	if r := f.get("/s/acme/v2/stream", acmeToken); r.StatusCode != 404 || r.problemOf(t).Code != codeUnknownVersion {
		t.Errorf("%d %s", r.StatusCode, r.body)
	}
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"/report/inside.csv", "/v1/stream", "/v2.1/search/events.json/manifest.json", "/v/stream", "/v1", "/manifest.json", "/stream/schema.json/schema.json"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, ok := parseTarget(path)
		if !ok {
			return
		}
		want := "/" + got.export
		if got.version != "" {
			want = "/v" + got.version + want
		}
		if got.document != "" {
			want += "/" + got.document
		}
		if want != path || strings.Contains(got.version, "/") || got.zone == "" {
			t.Fatalf("%q is %+v", path, got)
		}
		// What leads to the root leads there from every address of a fitting format.
		base := &url.URL{Path: "/s/x" + path}
		if !strings.ContainsAny(got.format, "/") && !strings.ContainsAny(path, "%?#") {
			to := base.ResolveReference(&url.URL{Path: got.root() + "end"})
			if !strings.Contains(path, "/.") && to.Path != "/s/x/end" {
				t.Fatalf("%q leads to %q", path, to.Path)
			}
		}
	})
}

func TestTheIndexListsVersions(t *testing.T) {
	f := newFixture(t)
	f.configure(versioned(t, "acme", "acme", versionsAt))
	var page indexPage
	if err := json.Unmarshal([]byte(f.get("/s/acme/", acmeToken).body), &page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []indexVersion{{"csv", "1", contract.Retired}, {"csv", "3.1", contract.Current}, {"sjson", "2", contract.Deprecated},
		{"json", "5.0.1", contract.Preview}, {"stream", format.Builtin[format.Stream], contract.Current}} {
		if !slices.Contains(page.Versions, want) {
			t.Errorf("%+v lacks %+v", page.Versions, want)
		}
	}
}

func TestACompleteAnswerTellsHowManyEventsItHas(t *testing.T) {
	f := standard(t)
	for _, coding := range []string{"gzip", "identity"} {
		f.archive.events = yieldAll(exporttest.Events(), nil)
		r := f.get("/s/acme/search/events.csv?"+since, acmeToken, "Accept-Encoding", coding)
		if got := r.Trailer.Get(headerCount); got != "3" {
			t.Errorf("%s: %q", coding, got)
		}
		f.archive.events = nil
		if got := f.get("/s/acme/search/events.csv?"+since, acmeToken, "Accept-Encoding", coding).Trailer.Get(headerCount); got != "0" {
			t.Errorf("%s, nothing found: %q", coding, got)
		}
	}
}

func TestANumberThatIsTooSmallIsToldInTheStatus(t *testing.T) {
	f := newFixture(t)
	f.archive.events = yieldAll(exporttest.Events(), nil)
	status := func() string {
		f.stage.mu.RLock()
		defer f.stage.mu.RUnlock()
		return f.stage.entries["subscription.default.acme"].result.Message
	}
	f.configure(versioned(t, "acme", "acme", "- version: \"1\"\n  columns: [{name: ip, field: ip}]\n- version: \"1.1\"\n  columns: [{name: src, field: ip}]\n"))
	eventually(t, "the status tells", func() bool {
		got := status()
		return strings.Contains(got, `spec.exports[api].api.versions[1].version: 1.1 is a minor change of 1`) && strings.Contains(got, `write version "2.0.0"`)
	})
	if r := f.get("/s/acme/report/inside.csv?"+since, acmeToken); r.StatusCode != 200 {
		t.Errorf("the subscriber gets %d", r.StatusCode)
	}
	f.configure(versioned(t, "acme", "acme", "- version: \"1\"\n  columns: [{name: ip, field: ip}]\n- version: \"2\"\n  columns: [{name: src, field: ip}]\n"))
	if got := status(); got != "" {
		t.Errorf("%q", got)
	}
}
