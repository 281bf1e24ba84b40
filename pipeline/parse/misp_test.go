package parse

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

const (
	mispSpec   = "input: {misp: {}}"
	mispFields = "time category ip fqdn url dport sport md5 name tlp extra.filename extra.misp_event_uuid"
	// The export of an event by the API: the tags come last.
	mispEvent = `{"Event":{"id":"7","orgc_id":"1","date":"2026-11-19","threat_level_id":"2","info":"Emotet wave","published":true,"uuid":"5f0c1a1e-0000-4000-8000-000000000001",` +
		`"analysis":"2","timestamp":"1795161600","Org":{"id":"1","name":"Own"},"Orgc":{"id":"2","name":"Example CERT","uuid":"55f6ea5e-0000-4000-8000-0000000000aa"},` +
		`"Attribute":[` +
		`{"id":"1","type":"ip-dst","category":"Network activity","to_ids":true,"uuid":"5f0c1a1e-0000-4000-8000-000000000002","timestamp":"1795162530","comment":"C2, port 447","deleted":false,"value":"192.0.2.1","Galaxy":[],"ShadowAttribute":[]},` +
		`{"type":"domain|ip","category":"Network activity","to_ids":true,"timestamp":"1795162530","value":"a.example.org|192.0.2.2","Tag":[{"name":"tlp:red"}]},` +
		`{"type":"ip-dst|port","category":"Network activity","to_ids":false,"timestamp":"1795162530","value":"2001:db8::1|8080"},` +
		`{"type":"url","category":"Payload delivery","to_ids":true,"timestamp":"1795162530","value":"http://a.example.net/x"},` +
		`{"type":"comment","category":"Other","to_ids":false,"timestamp":"1795162530","value":"hello"},` +
		`{"type":"ip-src","category":"Network activity","to_ids":true,"timestamp":"1795162530","deleted":true,"value":"192.0.2.9"},` +
		`{"type":"ip-src|port","category":"Network activity","to_ids":true,"timestamp":"1795162530","value":"192.0.2.3|1024"}],` +
		`"ShadowAttribute":[{"type":"ip-dst","value":"192.0.2.200"}],"RelatedEvent":[{"Event":{"id":"3","info":"other"}}],` +
		`"Object":[{"name":"file","meta-category":"file","uuid":"5f0c1a1e-0000-4000-8000-000000000003","Attribute":[` +
		`{"type":"md5","object_relation":"md5","category":"Payload delivery","to_ids":true,"timestamp":"1795162530","value":"d41d8cd98f00b204e9800998ecf8427e"},` +
		`{"type":"filename","object_relation":"filename","category":"Payload delivery","to_ids":true,"timestamp":"1795162530","value":"a.exe"},` +
		`{"type":"size-in-bytes","object_relation":"size-in-bytes","category":"Other","timestamp":"1795162530","value":"100"}]},` +
		`{"name":"ip-port","meta-category":"network","Attribute":[{"type":"ip-dst","object_relation":"ip","category":"Network activity","to_ids":true,"timestamp":"1795162530","value":"192.0.2.4"},` +
		`{"type":"port","object_relation":"dst-port","category":"Network activity","timestamp":"1795162530","value":"4444"}]}],` +
		`"Tag":[{"id":"1","name":"tlp:amber"},{"name":"misp-galaxy:mitre-malware=\"Emotet - S0367\""}]}}`
)

var mispRows = []string{
	"cnc|192.0.2.1|||447||||AMBER||",
	"malurl|192.0.2.2|a.example.org||||||RED||",
	"other|2001:db8::1|||8080||||AMBER||",
	"malurl|||http://a.example.net/x|||||AMBER||",
	"bots|192.0.2.3||||1024|||AMBER||",
	"malware-action||||||d41d8cd98f00b204e9800998ecf8427e||AMBER||",
	"malware-action||||||||AMBER|a.exe|",
	"cnc|192.0.2.4|||4444||||AMBER||",
}

// ofEvent completes rows with what all attributes of the event have.
func ofEvent(rows []string) (out []string) {
	for _, r := range rows {
		c := strings.Split(r, "|")
		c[7] = "Emotet"
		c[10] = "5f0c1a1e-0000-4000-8000-000000000001"
		out = append(out, "2026-11-20T08:15:30Z|"+strings.Join(c, "|"))
	}
	return out
}

