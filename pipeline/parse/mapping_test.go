package parse

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse/record"
)

func TestMapping(t *testing.T) {
	csv := func(mapping string) string { return "input: {csv: {}}\nmapping:\n" + mapping }
	jsonl := func(mapping string) string { return "input: {jsonLines: {}}\nmapping:\n" + mapping }
	for _, c := range []parseCase{
		{name: "the first rule with a value sets the field", fields: "name",
			spec:    csv("- {field: name, from: [a, b], nulls: ['-']}\n- {field: name, from: [c]}\n- {field: name, value: none}"),
			payload: "a,b,c\n1,2,3\n-,2,3\n,-,3\n,,\n", events: []string{"1", "2", "3", "none"}},
		{name: "constants are for fields that no rule has set", fields: "category confidence",
			spec:    csv("- {field: category, from: [a]}\n- {field: confidence, from: [b]}") + "\nconstants: {category: bots}",
			payload: "a,b\ncnc,high\n,\n", events: []string{"cnc|high", "bots|medium"}},
		{name: "conditions", fields: "name category",
			spec:    csv("- {field: name, from: [a], when: 'int(record.n) > 1'}\n- {field: category, value: cnc, when: meta.url.endsWith(\".csv\") && meta.filename == \"list.csv\"}"),
			payload: "a,n\nx,1\ny,2\nz,q\n", events: []string{"|cnc", "y|cnc"}, rejected: []string{"name: condition: "}},
		{name: "extract", fields: "ip dport",
			spec:    csv("- {field: ip, from: [a], extract: '^([^:]+):'}\n- {field: dport, from: [a], extract: '\\d+$'}"),
			payload: "a\n192.0.2.1:80\nnothing\n", events: []string{"192.0.2.1|80", "|"}},
		{name: "split", fields: "ip cves",
			spec:    csv("- {field: ip, from: [a], split: ' '}\n- {field: cves, from: [b], split: ';', nulls: [none]}"),
			payload: "a,b\n192.0.2.2  192.0.2.1,CVE-2024-1234; none ;;cve-2023-1111\n", events: []string{"192.0.2.1,192.0.2.2|CVE-2023-1111,CVE-2024-1234"}},
		{name: "split with a bad part", fields: "ip",
			spec:    csv("- {field: ip, from: [a], split: ' ', onInvalid: Drop}\n- {field: cves, from: [b], split: ';'}"),
			payload: "a,b\n192.0.2.2 x,\n192.0.2.2,CVE-1\n", events: []string{"192.0.2.2"}, rejected: []string{"cves: "}},
		{name: "values", fields: "proto",
			spec:    csv("- {field: proto, from: [a], values: {ignoreCase: true, entries: {T: tcp, U: udp, none: ''}}}"),
			payload: "a\nt\nU\nNONE\nx\n", events: []string{"tcp", "udp", ""}, rejected: []string{`proto: "x" has no entry in values (has: none, t, u)`}},
		{name: "values with a default", fields: "proto",
			spec:    csv("- {field: proto, from: [a], values: {entries: {t: tcp}, default: icmp}}"),
			payload: "a\nt\nT\n", events: []string{"tcp", "icmp"}},
		{name: "an invalid value that may be dropped", fields: "dport name proto time",
			spec:    csv("- {field: dport, from: [a], onInvalid: Drop}\n- {field: dport, value: '7'}\n- {field: proto, from: [a], values: {entries: {t: tcp}}, onInvalid: Drop}\n- {field: time, from: [a], onInvalid: Drop}\n- {field: name, expr: string(int(record.a)), onInvalid: Drop}"),
			payload: "a\nx\n80\n", events: []string{"7|||2026-01-02T03:04:05Z", "80|80||2026-01-02T03:04:05Z"}},
		{name: "a value that does not go with another may be dropped too", fields: "until time",
			spec:    csv("- {field: time, from: [t]}\n- {field: until, from: [u], onInvalid: Drop}"),
			payload: "t,u\n2024-05-06,2024-05-05\n", events: []string{"|2024-05-06T00:00:00Z"}},
		{name: "a required value that does not fit is never dropped", fields: "ip",
			spec:    csv("- {field: ip, from: [a], required: true, onInvalid: Drop}"),
			payload: "a\nx\n192.0.2.1\n", events: []string{"192.0.2.1"}, rejected: []string{`ip: is required, but "a" has no value`}},
		{name: "times", fields: "time",
			spec:    csv("- {field: time, from: [a], time: {layouts: ['%d.%m.%Y', unix]}}"),
			payload: "a\n06.05.2024\n1700000000\nsoon\n", events: []string{"2024-05-06T00:00:00Z", "2023-11-14T22:13:20Z"},
			rejected: []string{`time: "soon" is no time of the form %d.%m.%Y, unix`}},
		{name: "several values for one field", fields: "name",
			spec:    jsonl("- {field: name, from: [a]}"),
			payload: `{"a":["x"]}` + "\n" + `{"a":true}` + "\n" + `{"a":1.50}`, events: []string{"true", "1.50"}, rejected: []string{"name: takes one value, not an array; name a path inside it, or explode it"}},
		{name: "lists of JSON", fields: "cves",
			spec:    jsonl("- {field: cves, from: [a]}"),
			payload: `{"a":["CVE-2024-1","cve-2024-2222",null,""]}` + "\n" + `{"a":["CVE-2024-3333","CVE-2024-2222"]}` + "\n" + `{"a":[{"id":1}]}` + "\n" + `{"a":[]}`,
			events:  []string{"CVE-2024-2222,CVE-2024-3333", ""}, rejected: []string{"cves: ", "cves: takes text, not an object"}},
		{name: "extras keep their type", fields: "extra.a",
			spec:    jsonl("- {field: extra.a, from: [a]}"),
			payload: `{"a":1.50}` + "\n" + `{"a":"1"}` + "\n" + `{"a":{"b": [1, null]}}` + "\n" + `{"a":false}` + "\n" + `{"a":null}` + "\n" + `{"a":""}`,
			events:  []string{"1.50", "1", `{"b":[1,null]}`, "false", "", ""}},
		{name: "extras that are made", fields: "extra.a extra.t extra.s",
			spec:    jsonl("- {field: extra.a, from: [a], split: ','}\n- {field: extra.t, from: [t], time: {layouts: [unix]}}\n- {field: extra.s, from: [s], values: {entries: {x: '1'}, default: other}}"),
			payload: `{"a":"x, y","t":1700000000,"s":["x","q"]}`, events: []string{`["x","y"]|2023-11-14T22:13:20Z|["1","other"]`}},
		{name: "expressions", fields: "name dport time cves extra.n extra.l",
			spec: jsonl(`- {field: name, expr: 'record.a.b + "-" + record.list[0] + string(size(record.list))'}
- {field: dport, expr: 'record.port + 1'}
- {field: time, expr: 'timestamp(int(record.t))'}
- {field: cves, expr: 'record.list.map(x, "CVE-2024-" + x)'}
- {field: extra.n, expr: 'double(record.port) / 2.0'}
- {field: extra.l, expr: '[1, 2.5, "x"]'}`),
			payload: `{"a":{"b":"q"},"list":["1111"],"port":80,"t":1700000000}`,
			events:  []string{`q-11111|81|2023-11-14T22:13:20Z|CVE-2024-1111|40|[1,2.5,"x"]`}},
		{name: "expressions without a value", fields: "name target",
			spec:    jsonl(`- {field: name, expr: 'has(record.a) ? record.a : null'}` + "\n" + `- {field: target, expr: '"x" in record ? "yes" : ""'}`),
			payload: "{}\n{\"a\":\"v\",\"x\":null}\n{\"a\":null}\n", events: []string{"|", "v|yes", "|"}},
		{name: "expressions that fail", fields: "name",
			spec:     jsonl(`- {field: name, expr: record.a + "x"}`),
			payload:  "{}\n{\"a\":1}\n{\"a\":\"v\"}\n",
			events:   []string{"vx"},
			rejected: []string{`name: the record has no "a"; where it may be missing, ask has(record.a) first`, "name: the expression fails: a value is of a type"}},
		{name: "an expression with a result that is none", fields: "name", spec: jsonl(`- {field: name, expr: record.a}`), payload: `{"a":{"b":1}}`,
			rejected: []string{"name: the expression gives neither text"}},
		{name: "network functions", fields: "ip",
			spec:    csv(`- {field: ip, from: [a], when: 'isIP(record.a) && cidr("192.0.2.0/24").containsIP(ip(record.a))'}`),
			payload: "a\n192.0.2.1\n198.51.100.1\nx\n", events: []string{"192.0.2.1", "", ""}},
		{name: "all of a record in an expression", fields: "name",
			spec:    csv(`- {field: name, expr: 'record.filter(k, record[k] == "yes").map(k, k)[0] + string(size(record))'}`),
			payload: "a,b\nno,yes\n", events: []string{"b2"}},
		{name: "skip rules", fields: "name",
			spec:    csv("- {field: name, from: [a]}") + "\nskip:\n- {when: record.a == \"x\", reason: one}\n- {when: int(record.a) < 2, reason: two}",
			payload: "a\nx\n1\n2\nq\n", events: []string{"2"}, rejected: []string{`skip rule "two": `}},
	} {
		c.run(t)
	}
}

