package repair

import (
	"context"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/parse/extend"
)

var meta = parse.Meta{Source: "example.c2", Collected: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC),
	TLP: event.TLPAmber, Restriction: event.RestrictionNeedToKnow}

const namedParser = `
input: {csv: {}}
mapping:
  - {field: time, from: [seen]}
  - {field: ip, from: [ip], required: true}
  - {field: dport, from: [port]}
  - {field: name, from: [malware]}
constants: {category: cnc}
`

const bareParser = `
input: {csv: {header: None, columns: [ip, seen, malware]}}
mapping:
  - {field: time, from: [seen]}
  - {field: ip, from: [ip], required: true}
  - {field: name, from: [malware]}
constants: {category: cnc}
`

const jsonParser = `
input: {json: {records: data}}
mapping:
  - {field: time, from: [seen]}
  - {field: ip, from: [ip], required: true}
  - {field: extra.score, from: [score]}
constants: {category: cnc}
`

const epochParser = `
input: {csv: {}}
mapping:
  - {field: time, from: [ts], time: {layouts: [unix]}}
  - {field: ip, from: [ip], required: true}
constants: {category: cnc}
`

func lines(format string) string {
	var b strings.Builder
	families := []string{"emotet", "qakbot", "dridex", "mirai"}
	for i := 1; i <= 9; i++ {
		n := string(rune('0' + i))
		b.WriteString(strings.NewReplacer("{n}", n, "{d}", "1"+n, "{m}", families[i%4]).Replace(format))
	}
	return b.String()
}

const (
	namedHead = "seen,ip,port,malware\n"
	namedRow  = "2026-01-{d} 10:00:00,192.0.2.{n},44{n},{m}\n"
	bareRow   = "192.0.2.{n},2026-01-{d} 10:00:00,{m}\n"
	jsonRow   = `{"seen":"2026-01-{d}T10:00:00Z","ip":"192.0.2.{n}","score":{n}},`
)

func document(rows, before, after string) string {
	return before + strings.TrimSuffix(rows, ",") + after
}

// Each change is mended by the first proposal: the changed Parser gives the events of
// the payload as it would have been.
func TestTheFirstProposalMends(t *testing.T) {
	good := document(lines(jsonRow), `{"data":[`, `]}`)
	for _, x := range []struct {
		name, parser, good, bad string
		safe                    bool
	}{
		{"delimiter", namedParser, namedHead + lines(namedRow), strings.ReplaceAll(namedHead+lines(namedRow), ",", ";"), false},
		{"comment on top", namedParser, namedHead + lines(namedRow), "# terms of use\n" + namedHead + lines(namedRow), true},
		{"a line above the header", namedParser, namedHead + lines(namedRow), "Updated 2026-01-31, 9 entries.\n" + namedHead + lines(namedRow), true},
		{"header in a comment", namedParser, namedHead + lines(namedRow), "# " + namedHead + lines(namedRow), true},
		{"header gone", namedParser, namedHead + lines(namedRow), lines(namedRow), false},
		{"renamed by an alias", namedParser, namedHead + lines(namedRow), "seen,src_ip,port,malware\n" + lines(namedRow), false},
		{"renamed, and others", namedParser, namedHead + lines(namedRow), "first_seen,ip_address,dst_port,family\n" + lines(namedRow), false},
		{"a column inserted", bareParser, lines(bareRow), lines("DE,192.0.2.{n},2026-01-{d} 10:00:00,{m}\n"), false},
		{"columns in another order", bareParser, lines(bareRow), lines("{m},2026-01-{d} 10:00:00,192.0.2.{n}\n"), false},
		{"header added", bareParser, lines(bareRow), "ip,seen,malware\n" + lines(bareRow), true},
		{"layout of times", namedParser, namedHead + lines(namedRow), namedHead + lines("{d}.01.2026 10:00:00,192.0.2.{n},44{n},{m}\n"), true},
		{"milliseconds", epochParser, "ip,ts\n" + lines("192.0.2.{n},17680000{d}\n"), "ip,ts\n" + lines("192.0.2.{n},17680000{d}000\n"), false},
		{"records elsewhere", jsonParser, good, document(lines(jsonRow), `{"result":{"items":[`, `]}}`), false},
		{"JSON lines", jsonParser, good, strings.ReplaceAll(lines(jsonRow), "},", "}\n"), false},
		{"key renamed", jsonParser, good, strings.ReplaceAll(good, `"ip"`, `"ip_addr"`), false},
		{"key nested", jsonParser, good, document(lines(`{"seen":"2026-01-{d}T10:00:00Z","host":{"ip":"192.0.2.{n}"},"score":{n}},`), `{"data":[`, `]}`), false},
		{"all keys nested", jsonParser, good, document(lines(`{"event":`+strings.TrimSuffix(jsonRow, ",")+`},`), `{"data":[`, `]}`), false},
		{"XML instead of JSON", jsonParser, good, "<list>" + lines("<e><seen>2026-01-{d}T10:00:00Z</seen><ip>192.0.2.{n}</ip><score>{n}</score></e>") + "</list>", false},
	} {
		t.Run(x.name, func(t *testing.T) {
			spec := parser(t, x.parser)
			found, err := Search(context.Background(), &Problem{Spec: spec, Good: []byte(x.good), GoodMeta: meta, Bad: []byte(x.bad), BadMeta: meta})
			if err != nil {
				t.Fatal(err)
			}
			if len(found) == 0 {
				t.Fatal("nothing was found")
			}
			p := &found[0]
			if want, got := events(t, spec, x.good), events(t, p.Spec, x.bad); want != got {
				t.Errorf("the changed Parser (%s) gives\n%s\nwant\n%s", p.Patch, got, want)
			}
			if p.Safe != x.safe {
				t.Errorf("safe: %v, want %v (%v)", p.Safe, x.safe, p.Changes)
			}
			if patched := apply(t, spec, p.Patch); events(t, patched, x.bad) != events(t, p.Spec, x.bad) {
				t.Errorf("the patch %s does not make the Parser of the proposal", p.Patch)
			}
			if p.Confidence <= 0.5 || p.Confidence > 1 || len(p.Changes) == 0 || p.Events != 9 || p.Rejected != 0 {
				t.Errorf("%+v", p.Repair)
			}
		})
	}
}

