package secret

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDirReadsMountedSecretsAndNothingElse(t *testing.T) {
	root := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	for path, text := range map[string]string{filepath.Join(root, "api", "key"): "value", outside: "canary"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(root, "api", "link")); err != nil {
		t.Fatal(err)
	}
	read := Dir(root)
	if got, err := read("any", "api", "key"); err != nil || string(got) != "value" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][2]string{{"api", "no"}, {"no", "key"}, {"..", filepath.Base(outside)}, {"api", "../../" + filepath.Base(outside)}, {"api", "link"}} {
		got, err := read("any", bad[0], bad[1])
		if !errors.Is(err, ErrNotFound) {
			t.Errorf("%v: read %q, %v", bad, got, err)
		}
	}
}

func TestASecretOverTheLimitIsRefusedWithoutItsValue(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "s"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "s", "k"), []byte(strings.Repeat("canary", 1<<18)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Dir(root)("any", "s", "k")
	if err == nil || !strings.Contains(err.Error(), "over 1 MiB") || strings.Contains(err.Error(), "canary") {
		t.Errorf("error: %v", err)
	}
}
