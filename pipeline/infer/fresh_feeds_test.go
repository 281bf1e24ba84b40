package infer

// e is an event, or what it must have.
type e = map[string]string

var freshFeeds = []fresh{
	{
		name: "sandbox reports with what a sample talks to", url: "https://sandbox.example.org/api/reports.json",
		sample: `{"reports": [
 {"id": 7001, "submitted": "2026-11-20T08:15:30Z", "sample": {"filename": "order.doc", "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "md5": "d41d8cd98f00b204e9800998ecf8427e", "size": 2048},
  "family": "remcos", "network": {"hosts": ["192.0.2.7", "192.0.2.8"], "dns": ["c2.example.net"]}, "report_url": "https://sandbox.example.org/r/7001"},
 {"id": 7002, "submitted": "2026-11-20T08:25:30Z", "sample": {"filename": "scan.exe", "sha256": "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f", "md5": "0cc175b9c0f1b6a831c399e269772661", "size": 99},
  "family": "formbook", "network": {"hosts": [], "dns": []}, "report_url": "https://sandbox.example.org/r/7002"}]}`,
		want: []e{{"sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "md5": "d41d8cd98f00b204e9800998ecf8427e", "name": "remcos", "time": "2026-11-20T08:15:30Z"},
			{"sha256": "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f", "md5": "0cc175b9c0f1b6a831c399e269772661", "name": "formbook", "time": "2026-11-20T08:25:30Z"}},
	},
	{
		name: "flows to a sinkhole, nested", url: "https://sinkhole.example.org/events.ndjson",
		sample: `{"event_time":"2026-11-20T08:15:30Z","client":{"address":"192.0.2.10","port":51002,"asn":64496,"country":"AT"},"server":{"address":"198.51.100.7","port":80},"http":{"host":"c2.example.com","user_agent":"x"},"malware":{"family":"necurs"}}
{"event_time":"2026-11-20T08:15:31Z","client":{"address":"192.0.2.11","port":51003,"asn":64497,"country":"DE"},"server":{"address":"198.51.100.7","port":443},"http":{"host":"c2.example.net","user_agent":"y"},"malware":{"family":"gozi"}}
`,
		want: []e{{"time": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10", "address.asn": "64496", "address.cc": "AT", "sport": "51002", "dip": "198.51.100.7", "dport": "80", "fqdn": "c2.example.com", "name": "necurs"},
			{"time": "2026-11-20T08:15:31Z", "address.ip": "192.0.2.11", "address.asn": "64497", "address.cc": "DE", "sport": "51003", "dip": "198.51.100.7", "dport": "443", "fqdn": "c2.example.net", "name": "gozi"}},
	},
	{
		name: "attacks on a honeypot, reported", url: "https://hp.example.net/attacks.json",
		sample: `[{"timestamp":"2026-11-20 08:15:30","attacker_ip":"192.0.2.10","attacker_port":40022,"sensor":{"ip":"198.51.100.9","name":"hp-1"},"target_port":22,"transport":"TCP","credentials":{"login":"root","password":"toor"}},
{"timestamp":"2026-11-20 08:15:40","attacker_ip":"192.0.2.11","attacker_port":40023,"sensor":{"ip":"198.51.100.9","name":"hp-1"},"target_port":23,"transport":"TCP","credentials":{"login":"admin","password":"admin"}}]`,
		want: []e{{"time": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10", "sport": "40022", "dport": "22", "proto": "tcp", "dip": "198.51.100.9", "username": "root"},
			{"time": "2026-11-20T08:15:40Z", "address.ip": "192.0.2.11", "sport": "40023", "dport": "23", "proto": "tcp", "dip": "198.51.100.9", "username": "admin"}},
	},
	{
		name: "several times of a malware site", url: "https://feeds.example.org/malsites.csv",
		sample: "uid,site_url,ip_addr,discovered_at,last_online,last_checked,reporter,threat_family\n" +
			"1,http://a.example.com/x.exe,192.0.2.10,2026-11-19 08:15:30,2026-11-20 08:15:30,2026-11-20 09:15:30,alice,amadey\n" +
			"2,http://b.example.net/y.exe,192.0.2.11,2026-11-18 08:15:30,2026-11-20 08:15:30,2026-11-20 09:15:30,bob,lumma\n",
		want: []e{{"time": "2026-11-19T08:15:30Z", "last_seen": "2026-11-20T08:15:30Z", "url": "http://a.example.com/x.exe", "fqdn": "a.example.com", "address.ip": "192.0.2.10", "name": "amadey"},
			{"time": "2026-11-18T08:15:30Z", "last_seen": "2026-11-20T08:15:30Z", "url": "http://b.example.net/y.exe", "fqdn": "b.example.net", "address.ip": "192.0.2.11", "name": "lumma"}},
	},
	{
		name: "C2 endpoints in one cell", url: "https://feeds.example.org/c2-endpoints.csv",
		sample: "first_seen;endpoint;malware;confidence_level\n2026-11-20 08:15:30;192.0.2.10:443;asyncrat;high\n2026-11-20 08:16:30;192.0.2.11:8080;remcos;low\n",
		want: []e{{"time": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10", "dport": "443", "name": "asyncrat", "confidence": "high"},
			{"time": "2026-11-20T08:16:30Z", "address.ip": "192.0.2.11", "dport": "8080", "name": "remcos", "confidence": "low"}},
	},
	{
		name: "a block list with the time in its head", url: "https://lists.example.org/block.txt",
		sample: "# Example block list\n# Last updated: 2026-11-20 08:15:30 UTC\n# Entries: 2\n192.0.2.10\n192.0.2.11\n",
		want:   []e{{"address.ip": "192.0.2.10"}, {"address.ip": "192.0.2.11"}},
	},
	{
		name: "an RSS of phishing pages", url: "https://phish.example.org/rss.xml",
		sample: `<?xml version="1.0"?><rss version="2.0"><channel><title>Phishing reports</title><link>https://phish.example.org/</link><pubDate>Fri, 20 Nov 2026 09:00:00 GMT</pubDate>
<item><title>hxxp://login.example.com/a</title><link>https://phish.example.org/report/1</link><description>Target: Example Bank</description><pubDate>Fri, 20 Nov 2026 08:15:30 GMT</pubDate><guid>1</guid></item>
<item><title>hxxp://pay.example.net/b</title><link>https://phish.example.org/report/2</link><description>Target: Example Pay</description><pubDate>Fri, 20 Nov 2026 08:16:30 GMT</pubDate><guid>2</guid></item>
</channel></rss>`,
		want: []e{{"time": "2026-11-20T08:15:30Z", "url": "http://login.example.com/a", "fqdn": "login.example.com", "target": "Example Bank"},
			{"time": "2026-11-20T08:16:30Z", "url": "http://pay.example.net/b", "fqdn": "pay.example.net", "target": "Example Pay"}},
	},
	{
		name: "an alert in XML with both ends", url: "https://ids.example.org/alerts.xml",
		sample: `<?xml version="1.0"?><alerts generated="2026-11-20T09:00:00Z"><alert id="1"><time>2026-11-20T08:15:30Z</time><signature>ET SCAN Example</signature><source><ip>192.0.2.10</ip><port>44444</port></source><destination><ip>198.51.100.7</ip><port>445</port></destination><protocol>TCP</protocol></alert>
<alert id="2"><time>2026-11-20T08:16:30Z</time><signature>ET SCAN Other</signature><source><ip>192.0.2.11</ip><port>44445</port></source><destination><ip>198.51.100.7</ip><port>139</port></destination><protocol>TCP</protocol></alert></alerts>`,
		want: []e{{"time": "2026-11-20T08:15:30Z", "name": "ET SCAN Example", "address.ip": "192.0.2.10", "sport": "44444", "dip": "198.51.100.7", "dport": "445", "proto": "tcp"},
			{"time": "2026-11-20T08:16:30Z", "name": "ET SCAN Other", "address.ip": "192.0.2.11", "sport": "44445", "dip": "198.51.100.7", "dport": "139", "proto": "tcp"}},
	},
	{
		name: "campaigns with a list of indicators each", url: "https://intel.example.org/campaigns.json",
		sample: `{"next": null, "objects": [{"title": "Operation Sample", "actor": "Example Bear", "published_on": "2026-11-20", "iocs": {"domains": ["a.example.com", "b.example.net"], "ips": ["192.0.2.10"]}, "references": ["https://blog.example.org/1"]}]}`,
		want:   []e{{"time": "2026-11-20T00:00:00Z", "fqdn": "a.example.com", "name": "Example Bear"}, {"time": "2026-11-20T00:00:00Z", "fqdn": "b.example.net", "name": "Example Bear"}},
	},
	{
		name: "open services with what they run", url: "https://scan.example.org/open.jsonl",
		sample: `{"ip_address":"192.0.2.10","port_number":27017,"service":{"product":"mongod","version":"4.0"},"as_number":"AS64496","country_iso":"PL","reverse_dns":"host-10.example.net","scanned_at":1795162530}
{"ip_address":"192.0.2.11","port_number":9200,"service":{"product":"elasticsearch","version":"7.1"},"as_number":"AS64497","country_iso":"CZ","reverse_dns":"","scanned_at":1795162540}
`,
		want: []e{{"time": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10", "dport": "27017", "address.asn": "64496", "address.cc": "PL", "address.rdns": "host-10.example.net"},
			{"time": "2026-11-20T08:15:40Z", "address.ip": "192.0.2.11", "dport": "9200", "address.asn": "64497", "address.cc": "CZ"}},
	},
	{
		name: "credentials that were leaked", url: "https://leak.example.org/creds.csv",
		sample: "email,domain,breach,leaked_at\nalice@example.com,example.com,Example Shop,2026-11-01\nbob@example.com,example.com,Other Shop,2026-11-02\n",
		want: []e{{"email": "alice@example.com", "fqdn": "example.com", "name": "Example Shop", "time": "2026-11-01T00:00:00Z"},
			{"email": "bob@example.com", "fqdn": "example.com", "name": "Other Shop", "time": "2026-11-02T00:00:00Z"}},
	},
	{
		name: "several values in one cell", url: "https://feeds.example.org/fastflux.csv",
		sample: "domain|ips|seen|family\nbad.example.com|192.0.2.10,192.0.2.11|2026-11-20T08:15:30Z|storm\nworse.example.net|192.0.2.12|2026-11-20T08:16:30Z|avalanche\n",
		want: []e{{"time": "2026-11-20T08:15:30Z", "fqdn": "bad.example.com", "address.ip": "192.0.2.10", "name": "storm"},
			{"time": "2026-11-20T08:16:30Z", "fqdn": "worse.example.net", "address.ip": "192.0.2.12", "name": "avalanche"}},
	},
	{
		name: "notes of key=value in a cell", url: "https://reports.example.org/abuse.csv",
		sample: "seen_at,address,details\n2026-11-20 08:15:30,192.0.2.10,family=mirai; sport=51000; dport=23; proto=tcp\n2026-11-20 08:16:30,192.0.2.11,family=gafgyt; sport=51001; dport=2323; proto=tcp\n",
		want: []e{{"time": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10", "name": "mirai", "sport": "51000", "dport": "23", "proto": "tcp"},
			{"time": "2026-11-20T08:16:30Z", "address.ip": "192.0.2.11", "name": "gafgyt", "sport": "51001", "dport": "2323", "proto": "tcp"}},
	},
	{
		name: "certificates of servers", url: "https://tls.example.org/badcerts.json",
		sample: `{"data":[{"cert":{"sha1":"da39a3ee5e6b4b0d3255bfef95601890afd80709","subject":"CN=example","not_after":"2027-11-20T00:00:00Z"},"label":"Cobalt Strike","seen":{"first":"2026-11-19T08:15:30Z","last":"2026-11-20T08:15:30Z"},"host":"192.0.2.10"},
{"cert":{"sha1":"0da39a3ee5e6b4b0d3255bfef95601890afd8070","subject":"CN=other","not_after":"2027-11-20T00:00:00Z"},"label":"Havoc","seen":{"first":"2026-11-18T08:15:30Z","last":"2026-11-20T08:15:30Z"},"host":"192.0.2.11"}]}`,
		want: []e{{"x509fp_sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "name": "Cobalt Strike", "time": "2026-11-19T08:15:30Z", "last_seen": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.10"},
			{"x509fp_sha1": "0da39a3ee5e6b4b0d3255bfef95601890afd8070", "name": "Havoc", "time": "2026-11-18T08:15:30Z", "last_seen": "2026-11-20T08:15:30Z", "address.ip": "192.0.2.11"}},
	},
}
