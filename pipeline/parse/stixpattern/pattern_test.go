package stixpattern

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// show writes a tree with all its parentheses.
func show(o *Observation) string {
	var s string
	if o.Comparison != nil {
		s = "[" + showComparison(o.Comparison) + "]"
	} else {
		var parts []string
		for _, p := range o.Parts {
			parts = append(parts, show(p))
		}
		s = "(" + strings.Join(parts, " "+o.Join+" ") + ")"
	}
	for _, q := range o.Qualifiers {
		s += "{" + q + "}"
	}
	return s
}

func showComparison(c *Comparison) string {
	if c.Join != "" {
		var parts []string
		for _, p := range c.Parts {
			parts = append(parts, showComparison(p))
		}
		return "(" + strings.Join(parts, " "+c.Join+" ") + ")"
	}
	s := c.Path.Type + ":" + c.Path.Property() + " "
	if c.Negated {
		s += "NOT "
	}
	s += string(c.Op)
	for _, v := range c.Values {
		s += fmt.Sprintf(" %d<%s>", v.Kind, v.Text)
	}
	return s
}

func TestPatterns(t *testing.T) {
	for in, want := range map[string]string{
		`[ipv4-addr:value = '198.51.100.1']`:                                                   `[ipv4-addr:value = 0<198.51.100.1>]`,
		`[ipv4-addr:value='198.51.100.1' OR ipv4-addr:value == '198.51.100.2']`:                `[(ipv4-addr:value = 0<198.51.100.1> OR ipv4-addr:value = 0<198.51.100.2>)]`,
		`[a:b = 1 OR a:c = 2 AND a:d = 3]`:                                                     `[(a:b = 1<1> OR (a:c = 1<2> AND a:d = 1<3>))]`,
		`[(a:b = 1 OR a:c = 2) AND a:d = -3]`:                                                  `[((a:b = 1<1> OR a:c = 1<2>) AND a:d = 1<-3>)]`,
		`[file:hashes.'SHA-256' = 'aa' AND file:hashes.MD5 = 'bb']`:                            `[(file:hashes.'SHA-256' = 0<aa> AND file:hashes.MD5 = 0<bb>)]`,
		`[file:hashes.SHA-1 = 'aa']`:                                                           `[file:hashes.'SHA-1' = 0<aa>]`,
		`[network-traffic:dst_ref.value = 'x' AND network-traffic:protocols[*] = 'tcp']`:       `[(network-traffic:dst_ref.value = 0<x> AND network-traffic:protocols[*] = 0<tcp>)]`,
		`[file:extensions.'windows-pebinary-ext'.sections[0].entropy > 7.01]`:                  `[file:extensions.'windows-pebinary-ext'.sections[0].entropy > 2<7.01>]`,
		`[url:value IN ('http://a/', 'http://b/')]`:                                            `[url:value IN 0<http://a/> 0<http://b/>]`,
		`[url:value NOT IN ('http://a/')]`:                                                     `[url:value NOT IN 0<http://a/>]`,
		`[domain-name:value NOT = 'a.example' AND url:value NOT LIKE 'http://%']`:              `[(domain-name:value NOT = 0<a.example> AND url:value NOT LIKE 0<http://%>)]`,
		`[file:name MATCHES '^a\\.exe$' OR file:name LIKE '%.exe' OR file:size >= 10]`:         `[(file:name MATCHES 0<^a\.exe$> OR file:name LIKE 0<%.exe> OR file:size >= 1<10>)]`,
		`[file:name = 'it\'s a \\ path C:\Temp']`:                                              `[file:name = 0<it's a \ path C:\Temp>]`,
		`[ipv4-addr:value ISSUBSET '198.51.100.0/24' AND ipv4-addr:value ISSUPERSET '1/32']`:   `[(ipv4-addr:value ISSUBSET 0<198.51.100.0/24> AND ipv4-addr:value ISSUPERSET 0<1/32>)]`,
		`[EXISTS file:name AND NOT EXISTS file:size]`:                                          `[(file:name EXISTS AND file:size NOT EXISTS)]`,
		`[a:b != true AND a:c <> FALSE]`:                                                       `[(a:b != 3<true> AND a:c != 3<false>)]`,
		`[a:b = t'2026-01-01T00:00:00Z' OR a:c = h'ff00' OR a:d = b'QUFB']`:                    `[(a:b = 4<2026-01-01T00:00:00Z> OR a:c = 5<ff00> OR a:d = 6<QUFB>)]`,
		`[a:b = 1] AND [a:c = 2] OR [a:d = 3] FOLLOWEDBY [a:e = 4]`:                            `((([a:b = 1<1>] AND [a:c = 1<2>]) OR [a:d = 1<3>]) FOLLOWEDBY [a:e = 1<4>])`,
		`([a:b = 1] FOLLOWEDBY [a:c = 2]) WITHIN 300 SECONDS REPEATS 5 TIMES`:                  `([a:b = 1<1>] FOLLOWEDBY [a:c = 1<2>]){WITHIN 300 SECONDS}{REPEATS 5 TIMES}`,
		`[a:b = 1] START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z' OR [a:c = 2]`:    `([a:b = 1<1>]{START t'2026-01-01T00:00:00Z' STOP t'2026-01-02T00:00:00Z'} OR [a:c = 1<2>])`,
		`[a:b = 1] START '2026-01-01T00:00:00Z' STOP '2026-01-02T00:00:00Z'`:                   `[a:b = 1<1>]{START '2026-01-01T00:00:00Z' STOP '2026-01-02T00:00:00Z'}`,
		"[ /* c */ a:b = 1 // x\n and a:c in (1,\t2)\u00a0]":                                   `[(a:b = 1<1> AND a:c IN 1<1> 1<2>)]`,
		`[x-custom-type:'odd name'.ref_[-1].q = 'ż']`:                                          `[x-custom-type:'odd name'.ref_[-1].q = 0<ż>]`,
		`[process:and.in = 'keywords may be names' and windows-registry-key:values[*].t = '']`: `[(process:and.in = 0<keywords may be names> AND windows-registry-key:values[*].t = 0<>)]`,
	} {
		o, err := Parse(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := show(o); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", in, got, want)
		}
	}
}

