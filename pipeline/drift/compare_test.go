package drift_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

const withHeader = `
input: {csv: {comment: "#"}}
mapping:
- {field: time, from: [first_seen]}
- {field: ip, from: [dst_ip], required: true}
- {field: dport, from: [dst_port]}
- {field: name, from: [malware]}
constants: {category: cnc}
`

const withoutHeader = `
input: {csv: {header: None, columns: [first_seen, dst_ip, dst_port, state, malware]}}
mapping:
- {field: time, from: [first_seen]}
- {field: ip, from: [dst_ip], required: true}
- {field: dport, from: [dst_port]}
- {field: name, from: [malware]}
constants: {category: cnc}
`

const jsonRecords = `
input: {json: {records: data}}
mapping:
- {field: time, from: [seen]}
- {field: ip, from: [host.ip], required: true}
- {field: url, from: [link]}
- {field: name, from: [family]}
constants: {category: malurl}
`

const bareLines = `
input: {text: {comment: "#"}}
mapping:
- {field: ip, from: [line], required: true}
constants: {category: scanning}
`

var meta = parse.Meta{Source: "example.feed", Collected: time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC),
	TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}

func lensOf(t testing.TB, text string) *drift.Lens {
	t.Helper()
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	l, err := drift.NewLens(&spec)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// learn profiles a payload as the monitor does: what no rule uses is probed.
func learn(t testing.TB, l *drift.Lens, payload string) *drift.Profile {
	t.Helper()
	p, err := l.Learn(t.Context(), strings.NewReader(payload), meta)
	if err != nil {
		t.Fatal(err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(payload)), nil }
	if err := l.Probe(t.Context(), open, meta, p); err != nil {
		t.Fatal(err)
	}
	return p
}

// rows makes n lines: $i is the number of the line, $t a time, $a an address,
// $p a port, $m a word.
func rows(n int, line string) string {
	var b strings.Builder
	words := []string{"emotet", "qakbot", "dridex", "heodo"}
	for i := range n {
		b.WriteString(strings.NewReplacer(
			"$i", fmt.Sprint(i),
			"$t", time.Date(2025, 5, 1+i%28, i%24, i%60, 0, 0, time.UTC).Format("2006-01-02 15:04:05"),
			"$a", fmt.Sprintf("192.0.2.%d", i%250+1),
			"$p", fmt.Sprint(1024+i),
			"$m", words[i%len(words)],
			"$e", fmt.Sprint(1_746_057_600+i),
		).Replace(line))
		b.WriteByte('\n')
	}
	return b.String()
}

const header = "first_seen,dst_ip,dst_port,state,malware\n"

func table(n int) string { return header + rows(n, "$t,$a,$p,online,$m") }

func items(n int, item string) string {
	list := strings.TrimSuffix(strings.ReplaceAll(rows(n, item), "\n", ","), ",")
	return `{"data":[` + list + `]}`
}

func TestCompareNamesTheColumnThatChanged(t *testing.T) {
	const item = `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i}`
	for _, tc := range []struct {
		name           string
		spec           string
		before, after  string
		code, sentence string // of the first finding; "" if there must be none
		breaking       bool
		class          string
	}{
		{"nothing changes", withHeader, table(40), table(38), "", "", false, ""},
		{"one row only", withHeader, table(40), table(1), "", "", false, ""},
		{"no rows", withHeader, table(40), header, "", "", false, ""},
		{
			"a column is renamed", withHeader, table(40), strings.Replace(table(10), "dst_ip", "ip_address", 1),
			drift.CodeColumnRenamed, `Column "dst_ip" is gone; "ip_address" has the same kind of values (ipv4) and took its place.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"all columns are renamed", withHeader, table(40), "Firstseen,IP,Port,Online,Family\n" + rows(9, "$t,$a,$p,online,$m"),
			drift.CodeColumnRenamed, `Column "first_seen" is gone; "Firstseen" has the same kind of values (timestamp)`,
			true, drift.ClassBreakingSilent,
		},
		{
			"a column is renamed in a payload without rows", withHeader, table(40), "first_seen,dest_ip,dst_port,state,malware\n",
			drift.CodeColumnRenamed, `Column "dst_ip" is gone; "dest_ip" may have taken its place.`, true, drift.ClassBreakingSilent,
		},
		{
			"a column is removed", withHeader, table(40), "first_seen,dst_port,state,malware\n" + rows(10, "$t,$p,online,$m"),
			drift.CodeColumnMissing, `Column "dst_ip" is gone; it fills ip.`, true, drift.ClassBreakingSilent,
		},
		{
			"a column that no rule uses is removed", withHeader, table(40), "first_seen,dst_ip,dst_port,malware\n" + rows(10, "$t,$a,$p,$m"),
			drift.CodeColumnDropped, `Column "state" is gone; no rule uses it.`, false, drift.ClassCosmetic,
		},
		{
			"columns are reordered", withHeader, table(40), "first_seen,dst_port,dst_ip,state,malware\n" + rows(10, "$t,$p,$a,online,$m"),
			drift.CodeHeaderReordered, `The columns are in another order: "dst_ip" is now at position 3. They are read by name.`,
			false, drift.ClassCosmetic,
		},
		{
			"a column is appended", withHeader, table(40), "first_seen,dst_ip,dst_port,state,malware,asn\n" + rows(10, "$t,$a,$p,online,$m,64500"),
			drift.CodeColumnAdded, `Column "asn" is new; no rule uses it yet.`, false, drift.ClassAdditive,
		},
		{
			"a column is inserted", withHeader, table(40), "first_seen,asn,dst_ip,dst_port,state,malware\n" + rows(10, "$t,64500,$a,$p,online,$m"),
			drift.CodeColumnAdded, `Column "asn" is new; no rule uses it yet.`, false, drift.ClassAdditive,
		},
		{
			"values get another kind", withHeader, table(40), header + rows(10, "$t,host$i.example.com,$p,online,$m"),
			drift.CodeRetyped, `Column "dst_ip" held ipv4 in 40 of 40 values and now holds fqdn in 10 of 10: "192.0.2.1" became "host0.example.com", for example.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"a text column gets addresses", withHeader, table(40), header + rows(10, "$t,$a,$p,online,198.51.100.$i"),
			drift.CodeRetyped, `Column "malware" held text in 40 of 40 values and now holds ipv4 in 10 of 10`, true, drift.ClassBreakingSilent,
		},
		{
			"ports become names", withHeader, table(40), header + rows(10, "$t,$a,https,online,$m"),
			drift.CodeRetyped, `Column "dst_port" held port in 40 of 40 values and now holds text in 10 of 10`, true, drift.ClassBreakingSilent,
		},
		{
			"times become epochs", withHeader, table(40), header + rows(10, "$e,$a,$p,online,$m"),
			drift.CodeLayout, `Column "first_seen" had times like "2025-05-01 00:00:00" (40 of 40) and has them like "1746057600" (unix) now (10 of 10); the Parser does not read them.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"times get another layout", withHeader, table(40), header + rows(10, "31/05/2025 10:11,$a,$p,online,$m"),
			drift.CodeLayout, `Column "first_seen" had times like "2025-05-01 00:00:00" (40 of 40) and has them like "31/05/2025 10:11" now (10 of 10); the Parser does not read them.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"a required column becomes empty", withHeader, table(40), header + rows(10, "$t,,$p,online,$m"),
			drift.CodeEmptied, `Column "dst_ip" had a value in 40 of 40 records and has none in 10 records now; it fills ip.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"an optional column becomes empty", withHeader, table(40), header + rows(10, "$t,$a,$p,online,"),
			drift.CodeEmptied, `Column "malware" had a value in 40 of 40 records`, false, drift.ClassDegraded,
		},
		{
			"addresses become networks", withHeader, table(40), header + rows(10, "$t,198.51.100.0/24,$p,online,$m"),
			drift.CodeRetyped, `Column "dst_ip" held ipv4 in 40 of 40 values and now holds cidr4 in 10 of 10`, true, drift.ClassBreakingSilent,
		},
		{
			"IPv6 appears", withHeader, table(40), header + rows(10, "$t,2001:db8::$i,$p,online,$m"),
			drift.CodeWidened, `Column "dst_ip" held ipv4 only; 10 of 10 values are ipv6 now.`, false, drift.ClassWidening,
		},
		{
			"a page instead of a table", withHeader, table(40), "<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>",
			drift.CodeContainer, `The payload is HTML ("Just a moment...") instead of CSV.`, true, drift.ClassBreakingHard,
		},
		{
			"an error body instead of a table", withHeader, table(40), `{"error": "unauthorized"}`,
			drift.CodeErrorBody, `There is an error message instead of data: "unauthorized".`, true, drift.ClassBreakingHard,
		},
		{
			"an archive instead of a table", withHeader, table(40), "PK\x03\x04\x14\x00\x00\x00",
			drift.CodeContainer, `The payload is a zip file instead of CSV.`, true, drift.ClassBreakingHard,
		},
		{
			"nothing instead of a table", withHeader, table(40), "", "", "", false, "",
		},
		{
			"another delimiter", withHeader, table(40), strings.ReplaceAll(table(10), ",", ";"),
			drift.CodeDelimiter, `The delimiter changed: the whole header is one cell, "first_seen;dst_ip;dst_port;state;malware".`,
			true, drift.ClassBreakingHard,
		},
		{
			"the header is gone", withHeader, table(40), rows(10, "$t,$a,$p,online,$m"),
			drift.CodeHeaderMissing, `The header is gone: where the names of the columns were, there is "2025-05-01 00:00:00", "192.0.2.1",`,
			true, drift.ClassBreakingHard,
		},

		{"by position: nothing changes", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t,$a,$p,online,$m"), "", "", false, ""},
		{
			"by position: columns change places", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t,$p,$a,online,$m"),
			drift.CodeColumnsSwapped, `Columns "dst_ip" and "dst_port" changed places: column 2 holds int now and column 3 ipv4.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"by position: a column is inserted", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t,ref$i-x,$a,$p,online,$m"),
			drift.CodeColumnInserted, `A column was inserted before "dst_ip": column 2 holds text now.`, true, drift.ClassBreakingSilent,
		},
		{
			"by position: a column is removed", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t,$p,online,$m"),
			drift.CodeColumnMissing, `Rows have 4 cells instead of 5: "dst_ip" is gone.`, true, drift.ClassBreakingSilent,
		},
		{
			"by position: a column is appended", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t,$a,$p,online,$m,64500"),
			drift.CodeColumnAdded, `Rows have 6 cells instead of 5: columns were appended; no rule uses them yet.`, false, drift.ClassAdditive,
		},
		{
			"by position: another delimiter", withoutHeader, rows(40, "$t,$a,$p,online,$m"), rows(9, "$t;$a;$p;online;$m"),
			drift.CodeDelimiter, `The delimiter changed: rows have one cell instead of 5.`, true, drift.ClassBreakingHard,
		},

		{"JSON: nothing changes", jsonRecords, items(40, item), items(7, item), "", "", false, ""},
		{
			"JSON: a key is renamed", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","host":{"address":"$a"},"link":"http://example.com/$i","family":"$m","id":$i}`),
			drift.CodePathMoved, `"host.ip" is gone; "host.address" has the same kind of values (ipv4) and took its place.`,
			true, drift.ClassBreakingSilent,
		},
		{
			"JSON: a key moves", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","ip":"$a","link":"http://example.com/$i","family":"$m","id":$i}`),
			drift.CodePathMoved, `"host.ip" has moved to "ip".`,
			true, drift.ClassBreakingSilent,
		},
		{
			"JSON: a key is removed", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","host":{"ip":"$a"},"family":"$m","id":$i}`),
			drift.CodePathMissing, `"link" is in none of 9 records; it fills url.`, true, drift.ClassBreakingSilent,
		},
		{
			"JSON: a value becomes a list", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":["$m"],"id":$i}`),
			drift.CodePathType, `"family" was a single value and is an array now ("family[]").`, true, drift.ClassBreakingSilent,
		},
		{
			"JSON: a key is added", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i,"score":7}`),
			drift.CodePathAdded, `"score" is new, in 9 of 9 records; no rule uses it yet.`, false, drift.ClassAdditive,
		},
		{
			"JSON: values get another kind", jsonRecords, items(40, item),
			items(9, `{"seen":"$t","host":{"ip":"$a"},"link":"$m","family":"$m","id":$i}`),
			drift.CodeRetyped, `Column "link" held url in 40 of 40 values and now holds text in 9 of 9`, true, drift.ClassBreakingSilent,
		},
		{
			"JSON: the records are elsewhere", jsonRecords, items(40, item), `{"query_status":"ok"}`,
			drift.CodeUnreadable, `The payload cannot be read as JSON: `, true, drift.ClassBreakingHard,
		},

		{"lines: nothing changes", bareLines, rows(40, "$a"), rows(9, "$a"), "", "", false, ""},
		{"lines: an empty list", bareLines, rows(40, "$a"), "", "", "", false, ""},
		{
			"lines: addresses get ports", bareLines, rows(40, "$a"), rows(9, "$a:$p"),
			drift.CodeRetyped, `Column "line" held ipv4 in 40 of 40 values and now holds ip_port in 9 of 9`, true, drift.ClassBreakingSilent,
		},
		{
			"lines: one bad line in a small payload", bareLines, rows(40, "$a"), rows(1, "$a") + "oops\n", "", "", false, "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lensOf(t, tc.spec)
			base := drift.Merge(nil, learn(t, l, tc.before))
			findings := drift.Compare(base, learn(t, l, tc.after))
			if tc.code == "" {
				if len(findings) > 0 {
					t.Fatalf("findings: %s", sentences(findings))
				}
				return
			}
			if len(findings) == 0 {
				t.Fatal("no findings")
			}
			first := findings[0]
			if first.Code != tc.code || !strings.HasPrefix(first.Sentence, tc.sentence) || first.Breaking != tc.breaking {
				t.Errorf("findings:\n%s\nwant first: %s (breaking %t): %s", sentences(findings), tc.code, tc.breaking, tc.sentence)
			}
			if class := drift.Classify(findings); class != tc.class {
				t.Errorf("class %s, want %s", class, tc.class)
			}
		})
	}
}

func sentences(findings []status.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s (breaking %t): %s\n", f.Code, f.Breaking, f.Sentence)
	}
	return b.String()
}

func TestCompareWithoutBaselineAsksWhetherThePayloadFits(t *testing.T) {
	for _, tc := range []struct{ name, spec, payload, sentence string }{
		{"it fits", withHeader, table(5), ""},
		{"nothing in it", withHeader, header, ""},
		{"a column is missing", withHeader, strings.Replace(table(9), "dst_ip", "address", 1),
			`Column "dst_ip" is not there; it fills ip; "address" may be what it is called.`},
		{"a column is missing and nothing fits", withHeader, strings.Replace(table(9), "malware", "x", 1),
			`Column "malware" is not there; it fills name; the payload has "first_seen", "dst_ip", "dst_port", "state" and "x".`},
		{"a column that fills an extra is missing", strings.Replace(withHeader, "constants:", "- {field: extra.note, from: [note]}\nconstants:", 1), table(9), ""},
		{"a column that the Parser asks for is missing", strings.Replace(withHeader, "constants:", "- {field: last_seen, from: [last], when: 'has(record.last)'}\nconstants:", 1), table(9), ""},
		{"a column of a field is missing", strings.Replace(withHeader, "constants:", "- {field: last_seen, from: [last]}\nconstants:", 1), table(9), `Column "last" is not there; it fills last_seen`},
		{"values do not fit", bareLines, rows(9, "$m"),
			`9 of 9 records cannot become events; the reason is: ip: `},
		{"most values do not fit", bareLines, rows(9, "$m") + rows(8, "$a"), `9 of 17 records cannot become events; the reason is: ip: `},
		{"some values do not fit", bareLines, rows(4, "$m") + rows(8, "$a"), ""},
		{"a page", bareLines, "<html><title>Sign in</title>\n<body>\n</html>\n", `The payload is HTML ("Sign in") instead of text.`},
		{"a required key is missing", jsonRecords, items(2, `{"seen":"$t","ip":"$a"}`), `"host.ip" has moved to "ip"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			findings := drift.Compare(nil, learn(t, lensOf(t, tc.spec), tc.payload))
			switch {
			case tc.sentence == "" && drift.Breaking(findings):
				t.Errorf("findings: %s", sentences(findings))
			case tc.sentence != "" && (len(findings) == 0 || !findings[0].Breaking || !strings.HasPrefix(findings[0].Sentence, tc.sentence)):
				t.Errorf("findings:\n%s\nwant %s", sentences(findings), tc.sentence)
			}
		})
	}
}

