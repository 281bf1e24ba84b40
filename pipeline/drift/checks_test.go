package drift_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

const twoAddresses = `
input: {csv: {header: None, columns: [seen, src, dst, cves, state]}}
mapping:
- {field: time, from: [seen]}
- {field: ip, from: [src], required: true}
- {field: dip, from: [dst]}
- {field: cves, from: [cves], split: ","}
- {field: extra.state, from: [state]}
constants: {category: cnc}
`

// baselineOf learns payloads one after the other, as a monitor does.
func baselineOf(t *testing.T, l *drift.Lens, payloads ...string) *drift.Profile {
	t.Helper()
	var base *drift.Profile
	for i, payload := range payloads {
		now := learn(t, l, payload)
		if findings := drift.Compare(base, now); drift.Breaking(findings) {
			t.Fatalf("payload %d: %s", i, sentences(findings))
		}
		base = drift.Merge(base, now)
	}
	return base
}

func TestWhatIsWrongWithPartOfAPayloadIsNamed(t *testing.T) {
	table := func(n int) string { return rows(n, "$t,$a,198.51.100.$i,CVE-2024-$p,online") }
	listed := func(n int) string { return rows(n, "$t,$a,198.51.100.$i,\"CVE-2024-$p,CVE-2023-$p\",online") }
	for _, tc := range []struct {
		name           string
		spec           string
		before         []string
		after          string
		code, sentence string
		class          string
	}{
		{
			"the publisher says that the feed is over", bareLines, []string{rows(40, "$a")}, "# This list has been discontinued, see https://example.org/\n",
			drift.CodeRetired, `The feed has no records any more; the publisher says "This list has been discontinued, see https://example.org".`, drift.ClassRetired,
		},
		{
			"a comment among others says so", withHeader, []string{header + rows(40, "$t,$a,$p,online,$m")}, "##########\n# Example   #\n#\n# The list has been deprecated on 2025-01-03\n#\n",
			drift.CodeRetired, `The feed has no records any more; the publisher says "The list has been deprecated on 2025-01-03".`, drift.ClassRetired,
		},
		{
			"one line says so", bareLines, []string{rows(40, "$a")}, "This feed is no longer available\n",
			drift.CodeRetired, `The feed has no records any more`, drift.ClassRetired,
		},
		{
			"an error in a line", bareLines, []string{rows(40, "$a")}, "Error 401: Unauthorized, auth key required\n",
			drift.CodeErrorBody, `There is an error message instead of data: "Error 401: Unauthorized, auth key required".`, drift.ClassBreakingHard,
		},
		{
			"an error in JSON", jsonRecords, []string{items(40, jsonItem)}, `{"error": "quota exceeded", "code": 402}`,
			drift.CodeErrorBody, `There is an error message instead of data`, drift.ClassBreakingHard,
		},
		{
			"the end of JSON is missing", jsonRecords, []string{items(40, jsonItem)}, items(40, jsonItem)[:2000],
			drift.CodeTruncated, `The end of the payload is missing after `, drift.ClassDegraded,
		},
		{
			"the end of a table is missing", withHeader, []string{header + rows(40, "$t,$a,$p,online,$m")}, strings.TrimSuffix(header+rows(40, "$t,$a,$p,online,$m"), ",online,heodo\n"),
			drift.CodeTruncated, `The payload ends in the middle of a line, after 39 records.`, drift.ClassDegraded,
		},
		{
			"everything twice", bareLines, []string{rows(40, "$a")}, rows(40, "$a") + rows(40, "$a"),
			drift.CodeRepeated, `Each of the first records comes exactly once more`, drift.ClassDegraded,
		},
		{
			"another word for nothing", withHeader, []string{header + rows(200, "$t,$a,$p,online,$m")},
			header + rows(100, "$t,$a,$p,online,$m") + rows(20, "$t,NXDOMAIN,$p,online,$m"),
			drift.CodeMarker, `Column "dst_ip" has "NXDOMAIN" in 20 of 120 values; it never had, and it seems to stand for no value. List it under nulls.`,
			drift.ClassDegraded,
		},
		{
			"a word for nothing in a few records", twoAddresses, []string{table(200), table(200)}, table(9) + rows(2, "$t,$a,198.51.100.$i,CVE-2024-$p,n/a"),
			drift.CodeMarker, `Column "state" has "n/a" in 2 of 11 values; it never had, and it seems to stand for no value.`, drift.ClassDegraded,
		},
		{
			"another word in a few records", twoAddresses, []string{table(100)}, table(9) + rows(2, "$t,$a,198.51.100.$i,CVE-2024-$p,parked"),
			drift.CodeWordAdded, `Column "state" has a new value: "parked", in 2 of 11 values.`, drift.ClassAdditive,
		},
		{
			"some values are malformed", withHeader, []string{header + rows(200, "$t,$a,$p,online,$m")},
			header + rows(100, "$t,$a,$p,online,$m") + rows(20, "$t,192.0.2.$i.1,$p,online,$m"),
			drift.CodeKindShare, `Column "dst_ip" held ipv4 in 132 of 132 values; now 20 of 120 are something else ("192.0.2.17.1", for example).`, drift.ClassDegraded,
		},
		{
			"some rows have a cell too many", withHeader, []string{header + rows(400, "$t,$a,$p,online,$m")},
			header + rows(100, "$t,$a,$p,online,$m") + rows(9, "$t,$a,$p,on,line,$m"),
			drift.CodeRejections, `9 of 109 records cannot become events, 0 of 400 could not before`, drift.ClassDegraded,
		},
		{
			"a required value is often missing", withHeader, []string{header + rows(200, "$t,$a,$p,online,$m")},
			header + rows(100, "$t,$a,$p,online,$m") + rows(30, "$t,,$p,online,$m"),
			drift.CodeMissing, `Column "dst_ip" had a value in 132 of 132 records; now 28 of 128 have none; it fills ip.`, drift.ClassDegraded,
		},
		{
			"a word is new", twoAddresses, []string{table(100)}, table(50) + rows(1, "$t,$a,198.51.100.$i,CVE-2024-$p,sinkholed"),
			drift.CodeWordAdded, `Column "state" has a new value: "sinkholed", in 1 of 51 values.`, drift.ClassAdditive,
		},
		{
			"all words are others", twoAddresses, []string{table(100)}, strings.ReplaceAll(table(50), "online", "active"),
			drift.CodeVocabulary, `Column "state" had the values "online" and has "active" in 50 of 50 values now: they may mean something else.`, drift.ClassSemantic,
		},
		{
			"two columns of a kind change places", twoAddresses, []string{table(100)}, rows(100, "$t,198.51.100.$i,$a,CVE-2024-$p,online"),
			drift.CodeColumnsSwapped, `Columns "src" and "dst" changed places: each has the values that the other one had.`, drift.ClassBreakingSilent,
		},
		{
			"another separator", twoAddresses, []string{listed(100)}, rows(50, "$t,$a,198.51.100.$i,CVE-2024-$p;CVE-2023-$p,online"),
			drift.CodeSeparator, `Column "cves" had several values with "," between them in 100 of 100 records; no value has that now, and 50 values have another separator.`,
			drift.ClassBreakingSilent,
		},
		{
			"times to come", withHeader, []string{header + rows(40, "$t,$a,$p,online,$m")}, header + rows(40, "2025-12-0$i 10:00:00,$a,$p,online,$m")[:9*45],
			drift.CodeTimes, ``, drift.ClassBreakingSilent,
		},
		{
			"another delimiter, and a rule that knows a name of old", strings.Replace(withHeader, "[dst_ip]", "[dst_ip, server]", 1),
			[]string{header + rows(40, "$t,$a,$p,online,$m")}, strings.ReplaceAll(header+rows(40, "$t,$a,$p,online,$m"), ",", ";"),
			drift.CodeDelimiter, `The delimiter changed`, drift.ClassBreakingHard,
		},
		{
			"letters of the header", withHeader, []string{header + rows(40, "$t,$a,$p,online,$m")}, "First_Seen, DST_IP ,dst_port,state,malware\n" + rows(40, "$t,$a,$p,online,$m"),
			"", "", "",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := lensOf(t, tc.spec)
			findings := drift.Compare(baselineOf(t, l, tc.before...), learn(t, l, tc.after))
			if tc.code == "" {
				if len(findings) > 0 {
					t.Errorf("findings: %s", sentences(findings))
				}
				return
			}
			if len(findings) == 0 || findings[0].Code != tc.code || !strings.HasPrefix(findings[0].Sentence, tc.sentence) {
				t.Fatalf("findings:\n%s\nwant first: %s: %s", sentences(findings), tc.code, tc.sentence)
			}
			if class := drift.Classify(findings); class != tc.class {
				t.Errorf("class %s, want %s", class, tc.class)
			}
		})
	}
}

