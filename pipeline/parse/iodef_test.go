package parse

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

const iodefStart = `<?xml version="1.0"?><IODEF-Document version="1.00" xmlns="urn:ietf:params:xml:ns:iodef-1.0"><Incident purpose="reporting" restriction="private">
<IncidentID name="csirt.example.com">7</IncidentID><ReportTime>2026-11-20T08:00:00Z</ReportTime><Assessment><Impact type="dos"/><Confidence rating="numeric">85</Confidence></Assessment>`

const iodefEnd = "</Incident></IODEF-Document>"

func TestIODEF(t *testing.T) {
	const source = `<System category="source"><Node><NodeName>a.example.org</NodeName><Address>192.0.2.1</Address><Address category="ipv6-addr">2001:db8::1</Address></Node></System>`
	const target = `<System category="target"><Node><Address category="ipv4-addr">198.51.100.1</Address></Node><Service ip_protocol="6"><Port>443</Port></Service></System>`
	event := func(inside string) string { return iodefStart + "<EventData>" + inside + "</EventData>" + iodefEnd }
	observable := func(inside string) string {
		return iodefStart + "<IndicatorData><Indicator><IndicatorID name='x' version='1'>I1</IndicatorID>" + inside + "</Indicator></IndicatorData>" + iodefEnd
	}
	for _, c := range []parseCase{
		{name: "a flow", fields: "ip dir dip dport category time confidence restriction", payload: event("<Flow>" + source + target + "</Flow>"), events: []string{
			"192.0.2.1,2001:db8::1|src|198.51.100.1|443|dos-attacker|2026-11-20T08:00:00Z|high|internal", "198.51.100.1|dst||443|dos-victim|2026-11-20T08:00:00Z|high|internal"}},
		{name: "events in events", fields: "ip time name category", payload: event("<DetectTime>2026-11-20T09:00:00Z</DetectTime><Description>outer</Description><EventData><Description>inner</Description><Assessment><Impact type='recon'/></Assessment><Flow>" + target + "</Flow></EventData><Flow>" + target + "</Flow>"),
			events: []string{"198.51.100.1|2026-11-20T09:00:00Z|inner|scanning", "198.51.100.1|2026-11-20T09:00:00Z|outer|dos-victim"}},
		{name: "two incidents", fields: "ip extra.incident_id tlp", payload: event("<Flow>" + target + "</Flow>")[:len(event("<Flow>"+target+"</Flow>"))-len("</IODEF-Document>")] +
			`<Incident purpose="other" restriction="red"><IncidentID name="x">8</IncidentID><EventData><Flow>` + target + "</Flow></EventData>" + iodefEnd, events: []string{"198.51.100.1|7|GREEN", "198.51.100.1|8|RED"}},
		{name: "a document in another one", fields: "ip", payload: "<RID><Policy/><Report>" + strings.TrimPrefix(event("<Flow>"+target+"</Flow>"), `<?xml version="1.0"?>`) + "</Report></RID>", events: []string{"198.51.100.1"}},
		{name: "roles", fields: "fqdn category", payload: event("<Flow><System category='infrastructure'><Node><DomainData system-status='x'><Name>a.example.org</Name></DomainData></Node><NodeRole category='c2-server'/></System></Flow>"), events: []string{"a.example.org|cnc"}},
		{name: "kinds of observables", fields: "fqdn ip dport md5 url", payload: observable(
			"<Observable><BulkObservable type='ipv4-port'><BulkObservableList>192.0.2.1:80\n192.0.2.2:81</BulkObservableList></BulkObservable></Observable>" +
				"<Observable><BulkObservable type='domain-to-ipv4'><BulkObservableList>a.example.org,192.0.2.3</BulkObservableList></BulkObservable></Observable>" +
				"<Observable><FileData><File><FileName>x.exe</FileName><HashData scope='file-contents'><Hash><DigestMethod Algorithm='md5'/><DigestValue>1B2M2Y8AsgTpgAmY7PhCfg==</DigestValue></Hash></HashData></File></FileData></Observable>" +
				"<IndicatorExpression operator='not'><Observable><System/></Observable></IndicatorExpression><ObservableReference uid-ref='x'/>"),
			events: []string{"|192.0.2.1|80||", "|192.0.2.2|81||", "a.example.org|192.0.2.3|||", "|||d41d8cd98f00b204e9800998ecf8427e|"}},
		{name: "an address that is none", fields: "ip", payload: event("<Flow><System><Node><Address>none</Address></Node></System>" + target + "</Flow>"), events: []string{"198.51.100.1"}, rejected: []string{"ip: "}},
		{name: "a system without anything", fields: "ip", payload: event("<Flow><System><Node/></System></Flow>")},
		{name: "an incident without systems", fields: "ip", payload: iodefStart + iodefEnd},
		{name: "no incidents", fields: "ip", payload: "<IODEF-Document/>"},
		{name: "an empty payload", fields: "ip", payload: " "},
		{name: "JSON that is malformed in an incident", fields: "ip", payload: `{"Incident":[{"EventData":[{"System":[{"Node":{"Address":[{"value":"192.0.2.1","category":"ipv4-addr"}]}}]}],"GenerationTime":"2026-11-20T08:00:00Z"},{"x":nil}]}`,
			events: []string{"192.0.2.1"}, rejected: []string{"malformed JSON"}},
		{name: "JSON with flows", fields: "ip time", payload: `{"Incident":[{"EventData":[{"Flow":[{"System":[{"Node":{"Address":["192.0.2.1"]}}]}]}],"GenerationTime":"2026-11-20T08:00:00Z"}]}`, events: []string{"192.0.2.1|2026-11-20T08:00:00Z"}},
		{name: "other JSON", fields: "ip", payload: `{"type":"bundle"}`, err: `there is no "Incident"; it has: type`},
		{name: "truncated JSON", fields: "ip", payload: `{"Incident":[{"EventData":`, err: "the JSON ends in the middle"},
		{name: "other XML", fields: "ip", payload: "<rss/>", err: "the document is <rss>, not an <IODEF-Document>"},
		{name: "the end in an event", fields: "ip", payload: event("<Flow>" + target + "</Flow>")[:len(iodefStart)+60], err: "the XML ends in the middle"},
		{name: "HTML", fields: "ip", payload: "<html>", err: "looks like HTML, not IODEF"},
		{name: "text", fields: "ip", payload: "hello", err: "it is no XML"},
	} {
		if c.name == "two incidents" { // the FeedSource says GREEN
			c.meta = &Meta{Source: "example.test", Collected: testMeta.Collected, TLP: 2}
		}
		c.spec = "input: {iodef: {}}\nconstants: {confidence: low}"
		c.run(t)
	}
}

