package infer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse"
)

const stixBundle = `{"type":"bundle","id":"bundle--5d0092c5-5f74-4287-9642-33f4c354e56d","objects":[
{"type":"indicator","spec_version":"2.1","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","created":"2026-11-20T08:15:30.000Z",
"modified":"2026-11-20T08:15:30.000Z","name":"C2","pattern":"[ipv4-addr:value = '192.0.2.1']","pattern_type":"stix","valid_from":"2026-11-20T08:15:30Z"}]}`

const mispEvent = `{"Event":{"id":"1","info":"A campaign","uuid":"5d0092c5-5f74-4287-9642-33f4c354e56d","date":"2026-11-20","timestamp":"1795162530","Attribute":[
{"id":"1","type":"ip-dst","category":"Network activity","to_ids":true,"uuid":"5d0092c5-5f74-4287-9642-33f4c354e561","timestamp":"1795162530","value":"192.0.2.1"}]}}`

const intelmqEvents = `{"feed.name":"Example","time.observation":"2026-11-20T08:20:00+00:00","time.source":"2026-11-20T08:15:30+00:00","source.ip":"192.0.2.1","classification.taxonomy":"malicious-code","classification.type":"c2-server"}
{"feed.name":"Example","time.observation":"2026-11-20T08:20:00+00:00","time.source":"2026-11-20T08:15:31+00:00","source.ip":"192.0.2.2","classification.taxonomy":"malicious-code","classification.type":"c2-server"}
`

const n6Events = `[{"id":"0123456789abcdef0123456789abcdef","source":"example.feed","time":"2026-11-20T08:15:30Z","category":"cnc","confidence":"medium","restriction":"public","address":[{"ip":"192.0.2.1"}]}]`

const ideaEvents = `{"Format":"IDEA0","ID":"4390fc3f-c753-4a3e-bc83-1b44f24baf75","DetectTime":"2026-11-20T08:15:30Z","Category":["Recon.Scanning"],"Source":[{"IP4":["192.0.2.1"]}]}
{"Format":"IDEA0","ID":"4390fc3f-c753-4a3e-bc83-1b44f24baf76","DetectTime":"2026-11-20T08:15:31Z","Category":["Recon.Scanning"],"Source":[{"IP4":["192.0.2.2"]}]}
`

const iodefDocument = `<?xml version="1.0" encoding="UTF-8"?>
<IODEF-Document version="1.00" lang="en" xmlns="urn:ietf:params:xml:ns:iodef-1.0"><Incident purpose="reporting"><IncidentID name="csirt.example.com">1</IncidentID>
<ReportTime>2026-11-20T08:15:30Z</ReportTime><Assessment><Impact type="recon" completion="succeeded"/></Assessment><Contact role="creator" type="organization"><ContactName>CSIRT</ContactName></Contact>
<EventData><Flow><System category="source"><Node><Address category="ipv4-addr">192.0.2.1</Address></Node></System></Flow></EventData></Incident></IODEF-Document>`

const openiocDocument = `<?xml version="1.0"?><ioc xmlns="http://schemas.mandiant.com/2010/ioc" id="5d0092c5-5f74-4287-9642-33f4c354e56d" last-modified="2026-11-20T08:15:30"><short_description>C2</short_description>
<definition><Indicator operator="OR" id="a"><IndicatorItem id="b" condition="is"><Context document="Network" search="Network/DNS" type="mir"/><Content type="string">bad.example.com</Content></IndicatorItem></Indicator></definition></ioc>
<!-- openioc -->`