// A publisher may go from one name to the other and back.
func TestEitherOfTwoNamesIsTaken(t *testing.T) {
	l := lensOf(t, strings.Replace(jsonRecords, "[host.ip]", "[host.ip, host.address]", 1))
	renamed := strings.ReplaceAll(jsonItem, `"ip"`, `"address"`)
	base := baselineOf(t, l, items(25, renamed), items(25, jsonItem), items(25, jsonItem), items(25, renamed), items(25, jsonItem))
	neither := strings.ReplaceAll(jsonItem, `"ip":"$a"`, `"x":1`)
	if findings := drift.Compare(base, learn(t, l, items(25, neither))); !drift.Breaking(findings) {
		t.Errorf("neither of them: %s", sentences(findings))
	}
}

const jsonItem = `{"seen":"$t","host":{"ip":"$a"},"link":"http://example.com/$i","family":"$m","id":$i}`

// A publisher who changes a little in each payload gets nowhere: what the column
// was when it was adopted stays what it is compared with.
func TestABaselineCannotBeMovedSlowly(t *testing.T) {
	l := lensOf(t, `
input: {csv: {}}
mapping:
- {field: ip, from: [ip], required: true}
- {field: name, from: [family]}
constants: {category: cnc}
`)
	rng := rand.New(rand.NewPCG(1, 2))
	base := baselineOf(t, l, "ip,family\n"+rows(100, "$a,$m"))
	noticed := 0
	for day := range 400 {
		wrong := day * 100 / 400 // percent
		var b strings.Builder
		b.WriteString("ip,family\n")
		for i := range 100 {
			if rng.IntN(100) < wrong {
				fmt.Fprintf(&b, "192.0.2.%d,203.0.113.%d\n", i, rng.IntN(250))
			} else {
				fmt.Fprintf(&b, "192.0.2.%d,emotet\n", i)
			}
		}
		now := learn(t, l, b.String())
		findings := drift.Compare(base, now)
		if len(findings) > 0 {
			noticed++
		}
		if drift.Breaking(findings) {
			if noticed < 2 {
				t.Errorf("day %d: held without a warning: %s", day, sentences(findings))
			}
			return
		}
		base = drift.Merge(base, now)
	}
	t.Errorf("a column of names became one of addresses and nobody held it (%d payloads had findings)", noticed)
}

