package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func TestWhatIsGeneratedIsCommitted(t *testing.T) {
	files, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range files {
		got, err := os.ReadFile(path)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s differs from what make generate writes (%v)", path, err)
		}
	}
	copies, err := filepath.Glob(filepath.Join(root, "charts/weir/files/crds/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range copies {
		if files[path] == nil {
			t.Errorf("%s: config/crd has no such definition: remove it", path)
		}
	}
}

// Kubernetes judges what these values hold; global belongs to the parent chart.
var open = map[string]bool{
	"global": true, "affinity": true, "tolerations[]": true, "topologySpreadConstraints[]": true, "extraObjects[]": true,
	"networkPolicies.extraEgress[]": true,
}

func TestEveryObjectOfTheSchemaRefusesUnknownKeysAndEveryValueIsDescribed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "charts/weir/values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	var walk func(path string, s map[string]any)
	walk = func(path string, s map[string]any) {
		if path != "" && !strings.HasSuffix(path, "[]") && s["description"] == nil {
			t.Errorf("%s has no description", path)
		}
		if s["type"] == "object" && (s["additionalProperties"] == nil || s["additionalProperties"] == true) && !open[path] {
			t.Errorf("%s lets unknown keys in", path)
		}
		if items, ok := s["items"].(map[string]any); ok {
			walk(path+"[]", items)
		}
		properties, _ := s["properties"].(map[string]any)
		for name, p := range properties {
			walk(strings.TrimPrefix(path+"."+name, "."), p.(map[string]any))
		}
	}
	walk("", schema)
}

func TestValuesWithoutAMeaningAreRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no comment":     {"a: 1\n", "a: the value has no comment"},
		"nested":         {"# A.\na:\n  b: 1\n", "a.b: the value has no comment"},
		"broken @schema": {"# A.\n# @schema {\na: 1\n", "a: @schema"},
		"list":           {"# A.\na: []\n", `a: a list needs @schema {"items": ...}`},
		"null":           {"# A.\na: null\n", "not !!null"},
		"no mapping":     {"- a\n", "want a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			values, err := readValues(path)
			if err == nil {
				_, err = schemaJSON(values)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
