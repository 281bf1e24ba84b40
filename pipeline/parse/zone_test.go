package parse

import (
	"strings"
	"testing"
)

const zoneHead = `$TTL 2h ; two hours
@ IN SOA localhost. admin.example.net. (
	2026112001 ; serial ) (
	3600 600 86400 60 )
  IN NS localhost.
`

func TestZone(t *testing.T) {
	const fields = "extra.o extra.n extra.t extra.d"
	const spec = `
mapping:
- {field: extra.o, from: [owner]}
- {field: extra.n, from: [name]}
- {field: extra.t, from: [type]}
- {field: extra.d, from: [data]}
`
	const policyFields = "extra.t extra.a extra.n extra.net fqdn extra.w"
	const policySpec = `
mapping:
- {field: extra.t, from: [trigger]}
- {field: extra.a, from: [action]}
- {field: extra.n, from: [ip]}
- {field: extra.net, from: [network]}
- {field: fqdn, from: [name]}
- {field: extra.w, expr: 'string(record.wildcard)'}
`
	for _, c := range []parseCase{
		{
			name: "relative names, owners left out, origins", spec: "input: {zone: {origin: example.net}}",
			payload: zoneHead + "bad A 192.0.2.1\n\tA 192.0.2.2 ; again\nworse 300 IN CNAME bad\nother.example.org. IN 60 AAAA 2001:db8::1\n" +
				"$ORIGIN sub\n@ TXT \"a; \\\"b\\\"\" \"\\100\\065\" ; c\n   MX 10 mail\n\nx TYPE65400 \\# 2 abcd\n",
			events: []string{
				"bad.example.net|bad|A|192.0.2.1", "bad.example.net|bad|A|192.0.2.2", "worse.example.net|worse|CNAME|bad.example.net",
				"other.example.org|other.example.org|AAAA|2001:db8::1", `sub.example.net|sub|TXT|a; "b"dA`, "sub.example.net|sub|MX|10 mail.sub.example.net.",
				`x.sub.example.net|x.sub|TYPE65400|\# 2 abcd`,
			},
		},
		{
			name: "values of the zone", spec: "input: {zone: {}}\nmapping: [{field: extra.o, from: [zone]}, {field: extra.n, from: [serial]}, {field: extra.t, from: [ttl]}, {field: extra.d, from: [class]}]",
			payload: "a 5 CNAME .\n$ORIGIN rpz.example.\n" + zoneHead + "a CNAME .\nb 1d IN CNAME .\nc IN 1w2h CNAME .\n",
			events:  []string{"||5|IN", "rpz.example|2026112001|7200|IN", "rpz.example|2026112001|86400|IN", "rpz.example|2026112001|612000|IN"},
		},
		{
			name: "no TTL anywhere", spec: "input: {zone: {}}\nmapping: [{field: extra.o, from: [owner]}, {field: extra.t, from: [ttl]}]", fields: "extra.o extra.t",
			payload: "a.example. IN CNAME .\nb.example. IN TXT x\n", events: []string{"a.example|", "b.example|"},
		},
		{
			name: "a bad record costs itself", spec: "input: {zone: {origin: example.}}",
			payload: "a A 192.0.2.300\n  A 192.0.2.1\nb NONSENSE x\nc A\nd TXT \"x\ne TXT ( \"y\"\nf A 192.0.2.2\nbad..name A 192.0.2.1\n$INCLUDE /etc/passwd\n$FOO x\n$TTL\n$TTL x\ng CNAME . extra\n\xff A 192.0.2.1\nh ) A 192.0.2.1\nz A 192.0.2.9\n",
			events:  []string{"a.example|a|A|192.0.2.1", "f.example|f|A|192.0.2.2", "z.example|z|A|192.0.2.9"},
			rejected: []string{
				"bad A A", "not a TTL", "the A has no data", "a quote never closes", "a parenthesis does not close before the next record", "no domain name", "$INCLUDE is refused", `"$FOO" is no directive`,
				"$TTL needs one value", `"x" is no TTL`, "garbage", "not valid UTF-8", "extra closing brace",
			},
			records: []string{
				"a A 192.0.2.300", "b NONSENSE x", "c A", "d TXT \"x", "e TXT ( \"y\"", "bad..name A 192.0.2.1", "$INCLUDE /etc/passwd", "$FOO x", "$TTL", "$TTL x",
				"g CNAME . extra", "\xff A 192.0.2.1", "h ) A 192.0.2.1",
			},
		},
		{
			name: "names are generated", spec: "input: {zone: {origin: example.}}", payload: "$GENERATE 1-3 h$ A 192.0.2.$\n$GENERATE x\n",
			events: []string{"h1.example|h1|A|192.0.2.1", "h2.example|h2|A|192.0.2.2", "h3.example|h3|A|192.0.2.3"}, rejected: []string{""},
		},
		{
			name: "a response policy zone", spec: "input: {zone: {origin: rpz.example.net}}" + policySpec, fields: policyFields,
			payload: zoneHead + `bad.example.com CNAME .
*.bad.example.com CNAME .
nodata.example.com CNAME *.
good.example.com CNAME rpz-passthru.
old.example.com CNAME old.example.com.
drop.example.com CNAME RPZ-DROP.
tcp.example.com CNAME rpz-tcp-only.
garden.example.com CNAME walled.example.org.
local.example.com A 192.0.2.9
32.1.2.0.192.rpz-ip CNAME .
24.0.2.0.192.rpz-client-ip CNAME rpz-drop.
48.zz.db8.2001.rpz-nsip.rpz.example.net. CNAME .
128.1.zz.db8.2001.rpz-ip CNAME .
*.ns.example.org.rpz-nsdname CNAME .
33.1.2.0.192.rpz-ip CNAME .
x.rpz-ip CNAME .
`,
			events: []string{
				"qname|NXDOMAIN|||bad.example.com|false", "qname|NXDOMAIN|||bad.example.com|true", "qname|NODATA|||nodata.example.com|false",
				"qname|PASSTHRU|||good.example.com|false", "qname|PASSTHRU|||old.example.com|false", "qname|DROP|||drop.example.com|false",
				"qname|TCP-only|||tcp.example.com|false", "qname|CNAME|||garden.example.com|false", "qname|record|||local.example.com|false",
				"ip|NXDOMAIN|192.0.2.1|192.0.2.1/32||false", "client-ip|DROP||192.0.2.0/24||false", "nsip|NXDOMAIN||2001:db8::/48||false",
				"ip|NXDOMAIN|2001:db8::1|2001:db8::1/128||false", "nsdname|NXDOMAIN|||ns.example.org|true",
			},
			rejected: []string{`"33.1.2.0.192" is no network as in response policy zones`, `"x" is no network`},
		},
		{
			name: "what a nameserver sends", spec: "input: {zone: {}}",
			payload: "example.net.\t3600\tIN\tSOA\tns.example.net. admin.example.net. 7 1 2 3 4\nexample.net.\t3600\tIN\tRRSIG\tSOA 8 2 3600 20300101000000 20200101000000 1 example.net. AAAA\n" +
				"bad.example.net.\t60\tIN\tA\t192.0.2.1\nsub.example.net. 60 IN NS ns.example.com.\nexample.net.\t3600\tIN\tSOA\tns.example.net. admin.example.net. 7 1 2 3 4\n",
			events: []string{"bad.example.net|bad|A|192.0.2.1", "sub.example.net|sub|NS|ns.example.com"},
		},
		{name: "an empty payload", spec: "input: {zone: {}}"},
		{name: "JSON", spec: "input: {zone: {}}", payload: `{"Status": 0}`, err: "it looks like JSON, not a zone file"},
		{name: "HTML", spec: "input: {zone: {}}", payload: "<html>", err: "it looks like HTML, not a zone file"},
	} {
		if !strings.Contains(c.spec, "mapping") {
			c.spec += spec
		}
		if c.fields == "" {
			c.fields = fields
		}
		c.run(t)
	}
	cutAnywhere(t, "input: {zone: {origin: example.}}"+spec, zoneHead+"a A 192.0.2.1\n$GENERATE 1-2 h$ A 192.0.2.$\nb TXT \"x\"\n")
}

