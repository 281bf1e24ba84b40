package repair

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/parse"
)

// Where two columns could be the one that is gone, both are offered, the likelier first;
// the counterpart of the column is none of them.
func TestCloseSolutionsAreOfferedInOrder(t *testing.T) {
	const parsers = `
input: {csv: {}}
mapping:
  - {field: time, from: [seen]}
  - {field: ip, from: [src_ip], required: true}
constants: {category: cnc}
`
	good := "seen,src_ip\n" + lines("2026-01-{d} 10:00:00,192.0.2.{n}\n")
	bad := "seen,src_addr,remote_ip,dst_ip\n" + lines("2026-01-{d} 11:00:00,198.51.100.{n},203.0.113.{n},203.0.113.1{n}\n")
	found, err := Search(context.Background(), &Problem{Spec: parser(t, parsers), Good: []byte(good), GoodMeta: meta, Bad: []byte(bad), BadMeta: meta})
	if err != nil || len(found) != 2 {
		t.Fatalf("%v, %d proposals", err, len(found))
	}
	for i := range found {
		p := &found[i]
		if i > 0 && p.Confidence >= found[i-1].Confidence {
			t.Errorf("%d is not less sure than the one before: %v, %v", i+1, p.Confidence, found[i-1].Confidence)
		}
		if p.Safe || p.Confidence > 0.8 || strings.Contains(p.Patch, "dst_ip") {
			t.Errorf("%d: safe %v, confidence %v, %s", i+1, p.Safe, p.Confidence, p.Patch)
		}
		if given := events(t, p.Spec, bad); i > 0 && given == events(t, found[i-1].Spec, bad) {
			t.Errorf("%d gives what the one before gives", i+1)
		}
	}
}

// first is the patch of the first proposal.
func first(t *testing.T, p *Problem) string {
	t.Helper()
	found, err := Search(context.Background(), p)
	if err != nil || len(found) == 0 {
		t.Fatalf("%v, %d proposals", err, len(found))
	}
	return found[0].Patch
}

// What a format brings is changed by a rule of the Parser's own.
func TestAParserOfAVocabularyIsMended(t *testing.T) {
	const stixParser = "input: {stix: {}}\n"
	object := func(name, from string) string {
		return `{"type":"indicator","id":"indicator--11592b70-697e-4128-aad6-2c395a9c5a2{n}","created":"2026-01-{d}T10:00:00Z","modified":"2026-01-{d}T10:00:00Z",` +
			`"name":"` + name + `","pattern_type":"stix","pattern":"[ipv4-addr:value = '192.0.2.{n}']","valid_from":"` + from + `"},`
	}
	bundle := func(name, from string) string {
		return document(lines(object(name, from)), `{"type":"bundle","id":"bundle--7f1d5c1c-9a43-4a0e-a6a4-33b0f2f2c001","objects":[`, `]}`)
	}
	good := bundle("{m}", "2026-01-{d}T10:00:00Z")
	halved := strings.Replace(strings.Replace(good, `"name":"qakbot"`, `"name":"NULL"`, 2), `"name":"dridex"`, `"name":"NULL"`, 2)
	for _, x := range []struct{ name, bad, want string }{
		{"packed", string(gz(t, good)), ""},
		{"a word for nothing in a time", strings.ReplaceAll(good, `"valid_from":"2026-01-11T10:00:00Z"`, `"valid_from":"unknown"`),
			`{"mapping":[{"field":"time","from":["first_observed","valid_from","modified","created"],"nulls":["unknown"]}]}`},
		{"a word for nothing in names", halved, `"nulls":["NULL"]`},
		{"another character set", strings.ReplaceAll(good, "emotet", "\xfcmotet"), `{"input":{"charset":"windows-1252"}}`},
	} {
		t.Run(x.name, func(t *testing.T) {
			patch := first(t, &Problem{Spec: parser(t, stixParser), Good: []byte(good), GoodMeta: meta, Bad: []byte(x.bad), BadMeta: meta})
			if !strings.Contains(patch, x.want) || x.want == "" && patch != "" {
				t.Errorf("%s; want %s", patch, x.want)
			}
			if x.name == "a word for nothing in names" && strings.Contains(events(t, apply(t, parser(t, stixParser), patch), x.bad), "NULL") {
				t.Error("the word is still taken for a name")
			}
		})
	}
}

// A word that a column always had is a value there.
func TestAWordThatWasAlwaysThereIsNoNothing(t *testing.T) {
	row := "2026-01-{d} 10:00:00,192.0.2.{n},44{n},unknown\n"
	bad := strings.ReplaceAll(namedHead+lines(row), ",", ";")
	if got := first(t, &Problem{Spec: parser(t, namedParser), Good: []byte(namedHead + lines(row)), GoodMeta: meta, Bad: []byte(bad), BadMeta: meta}); got != `{"input":{"csv":{"delimiter":";"}}}` {
		t.Error(got)
	}
}

