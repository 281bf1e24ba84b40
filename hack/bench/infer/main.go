// Command infer measures weir infer: it drafts a Parser for every feed of the
// catalogue from the feed's examples alone, and compares the events of the draft
// with those of the catalogue's own Parser.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/config/catalog"
)

func main() {
	verbose := flag.Bool("v", false, "print each difference")
	only := flag.String("only", "", "part of the names of Parsers")
	examples := flag.String("examples", "", "folder of Parsers with examples, instead of the catalogue")
	draft := flag.String("show", "", "name of a Parser: print its draft and every choice")
	flag.Parse()
	if err := bench(*examples, *only, *draft, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "infer:", err)
		os.Exit(1)
	}
}

func bench(examples, only, draft string, verbose bool) error {
	feeds, err := catalog.Load()
	if examples != "" {
		feeds, err = parsersOf(examples)
	}
	if err != nil {
		return err
	}
	if draft != "" {
		return show(os.Stdout, feeds, draft)
	}
	report(measure(feeds, only), verbose)
	return nil
}

// parsersOf reads the Parsers of a folder.
func parsersOf(dir string) ([]catalog.Feed, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var out []catalog.Feed
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for doc := range strings.SplitSeq(string(data), "\n---\n") {
			var f catalog.Feed
			if err := yaml.Unmarshal([]byte(doc), &f.Parser); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			if f.Parser.Kind == "Parser" && f.Parser.Spec.Base == nil {
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// measure compares all Parsers, once each.
func measure(feeds []catalog.Feed, only string) []*result {
	seen := map[string]bool{}
	var out []*result
	for i := range feeds {
		f := &feeds[i]
		if seen[f.Parser.Name] || !strings.Contains(f.Parser.Name, only) {
			continue
		}
		seen[f.Parser.Name] = true
		if r := compare(f); r != nil {
			out = append(out, r)
		}
	}
	return out
}

// tally counts verdicts.
type tally struct {
	all    [4]int // of all columns
	fields [4]int // of those that the catalogue has a field for
	failed int
	feeds  int
}

func (t *tally) add(r *result) {
	t.feeds++
	if r.failed != nil {
		t.failed++
	}
	for _, u := range r.units {
		t.all[u.verdict]++
		if !u.extra {
			t.fields[u.verdict]++
		}
	}
}

func share(n [4]int, v verdict) float64 {
	sum := n[0] + n[1] + n[2] + n[3]
	return 100 * float64(n[v]) / float64(max(sum, 1))
}

func totals(results []*result) (all tally, byFormat map[string]*tally, category [4]int) {
	byFormat = map[string]*tally{}
	for _, r := range results {
		all.add(r)
		if byFormat[r.format] == nil {
			byFormat[r.format] = &tally{}
		}
		byFormat[r.format].add(r)
		if r.failed == nil {
			category[r.category]++
		}
	}
	return all, byFormat, category
}

func report(results []*result, verbose bool) {
	all, byFormat, category := totals(results)
	var took time.Duration
	for _, r := range results {
		took += r.took
	}
	fmt.Printf("%-12s %6s %7s | %28s | %28s\n", "", "", "", "all columns", "fields of the event")
	fmt.Printf("%-12s %6s %7s | %7s %6s %6s %6s | %7s %6s %6s %6s\n", "format", "feeds", "failed", "right", "asked", "missed", "wrong", "right", "asked", "missed", "wrong")
	row := func(name string, t *tally) {
		fmt.Printf("%-12s %6d %7d | %6.1f%% %5.1f%% %5.1f%% %5.1f%% | %6.1f%% %5.1f%% %5.1f%% %5.1f%%\n", name, t.feeds, t.failed,
			share(t.all, right), share(t.all, asked), share(t.all, missed), share(t.all, wrong),
			share(t.fields, right), share(t.fields, asked), share(t.fields, missed), share(t.fields, wrong))
	}
	for _, f := range slices.Sorted(maps.Keys(byFormat)) {
		row(f, byFormat[f])
	}
	row("all", &all)
	fmt.Printf("%d columns, %d of them fields of the event; %.1f ms a feed\n", sum(all.all), sum(all.fields), took.Seconds()*1000/float64(max(len(results), 1)))
	fmt.Printf("category: right %.1f%%, asked %.1f%%, wrong %.1f%%\n", share(category, right), share(category, asked), share(category, wrong))
	lists := kinds(results)
	fmt.Printf("lists (%d): right %.1f%%, asked %.1f%%, missed %.1f%%, wrong %.1f%%\n", sum(lists), share(lists, right), share(lists, asked), share(lists, missed), share(lists, wrong))
	more, events, questions := 0, 0, 0
	for _, r := range results {
		more, events, questions = more+r.more, events+r.events, questions+r.questions
	}
	fmt.Printf("records: %d events; %d more of records that the catalogue passes over\n", events, more)
	fmt.Printf("questions: %.1f a feed\n", float64(questions)/float64(max(len(results), 1)))
	worst(results, verbose)
}

// kinds counts, of the Parsers that one of both has as a Blacklist, those that both
// have.
func kinds(results []*result) (n [4]int) {
	for _, r := range results {
		if r.failed == nil && r.listed {
			n[r.kind]++
		}
	}
	return n
}

func sum(n [4]int) int { return n[0] + n[1] + n[2] + n[3] }

func (r *result) bad() int {
	n := 0
	if r.failed != nil {
		n += 100
	}
	for _, u := range r.units {
		n += [4]int{0, 1, 2, 5}[u.verdict]
	}
	return n
}

func worst(results []*result, verbose bool) {
	slices.SortStableFunc(results, func(a, b *result) int { return b.bad() - a.bad() })
	fmt.Println("\nthe worst:")
	for i, r := range results {
		if r.bad() == 0 && (!verbose || r.category != wrong && r.kind == right) || !verbose && i == 12 {
			continue
		}
		if !verbose && i > 12 {
			break
		}
		r.print()
	}
}

// print tells all that is not right.
func (r *result) print() {
	fmt.Printf("  %s (%s)\n", r.name, r.format)
	if r.failed != nil {
		fmt.Printf("      failed: %v\n", r.failed)
	}
	for _, u := range r.units {
		if u.verdict != right {
			fmt.Printf("      %-7s %s: %s\n", verdictNames[u.verdict], u.about, u.detail)
		}
	}
	if r.more > 0 {
		fmt.Printf("      %d events of records that the catalogue passes over\n", r.more)
	}
	if r.listed && r.kind != right {
		fmt.Printf("      %-7s kind\n", verdictNames[r.kind])
	}
	if r.category != right {
		fmt.Printf("      %-7s category: %s\n", verdictNames[r.category], r.chosen)
	}
}
