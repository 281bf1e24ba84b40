package catalog

import (
	"slices"
	"strings"
)

// mappingSections are the parts of a Parser's spec that say what a record means.
var mappingSections = []string{"explode", "derive", "skip", "emit", "mapping", "lookups", "constants"}

// MappingLines is how many lines of a Parser a person writes to say what its
// records mean. The format, the kind and the examples are not counted, nor are
// comments and empty lines.
func MappingLines(parserYAML string) int {
	n := 0
	inSpec, counted := false, false
	for line := range strings.Lines(parserYAML) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		switch indent := len(line) - len(strings.TrimLeft(line, " ")); {
		case indent == 0:
			inSpec = text == "spec:"
		case inSpec && indent == 2:
			key, _, _ := strings.Cut(text, ":")
			counted = slices.Contains(mappingSections, key)
		}
		if inSpec && counted {
			n++
		}
		if text == "spec:" {
			counted = false
		}
	}
	return n
}

// Stats are figures of a catalogue.
type Stats struct {
	Feeds, Providers, Parsers int
	// Median, Mean and Most are lines of mapping of a Parser.
	Median, Most int
	Mean         float64
	// Formats is how many feeds have a format.
	Formats map[string]int
}

// Measure counts.
func Measure(feeds []Feed) Stats {
	s := Stats{Feeds: len(feeds), Formats: map[string]int{}}
	providers, parsers := map[string]bool{}, map[string]int{}
	for i := range feeds {
		f := &feeds[i]
		providers[f.Provider()] = true
		s.Formats[f.Format()]++
		parsers[f.Parser.Name] = MappingLines(f.ParserYAML)
		for _, b := range f.Bases {
			parsers[b.Name] = MappingLines(b.YAML)
		}
	}
	lines := make([]int, 0, len(parsers))
	sum := 0
	for _, n := range parsers {
		lines, sum = append(lines, n), sum+n
	}
	slices.Sort(lines)
	s.Providers, s.Parsers = len(providers), len(parsers)
	if len(lines) > 0 {
		s.Median, s.Most, s.Mean = lines[len(lines)/2], lines[len(lines)-1], float64(sum)/float64(len(lines))
	}
	return s
}
