package repair

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
)

// typed gives extras the types that JSON gave them, where all values are text now.
func (t *trial) typed() {
	if json := t.search.spec.Input.JSON != nil || t.search.spec.Input.JSONLines != nil; !json || t.spec.Input.JSON != nil || t.spec.Input.JSONLines != nil {
		return
	}
	types := map[string]v1alpha1.ExtraType{"number": v1alpha1.ExtraNumber, "boolean": v1alpha1.ExtraBoolean, "bool": v1alpha1.ExtraBoolean}
	for i := range t.spec.Mapping {
		r := &t.search.spec.Mapping[min(i, len(t.search.spec.Mapping)-1)]
		if !strings.HasPrefix(r.Field, "extra.") || r.Type != "" || len(r.From) == 0 {
			continue
		}
		path := t.base.Paths[strings.TrimPrefix(strings.TrimPrefix(r.From[0], "$"), ".")]
		if path == nil {
			continue
		}
		for name, typ := range types {
			if path.Types.Of(name) == 0 || path.Types.Of("string") > 0 {
				continue
			}
			if typ == v1alpha1.ExtraNumber && t.whole(r.From[0]) {
				typ = v1alpha1.ExtraInteger
			}
			t.spec.Mapping[i].Type = typ
		}
	}
}

// whole tells whether the old values of a column were whole numbers.
func (t *trial) whole(name string) bool {
	return !slices.ContainsFunc(t.oldValues([]string{name}), func(v string) bool { return strings.Trim(v, "-0123456789") != "" })
}

// retype has numbers that JSON held read as JSON where they are written like that: 0.40
// stays what it was.
func (t *trial) retype(ctx context.Context) error {
	for i := range t.spec.Mapping {
		r := &t.spec.Mapping[i]
		if r.Type != v1alpha1.ExtraNumber || t.of[i].Type != "" {
			continue
		}
		values, err := t.read(ctx, r.From)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(values, func(v string) bool { return !json.Valid([]byte(v)) || strings.Trim(v, "-+.0123456789eE") != "" }) {
			r.Type = v1alpha1.ExtraJSON
		}
	}
	return nil
}