// A few wrong values in each of many small payloads are noticed all the same, but
// not one that stays.
func TestSmallSharesAddUp(t *testing.T) {
	for name, stays := range map[string]bool{"new records each time": false, "the same records each time": true} {
		t.Run(name, func(t *testing.T) {
			l := lensOf(t, withHeader)
			payload := func(n int, last string) string {
				if stays {
					n = 0
				}
				var b strings.Builder
				for i := range 7 {
					fmt.Fprintf(&b, "2025-05-01 00:00:00,198.51.%d.%d,80,online,emotet\n", n, i)
				}
				return header + b.String() + fmt.Sprintf(last, n)
			}
			var good []string
			for n := range 30 {
				good = append(good, payload(n, "2025-05-01 00:00:00,203.0.113.%d,80,online,emotet\n"))
			}
			base := baselineOf(t, l, good...)
			for n := range 60 {
				now := learn(t, l, payload(30+n, "2025-05-01 00:00:00,host-%d.example,80,online,emotet\n"))
				if findings := drift.Compare(base, now); drift.Classify(findings) == drift.ClassDegraded {
					if n < 2 || stays {
						t.Errorf("payload %d: one wrong value is no reason: %s", n, sentences(findings))
					}
					return
				}
				base = drift.Merge(base, now)
			}
			if !stays {
				t.Error("one wrong value in eight was never noticed")
			}
		})
	}
}

func TestSeedTellsFromExamplesWhatDoesNotFit(t *testing.T) {
	var b strings.Builder
	for i := range 9 {
		fmt.Fprintf(&b, "    2025-05-01 00:00:0%d,192.0.2.%d,80,online,emotet\n", i, i)
	}
	l := lensOf(t, withHeader+"examples:\n- name: some\n  input: |\n    "+header+b.String())
	seed := l.Seed(t.Context())
	if seed == nil {
		t.Fatal("no seed")
	}
	if findings := drift.Compare(seed, learn(t, l, table(9))); len(findings) > 0 {
		t.Errorf("findings: %s", sentences(findings))
	}
	if findings := drift.Compare(seed, learn(t, l, header+rows(9, "$t,$a,$p,online,198.51.100.$i"))); !drift.Breaking(findings) {
		t.Error("addresses where the examples have names")
	}
	if findings := drift.Compare(seed, learn(t, l, header+rows(9, "$t,$a,,,"))); drift.Breaking(findings) {
		t.Errorf("examples do not say how often there is a value: %s", sentences(findings))
	}
	if lensOf(t, withHeader).Seed(t.Context()) != nil {
		t.Error("a seed without examples")
	}
}

// arrivals lets a feed live for a while.
type arrivals struct {
	t    *testing.T
	lens *drift.Lens
	h    drift.History
	at   time.Time
	n    int
	last string
	// told are the findings of the last payload.
	told []status.Finding
}

