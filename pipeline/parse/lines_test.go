package parse

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// cutAnywhere parses every beginning of a payload: none may panic or lose a record.
func cutAnywhere(t *testing.T, spec, payload string) {
	t.Helper()
	p := parserOf(t, spec+"\nconstants: {category: bots}")
	for i := range len(payload) + 1 {
		parseRubbish(t, p, strings.NewReader(payload[:i]))
	}
}

// fuzz parses whatever comes, at once and in pieces.
func fuzz(f *testing.F, spec string, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	p := parserOf(f, spec+"\nconstants: {category: bots}")
	f.Fuzz(func(t *testing.T, payload []byte) {
		whole := parseRubbish(t, p, bytes.NewReader(payload))
		inPieces := parseRubbish(t, p, &pieces{payload, rand.New(rand.NewPCG(uint64(len(payload)), 1))})
		if strings.Join(whole, "\n") != strings.Join(inPieces, "\n") {
			t.Errorf("in pieces\n%q\nnot\n%q", inPieces, whole)
		}
	})
}

const pairsMapping = `
mapping:
- {field: ip, from: [src, "src[0]"], required: true}
- {field: name, from: [msg]}
- {field: extra.all, expr: 'string(size(record))'}
`

func TestKeyValue(t *testing.T) {
	many := strings.Repeat("k=v ", 40)
	for _, c := range []parseCase{
		{name: "white space between pairs", payload: "src=192.0.2.1 msg=a\n\n  src=192.0.2.2\t\tmsg=\"b c\" d=e=f \r\n", events: []string{"192.0.2.1|a", "192.0.2.2|b c"}},
		{name: "a URL as value", spec: "input: {keyValue: {}}\nmapping: [{field: ip, from: [src]}, {field: name, from: [u]}]", payload: "u=http://a.example/?b=c&d=e src=192.0.2.1\n", events: []string{"192.0.2.1|http://a.example/?b=c&d=e"}},
		{name: "spaces around the separator", payload: "src = 192.0.2.1 msg = \"a = b\" n= m=1\n", events: []string{"192.0.2.1|a = b"}},
		{name: "an empty value", payload: "msg= src=192.0.2.1 n=\"\"\n", events: []string{"192.0.2.1|"}},
		{name: "quotes and backslashes in quotes", payload: `src=192.0.2.1 msg="a \"b\" \\ ""c"" C:\dir d"e"` + "\n", events: []string{`192.0.2.1|a "b" \ "c" C:\dir d"e`}},
		{name: "quoted keys", spec: "input: {keyValue: {separator: ':', pairSeparator: ','}}" + pairsMapping, payload: `"src": "192.0.2.1", "msg": "a: b, c"` + "\n", events: []string{"192.0.2.1|a: b, c"}},
		{name: "colons and semicolons", spec: "input: {keyValue: {separator: ':', pairSeparator: ';'}}" + pairsMapping, payload: "src: 192.0.2.1; msg: a b ;x:;\n;src:2001:db8::1;msg:\"c; d\"\n", events: []string{"192.0.2.1|a b", "2001:db8::1|c; d"}},
		{name: "colons and white space", spec: "input: {keyValue: {separator: ':'}}" + pairsMapping, payload: "src: 2001:db8::1 msg: \"a b\" t:1\n", events: []string{"2001:db8::1|a b"}},
		{name: "pipes", spec: "input: {keyValue: {pairSeparator: '|'}}" + pairsMapping, payload: "src=192.0.2.1|msg=a b|\n", events: []string{"192.0.2.1|a b"}},
		{name: "commas, and white space in the separator", spec: "input: {keyValue: {pairSeparator: ', '}}" + pairsMapping, payload: "src=192.0.2.1,msg=a, x=1\n", events: []string{"192.0.2.1|a"}},
		{name: "a wide separator", spec: "input: {keyValue: {separator: ' => ', pairSeparator: ;}}" + pairsMapping, payload: "src => 192.0.2.1; msg => a=b\n", events: []string{"192.0.2.1|a=b"}},
		{name: "apostrophes", spec: "input: {keyValue: {quote: \"'\", comment: '#'}}" + pairsMapping, payload: "# hello\nsrc='192.0.2.1' msg='it\\'s \"x\"'\n", events: []string{`192.0.2.1|it's "x"`}},
		{name: "quotes as text", spec: "input: {keyValue: {quote: None}}" + pairsMapping, payload: "src=192.0.2.1 msg=\"a\n", events: []string{`192.0.2.1|"a`}},
		{
			name: "keys that come again", spec: "input: {keyValue: {}}\nmapping: [{field: ip, from: [src]}, {field: name, expr: 'record.tag[0] + record.tag[2]'}]\nexplode: [{from: src}]",
			payload: "src=192.0.2.1 tag=a src=192.0.2.2 tag=b tag=c\nsrc=192.0.2.3 tag=a " + many + "src=192.0.2.4 tag=b tag=d\n",
			events:  []string{"192.0.2.1|ac", "192.0.2.2|ac", "192.0.2.3|ad", "192.0.2.4|ad"},
		},
		{
			name: "what is no pair", payload: "src=192.0.2.1 msg=hello world\n=1 src=192.0.2.1\nsrc=192.0.2.1 msg=\"a\nflag\nsrc=192.0.2.1 \"x\ny\" src=192.0.2.1\n",
			rejected: []string{`"world" has no "=" after it`, `a "=" has no key before it`, `a quote that opens the value of "msg" never closes`, `"flag" has no "="`, "a quote that opens a key never closes", `"y\"" has no "="`},
			records:  []string{"src=192.0.2.1 msg=hello world", "=1 src=192.0.2.1", "src=192.0.2.1 msg=\"a", "flag", "src=192.0.2.1 \"x", "y\" src=192.0.2.1"},
		},
		{name: "nothing but separators", spec: "input: {keyValue: {pairSeparator: ;}}" + pairsMapping, payload: ";;\n", rejected: []string{"the line has no pairs"}},
		{name: "an empty payload"},
		{name: "HTML", payload: "<html><head><title>Login</title>", err: `it looks like HTML ("Login"), not pairs of keys and values`},
		{name: "JSON", payload: `{"src": "192.0.2.1"}`, err: "it looks like JSON"},
	} {
		if c.spec == "" {
			c.spec = "input: {keyValue: {}}" + pairsMapping
		}
		c.fields = "ip name"
		c.run(t)
	}
	cutAnywhere(t, "input: {keyValue: {}}"+pairsMapping, `src=192.0.2.1 msg="a \" ż" x = 1`+"\nsrc=192.0.2.2\n")
}

