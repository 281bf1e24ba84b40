// Package check judges manifests as a cluster would, offline: with the schema
// and the CEL rules of the custom resource definitions, then with what the
// operator would find: references, mappings, expressions, criteria.
package check

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/config/crd"
	"github.com/weir-project/weir/pipeline/event"
)

// schemas are the compiled definitions by kind.
type schemas map[string]*kindSchema

type kindSchema struct {
	structural *structuralschema.Structural
	openapi    validation.SchemaValidator
	cel        *cel.Validator
}

// loadSchemas compiles the embedded definitions.
func loadSchemas() (schemas, error) {
	files, err := fs.Glob(crd.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	all := schemas{}
	for _, file := range files {
		data, err := crd.Files.ReadFile(file)
		if err != nil {
			return nil, err
		}
		kind, s, err := compile(data)
		if err != nil {
			return nil, fmt.Errorf("definition %s: %w", file, err)
		}
		all[kind] = s
	}
	return all, nil
}

func compile(data []byte) (string, *kindSchema, error) {
	var v1 apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(data, &v1); err != nil {
		return "", nil, err
	}
	var def apiextensions.CustomResourceDefinition
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(&v1, &def, nil); err != nil {
		return "", nil, err
	}
	// Conversion moves the schema of a definition with one version to the top.
	props := def.Spec.Validation
	if props == nil {
		props = def.Spec.Versions[0].Schema
	}
	structural, err := structuralschema.NewStructural(props.OpenAPIV3Schema)
	if err != nil {
		return "", nil, err
	}
	openapi, _, err := validation.NewSchemaValidator(props.OpenAPIV3Schema)
	if err != nil {
		return "", nil, err
	}
	return v1.Spec.Names.Kind, &kindSchema{
		structural: structural,
		openapi:    openapi,
		cel:        cel.NewValidator(structural, true, celconfig.PerCallLimit),
	}, nil
}

// validate sets the defaults in obj and returns what a cluster would refuse.
func (s *kindSchema) validate(ctx context.Context, obj map[string]any) field.ErrorList {
	errs := s.unknownFields(obj)
	defaulting.Default(obj, s.structural)
	errs = append(errs, validation.ValidateCustomResource(nil, obj, s.openapi)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, obj)...)
	if len(errs) > 0 {
		return errs // the rules assume that the schema holds
	}
	celErrs, _ := s.cel.Validate(ctx, nil, s.structural, obj, nil, celconfig.RuntimeCELCostBudget)
	return celErrs
}

// unknownFields finds fields that the schema does not have; a cluster would
// drop them without a word, or refuse them under strict validation.
func (s *kindSchema) unknownFields(obj map[string]any) field.ErrorList {
	paths := pruning.PruneWithOptions(obj, s.structural, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	var errs field.ErrorList
	for _, p := range paths {
		msg := "unknown field"
		parent, name := "", p
		if i := strings.LastIndexByte(p, '.'); i >= 0 {
			parent, name = p[:i], p[i+1:]
		}
		if near := event.Nearest(name, s.fieldsAt(parent)); near != "" {
			msg += fmt.Sprintf("; did you mean %q?", near)
		}
		errs = append(errs, &field.Error{Type: field.ErrorTypeInvalid, Field: p, Detail: msg})
	}
	return errs
}

// at walks to the schema of a path such as spec.mapping[2].time.
func (s *kindSchema) at(path string) *structuralschema.Structural {
	cur := s.structural
	for _, step := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		switch {
		case cur.Items != nil:
			cur = cur.Items
		case cur.AdditionalProperties != nil && cur.AdditionalProperties.Structural != nil:
			cur = cur.AdditionalProperties.Structural
		default:
			next, ok := cur.Properties[step]
			if !ok {
				return nil
			}
			cur = &next
		}
	}
	return cur
}

func (s *kindSchema) fieldsAt(path string) []string {
	at := s.at(path)
	if at == nil {
		return nil
	}
	var names []string
	for n := range at.Properties {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// hint is the first sentence of the documentation of a field.
func (s *kindSchema) hint(path string) string {
	at := s.at(path)
	if at == nil || at.Description == "" {
		return ""
	}
	text := strings.Join(strings.Fields(at.Description), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		text = text[:i+1]
	}
	return text
}

func isOurs(apiVersion string) bool {
	return strings.HasPrefix(apiVersion, v1alpha1.GroupVersion.Group+"/")
}
