package diff

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
)

// transition is how a payload of a feed changed.
type transition struct {
	name, old, new string
	class          string
	breaking       bool
	// code and path are those of the first finding; any path will do if it is "*".
	code, path string
}

const (
	hard   = drift.ClassBreakingHard
	silent = drift.ClassBreakingSilent
)

func rows(format string, from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		r := strings.NewReplacer("{n}", itoa(i), "{d}", two(i%27+1), "{h}", two(i%24), "{hash}", hash(i))
		b.WriteString(r.Replace(format))
	}
	return b.String()
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

func two(n int) string { return itoa(n/10%10) + itoa(n%10) }

func hash(n int) string { return strings.Repeat("0123456789abcdef"[n%16:n%16+1], 60) + "ab" + two(n) }

const (
	urlhausHead = "# exported\n# id,dateadded,url,url_status,threat,tags,urlhaus_link\n"
	urlhausRow  = `"{n}","2026-01-{d} {h}:00:00","http://198.51.100.{n}/i","online","malware_download","elf","https://feed.example/url/{n}/"` + "\n"

	c2Head = "first_seen,ip,port,malware\n"
	c2Row  = "2026-01-{d} {h}:00:00,192.0.2.{n},443,Emotet\n"

	feodoHead = "# Firstseen,DstIP,DstPort,Malware\n"
	feodoRow  = "2026-01-{d} {h}:00:00,192.0.2.{n},443,Heodo\n"

	greyHead = "Address,Country,Tags,ASN\n"
	greyRow  = "192.0.2.{n},DE,\"telnet,ssh\",6450{n}\n"

	bareRow = "192.0.2.{n},2026-01-{d} {h}:00:00,scan,7\n"

	ndRow = `{"ip":"192.0.2.{n}","seen":"2026-01-{d}T{h}:00:00Z","port":443,"tag":"a"}` + "\n"

	kevRow  = `{"cveID":"CVE-2024-100{n}","vendorProject":"Example","dateAdded":"2026-01-{d}","notes":"x {n}"},`
	kevHead = `{"title":"KEV","count":9,"vulnerabilities":[`
	kevTail = `{"cveID":"CVE-2024-2000","vendorProject":"Example","dateAdded":"2026-01-02","notes":"last"}]}`

	dropHead = "; DROP List\n; Last-Modified: Thu, 01 Jan 2026\n"
	dropRow  = "192.0.{n}.0/24 ; SBL10{n}\n"
)

