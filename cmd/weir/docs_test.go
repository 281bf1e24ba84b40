package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// Every folder of examples and samples is checked and its examples are run.
func TestTheExamplesOfTheDocumentationWork(t *testing.T) {
	for _, pattern := range []string{"docs/examples/*", "config/samples/*"} {
		dirs, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(dirs) == 0 {
			t.Fatalf("%s: %v, %v", pattern, dirs, err)
		}
		for _, dir := range dirs {
			t.Run(filepath.Base(dir), func(t *testing.T) {
				if code, out, errs := weir(t, "", "check", "-f", dir); code != 0 {
					t.Fatalf("weir check: exit %d\n%s%s", code, out, errs)
				}
				if code, out, errs := weir(t, "", "test", "-f", dir); code != 0 {
					t.Errorf("weir test: exit %d\n%s%s", code, out, errs)
				}
			})
		}
	}
}

var yamlBlock = regexp.MustCompile("(?s)<!-- file: (\\S+) -->\n```yaml\n(.*?)```")

// A yaml block of a page is a part of a file that the test above runs.
func TestTheManifestsOnThePagesAreThoseThatRun(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs/*.md"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		blocks := yamlBlock.FindAllStringSubmatch(string(text), -1)
		if all := strings.Count(string(text), "```yaml"); all != len(blocks) {
			t.Errorf("%s: %d of %d yaml blocks name the file that they are from", page, len(blocks), all)
		}
		for _, b := range blocks {
			source, err := os.ReadFile(filepath.Join(root, b[1]))
			if err != nil {
				t.Errorf("%s: %v", page, err)
			} else if !strings.Contains(string(source), strings.TrimSpace(b[2])) {
				t.Errorf("%s: the block differs from %s", page, b[1])
			}
		}
	}
}