func TestExplode(t *testing.T) {
	for _, c := range []parseCase{
		{name: "cells multiply", fields: "ip name",
			spec:    "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}, {field: name, from: [name]}]\nexplode: [{from: ip, separator: ';'}, {from: name, separator: '/'}]",
			payload: "ip,name\n192.0.2.1; 192.0.2.2,a/b\n192.0.2.3;,\n", events: []string{"192.0.2.1|a", "192.0.2.1|b", "192.0.2.2|a", "192.0.2.2|b", "192.0.2.3|"}},
		{name: "JSON in cells", fields: "ip",
			spec:    "input: {csv: {delimiter: ;}}\nmapping: [{field: ip, from: [ip]}]\nexplode: [{from: ip}]",
			payload: "ip\n[\"192.0.2.1\", \"192.0.2.2\"]\n[]\n192.0.2.3\n", events: []string{"192.0.2.1", "192.0.2.2", ""}, rejected: []string{`ip: "192.0.2.3" is no JSON array; give explode a separator`}},
		{name: "arrays of objects, and arrays inside", fields: "ip name dport extra.all extra.k",
			spec: `
input: {jsonLines: {}}
mapping:
- {field: ip, from: [hosts.ip]}
- {field: name, from: [name]}
- {field: dport, from: [hosts.ports]}
- {field: extra.all, from: [hosts]}
- {field: extra.k, expr: record.hosts.ip + string(record.hosts.ports)}
explode: [{from: hosts}, {from: hosts.ports}]`,
			payload: `{"name":"a\u0062","hosts":[{"ip":"192.0.2.1","ports":[80,81]},{"ip":"192.0.2.2","ports":443}]}`,
			events: []string{
				`192.0.2.1|ab|80|{"ip":"192.0.2.1","ports":[80,81]}|192.0.2.180`,
				`192.0.2.1|ab|81|{"ip":"192.0.2.1","ports":[80,81]}|192.0.2.181`,
				`192.0.2.2|ab|443|{"ip":"192.0.2.2","ports":443}|192.0.2.2443`}},
		{name: "nothing to take apart", fields: "name cves",
			spec:    "input: {jsonLines: {}}\nmapping: [{field: name, from: [nm]}, {field: cves, from: [l.cve]}]\nexplode: [{from: l}]",
			payload: `{"nm":"a"}` + "\n" + `{"nm":"b","l":[]}` + "\n" + `{"nm":"c","l":null}` + "\n" + `{"nm":"d","l":[null,{"cve":"CVE-2024-1111"}]}`,
			events:  []string{"a|", "b|", "c|", "d|", "d|CVE-2024-1111"}},
		{name: "the record itself", fields: "ip",
			spec:    "input: {json: {records: '*'}}\nmapping: [{field: ip, from: [ip]}]\nexplode: [{from: $}]",
			payload: `{"7":[{"ip":"192.0.2.1"},{"ip":"192.0.2.2"}],"8":[{"ip":"192.0.2.3"}]}`, events: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}},
		{name: "parts that are skipped or rejected", fields: "ip",
			spec:    "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}]\nexplode: [{from: ip, separator: ' '}]\nskip: [{when: record.ip == \"-\", reason: none}]",
			payload: "ip,x\n192.0.2.1 - bad,1\n", events: []string{"192.0.2.1"}, rejected: []string{"ip: is not an IP address"}, records: []string{"192.0.2.1 - bad,1"}},
		{name: "too many", fields: "dport",
			spec:    "input: {csv: {}}\nmapping: [{field: dport, from: [p]}]\nexplode: [{from: p, separator: ' '}, {from: q, separator: ' '}]",
			payload: "p,q\n" + strings.Repeat("1 ", 101) + "," + strings.Repeat("2 ", 100) + "\n7,8\n", events: []string{"7"}, rejected: []string{"explodes into more than 10000 records"}},
	} {
		c.run(t)
	}
}