var transitions = []transition{
	{"column appended, header first", c2Head + rows(c2Row, 1, 9), "first_seen,ip,port,malware,asn\n" + rows(strings.TrimSpace(c2Row)+",64500\n", 3, 11),
		drift.ClassAdditive, false, drift.CodeColumnAdded, "asn"},
	{"column inserted, header first", c2Head + rows(c2Row, 1, 9), "first_seen,asn,ip,port,malware\n" + rows("2026-01-{d} {h}:00:00,64500,192.0.2.{n},443,Emotet\n", 3, 11),
		drift.ClassAdditive, false, drift.CodeColumnAdded, "asn"},
	{"column appended, header in a comment", urlhausHead + rows(urlhausRow, 1, 7), "# exported\n# id,dateadded,url,url_status,threat,tags,urlhaus_link,reporter\n" + rows(strings.TrimSpace(urlhausRow)+`,"anon"`+"\n", 3, 9),
		drift.ClassAdditive, false, drift.CodeColumnAdded, "reporter"},
	{"column inserted, header in a comment", feodoHead + rows(feodoRow, 1, 7), "# Firstseen,DstIP,DstPort,LastOnline,Malware\n" + rows("2026-01-{d} {h}:00:00,192.0.2.{n},443,2026-01-{d},Heodo\n", 1, 7),
		silent, true, drift.CodeColumnInserted, "LastOnline"},
	{"column inserted, three rows", feodoHead + rows(feodoRow, 1, 4), "# Firstseen,DstIP,DstPort,LastOnline,Malware\n" + rows("2026-01-{d} {h}:00:00,192.0.2.{n},443,2026-01-{d},Heodo\n", 1, 4),
		silent, true, drift.CodeColumnInserted, "LastOnline"},
	{"header no longer commented, all quoted, column inserted", feodoHead + rows(feodoRow, 1, 7), "\"first_seen_utc\",\"dst_ip\",\"dst_port\",\"c2_status\",\"malware\"\n" + rows("\"2026-01-{d} {h}:00:00\",\"192.0.2.{n}\",\"443\",\"online\",\"Heodo\"\n", 1, 7),
		hard, true, CodeHeader, ""},
	{"header no longer commented", feodoHead + rows(feodoRow, 1, 7), strings.TrimPrefix(feodoHead, "# ") + rows(feodoRow, 1, 9),
		hard, true, CodeHeader, ""},
	{"header commented out", strings.TrimPrefix(feodoHead, "# ") + rows(feodoRow, 1, 7), feodoHead + rows(feodoRow, 1, 9),
		hard, true, CodeHeader, ""},
	{"header gone", c2Head + rows(c2Row, 1, 9), rows(c2Row, 1, 9), hard, true, drift.CodeHeaderMissing, ""},
	{"header added", rows(bareRow, 1, 9), "ip,seen,kind,count\n" + rows(bareRow, 1, 9), hard, true, CodeHeader, ""},
	{"all cells quoted", c2Head + rows(c2Row, 1, 9), "\"first_seen\",\"ip\",\"port\",\"malware\"\n" + rows("\"2026-01-{d} {h}:00:00\",\"192.0.2.{n}\",\"443\",\"Emotet\"\n", 1, 9),
		drift.ClassCosmetic, false, CodeQuoting, ""},
	{"columns removed", greyHead + rows(greyRow, 1, 9), "Address,Tags\n" + rows("192.0.2.{n},\"telnet,ssh\"\n", 1, 9),
		silent, true, drift.CodeColumnMissing, "Country"},
	{"columns removed, two rows", greyHead + rows(greyRow, 1, 3), "Address,Tags\n" + rows("192.0.2.{n},\"telnet,ssh\"\n", 1, 3),
		silent, true, drift.CodeColumnMissing, "Country"},
	{"comment put on top", "Address,Tags\n" + rows("192.0.2.{n},\"telnet,ssh\"\n", 1, 9), "# For the terms of use see https://feed.example/license\nAddress,Tags\n" + rows("192.0.2.{n},\"telnet,ssh\"\n", 1, 9),
		hard, true, CodeComments, ""},
	{"delimiter", c2Head + rows(c2Row, 1, 9), strings.ReplaceAll(c2Head+rows(c2Row, 1, 9), ",", ";"), hard, true, drift.CodeDelimiter, ""},
	{"delimiter, no header", rows(bareRow, 1, 9), strings.ReplaceAll(rows(bareRow, 1, 9), ",", "|"), hard, true, drift.CodeDelimiter, ""},
	{"tabs instead of pipes", "ip|port|tag\n" + rows("192.0.2.{n}|443|bad\n", 1, 9), "ip\tport\ttag\n" + rows("192.0.2.{n}\t443\tbad\n", 1, 9), hard, true, drift.CodeDelimiter, ""},
	{"column renamed", "ip,response_length,time\n" + rows("192.0.2.{n},12{n},2026-01-{d}\n", 1, 9), "ip,response_size,time\n" + rows("192.0.2.{n},12{n},2026-01-{d}\n", 1, 9),
		silent, true, drift.CodeColumnRenamed, "response_length"},
	{"columns in another order", c2Head + rows(c2Row, 1, 9), "ip,port,malware,first_seen\n" + rows("192.0.2.{n},443,Emotet,2026-01-{d} {h}:00:00\n", 1, 9),
		drift.ClassCosmetic, false, drift.CodeHeaderReordered, "*"},
	{"columns swapped, no header", rows(bareRow, 1, 9), rows("2026-01-{d} {h}:00:00,192.0.2.{n},scan,7\n", 1, 9), silent, true, drift.CodeColumnsSwapped, "*"},
	{"column inserted, no header", rows(bareRow, 1, 9), rows("192.0.2.{n},DE,2026-01-{d} {h}:00:00,scan,7\n", 1, 9), silent, true, drift.CodeColumnInserted, "*"},
	{"column appended, no header", rows(bareRow, 1, 9), rows("192.0.2.{n},2026-01-{d} {h}:00:00,scan,7,DE\n", 1, 9), drift.ClassAdditive, false, drift.CodeColumnAdded, "*"},
	{"time layout", c2Head + rows(c2Row, 1, 9), c2Head + rows("{d}/01/2026 {h}:00,192.0.2.{n},443,Emotet\n", 10, 18), silent, true, drift.CodeLayout, "first_seen"},
	{"epoch in milliseconds", "ip,ts\n" + rows("192.0.2.{n},17670{d}{d}0\n", 1, 9), "ip,ts\n" + rows("192.0.2.{n},17670{d}{d}0000\n", 1, 9), silent, true, drift.CodeLayout, "ts"},
	{"column reused for something else", c2Head + rows(c2Row, 1, 9), c2Head + rows("2026-01-{d} {h}:00:00,host{n}.example.com,443,Emotet\n", 1, 9), silent, true, drift.CodeRetyped, "ip"},
	{"list becomes JSON lines", dropHead + rows(dropRow, 1, 9), rows(`{"cidr":"192.0.{n}.0/24","sblid":"SBL10{n}","rir":"ripencc"}`+"\n", 1, 9) + `{"type":"metadata","timestamp":1767000000,"records":8}` + "\n",
		hard, true, drift.CodeContainer, ""},
	{"CSV becomes JSON", c2Head + rows(c2Row, 1, 9), kevHead + rows(kevRow, 1, 5) + kevTail, hard, true, drift.CodeContainer, ""},
	{"HTML page instead of a list", rows("192.0.2.{n}\n", 1, 9), "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head><body>Checking your browser</body></html>\n", hard, true, drift.CodeContainer, ""},
	{"HTML page instead of CSV", c2Head + rows(c2Row, 1, 9), "<html><head><title>404 Not Found</title></head><body>nginx</body></html>\n", hard, true, drift.CodeContainer, ""},
	{"JSON error instead of a list", rows("192.0.2.{n}\n", 1, 9), `{"error":"Unauthorized: an Auth-Key is required"}`, hard, true, drift.CodeErrorBody, ""},
	{"JSON error instead of CSV", c2Head + rows(c2Row, 1, 9), `{"query_status":"unknown_auth_key"}`, hard, true, drift.CodeErrorBody, ""},
	{"JSON error instead of JSON", kevHead + rows(kevRow, 1, 5) + kevTail, `{"error":"rate limit exceeded","code":402}`, hard, true, "*", "*"},
	{"key added to JSON", kevHead + rows(kevRow, 1, 8) + kevTail, kevHead + rows(strings.Replace(kevRow, "},", `,"knownRansomwareCampaignUse":"Unknown"},`, 1), 1, 8) + kevTail,
		drift.ClassAdditive, false, drift.CodePathAdded, "knownRansomwareCampaignUse"},
	{"envelope path", `{"data":[` + rows(kevRow, 1, 8) + kevTail[:len(kevTail)-2] + "]}", `{"result":{"items":[` + rows(kevRow, 1, 8) + kevTail[:len(kevTail)-2] + "]}}",
		hard, true, CodeRecords, "data"},
	{"records become values of an object", `[` + rows(kevRow, 1, 8) + kevTail[:len(kevTail)-2] + "]", `{"1":` + strings.TrimSuffix(kevRow, ",") + `,"2":` + strings.TrimSuffix(kevRow, ",") + `,"3":` + strings.TrimSuffix(kevRow, ",") + "}",
		hard, true, CodeRecords, "*"},
	{"key renamed", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `"ip"`, `"ip_address"`, 1), 1, 9), silent, true, drift.CodePathMoved, "ip"},
	{"key nested", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `"ip":"192.0.2.{n}"`, `"host":{"ip":"192.0.2.{n}"}`, 1), 1, 9), silent, true, drift.CodePathMoved, "ip"},
	{"key gone", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `,"tag":"a"`, ``, 1), 1, 9), silent, true, drift.CodePathMissing, "tag"},
	{"scalar becomes a list", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `"tag":"a"`, `"tag":["a","b"]`, 1), 1, 9), silent, true, drift.CodePathType, "tag"},
	{"scalar becomes an object", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `"tag":"a"`, `"tag":{"name":"a"}`, 1), 1, 9), silent, true, drift.CodePathType, "tag"},
	{"JSON lines become an array", rows(ndRow, 1, 9), "[" + strings.ReplaceAll(strings.TrimSpace(rows(ndRow, 1, 9)), "\n", ",") + "]", hard, true, drift.CodeContainer, ""},
	{"attributes nested in objects", `{"response":[{"Event":{"info":"a","Attribute":[` + strings.TrimSuffix(rows(`{"type":"ip-dst","value":"192.0.2.{n}","category":"Network activity"},`, 1, 9), ",") + `]}}]}`,
		`{"response":[{"Event":{"info":"a","Attribute":[],"Object":[` + strings.TrimSuffix(rows(`{"name":"ip","Attribute":[{"type":"ip-dst","value":"192.0.2.{n}","category":"Network activity"}]},`, 1, 9), ",") + `]}}]}`,
		hard, true, "*", "*"},
	{"XML element renamed", "<list>" + rows("<item><ip>192.0.2.{n}</ip><seen>2026-01-{d}</seen></item>", 1, 9) + "</list>", "<list>" + rows("<item><address>192.0.2.{n}</address><seen>2026-01-{d}</seen></item>", 1, 9) + "</list>",
		silent, true, drift.CodePathMoved, "ip"},
	{"XML records elsewhere", "<list>" + rows("<item><ip>192.0.2.{n}</ip><seen>2026-01-{d}</seen></item>", 1, 9) + "</list>", "<feed><entries>" + rows("<entry><ip>192.0.2.{n}</ip><seen>2026-01-{d}</seen></entry>", 1, 9) + "</entries></feed>",
		hard, true, CodeRecords, "*"},
	{"HTML table loses a column", "<table><tr><th>IP</th><th>Port</th><th>SBL</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>80</td><td>SBL{n}</td></tr>", 1, 9) + "</table>",
		"<table><tr><th>IP</th><th>Port</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>80</td></tr>", 1, 9) + "</table>", silent, true, "*", "SBL"},
	{"HTML table gains a column", "<table><tr><th>IP</th><th>Port</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>80</td></tr>", 1, 9) + "</table>",
		"<table><tr><th>IP</th><th>Port</th><th>SBL</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>80</td><td>SBL{n}</td></tr>", 1, 9) + "</table>", drift.ClassAdditive, false, drift.CodeColumnAdded, "SBL"},
	{"list of addresses becomes one of networks", rows("192.0.2.{n}\n", 1, 9), rows("192.0.{n}.0/24\n", 1, 9), silent, true, drift.CodeRetyped, "*"},
	{"list of addresses becomes one of names", rows("192.0.2.{n}\n", 1, 9), rows("host{n}.example.com\n", 1, 9), silent, true, drift.CodeRetyped, "*"},
	{"list becomes CSV", rows("192.0.2.{n}\n", 1, 9), "ip,tag\n" + rows("192.0.2.{n},bad\n", 1, 9), hard, true, drift.CodeContainer, ""},
	{"prefix of comments", "; list\n; more\n" + rows(dropRow, 1, 9), "# list\n# more\n" + rows(dropRow, 1, 9), drift.ClassDegraded, false, CodeComments, ""},
	{"lines built otherwise", dropHead + rows(dropRow, 1, 9), dropHead + rows("SBL10{n} 192.0.{n}.0/24\n", 1, 9), hard, true, CodeLines, ""},
	{"hosts file becomes a list", rows("0.0.0.0 host{n}.example.com\n", 1, 9), rows("host{n}.example.com\n", 1, 9), hard, true, drift.CodeContainer, ""},
	{"byte-order mark", c2Head + rows(c2Row, 1, 9), "\ufeff" + c2Head + rows(c2Row, 1, 9), drift.ClassCosmetic, false, CodeMark, ""},
	{"newlines", c2Head + rows(c2Row, 1, 9), strings.ReplaceAll(c2Head+rows(c2Row, 1, 9), "\n", "\r\n"), drift.ClassCosmetic, false, CodeNewline, ""},
	{"more comments", "# a\n" + rows("192.0.2.{n}\n", 1, 9), "# a\n# b\n# c\n" + rows("192.0.2.{n}\n", 1, 9), drift.ClassCosmetic, false, CodeComments, ""},
	{"packed", c2Head + rows(c2Row, 1, 9), gz(c2Head + rows(c2Row, 1, 9)), hard, true, drift.CodeContainer, ""},
}

