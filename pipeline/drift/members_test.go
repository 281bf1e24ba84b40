package drift_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/status"
)

const tagged = `
input: {csv: {delimiter: "\t", header: None, columns: [ip, tags]}}
mapping:
- {field: ip, from: [ip], required: true}
- {field: extra.tags, from: [tags]}
constants: {category: cnc}
`

const taggedJSON = `
input: {jsonLines: {}}
mapping:
- {field: ip, from: [ip], required: true}
- {field: extra.tags, from: [tags]}
constants: {category: cnc}
`

func TestListsWithAnotherSeparatorOrOrder(t *testing.T) {
	words := strings.Fields("elf exe doc phishing botnet loader arm opendir stealer geofenced wget zip dll js mozi mirai ua hta lnk iso")
	list := func(sep string, change func([]string)) func(r *rand.Rand) string {
		return func(r *rand.Rand) string {
			tags := make([]string, 1+r.IntN(4))
			for i, k := range r.Perm(len(words))[:len(tags)] {
				tags[i] = words[k]
			}
			change(tags)
			return strings.Join(tags, sep)
		}
	}
	none, sorted := func([]string) {}, func(tags []string) { slices.Sort(tags) }
	constant := func(text string) func(*rand.Rand) string { return func(*rand.Rand) string { return text } }
	quoted := func(of func(*rand.Rand) string) func(*rand.Rand) string {
		return func(r *rand.Rand) string { return `["` + of(r) + `"]` }
	}
	prose := func(seed string) func(*rand.Rand) string {
		return func(r *rand.Rand) string {
			return fmt.Sprintf("Seen by %s%d, %s and others; %s", seed, r.IntN(1000), words[r.IntN(len(words))], words[r.IntN(len(words))])
		}
	}
	for _, tc := range []struct {
		name, spec, row string
		before, after   func(*rand.Rand) string
		code, sentence  string
	}{
		{"nothing new", tagged, "$a\t%s", list(",", none), list(",", none), "", ""},
		{"in alphabetic order", tagged, "$a\t%s", list(",", none), list(",", sorted), drift.CodeMemberOrder,
			`The values in a cell of column "tags" are in alphabetic order now, in `},
		{"no longer in alphabetic order", tagged, "$a\t%s", list(", ", sorted), list(", ", none), drift.CodeMemberOrder,
			`The values in a cell of column "tags" were in alphabetic order, in `},
		{"always in alphabetic order", tagged, "$a\t%s", list(";", sorted), list(";", sorted), "", ""},
		{"an array in alphabetic order", taggedJSON, `{"ip":"$a","tags":%s}`, quoted(list(`","`, none)), quoted(list(`","`, sorted)), drift.CodeMemberOrder,
			`of column "tags" are in alphabetic order now`},
		{"another separator", tagged, "$a\t%s", list(",", none), list(";", none), drift.CodeSeparator,
			`Column "tags" had "," between several values in `},
		{"a bar for a separator", tagged, "$a\t%s", list("; ", none), list("|", none), drift.CodeSeparator, `it has "|" in `},
		{"one list for another", tagged, "$a\t%s", constant("phishing,botnet"), constant("botnet,phishing"), "", ""},
		{"sentences", tagged, "$a\t%s", prose("a"), prose("b"), "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l, r := lensOf(t, tc.spec), rand.New(rand.NewPCG(1, 2))
			payload := func(of func(*rand.Rand) string) string {
				var b strings.Builder
				for range 120 {
					b.WriteString(rows(1, fmt.Sprintf(tc.row, of(r))))
				}
				return b.String()
			}
			base := baselineOf(t, l, payload(tc.before), payload(tc.before), payload(tc.before))
			found := drift.Compare(base, learn(t, l, payload(tc.after)))
			found = slices.DeleteFunc(found, func(f status.Finding) bool { return f.Code == drift.CodeVocabulary })
			switch {
			case tc.code == "" && len(found) > 0:
				t.Errorf("told: %s", sentences(found))
			case tc.code != "" && (len(found) != 1 || found[0].Code != tc.code || found[0].Class != drift.ClassSemantic ||
				found[0].Path != "tags" || !strings.Contains(found[0].Sentence, tc.sentence)):
				t.Errorf("told %v, want %s: %s", found, tc.code, tc.sentence)
			}
		})
	}
}

func TestEventsThatEndBeforeTheyBegin(t *testing.T) {
	const spec = `
input: {csv: {header: None, columns: [first, last, ip]}}
mapping:
- {field: time, from: [first]}
- {field: last_seen, from: [last]}
- {field: ip, from: [ip], required: true}
constants: {category: cnc}
`
	ends := func(of, reversed int) string {
		var b strings.Builder
		for i := range of {
			first, last := "2025-05-01 10:00:00", "2025-05-01 12:00:00"
			if i < reversed {
				first, last = last, first
			}
			fmt.Fprintf(&b, "%s,%s,198.51.100.%d\n", first, last, i)
		}
		return b.String()
	}
	for _, tc := range []struct {
		before, after int
		told          bool
	}{
		{0, 0, false}, {0, 10, false}, {0, 50, true}, {2, 40, true}, {25, 50, false}, {50, 0, false},
	} {
		l := lensOf(t, spec)
		found := drift.Compare(baselineOf(t, l, ends(50, tc.before)), learn(t, l, ends(50, tc.after)))
		if told := len(found) > 0; told != tc.told || told && (found[0].Class != drift.ClassSemantic || found[0].Path != "first") {
			t.Errorf("%d of 50 before, %d now: %s", tc.before, tc.after, sentences(found))
		}
	}
}
