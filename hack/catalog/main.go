// Command catalog writes docs/catalog.md and docs/catalog-coverage.md from
// config/catalog. Run it in the root of the repository. With -stats it prints
// figures instead.
package main

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/weir-project/weir/config/catalog"
)

func main() {
	stats := flag.Bool("stats", false, "print figures of the catalogue instead of writing its pages")
	flag.Parse()
	if err := run(*stats); err != nil {
		fmt.Fprintln(os.Stderr, "catalog:", err)
		os.Exit(1)
	}
}

func run(stats bool) error {
	feeds, err := catalog.Load()
	if err != nil {
		return err
	}
	if stats {
		printStats(catalog.Measure(feeds))
		return nil
	}
	coverage, err := catalog.LoadCoverage(feeds)
	if err != nil {
		return err
	}
	if err := os.WriteFile("docs/catalog.md", catalog.Page(feeds), 0o644); err != nil {
		return err
	}
	return os.WriteFile("docs/catalog-coverage.md", catalog.CoveragePage(coverage), 0o644)
}

func printStats(s catalog.Stats) {
	fmt.Printf("%d feeds of %d providers, %d Parsers\n", s.Feeds, s.Providers, s.Parsers)
	fmt.Printf("lines of mapping a Parser: median %d, mean %.1f, most %d\n", s.Median, s.Mean, s.Most)
	for _, name := range slices.Sorted(maps.Keys(s.Formats)) {
		fmt.Printf("%-10s %d\n", name, s.Formats[name])
	}
}