const iniMapping = `
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [$key]}
- {field: target, from: [target]}
`

func TestINI(t *testing.T) {
	for _, c := range []parseCase{
		{
			name: "sections", payload: "; list\n# of ours\n\n[bad one]\nip = 192.0.2.1\ntarget=a=b\n[two]  ; comment\r\n  ip=192.0.2.2\r\n  target = x y\r\n",
			events: []string{"192.0.2.1|bad one|a=b", "192.0.2.2|two|x y"},
		},
		{name: "keys before the first section", payload: "ip=192.0.2.1\n[a]\nip=192.0.2.2", events: []string{"192.0.2.1||", "192.0.2.2|a|"}},
		{name: "brackets in a name", payload: "[http://[2001:db8::1]/]\nip=2001:db8::1\n", events: []string{"2001:db8::1|http://[2001:db8::1]/|"}},
		{
			name: "keys that come again, lines that go on", spec: "input: {ini: {}}\nexplode: [{from: ip}, {from: hosts, separator: \"\\n\"}]\nmapping: [{field: ip, from: [ip]}, {field: name, from: [hosts]}]",
			payload: "[a]\nhosts =\n  a.example\n\t# no\n  b.example\n\n  [c]=d\nip=192.0.2.1\nip=192.0.2.2\n",
			events: []string{
				"192.0.2.1|a.example|", "192.0.2.1|b.example|", "192.0.2.1|[c]=d|", "192.0.2.2|a.example|", "192.0.2.2|b.example|", "192.0.2.2|[c]=d|",
			},
		},
		{
			name: "a malformed line costs itself", payload: "[a]\nip=192.0.2.1\nnonsense\n   more\n=x\ntarget=t\n[b]\nip=\xff\nip=192.0.2.2\n",
			events:   []string{"192.0.2.1|a|t", "192.0.2.2|b|"},
			rejected: []string{`neither a section, a comment nor a key with "="`, "neither a section", `no key before "="`, "not valid UTF-8"},
			records:  []string{"nonsense", "   more", "=x", "ip=\xff"},
		},
		{
			name: "a section without its bracket takes its keys with it", payload: "[a]\nip=192.0.2.1\n[b\nip=192.0.2.2\ntarget=t\n[c]\nip=192.0.2.3\n",
			events: []string{"192.0.2.1|a|", "192.0.2.3|c|"}, rejected: []string{`the name of the section "[b" has no ] at its end`}, records: []string{"[b\nip=192.0.2.2\ntarget=t"},
		},
		{
			name: "a section that is too long", spec: "input: {maxRecordBytes: 64, ini: {}}" + iniMapping,
			payload: "[a]\n" + strings.Repeat("ip=192.0.2.1\n x\n", 9) + "[b]\nip=192.0.2.2\n", events: []string{"192.0.2.2|b|"},
			rejected: []string{"longer than 64 bytes"},
		},
		{name: "an empty section is a record", payload: "[a]\n", rejected: []string{`ip: is required, but "ip" has no value`}, records: []string{"[a]"}},
		{name: "other signs", spec: "input: {ini: {separator: ':', comments: ['//']}}" + iniMapping, payload: "// x\n[a]\nip: 192.0.2.1\ntarget: #1\n", events: []string{"192.0.2.1|a|#1"}},
		{name: "comments alone", payload: "# nothing\n"},
		{name: "an empty payload"},
		{name: "JSON", payload: `[{"ip": "192.0.2.1"}]`, err: "it looks like JSON, not INI"},
		{name: "HTML", payload: "<html>", err: "it looks like HTML, not INI"},
	} {
		if c.spec == "" {
			c.spec = "input: {ini: {}}" + iniMapping
		}
		c.fields = "ip name target"
		c.run(t)
	}
	cutAnywhere(t, "input: {ini: {}}"+iniMapping, "# x\n[a]\nip=192.0.2.1\n  more\nbad\n[b] ; c\nip=192.0.2.2\n")
}

