package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var session = regexp.MustCompile("(?s)```\n\\$ weir (diff [^\n]*)\n(.*?)```")

// What the page shows is what the command prints.
func TestTheSessionsOnThePageOfDiffAreReal(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "docs/diff.md"))
	if err != nil {
		t.Fatal(err)
	}
	sessions := session.FindAllStringSubmatch(string(page), -1)
	if len(sessions) < 3 {
		t.Fatalf("%d sessions", len(sessions))
	}
	for _, s := range sessions {
		args := strings.Fields(s[1])
		for i, a := range args {
			if strings.Contains(a, ".") {
				args[i] = filepath.Join(root, "docs/examples/diff", a)
			}
		}
		if code, out, errs := weir(t, "", args...); out != s[2] || code == 2 {
			t.Errorf("weir %s: exit %d, prints\n%s%s\nthe page has\n%s", s[1], code, out, errs, s[2])
		}
	}
}

func TestDiffTellsByItsExitCode(t *testing.T) {
	dir := filepath.Join(root, "docs/examples/diff") + "/"
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		name string
		args []string
		code int
	}{
		{"the same", []string{dir + "before.csv", dir + "before.csv"}, 0},
		{"breaking", []string{dir + "before.csv", dir + "renamed.csv"}, 1},
		{"additive for a Parser", []string{dir + "before.csv", dir + "inserted.csv", "-f", dir + "parser.yaml"}, 0},
		{"no such file", []string{dir + "before.csv", dir + "none.csv"}, 2},
		{"no such Parser", []string{dir + "before.csv", dir + "renamed.csv", "-f", dir + "none.yaml"}, 2},
		{"nothing to compare with", []string{empty, dir + "before.csv"}, 2},
		{"one file", []string{dir + "before.csv"}, 2},
		{"standard input twice", []string{"-", "-"}, 2},
		{"no such flag", []string{dir + "before.csv", dir + "renamed.csv", "--no"}, 2},
		{"no such output", []string{dir + "before.csv", dir + "renamed.csv", "-o", "xml"}, 2},
	} {
		t.Run(x.name, func(t *testing.T) {
			if code, out, errs := weir(t, "", append([]string{"diff"}, x.args...)...); code != x.code {
				t.Errorf("exit %d, want %d\n%s%s", code, x.code, out, errs)
			}
		})
	}
}

func TestDiffReadsStandardInputAndWritesEveryMember(t *testing.T) {
	code, out, errs := weir(t, "ip,seen\n192.0.2.1,2026-01-01\n192.0.2.2,2026-01-02\n", "diff", "-", filepath.Join(root, "docs/examples/diff/before.csv"), "-o", "json")
	if code != 1 {
		t.Fatalf("exit %d\n%s%s", code, out, errs)
	}
	var r map[string]any
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	found, _ := r["findings"].([]any)
	if len(found) == 0 {
		t.Fatal(out)
	}
	first, _ := found[0].(map[string]any)
	for _, member := range []string{"code", "path", "class", "before", "after", "sentence", "breaking", "fields", "evidence"} {
		if _, ok := first[member]; !ok {
			t.Errorf("a finding has no %s", member)
		}
	}
	if code, out, _ := weir(t, "x", "diff", filepath.Join(root, "docs/examples/diff/before.csv"), filepath.Join(root, "docs/examples/diff/before.csv"), "-o", "json"); code != 0 ||
		!strings.Contains(out, `"class": ""`) || !strings.Contains(out, `"findings": []`) || !strings.Contains(out, `"repair": null`) {
		t.Errorf("exit %d\n%s", code, out)
	}
}
