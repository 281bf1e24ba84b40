package infer

import (
	"slices"
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
	if d.format.explode {
		d.explodeBy("$")
		return
	}
	best, says := d.listOrRecord()
	if says {
		return
	}
	if list := d.nestedList(); list != "" {
		d.explodeBy(list)
		return
	}
	if best != nil {
		d.explodeBy(best.name)
	}
}

// listOrRecord is the first list of telling values, and whether the record itself
// says what an event is about.
func (d *drafting) listOrRecord() (list *column, says bool) {
	for _, c := range d.columns {
		switch {
		case c.nonNull == 0 || c.share(strongKinds) < mostly || refWords.any(c.words):
		case c.array && !c.kindIs(drift.CVE):
			if list == nil && c.longest() > 1 {
				list = c
			}
		case !inList(c.name) && !idWords.any(c.words) && !d.inFull(c) && !c.ofReporter(d):
			return nil, true
		}
	}
	return list, false
}

// inFull reports whether a list has the values of a column among others: the
// column is but the first or main one, as the common name of a certificate is of
// its names.
func (d *drafting) inFull(c *column) bool {
	return slices.ContainsFunc(d.columns, func(list *column) bool {
		if list == c || !list.array || list.nested || list.longest() < 2 || list.kind&c.kind&strongKinds == 0 {
			return false
		}
		for i, v := range c.values {
			if v != "" && (i >= len(list.values) || !slices.Contains(strings.Split(list.values[i], "\n"), v)) {
				return false
			}
		}
		return true
	})
}

// ofReporter reports whether a URL or name belongs to who reports: an object that
// is called so has a name beside it, and no address.
func (c *column) ofReporter(d *drafting) bool {
	if len(c.parents) == 0 || !reporterObjects[c.parents[len(c.parents)-1]] || c.kindIs(ipKinds) {
		return false
	}
	under := c.name[:strings.LastIndexByte(c.name, '.')+1]
	named := false
	for _, o := range d.columns {
		if !strings.HasPrefix(o.name, under) || o == c {
			continue
		}
		if o.kindIs(ipKinds) {
			return false
		}
		named = named || set("name title id label").any(o.words)
	}
	return named
}

// reporterObjects are what publishers call the object about where they have a
// record from.
var reporterObjects = set("source reporter provider publisher feed author submitter contributor log origin vendor creator organization organisation")

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