func TestWhatAZoneSaysOfItselfIsSkipped(t *testing.T) {
	p := parserOf(t, "input: {zone: {origin: example.net}}\nmapping: [{field: fqdn, from: [owner]}]\nconstants: {category: bots}")
	stats, err := p.Parse(t.Context(), strings.NewReader(zoneHead+"@ NSEC a A\na CNAME .\n"), testMeta, &collect{}, nil)
	if err != nil || stats.Skipped["soa"] != 1 || stats.Skipped["ns"] != 1 || stats.Skipped["dnssec"] != 1 || stats.Events != 1 {
		t.Errorf("%+v, %v", stats, err)
	}
}

func TestGenerateIsBounded(t *testing.T) {
	p := parserOf(t, "input: {zone: {origin: example.net}}\nmapping: [{field: fqdn, from: [owner]}]\nconstants: {category: bots}")
	sink := &collect{}
	stats, err := p.Parse(t.Context(), strings.NewReader(strings.Repeat("$GENERATE 0-60000 h$ A 192.0.2.1\n", 3)), testMeta, sink, nil)
	if err != nil || stats.Events != 1<<16 || len(sink.rejected) != 2 || !strings.Contains(sink.rejected[0], "more than 65536 records") {
		t.Errorf("%+v, %v, %q", stats, err, sink.rejected)
	}
}

