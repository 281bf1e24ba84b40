package controllers_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// ruleCase is a rule in CEL with what keeps and what breaks it: YAML that replaces
// the value at a path of a valid object. Where old is set, that is the object as it
// was, and the others are changes of it.
type ruleCase struct {
	sample        string // name of the valid object
	path          string
	old           string
	keeps, breaks []string
}

const (
	dnsLabel   = " metadata.name must be a DNS label"
	exactlyOne = " exactly one of the fields in "
)

// ruleCases by kind, path and the beginning of the message.
var ruleCases = map[string]ruleCase{
	"Exchange" + dnsLabel:     {sample: "embedded", path: ".metadata.name", keeps: []string{"a-b"}, breaks: []string{"a.b"}},
	"FeedSource" + dnsLabel:   {sample: "file", path: ".metadata.name", keeps: []string{"a-b"}, breaks: []string{"a.b"}},
	"Parser" + dnsLabel:       {sample: "text", path: ".metadata.name", keeps: []string{"a-b"}, breaks: []string{"a.b"}},
	"Subscription" + dnsLabel: {sample: "route", path: ".metadata.name", keeps: []string{"a-b"}, breaks: []string{"a.b"}},

	"Exchange.spec.allowedNamespaces selector goes with": {sample: "embedded", path: ".spec.allowedNamespaces",
		keeps: []string{"{from: Selector, selector: {}}", "{from: All}", "{}"}, breaks: []string{"{from: Selector}", "{from: All, selector: {}}", "{selector: {}}"}},
	"Exchange.spec.bus the bus cannot move": {sample: "embedded", path: ".spec.bus", old: "{}",
		keeps: []string{"{maxBytes: 6Gi}"}, breaks: []string{"{nats: {urls: ['nats://a:4222'], signingKey: {name: a, key: b}}}"}},
	"Exchange.spec.bus.nats.urls urls are nats://": {sample: "external", path: ".spec.bus.nats.urls",
		keeps:  []string{"['nats://a:4222', 'tls://b.example.org:4222']"},
		breaks: []string{"['http://a:4222']", "['nats://user:pw@a:4222']", "['nats://a:4222/x']", "['nats://a:4222', 'ws://b']"}},
	"Exchange.spec.raw.retention must be at least 1h":    {sample: "embedded", path: ".spec.raw.retention", keeps: []string{"1h"}, breaks: []string{"59m"}},
	"Exchange.spec.store.retention must be at least 24h": {sample: "embedded", path: ".spec.store.retention", keeps: []string{"24h"}, breaks: []string{"23h59m"}},
	"Exchange.spec.stream.retention must be at least 1m": {sample: "embedded", path: ".spec.stream.retention", keeps: []string{"1m"}, breaks: []string{"59s"}},
	"Exchange.spec.replicas replicas cannot shrink":      {sample: "embedded", path: ".spec.replicas", old: "3", keeps: []string{"3", "4"}, breaks: []string{"2"}},
	"Exchange.spec.storage.className the storage class":  {sample: "embedded", path: ".spec.storage.className", old: "fast", keeps: []string{"fast"}, breaks: []string{"slow"}},
	"Exchange.spec.storage.size must be at least 1Gi":    {sample: "embedded", path: ".spec.storage.size", keeps: []string{"1Gi", "1073741824"}, breaks: []string{"1Mi", "1023Mi", "1073741823"}},

	"FeedSource.spec" + exactlyOne + "[http file]": {sample: "file", path: ".spec.http", keeps: []string{"null"}, breaks: []string{"{url: 'https://a.example.org'}"}},
	"FeedSource.spec announced names Parsers that": {sample: "file", path: ".spec.announced",
		keeps: []string{"[{parserRef: {name: next}, from: '2026-12-01T00:00:00Z'}, {parserRef: {name: third}, from: '2026-12-01T00:00:00Z'}]", "[]"},
		breaks: []string{"[{parserRef: {name: list}, from: '2026-12-01T00:00:00Z'}]",
			"[{parserRef: {name: next}, from: '2026-12-01T00:00:00Z'}, {parserRef: {name: next}, from: '2026-12-02T00:00:00Z'}]"}},
	"FeedSource.spec.announced[].from must be a time": {sample: "file", path: ".spec.announced",
		keeps:  []string{"[{parserRef: {name: next}, from: '2026-02-28T23:59:59+01:00'}]"},
		breaks: []string{"[{parserRef: {name: next}, from: '2026-13-01T00:00:00Z'}]", "[{parserRef: {name: next}, from: '1999-12-31T00:00:00Z'}]"}},
	"FeedSource.spec.channel channel is part of":   {sample: "file", path: ".spec.channel", old: "one", keeps: []string{"one"}, breaks: []string{"two"}},
	"FeedSource.spec.provider provider is part of": {sample: "file", path: ".spec.provider", old: "one", keeps: []string{"one"}, breaks: []string{"two"}},
	"FeedSource.spec.file.path path must be relative": {sample: "file", path: ".spec.file.path",
		keeps: []string{"a/b.csv", "a..b/*.csv"}, breaks: []string{"/etc/passwd", "../a", "a/../../b", "a/.."}},
	"FeedSource.spec.http url must start with": {sample: "http-key", path: ".spec.http.url",
		keeps: []string{"http://a.example.org"}, breaks: []string{"ftp://a.example.org", "file:///etc/passwd"}},
	"FeedSource.spec.http url must not carry": {sample: "http-key", path: ".spec.http.url",
		keeps: []string{"https://a.example.org/x?mail=a@b"}, breaks: []string{"https://user:password@a.example.org/"}},
	"FeedSource.spec.http body needs method: POST": {sample: "http-basic", path: ".spec.http.method", keeps: []string{"POST"}, breaks: []string{"GET"}},
	"FeedSource.spec.http.auth" + exactlyOne + "[basic": {sample: "http-bearer", path: ".spec.http.auth", keeps: []string{"{bearer: {name: a, key: b}}"},
		breaks: []string{"{}", "{bearer: {name: a, key: b}, basic: {username: a, password: {name: a, key: b}}}"}},
	"FeedSource.spec.http.auth.apiKey" + exactlyOne + "[header": {sample: "http-key", path: ".spec.http.auth.apiKey",
		keeps: []string{"{query: q, secretRef: {name: a, key: b}}"}, breaks: []string{"{secretRef: {name: a, key: b}}", "{query: q, header: h, secretRef: {name: a, key: b}}"}},
	"FeedSource.spec.http.paging" + exactlyOne + "[link": {sample: "http-bearer", path: ".spec.http.paging",
		keeps: []string{"{link: {}}"}, breaks: []string{"{}", "{link: {}, cursor: {from: a, parameter: b}}"}},
	"FeedSource.spec.http.tls clientCert and clientKey": {sample: "http-key", path: ".spec.http.tls",
		keeps: []string{"{clientCert: {name: a, key: b}, clientKey: {name: a, key: c}}", "{}"}, breaks: []string{"{clientCert: {name: a, key: b}}", "{clientKey: {name: a, key: b}}"}},
	"FeedSource.spec.limits.timeout must be between": {sample: "file", path: ".spec.limits.timeout", keeps: []string{"1s", "24h"}, breaks: []string{"999ms", "24h1s"}},
	"FeedSource.spec.schedule timeZone belongs to cron": {sample: "file", path: ".spec.schedule",
		keeps: []string{"{cron: '@daily', timeZone: UTC}"}, breaks: []string{"{interval: 1h, timeZone: UTC}"}},
	"FeedSource.spec.schedule" + exactlyOne + "[interval": {sample: "file", path: ".spec.schedule",
		keeps: []string{"{interval: 1h}"}, breaks: []string{"{interval: 1h, cron: '@daily'}", "{}"}},
	"FeedSource.spec.schedule.interval must be between": {sample: "file", path: ".spec.schedule.interval", keeps: []string{"1s", "8760h"}, breaks: []string{"10ms", "8761h"}},

	"FeedSource.spec verify cannot check": {sample: "http-signed", path: ".spec.http.paging", keeps: []string{"null"}, breaks: []string{"{link: {}}"}},
	"FeedSource.spec verify.signatureURL belongs to": {sample: "file-signed", path: ".spec.verify.signatureURL",
		keeps: []string{"null"}, breaks: []string{"https://a.example.org/x.sig"}},
	"FeedSource.spec.unpack password, pgp and mail": {sample: "file", path: ".spec.unpack",
		keeps:  []string{"{mode: Auto, password: {name: a, key: b}, mail: Attachments}", "{mode: None, mail: None}", "{mail: Attachments}", "{}"},
		breaks: []string{"{mode: None, password: {name: a, key: b}}", "{mode: None, mail: Attachments}", "{mode: None, pgp: {privateKey: {name: a, key: b}}}"}},
	"FeedSource.spec.verify" + exactlyOne + "[pgp": {sample: "http-signed", path: ".spec.verify",
		keeps: []string{"{sha256: {}}"}, breaks: []string{"{}", "{sha256: {}, minisign: {publicKeys: [{value: a}]}}"}},
	"FeedSource.spec.verify.minisign.publicKeys[]" + exactlyOne + "[value": {sample: "file-signed", path: ".spec.verify.minisign.publicKeys",
		keeps: []string{"[{value: a}]"}, breaks: []string{"[{}]", "[{value: a, secretRef: {name: a, key: b}}]"}},
	"FeedSource.spec.verify.pgp.publicKeys[]" + exactlyOne + "[value": {sample: "http-signed", path: ".spec.verify.pgp.publicKeys",
		keeps: []string{"[{value: a}]"}, breaks: []string{"[{}]", "[{value: a, secretRef: {name: a, key: b}}]"}},

	"Parser.spec.input" + exactlyOne + "[csv": {sample: "text", path: ".spec.input",
		keeps: []string{"{jsonLines: {}}", "{text: {}}"}, breaks: []string{"{}", "{text: {}, json: {}}"}},
	"Parser.spec.input.csv columns and header: None": {sample: "csv", path: ".spec.input.csv",
		keeps: []string{"{header: None, columns: [ip]}", "{header: First}"}, breaks: []string{"{header: None}", "{columns: [ip]}", "{header: First, columns: [ip]}"}},
	"Parser.spec.input.csv header: Commented needs": {sample: "csv", path: ".spec.input.csv",
		keeps: []string{"{header: Commented, comment: '#'}"}, breaks: []string{"{header: Commented}"}},
	"Parser.spec input says what": {sample: "text", path: ".spec",
		keeps: []string{"{base: {name: a}}", "{input: {text: {}}}"}, breaks: []string{"{}", "{mapping: [{field: ip, from: [a]}]}"}},
	"Parser.spec kind: Blacklist and blacklist": {sample: "text", path: ".spec",
		keeps:  []string{"{input: {text: {}}, kind: Blacklist, blacklist: {expiresAfter: 48h}}", "{input: {text: {}}, kind: Event}"},
		breaks: []string{"{input: {text: {}}, kind: Blacklist}", "{input: {text: {}}, blacklist: {expiresAfter: 48h}}"}},
	"Parser.spec kind: HighFrequency and": {sample: "text", path: ".spec",
		keeps:  []string{"{input: {text: {}}, kind: HighFrequency, highFrequency: {groupBy: [ip]}}"},
		breaks: []string{"{input: {text: {}}, kind: HighFrequency}", "{input: {text: {}}, highFrequency: {groupBy: [ip]}}"}},
	"Parser.spec.blacklist.expiresAfter must be between": {sample: "blacklist", path: ".spec.blacklist.expiresAfter",
		keeps: []string{"1m", "8760h"}, breaks: []string{"59s", "8761h"}},
	"Parser.spec.highFrequency.window must be between": {sample: "frequent", path: ".spec.highFrequency.window",
		keeps: []string{"1s", "24h"}, breaks: []string{"10ms", "25h"}},
	"Parser.spec.input.capture[]" + exactlyOne + "[pattern": {sample: "text", path: ".spec.input",
		keeps:  []string{"{capture: [{name: a, pattern: b}], text: {}}", "{capture: [{name: a, path: b}], json: {records: c}}"},
		breaks: []string{"{capture: [{name: a}], text: {}}", "{capture: [{name: a, path: b, pattern: c}], text: {}}"}},
	"Parser.spec.input.xlsx columns and header: None": {sample: "text", path: ".spec.input",
		keeps:  []string{"{xlsx: {header: None, columns: [ip]}}", "{xlsx: {}}"},
		breaks: []string{"{xlsx: {header: None}}", "{xlsx: {columns: [ip]}}"}},
	"Parser.spec.input.schemaSet.report" + exactlyOne + "[fromFilename": {sample: "schema-set-table", path: ".spec.input.schemaSet.report",
		keeps: []string{"{fromFilename: '(?P<report>[a-z]+)'}"}, breaks: []string{"{}", "{name: a, fromFilename: '(?P<report>[a-z]+)'}"}},
	"Parser.spec.input.schemaSet.csv columns and header: None": {sample: "schema-set-table", path: ".spec.input.schemaSet.csv",
		keeps: []string{"{header: None, columns: [ip]}", "{header: First}"}, breaks: []string{"{header: None}", "{columns: [ip]}"}},
	"Parser.spec.input.schemaSet.csv header: Commented needs": {sample: "schema-set-table", path: ".spec.input.schemaSet.csv",
		keeps: []string{"{header: Commented, comment: '#'}"}, breaks: []string{"{header: Commented}"}},
	"Parser.spec.input.zone origin is for dialect: Master": {sample: "zone", path: ".spec.input.zone",
		keeps: []string{"{origin: a.example}", "{dialect: RBL}"}, breaks: []string{"{dialect: RBL, origin: a.example}"}},
	"Parser.spec.derive[]" + exactlyOne + "[pattern": {sample: "text", path: ".spec.derive",
		keeps: []string{"[{from: [a], pattern: '(?P<b>.)'}]"}, breaks: []string{"[{from: [a]}]", "[{from: [a], pattern: '(?P<b>.)', as: JSON, name: c}]"}},
	"Parser.spec.derive[] as and name go together": {sample: "text", path: ".spec.derive",
		keeps: []string{"[{from: [a], as: JSON, name: b}]"}, breaks: []string{"[{from: [a], as: JSON}]", "[{from: [a], pattern: '(?P<b>.)', name: c}]"}},
	"Parser.spec.emit[].mapping[]" + exactlyOne + "[from": {sample: "text", path: ".spec.emit",
		keeps: []string{"[{mapping: [{field: ip, expr: record.ip}]}]"}, breaks: []string{"[{mapping: [{field: ip}]}]"}},
	"Parser.spec.examples[] give input or": {sample: "csv", path: ".spec.examples",
		keeps: []string{"[{name: a, input: b}]", "[{name: a, inputBase64: YQ==}]"}, breaks: []string{"[{name: a, input: b, inputBase64: YQ==}]"}},
	"Parser.spec.mapping[]" + exactlyOne + "[from": {sample: "text", path: ".spec.mapping",
		keeps: []string{"[{field: ip, expr: record.ip}]"}, breaks: []string{"[{field: ip}]", "[{field: ip, value: a, from: [b]}]"}},

	"Subscription.spec.exports[]" + exactlyOne + "[api": {sample: "route", path: ".spec.exports",
		keeps: []string{"[{name: a, stream: {}}]"}, breaks: []string{"[{name: a}]", "[{name: a, api: {}, stream: {}}]"}},
	"Subscription.spec.expose" + exactlyOne + "[ingress": {sample: "route", path: ".spec.expose",
		keeps: []string{"{host: a.example.org, ingress: {}}"}, breaks: []string{"{host: a.example.org}", "{host: a.example.org, ingress: {}, httpRoute: {parentRefs: [{name: web}]}}"}},
	"Subscription.spec.zones grant at least one": {sample: "route", path: ".spec.zones",
		keeps: []string{"{threats: {}}", "{inside: {}, search: {}}"}, breaks: []string{"{}"}},

	// Versions of exports. Each case replaces all exports: paths lead through no lists.
	"Subscription.spec.exports[].api.versions one version must stay": {sample: "route", path: ".spec.exports",
		keeps: []string{exported(`{version: "1"}, {version: "2", preview: true}`)}, breaks: []string{exported(`{version: "1", preview: true}`)}},
	"Subscription.spec.exports[].api.versions versions must differ": {sample: "route", path: ".spec.exports",
		keeps: []string{exported(`{version: "1"}, {version: "1.0.1"}`)}, breaks: []string{exported(`{version: "1"}, {version: "1.0"}`), exported(`{version: "2.1.0"}, {version: "2.1"}`)}},
	"Subscription.spec.exports[].api.versions successor must be": {sample: "route", path: ".spec.exports",
		keeps:  []string{exported(`{version: "1", deprecated: "2026-01-01T00:00:00Z", successor: "2"}, {version: "2"}`)},
		breaks: []string{exported(`{version: "1", successor: "2"}`), exported(`{version: "1", successor: "1"}`), exported(`{version: "1", successor: "2"}, {version: "2", preview: true}`)}},
	"Subscription.spec.exports[].api.versions the old and the new version": {sample: "route", path: ".spec.exports",
		keeps:  []string{replaced("2026-01-01", "2026-04-01", "2026-03-02")},
		breaks: []string{replaced("2026-01-01", "2026-04-01", "2026-03-03"), exported(`{version: "1", deprecated: "2026-01-01T00:00:00Z", sunset: "2026-04-01T00:00:00Z", successor: "2"}, {version: "2"}`)}},
	"Subscription.spec.exports[].api.versions a successor must not end": {sample: "route", path: ".spec.exports",
		keeps: []string{chained("2026-06-01")}, breaks: []string{chained("2026-04-15")}},
	"Subscription.spec.exports[].api.versions a version cannot vanish": {sample: "route", path: ".spec.exports", old: exported(`{version: "1"}, {version: "2"}, {version: "3", preview: true}`),
		keeps: []string{exported(`{version: "1"}, {version: "2"}`), exported(`{version: "1"}, {version: "2"}, {version: "4"}`)}, breaks: []string{exported(`{version: "2"}`)}},
	"Subscription.spec.exports[].api.versions[] sunset needs deprecated": {sample: "route", path: ".spec.exports",
		keeps:  []string{exported(`{version: "1", deprecated: "2026-01-01T00:00:00Z"}`)},
		breaks: []string{exported(`{version: "1", sunset: "2026-04-01T00:00:00Z", successor: "2"}, {version: "2", from: "2026-01-01T00:00:00Z"}`), exported(`{version: "1", deprecated: "2026-01-01T00:00:00Z", sunset: "2026-04-01T00:00:00Z"}, {version: "2"}`)}},
	"Subscription.spec.exports[].api.versions[] a breaking change": {sample: "route", path: ".spec.exports",
		keeps:  []string{replaced("2026-01-01", "2026-04-01", "2026-01-01"), replacedBy("1.1", "2026-01-01", "2026-02-01", "2026-01-01", "")},
		breaks: []string{replaced("2026-01-02", "2026-04-01", "2026-01-01"), replaced("2026-05-01", "2026-04-01", "2026-01-01")}},
	"Subscription.spec.exports[].api.versions[] a compatible change": {sample: "route", path: ".spec.exports",
		keeps:  []string{replacedBy("1.1", "2026-03-18", "2026-04-01", "2026-01-01", ""), replacedBy("1.1", "2026-03-31", "2026-04-01", "2026-01-01", "a token leaks")},
		breaks: []string{replacedBy("1.1", "2026-03-19", "2026-04-01", "2026-01-01", "")}},
	"Subscription.spec.exports[].api.versions[] emergency is the reason": {sample: "route", path: ".spec.exports",
		keeps:  []string{replacedBy("2", "2026-01-01", "2026-01-02", "2026-01-01", "a token leaks")},
		breaks: []string{exported(`{version: "1", emergency: a token leaks}`), replacedBy("2", "2026-01-03", "2026-01-02", "2026-01-01", "a token leaks")}},
	"Subscription.spec.exports[].api.versions[] a preview has no dates": {sample: "route", path: ".spec.exports",
		keeps:  []string{exported(`{version: "1"}, {version: "2", preview: true}`)},
		breaks: []string{exported(`{version: "1"}, {version: "2", preview: true, from: "2026-01-01T00:00:00Z"}`), exported(`{version: "1"}, {version: "2", preview: true, deprecated: "2026-01-01T00:00:00Z"}`)}},
	"Subscription.spec.exports[].api.versions[] header: None needs": {sample: "route", path: ".spec.exports",
		keeps: []string{exported(`{version: "1", header: None, columns: [{name: ip, field: ip}]}`), exported(`{version: "1", header: First}`)}, breaks: []string{exported(`{version: "1", header: None}`)}},
	"Subscription.spec.exports[].api.versions[] formats, columns and header": {sample: "route", path: ".spec.exports", old: exported(`{version: "1", formats: [csv, json], columns: [{name: ip, field: ip}]}, {version: "2", preview: true}`),
		keeps: []string{exported(`{version: "1", formats: [json, csv], header: First, columns: [{name: ip, field: ip}]}, {version: "2", preview: true, formats: [csv]}`)},
		breaks: []string{exported(`{version: "1", formats: [csv], columns: [{name: ip, field: ip}]}`), exported(`{version: "1", formats: [csv, json], columns: [{name: ip, field: dip}]}`),
			exported(`{version: "1", formats: [csv, json]}`), exported(`{version: "1", formats: [csv, json], header: None, columns: [{name: ip, field: ip}]}`)}},
	"Subscription.spec.exports[].api.versions[] a published version cannot": {sample: "route", path: ".spec.exports", old: exported(`{version: "1"}, {version: "2"}, {version: "3", preview: true}`),
		keeps: []string{exported(`{version: "1"}, {version: "2"}, {version: "3", preview: false}`)}, breaks: []string{exported(`{version: "1"}, {version: "2", preview: true}`)}},
	"Subscription.spec.exports[].api.versions[] an announced sunset": {sample: "route", path: ".spec.exports", old: replaced("2026-01-01", "2026-05-01", "2026-01-01"),
		keeps:  []string{replaced("2026-01-01", "2026-06-01", "2026-01-01"), replacedBy("2", "2026-01-01", "2026-01-02", "2026-01-01", "a token leaks")},
		breaks: []string{replaced("2026-01-01", "2026-04-30", "2026-01-01")}},
	"Subscription.spec.exports[].api.versions[] deprecated cannot be dated back": {sample: "route", path: ".spec.exports", old: replaced("2026-01-01", "2026-05-01", "2026-01-01"),
		keeps: []string{replaced("2026-01-10", "2026-05-01", "2026-01-01")}, breaks: []string{replaced("2025-12-31", "2026-05-01", "2026-01-01")}},
}

