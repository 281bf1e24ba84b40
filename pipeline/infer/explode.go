package infer

import (
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// explode makes records of the elements of a list where the record itself says
// nothing that an event is about.
func (d *drafting) explode() {
	if !d.format.records.json {
		return
	}
	var best *column
	for _, c := range d.columns {
		switch {
		case c.nonNull == 0 || c.share(strongKinds) < mostly || refWords.any(c.words):
		case c.array && !c.kindIs(drift.CVE):
			if best == nil && c.longest() > 1 {
				best = c
			}
		case !inList(c.name) && !idWords.any(c.words):
			return // the record itself says it
		}
	}
	if list := d.nestedList(); list != "" {
		d.explodeBy(list)
		return
	}
	if best != nil {
		d.explodeBy(best.name)
	}
}

// nestedList is the array of objects that has telling values.
func (d *drafting) nestedList() string {
	for _, c := range d.columns {
		if i := strings.Index(c.name, "[0]"); i > 0 && c.nonNull > 0 && c.share(strongKinds) >= mostly && !refWords.any(c.words) && !refWords.any(c.parents) {
			return c.name[:i]
		}
	}
	return ""
}

func (d *drafting) explodeBy(path string) {
	d.spec.Explode = []v1alpha1.ExplodeRule{{From: path}}
	d.choose(Choice{About: path, Chosen: "explode", Confidence: 0.85, Reason: "its elements say what an event is about, the record itself does not"})
	d.columns = d.format.records.exploded(path)
	d.draft.Columns = nil
	for _, c := range d.columns {
		d.draft.Columns = append(d.draft.Columns, c.name)
	}
}
