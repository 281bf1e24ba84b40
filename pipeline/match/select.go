package match

import (
	"fmt"
	"slices"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/event"
)

// otherSource stands for every source that no selection names.
const otherSource int32 = -1

// maxCategories bounds the values of event.Category.
const maxCategories = 64

// selection is a SelectionSpec, compiled.
type selection struct {
	all           bool    // of the sources
	sources       []int32 // sorted
	categories    uint64  // bit per category; 0 in the spec becomes all bits
	minConfidence event.Confidence
}

func (s *selection) selects(source int32, c event.Category, conf event.Confidence) bool {
	if s.categories>>c&1 == 0 || conf < s.minConfidence {
		return false
	}
	if s.all {
		return true
	}
	_, ok := slices.BinarySearch(s.sources, source)
	return ok
}

// selection compiles spec. A category or confidence that does not exist selects
// nothing, rather than everything.
func (b *builder) selection(path string, spec *v1alpha1.SelectionSpec) selection {
	s := selection{all: len(spec.Sources) == 0, categories: ^uint64(0)}
	for _, name := range spec.Sources {
		n, ok := b.ix.sources[string(name)]
		if !ok {
			n = int32(len(b.ix.sources))
			b.ix.sources[string(name)] = n
		}
		s.sources = append(s.sources, n)
	}
	slices.Sort(s.sources)
	s.sources = slices.Compact(s.sources)
	if len(spec.Categories) > 0 {
		s.categories = 0
	}
	for i, name := range spec.Categories {
		c, ok := event.ParseCategory(string(name))
		if !ok || c >= maxCategories {
			b.fail(fmt.Sprintf("%s.categories[%d]", path, i), "%q is no category", name)
			continue
		}
		s.categories |= 1 << c
	}
	if spec.MinConfidence != "" {
		c, ok := event.ParseConfidence(string(spec.MinConfidence))
		if !ok {
			b.fail(path+".minConfidence", "%q is no confidence; use low, medium or high", spec.MinConfidence)
			s.categories = 0
		}
		s.minConfidence = c
	}
	return s
}
