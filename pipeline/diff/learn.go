package diff

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/infer"
	"github.com/weir-project/weir/pipeline/parse"
)

// learn is the profile of a payload, with what no rule reads.
func learn(ctx context.Context, lens *drift.Lens, p *Payload) (*drift.Profile, error) {
	profile, err := lens.Learn(ctx, bytes.NewReader(p.Data), p.Meta)
	if err != nil {
		return nil, err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.Data)), nil }
	if err := lens.Probe(ctx, open, p.Meta, profile); err != nil {
		return nil, err
	}
	return profile, nil
}

// whole is a Parser that reads all columns or paths of a reading: those that it
// has no use for, such as empty ones, go to extra.
func whole(r *infer.Reading) *v1alpha1.ParserSpec {
	spec := r.Spec.DeepCopy()
	for i, name := range r.Columns {
		used := name == "$key" || slices.ContainsFunc(spec.Mapping, func(rule v1alpha1.MappingRule) bool {
			return slices.Contains(rule.From, name) || reads(rule.Expr, name)
		})
		if used || len(spec.Mapping) == maxRules {
			continue
		}
		spec.Mapping = append(spec.Mapping, v1alpha1.MappingRule{Field: fmt.Sprintf("extra.unused_%d", i+1), From: []string{name}})
		if _, err := parse.Compile(spec); err != nil { // a name that no rule can have
			spec.Mapping = spec.Mapping[:len(spec.Mapping)-1]
		}
	}
	return spec
}

const maxRules = 256

// reads tells whether an expression has the name of a column in it.
func reads(expr, name string) bool {
	return strings.Contains(expr, "record."+name) || strings.Contains(expr, fmt.Sprintf("record[%q]", name))
}
