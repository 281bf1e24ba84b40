package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weir-project/weir/config/catalog"
	"github.com/weir-project/weir/pipeline/infer"
)

const c2CSV = "first_seen_utc,dst_ip,dst_port,malware\n2026-11-20 08:15:30,192.0.2.10,443,Emotet\n2026-11-20 08:16:30,192.0.2.11,8080,QakBot\n"

// checked drafts into a file, and has weir check and weir test judge it as it is.
func checked(t *testing.T, stdin string, args ...string) (yaml, stderr string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "draft.yaml")
	code, _, errs := weir(t, stdin, append([]string{"infer", "-o", out}, args...)...)
	if code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for _, command := range []string{"check", "test"} {
		if code, stdout, stderr := weir(t, "", command, "-f", out); code != 0 {
			t.Errorf("weir %s: exit %d\n%s%s", command, code, stdout, stderr)
		}
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), errs
}

func TestInferDraftsAManifestThatPassesAsItIs(t *testing.T) {
	yaml, errs := checked(t, "", file(t, "c2.csv", c2CSV), "--provider", "example", "--channel", "c2")
	for _, want := range []string{"name: example-c2", "{field: time, from: [first_seen_utc]}", "{field: ip, from: [dst_ip], required: true}",
		"{field: name, from: [malware]}", "category: cnc"} {
		if !strings.Contains(yaml, want) {
			t.Errorf("the manifest has no %q:\n%s", want, yaml)
		}
	}
	if !strings.Contains(errs, "2 records: 2 events, 0 rejected") {
		t.Errorf("standard error: %s", errs)
	}
}

func TestInferFetchesWhatIsPacked(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(c2CSV))
	_ = z.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(packed.Bytes()) }))
	defer server.Close()
	address := server.URL + "/lists/c2.csv.gz"
	if code, _, errs := weir(t, "", "infer", address); code != 1 || !strings.Contains(errs, "not public") {
		t.Errorf("an address that is not public: exit %d, %s", code, errs)
	}
	yaml, _ := checked(t, "", address, "--allow-net", "127.0.0.0/8", "--provider", "example", "--channel", "c2")
	if !strings.Contains(yaml, "kind: FeedSource") || !strings.Contains(yaml, address) {
		t.Errorf("no FeedSource of the URL:\n%s", yaml)
	}
	if !strings.Contains(yaml, "# QUESTION: policy") {
		t.Errorf("the policy is no question:\n%s", yaml)
	}
}

// What goes to standard output has no Exchange, so that kubectl apply does not reset
// the one that is there; weir check takes it as it is.
func TestInferOnStandardOutputPassesTheCheck(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(c2CSV)) }))
	defer server.Close()
	code, yaml, errs := weir(t, "", "infer", server.URL+"/c2.csv", "--allow-net", "127.0.0.0/8", "--provider", "example", "--channel", "c2")
	if code != 0 || !strings.Contains(yaml, "kind: FeedSource") || strings.Contains(yaml, "kind: Exchange") || !strings.Contains(errs, "Exchange main") {
		t.Fatalf("exit %d\n%s%s", code, yaml, errs)
	}
	draft := file(t, "draft.yaml", yaml)
	code, stdout, errs := weir(t, "", "check", "-f", draft)
	if code != 0 || !strings.Contains(stdout, "no problems") || !strings.Contains(errs, "note: "+draft) {
		t.Errorf("weir check: exit %d\n%s%s", code, stdout, errs)
	}
	other := yaml + "---\napiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange\nmetadata: {name: other}\nspec: {}\n"
	if code, stdout, _ := weir(t, "", "check", "-f", file(t, "other.yaml", other)); code != 1 || !strings.Contains(stdout, `there is no Exchange "main"`) {
		t.Errorf("weir check beside another Exchange: exit %d\n%s", code, stdout)
	}
}

func TestInferExplainsAndAsks(t *testing.T) {
	code, yaml, errs := weir(t, "a;b\n192.0.2.1;03/04/2026\n", "infer", "-", "--explain")
	if code != 0 || !strings.Contains(errs, "? 0.40 b -> time") || !strings.Contains(yaml, "# QUESTION: b -> time?") {
		t.Errorf("exit %d\n%s\n%s", code, yaml, errs)
	}
}

