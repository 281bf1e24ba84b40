package infer

import (
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// end is which end of a connection a column is about.
type end int

const (
	noEnd end = iota
	sourceEnd
	destEnd
)

// end is what the name says, or else the object that the column lies in, the
// nearest first: client.port, destination.geo.asn.
func (c *column) end() end {
	if c.relative != noEnd {
		return c.relative
	}
	if e := endOf(c.words); e != noEnd {
		return e
	}
	for _, w := range slices.Backward(c.parents) {
		if e := endOf([]string{w}); e != noEnd {
			return e
		}
	}
	return noEnd
}

func endOf(words []string) end {
	switch {
	case destWords.any(words):
		return destEnd
	case sourceWords.any(words):
		return sourceEnd
	}
	return noEnd
}

// relate says which end columns are about where the others tell: remote is what a
// machine talks to if another column has the machine, and a victim is the source
// if the server that it talks to is there too.
func (d *drafting) relate() {
	if d.hasAddressOf(set("c2 cnc controller sinkhole")) && d.hasAddressOf(set("victim")) {
		for _, c := range d.columns {
			if slices.Contains(c.words, "victim") || slices.Contains(c.parents, "victim") {
				c.relative = sourceEnd
			}
		}
	}
	local, remote := set("local"), set("remote")
	if !slices.ContainsFunc(d.columns, func(c *column) bool { return local.any(c.words) && c.nonNull > 0 }) || !d.hasPlainAddress(nil) {
		return
	}
	for _, c := range d.columns {
		switch {
		case remote.any(c.words):
			c.relative = destEnd
		case local.any(c.words):
			c.relative = sourceEnd
		}
	}
}

// hasAddressOf reports whether a column has addresses, and its name or object one of
// the words.
func (d *drafting) hasAddressOf(words wordsOf) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool { return c.kindIs(ipKinds) && (words.any(c.words) || words.any(c.parents)) })
}

// disjoint reports whether no record has values of both columns: they are two
// names of one thing, of records of two kinds.
func disjoint(a, b *column) bool {
	both, onlyA, onlyB := false, false, false
	for i := range max(len(a.values), len(b.values)) {
		hasA, hasB := a.has(i), b.has(i)
		both = both || hasA && hasB
		onlyA, onlyB = onlyA || hasA && !hasB, onlyB || hasB && !hasA
	}
	return !both && onlyA && onlyB
}

// same reports whether each value of b is the one of a.
func same(a, b *column) bool {
	for i := range b.values {
		if b.has(i) && (!a.has(i) || a.values[i] != b.values[i]) {
			return false
		}
	}
	return b.nonNull > 0
}

// has reports whether a record has a value that means something.
func (c *column) has(record int) bool {
	if record >= len(c.values) {
		return false
	}
	v := c.values[record]
	return v != "" && !drift.IsNothing(v) && !slices.Contains(c.nulls, v)
}

// withoutSource makes records that have no source, but a destination, events about
// the destination: a server in a list of what talks to servers.
func (d *drafting) withoutSource(all []proposal) {
	source, dest := proposalOf(all, "ip"), proposalOf(all, "dip")
	if source == nil || dest == nil || source.column.end() != sourceEnd || !plain(source) || !plain(dest) || !lacking(source.column, dest.column) {
		return
	}
	source.also = append(source.also, dest.column)
	source.reason += "; where there is none, the record is about the destination"
	dest.rule.When = d.celPresent(source.column)
	for _, field := range []string{"asn", "cc"} {
		if p := proposalOf(all, field); p != nil && plain(p) {
			d.addDestination(p)
		}
	}
}

// addDestination takes AS number or country of the destination where there is no
// source.
func (d *drafting) addDestination(p *proposal) {
	words, kind := asnWords, drift.ASN
	if p.field == "cc" {
		words, kind = countryWords, drift.CC
	}
	for _, c := range d.columns {
		if len(p.also) < maxNames && c != p.column && c.end() == destEnd && words.any(c.words) && c.share(kind) >= mostly && !slices.Contains(p.also, c) {
			p.also = append(p.also, c)
		}
	}
}

// lacking reports whether some records have a value of b but not of a.
func lacking(a, b *column) bool {
	for i := range b.values {
		if b.has(i) && !a.has(i) {
			return true
		}
	}
	return false
}

func proposalOf(all []proposal, field string) *proposal {
	for i := range all {
		if all[i].field == field {
			return &all[i]
		}
	}
	return nil
}

// plain reports whether a proposal takes values as they are.
func plain(p *proposal) bool {
	r := &p.rule
	return r.Expr == "" && r.Extract == "" && r.Values == nil && r.When == "" && len(r.From) == 0 && len(p.more) == 0 && !p.column.array
}

// celPresent is a condition that a record has a value that is not empty.
func (d *drafting) celPresent(c *column) string {
	if !d.format.records.json {
		return d.celHas(c)
	}
	return d.celHas(c) + " && " + d.celName(c) + ` != ""`
}

// celAny is a condition that a record has a value of one of the columns.
func (d *drafting) celAny(cs []*column) string {
	var parts []string
	for _, c := range cs {
		parts = append(parts, "("+d.celPresent(c)+")")
	}
	if all := strings.Join(parts, " || "); len(all) <= maxWhen {
		return all
	}
	return ""
}

// merge takes the column of a proposal as another name of the one that is taken.
func merge(first, p *proposal) bool {
	if slices.Contains(first.also, p.column) {
		return true
	}
	if !plain(first) || !plain(p) || first.column.kind&p.column.kind&^drift.Text == 0 && first.field != "name" {
		return false
	}
	if len(first.also) == maxNames {
		return false
	}
	for _, c := range append(first.also, first.column) {
		if !disjoint(c, p.column) {
			return false
		}
	}
	first.also = append(first.also, p.column)
	return true
}

// names are the columns that a proposal takes its value from.
func (p *proposal) names() []string {
	out := []string{p.column.name}
	for _, c := range p.also {
		out = append(out, c.name)
	}
	return out
}

// mergedNulls are the markers of nothing of all columns of a rule.
func (d *drafting) mergedNulls(p *proposal, rule *v1alpha1.MappingRule) {
	for _, c := range p.also {
		other := v1alpha1.MappingRule{Field: rule.Field}
		d.nullsOf(c, &other)
		rule.Nulls = append(rule.Nulls, other.Nulls...)
	}
	slices.Sort(rule.Nulls)
	if rule.Nulls = slices.Compact(rule.Nulls); len(rule.Nulls) > 32 {
		rule.Nulls = rule.Nulls[:32]
	}
}