// exported are the exports of a Subscription, with versions.
func exported(versions string) string { return "[{name: api, api: {versions: [" + versions + "]}}]" }

// replaced are version 1 with its dates, and the 2 that follows it from a day on.
func replaced(deprecated, sunset, from string) string {
	return replacedBy("2", deprecated, sunset, from, "")
}

func replacedBy(successor, deprecated, sunset, from, emergency string) string {
	if emergency != "" {
		emergency = ", emergency: " + emergency
	}
	return exported(fmt.Sprintf(`{version: "1", deprecated: "%sT00:00:00Z", sunset: "%sT00:00:00Z", successor: "%s"%s}, {version: "%s", from: "%sT00:00:00Z"}`,
		deprecated, sunset, successor, emergency, successor, from))
}

// chained are versions 1 to 3; the second ends on a day, the first in May.
func chained(sunset string) string {
	return exported(fmt.Sprintf(`{version: "1", deprecated: "2026-01-01T00:00:00Z", sunset: "2026-05-01T00:00:00Z", successor: "2"}, `+
		`{version: "2", from: "2026-01-01T00:00:00Z", deprecated: "2026-01-01T00:00:00Z", sunset: "%sT00:00:00Z", successor: "3"}, {version: "3", from: "2026-01-01T00:00:00Z"}`, sunset))
}