func TestAParserThatKnowsBothNamesTakesEither(t *testing.T) {
	const both = `
input: {csv: {}}
mapping:
- {field: ip, from: [dst_ip, ip_address], required: true}
constants: {category: cnc}
`
	l := lensOf(t, both)
	base := drift.Merge(nil, learn(t, l, "dst_ip,x\n"+rows(9, "$a,1")))
	findings := drift.Compare(base, learn(t, l, "ip_address,x\n"+rows(9, "$a,1")))
	if drift.Breaking(findings) {
		t.Errorf("findings: %s", sentences(findings))
	}
}

func TestValuesAreJudgedAsTheRulesReadThem(t *testing.T) {
	l := lensOf(t, `
input: {csv: {}}
explode:
- {from: ip, separator: ";"}
mapping:
- {field: ip, from: [ip]}
- {field: fqdn, from: [host], nulls: ["-", "none"]}
- {field: cves, from: [cve], split: "|"}
constants: {category: cnc}
`)
	base := drift.Merge(nil, learn(t, l, "ip,host,cve\n"+rows(40, "$a,www$i.example.com,CVE-2024-$p")))
	now := learn(t, l, "ip,host,cve\n"+rows(9, "$a;198.51.100.7,none,CVE-2024-$p|CVE-2024-1000"))
	if findings := drift.Compare(base, now); drift.Breaking(findings) {
		t.Errorf("findings: %s", sentences(findings))
	}
}