func TestMISP(t *testing.T) {
	all := ofEvent(mispRows)
	inner := strings.TrimSuffix(strings.TrimPrefix(mispEvent, `{"Event":`), "}")
	const attribute = `{"type":"ip-dst","category":"Network activity","to_ids":"1","timestamp":"1795162530","value":"192.0.2.1"}`
	const found = `{"id":"1","type":"domain","category":"Payload delivery","to_ids":true,"timestamp":"1795162530","value":"a.example.org","Event":{"id":"7","info":"Wave","uuid":"5f0c1a1e-0000-4000-8000-000000000001"},"Tag":[{"name":"TLP:GREEN"}]}`
	bare := "2026-11-20T08:15:30Z|cnc|192.0.2.1|||||||||"
	search := "2026-11-20T08:15:30Z|malurl||a.example.org|||||Wave|GREEN||5f0c1a1e-0000-4000-8000-000000000001"
	for _, c := range []parseCase{
		{name: "an event", payload: mispEvent, events: all},
		{name: "a search for events", payload: `{"response":[` + mispEvent + "," + mispEvent + `]}`, events: append(append([]string{}, all...), all...)},
		{name: "a list of events", payload: `[` + mispEvent + `]`, events: all},
		{name: "events on end", payload: mispEvent + "\n" + mispEvent, events: append(append([]string{}, all...), all...)},
		{name: "an event without the object around it", payload: inner, events: all},
		{name: "a search for attributes", payload: `{"response":{"Attribute":[` + found + `,` + attribute + `]}}`, events: []string{search, bare}},
		{name: "attributes", payload: `{"Attribute":[` + attribute + `,` + found + `]}`, events: []string{bare, search}},
		{name: "attributes in an array", payload: `[` + attribute + `,` + found + `]`, events: []string{bare, search}},
		{name: "one attribute", payload: `{"Attribute":` + found + `}`, events: []string{search}},
		{name: "objects", payload: `{"response":[{"Object":{"name":"x","meta-category":"network","Attribute":[` + attribute + `]}}]}`, events: []string{bare}},
		{name: "a manifest", fields: "time category name tlp extra.misp_event_uuid extra.misp_org",
			payload: `{"5f0c1a1e-0000-4000-8000-000000000001":{"info":"Wave","Orgc":{"name":"Example CERT"},"date":"2026-11-19","timestamp":"1795162530","Tag":[{"name":"tlp:white"}]},"5f0c1a1e-0000-4000-8000-000000000002":7}`,
			events:  []string{"2026-11-20T08:15:30Z|other|Wave|CLEAR|5f0c1a1e-0000-4000-8000-000000000001|Example CERT"}, rejected: []string{"no JSON object"}},
		{name: "nothing found", payload: `{"response":[]}`},
		{name: "nothing", payload: "[]"},
		{name: "a network", fields: "ip extra.network", payload: `[{"type":"ip-dst","value":"192.0.2.7/24","category":"Network activity"},{"type":"ip-dst","value":"192.0.2.7/32","category":"x"}]`,
			events: []string{"|192.0.2.0/24", "192.0.2.7|"}},
		{name: "an address that is none", payload: `[{"type":"ip-dst","value":"x"}]`, rejected: []string{"ip: is not an IP address"}},
		{name: "an element that is none", payload: `{"Attribute":[7,` + attribute + `]}`, events: []string{bare}, rejected: []string{"no JSON object"}},
		{name: "broken JSON", payload: `{"Attribute":[{"value":nil},` + attribute + `]}`, events: []string{bare}, rejected: []string{"malformed JSON"}},
		{name: "an object of something else", payload: `[{"x":1},` + attribute + `]`, events: []string{bare}, rejected: []string{"no event, attribute or object"}},
		{name: "an attribute that is too long", spec: "input: {maxRecordBytes: 1024, misp: {}}", payload: `{"Attribute":[{"type":"attachment","value":"x","data":"` + strings.Repeat("QUFB", 1000) + `"},` + attribute + `]}`,
			events: []string{bare}, rejected: []string{"longer than 1024"}},
		{name: "an error", payload: `{"name":"Authentication failed.","message":"Authentication failed.","url":"\/events"}`, err: "MISP answers with an error"},
		{name: "cut before the tags", payload: mispEvent[:len(mispEvent)-100], err: "ends in the middle"},
		{name: "text", payload: "Forbidden", err: "no JSON array or object"},
	} {
		if c.spec == "" {
			c.spec = mispSpec
		}
		c.spec += "\nconstants: {}"
		if c.fields == "" {
			c.fields = mispFields
		}
		c.run(t)
	}
	skippedAs(t, mispSpec, mispEvent, map[string]int64{"type comment": 1, "deleted": 1, "proposal": 1, "type size-in-bytes": 1, "type port": 1})
	skippedAs(t, mispSpec, `[{"id":"1","info":"x"}]`, map[string]int64{"event-without-attributes": 1})
	cutDocument(t, mispSpec, `{"response":[`+mispEvent+`]}`)
}