func TestRBL(t *testing.T) {
	const spec = `input: {zone: {dialect: RBL}}
mapping:
- {field: fqdn, from: [name]}
- {field: extra.net, from: [network]}
- {field: extra.ip, from: [ip]}
- {field: extra.v, from: [value]}
- {field: extra.t, from: [text]}
- {field: extra.w, expr: 'string(record.wildcard)'}
`
	for _, c := range []parseCase{
		{
			name: "names", payload: "# a list\n$SOA 3000 ns.example. admin.example. 0 600 300 86400 300\n$1 example\n:127.0.0.4:Blocked, see http://$1.org/?$\n" +
				".wild.example.com\nplain.example.com.\n*.below.example.com\nother.example.com :2:own text\nthird.example.com own text of $$1\nfourth.example.com:127.0.0.9:x\n" +
				"fifth.example.com # comment\n!good.example.com\n:3:\n sixth.example.com\n; end\n",
			events: []string{
				"wild.example.com|||127.0.0.4|Blocked, see http://example.org/?wild.example.com|true", "plain.example.com|||127.0.0.4|Blocked, see http://example.org/?plain.example.com.|false",
				"below.example.com|||127.0.0.4|Blocked, see http://example.org/?below.example.com|true", "other.example.com|||127.0.0.2|own text|false",
				"third.example.com|||127.0.0.4|own text of $1|false", "fourth.example.com|||127.0.0.9|x|false",
				"fifth.example.com|||127.0.0.4|Blocked, see http://example.org/?fifth.example.com|false", "sixth.example.com|||127.0.0.3||false",
			},
		},
		{
			name: "addresses", payload: "192.0.2.1\n192.0.2.0/24\n198.51.100\n192.0.2.1-9\n192.0.2.1-192.0.2.9 :4:range\n!192.0.2.7\n2001:db8::1\n2001:db8::/32 :5\n0:0:1::1\n10/8\n",
			events: []string{
				"|192.0.2.1/32|192.0.2.1|127.0.0.2||false", "|192.0.2.0/24||127.0.0.2||false", "|198.51.100.0/24||127.0.0.2||false", "|192.0.2.1-192.0.2.9||127.0.0.2||false",
				"|192.0.2.1-192.0.2.9||127.0.0.4|range|false", "|2001:db8::1/128|2001:db8::1|127.0.0.2||false", "|2001:db8::/32||127.0.0.5||false",
				"|0:0:1::1/128|0:0:1::1|127.0.0.2||false", "|10.0.0.0/8||127.0.0.2||false",
			},
		},
		{
			name: "what is no line of it", payload: "192.0.2.300\n192.0.2.0/33\n192.0.2.9-192.0.2.1\na..b\n:nonsense:x\na.example :300:x\n*\n",
			rejected: []string{"no address", "neither a domain name", "no address, network or range", "neither a domain", `the value "nonsense" is no IPv4 address`, `"300"`, "neither"},
		},
		{name: "an empty payload"},
		{name: "HTML", payload: "<html>", err: "it looks like HTML"},
	} {
		c.spec, c.fields = spec, "fqdn extra.net extra.ip extra.v extra.t extra.w"
		c.run(t)
	}
	cutAnywhere(t, spec, "# x\n$1 y\n:2:a $1 $\n.a.example\n!b.example\n192.0.2.1-9 :3:x\n2001:db8::/32\n")
}

func TestBadZoneSpecsAreRefusedWithTheMend(t *testing.T) {
	for spec, want := range map[string]string{
		"{zone: {dialect: BIND}}":                     `spec.input.zone.dialect: "BIND" is neither Master nor RBL`,
		"{zone: {dialect: RBL, origin: example.net}}": "spec.input.zone.origin: is for dialect: Master",
		"{zone: {origin: a..b}}":                      `spec.input.zone.origin: "a..b." is no domain name`,
	} {
		_, err := Compile(specOf(t, "input: "+spec+csvMapping+"constants: {category: bots}"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", spec, err, want)
		}
	}
}

func FuzzZone(f *testing.F) {
	fuzz(f, "input: {maxRecordBytes: 256, zone: {}}\nmapping: [{field: fqdn, from: [name]}, {field: extra.n, from: [network]}]",
		zoneHead+"a CNAME .\n", "32.1.2.0.192.rpz-ip.x. 1 CNAME *.\n", "a TXT ( \"x\" \\034 ;\n )\n", "$GENERATE 1-2 a$ A 192.0.2.$\n", "$ORIGIN a.\n@ HTTPS 1 . alpn=h2\n")
}

func FuzzRBL(f *testing.F) {
	fuzz(f, "input: {maxRecordBytes: 256, zone: {dialect: RBL}}\nmapping: [{field: fqdn, from: [name]}, {field: extra.n, from: [network]}, {field: extra.t, from: [text]}]",
		"$1 x\n:2:a $1 $\n.a.example\n!b\n", "192.0.2.1-9 :3:x\n2001:db8::/32\n10.1\n")
}

// BenchmarkZone reads a response policy zone; slow has records that are no simple
// aliases.
func BenchmarkZone(b *testing.B) {
	const rules = "\nmapping: [{field: fqdn, from: [name], required: true}, {field: action, from: [action]}]\nconstants: {category: malurl}"
	for name, line := range map[string]string{"alias": "host%d.bad%d.example.com CNAME .\n", "text": "host%d.bad%d.example.com TXT \"phishing; see example.net\"\n"} {
		b.Run(name, func(b *testing.B) {
			benchmarkLines(b, "input: {zone: {origin: rpz.example.net}}"+rules, zoneHead, line)
		})
	}
	b.Run("rbl", func(b *testing.B) {
		benchmarkLines(b, "input: {zone: {dialect: RBL}}"+rules, ":2:spam\n", ".host%d.bad%d.example.com\n")
	})
}