func init() {
	for _, kind := range []string{"collectors", "monitors", "exporters"} {
		ruleCases["Exchange.spec."+kind+" shards goes with"] = ruleCase{sample: "embedded", path: ".spec." + kind,
			keeps: []string{"{mode: Shared, shards: 2}", "{}"}, breaks: []string{"{mode: Dedicated, shards: 2}", "{shards: 2}"}}
	}
	for where, sample := range map[string]string{
		"Exchange.spec.pod": "embedded", "Exchange.spec.collectors.pod": "embedded", "Exchange.spec.monitors.pod": "embedded",
		"Exchange.spec.exporters.pod": "embedded", "FeedSource.spec.pod": "http-basic", "Subscription.spec.pod": "ingress",
	} {
		_, path, _ := strings.Cut(where, ".")
		ruleCases[where+".tolerations[] operator Exists takes"] = ruleCase{sample: sample, path: "." + path + ".tolerations",
			keeps: []string{"[{key: a, operator: Exists}]", "[{key: a, value: b}]"}, breaks: []string{"[{key: a, operator: Exists, value: b}]"}}
	}
}

func TestEveryRuleOfTheSchemasHolds(t *testing.T) {
	t.Parallel()
	const ns = "crd-rules"
	if err := world.Admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	valid := samples(t)
	left := maps.Clone(ruleCases)
	for kind, schema := range definitions(t) {
		walk(schema, "", func(path string, s *apiextensionsv1.JSONSchemaProps) {
			for _, rule := range s.XValidations {
				key := caseOf(kind, path, rule.Message)
				if _, ok := left[key]; !ok {
					t.Errorf("no case for %s%s %s", kind, path, rule.Message)
					continue
				}
				delete(left, key)
				t.Run(key, func(t *testing.T) { holds(t, ns, valid[kind], ruleCases[key], rule.Message) })
			}
		})
	}
	for key := range left {
		t.Errorf("there is no such rule, or it has two cases: %s", key)
	}
}