func TestATruncatedIncidentIsReported(t *testing.T) {
	p := parserOf(t, "input: {iodef: {}}")
	for _, payload := range []string{
		iodefStart + "<EventData><Flow><System category='source'><Node><Address>192.0.2.1</Address></Node></System></Flow></EventData>" + iodefEnd,
		`{"version":"2.0","Incident":[{"IncidentID":{"id":"1","name":"x"},"EventData":[{"System":[{"Node":{"Address":[{"value":"192.0.2.1"}]}}]}]}]}`,
	} {
		for i := 3; i < len(payload); i++ {
			if out := parseRubbish(t, p, strings.NewReader(payload[:i])); out[len(out)-1] == "<nil>" {
				t.Errorf("%q is taken as a whole document", payload[:i])
			}
		}
	}
}

func FuzzIODEF(f *testing.F) {
	f.Add([]byte(iodefStart + "<EventData><Flow><System category='source'><Node><Address>192.0.2.1</Address></Node><Service ip_protocol='6'><Port>1</Port></Service></System></Flow></EventData>" + iodefEnd))
	f.Add([]byte(iodefStart + "<IndicatorData><Indicator><Observable><BulkObservable type='file-hash'><BulkObservableList>x\nYQ==</BulkObservableList></BulkObservable></Observable></Indicator></IndicatorData>" + iodefEnd))
	f.Add([]byte(`{"Incident":[{"IncidentID":{"id":"1"},"EventData":[{"System":[{"Node":{"Address":[{"value":"192.0.2.1"}]}}]}]}]}`))
	p := parserOf(f, "input: {iodef: {}}")
	f.Fuzz(func(t *testing.T, payload []byte) {
		whole := parseRubbish(t, p, bytes.NewReader(payload))
		if bytewise := parseRubbish(t, p, iotest.OneByteReader(bytes.NewReader(payload))); fmt.Sprint(whole) != fmt.Sprint(bytewise) {
			t.Errorf("byte by byte %q, not %q", bytewise, whole)
		}
	})
}

func BenchmarkIODEF(b *testing.B) {
	rows := eachRow("<EventData><StartTime>2024-05-%02dT07:08:%02dZ</StartTime><Flow><System category=\"source\"><AssetID>%d</AssetID><Node><Address category=\"ipv4-addr\">198.51.%d.%d</Address></Node><Service ip_protocol=\"6\"><Port>%d</Port></Service><Description>emotet-%x %d</Description></System></Flow></EventData>\n")
	benchmarkVocabulary(b, "input: {iodef: {}}", []byte(iodefStart+string(rows)+iodefEnd), benchRows)
}