// What the Parser, as it is, reads as it should is not changed.
func TestNothingIsProposedWhereNothingHasToChange(t *testing.T) {
	good := document(lines(jsonRow), `{"data":[`, `]}`)
	for _, x := range []struct{ name, parser, good, bad string }{
		{"the same format", namedParser, namedHead + lines(namedRow), namedHead + lines("2026-01-{d} 11:00:00,198.51.100.{n},44{n},{m}\n")},
		{"header in capitals", namedParser, namedHead + lines(namedRow), strings.ToUpper(namedHead) + lines(namedRow)},
		{"quotes", namedParser, namedHead + lines(namedRow), namedHead + lines(`"2026-01-{d} 10:00:00","192.0.2.{n}","44{n}","{m}"`+"\n")},
		{"value in a list", jsonParser, good, document(lines(`{"seen":"2026-01-{d}T10:00:00Z","ip":["192.0.2.{n}"],"score":{n}},`), `{"data":[`, `]}`)},
	} {
		t.Run(x.name, func(t *testing.T) {
			found, err := Search(context.Background(), &Problem{Spec: parser(t, x.parser), Good: []byte(x.good), GoodMeta: meta, Bad: []byte(x.bad), BadMeta: meta})
			if err != nil || len(found) > 0 {
				t.Errorf("%v, %+v", err, found)
			}
		})
	}
}

