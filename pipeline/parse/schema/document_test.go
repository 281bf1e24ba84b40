package schema

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

func example(tb testing.TB) []byte {
	tb.Helper()
	data, err := os.ReadFile("testdata/example.json")
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

func TestADocumentIsRead(t *testing.T) {
	doc, err := Decode(example(t))
	if err != nil || doc.Err() != nil {
		t.Fatal(err, doc.Err())
	}
	if len(doc.Reports) != 4 || doc.Columns() != 37 || len(doc.Digest) != 64 || !doc.Created.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("%d reports, %d columns, digest %s, created %s", len(doc.Reports), doc.Columns(), doc.Digest, doc.Created)
	}
}

func TestADocumentMayHaveAByteOrderMark(t *testing.T) {
	doc, err := Decode(append([]byte("\ufeff"), example(t)...))
	if err != nil || len(doc.Reports) != 4 {
		t.Error(doc, err)
	}
}

func TestWhatIsNoDocumentIsAnError(t *testing.T) {
	good := string(example(t))
	for name, tc := range map[string]struct{ in, want string }{
		"empty":           {"", "no JSON object"},
		"a page":          {"<html>", "no JSON object"},
		"an array":        {"[]", "no JSON object"},
		"cut":             {good[:len(good)/2], "no JSON"},
		"no meta":         {`{"r": {}}`, "no _meta.date_created"},
		"a strange date":  {`{"_meta": {"date_created": "yesterday"}}`, `"yesterday" is no time`},
		"nothing but it":  {`{"_meta": {"date_created": "2026-01-01"}}`, "no report"},
		"too many":        {`{"_meta": {"date_created": "2026-01-01"}` + many(maxReports+1) + `}`, "more than 4096 reports"},
		"all are strange": {`{"_meta": {"date_created": "2026-01-01"}, "a": 7}`, "no report"},
	} {
		if _, err := Decode([]byte(tc.in)); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
}

func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `, "r%d": {"file_name": "r%d", "required_fields": [["source.ip", "ip"]]}`, i, i)
	}
	return b.String()
}

func TestProblemsNameReportAndPlace(t *testing.T) {
	for _, tc := range []struct{ report, want string }{
		{`{"file_name": "a b", "required_fields": [["source.ip", "ip"]]}`, `file_name "a b" is not`},
		{`{"required_fields": [["source.ip", "ip"]]}`, `file_name "" is not`},
		{`{"file_name": "ok", "required_fields": [["source.ip", "ip"]]}`, `another report has the file_name "ok"`},
		{`{"file_name": "r"}`, "report r: has no required_fields"},
		{`{"file_name": "r", "required_fields": [["source.ip"]]}`, "report r: required_fields[0]: is not [key, column]"},
		{`{"file_name": "r", "required_fields": [["source.ipp", "ip"]]}`, `report r: required_fields[0]: Weir does not know the key "source.ipp"`},
		{`{"file_name": "r", "required_fields": [["source.ip", "ip"]], "optional_fields": [["Source IP", "ip"]]}`,
			`report r: optional_fields[0]: "Source IP" is no key`},
		{`{"file_name": "r", "required_fields": [["source.ip", "ip", "to_ip"]]}`, `Weir does not know the function "to_ip" of column "ip"`},
		{`{"file_name": "r", "required_fields": [["source.ip", "ip"]], "constant_fields": {"classification.type": "nonsense"}}`,
			`report r: constant_fields: "classification.type": classification.type: is no RSIT type`},
		{`{"file_name": "r", "required_fields": [["source.ip", "ip"]], "constant_fields": {"extra.a": []}}`, `"extra.a": is no text`},
		{`[]`, `report "x": json:`},
	} {
		doc, err := Decode([]byte(`{"_meta": {"date_created": "2026-01-01"}, "ok": {"file_name": "ok", "required_fields": [["source.ip", "ip"]]}, "x": ` +
			tc.report + `}`))
		if err != nil || len(doc.Problems) != 1 || !strings.Contains(doc.Problems[0], tc.want) {
			t.Errorf("%s: %v, %q, want %s", tc.report, err, doc.Problems, tc.want)
		}
	}
	doc, err := Decode([]byte(`{"_meta": {"date_created": "2026-01-01"}` + strings.ReplaceAll(many(30), "source.ip", "nonsense") + `}`))
	if err != nil || len(doc.Problems) != maxProblems || doc.Problems[maxProblems-1] != "and 11 more" {
		t.Errorf("%v, %q", err, doc.Problems)
	}
}

