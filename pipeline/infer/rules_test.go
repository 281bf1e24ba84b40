package infer

import (
	"strings"
	"testing"

	"github.com/weir-project/weir/api/v1alpha1"
)

// What drafts say beyond which column is which field: lines that the manifest must
// have.
func TestWhatManifestsSay(t *testing.T) {
	for _, test := range []struct {
		name, url, sample string
		want, not         []string
	}{
		{
			name: "two names of one thing", sample: `{"src_ip":"192.0.2.1","family":"a"}` + "\n" + `{"client_ip":"192.0.2.2","family":"b"}` + "\n",
			want: []string{"{field: ip, from: [src_ip, client_ip], required: true}"},
		},
		{
			name: "records without a source are about the destination",
			sample: `{"source_ip":"192.0.2.1","source_asn":64496,"dest_ip":"198.51.100.7","dest_asn":64500}` + "\n" +
				`{"source_ip":"","dest_ip":"198.51.100.8","dest_asn":64501}` + "\n",
			want: []string{"from: [source_ip, dest_ip]", "field: dip, from: [dest_ip], when: ", "from: [source_asn, dest_asn]"},
		},
		{
			name: "pairs in a cell", sample: "ip,details\n192.0.2.1,family: mirai; dport: 23\n192.0.2.2,family: gafgyt; dport: 2323\n",
			want: []string{"derive:", `(?P<family>`, `(?P<dport>`, "{field: name, from: [family]", "{field: dport, from: [dport]", "{field: extra.details, from: [details]}"},
		},
		{
			name: "a value before a remark", sample: "[{\"title\":\"192.0.2.1 | DE\",\"id\":7},{\"title\":\"192.0.2.2 | PL\",\"id\":8}]",
			want: []string{"derive:", "{field: ip, from: [ip], required: true}"},
		},
		{
			name: "lists in cells", sample: "domain|ips\nbad.example.com|192.0.2.1,192.0.2.2\nworse.example.net|192.0.2.3\n",
			want: []string{`{field: ip, from: [ips], split: ","`},
		},
		{
			name: "CVE ids among others", sample: `[{"id":"X-1","aliases":["CVE-2026-0001","GHSA-a"]},{"id":"X-2","aliases":["GHSA-b"]}]`,
			want: []string{"field: cves", `.filter(v, v.matches(`},
		},
		{
			name: "the time of a list in a comment", sample: "# a list\n# Last updated: 2026-11-20 08:15:30 UTC\n192.0.2.1\n192.0.2.2\n",
			want: []string{"kind: Blacklist", `blacklist: {expiresAfter: "48h"}`, "capture:", `{field: time, from: ["$meta.listed"]`},
		},
		{
			name: "the time of a list beside its records", sample: `{"generated":"2026-11-20T08:15:30Z","ips":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]}`,
			want: []string{"kind: Blacklist", "path: generated", `from: ["$meta.listed"]`}, not: []string{"footer"},
		},
		{
			name: "the time of a list behind its records", sample: `{"ips":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}],"meta":{"updated":"2026-11-20T08:15:30Z"}}`,
			want: []string{"path: meta.updated", "footer: true"},
		},
		{
			name: "records with a time are events", sample: "ip,seen\n192.0.2.1,2026-11-20 08:15:30\n192.0.2.2,2026-11-20 08:16:30\n",
			want: []string{"{field: time, from: [seen]}"}, not: []string{"Blacklist"},
		},
		{
			name: "hashes are no list", sample: "d41d8cd98f00b204e9800998ecf8427e\n0cc175b9c0f1b6a831c399e269772661\n", not: []string{"Blacklist"},
		},
		{
			name:   "a report is one record, and its indicators are taken apart",
			sample: `{"id":"R-1","title":"Loaders","published":"2026-11-20T08:15:30Z","indicators":[{"value":"192.0.2.1"},{"value":"bad.example.com"}]}`,
			want:   []string{"json: {}", "- {from: indicators}", "{field: time, from: [published]}", "from: [indicators.value]"},
		},
		{
			name: "lists by the name of a family", sample: `{"qakbot":["bad.example.com","worse.example.net"],"symmi":["evil.example.org"]}`,
			want: []string{`records: "*"`, `- {from: "$"}`, `from: ["$key"]`},
		},
		{
			name: "all names of a certificate, not the first", sample: `{"cert":{"cn":"a.example.com","names":["a.example.com","b.example.net"]}}` + "\n" + `{"cert":{"cn":"c.example.com","names":["c.example.com"]}}` + "\n",
			want: []string{"- {from: cert.names}"},
		},
		{
			name:   "records of another kind are skipped, and their time is not the one of the others",
			sample: `{"ip":"192.0.2.1"}` + "\n" + `{"ip":"192.0.2.2"}` + "\n" + `{"type":"metadata","timestamp":1795162530}` + "\n",
			want:   []string{`reason: no-ip`, "kind: Blacklist"}, not: []string{"field: time"},
		},
		{
			name: "one entry of RSS is an entry", sample: `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title><link>https://www.example.org</link><item><title>CVE-2026-0001: a flaw</title><link>https://www.example.org/1</link><pubDate>Fri, 20 Nov 2026 08:15:30 GMT</pubDate></item></channel></rss>`,
			want: []string{"records: /rss/channel/item", "{field: name, from: [title]", "{field: extra.link, from: [link]", "field: cves"},
		},
		{
			name: "links of a page", sample: `<html><body><a href="/">home</a><a href="host.php?q=192.0.2.1">192.0.2.1</a><a href="host.php?q=192.0.2.2">192.0.2.2</a></body></html>`,
			want: []string{`a[href^=`, `(?P<value>`, "field: ip, from: [value]"},
		},
		{
			name: "pages of the publisher are no URLs to warn of", url: "https://feeds.example.org/a.json",
			sample: `[{"ip":"192.0.2.1","link":"https://feeds.example.org/r/1"},{"ip":"192.0.2.2","link":"https://feeds.example.org/r/2"}]`,
			want:   []string{"{field: extra.link, from: [link]}"}, not: []string{"field: url", "field: fqdn"},
		},
		{
			name: "numbers of rows are no counts", sample: "number,ip,rating\n1,192.0.2.1,0.5\n2,192.0.2.2,0.4\n", not: []string{"field: count"},
		},
		{
			name: "names that end with what they are", sample: "ip,reason\n192.0.2.1,Lokibot C&C\n192.0.2.2,AsyncRAT C&C\n",
			want: []string{"field: name, from: [reason], extract: "},
		},
		{
			name: "epochs with a fraction, and ticks", sample: `{"ip":"192.0.2.1","seen":1795162530.5,"receivedTime":134396361300035000}` + "\n" + `{"ip":"192.0.2.2","seen":1795162531.5,"receivedTime":134396361310035000}` + "\n",
			want: []string{"{field: time, from: [seen], time: {layouts: [unix]}}"},
		},
		{
			name: "names that are written together", sample: `[{"networksourceipv4":"192.0.2.1","networksourceport":51000,"networkdestinationport":80}]`,
			want: []string{"{field: ip, from: [networksourceipv4]", "{field: sport, from: [networksourceport]", "{field: dport, from: [networkdestinationport]"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := mustInfer(t, Sample{Data: []byte(test.sample), URL: test.url}, Options{})
			text := string(d.YAML())
			for _, want := range test.want {
				if !strings.Contains(text, want) {
					t.Errorf("the draft has no %s:\n%s", want, text)
				}
			}
			for _, not := range test.not {
				if strings.Contains(text, not) {
					t.Errorf("the draft has %s:\n%s", not, text)
				}
			}
		})
	}
}

