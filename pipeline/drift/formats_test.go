package drift_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

var documents = regexp.MustCompile(`(?m)^---$`)

// documented are the Parsers of the documentation that stand alone.
func documented(t *testing.T) map[string]v1alpha1.Parser {
	t.Helper()
	files, err := filepath.Glob("../../docs/examples/parser/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	out := map[string]v1alpha1.Parser{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, doc := range documents.Split(string(text), -1) {
			var p v1alpha1.Parser
			if err := yaml.Unmarshal([]byte(doc), &p); err != nil {
				t.Fatal(file, err)
			}
			if p.Kind == "Parser" && p.Spec.Base == nil {
				out[p.Name] = p
			}
		}
	}
	return out
}

func payloadOf(t *testing.T, x *v1alpha1.Example) string {
	t.Helper()
	if x.InputBase64 == "" {
		return x.Input
	}
	b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(x.InputBase64), ""))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// A payload of every format is like itself, and an error page in its place is not.
func TestPayloadsOfEveryFormatAreToldFromErrorPages(t *testing.T) {
	const page = "<!DOCTYPE html><html><head><title>Bad gateway</title></head><body><h1>502</h1></body></html>"
	for name, p := range documented(t) {
		t.Run(name, func(t *testing.T) {
			l, err := drift.NewLens(&p.Spec)
			if err != nil {
				t.Fatal(err)
			}
			for i := range p.Spec.Examples {
				payload := payloadOf(t, &p.Spec.Examples[i])
				base := learn(t, l, payload)
				if base.Unreadable != "" {
					continue
				}
				for _, f := range drift.Compare(base, learn(t, l, payload)) {
					if f.Breaking {
						t.Errorf("%s: the same payload again: %s", p.Spec.Examples[i].Name, f.Sentence)
					}
				}
				if base.Events <= base.Rejected {
					continue // an example of rubbish
				}
				found := false
				for _, f := range drift.Compare(base, learn(t, l, page)) {
					found = found || f.Breaking
				}
				if !found {
					t.Errorf("%s: an error page is not noticed", p.Spec.Examples[i].Name)
				}
			}
		})
	}
}
