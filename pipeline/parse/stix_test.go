package parse

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const (
	stixSpec   = "input: {stix: {}}"
	stixFields = "time category confidence ip fqdn url dport sport proto md5 sha256 name tlp expires extra.network"
	indicator  = `{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-000000000001","created":"2026-11-19T00:00:00.000Z","modified":"2026-11-19T01:00:00.000Z",` +
		`"name":"Emotet C2","description":"seen","indicator_types":["malicious-activity"],"pattern_type":"stix","valid_from":"2026-11-20T08:15:30Z","valid_until":"2026-12-20T00:00:00Z","confidence":85,` +
		`"kill_chain_phases":[{"kill_chain_name":"lockheed-martin-cyber-kill-chain","phase_name":"command-and-control"}],"object_marking_refs":["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"],` +
		`"pattern":"[ipv4-addr:value = '192.0.2.1' AND network-traffic:dst_port IN (443, 8080) AND network-traffic:protocols[*] = 'tcp'] OR [domain-name:value = 'a.example.org' AND domain-name:value != 'b.example.org']"}`
	hashes = `{"type":"indicator","id":"indicator--00000000-0000-4000-8000-000000000002","created":"2026-11-19T00:00:00.000Z","modified":"2026-11-19T01:00:00.000Z","labels":["malicious-activity","phishing"],` +
		`"valid_from":"2026-11-20T08:15:30Z","pattern":"[file:hashes.md5 = 'D41D8CD98F00B204E9800998ECF8427E' OR url:value IN ('http://a.example.net/x')]","object_marking_refs":["marking-definition--00000000-0000-4000-8000-0000000000aa"]}`
	around = `{"type":"malware","id":"malware--00000000-0000-4000-8000-000000000003","name":"emotet","is_family":true},` +
		`{"type":"relationship","id":"relationship--00000000-0000-4000-8000-000000000004","relationship_type":"indicates","source_ref":"indicator--00000000-0000-4000-8000-000000000001","target_ref":"malware--00000000-0000-4000-8000-000000000003"},` +
		`{"type":"marking-definition","id":"marking-definition--00000000-0000-4000-8000-0000000000aa","definition_type":"tlp","definition":{"tlp":"red"}},` +
		`{"type":"indicator","id":"indicator--5","pattern_type":"yara","pattern":"rule x {}"},{"type":"indicator","id":"indicator--6","revoked":true,"pattern":"[url:value='http://a/']"}`
	observed = `{"type":"ipv4-addr","id":"ipv4-addr--1","value":"192.0.2.7"},{"type":"domain-name","id":"domain-name--1","value":"c.example.org"},` +
		`{"type":"network-traffic","id":"network-traffic--1","src_ref":"ipv4-addr--1","dst_ref":"domain-name--1","src_port":1024,"dst_port":53,"protocols":["ipv4","udp","dns"]},` +
		`{"type":"file","id":"file--1","name":"a.exe","hashes":{"MD5":"d41d8cd98f00b204e9800998ecf8427e","SHA-256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}},` +
		`{"type":"observed-data","id":"observed-data--1","created":"2026-11-18T00:00:00Z","first_observed":"2026-11-17T00:00:00Z","last_observed":"2026-11-17T01:00:00Z","number_observed":3,"object_refs":["ipv4-addr--1"],"confidence":10,` +
		`"object_marking_refs":["marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"]}`
)

