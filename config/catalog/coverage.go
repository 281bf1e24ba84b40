package catalog

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed coverage.yaml
var coverageYAML []byte

// Coverage compares the catalogue with a list of feeds of somebody else.
type Coverage struct {
	List string        // whose list it is
	Rows []CoverageRow // one for each of its entries
}

// CoverageRow is an entry of the list, and what has become of it.
type CoverageRow struct {
	Feed string   // as the list calls it
	As   []string // feeds of the catalogue; empty if it was left out
	Note string   // why it was left out, or what differs
}

// LoadCoverage returns the comparisons. It is an error if one names a feed that the
// catalogue does not have, or leaves one out without a reason.
func LoadCoverage(feeds []Feed) ([]Coverage, error) {
	var lists []Coverage
	if err := yaml.UnmarshalStrict(coverageYAML, &lists); err != nil {
		return nil, fmt.Errorf("coverage.yaml: %w", err)
	}
	for _, l := range lists {
		for _, r := range l.Rows {
			if len(r.As) == 0 && r.Note == "" {
				return nil, fmt.Errorf("coverage.yaml: %s: %s: has neither feeds nor a reason", l.List, r.Feed)
			}
			for _, name := range r.As {
				if !slices.ContainsFunc(feeds, func(f Feed) bool { return f.Name == name }) {
					return nil, fmt.Errorf("coverage.yaml: %s: %s: there is no feed %q", l.List, r.Feed, name)
				}
			}
		}
	}
	return lists, nil
}

// CoveragePage is the page of the documentation that shows the comparisons.
func CoveragePage(lists []Coverage) []byte {
	var b strings.Builder
	b.WriteString(coverageHead)
	for _, l := range lists {
		have := 0
		for _, r := range l.Rows {
			if len(r.As) > 0 {
				have++
			}
		}
		fmt.Fprintf(&b, "\n## %s\n\n%d of %d are here.\n\n| Feed | Here as | Note |\n|---|---|---|\n", l.List, have, len(l.Rows))
		for _, r := range l.Rows {
			as := "left out"
			if len(r.As) > 0 {
				as = strings.Join(r.As, ", ")
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", cell(r.Feed), as, cell(r.Note))
		}
	}
	return []byte(b.String())
}

const coverageHead = `# Coverage

What has become of the feeds that other platforms bring ready-made. This page is made of
[config/catalog/coverage.yaml](../config/catalog/coverage.yaml) by ` + "`go run ./hack/catalog`" + `; the feeds themselves are in the
[catalogue](catalog.md).
`