func TestWhatIsNoPatternIsRefusedWithAReason(t *testing.T) {
	for in, want := range map[string]string{
		``:                             "ends where [ should be",
		`ipv4-addr:value = 'x'`:        "expected [",
		`[ipv4-addr:value = 'x'`:       "ends where ] should be",
		`[ipv4-addr:value = 'x`:        "the quote has no end at byte 19",
		`[ipv4-addr:value = 'x\`:       "the quote has no end",
		`[ipv4-addr = 'x']`:            "expected :",
		`[ipv4-addr: = 'x']`:           "name of a property",
		`[ipv4-addr:value 'x']`:        "an operator such as =",
		`[ipv4-addr:value = x]`:        "expected a value",
		`[a:b IN ()]`:                  "expected a value",
		`[a:b IN ('x' 'y')]`:           "expected )",
		`[a:b LIKE 5]`:                 "LIKE takes text",
		`[a:b > true]`:                 "does not take a boolean",
		`[a:b = 1] [a:c = 2]`:          "expected AND, OR, FOLLOWEDBY or the end",
		`[a:b = 1] WITHIN x SECONDS`:   "expected a number",
		`[a:b = 1] START 5 STOP 6`:     "expected t'...'",
		`[a:b[x] = 1]`:                 "an index or *",
		`[a:b = 99999999999999999999]`: "too large",
		`[NOT a:b = 1]`:                "expected EXISTS",
		`[]`:                           "object path",
		`[a:b = 1 AND]`:                "object path",
		`[a:b = 1 /* x]`:               "the comment has no end",
		`[a:b = §]`:                    "unexpected '§'",
		strings.Repeat("(", 100):       "deeper than 64",
		"[" + strings.Repeat("(", 100) + "a:b = 1":                       "deeper than 64",
		"[a:b = 1" + strings.Repeat(" OR a:b = 1", MaxComparisons) + "]": "more than 10000 comparisons",
	} {
		_, err := Parse(in)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`[ipv4-addr:value = '198.51.100.1' AND network-traffic:dst_port IN (80, 443)]`, `([a:b NOT LIKE 'x\'y'] FOLLOWEDBY [EXISTS a:'c d'[*].e]) WITHIN 5 SECONDS`,
		`[a:b = t'x'] START t'a' STOP t'b' REPEATS 2 TIMES OR [a:b != h'00']`, "[", "[A:A='']STARt!0",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		o, err := Parse(pattern)
		if (o == nil) != (err != nil) {
			t.Fatal(o, err)
		}
		if err == nil {
			show(o)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	const pattern = `[ipv4-addr:value = '198.51.100.1' AND network-traffic:dst_port = 443] OR [file:hashes.'SHA-256' = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']`
	b.SetBytes(int64(len(pattern)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(pattern); err != nil {
			b.Fatal(err)
		}
	}
}