func TestSTIX(t *testing.T) {
	rows := []string{
		"2026-11-20T08:15:30Z|cnc|high|192.0.2.1|||443||tcp|||emotet|AMBER|2026-12-20T00:00:00Z|",
		"2026-11-20T08:15:30Z|cnc|high|192.0.2.1|||8080||tcp|||emotet|AMBER|2026-12-20T00:00:00Z|",
		"2026-11-20T08:15:30Z|cnc|high||a.example.org|||||||emotet|AMBER|2026-12-20T00:00:00Z|",
		"2026-11-20T08:15:30Z|phish|medium|||||||d41d8cd98f00b204e9800998ecf8427e|||RED||",
		"2026-11-20T08:15:30Z|phish|medium|||http://a.example.net/x|||||||RED||",
	}
	unmarked := []string{
		"2026-11-20T08:15:30Z|phish|medium|||||||d41d8cd98f00b204e9800998ecf8427e|||||",
		"2026-11-20T08:15:30Z|phish|medium|||http://a.example.net/x|||||||||",
	}
	seen := []string{
		"2026-11-17T00:00:00Z|other|low|192.0.2.7|||||||||GREEN||",
		"2026-01-02T03:04:05Z|other|medium||c.example.org||||||||||",
		"2026-01-02T03:04:05Z|other|medium||c.example.org||53||udp||||||",
		"2026-01-02T03:04:05Z|other|medium|192.0.2.7||||1024|udp||||||",
		"2026-01-02T03:04:05Z|other|medium|||||||d41d8cd98f00b204e9800998ecf8427e|e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855|a.exe|||",
	}
	objects := indicator + "," + hashes + "," + around
	for _, c := range []parseCase{
		{name: "a bundle", payload: `{"type":"bundle","id":"bundle--1","objects":[` + objects + `]}`, events: rows},
		{name: "a bundle with the rest first", payload: `{"type":"bundle","id":"bundle--1","spec_version":"2.0","objects":[` + around + "," + indicator + "," + hashes + `]}`, events: rows},
		{name: "an envelope", payload: `{"more":true,"next":"x","objects":[` + objects + `]}`, events: rows},
		{name: "an array", payload: `[` + objects + `]`, events: rows},
		{name: "lines", payload: strings.ReplaceAll(objects, "},{\"type\"", "}\n{\"type\"") + "\n", events: rows},
		{name: "pages on end", payload: `{"more":true,"objects":[` + around + "," + indicator + `]}{"more":false,"objects":[` + hashes + `]}`, events: rows},
		{name: "one object", payload: hashes, events: unmarked},
		{name: "observed data", payload: `{"type":"bundle","objects":[` + observed + `]}`, events: seen},
		{name: "observed data of STIX 2.0", payload: `[{"type":"observed-data","id":"observed-data--2","created":"2026-11-18T00:00:00Z","first_observed":"2026-11-17T00:00:00Z","last_observed":"2026-11-17T01:00:00Z","number_observed":1,` +
			`"objects":{"0":{"type":"ipv4-addr","value":"192.0.2.0/24"},"1":{"type":"url","value":"http://a.example.net/y"},"2":{"type":"ipv4-addr","value":"192.0.2.9"},"3":{"type":"network-traffic","dst_ref":"2","dst_port":80,"protocols":["tcp"]}}}]`,
			events: []string{"2026-11-17T00:00:00Z|other|medium||||||||||||192.0.2.0/24", "2026-11-17T00:00:00Z|other|medium|||http://a.example.net/y|||||||||",
				"2026-11-17T00:00:00Z|other|medium|192.0.2.9|||||||||||", "2026-11-17T00:00:00Z|other|medium|192.0.2.9|||80||tcp||||||"}},
		{name: "an empty envelope", payload: `{"more":false}`},
		{name: "an empty answer", payload: `{}`},
		{name: "an empty bundle", payload: `{"type":"bundle","id":"bundle--1","objects":[]}`},
		{name: "a pattern that is none", payload: `[{"type":"indicator","pattern":"[ipv4-addr:value = "},` + hashes + `]`, events: unmarked,
			rejected: []string{"pattern: the pattern ends where a value should be at byte 19"}},
		{name: "an object without a type", payload: `{"objects":[{"id":"x"}]}`, rejected: []string{"has no type"}},
		{name: "an address that is none", payload: `[{"type":"indicator","pattern":"[domain-name:value = 'a b']"}]`, rejected: []string{"fqdn"}},
		{name: "broken JSON", payload: `{"objects":[{"type":nil}]}`, rejected: []string{"malformed JSON"}},
		{name: "an error of TAXII", payload: `{"title":"Unauthorized","http_status":"401"}`, err: "the server answers with an error"},
		{name: "cut", payload: `{"type":"bundle","objects":[` + indicator + "," + hashes + `,` + around[:400], events: rows[:3],
			rejected: []string{"not known who may see it"}, err: "ends in the middle"},
		{name: "cut behind the markings", payload: `{"type":"bundle","objects":[` + around + "," + hashes + `,{"type":`, events: rows[3:], err: "ends in the middle"},
	} {
		c.spec, c.fields = stixSpec+"\nconstants: {}", stixFields
		c.run(t)
	}
	skippedAs(t, stixSpec, `[`+objects+`]`, map[string]int64{"object malware": 1, "object relationship": 1, "object marking-definition": 1, "pattern yara": 1, "revoked": 1, "negated": 1})
	skippedAs(t, stixSpec, `[`+observed+`]`, map[string]int64{"object observed-data": 1})
	cutDocument(t, stixSpec, strings.ReplaceAll(indicator, "\n", "")+"\n"+hashes+"\n")
}

