package infer

import (
	"fmt"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// urlOfParts asks whether a path belongs to the name beside it.
func (d *drafting) urlOfParts(all []proposal) {
	var host, path *column
	for _, p := range all {
		if p.field == "url" {
			return
		}
		if p.field == "fqdn" || p.field == "observable" {
			host = p.column
		}
	}
	for _, c := range d.columns {
		if c.nonNull > 0 && set("path uri request").any(c.words) && !fileWords.any([]string{c.words[0]}) || c.nonNull > 0 && c.slashed() {
			path = c
		}
	}
	if host == nil || path == nil || !path.slashed() {
		return
	}
	rule := v1alpha1.MappingRule{Field: "url", Expr: fmt.Sprintf(`"http://" + %s + %s`, d.celName(host), d.celName(path)),
		When: d.celHas(path), OnInvalid: v1alpha1.InvalidDrop}
	d.plan(rule, Choice{About: path.name, Field: "url", Chosen: "url, of " + host.name + " and " + path.name, Confidence: 0.5,
		Reason: "the values are paths of URLs; nothing says whether http or https", Alternatives: []string{"extra." + cleanKey(path.words, path.parents)}})
}

// slashed reports whether all values begin as paths of URLs do.
func (c *column) slashed() bool {
	for v := range c.distinct {
		if v[0] != '/' {
			return false
		}
	}
	return c.nonNull > 0
}

// rangeOfAddresses makes a network of its two ends, or of its start and mask, where
// no column is one address.
func (d *drafting) rangeOfAddresses(all []proposal) {
	for _, p := range all {
		if p.field == "ip" || p.field == "extra.network" || p.field == "observable" {
			return
		}
	}
	var start, end, mask *column
	for _, c := range d.columns {
		switch {
		case c.isMask():
			mask = c
		case !c.kindIs(ipKinds):
		case set("start begin first from low lo network net").any(c.words):
			start = c
		case set("end stop last to high hi").any(c.words):
			end = c
		}
	}
	if start == nil || mask == nil && end == nil {
		return
	}
	with, by := "/", mask
	if mask == nil {
		with, by = "-", end
	}
	d.fields["extra.network"] = start
	rule := v1alpha1.MappingRule{Field: "extra.network", Expr: fmt.Sprintf("%s + %q + %s", d.celText(start), with, d.celText(by)),
		Transform: []v1alpha1.Transform{v1alpha1.TransformNetwork}}
	if by == end {
		rule.Transform = nil
	}
	d.plan(rule, Choice{About: start.name, Field: "extra.network", Chosen: "extra.network, of " + start.name + " and " + by.name, Confidence: 0.85,
		Reason: "the columns are the parts of a network"})
}

// isMask reports whether a column has masks, or lengths of prefixes.
func (c *column) isMask() bool {
	if c.kindIs(ipKinds) {
		return set("mask netmask").any(c.words)
	}
	return c.share(drift.Int) == 1 && set("mask netmask prefix prefixlen bits cidr length").any(c.words)
}

// celText is the text of a column in an expression.
func (d *drafting) celText(c *column) string {
	if c.number {
		return "string(" + d.celName(c) + ")"
	}
	return d.celName(c)
}
