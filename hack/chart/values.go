package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value is one key of values.yaml with what its comment says.
type value struct {
	key         string
	description string
	schema      map[string]any // what "@schema" adds
	node        *yaml.Node
	values      []value // of a mapping
}

func readValues(path string) ([]value, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: want a mapping", path)
	}
	values, err := children(doc.Content[0], "")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

func children(mapping *yaml.Node, prefix string) ([]value, error) {
	var values []value
	var errs []error
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		key, node := mapping.Content[i], mapping.Content[i+1]
		v := value{key: prefix + key.Value, node: node}
		err := v.comment(key.HeadComment)
		if err == nil && node.Kind == yaml.MappingNode {
			v.values, err = children(node, v.key+".")
		}
		values, errs = append(values, v), append(errs, err)
	}
	return values, errors.Join(errs...)
}

// comment takes the last paragraph above a key: the first one of a file may be
// about the file.
func (v *value) comment(text string) error {
	paragraphs := strings.Split(text, "\n\n")
	var words []string
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#"))
		if extra, ok := strings.CutPrefix(line, "@schema "); ok {
			if err := json.Unmarshal([]byte(extra), &v.schema); err != nil {
				return fmt.Errorf("%s: @schema: %w", v.key, err)
			}
			continue
		}
		words = append(words, line)
	}
	v.description = strings.Join(words, " ")
	if v.description == "" {
		return fmt.Errorf("%s: the value has no comment", v.key)
	}
	return nil
}

func (v *value) name() string {
	return v.key[strings.LastIndex(v.key, ".")+1:]
}

// schemaJSON returns the JSON Schema of the values. Unknown keys are refused
// wherever "@schema" does not allow them.
func schemaJSON(values []value) ([]byte, error) {
	schema, err := object(values)
	if err != nil {
		return nil, err
	}
	schema["$schema"] = "http://json-schema.org/draft-07/schema#"
	schema["title"] = "Values of the Weir chart"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(schema)
	return out.Bytes(), err
}

func object(values []value) (map[string]any, error) {
	properties := map[string]any{}
	for i := range values {
		schema, err := values[i].jsonSchema()
		if err != nil {
			return nil, err
		}
		properties[values[i].name()] = schema
	}
	return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}, nil
}

func (v *value) jsonSchema() (map[string]any, error) {
	schema := map[string]any{}
	switch {
	case v.node.Kind == yaml.MappingNode:
		var err error
		if schema, err = object(v.values); err != nil {
			return nil, err
		}
	case v.node.Kind == yaml.SequenceNode:
		if v.schema["items"] == nil {
			return nil, fmt.Errorf("%s: a list needs @schema {\"items\": ...}", v.key)
		}
		schema["type"] = "array"
	case v.node.Tag == "!!bool":
		schema["type"] = "boolean"
	case v.node.Tag == "!!int":
		schema["type"] = "integer"
	case v.node.Tag == "!!str":
		schema["type"] = "string"
	default:
		return nil, fmt.Errorf("%s: want a text, whole number, boolean, list or mapping, not %s", v.key, v.node.Tag)
	}
	schema["description"] = v.description
	maps.Copy(schema, v.schema)
	return schema, nil
}

// table returns a Markdown table with a line for each value.
func table(values []value) []byte {
	var out bytes.Buffer
	out.WriteString("| Value | Meaning | Default |\n|---|---|---|\n")
	rows(&out, values)
	return out.Bytes()
}

func rows(out *bytes.Buffer, values []value) {
	for i := range values {
		v := &values[i]
		if len(v.values) > 0 {
			_, _ = fmt.Fprintf(out, "| **%s** | %s | |\n", v.key, v.description)
			rows(out, v.values)
			continue
		}
		_, _ = fmt.Fprintf(out, "| `%s` | %s | %s |\n", v.key, strings.ReplaceAll(v.description, "|", `\|`), v.preset())
	}
}

// preset is the default as flow YAML.
func (v *value) preset() string {
	var plain any
	if err := v.node.Decode(&plain); err != nil || plain == "" {
		return ""
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return ""
	}
	return "`" + strings.Trim(string(text), `"`) + "`"
}
