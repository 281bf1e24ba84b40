package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestScrubEmptiesAFolderAndKeepsIt(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "b"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".hidden", "a/b/file"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if err := scrub(dir); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Fatalf("left %v, %v", left, err)
	}
	if err := scrub(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there was scrubbed")
	}
}
