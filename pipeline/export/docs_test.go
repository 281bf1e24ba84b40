package export

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/plan"
)

// What docs/export-versions.md shows is what the Subscription on it is answered
// with; -update writes it there.
func TestTheAnswersOnThePageAreThoseOfTheExporter(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	text, err := os.ReadFile(filepath.Join(docs, "examples", "export-versions", "subscription.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var sub v1alpha1.Subscription
	if err := yaml.UnmarshalStrict(text, &sub); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 4, 20, 0, 0, 0, 0, time.UTC)
	f := newFixture(t, func(s *Stage) { s.now = func() time.Time { return now } })
	f.secrets.Store("bank/soc", hashed(acmeToken))
	f.configure(&plan.Subscription{Namespace: "default", Name: "bank", Spec: sub.Spec})

	answers := map[string]string{
		"manifest.json": f.get("/s/bank/report/inside.csv/manifest.json", acmeToken).body,
		"headers.txt":   told(f.get("/s/bank/v1/report/inside.csv?time.min=2026-04-01", acmeToken).Header),
	}
	now = now.AddDate(0, 2, 0)
	answers["gone.json"] = f.get("/s/bank/v1/report/inside.csv", acmeToken).body

	file := filepath.Join(docs, "export-versions.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	fresh := page
	for name, want := range answers {
		head, rest, ok := bytes.Cut(fresh, []byte("<!-- answer: "+name+" -->\n```"))
		kind, rest, ok2 := bytes.Cut(rest, []byte("\n"))
		shown, tail, ok3 := bytes.Cut(rest, []byte("```\n"))
		if !ok || !ok2 || !ok3 {
			t.Fatalf("the page has no answer %s", name)
		}
		if string(shown) != want && !*update {
			t.Errorf("%s on the page:\n%s\nbut the answer is:\n%s", name, shown, want)
		}
		fresh = slices.Concat(head, []byte("<!-- answer: "+name+" -->\n```"), kind, []byte("\n"+want+"```\n"), tail)
	}
	if *update {
		if err := os.WriteFile(file, fresh, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// told are the headers about versions, sorted.
func told(h http.Header) string {
	var lines []string
	for _, name := range []string{"Deprecation", "Link", "Sunset", headerVersion} {
		for _, v := range h.Values(name) {
			lines = append(lines, name+": "+v+"\n")
		}
	}
	return strings.Join(lines, "")
}
