package drift

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/status"
)

const (
	maxFiles  = 8 // names that a baseline remembers
	enoughFor = 3 // payloads, before another name is news
)

// readsName tells whether a rule reads the name of the payload's file.
func readsName(spec *v1alpha1.ParserSpec) bool {
	bare := *spec
	bare.Examples = nil
	b, err := json.Marshal(&bare)
	return err == nil && (strings.Contains(string(b), "$meta.filename") || strings.Contains(string(b), "$meta.basename"))
}

var numbers = regexp.MustCompile(`[0-9]+`)

// nameShape is the name of a file with # for its numbers.
func nameShape(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	return cut(numbers.ReplaceAllString(name, "#"), maxSample)
}

func mergeFiles(base, now []string) []string {
	all := slices.Clone(now)
	for _, f := range base {
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all[:min(len(all), maxFiles)]
}

// checkFiles notices that the file, whose name rules read, is called otherwise.
func checkFiles(c *comparison) {
	if c.base == nil || len(c.base.Files) == 0 || len(c.base.Files) == maxFiles || len(c.now.Files) == 0 || c.base.Payloads < enoughFor ||
		slices.Contains(c.base.Files, c.now.Files[0]) {
		return
	}
	c.add(status.Finding{Code: CodeFile, Path: "$meta.filename", Breaking: true, Before: strings.Join(c.base.Files, ", "), After: c.now.Files[0],
		Sentence: fmt.Sprintf("The file is called %q; the names were like %s, and rules read them.", c.now.Files[0], quoted(c.base.Files))})
}