// fill makes the event of one row: header and cells are separated by |.
func fill(t *testing.T, doc *Document, report, header, row string) (e event.Event, refusal string) {
	t.Helper()
	p := Compile(doc.Reports[report], nil)
	r, err := p.Bind(strings.Split(header, "|"), func(string) bool { return false })
	if err != nil {
		return e, err.Error()
	}
	name, reason := r.Fill(strings.Split(row, "|"), &e)
	if reason != "" {
		return e, name + ": " + reason
	}
	for name, value := range p.Constants() {
		if f := field(name); !f.Has(&e) {
			if err := f.Set(&e, value); err != nil {
				t.Fatal(err)
			}
		}
	}
	e.Source, e.Confidence, e.Restriction = "a.b", event.ConfidenceMedium, event.RestrictionNeedToKnow
	if err := event.Validate(&e); err != nil {
		return e, err.Error()
	}
	return e, ""
}

func show(e *event.Event, names ...string) string {
	var out []string
	for _, name := range names {
		if v, ok := field(name).Get(e); ok {
			out = append(out, name+"="+v)
		}
	}
	for _, x := range e.Extra {
		out = append(out, x.Key+":"+string(x.Value))
	}
	return strings.Join(out, " ")
}

func TestRowsBecomeEvents(t *testing.T) {
	doc, err := Decode(example(t))
	if err != nil {
		t.Fatal(err)
	}
	const echo = "timestamp|ip|port|protocol|hostname|asn|geo|city|naics|tag|amplification|open|banner|internal_id"
	const drone = "timestamp|src_ip|src_port|dst_ip|dst_port|http_url|http_host|infection|md5"
	const listed = "timestamp|ip|tag|category|detail"
	names := []string{"time", "category", "name", "ip", "asn", "cc", "rdns", "sport", "dport", "dip", "proto", "url", "fqdn", "md5", "email", "username",
		"classification.taxonomy", "classification.type"}
	for _, tc := range []struct{ name, report, header, row, want string }{
		{"all of it", "open_echo", echo, "2026-01-01 00:00:01|192.0.2.7|7|udp|h.example.net|64500|pl|Torun|519290|echo|2.50|yes|hi there|9",
			"time=2026-01-01T00:00:01Z category=amplifier name=open-echo ip=192.0.2.7 asn=64500 cc=PL rdns=h.example.net dport=7 proto=udp " +
				"classification.taxonomy=vulnerable classification.type=ddos-amplifier amplification:2.5 banner:\"aGkgdGhlcmU=\" open:true " +
				"protocol_application:\"echo\" source.naics:519290 source_geolocation_city:\"Torun\" tag:\"echo\""},
		{"what means nothing", "open_echo", echo, "2026-01-01 00:00:01|192.0.2.7||-|N/A|0||||unknown||maybe|aGk=|",
			"time=2026-01-01T00:00:01Z category=amplifier name=open-echo ip=192.0.2.7 " +
				"classification.taxonomy=vulnerable classification.type=ddos-amplifier banner:\"aGk=\" protocol_application:\"echo\""},
		{"optional values that do not fit are kept as text", "open_echo", echo, "2026-01-01 00:00:01|192.0.2.7|7|teleport||AS64500|Poland||x|||||",
			"time=2026-01-01T00:00:01Z category=amplifier name=open-echo ip=192.0.2.7 asn=64500 dport=7 " +
				"classification.taxonomy=vulnerable classification.type=ddos-amplifier geo:\"Poland\" protocol:\"teleport\" " +
				"protocol_application:\"echo\" source.naics:\"x\""},
		{"new columns, in another order", "open_echo", "New Column|port|ip|timestamp", "some \"thing\"|7|2001:db8::1|2026-01-01 00:00:01",
			"time=2026-01-01T00:00:01Z category=amplifier name=open-echo ip=2001:db8::1 dport=7 " +
				"classification.taxonomy=vulnerable classification.type=ddos-amplifier New_Column:\"some \\\"thing\\\"\" protocol_application:\"echo\""},
		{"a comma too many", "open_echo", "timestamp|ip|port|", "2026-01-01 00:00:01|192.0.2.7|7|left over",
			"time=2026-01-01T00:00:01Z category=amplifier name=open-echo ip=192.0.2.7 dport=7 " +
				"classification.taxonomy=vulnerable classification.type=ddos-amplifier _:\"left over\" protocol_application:\"echo\""},
		{"a victim", "drone_http", drone, "2026-01-01 00:00:01|192.0.2.7|40000|198.51.100.1|80|GET /x?y HTTP/1.1|c2.example.org|Bot.X|",
			"time=2026-01-01T00:00:01Z category=bots name=Bot.X ip=192.0.2.7 sport=40000 dport=80 dip=198.51.100.1 url=http://c2.example.org/x?y " +
				"fqdn=c2.example.org classification.taxonomy=malicious-code classification.type=infected-system " +
				"classification_identifier:\"drone-http\" infection:\"Bot.X\""},
		{"a victim of something unknown", "drone_http", drone, "2026-01-01 00:00:01|192.0.2.7|40000|198.51.100.1|80|/||unknown|notahash",
			"time=2026-01-01T00:00:01Z category=bots name=drone-http ip=192.0.2.7 sport=40000 dport=80 dip=198.51.100.1 " +
				"classification.taxonomy=malicious-code classification.type=infected-system " +
				"classification_identifier:\"drone-http\" http_url:\"/\" md5:\"notahash\""},
		{"a network in the column of addresses", "listed_networks", listed, "2026-01-01 00:00:01|192.0.2.9/24|x|unknown|web",
			"time=2026-01-01T00:00:01Z category=other classification.taxonomy=other classification.type=blacklist " +
				"description:\"web\" detail:\"web\" network:\"192.0.2.0/24\" tag:\"x\""},
		{"an AS without an address, and accounts", "listed_networks", listed + "|asn|account", "2026-01-01 00:00:01|192.0.2.0/24|x|||64500|me@example.org",
			"time=2026-01-01T00:00:01Z category=other email=me@example.org classification.taxonomy=other classification.type=blacklist " +
				"asn:\"64500\" network:\"192.0.2.0/24\" tag:\"x\""},
		{"an account that is no address", "listed_networks", listed + "|asn|account", "2026-01-01 00:00:01|192.0.2.1|x|||64500|root",
			"time=2026-01-01T00:00:01Z category=other ip=192.0.2.1 asn=64500 username=root classification.taxonomy=other classification.type=blacklist tag:\"x\""},
		{"a vulnerability in a tag", "listed_networks", listed, "2026-01-01 00:00:01|192.0.2.9|http;CVE-2026-12345|spam|",
			"time=2026-01-01T00:00:01Z category=other name=cve-2026-12345 ip=192.0.2.9 classification.taxonomy=other classification.type=blacklist " +
				"description:\"spam\" tag:\"http;CVE-2026-12345\""},
		{"a type out of a column", "mail_server", "timestamp|ip|tag", "2026-01-01 00:00:01|192.0.2.9|exchange;webshell",
			"time=2026-01-01T00:00:01Z category=backdoor name=exchange-server-webshell ip=192.0.2.9 " +
				"classification.taxonomy=intrusions classification.type=system-compromise"},
		{"the other one", "mail_server", "timestamp|ip|tag", "2026-01-01T00:00:01Z|192.0.2.9|exchange",
			"time=2026-01-01T00:00:01Z category=vulnerable name=vulnerable-exchange-server ip=192.0.2.9 " +
				"classification.taxonomy=vulnerable classification.type=vulnerable-system"},
	} {
		e, refusal := fill(t, doc, tc.report, tc.header, tc.row)
		if got := show(&e, names...); got != tc.want || refusal != "" {
			t.Errorf("%s: %s\n%s\nwant\n%s", tc.name, refusal, got, tc.want)
		}
	}
	for _, tc := range []struct{ name, report, header, row, want string }{
		{"a required column is missing", "open_echo", "timestamp|address|port", "||", "the report open_echo lacks the required column ip"},
		{"no time", "open_echo", echo, "|192.0.2.7|7", `time: is required, but "timestamp" has no value`},
		{"no such time", "open_echo", echo, "soon|192.0.2.7|7", `time: is not a time in ISO 8601; give its layout under time (column "timestamp" has "soon")`},
		{"no address", "open_echo", echo, "2026-01-01 00:00:01||7", `ip: is required, but "ip" has no value`},
		{"no such address", "open_echo", echo, "2026-01-01 00:00:01|192.0.2|7", `ip: "192.0.2" of column "ip" is no address`},
		{"neither address nor network", "listed_networks", listed, "2026-01-01 00:00:01|example|x||", `ip: "example" of column "ip" is no address`},
		{"no such port", "open_echo", echo, "2026-01-01 00:00:01|192.0.2.7|70000", `dport: is not a port (0 to 65535) (column "port" has "70000")`},
	} {
		if _, refusal := fill(t, doc, tc.report, tc.header, tc.row); refusal != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, refusal, tc.want)
		}
	}
}