// formats are samples of each format, and how to know it.
var formats = []struct {
	name, sample string
	is           func(*v1alpha1.InputSpec) bool
}{
	{"stix", stixBundle, func(in *v1alpha1.InputSpec) bool { return in.STIX != nil }},
	{"misp", mispEvent, func(in *v1alpha1.InputSpec) bool { return in.MISP != nil }},
	{"intelmq", intelmqEvents, func(in *v1alpha1.InputSpec) bool { return in.IntelMQ != nil }},
	{"n6", n6Events, func(in *v1alpha1.InputSpec) bool { return in.N6 != nil }},
	{"idea", ideaEvents, func(in *v1alpha1.InputSpec) bool { return in.IDEA != nil }},
	{"iodef", iodefDocument, func(in *v1alpha1.InputSpec) bool { return in.IODEF != nil }},
	{"openioc", openiocDocument, func(in *v1alpha1.InputSpec) bool { return in.OpenIOC != nil }},
	{"json", `[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]`, func(in *v1alpha1.InputSpec) bool { return in.JSON != nil && in.JSON.Records == "" }},
	{"json below members", `{"status":"ok","data":{"items":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}]}}`,
		func(in *v1alpha1.InputSpec) bool { return in.JSON != nil && in.JSON.Records == "data.items" }},
	{"json of one object a name", `{"c2":{"a":{"ip":"192.0.2.1","port":1},"b":{"ip":"192.0.2.2","port":2},"c":{"ip":"192.0.2.3","port":3}}}`,
		func(in *v1alpha1.InputSpec) bool { return in.JSON != nil && in.JSON.Records == "c2.*" }},
	{"a list of names beside one of harmless names", `{"allowed":["a.example.org","b.example.org"],"blocked":["bad.example.com"]}`,
		func(in *v1alpha1.InputSpec) bool { return in.JSON != nil && in.JSON.Records == "blocked" }},
	{"json lines", "{\"ip\":\"192.0.2.1\"}\n{\"ip\":\"192.0.2.2\"}\n", func(in *v1alpha1.InputSpec) bool { return in.JSONLines != nil }},
	{"documents on end", "{\n\"ip\":\"192.0.2.1\"\n}\n{\n\"ip\":\"192.0.2.2\"\n}\n", func(in *v1alpha1.InputSpec) bool { return in.JSON != nil && in.JSON.Concatenated }},
	{"tabs", "192.0.2.1\tbad.example.com\t5\n192.0.2.2\tworse.example.com\t7\n", func(in *v1alpha1.InputSpec) bool { return in.CSV != nil && in.CSV.Delimiter == "\t" }},
	{"a wide delimiter", "# a  |  b  |  c\n64496  |  EXAMPLE, DE  |  192.0.2.1\n64497  |  OTHER | X, PL  |  192.0.2.2\n",
		func(in *v1alpha1.InputSpec) bool { return in.CSV != nil && in.CSV.Delimiter == "  |  " }},
	{"commas in quotes", "ip;comment\n192.0.2.1;\"a, b, c; d\"\n192.0.2.2;\"e, f\"\n", func(in *v1alpha1.InputSpec) bool { return in.CSV != nil && in.CSV.Delimiter == ";" }},
	{"URLs with commas", "http://a.example.com/x,y\nhttp://b.example.com/z,w\n", func(in *v1alpha1.InputSpec) bool { return in.Text != nil }},
	{"lists of mixed things", "192.0.2.1\nbad.example.com\nhttp://worse.example.com/a\n", func(in *v1alpha1.InputSpec) bool { return in.Text != nil }},
	{"white space", "192.0.2.1   12  2026-11-20 08:15:30\n192.0.2.2     7  2026-11-20 08:15:31\n", func(in *v1alpha1.InputSpec) bool { return in.Text != nil && in.Text.Pattern != "" }},
	{"ini", "[192.0.2.1]\ntype=c2\nseen=2026-11-20\n[192.0.2.2]\ntype=c2\nseen=2026-11-21\n", func(in *v1alpha1.InputSpec) bool { return in.INI != nil }},
	{"zone", "$TTL 60\n@ IN SOA ns.example.org. admin.example.org. 1 60 60 60 60\n@ IN NS ns.example.org.\nbad.example.com IN CNAME .\nworse.example.net IN CNAME .\n",
		func(in *v1alpha1.InputSpec) bool { return in.Zone != nil }},
	{"hosts", "127.0.0.1 bad.example.com\n127.0.0.1 worse.example.net\n", func(in *v1alpha1.InputSpec) bool { return in.Hosts != nil }},
	{"labels", "IP: 192.0.2.1; Port: 80\nIP: 192.0.2.2; Port: 81\n", func(in *v1alpha1.InputSpec) bool { return in.KeyValue != nil && in.KeyValue.Separator == ":" }},
}

