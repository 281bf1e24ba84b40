// Package extend lets a Parser build on another one.
package extend

import (
	"maps"
	"reflect"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
)

// Spec is what child means on top of base. Rules of the child come first, so that
// a field that both fill is the child's; one that differs from a rule of the base in
// nulls alone replaces it; constants of the child replace those of
// the same name; a format, explode or emit of the child replaces that of the base.
// Examples are the child's alone. Neither argument is changed, the result shares
// memory with both.
func Spec(child, base *v1alpha1.ParserSpec) *v1alpha1.ParserSpec {
	out := *child
	out.Base = base.Base
	if child.Kind == "" || child.Kind == v1alpha1.KindEvent && child.Blacklist == nil && child.HighFrequency == nil {
		out.Kind, out.Blacklist, out.HighFrequency = base.Kind, base.Blacklist, base.HighFrequency
	}
	if !HasFormat(&child.Input) {
		out.Input = base.Input
	}
	if len(child.Explode) == 0 {
		out.Explode = base.Explode
	}
	if len(child.Emit) == 0 {
		out.Emit = base.Emit
	}
	out.Derive = append(slices.Clone(base.Derive), child.Derive...)
	out.Skip = skips(child.Skip, base.Skip)
	out.Mapping = rules(child.Mapping, base.Mapping)
	out.Lookups = append(slices.Clone(child.Lookups), base.Lookups...)
	if len(base.Constants) > 0 {
		out.Constants = maps.Clone(base.Constants)
		maps.Copy(out.Constants, child.Constants)
	}
	return &out
}

// rules leaves out rules of the base that the child has with other words for nothing:
// what is nothing to the one must not be a value to the other.
func rules(child, base []v1alpha1.MappingRule) []v1alpha1.MappingRule {
	out := slices.Clone(child)
	for i := range base {
		if !slices.ContainsFunc(child, func(c v1alpha1.MappingRule) bool {
			c.Nulls = base[i].Nulls
			return reflect.DeepEqual(c, base[i])
		}) {
			out = append(out, base[i])
		}
	}
	return out
}

// skips leaves out rules of the base whose reason the child has a rule for.
func skips(child, base []v1alpha1.SkipRule) []v1alpha1.SkipRule {
	out := slices.Clone(child)
	for _, b := range base {
		if !slices.ContainsFunc(child, func(c v1alpha1.SkipRule) bool { return c.Reason == b.Reason }) {
			out = append(out, b)
		}
	}
	return out
}

// HasFormat reports whether the input names a format.
func HasFormat(in *v1alpha1.InputSpec) bool {
	format := *in
	format.Charset, format.MaxRecordBytes, format.Capture = "", 0, nil
	return !reflect.ValueOf(format).IsZero()
}