// What was let through in spite of its problems loses no value.
func TestAForcedDocumentKeepsValuesAsExtras(t *testing.T) {
	doc, err := Decode([]byte(`{"_meta": {"date_created": "2026-01-01"}, "r": {"file_name": "r",
"constant_fields": {"classification.type": "nonsense", "source.asn": "much"},
"required_fields": [["source.ip", "ip"], ["time.source", "seen", "to_time"], ["time.of.day", "clock"]],
"optional_fields": [["Source IP", "other"], ["source.port", "port", "to_port"]]}}`))
	if err != nil || len(doc.Problems) != 6 {
		t.Fatal(err, doc.Problems)
	}
	e, refusal := fill(t, doc, "r", "ip|seen|clock|other|port", "192.0.2.1|now|noon|192.0.2.2|80")
	if e.Time.IsZero() {
		e.Time = time.Unix(1, 0)
	}
	if refusal != "time: is required: map it, or give it under constants" {
		t.Error(refusal)
	}
	want := `ip=192.0.2.1 category=other classification_type:"nonsense" clock:"noon" other:"192.0.2.2" port:"80" seen:"now" source_asn:"much"`
	got := show(&e, "ip", "category")
	got = strings.Replace(got, "time_of_day:", "clock:", 1)
	words := strings.Fields(got)
	slices.Sort(words)
	wanted := strings.Fields(want)
	slices.Sort(wanted)
	if !slices.Equal(words, wanted) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestEveryKeyThatIsAFieldIsOneOfAnEvent(t *testing.T) {
	for key, name := range Keys() {
		if _, ok := event.Lookup(name); !ok {
			t.Errorf("%s: %s is no field", key, name)
		}
	}
	types := event.Types("")
	for typ, category := range categories {
		if _, ok := event.ParseCategory(category); !ok || !slices.Contains(types, typ) {
			t.Errorf("%s: %s", typ, category)
		}
	}
	for _, typ := range legacy {
		if !slices.Contains(types, typ) {
			t.Errorf("%s is no type", typ)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(example(f), "timestamp,ip,port,tag", "2026-01-01 00:00:01,192.0.2.7,7,x")
	f.Add([]byte(`{"_meta": {"date_created": "2026-01-01"}, "r": {"file_name": "r", "required_fields": [["extra.", "a", "to_x"]],
"optional_fields": [[true, "b"], [false, "c"], ["source.ip", "a"], ["classification.type", "b"]]}}`), "a,b,c", "x,\x00\xff,z")
	f.Add(example(f), "timestamp,ip,port,", "2026-01-01 00:00:01,192.0.2.7,7,x")
	f.Fuzz(func(t *testing.T, data []byte, header, row string) {
		doc, err := Decode(data)
		if err != nil {
			return
		}
		for _, report := range doc.Reports {
			p := Compile(report, nil)
			r, err := p.Bind(strings.Split(header, ","), func(string) bool { return false })
			if err != nil {
				continue
			}
			for range 2 {
				e := event.Event{Source: "a.b", Confidence: 1, Restriction: 1, Category: 1}
				if _, reason := r.Fill(strings.Split(strings.ToValidUTF8(row, ""), ","), &e); reason != "" {
					continue
				}
				if e.Time.IsZero() {
					e.Time = time.Unix(1, 0)
				}
				for name, value := range p.Constants() {
					if f := field(name); !f.Has(&e) {
						if err := f.Set(&e, value); err != nil {
							t.Fatalf("constant %s: %v", name, err)
						}
					}
				}
				if err := event.Validate(&e); err != nil && !strings.Contains(err.Error(), "taxonomy") {
					t.Fatalf("%v: %+v", err, e)
				}
			}
		}
	})
}

func TestDiffTellsWhatIsOtherwise(t *testing.T) {
	read := func(reports string) *Document {
		doc, err := Decode([]byte(`{"_meta": {"date_created": "2026-01-01"}, ` + reports + `}`))
		if err != nil || doc.Err() != nil {
			t.Fatal(err, doc.Err())
		}
		return doc
	}
	before := read(`"a": {"file_name": "a", "constant_fields": {"classification.type": "spam"}, "required_fields": [["source.ip", "ip"]],
"optional_fields": [["extra.", "x"], ["extra.", "y"]]}, "b": {"file_name": "b", "required_fields": [["source.ip", "ip"]]}`)
	now := read(`"a": {"file_name": "a", "constant_fields": {"classification.type": "scanner"}, "required_fields": [["source.ip", "ip"]],
"optional_fields": [["extra.", "x", "convert_int"], ["extra.", "z"]]}, "c": {"file_name": "c", "required_fields": [["source.ip", "ip"]]}`)
	if got, want := Diff(before, now), "1 report new (c), 1 report gone (b), 1 column new, 1 column gone, 2 columns otherwise"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got := Diff(now, now); got != "" {
		t.Error(got)
	}
}