// Each format is recognized by what the sample looks like, and the draft works.
func TestFormatsAreRecognized(t *testing.T) {
	for _, test := range formats {
		t.Run(test.name, func(t *testing.T) {
			d, err := Infer(Sample{Data: []byte(test.sample)}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if !test.is(&d.Parser.Spec.Input) {
				t.Errorf("the format is %s", flow(&d.Parser.Spec.Input))
			}
			mustInfer(t, Sample{Data: []byte(test.sample)}, Options{})
		})
	}
}

func TestWhatCannotBeDraftedSaysWhy(t *testing.T) {
	for _, test := range []struct{ name, sample, why string }{
		{"nothing", " \n\n", ErrEmpty.Error()},
		{"packed", "\x1f\x8b\x08\x00", "gzip"},
		{"no text", "\x00\x01\x02", "no text"},
		{"a page without a table", "<!DOCTYPE html><html><body><p>gone</p></body></html>", "HTML"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Infer(Sample{Data: []byte(test.sample)}, Options{})
			if err == nil || !strings.Contains(err.Error(), test.why) {
				t.Errorf("error %v, want one with %q", err, test.why)
			}
		})
	}
}

func TestATruncatedSampleGivesADraft(t *testing.T) {
	whole := `{"data":[{"ip":"192.0.2.1","port":1},{"ip":"192.0.2.2","port":2},{"ip":"192.0.2.3","po`
	d := mustInfer(t, Sample{Data: []byte(whole), Truncated: true}, Options{})
	if d.Parser.Spec.Input.JSON == nil || d.Parser.Spec.Input.JSON.Records != "data" {
		t.Errorf("the format is %s", flow(&d.Parser.Spec.Input))
	}
}

func TestDayAndMonthThatAreNotSureAreAQuestion(t *testing.T) {
	d := mustInfer(t, Sample{Data: []byte("when,ip\n03/04/2026 10:00,192.0.2.1\n")}, Options{})
	q := d.Questions()
	i := slices.IndexFunc(q, func(c Choice) bool { return c.Field == "time" })
	if i < 0 || !strings.Contains(q[i].Reason, "day and month") || len(q[i].Alternatives) == 0 {
		t.Errorf("questions: %v", q)
	}
	if !bytes.Contains(d.YAML(), []byte("# QUESTION: when -> time?")) {
		t.Errorf("the manifest does not ask:\n%s", d.YAML())
	}
}

func TestLayoutsOfTimes(t *testing.T) {
	for value, want := range map[string]string{
		"2026-11-20 08:15:30":           "iso8601",
		"20.11.2026 08:15":              "%d.%m.%Y %H:%M",
		"11/20/2026 8:15 PM":            "%m/%d/%Y %I:%M %p",
		"Nov 20 2026 08:15:30":          "%b %d %Y %H:%M:%S",
		"20-Nov-2026":                   "%d-%b-%Y",
		"2026/11/20 08:15:30":           "%Y/%m/%d %H:%M:%S",
		"Fri, 20 Nov 2026 08:15:30 GMT": "rfc1123",
		"1795162530":                    "unix",
		"1795162530123":                 "unix_ms",
		"20/Nov/2026:08:15:30 +0000":    "%d/%b/%Y:%H:%M:%S %z",
	} {
		c := newColumn("time", []string{value})
		got := timesOf(c)
		if got == nil || got.layouts[0] != want {
			t.Errorf("%s: %+v, want %s", value, got, want)
			continue
		}
		spec := v1alpha1.ParserSpec{Input: v1alpha1.InputSpec{JSON: &v1alpha1.JSONSpec{}}, Constants: map[string]string{"category": "other"},
			Mapping:  []v1alpha1.MappingRule{{Field: "time", From: []string{"t"}, Time: &v1alpha1.TimeSpec{Layouts: got.layouts}}, {Field: "name", Value: ptr("x")}},
			Examples: []v1alpha1.Example{{Name: "x", Input: fmt.Sprintf(`{"t": %q}`, value)}}}
		for _, r := range parse.RunExamples(&spec) {
			if strings.Contains(r.Diff, "rejected") {
				t.Errorf("%s: the layout %s does not read it: %s", value, want, r.Diff)
			}
		}
	}
}