func TestAnEventOfMISPWhoseAudienceIsUnknownIsNotPublished(t *testing.T) {
	t.Cleanup(runtime.GC) // other tests look at the heap
	filler := strings.Repeat(`{"type":"ip-dst","value":"192.0.2.1","comment":"`+strings.Repeat("x", 10_000)+`"},`, 1700)
	body := `"Attribute":[` + strings.TrimSuffix(filler, ",") + `]`
	var got whole
	_, err := parserOf(t, mispSpec).Parse(t.Context(), strings.NewReader(`{"Event":{"info":"x",`+body+`,"Tag":[{"name":"tlp:red"}]}}`), testMeta, &got, nil)
	if err == nil || !strings.Contains(err.Error(), "tags behind its attributes") || len(got.events) > 0 {
		t.Errorf("%d events, %v", len(got.events), err)
	}
	got = whole{}
	_, err = parserOf(t, mispSpec).Parse(t.Context(), strings.NewReader(`{"Event":{"info":"x","Tag":[{"name":"tlp:red"}],`+body+`}}`), testMeta, &got, nil)
	if err != nil || len(got.events) != 1700 || !strings.Contains(got.events[0], `"tlp":"RED"`) {
		t.Errorf("%d events, %v", len(got.events), err)
	}
}

func TestReasonsOfSkippedTypesAreBounded(t *testing.T) {
	var payload bytes.Buffer
	for i := range 500 {
		fmt.Fprintf(&payload, `{"type":"type-%d","value":"x"}`, i)
	}
	var got whole
	stats, err := parserOf(t, mispSpec).Parse(t.Context(), &payload, testMeta, &got, nil)
	balanced(t, stats)
	if err != nil || len(stats.Skipped) > maxPassed+1 {
		t.Errorf("%d reasons, %v", len(stats.Skipped), err)
	}
}

func FuzzMISP(f *testing.F) {
	fuzzVocabulary(f, mispSpec, mispEvent, `{"response":{"Attribute":[{"type":"ip-dst|port","value":"192.0.2.1:80"}]}}`,
		`{"5f0c1a1e-0000-4000-8000-000000000001":{"info":"x"}}`, `[{"type":"filename|md5","value":"a|b"}]`, `{"Object":[{"Attribute":[{}]}]}`, `{"Event":{"Attribute":7}}`)
}

func BenchmarkMISP(b *testing.B) {
	var payload bytes.Buffer
	payload.WriteString(`{"Event":{"info":"Emotet wave","uuid":"5f0c1a1e-0000-4000-8000-000000000001","Orgc":{"name":"Example CERT"},"Tag":[{"name":"tlp:amber"},{"name":"misp-galaxy:malpedia=\"Emotet\""}],"Attribute":[`)
	for i := range benchRows {
		if i > 0 {
			payload.WriteByte(',')
		}
		fmt.Fprintf(&payload, `{"id":"%d","type":"ip-dst|port","category":"Network activity","to_ids":true,"uuid":"5f0c1a1e-0000-4000-8000-%012x","timestamp":"1795162530","comment":"","deleted":false,"value":"198.51.%d.%d|443"}`,
			i, i, i%256, i%200)
	}
	payload.WriteString("]}}")
	benchmarkVocabulary(b, mispSpec, payload.Bytes(), benchRows)
}
