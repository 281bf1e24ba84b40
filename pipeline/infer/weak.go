package infer

import (
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// proposeWeak is for values that mean something with a name only.
func (d *drafting) proposeWeak(c *column) []proposal {
	if c.array {
		return nil
	}
	if p := d.proposeOfHost(c); p != nil {
		return p
	}
	if c.unnamed && c.share(drift.Int) == 1 {
		return []proposal{{field: "extra", confidence: 0.5, reason: "the values are numbers, and no name says what of", others: []string{"count", "dport", "asn", "confidence"}}}
	}
	if inList(c.name) && (!portWords.any(c.words) || !d.besideAddress(c)) {
		return nil
	}
	if portWords.any(c.words) && c.share(drift.Port) >= mostly {
		return d.proposePort(c)
	}
	if c.kindIs(drift.Int | drift.Float) {
		return d.proposeNumber(c)
	}
	if set("confidence reliability certainty").any(c.words) && c.levels() >= mostly {
		return []proposal{{field: "confidence", confidence: 0.9, reason: "the values are levels", rule: levelRule()}}
	}
	if c.share(drift.Bool) == 1 && c.boolean {
		return nil
	}
	return d.proposeText(c)
}

// proposeOfHost is for what is about an address, and for marks of a record.
func (d *drafting) proposeOfHost(c *column) []proposal {
	w := c.words
	switch {
	case c.share(proto) >= mostly && !inList(c.name) && (protoWords.any(w) || c.invented()):
		return one("proto", 0.93, "the values are transport protocols")
	case slices.Contains(w, "tlp"):
		return one("tlp", 0.9, "the name says TLP")
	case c.end() == destEnd && (asnWords.any(w) || countryWords.any(w)) && d.hasSource(c):
		return one("extra", 0.8, "it is about the destination; the event has a field for that of the source only")
	case c.share(drift.ASN) >= mostly, c.numberOfAS() && c.share(drift.Int) == 1:
		return c.proposeASN()
	case c.share(drift.CC) >= mostly:
		return c.proposeCC()
	case asnWords.only(c.words) && c.share(drift.ASN) >= 0.3:
		return []proposal{{field: "asn", confidence: 0.8, reason: "the values are AS numbers, and what stands for none", rule: v1alpha1.MappingRule{Extract: `(?i)^(?:AS)?(\d+)$`}}}
	}
	return nil
}

func (c *column) proposeCC() []proposal {
	switch {
	case countryWords.any(c.words) && !slices.Contains(c.words, "name"), set("code iso alpha2").any(c.words) && len(c.parents) > 0 && countryWords.any(c.parents[len(c.parents)-1:]):
		return one("cc", 0.93, "the values are country codes")
	case c.unnamed && c.share(drift.Bool) == 0:
		return one("cc", 0.55, "the values may be country codes")
	}
	return nil
}

// numberOfAS reports whether a column is the number in an object about an AS.
func (c *column) numberOfAS() bool {
	return len(c.parents) > 0 && set("as asn").any(c.parents[len(c.parents)-1:]) && set("number num id no").only(c.words)
}

func (c *column) proposeASN() []proposal {
	switch {
	case c.numberOfAS():
		return one("asn", 0.9, "the values are numbers, in an object about an AS")
	case asnWords.any(c.words) && !asNameWords.any(c.words):
		return one("asn", 0.93, "the values are AS numbers")
	case c.share(drift.Int) == 0:
		return one("asn", 0.8, "the values are AS numbers")
	}
	return nil
}

// proposeNumber is for scores and counts.
func (d *drafting) proposeNumber(c *column) []proposal {
	switch {
	case isScore(c):
		return d.proposeScore(c)
	case isCount(c):
		return one("count", 0.82, "the values are numbers, and the name says how often")
	}
	return nil
}

func (c *column) invented() bool { return c.unnamed || strings.HasPrefix(c.name, "column_") }

// others reports whether another column says what an event is about, by one of
// the kinds.
func (d *drafting) others(not *column, k drift.Kinds) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c != not && (!c.array || c.kindIs(drift.CVE)) && c.nonNull > 0 && c.share(k) >= mostly && !refWords.any(c.words) &&
			!printWords.any(c.words) && !certWords.any(c.words) && !inList(c.name)
	})
}

// inList reports whether a path leads into a list.
func inList(path string) bool { return strings.Contains(path, "[0]") }

func isCount(c *column) bool {
	if !countWords.any(c.words) || c.numberOfAS() || asnWords.any(c.words) || portWords.any(c.words) || idWords.any(c.words) ||
		set("size bytes length version distinct unique targets seconds days max min limit cvss").any(c.words) {
		return false
	}
	least, _, ok := c.numbers()
	if c.rowNumbers() {
		return false
	}
	return ok && least >= 0 && !c.kindIs(drift.Timestamp) || ok && least >= 0 && slices.Contains(c.words, "count")
}

// besideAddress reports whether the object that a column lies in has an address.
func (d *drafting) besideAddress(c *column) bool {
	under := c.name[:strings.LastIndexByte(c.name, '.')+1]
	return under != "" && slices.ContainsFunc(d.columns, func(o *column) bool {
		return strings.HasPrefix(o.name, under) && o.kindIs(ipKinds)
	})
}

// rowNumbers reports whether the values count the records: 1, 2, 3.
func (c *column) rowNumbers() bool {
	last := -1
	for _, v := range c.values {
		n, err := strconv.Atoi(v)
		if err != nil || last >= 0 && n != last+1 || last < 0 && n > 1 {
			return false
		}
		last = n
	}
	return len(c.values) > 1
}

func (d *drafting) proposePort(c *column) []proposal {
	other := slices.ContainsFunc(d.columns, func(o *column) bool { return o != c && portWords.any(o.words) && o.share(drift.Port) >= mostly })
	switch {
	case c.end() == sourceEnd || set("sport spt srcport").any(c.words):
		if other {
			return one("sport", 0.93, "the values are ports of a source")
		}
		return one("sport", 0.65, "the values are ports of a source")
	case other && c.end() != destEnd && !set("dport dpt dstport").any(c.words):
		return one("dport", 0.8, "the values are ports")
	}
	return one("dport", 0.94, "the values are ports")
}