// How old times were tells the day from the month, where both could be.
func TestTheAgeOfTimesTellsTheDayFromTheMonth(t *testing.T) {
	at := func(day int) parse.Meta {
		m := meta
		m.Collected = time.Date(2026, 4, day, 12, 0, 0, 0, time.UTC)
		return m
	}
	good := namedHead + lines("2026-04-02 1{n}:00:00,192.0.2.{n},44{n},{m}\n")
	for _, x := range []struct{ written, layout string }{{"03/04/2026", "%d/%m/%Y"}, {"04/03/2026", "%m/%d/%Y"}} {
		bad := namedHead + lines(x.written+" 0{n}:00:00,192.0.2.{n},44{n},{m}\n")
		patch := first(t, &Problem{Spec: parser(t, namedParser), Good: []byte(good), GoodMeta: at(2), Bad: []byte(bad), BadMeta: at(3)})
		if !strings.Contains(patch, x.layout) {
			t.Errorf("%s is read with %s", x.written, patch)
		}
	}
}

// What is known of the payload, and the key of a record, are no columns that could be
// gone.
func TestTheFilesNameAndTheKeysAreStillRead(t *testing.T) {
	const keyed = `
input: {json: {records: "data.*"}}
mapping:
  - {field: time, from: [seen]}
  - {field: ip, from: [$key], required: true}
  - {field: name, from: [malware]}
  - {field: extra.report, from: [$meta.basename], required: true}
constants: {category: cnc}
`
	m := meta
	m.Filename = "report.json"
	row := `"192.0.2.{n}":{"seen":"2026-01-{d}T10:00:00Z","malware":"{m}"},`
	good := document(lines(row), `{"data":{`, `}}`)
	for name, x := range map[string]struct{ bad, want string }{
		"a key renamed":   {strings.ReplaceAll(good, `"malware"`, `"family"`), `["malware","family"]`},
		"records moved":   {strings.ReplaceAll(good, `{"data"`, `{"result"`), `{"input":{"json":{"records":"result.*"}}}`},
		"a list, no keys": {document(lines(`{"ip":"192.0.2.{n}","seen":"2026-01-{d}T10:00:00Z","malware":"{m}"},`), `{"data":[`, `]}`), `["$key","ip"]`},
	} {
		t.Run(name, func(t *testing.T) {
			patch := first(t, &Problem{Spec: parser(t, keyed), Good: []byte(good), GoodMeta: m, Bad: []byte(x.bad), BadMeta: m})
			if !strings.Contains(patch, x.want) {
				t.Errorf("%s; want %s", patch, x.want)
			}
		})
	}
}

// Arrays that came as text are lists again; numbers stay as they are written.
func TestWhatWasAnArrayIsTakenApart(t *testing.T) {
	const tagged = `
input: {jsonLines: {}}
mapping:
  - {field: ip, from: [ip], required: true}
  - {field: extra.tags, from: [tags]}
  - {field: extra.score, from: [score]}
constants: {category: cnc}
`
	good := lines(`{"ip":"192.0.2.{n}","tags":["exe","{m}"],"score":{n}.50}` + "\n")
	bad := "ip,tags,score\n" + lines("192.0.2.{n},\"exe,{m}\",{n}.50\n")
	found := first(t, &Problem{Spec: parser(t, tagged), Good: []byte(good), GoodMeta: meta, Bad: []byte(bad), BadMeta: meta})
	if got, want := events(t, apply(t, parser(t, tagged), found), bad), events(t, parser(t, tagged), good); got != want {
		t.Errorf("%s gives\n%s\nwant\n%s", found, got, want)
	}
}

// Columns of the same few words are not swapped because a small payload has others.
func TestColumnsOfTheSameWordsStayInPlace(t *testing.T) {
	words := []string{"emotet", "qakbot", "dridex", "mirai", "njrat", "remcos", "gafgyt", "heodo", "icedid", "lokibot", "redline", "xmrig"}
	r := rand.New(rand.NewPCG(1, 2))
	rows := func() string {
		var b strings.Builder
		for i := range 9 {
			fmt.Fprintf(&b, "2026-01-1%d 10:00:00,192.0.2.%d,44%d,%s,%s\n", i, i, i, words[r.IntN(len(words))], words[r.IntN(len(words))])
		}
		return b.String()
	}
	wrong := 0
	for range 40 {
		found, err := Search(context.Background(), &Problem{Spec: parser(t, namedParser), Good: []byte("seen,ip,port,malware,second\n" + rows()), GoodMeta: meta,
			Bad: []byte(rows()), BadMeta: meta})
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 || !strings.Contains(found[0].Patch, `["seen","ip","port","malware","second"]`) {
			wrong++
		}
	}
	if wrong > 0 {
		t.Errorf("%d of 40 are wrong", wrong)
	}
}
