package parse

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/event"
)

const (
	intelmqSpec = "input: {intelmq: {}}"
	intelmqFlat = `{"__type":"Event","classification.taxonomy":"malicious-code","classification.type":"c2-server","feed.accuracy":100.0,` +
		`"feed.name":"C2","feed.provider":"Example","source.ip":"192.0.2.1","source.port":443,"source.asn":64496,"source.geolocation.cc":"PL",` +
		`"source.reverse_dns":"host.example.net","source.fqdn":"c2.example.org","protocol.transport":"tcp","malware.name":"emotet","malware.hash.md5":"d41d8cd98f00b204e9800998ecf8427e",` +
		`"time.source":"2026-11-20T08:15:30+00:00","time.observation":"2026-11-20T10:00:00+00:00","tlp":"AMBER","event_description.text":"seen by a honeypot","status":"online",` +
		`"extra.tag":"a","extra.score":9.5,"extra.list":[1,"x"],"extra.deep.er":true,"raw":"eA=="}`
	intelmqNested = `{"classification":{"type":"C&C"},"feed":{"accuracy":50},"source":{"ip":"192.0.2.1","asn":64496,"port":443,"geolocation":{"cc":"PL"},"reverse_dns":"host.example.net","fqdn":"c2.example.org"},` +
		`"malware":{"name":"emotet","hash":{"md5":"d41d8cd98f00b204e9800998ecf8427e"}},"time":{"source":"2026-11-20T08:15:30+00:00"},"extra":{"tag":"a","score":9.5}}`
)

func TestIntelMQ(t *testing.T) {
	const flat = "2026-11-20T08:15:30Z|cnc|high|192.0.2.1|64496|PL|host.example.net|c2.example.org|443|443|tcp|emotet|d41d8cd98f00b204e9800998ecf8427e|c2-server|a|9.5"
	const nested = "2026-11-20T08:15:30Z|cnc|medium|192.0.2.1|64496|PL|host.example.net|c2.example.org|443|443||emotet|d41d8cd98f00b204e9800998ecf8427e|c2-server|a|9.5"
	for _, c := range []parseCase{
		{name: "flat, one a line", payload: intelmqFlat + "\n" + intelmqFlat, events: []string{flat, flat}},
		{name: "nested, in an array", payload: "[" + intelmqNested + "]", events: []string{nested}},
		{name: "extra as text", payload: `[{"classification.type":"scanner","extra":"{\"tag\":\"b\"}"}]`, events: []string{"2026-01-02T03:04:05Z|scanning|medium|||||||||||scanner|b|"}},
		{name: "without a type", payload: `{"source.ip":"192.0.2.1"}`, events: []string{"2026-01-02T03:04:05Z|other|medium|192.0.2.1||||||||||||"}},
		{name: "a type that nobody knows", payload: `{"classification.type":"new-thing"}`, events: []string{"2026-01-02T03:04:05Z|other|medium|||||||||||||"}},
		{name: "an AS without an address", payload: `{"source.asn":64496,"classification.type":"spam"}`, events: []string{"2026-01-02T03:04:05Z|spam|medium|||||||||||spam||"}},
		{name: "a broken hash is dropped", payload: `{"malware.hash.md5":"?","classification.type":"spam"}`, events: []string{"2026-01-02T03:04:05Z|spam|medium|||||||||||spam||"}},
		{name: "a broken address", payload: `{"source.ip":"x"}`, rejected: []string{"ip: is not an IP address"}},
		{name: "a label that is none", payload: `{"tlp":"PINK"}`, rejected: []string{"tlp"}},
		{name: "broken JSON", payload: "[{\"source\":{\"ip\":nil}},{}]", events: []string{"2026-01-02T03:04:05Z|other|medium|||||||||||||"}, rejected: []string{"malformed JSON"}},
	} {
		c.spec, c.fields = intelmqSpec+"\nconstants: {}", "time category confidence ip asn cc rdns fqdn sport dport proto name md5 classification.type extra.tag extra.score"
		c.run(t)
	}
	skippedAs(t, intelmqSpec, `{"__type":"Report","raw":"eA=="}`+"\n"+intelmqFlat, map[string]int64{"report": 1})
	cutDocument(t, intelmqSpec, "["+intelmqFlat+","+intelmqNested+"]")
}

func TestExtrasOfIntelMQKeepTheirTypes(t *testing.T) {
	var got whole
	if _, err := parserOf(t, intelmqSpec).Parse(context.Background(), strings.NewReader(intelmqFlat), testMeta, &got, nil); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"deep.er":true`, `"list":[1,"x"]`, `"score":9.5`, `"description":"seen by a honeypot"`, `"tlp":"AMBER"`, `"status":"active"`} {
		if !strings.Contains(got.events[0], part) {
			t.Errorf("no %s in %s", part, got.events[0])
		}
	}
}

func TestEveryTypeOfIntelMQHasACategory(t *testing.T) {
	p := parserOf(t, intelmqSpec)
	other := strings.Fields("harmful-speech violence outage sabotage sniffing burglary blacklist other undetermined test")
	types := event.Types("")
	if len(types) != 44 {
		t.Errorf("%d types", len(types))
	}
	for _, typ := range types {
		sink := collect{fields: []string{"category", "classification.type"}}
		if _, err := p.Parse(context.Background(), strings.NewReader(`{"classification.type":"`+typ+`"}`), testMeta, &sink, nil); err != nil {
			t.Fatal(err)
		}
		row := sink.events[0]
		if isOther := strings.Contains(" "+strings.Join(other, " ")+" ", " "+typ+" "); isOther != (row[0] == "other") || row[1] != typ {
			t.Errorf("%s: %v", typ, row)
		}
	}
}

func FuzzIntelMQ(f *testing.F) {
	fuzzVocabulary(f, intelmqSpec, intelmqFlat, intelmqNested, "["+intelmqFlat+"]", `{"extra":"{}","extra.":1,"a":{"":{}}}`, `[{"extra":{"a":{"b":1}},"feed.accuracy":"9e99"}]`)
}

func BenchmarkIntelMQ(b *testing.B) {
	var payload bytes.Buffer
	for i := range benchRows {
		fmt.Fprintf(&payload, `{"__type":"Event","classification.taxonomy":"malicious-code","classification.type":"infected-system","feed.accuracy":100.0,"feed.name":"C2",`+
			`"source.ip":"198.51.%d.%d","source.port":4431,"source.asn":64496,"source.geolocation.cc":"PL","protocol.transport":"tcp","malware.name":"emotet",`+
			`"time.source":"2026-11-20T08:15:30+00:00","extra.tag":"a","extra.n":%d}`+"\n", i%256, i%200, i)
	}
	benchmarkVocabulary(b, intelmqSpec, payload.Bytes(), benchRows)
}