func TestCharsets(t *testing.T) {
	latin := testMeta
	latin.ContentType = "text/csv; charset=ISO-8859-2"
	for _, c := range []parseCase{
		{name: "declared", spec: "{charset: windows-1250, csv: {}}", payload: "name\n\xbf\xf3\xb3\xe6\n", events: []string{"żółć"}},
		{name: "of the transport", meta: &latin, payload: "name\n\xbf\xf3\xb3\xe6\n", events: []string{"żółć"}},
		{name: "the declared one wins over the transport's", spec: "{charset: utf-8, csv: {}}", meta: &latin, payload: "name\nżółć\n", events: []string{"żółć"}},
		{name: "a mark wins over all", spec: "{charset: windows-1250, csv: {}}", meta: &latin, payload: "\xEF\xBB\xBFname\nżółć\n", events: []string{"żółć"}},
		{name: "UTF-16 little endian", payload: "\xff\xfen\x00a\x00m\x00e\x00\n\x00\x7c\x01\n\x00", events: []string{"ż"}},
		{name: "UTF-16 big endian", payload: "\xfe\xff\x00n\x00a\x00m\x00e\x00\n\x01\x7c\x00\n", events: []string{"ż"}},
		{name: "bytes that the charset does not have", spec: "{charset: windows-1250, csv: {}}", payload: "name\n\x81\nok\n", events: []string{"ok"}, rejected: []string{"holds bytes that windows-1250 does not have"}},
		{name: "bytes that are no UTF-8", payload: "name\nna\xefve\nok\n", events: []string{"ok"}, rejected: []string{"is not valid UTF-8 (byte 0xEF at position 3); set spec.input.charset"}},
		{name: "a header that is no UTF-8", payload: "name\xef\nok\n", err: "the header cannot be read: is not valid UTF-8"},
		{name: "a comment that is no UTF-8", spec: "{csv: {comment: '#', header: Commented}}", payload: "# \xe9\n#name\n#\xe9\nok\n# \xe9\n", events: []string{"ok"}},
		{name: "UTF-16 cut in the middle", payload: "\xff\xfen\x00a\x00m\x00e\x00\n\x00o\x00k\x00\n\x00x", events: []string{"ok"}, rejected: []string{"utf-16le"}},
	} {
		if c.spec == "" {
			c.spec = "{csv: {}}"
		}
		c.spec, c.fields = "input: "+c.spec+"\nmapping: [{field: name, from: [name]}]", "name"
		c.run(t)
	}
}