func TestABaselineIsOnlyGoodForTheRulesItWasLearnedWith(t *testing.T) {
	old := lensOf(t, withHeader)
	base := drift.Merge(nil, learn(t, old, table(40)))
	epochs := header + rows(10, "$e,$a,$p,online,$m")

	mended := lensOf(t, strings.Replace(withHeader, "from: [first_seen]}", "from: [first_seen], time: {layouts: [unix]}}", 1))
	if findings := drift.Compare(base.For(mended), learn(t, mended, epochs)); drift.Breaking(findings) {
		t.Errorf("the mended rule reads the payload, but: %s", sentences(findings))
	}
	other := lensOf(t, strings.Replace(withHeader, "category: cnc", "category: bots", 1))
	if findings := drift.Compare(base.For(other), learn(t, other, epochs)); !drift.Breaking(findings) {
		t.Error("a change elsewhere in the Parser must not make the payload acceptable")
	}
	if base.For(lensOf(t, withoutHeader)) != nil {
		t.Error("a baseline holds for a Parser that reads the payload differently")
	}
}

func TestTheBaselineFollowsASlowChange(t *testing.T) {
	l := lensOf(t, bareLines)
	var base *drift.Profile
	for day := range 200 {
		v6 := day * 100 / 200 // percent of the lines
		payload := rows(100-v6, "$a") + rows(v6, "2001:db8::$i")
		now := learn(t, l, payload)
		if findings := drift.Compare(base, now); drift.Breaking(findings) {
			t.Fatalf("day %d: %s", day, sentences(findings))
		}
		base = drift.Merge(base, now)
	}
	if got := base.Inputs[0]; got.Values > 8192 || got.Kinds.Of(drift.IPv6) < 2000 {
		t.Errorf("%d values, %d of them IPv6: the baseline neither fades nor follows", got.Values, got.Kinds.Of(drift.IPv6))
	}
}