func caseOf(kind, path, message string) string {
	for key := range ruleCases {
		if strings.HasPrefix(kind+path+" "+message, key) && (strings.HasPrefix(key, kind+path+" ") || key == kind+path) {
			return key
		}
	}
	return ""
}

func holds(t *testing.T, ns string, valid []map[string]any, c ruleCase, message string) {
	t.Helper()
	i := slices.IndexFunc(valid, func(o map[string]any) bool { return o["metadata"].(map[string]any)["name"] == c.sample })
	if i < 0 {
		t.Fatalf("there is no sample %q", c.sample)
	}
	judge := func(value string) error { return try(t, ns, with(t, valid[i], c.path, value)) }
	if c.old != "" {
		was := &unstructured.Unstructured{Object: with(t, valid[i], c.path, c.old)}
		was.SetNamespace(ns)
		was.SetName("")
		was.SetGenerateName("was-") // several rules have cases at the same path
		if err := world.Admin.Create(t.Context(), was); err != nil {
			t.Fatal(err)
		}
		judge = func(value string) error {
			is := was.DeepCopy()
			is.Object = with(t, is.Object, c.path, value)
			return world.Admin.Update(t.Context(), is, client.DryRunAll)
		}
	}
	for _, value := range c.keeps {
		if err := judge(value); err != nil {
			t.Errorf("%s keeps the rule and is refused: %v", value, err)
		}
	}
	for _, value := range c.breaks {
		if err := refused(judge(value), message); err != nil {
			t.Errorf("%s breaks the rule: %v", value, err)
		}
	}
}

// with is a copy of an object with another value at a path without lists; null
// removes it.
func with(t *testing.T, o map[string]any, path, value string) map[string]any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	out := clone(o).(map[string]any)
	fields := strings.Split(strings.Trim(path, "."), ".")
	if v == nil {
		unstructured.RemoveNestedField(out, fields...)
		return out
	}
	if err := unstructured.SetNestedField(out, clone(v), fields...); err != nil {
		t.Fatal(fmt.Errorf("%s: %w", path, err))
	}
	return out
}