func TestARecordMayNarrowItsAudienceNeverWidenIt(t *testing.T) {
	narrow := Meta{Source: "a.b", Collected: time.Unix(0, 0), TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}
	none := Meta{Source: "a.b", Collected: time.Unix(0, 0)}
	for _, c := range []parseCase{
		{name: "narrower or wider", meta: &narrow, events: []string{"AMBER|need-to-know", "RED|internal", "AMBER|need-to-know"}},
		{name: "without a policy", meta: &none, events: []string{"|need-to-know", "RED|internal", "GREEN|need-to-know"}},
	} {
		c.spec = "input: {csv: {}}\nmapping: [{field: tlp, from: [t]}, {field: restriction, from: [r]}]"
		c.fields, c.payload = "tlp restriction", "t,r,x\n,,1\nRED,internal,2\nGREEN,public,3\n"
		c.run(t)
	}
}

func TestAnEntryIsTheSameInEveryEditionOfItsList(t *testing.T) {
	tests := []struct {
		name, rules string
		same        bool
	}{
		{"time of the list", "{field: time, from: [$meta.made]}", true},
		{"time of the entry", "{field: time, from: [t]}", false},
		{"time of the entry, else of the list", "{field: time, from: [t]}, {field: time, from: [$meta.made]}", false},
	}
	for _, tt := range tests {
		p := parserOf(t, `input: {csv: {comment: "#"}, capture: [{name: made, pattern: "^# made (.+)"}]}
kind: Blacklist
blacklist: {expiresAfter: 48h}
constants: {category: tor}
mapping: [{field: ip, from: [ip]}, `+tt.rules+"]")
		var ids []event.ID
		sink := sinkFunc(func(e *event.Event) error {
			ids = append(ids, e.ID)
			if e.Time.Year() != 2024 || e.Undated != tt.same {
				t.Errorf("%s: time %v, undated %v", tt.name, e.Time, e.Undated)
			}
			return nil
		})
		for _, day := range []string{"2024-05-06", "2024-05-07"} {
			list := "# made " + day + "\nip,t\n192.0.2.1," + day + "\n"
			if _, err := p.Parse(context.Background(), strings.NewReader(list), testMeta, sink, nil); err != nil {
				t.Fatal(err)
			}
		}
		if (ids[0] == ids[1]) != tt.same {
			t.Errorf("%s: ids %v", tt.name, ids)
		}
	}
}