func TestAConstantReplacesTheCategoryThatSTIXDoesNotTell(t *testing.T) {
	for pattern, want := range map[string]string{
		`"labels":["malicious-activity"]`: "scam", `"labels":["C2"]`: "cnc", `"indicator_types":["anonymization"]`: "proxy", `"labels":["malware"]`: "malurl",
		`"kill_chain_phases":[{"phase_name":"reconnaissance"}]`: "scanning",
	} {
		c := parseCase{name: pattern, spec: stixSpec + "\nconstants: {category: scam}", fields: "category", payload: `{"type":"indicator","pattern":"[url:value = 'http://a.example.net/']",` + pattern + `}`, events: []string{want}}
		c.run(t)
	}
}

func TestAnIndicatorWithAHugePatternIsReadInBoundedTime(t *testing.T) {
	t.Cleanup(runtime.GC) // other tests look at the heap
	var pattern strings.Builder
	for i := range 9000 {
		fmt.Fprintf(&pattern, " OR ipv4-addr:value = '198.51.%d.%d'", i/256, i%256)
	}
	payload := `{"type":"indicator","description":"` + strings.Repeat("x", 300_000) + `","pattern":"[` + pattern.String()[4:] + `]"}`
	var got whole
	stats, err := parserOf(t, stixSpec).Parse(t.Context(), strings.NewReader(payload), testMeta, &got, nil)
	if balanced(t, stats); err != nil || len(got.events) != 9000 {
		t.Errorf("%d events, %v, %.300q", len(got.events), err, got.rejected)
	}
}

func FuzzSTIX(f *testing.F) {
	fuzzVocabulary(f, stixSpec, indicator, `{"objects":[`+hashes+`,`+around+`]}`, `[`+observed+`]`, indicator+"\n"+hashes, `{"type":"observed-data","objects":{"0":{"type":"file","hashes":{"MD5":"x"}}}}`)
}

func BenchmarkSTIX(b *testing.B) {
	var payload bytes.Buffer
	payload.WriteString(`{"type":"bundle","id":"bundle--1","objects":[` + around)
	for i := range benchRows {
		fmt.Fprintf(&payload, `,{"type":"indicator","spec_version":"2.1","id":"indicator--00000000-0000-4000-8000-%012x","created":"2026-11-19T00:00:00.000Z","modified":"2026-11-19T01:00:00.000Z","name":"C2",`+
			`"indicator_types":["malicious-activity"],"pattern_type":"stix","valid_from":"2026-11-20T08:15:30Z","confidence":85,"object_marking_refs":["marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"],"pattern":"[ipv4-addr:value = '198.51.%d.%d']"}`,
			i, i%256, i%200)
	}
	payload.WriteString("]}")
	benchmarkVocabulary(b, stixSpec, payload.Bytes(), benchRows)
}
