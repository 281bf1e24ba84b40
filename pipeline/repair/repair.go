// Package repair searches for the change of a Parser that reads a payload whose
// format changed: unpacking, character set, dialect, header, columns, paths,
// layouts and units of times. It computes only: a Parser, bytes and a baseline in,
// proposals out.
package repair

import (
	"context"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
	"github.com/weir-project/weir/pipeline/parse"
	"github.com/weir-project/weir/pipeline/status"
)

// MaxBytes is how much of a payload is looked at.
const MaxBytes = 8 << 20

// Problem is a format change that is to be mended.
type Problem struct {
	// Spec is the Parser as it is, its bases resolved. It is not changed.
	Spec *v1alpha1.ParserSpec
	// Baseline is the format that was accepted; nil if nothing is known.
	Baseline *drift.Profile
	Findings []status.Finding
	// Good is a payload that was read well, at most MaxBytes of it; nil if there is
	// none any more. Bad is the one that is held.
	Good, Bad         []byte
	GoodMeta, BadMeta parse.Meta
}

// Proposal is a changed Parser.
type Proposal struct {
	Spec *v1alpha1.ParserSpec
	// Repair describes it.
	status.Repair
	// Margin is by how much it is better than the next one that does something else,
	// 0 to 1.
	Margin float64
}

// Search returns proposals, the best first; none if nothing mends it.
func Search(ctx context.Context, p *Problem) ([]Proposal, error) {
	return nil, nil
}