func TestWithoutATimeAnEventIsUndated(t *testing.T) {
	p := parserOf(t, "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}, {field: time, from: [t]}]\nconstants: {category: bots}")
	var undated []bool
	var ids []event.ID
	sink := sinkFunc(func(e *event.Event) error {
		undated = append(undated, e.Undated)
		ids = append(ids, e.ID)
		return nil
	})
	for _, collected := range []time.Time{time.Unix(1000, 0), time.Unix(2000, 0)} {
		m := testMeta
		m.Collected = collected
		if _, err := p.Parse(context.Background(), strings.NewReader("ip,t\n192.0.2.1,\n192.0.2.1,2024-05-06\n"), m, sink, nil); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(undated, []bool{true, false, true, false}) {
		t.Errorf("undated: %v", undated)
	}
	if ids[0] != ids[2] || ids[1] != ids[3] || ids[0] == ids[1] || ids[0].IsZero() {
		t.Errorf("ids change from one collection to the next: %v", ids)
	}
}

type sinkFunc func(*event.Event) error

func (f sinkFunc) Event(e *event.Event) error { return f(e) }
func (sinkFunc) Reject(r *Rejection) error    { return fmt.Errorf("rejected: %s: %s", r.Field, r.Reason) }

func TestAnExpressionThatFailsSaysThatItWasTheExpression(t *testing.T) {
	p := parserOf(t, `
input: {jsonLines: {}}
mapping:
- {field: name, expr: 'record.list[0]'}
constants: {category: bots}`)
	var sink collect
	if _, err := p.Parse(t.Context(), strings.NewReader(`{"list":[]}`), testMeta, &sink, nil); err != nil {
		t.Fatal(err)
	}
	if want := []string{"name: the expression fails: index out of bounds: 0"}; !slices.Equal(sink.rejected, want) {
		t.Errorf("rejected %q, want %q", sink.rejected, want)
	}
}

// The limit of cost was once ignored by cel-go under some options.
func TestExpressionsThatTakeTooLongRejectTheRecord(t *testing.T) {
	p := parserOf(t, `
input: {jsonLines: {}}
mapping:
- {field: name, expr: 'record.l.filter(a, record.l.exists(b, record.l.exists(c, a + b + c < 0))).size() == 0 ? "none" : "some"'}
constants: {category: bots}`)
	var sink collect
	list := strings.TrimSuffix(strings.Repeat("1,", 1000), ",")
	start := time.Now()
	stats, err := p.Parse(context.Background(), strings.NewReader(`{"l":[`+list+"]}\n{\"l\":[1]}\n"), testMeta, &sink, nil)
	if err != nil || stats.Events != 1 || len(sink.rejected) != 1 || !strings.Contains(sink.rejected[0], "name: the expression takes too long for this record") {
		t.Errorf("%+v, %v, rejected %q", stats, err, sink.rejected)
	}
	if d := time.Since(start); d > 10*time.Second {
		t.Errorf("it took %v; a thousand million steps were not cut short", d)
	}
}

// observer notes what it is told.
type observer struct {
	columns []string
	lines   []string
	inputs  int
}

func (o *observer) Columns(names []string) { o.columns = append(o.columns, names...) }

func (o *observer) Record(r *Record) {
	line := fmt.Sprint(r.Cells(), ":")
	for i := range o.inputs {
		v, ok := r.Input(i)
		line += fmt.Sprintf(" %s/%v/%s", v, ok, r.Kind(i))
	}
	r.Keys(func(path string, k record.Kind) bool {
		line += " " + path + "=" + k.String()
		return true
	})
	o.lines = append(o.lines, line)
}

func TestObserversSeeRecordsBeforeTheyAreMapped(t *testing.T) {
	const rules = "\nmapping: [{field: ip, from: [ip]}, {field: name, from: [b.c]}]\nconstants: {category: bots}\nexplode: [{from: ip, separator: ';'}]"
	for _, x := range []struct {
		spec, payload string
		columns       []string
		lines         []string
	}{
		{"input: {csv: {}}", "ip,x\nbad;192.0.2.1,1\nshort\n,\n", []string{"ip", "x"}, []string{
			"2: bad;192.0.2.1/true/string /false/absent", "2: /true/string /false/absent"}},
		{"input: {jsonLines: {}}", `{"ip":null,"b":{"c":[1]}}` + "\nbad\n", nil, []string{
			"0: null/false/null [1]/true/array ip=null b.c[]=number"}},
		{"input: {csv: {header: None, columns: [ip, b.c]}}", "a,b,c\n", []string{"ip", "b.c"}, []string{"3: a/true/string b/true/string"}},
	} {
		p := parserOf(t, x.spec+rules)
		o := &observer{inputs: len(p.Inputs())}
		stats, err := p.Parse(context.Background(), strings.NewReader(x.payload), testMeta, &collect{}, o)
		if err != nil {
			t.Fatal(err)
		}
		balanced(t, stats)
		if !reflect.DeepEqual(o.columns, x.columns) || !reflect.DeepEqual(o.lines, x.lines) {
			t.Errorf("%s: got %q %q\nwant %q %q", x.spec, o.columns, o.lines, x.columns, x.lines)
		}
	}
}

func TestMissingColumnsAreTold(t *testing.T) {
	p := parserOf(t, "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}, {field: name, from: [malware, family]}]\nconstants: {category: bots}")
	stats, err := p.Parse(context.Background(), strings.NewReader("ip,family\n192.0.2.1,a\n"), testMeta, &collect{}, nil)
	if err != nil || !reflect.DeepEqual(stats.Missing, []string{"malware"}) {
		t.Errorf("missing %q, %v", stats.Missing, err)
	}
}

func TestErrorsOfSinkReaderAndContextEndParsing(t *testing.T) {
	p := parserOf(t, "input: {csv: {}}\nmapping: [{field: ip, from: [ip]}]\nconstants: {category: bots}")
	full := errors.New("disk full")
	rows := strings.Repeat("192.0.2.1,1\n", 100_000)
	n := 0
	stats, err := p.Parse(context.Background(), strings.NewReader("ip,x\n"+rows), testMeta, sinkFunc(func(*event.Event) error {
		if n++; n == 7 {
			return full
		}
		return nil
	}), nil)
	if !errors.Is(err, full) || stats.Events != 7 {
		t.Errorf("sink: %v after %d events", err, stats.Events)
	}
	broken := errors.New("unexpected EOF")
	var sink collect
	_, err = p.Parse(context.Background(), &failingReader{"ip,x\n192.0.2.1,1\n192.0.2", broken}, testMeta, &sink, nil)
	if !errors.Is(err, broken) || len(sink.events) != 0 && len(sink.events) != 1 || len(sink.rejected) != 0 {
		t.Errorf("reader: %v, %v, %v", err, sink.events, sink.rejected)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n = 0
	_, err = p.Parse(ctx, strings.NewReader("ip,x\n"+rows), testMeta, sinkFunc(func(*event.Event) error {
		if n++; n == 10 {
			cancel()
		}
		return nil
	}), nil)
	if !errors.Is(err, context.Canceled) || n > 50_000 {
		t.Errorf("context: %v after %d events", err, n)
	}
}

type failingReader struct {
	text string
	err  error
}

func (r *failingReader) Read(b []byte) (int, error) {
	if r.text == "" {
		return 0, r.err
	}
	n := copy(b, r.text)
	r.text = r.text[n:]
	return n, nil
}
