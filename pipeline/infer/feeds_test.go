package infer

import (
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/parse"
)

// Feeds of formats that publishers use, none of them in the catalogue: what each
// column becomes, and what is asked. A field with a question mark must be one.
var feeds = []struct {
	name, url, sample string
	format            string
	want              map[string]string // column: field
}{
	{
		name: "a scan report with many columns", url: "https://reports.example.org/2026-11-20-scan_rdp.csv", format: "CSV",
		sample: `"timestamp","ip","protocol","port","hostname","tag","asn","geo","region","city","naics","sector","severity"
"2026-11-20 00:16:02","192.0.2.10","tcp",3389,"host-10.example.net","rdp",64496,"DE","BERLIN","BERLIN",518210,"Hosting","medium"
"2026-11-20 00:16:05","192.0.2.11","tcp",3389,"","rdp",64497,"PL","MAZOWIECKIE","WARSAW",0,"","high"
`,
		want: map[string]string{"timestamp": "time", "ip": "ip", "protocol": "proto", "port": "dport", "asn": "asn", "geo": "cc", "hostname": "fqdn",
			"city": "extra.city", "severity": "extra.severity", "sector": "extra.sector", "naics": "extra.naics"},
	},
	{
		name: "a sinkhole with both ends", url: "https://feeds.example.org/sinkhole.csv", format: "CSV",
		sample: `timestamp;src_ip;src_port;src_asn;src_geo;dst_ip;dst_port;dst_asn;infection;http_host
2026-11-20T08:15:30Z;192.0.2.10;50123;64496;DE;198.51.100.7;80;64500;andromeda;sink.example.net
2026-11-20T08:15:31Z;192.0.2.11;50124;64496;DE;198.51.100.7;80;64500;necurs;sink2.example.net
`,
		want: map[string]string{"timestamp": "time", "src_ip": "ip", "src_port": "sport", "dst_ip": "dip", "dst_port": "dport", "src_asn": "asn", "src_geo": "cc",
			"dst_asn": "extra.dst_asn"},
	},
	{
		name: "dates with the day first", url: "https://feeds.example.org/phish.csv", format: "CSV",
		sample: "Date,Phish URL,IP,Brand\n25/11/2026 14:05,hxxp://login[.]example[.]com/a,192.0.2.1,Example Bank\n03/11/2026 09:00,hxxps://pay[.]example[.]net/b,192.0.2.2,Shop\n",
		want:   map[string]string{"Date": "time", "Phish URL": "url", "IP": "ip", "Brand": "target"},
	},
	{
		name: "dates that may have the month first", url: "https://feeds.example.org/c2.csv", format: "CSV",
		sample: "date,ip\n03/11/2026,192.0.2.1\n04/11/2026,192.0.2.2\n",
		want:   map[string]string{"date": "time?", "ip": "ip"},
	},
	{
		name: "epochs in JSON lines", url: "https://feeds.example.org/events.ndjson", format: "JSON lines",
		sample: `{"ts":1795162530,"sourceIp":"192.0.2.1","destPort":22,"userName":"root","passWord":"123456","sessions":3}
{"ts":1795162540,"sourceIp":"2001:db8::1","destPort":22,"userName":"admin","passWord":"admin","sessions":1}
`,
		want: map[string]string{"ts": "time", "sourceIp": "ip", "destPort": "dport", "userName": "username", "passWord": "extra.pass_word"},
	},
	{
		name: "records by address", url: "https://feeds.example.org/bad.json", format: "JSON",
		sample: `{"192.0.2.1": {"last_seen": "2026-11-20T08:15:30Z", "hits": 4}, "192.0.2.2": {"last_seen": "2026-11-20T08:16:30Z", "hits": 2}}`,
		want:   map[string]string{"$key": "ip", "last_seen": "time", "hits": "count"},
	},
	{
		name: "a nested list of indicators", url: "https://feeds.example.org/reports.json", format: "JSON",
		sample: `{"meta": {"page": 1}, "reports": [{"title": "A campaign", "published": "2026-11-20T08:15:30Z", "iocs": [{"value": "192.0.2.1", "type": "ip"}, {"value": "bad.example.com", "type": "domain"}]},
 {"title": "Another", "published": "2026-11-21T08:15:30Z", "iocs": [{"value": "http://worse.example.com/a", "type": "url"}]}]}`,
		want: map[string]string{"iocs.value": "observable", "published": "time", "title": "name?", "iocs.type": "extra.iocs_type"},
	},
	{
		name: "hashes with family and size", url: "https://feeds.example.org/malware.csv", format: "CSV",
		sample: "# generated 2026-11-20\n# sha256;md5;family;size;first_seen\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855;d41d8cd98f00b204e9800998ecf8427e;Emotet;1024;2026-11-20\n" +
			"0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f;d41d8cd98f00b204e9800998ecf8427e;unknown;99;2026-11-19\n",
		want: map[string]string{"sha256": "sha256", "md5": "md5", "family": "name", "size": "extra.size", "first_seen": "time"},
	},
	{
		name: "networks with a remark", url: "https://feeds.example.org/drop.txt", format: "lines",
		sample: "; list of networks\n198.51.100.0/24 ; REF1\n203.0.113.0/25 ; REF2\n",
		want:   map[string]string{"network": "extra.network"},
	},
	{
		name: "lines of pairs", url: "https://feeds.example.org/fw.log", format: "lines of key=value",
		sample: `time="2026-11-20 08:15:30" src=192.0.2.1 dst=198.51.100.2 proto=tcp spt=5123 dpt=22 action=drop` + "\n" + `time="2026-11-20 08:15:31" src=192.0.2.9 dst=198.51.100.2 proto=udp spt=5124 dpt=53 action=drop` + "\n",
		want:   map[string]string{"time": "time", "src": "ip", "dst": "dip", "proto": "proto", "spt": "sport", "dpt": "dport"},
	},
	{
		name: "elements of XML", url: "https://feeds.example.org/list.xml", format: "XML",
		sample: `<?xml version="1.0"?><report><entry><ip>192.0.2.1</ip><url>http://192.0.2.1/a.exe</url><firsttime>2026-11-20 08:15:30</firsttime><virusname>Trojan.X</virusname></entry>` +
			`<entry><ip>192.0.2.2</ip><url>http://bad.example.com/b.exe</url><firsttime>2026-11-20 08:16:30</firsttime><virusname>Trojan.Y</virusname></entry></report>`,
		want: map[string]string{"ip": "ip", "url": "url", "firsttime": "time"},
	},
	{
		name: "a table of a page", url: "https://tracker.example.org/", format: "HTML",
		sample: `<!DOCTYPE html><html><body><table id="c2"><tr><th>Family</th><th>URL</th><th>IP</th><th>First seen</th></tr>` +
			`<tr><td>Amadey</td><td>http://panel.example.com/login.php</td><td>192.0.2.10</td><td>20-11-2026</td></tr>` +
			`<tr><td>Pony</td><td>http://192.0.2.11/admin</td><td>192.0.2.11</td><td>19-11-2026</td></tr></table></body></html>`,
		want: map[string]string{"Family": "name", "URL": "url", "IP": "ip", "First seen": "time"},
	},
	{
		name: "scores that mean something else", url: "https://feeds.example.org/ips.json", format: "JSON",
		sample: `[{"ip":"192.0.2.1","score":7,"confidence":90,"asn":"AS64496","asName":"EXAMPLE","countryCode":"NL"},{"ip":"192.0.2.2","score":3,"confidence":20,"asn":"AS64497","asName":"EXAMPLE2","countryCode":null}]`,
		want:   map[string]string{"ip": "ip", "confidence": "confidence", "asn": "asn", "countryCode": "cc", "score": "extra.score", "asName": "extra.as_name"},
	},
	{
		name: "cells without names", url: "https://feeds.example.org/export.txt", format: "CSV",
		sample: "192.0.2.1|443|emotet|2026-11-20 08:15:30\n192.0.2.2|8080|qakbot|2026-11-20 08:16:30\n",
		want:   map[string]string{"ip": "ip", "column_2": "extra.column_2?", "column_3": "extra.column_3?", "time": "time"},
	},
	{
		name: "values to translate", url: "https://feeds.example.org/incidents.csv", format: "CSV",
		sample: "detected,address,category\n2026-11-20 08:15:30,192.0.2.1,phishing\n2026-11-20 08:15:31,192.0.2.2,port scan\n2026-11-20 08:15:32,192.0.2.3,C&C\n2026-11-20 08:15:33,192.0.2.4,spam\n",
		want:   map[string]string{"detected": "time", "address": "ip", "category": "category"},
	},
	{
		name: "vulnerabilities", url: "https://feeds.example.org/kev.json", format: "JSON",
		sample: `{"vulnerabilities":[{"cveID":"CVE-2026-0001","vendor":"Example","dateAdded":"2026-11-20","dueDate":"2026-12-01","notes":"https://www.example.org/advisory"}]}`,
		want:   map[string]string{"cveID": "cves", "dateAdded": "time", "dueDate": "extra.due_date", "vendor": "extra.vendor"},
	},
	{
		name: "addresses with ports at both ends", url: "https://feeds.example.org/ddos.csv", format: "CSV",
		sample: "Source IP\tTarget\tProtocol\tTime (UTC)\tPackets\n192.0.2.1:50123\t198.51.100.4:53\tUDP\t20.11.2026 08:15\t12000\n192.0.2.2:50124\t198.51.100.4:53\tUDP\t20.11.2026 08:16\t500\n",
		want:   map[string]string{"Source IP": "ip", "Target": "dip", "Protocol": "proto", "Time (UTC)": "time", "Packets": "count"},
	},
	{
		name: "names in a comment with a label", url: "https://feeds.example.org/ips.csv", format: `"|"`,
		sample: "# Feed generated: 2026-11-20\n# Fields: date | ip | asn | as_name | country | score\n2026-11-20 10:00:00 | 192.0.2.1 | AS64496 | EXAMPLE, Inc. | DE | 3\n" +
			"2026-11-20 10:00:01 | 192.0.2.2 | AS64497 | OTHER, Inc. | US | 99\n",
		want: map[string]string{"date": "time", "ip": "ip", "asn": "asn", "country": "cc", "as_name": "extra.as_name", "score": "confidence?"},
	},
	{
		name: "what is about an address beside names", url: "https://feeds.example.org/c2.json", format: "JSON",
		sample: `{"results":[{"indicator":{"value":"bad.example.com"},"threat":{"family":"lumma"},"seen":{"first":"2026-11-01T08:15:30Z","last":"2026-11-20T08:15:30Z"},"geo":{"asn":64496}},
{"indicator":{"value":"192.0.2.1"},"threat":{"family":"lumma"},"seen":{"first":"2026-11-02T08:15:30Z","last":"2026-11-20T08:15:30Z"},"geo":{"asn":64497}}]}`,
		want: map[string]string{"indicator.value": "observable", "threat.family": "name", "seen.first": "time", "seen.last": "last_seen", "geo.asn": "asn"},
	},
	{
		name: "names of threats that sound like categories", url: "https://feeds.example.org/d.csv", format: "CSV",
		sample: "url,threat_name,detected_at,is_active\nhttp://a.example.com/x,Trojan.Gen,2026-11-20T08:15:30+02:00,true\nhttp://b.example.com/x,N/A,2026-11-20T08:16:30+02:00,false\n",
		want:   map[string]string{"url": "url", "threat_name": "name", "detected_at": "time", "is_active": "extra.is_active"},
	},
	{
		name: "a hosts file", url: "https://feeds.example.org/hosts", format: "a hosts file",
		sample: "# block list\n0.0.0.0 bad.example.com\n0.0.0.0 worse.example.net\n",
		want:   map[string]string{"host": "fqdn"},
	},
}