func (a *arrivals) next(step time.Duration, payload string) []string {
	a.t.Helper()
	a.at = a.at.Add(step)
	a.n++
	again := payload == "same"
	if again {
		payload = a.last
	}
	a.last = payload
	m := meta
	m.Collected = a.at
	now := learnAs(a.t, a.lens, payload, m)
	arrival := drift.Arrival{Collected: a.at, Digest: fmt.Sprint(a.n, payload)}
	if again {
		arrival.Digest = a.h.Flow.Digest
	}
	findings := a.h.Judge(a.h.Baseline, now, arrival)
	a.told = findings
	if !drift.Breaking(findings) {
		a.h.Accept(a.h.Baseline, now, arrival)
	}
	var codes []string
	for _, f := range findings {
		codes = append(codes, f.Code)
	}
	return codes
}

func learnAs(t *testing.T, l *drift.Lens, payload string, m parse.Meta) *drift.Profile {
	t.Helper()
	p, err := l.Learn(t.Context(), strings.NewReader(payload), m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAmountsAndTimesAreComparedWithWhatIsUsual(t *testing.T) {
	lines := func(n int) string { return rows(n, "$a") }
	dated := func(a *arrivals, offset time.Duration) string {
		var b strings.Builder
		for i := range 20 {
			fmt.Fprintf(&b, "%s,192.0.2.%d\n", a.at.Add(time.Hour-time.Duration(3+i)*time.Minute+offset).Format(time.RFC3339), i)
		}
		return b.String()
	}
	const datedSpec = `
input: {csv: {header: None, columns: [seen, ip]}}
mapping:
- {field: time, from: [seen]}
- {field: ip, from: [ip], required: true}
constants: {category: cnc}
`
	weeks := func(a *arrivals, days int) {
		t.Helper()
		for d := range days {
			n := 200 + 10*(d%5)
			if w := a.at.Add(24 * time.Hour).Weekday(); w == time.Saturday || w == time.Sunday {
				n /= 3
			}
			if codes := a.next(24*time.Hour, lines(n)); len(codes) > 0 {
				t.Fatalf("day %d: %v", d, codes)
			}
		}
	}
	for _, tc := range []struct {
		name string
		spec string
		live func(a *arrivals) []string
		want string
	}{
		{"a quiet quarter with weekends", bareLines, func(a *arrivals) []string { weeks(a, 90); return a.next(24*time.Hour, lines(200)) }, "[]"},
		{"one bad day", bareLines, func(a *arrivals) []string { weeks(a, 60); return a.next(24*time.Hour, lines(5)) }, "[]"},
		{"two bad days", bareLines, func(a *arrivals) []string {
			weeks(a, 63)
			a.next(24*time.Hour, lines(5))
			return a.next(24*time.Hour, lines(5))
		}, "[volume]"},
		{"ten times more", bareLines, func(a *arrivals) []string {
			weeks(a, 63)
			a.next(24*time.Hour, lines(2000))
			return a.next(24*time.Hour, lines(2000))
		}, "[]"},
		{"nothing in it", bareLines, func(a *arrivals) []string { weeks(a, 60); return a.next(24*time.Hour, "") }, "[no-records]"},
		{"nothing in it, as sometimes", bareLines, func(a *arrivals) []string {
			weeks(a, 9)
			a.next(24*time.Hour, "")
			weeks(a, 60)
			return a.next(24*time.Hour, "")
		}, "[]"},
		{"the same for a month", bareLines, func(a *arrivals) []string {
			weeks(a, 60)
			for range 4 {
				a.next(24*time.Hour, "same")
			}
			return a.next(24*time.Hour, "same")
		}, "[stale]"},
		{"times in another zone", datedSpec, func(a *arrivals) []string {
			for range 30 {
				if codes := a.next(time.Hour, dated(a, 0)); len(codes) > 0 {
					t.Fatalf("%v", codes)
				}
			}
			return a.next(time.Hour, dated(a, 8*time.Hour))
		}, "[times-moved]"},
		{"summer time", datedSpec, func(a *arrivals) []string {
			for range 30 {
				a.next(time.Hour, dated(a, 0))
			}
			a.next(time.Hour, dated(a, time.Hour))
			return a.next(time.Hour, dated(a, time.Hour))
		}, "[]"},
		{"an outage of three hours", datedSpec, func(a *arrivals) []string {
			for range 30 {
				a.next(time.Hour, dated(a, 0))
			}
			return a.next(time.Hour, dated(a, -3*time.Hour))
		}, "[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := &arrivals{t: t, lens: lensOf(t, tc.spec), at: time.Date(2025, 1, 6, 6, 0, 0, 0, time.UTC)}
			if got := fmt.Sprint(tc.live(a)); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}
