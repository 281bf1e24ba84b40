package format

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// violations are what a value breaks of a schema, as far as our schemas go.
func violations(schema map[string]any, value any, path string) []string {
	switch schema["type"] {
	case "object":
		return objectViolations(schema, value, path)
	case "array":
		list, ok := value.([]any)
		if !ok {
			return []string{path + " is no array"}
		}
		var out []string
		for _, v := range list {
			out = append(out, violations(schema["items"].(map[string]any), v, path+"[]")...)
		}
		return out
	case "string":
		s, ok := value.(string)
		if enum, closed := schema["enum"].([]any); !ok || closed && !slices.Contains(enum, any(s)) {
			return []string{fmt.Sprintf("%s: %v is not in %v", path, value, schema)}
		}
		if _, err := time.Parse(time.RFC3339Nano, s); schema["format"] == "date-time" && err != nil {
			return []string{path + ": " + err.Error()}
		}
		return nil
	case "integer":
		if n, ok := value.(float64); !ok || n != float64(int64(n)) {
			return []string{fmt.Sprintf("%s: %v is no integer", path, value)}
		}
		return nil
	case "boolean":
		if _, ok := value.(bool); !ok {
			return []string{path + " is no boolean"}
		}
		return nil
	}
	return []string{fmt.Sprintf("%s has the type %v", path, schema["type"])}
}

func objectViolations(schema map[string]any, value any, path string) []string {
	o, ok := value.(map[string]any)
	if !ok {
		return []string{path + " is no object"}
	}
	var out []string
	properties, _ := schema["properties"].(map[string]any)
	for k, v := range o {
		p, known := properties[k].(map[string]any)
		if known {
			out = append(out, violations(p, v, path+"."+k)...)
		} else if properties != nil {
			out = append(out, path+"."+k+" is not in the schema")
		}
	}
	required, _ := schema["required"].([]any)
	for _, name := range required {
		if _, ok := o[name.(string)]; !ok {
			out = append(out, path+"."+name.(string)+" is missing")
		}
	}
	return out
}

func TestSamplesFitTheSchemaOfTheirFormat(t *testing.T) {
	columns := []Column{{"when", "time"}, {"addresses", "ip"}, {"asns", "asn"}, {"what", "category"}, {"port", "dport"}}
	for _, s := range []Shape{{Format: SJSON}, {Format: Stream}, {Format: SJSON, Columns: columns}} {
		var schema map[string]any
		if err := json.Unmarshal(s.Schema("x", "1.0.0"), &schema); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(encodeAll(s.Encoder(), Samples()))) {
			if strings.TrimSpace(line) == "" {
				continue
			}
			var v any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			for _, what := range violations(schema, v, s.Format) {
				t.Error(what)
			}
		}
		required, _ := schema["required"].([]any)
		if len(required) == 0 {
			t.Errorf("%+v: nothing is required", s)
		}
		if got := violations(schema, map[string]any{required[0].(string): 1.0}, ""); len(got) < len(required) {
			t.Errorf("a bad record breaks %v only", got)
		}
	}
}

func TestTheSchemaOfCSVTellsColumnsInOrder(t *testing.T) {
	s := Shape{Format: CSV, Columns: []Column{{"when", "time"}, {"addresses", "ip"}, {"host", "fqdn"}}, NoHeader: true}
	var got struct {
		Columns    []string `json:"x-weir-columns"`
		Header     bool     `json:"x-weir-header"`
		Version    string
		Required   []string
		Properties map[string]map[string]any
	}
	if err := json.Unmarshal(s.Schema("x", "2.1.0"), &got); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Columns, []string{"when", "addresses", "host"}) || got.Header || got.Version != "2.1.0" ||
		!slices.Equal(got.Required, []string{"when"}) || got.Properties["addresses"]["x-weir-separator"] != " " {
		t.Errorf("%+v", got)
	}
	if got := s.MediaType(); got != "text/csv; charset=UTF-8; header=absent" {
		t.Error(got)
	}
}
