package plan

import (
	"fmt"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/parse/extend"
)

// maxBases bounds how many Parsers build on one another.
const maxBases = 4

// ParserSpec is the spec of a Parser with what its bases add. With problems it is
// nil. It may share memory with Parsers of the World.
func ParserSpec(w World, p *v1alpha1.Parser) (*v1alpha1.ParserSpec, []Problem) {
	c := checker{kind: "Parser", object: p}
	spec, way := &p.Spec, []string{p.Name}
	for spec.Base != nil {
		name := spec.Base.Name
		way = append(way, name)
		base := w.Parser(Ref{p.Namespace, name})
		switch {
		case base == nil:
			c.add(v1alpha1.ReasonReferenceMissing, "spec.base.name", "there is no Parser %q in namespace %s%s",
				name, p.Namespace, hint(w.ParserNames(p.Namespace)))
			return nil, c.problems
		case len(way) > maxBases+1:
			c.add(v1alpha1.ReasonInvalidSpec, "spec.base.name", "more than %d Parsers build on one another, or in a circle: %s",
				maxBases, strings.Join(way, " -> "))
			return nil, c.problems
		}
		spec = extend.Spec(spec, &base.Spec)
	}
	return spec, nil
}

// OwnPatch turns a JSON merge patch of what a Parser means, with its bases, into one
// of its own spec. With alone the Parser no longer builds on another one then: it
// could not say the same on top of it.
func OwnPatch(w World, p *v1alpha1.Parser, patch string) (own string, alone bool, err error) {
	if p.Spec.Base == nil {
		return patch, false, nil
	}
	var spec *v1alpha1.ParserSpec
	base := w.Parser(Ref{p.Namespace, p.Spec.Base.Name})
	if base != nil {
		spec, _ = ParserSpec(w, base)
	}
	if spec == nil {
		return "", false, fmt.Errorf("the Parser %s, which %s builds on, is not there or not valid", p.Spec.Base.Name, p.Name)
	}
	return extend.Patch(&p.Spec, spec, patch)
}