func TestHosts(t *testing.T) {
	const spec = "input: {hosts: {}}\nmapping: [{field: fqdn, from: [host], required: true}, {field: extra.ip, from: [ip]}]"
	for _, c := range []parseCase{
		{
			name: "sinkholed names", payload: "# Title\n127.0.0.1 localhost\n::1  ip6-localhost ip6-loopback LOCALHOST.localdomain.\n0.0.0.0 0.0.0.0\n0 zero.example\n" +
				"0.0.0.0\tbad.example\n 127.0.0.1 worse.example evil.example# why\n  # note\n:: six.example # x\r\nfe80::1%lo0 localhost\n",
			events: []string{"zero.example|0.0.0.0", "bad.example|0.0.0.0", "worse.example|127.0.0.1", "evil.example|127.0.0.1", "six.example|::"},
		},
		{
			name: "what is no line of it", payload: "bad.example\n192.0.2.1\n192.0.2 bad.example\n! adblock\n0.0.0.0 # nothing\n0.0.0.0 ok.example bad..example\n",
			events: []string{"ok.example|0.0.0.0"},
			rejected: []string{
				"a list of names alone is spec.input.text", "a list of addresses alone is spec.input.text", `"192.0.2" is no address`, `"!" is no address`, "no name follows", "fqdn: ",
			},
			records: []string{"bad.example", "192.0.2.1", "192.0.2 bad.example", "! adblock", "0.0.0.0 # nothing", "0.0.0.0 ok.example bad..example"},
		},
		{name: "an empty payload"},
		{name: "JSON", payload: `["bad.example"]`, err: "it looks like JSON, not a hosts file"},
		{name: "HTML", payload: "<html>", err: "it looks like HTML, not a hosts file"},
	} {
		c.spec, c.fields = spec, "fqdn extra.ip"
		c.run(t)
	}
	p := parserOf(t, spec+"\nconstants: {category: bots}")
	stats, err := p.Parse(t.Context(), strings.NewReader("127.0.0.1 localhost a.example\n255.255.255.255 broadcasthost\n"), testMeta, &collect{}, nil)
	if err != nil || stats.Skipped[ownName] != 2 || stats.Events != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
	cutAnywhere(t, spec, "# x\n0.0.0.0 a.example b.example # c\n::1 localhost\nx\n")
}

