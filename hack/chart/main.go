// Command chart writes what the Helm chart and config/ derive from other files:
//
//   - charts/weir/files/crds: the definitions of config/crd
//   - charts/weir/values.schema.json and the table of charts/weir/README.md: the comments of values.yaml
//   - config/prometheus/prometheusrule.yaml: charts/weir/files/alerts.yaml
//
// `make generate` runs it in the root of the checkout.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/config/crd"
)

func main() {
	files, err := generate(".")
	for path, content := range files {
		if err == nil {
			err = os.WriteFile(path, content, 0o644)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1)
	}
}

// generate returns the files to write by their paths below root.
func generate(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	chart := filepath.Join(root, "charts", "weir")
	entries, err := crd.Files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		content, err := crd.Files.ReadFile(e.Name())
		if err != nil {
			return nil, err
		}
		files[filepath.Join(chart, "files", "crds", e.Name())] = content
	}

	values, err := readValues(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return nil, err
	}
	if files[filepath.Join(chart, "values.schema.json")], err = schemaJSON(values); err != nil {
		return nil, err
	}
	readme := filepath.Join(chart, "README.md")
	if files[readme], err = withTable(readme, values); err != nil {
		return nil, err
	}
	rule, err := prometheusRule(filepath.Join(chart, "files", "alerts.yaml"))
	if err != nil {
		return nil, err
	}
	files[filepath.Join(root, "config", "prometheus", "prometheusrule.yaml")] = rule
	return files, nil
}

const (
	tableBegin = "<!-- begin of the table that make generate writes -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

// withTable returns the README at path with a new table of the values.
func withTable(path string, values []value) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	before, rest, found := bytes.Cut(text, []byte(tableBegin))
	_, after, closed := bytes.Cut(rest, []byte(tableEnd))
	if !found || !closed {
		return nil, fmt.Errorf("%s: want the lines %q and %q around the table", path, tableBegin, tableEnd)
	}
	return bytes.Join([][]byte{before, []byte(tableBegin), table(values), []byte(tableEnd), after}, nil), nil
}

// prometheusRule wraps the alerts of the file at path.
func prometheusRule(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var spec map[string]any
	if err := yaml.Unmarshal(text, &spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	rule, err := yaml.Marshal(map[string]any{
		"apiVersion": "monitoring.coreos.com/v1",
		"kind":       "PrometheusRule",
		"metadata":   map[string]any{"name": "weir", "namespace": "weir-system"},
		"spec":       spec,
	})
	return append([]byte("# Written by make generate from charts/weir/files/alerts.yaml.\n"), rule...), err
}