// A repair changes only what has to change.
func TestARepairChangesNoMoreThanItHasTo(t *testing.T) {
	good := namedHead + lines(namedRow)
	for _, x := range []struct{ name, parser, good, bad, patch string }{
		{"delimiter", namedParser, good, strings.ReplaceAll(good, ",", "|"), `{"input":{"csv":{"delimiter":"|"}}}`},
		{"delimiter, and a comment that the Parser knows", strings.Replace(namedParser, "csv: {}", `csv: {comment: "#", quote: "'"}`, 1), good,
			"# terms\n" + strings.ReplaceAll(good, ",", ";"), `{"input":{"csv":{"delimiter":";"}}}`},
		{"a comment on top", namedParser, good, "# terms\n" + good, `{"input":{"csv":{"comment":"#"}}}`},
		{"a word for nothing", namedParser, good, strings.ReplaceAll(good, ",443,", ",N/A,"), `{"mapping":[{"field":"time","from":["seen"]},` +
			`{"field":"ip","from":["ip"],"required":true},{"field":"dport","from":["port"],"nulls":["N/A"]},{"field":"name","from":["malware"]}]}`},
		{"records elsewhere", jsonParser, document(lines(jsonRow), `{"data":[`, `]}`), document(lines(jsonRow), `{"items":[`, `]}`), `{"input":{"json":{"records":"items"}}}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			found, err := Search(context.Background(), &Problem{Spec: parser(t, x.parser), Good: []byte(x.good), GoodMeta: meta, Bad: []byte(x.bad), BadMeta: meta})
			if err != nil || len(found) == 0 {
				t.Fatalf("%v, %d proposals", err, len(found))
			}
			if found[0].Patch != x.patch || len(found[0].Changes) > 2 {
				t.Errorf("%s: %v; want %s", found[0].Patch, found[0].Changes, x.patch)
			}
		})
	}
}

// What cannot be known is not proposed.
func TestWhatCannotBeKnownIsNotProposed(t *testing.T) {
	for _, x := range []struct{ name, parser, good, bad string }{
		{"day or month", namedParser, namedHead + lines(namedRow), namedHead + lines("0{n}/0{n}/2025 10:00,192.0.2.{n},44{n},{m}\n")},
		{"the required column is gone", namedParser, namedHead + lines(namedRow), "seen,port,malware\n" + lines("2026-01-{d} 10:00:00,44{n},{m}\n")},
		{"a page", namedParser, namedHead + lines(namedRow), "<html><title>403</title></html>"},
		{"an error", jsonParser, document(lines(jsonRow), `{"data":[`, `]}`), `{"error":"unauthorized"}`},
		{"text instead of addresses", namedParser, namedHead + lines(namedRow), namedHead + lines("2026-01-{d} 10:00:00,nothing,44{n},{m}\n")},
		{"nothing", namedParser, namedHead + lines(namedRow), ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			found, err := Search(context.Background(), &Problem{Spec: parser(t, x.parser), Good: []byte(x.good), GoodMeta: meta, Bad: []byte(x.bad), BadMeta: meta})
			if err != nil || len(found) > 0 {
				t.Errorf("%v, %d proposals", err, len(found))
				for _, p := range found {
					t.Log(p.Patch, p.Changes)
				}
			}
		})
	}
}

// Two columns of one kind without names or values that speak for one are left alone.
func TestPositionAloneProvesNothing(t *testing.T) {
	const twins = `
input: {csv: {header: None, columns: [src, dst, seen]}}
mapping:
  - {field: ip, from: [src], required: true}
  - {field: dip, from: [dst]}
  - {field: time, from: [seen]}
constants: {category: scanning}
`
	good := lines("192.0.2.{n},198.51.100.{n},2026-01-{d} 10:00:00\n")
	found, err := Search(context.Background(), &Problem{Spec: parser(t, twins), Good: []byte(good), GoodMeta: meta, BadMeta: meta,
		Bad: []byte(lines("x,203.0.113.{n},203.0.113.1{n},2026-01-{d} 10:00:00\n"))})
	if err != nil || len(found) > 0 {
		t.Errorf("without values: %v, %+v", err, found)
	}
	// The same addresses again tell which is which.
	found, err = Search(context.Background(), &Problem{Spec: parser(t, twins), Good: []byte(good), GoodMeta: meta, BadMeta: meta,
		Bad: []byte(lines("198.51.100.{n},192.0.2.{n},2026-01-{d} 10:00:00\n"))})
	if err != nil || len(found) == 0 || !strings.Contains(found[0].Patch, `["dst","src","seen"]`) {
		t.Errorf("with values: %v, %+v", err, found)
	}
}

// A packed payload is for the FeedSource to unpack; the Parser may be right.
func TestAPackedPayloadIsToBeUnpacked(t *testing.T) {
	spec := parser(t, namedParser)
	found, err := Search(context.Background(), &Problem{Spec: spec, Good: []byte(namedHead + lines(namedRow)), GoodMeta: meta,
		Bad: gz(t, namedHead+lines(namedRow)), BadMeta: meta})
	if err != nil || len(found) == 0 || found[0].Patch != "" || found[0].Safe || !strings.Contains(found[0].Changes[0], "unpack") {
		t.Errorf("%v, %+v", err, found)
	}
}

func parser(t testing.TB, text string) *v1alpha1.ParserSpec {
	t.Helper()
	var spec v1alpha1.ParserSpec
	if err := yaml.UnmarshalStrict([]byte(text), &spec); err != nil {
		t.Fatal(err)
	}
	return &spec
}

// events are those of a payload, without their ids.
func events(t *testing.T, spec *v1alpha1.ParserSpec, payload string) string {
	t.Helper()
	p, err := parse.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	var s collected
	if _, err := p.Parse(context.Background(), strings.NewReader(payload), meta, &s, nil); err != nil {
		t.Fatal(err)
	}
	return s.String()
}

type collected struct{ strings.Builder }

func (c *collected) Event(e *event.Event) error {
	c.Write(event.AppendJSON(nil, e))
	c.WriteByte('\n')
	return nil
}

func (c *collected) Reject(*parse.Rejection) error { return nil }

func apply(t *testing.T, spec *v1alpha1.ParserSpec, patch string) *v1alpha1.ParserSpec {
	t.Helper()
	out, err := extend.Merge(spec, patch)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