func gz(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return b.String()
}

func TestTransitionsAreTold(t *testing.T) {
	for _, x := range transitions {
		t.Run(x.name, func(t *testing.T) {
			r := compared(t, x.old, x.new)
			first := drift.CodeContainer
			path := ""
			if len(r.Findings) > 0 {
				first, path = r.Findings[0].Code, r.Findings[0].Path
			}
			if r.Class != x.class || r.Breaking != x.breaking || x.code != "*" && first != x.code || x.path != "*" && path != x.path {
				t.Errorf("class %s, breaking %v, first %s at %q; want %s, %v, %s at %q", r.Class, r.Breaking, first, path, x.class, x.breaking, x.code, x.path)
				for _, f := range r.Findings {
					t.Logf("%s %s %q (breaking %v): %s", f.Class, f.Code, f.Path, f.Breaking, f.Sentence)
				}
			}
		})
	}
}

var meta = parse.Meta{Source: "example.c2", Collected: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}

func open(t *testing.T, payload string) *Payload {
	t.Helper()
	p, err := Open(context.Background(), "payload", strings.NewReader(payload))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func compared(t *testing.T, old, now string) *Result {
	t.Helper()
	r, err := Compare(context.Background(), open(t, old), open(t, now), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSameFormatsAreSilent(t *testing.T) {
	for _, x := range []struct{ name, old, new string }{
		{"other values", c2Head + rows(c2Row, 1, 9), c2Head + rows(c2Row, 30, 38)},
		{"other order of rows", c2Head + rows(c2Row, 1, 5) + rows(c2Row, 10, 15), c2Head + rows(c2Row, 10, 15) + rows(c2Row, 1, 5)},
		{"more rows", c2Head + rows(c2Row, 1, 9), c2Head + rows(c2Row, 1, 99)},
		{"fewer rows", c2Head + rows(c2Row, 1, 99), c2Head + rows(c2Row, 1, 4)},
		{"other values of a commented table", urlhausHead + rows(urlhausRow, 1, 7), urlhausHead + rows(urlhausRow, 5, 20)},
		{"other time in a comment", "# updated 2026-01-01\n" + rows("192.0.2.{n}\n", 1, 9), "# updated 2026-01-02\n" + rows("192.0.2.{n}\n", 5, 19)},
		{"other keys order", rows(ndRow, 1, 9), rows(`{"tag":"a","port":443,"seen":"2026-01-{d}T{h}:00:00Z","ip":"192.0.2.{n}"}`+"\n", 1, 9)},
		{"optional column empty", "ip,note\n" + rows("192.0.2.{n},\n", 1, 5) + rows("192.0.2.{n},x\n", 5, 7), "ip,note\n" + rows("192.0.2.{n},\n", 1, 9)},
		{"a list of other addresses", rows("192.0.2.{n}\n", 1, 3), rows("203.0.113.{n}\n", 1, 9)},
		{"DROP of another day", dropHead + rows(dropRow, 1, 9), strings.Replace(dropHead, "01 Jan", "02 Jan", 1) + rows(dropRow, 3, 30)},
		{"JSON document of another day", kevHead + rows(kevRow, 1, 8) + kevTail, kevHead + rows(kevRow, 3, 9) + kevTail},
		{"XML of another day", "<list>" + rows("<item><ip>192.0.2.{n}</ip><seen>2026-01-{d}</seen></item>", 1, 9) + "</list>", "<list>" + rows("<item><ip>192.0.2.{n}</ip><seen>2026-01-{d}</seen></item>", 5, 19) + "</list>"},
		{"HTML of another day", "<table><tr><th>IP</th><th>Port</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>80</td></tr>", 1, 9) + "</table>", "<table><tr><th>IP</th><th>Port</th></tr>" + rows("<tr><td>192.0.2.{n}</td><td>443</td></tr>", 5, 29) + "</table>"},
		{"hosts of another day", rows("0.0.0.0 host{n}.example.com\n", 1, 9), rows("0.0.0.0 host{n}.example.net\n", 4, 9)},
		{"optional key not there", rows(ndRow, 1, 9) + `{"ip":"192.0.2.77","seen":"2026-01-01T00:00:00Z","port":1,"tag":"a","note":"x"}` + "\n", rows(ndRow, 4, 12)},
		{"one row", c2Head + rows(c2Row, 1, 9), c2Head + rows(c2Row, 3, 4)},
		{"hashes", "sha256\n" + rows("{hash}\n", 1, 9), "sha256\n" + rows("{hash}\n", 5, 14)},
		{"quotes where they must be", "ip,tags\n" + rows("192.0.2.{n},a\n", 1, 9), "ip,tags\n" + rows("192.0.2.{n},\"a,b\"\n", 1, 3) + rows("192.0.2.{n},a\n", 3, 9)},
	} {
		t.Run(x.name, func(t *testing.T) {
			if r := compared(t, x.old, x.new); r.Class != "" || r.Breaking || len(r.Findings) > 0 {
				for _, f := range r.Findings {
					t.Errorf("%s %s %q: %s", f.Class, f.Code, f.Path, f.Sentence)
				}
			}
		})
	}
}

// A change that breaks comes with its repair where one is known.
func TestChangesComeWithTheirRepair(t *testing.T) {
	for _, x := range []struct {
		name, old, new string
		// patch is part of the repair's; changes part of what it says.
		patch, changes string
		safe           bool
	}{
		{"renamed", "ip,response_length,time\n" + rows("192.0.2.{n},12{n},2026-01-{d}\n", 1, 9), "ip,response_size,time\n" + rows("192.0.2.{n},12{n},2026-01-{d}\n", 1, 9),
			`["response_length","response_size"]`, "response_size", false},
		{"delimiter", c2Head + rows(c2Row, 1, 9), strings.ReplaceAll(c2Head+rows(c2Row, 1, 9), ",", ";"), `{"delimiter":";"}`, "delimiter", false},
		{"comment on top", c2Head + rows(c2Row, 1, 9), "# terms of use\n" + c2Head + rows(c2Row, 1, 9), `{"comment":"#"}`, "comments", true},
		{"no header, column inserted", rows(bareRow, 1, 9), rows("192.0.2.{n},DE,2026-01-{d} {h}:00:00,scan,7\n", 1, 9), `"columns":["ip","column_2","time"`, "The columns are", false},
		{"header in a comment, column inserted", feodoHead + rows(feodoRow, 1, 7), "# Firstseen,DstIP,DstPort,LastOnline,Malware\n" + rows("2026-01-{d} {h}:00:00,192.0.2.{n},443,2026-01-{d},Heodo\n", 1, 7),
			"", "by the names", true},
		{"packed", c2Head + rows(c2Row, 1, 9), gz(c2Head + rows(c2Row, 1, 9)), "", "Unpack", true},
		{"packed, and renamed", c2Head + rows(c2Row, 1, 9), gz("first_seen,ip,port,family\n" + rows(c2Row, 1, 9)), `["malware","family"]`, "Unpack", false},
		{"key renamed", rows(ndRow, 1, 9), rows(strings.Replace(ndRow, `"ip"`, `"ip_address"`, 1), 1, 9), `["ip","ip_address"]`, "ip_address", false},
		{"records elsewhere", `{"data":[` + rows(kevRow, 1, 8) + kevTail[:len(kevTail)-2] + "]}", `{"result":{"items":[` + rows(kevRow, 1, 8) + kevTail[:len(kevTail)-2] + "]}}",
			`"records":"result.items"`, "result.items", false},
		{"JSON lines instead of a list", dropHead + rows(dropRow, 1, 9), rows(`{"cidr":"192.0.{n}.0/24","sblid":"SBL10{n}"}`+"\n", 1, 9) + `{"type":"metadata","records":8}` + "\n",
			`"jsonLines":{}`, "JSON lines", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			r := compared(t, x.old, x.new)
			if !r.Breaking || r.Repair == nil {
				t.Fatalf("breaking %v, repair %v", r.Breaking, r.Repair)
			}
			if !strings.Contains(r.Repair.Patch, x.patch) || x.patch == "" && r.Repair.Patch != "" || r.Repair.Safe != x.safe ||
				!strings.Contains(strings.Join(r.Repair.Changes, " "), x.changes) || r.Repair.Events == 0 {
				t.Errorf("%+v", r.Repair)
			}
		})
	}
}

func TestAFeedThatIsOverIsRetired(t *testing.T) {
	r := compared(t, "# list\n"+rows("192.0.2.{n}\n", 1, 9), "# list\n# This list is deprecated and no longer updated.\n")
	if r.Class != drift.ClassRetired || !r.Breaking || r.Repair != nil {
		t.Errorf("%+v", r)
	}
}

func letter(attachment string) string {
	head := "From: reports@example.org\nTo: soc@example.org\nSubject: report\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee https://example.org/report\n"
	if attachment != "" {
		head += "--b\nContent-Type: text/csv\nContent-Disposition: attachment; filename=report.csv\n\n" + attachment
	}
	return head + "--b--\n"
}

func TestOfMailsTheAttachmentsAreCompared(t *testing.T) {
	old := letter(c2Head + rows(c2Row, 1, 9))
	r := compared(t, old, letter("first_seen,address,port,malware\n"+rows(c2Row, 1, 9)))
	if r.Class != silent || r.Findings[0].Path != "ip" || r.Repair == nil {
		t.Errorf("a column of the attachment was renamed: %+v", r)
	}
	r = compared(t, old, letter(""))
	if r.Class != hard || r.Findings[0].Sentence != "The mail has no attachment any more." || r.Repair != nil {
		t.Errorf("a mail without attachment: %+v", r)
	}
	reader := &v1alpha1.ParserSpec{Input: v1alpha1.InputSpec{Mail: &v1alpha1.MailSpec{}}, Constants: map[string]string{"category": "other"},
		Mapping: []v1alpha1.MappingRule{{Field: "name", From: []string{"subject"}}}}
	r, err := Compare(context.Background(), open(t, old), open(t, letter("x\n")), Options{Spec: reader})
	if err != nil || r.Breaking {
		t.Errorf("a Parser of mails reads the mails: %v, %+v", err, r)
	}
}

// With a Parser, what no rule reads breaks nothing.
func TestAParserDecidesWhatIsRead(t *testing.T) {
	spec := &v1alpha1.ParserSpec{Input: v1alpha1.InputSpec{CSV: &v1alpha1.CSVSpec{}}, Constants: map[string]string{"category": "cnc"},
		Mapping: []v1alpha1.MappingRule{{Field: "ip", From: []string{"ip"}, Required: true}}}
	old := c2Head + rows(c2Row, 1, 9)
	for _, x := range []struct {
		new      string
		breaking bool
	}{
		{"first_seen,ip,port,family\n" + rows(c2Row, 1, 9), false},
		{"first_seen,address,port,malware\n" + rows(c2Row, 1, 9), true},
	} {
		r, err := Compare(context.Background(), open(t, old), open(t, x.new), Options{Spec: spec})
		if err != nil || r.Breaking != x.breaking || len(r.Findings) == 0 {
			t.Errorf("%v, %+v", err, r)
		}
	}
}

func TestWhatHasNoRecordsIsNoMeasure(t *testing.T) {
	_, err := Compare(context.Background(), open(t, ""), open(t, c2Head), Options{})
	if !errors.Is(err, ErrOld) {
		t.Error(err)
	}
}

func FuzzCompare(f *testing.F) {
	for _, x := range transitions {
		f.Add([]byte(x.old), []byte(x.new))
	}
	f.Fuzz(func(t *testing.T, old, now []byte) {
		if len(old) > 4<<10 || len(now) > 4<<10 {
			t.Skip()
		}
		a, err := Open(context.Background(), "old", bytes.NewReader(old))
		if err != nil {
			return
		}
		b, err := Open(context.Background(), "new", bytes.NewReader(now))
		if err != nil {
			return
		}
		r, err := Compare(context.Background(), a, b, Options{})
		if err != nil {
			return
		}
		if len(r.Findings) > maxFindings || r.Findings == nil || (r.Class == "") != (len(r.Findings) == 0) {
			t.Errorf("class %q, %d findings", r.Class, len(r.Findings))
		}
		if bytes.Equal(old, now) && len(r.Findings) > 0 {
			t.Errorf("the same bytes differ: %+v", r.Findings)
		}
		for i := range r.Findings {
			if f := &r.Findings[i]; f.Sentence == "" || !utf8.ValidString(f.Sentence+f.Before+f.After) || len(f.Sentence) > 4<<10 {
				t.Errorf("%+v", f)
			}
		}
	})
}

func BenchmarkCompare(b *testing.B) {
	old, now := &Payload{Data: []byte(c2Head + rows(c2Row, 1, 2000)), Meta: meta}, &Payload{Data: []byte(c2Head + rows(c2Row, 500, 2500)), Meta: meta}
	b.SetBytes(int64(len(old.Data) + len(now.Data)))
	for b.Loop() {
		if r, err := Compare(context.Background(), old, now, Options{}); err != nil || r.Breaking {
			b.Fatal(err, r)
		}
	}
}
