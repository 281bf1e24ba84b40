package parse

import (
	"bytes"
	"fmt"
	"testing"
)

const (
	ideaSpec = "input: {idea: {}}"
	ideaScan = `{"Format":"IDEA0","ID":"4390fc3f-c753-4a3e-bc83-1b44f24baf75","CreateTime":"2026-11-20T08:20:00Z","DetectTime":"2026-11-20T08:16:00Z","EventTime":"2026-11-20 08:15:30Z",` +
		`"CeaseTime":"2026-11-20T08:15:59Z","ConnCount":20,"Category":["Recon.Scanning","Test"],"Confidence":0.9,"Description":"SSH scan","Ref":["cve:CVE-2026-0001","https://example.org/x"],` +
		`"Source":[{"IP4":["192.0.2.0/24","192.0.2.7","192.0.2.8"],"Port":[50123],"Proto":["tcp","ssh"],"AS":[64496]}],"Target":[{"IP4":["203.0.113.5"],"Port":[22],"Hostname":["www.example.org"]}],` +
		`"Node":[{"Name":"org.example.honeypot","Type":["Honeypot","Connection"],"SW":["Kippo"]}]}`
	ideaPhish = `{"Format":"IDEA0","ID":"b7dd112a","DetectTime":"2026-11-20T08:16:00+01:00","Category":["Fraud.Phishing"],"Note":"a page",` +
		`"Source":[{"Type":["Phishing"],"URL":["http://a.example.net/x"],"Hostname":["a.example.net"],"IP6":["2001:db8::7"],"Port":[8080]}],` +
		`"Attach":[{"Handle":"att1","FileName":["x.exe"],"Hash":["sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709","md5:d41d8cd98f00b204e9800998ecf8427e"]}]}`
)

func TestIDEA(t *testing.T) {
	const scan = "2026-11-20T08:15:30Z|scanning|scanner|high|192.0.2.7|64496|50123|203.0.113.5|22|tcp|||SSH scan|honeypot||CVE-2026-0001|192.0.2.0/24"
	const phish = "2026-11-20T07:16:00Z|phish|phishing|medium|2001:db8::7||8080||8080||a.example.net|http://a.example.net/x|a page||da39a3ee5e6b4b0d3255bfef95601890afd80709||"
	for _, c := range []parseCase{
		{name: "an array", payload: "[" + ideaScan + "," + ideaPhish + "]", events: []string{scan, phish}},
		{name: "lines", payload: ideaScan + "\n" + ideaPhish + "\n", events: []string{scan, phish}},
		{name: "on end", payload: ideaScan + ideaPhish, events: []string{scan, phish}},
		{name: "in an object", payload: `{"lastid":7,"events":[` + ideaScan + "," + ideaPhish + `]}`, events: []string{scan, phish}},
		{name: "an empty message", payload: "{ }", events: []string{"2026-01-02T03:04:05Z|other||medium|||||||||||||"}},
		{name: "a broken address", payload: `[{"Source":[{"IP4":["x"]}]}]`, rejected: []string{"ip: is not an IP address"}},
		{name: "members of the wrong kind", payload: `[{"Source":7,"Target":[[]],"Category":"Abusive.Spam","Node":{"Type":[1]},"Attach":[{"Hash":7}]}]`,
			events: []string{"2026-01-02T03:04:05Z|spam|spam|medium|||||||||||||"}},
		{name: "broken JSON", payload: "[{\"Source\":nil}]", rejected: []string{"malformed JSON"}},
	} {
		c.spec, c.fields = ideaSpec+"\nconstants: {}", "time category classification.type confidence ip asn sport dip dport proto fqdn url name origin sha1 cves extra.network"
		c.run(t)
	}
	cutDocument(t, ideaSpec, "["+ideaScan+","+ideaPhish+"]")
}

func TestCategoriesOfIDEA(t *testing.T) {
	for in, want := range map[string]string{
		`"Category":["Malware.Ransomware"]`: "malurl", `"Category":["Attempt.Login"]`: "server-exploit", `"Category":["Intrusion.UserCompromise"]`: "server-exploit",
		`"Category":["Anomaly.Traffic"]`: "flow-anomaly", `"Category":["Recon.NewThing"]`: "scanning", `"Category":["Test","Abusive.Spam"]`: "spam",
		`"Category":["Intrusion.Botnet"]`: "bots", `"Category":["Intrusion.Botnet"],"Source":[{"Type":["CC"]}]`: "cnc",
		`"Category":["Availability.DDoS"],"Source":[{"IP4":["192.0.2.1"]}]`: "dos-attacker", `"Category":["Availability.DDoS"],"Target":[{"IP4":["192.0.2.1"]}]`: "dos-victim",
		`"Category":["Whatever"]`: "phish", `"Category":[]`: "phish", `"X":1`: "phish", // the constant of the Parser
	} {
		c := parseCase{name: in, spec: ideaSpec + "\nconstants: {category: phish}", fields: "category", payload: "{" + in + "}", events: []string{want}}
		c.run(t)
	}
}

func FuzzIDEA(f *testing.F) {
	fuzzVocabulary(f, ideaSpec, ideaScan, "["+ideaScan+","+ideaPhish+"]", `{"events":[`+ideaPhish+`]}`, "{}{ }\n[{}]", `{"Source":{"IP4":"192.0.2.1-192.0.2.9"}}`)
}

func BenchmarkIDEA(b *testing.B) {
	var payload bytes.Buffer
	for i := range benchRows {
		fmt.Fprintf(&payload, `{"Format":"IDEA0","ID":"4390fc3f-c753-4a3e-bc83-%012x","DetectTime":"2026-11-20T08:16:00Z","Category":["Recon.Scanning"],"ConnCount":20,`+
			`"Source":[{"IP4":["198.51.%d.%d"],"Port":[50123],"Proto":["tcp","ssh"]}],"Target":[{"IP4":["203.0.113.5"],"Port":[22]}],"Node":[{"Name":"org.example.honeypot","Type":["Honeypot"]}]}`+"\n",
			i, i%256, i%200)
	}
	benchmarkVocabulary(b, ideaSpec, payload.Bytes(), benchRows)
}