// The time of a list is read: entries have it, and are undated.
func TestTheTimeOfAListIsThatOfItsEntries(t *testing.T) {
	for name, sample := range map[string]string{
		"UTC behind it":   "# Last updated: 2026-11-20 08:15:30 UTC\n192.0.2.1\n192.0.2.2\n",
		"in parentheses":  "# List generated on 2026-11-20 08:15:30 (UTC)\n192.0.2.1\n192.0.2.2\n",
		"a date of mail":  "# Updated: Fri, 20 Nov 2026 08:15:30 GMT\n192.0.2.1\n192.0.2.2\n",
		"beside the list": `{"updated":"2026-11-20T08:15:30Z","list":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			d := mustInfer(t, Sample{Data: []byte(sample)}, Options{})
			if d.Parser.Spec.Kind != v1alpha1.KindBlacklist {
				t.Fatalf("kind %q:\n%s", d.Parser.Spec.Kind, d.YAML())
			}
			event := string(d.Parser.Spec.Examples[0].Events[0].Raw)
			if !strings.Contains(event, `"undated":true`) {
				t.Errorf("the entry is not undated: %s", event)
			}
			f := fresh{sample: sample}
			if got := f.rawEvents(t, d); !strings.Contains(got[0], `"time":"2026-11-20T08:15:30Z"`) {
				t.Errorf("the entry has another time: %s", got[0])
			}
		})
	}
}

// Expressions read what names of members make hard, and objects that are null or
// absent.
func TestExpressionsReadMembersOfAnyName(t *testing.T) {
	for _, sample := range []string{
		`[{"ref-ids":["CVE-2026-0001","X-1"],"name":"a"},{"name":"b"}]`,
		`[{"a":{"ref-ids":["CVE-2026-0001","X-1"]},"name":"a"},{"name":"b"}]`,
		`[{"src":{"ip-addr":"192.0.2.1"},"dst":{"ip-addr":"198.51.100.1"}},{"src":{"ip-addr":""},"dst":{"ip-addr":"198.51.100.1"}}]`,
		`[{"src-ip":"192.0.2.1","dst-ip":"198.51.100.1","src-asn":64496},{"dst-ip":"198.51.100.1"}]`,
		`[{"ioc.value":"192.0.2.1","asn":64496},{"ioc.value":"bad.example.com","asn":64497}]`,
		`[{"x":{"ioc-value":"192.0.2.1"},"asn":64496},{"x":{"ioc-value":"bad.example.com"},"asn":64497}]`,
		`[{"s":{"src_ip":"192.0.2.1"},"d":{"dst_ip":"198.51.100.1"}},{"s":null,"d":{"dst_ip":"198.51.100.2"}}]`,
		`[{"ip":"192.0.2.1","the \"score\"":90,"confidence":{"a b":90}},{"ip":"192.0.2.2","confidence":null}]`,
	} {
		d, err := Infer(Sample{Data: []byte(sample)}, Options{})
		if err != nil {
			t.Errorf("%s: %v", sample, err)
			continue
		}
		if d.Events != 2 || d.Rejected != 0 {
			t.Errorf("%s: %d events, %d rejected\n%s", sample, d.Events, d.Rejected, d.YAML())
		}
	}
}