func TestASimilarParserIsFollowed(t *testing.T) {
	like := v1alpha1.Parser{Spec: v1alpha1.ParserSpec{
		Input: v1alpha1.InputSpec{CSV: &v1alpha1.CSVSpec{}},
		Mapping: []v1alpha1.MappingRule{
			{Field: "ip", From: []string{"addr"}, Required: true},
			{Field: "name", From: []string{"what"}, Nulls: []string{"nothing"}},
			{Field: "count", From: []string{"gone"}},
		},
		Skip:      []v1alpha1.SkipRule{{When: `record.what == "test"`, Reason: "test"}},
		Constants: map[string]string{"category": "bots", "confidence": "high"},
	}}
	like.Name = "other"
	d := mustInfer(t, Sample{Data: []byte("Addr,what,port\n192.0.2.1,mirai,22\n192.0.2.2,nothing,23\n192.0.2.3,test,23\n")}, Options{Like: []v1alpha1.Parser{like}})
	spec := &d.Parser.Spec
	if spec.Constants["category"] != "bots" || spec.Constants["confidence"] != "high" || len(spec.Skip) != 1 || d.Skipped != 1 {
		t.Errorf("constants %v, skip %v", spec.Constants, spec.Skip)
	}
	text := string(d.YAML())
	for _, want := range []string{"{field: ip, from: [Addr], required: true}", "{field: name, from: [what], nulls: [nothing]}", "{field: dport, from: [port]"} {
		if !strings.Contains(text, want) {
			t.Errorf("the draft has no %s:\n%s", want, text)
		}
	}
	if !slices.ContainsFunc(d.Choices, func(c Choice) bool { return c.About == "like" && strings.Contains(c.Reason, "gone") }) {
		t.Errorf("what differs is not told: %v", d.Choices)
	}
}

func FuzzInfer(f *testing.F) {
	for _, feed := range feeds {
		f.Add([]byte(feed.sample), false)
	}
	for _, s := range []string{stixBundle, iodefDocument, "a;b\n", "[1,2", "{", "<a>", "\"", "# a\n# b\n", "\xff\xfe\x00", "1.2.3.4 # x\n"} {
		f.Add([]byte(s), true)
	}
	f.Fuzz(fuzzOne)
}

func fuzzOne(t *testing.T, data []byte, truncated bool) {
	d, err := Infer(Sample{Data: data, Truncated: truncated, URL: "https://feeds.example.org/a"}, Options{})
	if err != nil {
		return
	}
	var written v1alpha1.Parser
	yamls := strings.Split(string(d.YAML()), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(yamls[len(yamls)-1]), &written); err != nil {
		t.Fatalf("the manifest cannot be read: %v\n%s", err, d.YAML())
	}
	for _, r := range parse.RunExamples(&written.Spec) {
		if !r.OK {
			t.Errorf("the draft fails its own example: %s\n%s", r.Diff, d.YAML())
		}
	}
}

func BenchmarkInfer(b *testing.B) {
	var data bytes.Buffer
	data.WriteString("first_seen,dst_ip,dst_port,malware,url,tags\n")
	for i := 0; data.Len() < 4<<20; i++ {
		fmt.Fprintf(&data, "2026-11-20 08:15:30,192.0.2.%d,%d,Emotet,http://bad%d.example.com/a,\"a,b\"\n", i%256, i%65536, i)
	}
	b.SetBytes(int64(data.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Infer(Sample{Data: data.Bytes()}, Options{}); err != nil && !errors.Is(err, ErrEmpty) {
			b.Fatal(err)
		}
	}
}