// The bounds of the schema hold for drafts of whatever width.
func TestInferDraftsOfWideFeedsPass(t *testing.T) {
	var names, cells, notes []string
	for i := range 200 {
		names, cells = append(names, fmt.Sprintf("column%d", i)), append(cells, fmt.Sprintf("value%d", i))
		if i < 20 {
			notes = append(notes, fmt.Sprintf("field_%d: x%d", i, i))
		}
	}
	note := strings.Join(notes, "; ")
	csv := strings.Join(names, ",") + ",ip,port_notes,family_notes\n"
	for i := range 3 {
		csv += fmt.Sprintf("%s,192.0.2.%d,%s,family: a; %s\n", strings.Join(cells, ","), i+1, note, note)
	}
	checked(t, "", file(t, "wide.csv", csv), "--provider", "example", "--channel", "wide")
	var many strings.Builder
	for i := range 30 {
		fmt.Fprintf(&many, `{"part%d":{"src_ip":"192.0.2.%d","src_asn":64496,"seen_at":"2026-11-20T08:15:30Z"}}`+"\n", i, i+1)
	}
	checked(t, "", file(t, "many.jsonl", many.String()), "--provider", "example", "--channel", "many")
}

func TestInferFollowsAManifest(t *testing.T) {
	like := filepath.Join(root, "config/catalog/abuse-ch/feodo-tracker-csv.yaml")
	yaml, _ := checked(t, "", file(t, "new.csv", c2CSV), "--like", like)
	if !strings.Contains(yaml, "confidence: high") || !strings.Contains(yaml, "category: cnc") {
		t.Errorf("the constants were not taken over:\n%s", yaml)
	}
}

func TestInferSaysWhatIsWrong(t *testing.T) {
	for _, test := range []struct {
		args []string
		why  string
	}{
		{[]string{filepath.Join(t.TempDir(), "none")}, "no such file"},
		{[]string{"ftp://feeds.example.org/a"}, "http"},
		{[]string{"https://feeds.example.org/a", "--allow-net", "x"}, "--allow-net"},
		{[]string{file(t, "empty", "")}, "empty"},
		{[]string{file(t, "x.csv", c2CSV), "--like", file(t, "like.yaml", "{}")}, "--like"},
	} {
		if code, _, errs := weir(t, "", append([]string{"infer"}, test.args...)...); code != 1 || !strings.Contains(errs, test.why) {
			t.Errorf("weir infer %v: exit %d, %s", test.args, code, errs)
		}
	}
}

// What is drafted from the examples of the catalogue passes as it is written,
// with its comments.
func TestDraftsOfTheCatalogueAreManifests(t *testing.T) {
	feeds, err := catalog.Load()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	seen := map[string]bool{}
	for i := range feeds {
		f := &feeds[i]
		if seen[f.Parser.Name] || len(f.Parser.Spec.Examples) == 0 || f.Parser.Spec.Examples[0].Input == "" {
			continue
		}
		seen[f.Parser.Name] = true
		s := infer.Sample{Data: []byte(f.Parser.Spec.Examples[0].Input)}
		if f.Source.Spec.HTTP != nil {
			s.URL = f.Source.Spec.HTTP.URL
		}
		d, err := infer.Infer(s,
			infer.Options{Provider: f.Source.Spec.Provider, Channel: f.Source.Spec.Channel})
		if err != nil {
			if f.Parser.Spec.Input.HTML == nil { // a page without a table is for a person
				t.Errorf("%s: %v", f.Parser.Name, err)
			}
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, f.Parser.Name+".yaml"), d.YAML(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if len(seen) < 100 {
		t.Errorf("only %d samples", len(seen))
	}
	exchange := "apiVersion: feeds.weir.dev/v1alpha1\nkind: Exchange\nmetadata: {name: main}\nspec: {}\n"
	if err := os.WriteFile(filepath.Join(dir, "main.yaml"), []byte(exchange), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"check", "test"} {
		if code, stdout, stderr := weir(t, "", command, "-f", dir); code != 0 {
			t.Errorf("weir %s: exit %d\n%.4000s%.4000s", command, code, stdout, stderr)
		}
	}
}