func TestBadSpecsOfLinesAreRefusedWithTheMend(t *testing.T) {
	for spec, want := range map[string]string{
		"{keyValue: {separator: ' '}}":                     `spec.input.keyValue.separator: " " is white space alone`,
		"{keyValue: {quote: x}}":                           "spec.input.keyValue.quote:",
		"{keyValue: {separator: ';', pairSeparator: ';'}}": "spec.input.keyValue.pairSeparator: is the same as separator",
		`{keyValue: {pairSeparator: "\n"}}`:                "spec.input.keyValue.pairSeparator: holds a line break",
		"{keyValue: {separator: \"'\", quote: \"'\"}}":     "spec.input.keyValue.quote:",
		"{ini: {separator: ' '}}":                          "spec.input.ini.separator:",
		"{ini: {comments: ['']}}":                          "spec.input.ini.comments[0]: is empty",
	} {
		_, err := Compile(specOf(t, "input: "+spec+csvMapping+"constants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
	_, err := Compile(specOf(t, "input: {hosts: {}}\nmapping: [{field: fqdn, from: [name]}]\nconstants: {category: bots}"))
	if err == nil || !strings.Contains(err.Error(), "the columns of hosts") {
		t.Errorf("hosts with a column that is not there: %v", err)
	}
}

func FuzzKeyValue(f *testing.F) {
	fuzz(f, "input: {maxRecordBytes: 128, keyValue: {}}"+pairsMapping, `src=192.0.2.1 msg="a \"b\"" a = 1 src=192.0.2.2`+"\n", "\"src\"=192.0.2.1\nflag\n")
}

func FuzzINI(f *testing.F) {
	fuzz(f, "input: {maxRecordBytes: 128, ini: {}}"+iniMapping, "[a]\nip=192.0.2.1\n  x\n;c\n[b\nq\n", "ip = 192.0.2.1\nip=x\n")
}

func FuzzHosts(f *testing.F) {
	fuzz(f, "input: {maxRecordBytes: 128, hosts: {}}\nmapping: [{field: fqdn, from: [host]}]", "0.0.0.0 a.example b.example # c\n::1 localhost\n")
}

func BenchmarkKeyValue(b *testing.B) {
	benchmark(b, "input: {keyValue: {}}", eachRow(`date="2024-05-%02d 07:08:%02d" id=%d ip=198.51.%d.%d port=%d malware=emotet-%x url="http://bad.example/dir/file%d.exe" status=online`+"\n"))
}

func BenchmarkINI(b *testing.B) {
	benchmark(b, "input: {ini: {}}", eachRow("[x]\ndate=2024-05-%02d 07:08:%02d\nid=%d\nip=198.51.%d.%d\nport=%d\nmalware=emotet-%x\nurl=http://bad.example/dir/file%d.exe\nstatus=online\n"))
}

// benchmarkLines is benchmark with lines of two numbers, and rules of their own.
func benchmarkLines(b *testing.B, spec, head, line string) {
	var payload bytes.Buffer
	payload.WriteString(head)
	for i := range benchRows {
		fmt.Fprintf(&payload, line, i, i%97)
	}
	benchmarkPayload(b, parserOf(b, spec), payload.Bytes(), benchRows)
}

// benchmarkPayload parses a payload that gives so many events.
func benchmarkPayload(b *testing.B, p *Parser, payload []byte, events int) {
	var sink encodeSink
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	cpu := cpuTime(b)
	for b.Loop() {
		if _, err := p.Parse(context.Background(), bytes.NewReader(payload), testMeta, &sink, nil); err != nil {
			b.Fatal(err)
		}
	}
	cpu = cpuTime(b) - cpu
	b.ReportMetric(float64(sink.events)/cpu.Seconds(), "events/cpu-s")
	if sink.events != b.N*events {
		b.Fatalf("%d events from %d runs", sink.events, b.N)
	}
}

func BenchmarkHosts(b *testing.B) {
	benchmarkLines(b, "input: {hosts: {}}\nmapping: [{field: fqdn, from: [host], required: true}]\nconstants: {category: malurl}", "", "0.0.0.0 host%d.bad%d.example.com\n")
}
