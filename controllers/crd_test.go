package controllers_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/weir-project/weir/config/crd"
)

// maxCRD is what fits into the annotation of kubectl apply, with room.
const maxCRD = 200 << 10

// bound is one rule of a schema that concerns one value.
type bound struct {
	kind, path, keyword string
	schema              *apiextensionsv1.JSONSchemaProps
	field               string // of keyword required
}

func (b bound) String() string {
	return strings.TrimSpace(b.kind + b.path + " " + b.keyword + " " + b.field)
}

// definitions of the custom resources, by kind.
func definitions(t *testing.T) map[string]*apiextensionsv1.JSONSchemaProps {
	t.Helper()
	all := map[string]*apiextensionsv1.JSONSchemaProps{}
	err := fs.WalkDir(crd.Files, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Base(path), "feeds.weir.dev_") {
			return err
		}
		data, err := fs.ReadFile(crd.Files, path)
		if err != nil {
			return err
		}
		if len(data) > maxCRD {
			t.Errorf("%s has %d bytes, more than %d", path, len(data), maxCRD)
		}
		d := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(data, d); err != nil {
			return err
		}
		all[d.Spec.Names.Kind] = d.Spec.Versions[0].Schema.OpenAPIV3Schema
		return nil
	})
	if err != nil || len(all) != 5 {
		t.Fatalf("%d definitions, %v", len(all), err)
	}
	return all
}

// walk calls fn for every part of the schema of what a person writes.
func walk(s *apiextensionsv1.JSONSchemaProps, path string, fn func(path string, s *apiextensionsv1.JSONSchemaProps)) {
	fn(path, s)
	for name, p := range s.Properties {
		if path == "" && name != "spec" {
			continue
		}
		walk(&p, path+"."+name, fn)
	}
	if s.Items != nil && s.Items.Schema != nil {
		walk(s.Items.Schema, path+"[]", fn)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		walk(s.AdditionalProperties.Schema, path+"{}", fn)
	}
}

// bounds of a kind.
func bounds(kind string, schema *apiextensionsv1.JSONSchemaProps) []bound {
	var all []bound
	walk(schema, "", func(path string, s *apiextensionsv1.JSONSchemaProps) {
		for keyword, there := range map[string]bool{
			"enum": len(s.Enum) > 0, "pattern": s.Pattern != "",
			"minLength": ptr.Deref(s.MinLength, 0) > 0, "maxLength": s.MaxLength != nil,
			"minimum": s.Minimum != nil, "maximum": s.Maximum != nil,
			"minItems": ptr.Deref(s.MinItems, 0) > 0, "maxItems": s.MaxItems != nil,
			"minProperties": ptr.Deref(s.MinProperties, 0) > 0, "maxProperties": s.MaxProperties != nil,
		} {
			if there {
				all = append(all, bound{kind: kind, path: path, keyword: keyword, schema: s})
			}
		}
		for _, field := range s.Required {
			all = append(all, bound{kind: kind, path: path, keyword: "required", schema: s, field: field})
		}
	})
	return all
}

// samples are the valid objects of testdata/crd, by kind.
func samples(t *testing.T) map[string][]map[string]any {
	t.Helper()
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", "crd", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var pod map[string]any
	if err := yaml.Unmarshal([]byte(read("pod.yaml")), &pod); err != nil {
		t.Fatal(err)
	}
	all := map[string][]map[string]any{}
	for _, name := range []string{"exchange.yaml", "feedsource.yaml", "parser.yaml", "subscription.yaml", "formatchange.yaml"} {
		for doc := range strings.SplitSeq(read(name), "\n---\n") {
			var o map[string]any
			if err := yaml.Unmarshal([]byte(doc), &o); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			fillIn(o, pod)
			kind := o["kind"].(string)
			all[kind] = append(all[kind], o)
		}
	}
	return all
}

func fillIn(v any, pod map[string]any) {
	switch x := v.(type) {
	case map[string]any:
		for k := range x {
			if k == "pod" && x[k] == "full" {
				x[k] = clone(pod)
			}
			fillIn(x[k], pod)
		}
	case []any:
		for i := range x {
			fillIn(x[i], pod)
		}
	}
}

func clone(v any) any {
	switch x := v.(type) {
	case map[string]any:
		c := make(map[string]any, len(x))
		for k := range x {
			c[k] = clone(x[k])
		}
		return c
	case []any:
		c := make([]any, len(x))
		for i := range x {
			c[i] = clone(x[i])
		}
		return c
	case float64: // as yaml reads numbers
		return int64(x)
	}
	return v
}

var step = regexp.MustCompile(`\.[^.\[{]+|\[\]|\{\}`)