func TestWhatColumnsOfFeedsBecome(t *testing.T) {
	for _, f := range feeds {
		t.Run(f.name, func(t *testing.T) {
			d := mustInfer(t, Sample{Data: []byte(f.sample), URL: f.url}, Options{})
			if !strings.Contains(d.Choices[0].Chosen, f.format) {
				t.Errorf("format: %s, want %s", d.Choices[0].Chosen, f.format)
			}
			for column, field := range f.want {
				field, ask := strings.CutSuffix(field, "?")
				var got []string
				asked := false
				for _, c := range d.Choices {
					if c.About == column && c.Field != "" {
						got = append(got, c.Field)
						asked = asked || c.Field == field && c.Question()
					}
				}
				if !slices.Contains(got, field) {
					t.Errorf("column %s becomes %s, want %s", column, got, field)
				} else if ask != asked {
					t.Errorf("column %s becomes %s: asked %v, want %v", column, field, asked, ask)
				}
			}
		})
	}
}

// mustInfer drafts, and checks what holds for each draft: it compiles, gives
// events, and passes its own examples.
func mustInfer(t *testing.T, s Sample, o Options) *Draft {
	t.Helper()
	d, err := Infer(s, o)
	if err != nil {
		t.Fatal(err)
	}
	if d.Events == 0 {
		t.Errorf("the draft gives no events of %d records:\n%s", d.Records, d.YAML())
	}
	if len(d.Parser.Spec.Examples) == 0 {
		t.Errorf("the draft has no examples")
	}
	for _, r := range parse.RunExamples(&d.Parser.Spec) {
		if !r.OK {
			t.Errorf("example %q: %s\n%s", r.Name, r.Diff, d.YAML())
		}
	}
	return d
}
