package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheCatalogueIsListedByProviderAndCategory(t *testing.T) {
	code, out, errs := weir(t, "", "catalog", "ls", "abuse-ch", "--category", "cnc", "-o", "json")
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for line := range strings.Lines(out) {
		var f struct {
			Name, Provider, Terms string
			Categories            []string
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if f.Provider != "abuse-ch" || f.Terms == "" || !strings.Contains(strings.Join(f.Categories, " "), "cnc") {
			t.Errorf("not asked for: %s", line)
		}
	}
	if !strings.Contains(out, `"abuse-ch-feodo-tracker"`) || strings.Contains(out, "urlhaus") {
		t.Error(out)
	}
	code, out, _ = weir(t, "", "catalog", "ls")
	if code != 0 || !strings.HasPrefix(out, "NAME ") || !strings.Contains(out, "\nspamhaus-drop ") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

func TestFeedsThatDoNotExistAreNamed(t *testing.T) {
	for _, args := range [][]string{{"show", "nobody-knows"}, {"add", "nobody-knows", "--to", t.TempDir()}, {"ls", "nobody-knows"}} {
		code, _, errs := weir(t, "", append([]string{"catalog"}, args...)...)
		if code != 1 || !strings.Contains(errs, "weir catalog ls") {
			t.Errorf("%v: exit %d: %s", args, code, errs)
		}
	}
}

func TestAddedFeedsPassCheckAndTest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "feeds")
	args := []string{"catalog", "add", "abuse-ch-urlhaus-recent", "abuse-ch-urlhaus-online", "abuse-ch-threatfox-api", "spamhaus", "blueliv-crimeservers-file", "--to", dir, "--exchange", "hub", "-n", "soc"}
	code, out, errs := weir(t, "", args...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	if !strings.Contains(out, "needs: Secret abuse-ch with the key auth-key") {
		t.Error(out)
	}
	if !strings.Contains(out, "blueliv-crimeservers.parser.yaml") || !strings.Contains(out, "needs: files blueliv/*.json") {
		t.Error("the base of a Parser, or a word of the files that must come, is missing:\n" + out)
	}
	exchange := "apiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange\nmetadata: {name: hub, namespace: soc}\n"
	if err := os.WriteFile(filepath.Join(dir, "exchange.yaml"), []byte(exchange), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []string{"check", "test"} {
		if code, out, errs := weir(t, "", cmd, "-f", dir); code != 0 {
			t.Errorf("weir %s: exit %d\n%s%s", cmd, code, out, errs)
		}
	}
	if code, out, _ := weir(t, "", args...); code != 0 || !strings.Contains(out, "there already") {
		t.Errorf("again: exit %d: %s", code, out)
	}
}

func TestAddReplacesNothingUnasked(t *testing.T) {
	dir := t.TempDir()
	mine := filepath.Join(dir, "spamhaus-drop.yaml")
	if err := os.WriteFile(mine, []byte("# mine\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := weir(t, "", "catalog", "add", "spamhaus", "--to", dir)
	if code != 1 || !strings.Contains(errs, "--force") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("something was written: %v, %v", names, err)
	}
	if code, _, errs := weir(t, "", "catalog", "add", "spamhaus", "--to", dir, "--force"); code != 0 {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestShowPrintsWhatAddWrites(t *testing.T) {
	code, out, errs := weir(t, "", "catalog", "show", "abuse-ch-urlhaus-online")
	if code != 0 || !strings.Contains(out, "# Terms: https://") || strings.Count(out, "kind: ") != 2 || strings.Contains(out, "urlhaus-recent") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
	code, out, errs = weir(t, "", "catalog", "show", "blueliv-crimeservers-file")
	if code != 0 || strings.Count(out, "kind: Parser") != 2 || !strings.Contains(out, "# Transport: ") {
		t.Errorf("exit %d: %s\n%s", code, errs, out)
	}
}