// at calls fn with what holds the value at a path, with the value, and with a way to
// replace it. It reports whether there is one. The first element of a list or map
// stands for all.
func at(o any, path string, fn func(value any, set func(any))) bool {
	set := func(any) {}
	for _, s := range step.FindAllString(path, -1) {
		switch x := o.(type) {
		case map[string]any:
			key := strings.TrimPrefix(s, ".")
			if s == "{}" {
				key = slices.Min(append(slices.Collect(maps.Keys(x)), "\xff"))
			}
			v, ok := x[key]
			if !ok {
				return false
			}
			o, set = v, func(n any) { x[key] = n }
		case []any:
			if len(x) == 0 {
				return false
			}
			o, set = x[0], func(n any) { x[0] = n }
		default:
			return false
		}
	}
	fn(o, set)
	return true
}

// breaks gives a value that breaks a rule, made of one that does not, and a part of
// what the API server says of it.
func (b bound) breaks(value any) (broken any, says string) {
	s := b.schema
	switch b.keyword {
	case "enum":
		if s.Type == "integer" {
			return int64(424242), "Unsupported value"
		}
		return "no-such-value", "Unsupported value"
	case "pattern":
		for _, candidate := range []string{"!", "a b\n", "\n", "é"} {
			if !regexp.MustCompile(s.Pattern).MatchString(candidate) && int64(len(candidate)) >= ptr.Deref(s.MinLength, 0) {
				return candidate, "should match"
			}
		}
	case "minLength":
		return strings.Repeat("a", int(*s.MinLength)-1), "should be at least"
	case "maxLength":
		return strings.Repeat("a", int(*s.MaxLength)+1), "Too long"
	case "minimum":
		return int64(*s.Minimum) - 1, "should be greater than or equal to"
	case "maximum":
		return int64(*s.Maximum) + 1, "should be less than or equal to"
	case "minItems":
		return []any{}, "should have at least"
	case "maxItems":
		var list []any
		for range *s.MaxItems + 1 {
			list = append(list, clone(value.([]any)[0]))
		}
		return list, "Too many"
	case "minProperties":
		return map[string]any{}, "should have at least"
	case "maxProperties":
		m := map[string]any{}
		for i := range *s.MaxProperties + 1 {
			m[fmt.Sprintf("k%d", i)] = slices.Collect(maps.Values(value.(map[string]any)))[0]
		}
		return m, "Too many"
	case "required":
		m := clone(value).(map[string]any)
		delete(m, b.field)
		return m, "Required value"
	}
	return nil, ""
}

// try asks the API server what it thinks of an object.
func try(t *testing.T, ns string, o map[string]any) error {
	t.Helper()
	u := &unstructured.Unstructured{Object: clone(o).(map[string]any)}
	u.SetNamespace(ns)
	return world.Admin.Create(t.Context(), u, client.DryRunAll)
}

// refused checks that an error is one of validation that says something.
func refused(err error, says string) error {
	switch {
	case err == nil:
		return fmt.Errorf("it is accepted")
	case !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), says):
		text := err.Error()
		return fmt.Errorf("it is refused, but not because of %q: %s", says, text[:min(len(text), 500)])
	}
	return nil
}

func TestEveryBoundOfTheSchemasHolds(t *testing.T) {
	t.Parallel()
	const ns = "crd-bounds"
	if err := world.Admin.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}); err != nil {
		t.Fatal(err)
	}
	valid := samples(t)
	for kind, list := range valid {
		for _, o := range list {
			if err := try(t, ns, o); err != nil {
				t.Errorf("%s %s is not valid: %v", kind, o["metadata"].(map[string]any)["name"], err)
			}
		}
	}
	n := 0
	for kind, schema := range definitions(t) {
		for _, b := range bounds(kind, schema) {
			n++
			if err := broken(t, ns, b, valid[kind]); err != nil {
				t.Errorf("%s: %v", b, err)
			}
		}
	}
	t.Logf("%d bounds", n)
}

// broken breaks a rule in the first object that has a value for it.
func broken(t *testing.T, ns string, b bound, valid []map[string]any) error {
	t.Helper()
	for _, o := range valid {
		o := clone(o).(map[string]any)
		says := ""
		found := at(o, b.path, func(value any, set func(any)) {
			if m, ok := value.(map[string]any); b.keyword == "required" && (!ok || m[b.field] == nil) {
				return
			}
			var v any
			if v, says = b.breaks(value); says == "" {
				return
			}
			if b.path == "" {
				delete(o, b.field)
			}
			set(v)
		})
		if found && says != "" {
			return refused(try(t, ns, o), says)
		}
	}
	return fmt.Errorf("no object of testdata/crd has a value for it")
}
