package main

import (
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/weir-project/weir/pipeline/drift"
)

// tri is whether a change is breaking.
type tri int

const (
	no     tri = iota
	yes        // a mapped field is missing, of another kind, or read from elsewhere
	either     // for some records only: both are right
)

// truth is what a change is, by what it means and not by what finds it.
type truth struct {
	breaking tri
	// classes that are right; the first is the one of the table of classes. None
	// means that nothing must be said.
	classes []string
	// paths of which the first finding must name one; none if there is no one to
	// blame.
	paths []string
	// repair tells that a changed Parser gives the events of the undisturbed feed,
	// or those of target.
	repair bool
	what   string
}

// plan is one change of one feed.
type plan struct {
	truth
	// change is done with every payload; it must not draw from anything but d.rng.
	change func(d *doc)
	// target is done with the undisturbed payload to get what a repair must give;
	// nil: nothing.
	target func(d *doc)
	// settle corrects the truth when it is known whether the Parser, as it is, still
	// gives the same events.
	settle func(t *truth, same bool)
	// packed: a repair must tell that the payload is to be unpacked, and read what is
	// inside.
	packed bool
	// frozen: the last good payload comes again and again.
	frozen bool
	// late is how many payloads did not come before.
	late int
	// times is how many payloads are changed; 0 for all.
	times int
}

// class is one of the classes of changes.
type class struct {
	id   string
	name string
	plan func(c *mutation) (*plan, string)
}

// mutation is what a plan is made for.
type mutation struct {
	f *feed
	r *rand.Rand
	d *doc // the payload that will be changed first; only to look at
}

// Classes of changes, short.
const (
	hard     = drift.ClassBreakingHard
	silent   = drift.ClassBreakingSilent
	retired  = drift.ClassRetired
	degraded = drift.ClassDegraded
	semantic = drift.ClassSemantic
	widening = drift.ClassWidening
	additive = drift.ClassAdditive
	anomaly  = drift.ClassAnomaly
	cosmetic = drift.ClassCosmetic
)

// unread turns a truth into that of a change which the Parser does not see.
func unread(t *truth, same bool) {
	if same {
		t.breaking, t.classes, t.paths = no, append([]string{cosmetic}, t.classes...), nil
	}
}

// unneeded tells that there is nothing to repair where the Parser, as it is, gives the
// events already: a time that another one stands in for.
func unneeded(t *truth, same bool) { t.repair = t.repair && !same }

func skip(reason string) (*plan, string) { return nil, reason }

// pick takes one of the fields for which ok holds; nil if there is none.
func (c *mutation) pick(ok func(*field) bool) *field {
	var found []*field
	for i := range c.f.fields {
		if ok(&c.f.fields[i]) {
			found = append(found, &c.f.fields[i])
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[c.r.IntN(len(found))]
}

// any takes a field for which ok holds; three times of four one that is mapped.
func (c *mutation) any(ok func(*field) bool) *field {
	wanted := c.r.IntN(4) > 0
	if f := c.pick(func(f *field) bool { return ok(f) && (f.target != "") == wanted }); f != nil {
		return f
	}
	return c.pick(ok)
}

func (c *mutation) mapped(ok func(*field) bool) *field {
	return c.pick(func(f *field) bool { return f.target != "" && ok(f) })
}

func all(*field) bool { return true }

// lastMapped is the position of the last column that a rule reads.
func (c *mutation) lastMapped() int {
	for i, f := range slices.Backward(c.f.fields) {
		if f.target != "" {
			return i
		}
	}
	return -1
}

// form tells whether the feed has one of the forms.
func (c *mutation) form(names ...string) bool { return slices.Contains(names, c.f.style.form) }

// names are the paths by which a finding may call a field.
func (c *mutation) names(f *field) []string {
	if c.f.style.form == "stix" && f.name == "pattern" {
		return []string{"pattern", "ioc"}
	}
	return []string{f.name}
}

// fresh is a column that the feed did not have.
func (c *mutation) fresh() field {
	kinds := []string{"enum:low,medium,high severity", "score risk_score", "fqdn ptr_name", "uuid record_id", "first:space processed_at",
		"bool is_compromised", "brand sector", "float entropy", "ip resolver", "asn upstream_as"}
	for {
		kind, name, _ := strings.Cut(kinds[c.r.IntN(len(kinds))], " ")
		f := field{name: name, typ: "string"}
		f.kind, f.option, _ = strings.Cut(kind, ":")
		if !slices.ContainsFunc(c.f.fields, func(x field) bool { return x.name == name }) {
			return f
		}
	}
}

// valueOf makes a value for a column that a change has added.
func valueOf(d *doc, f *field) string {
	if f.isTime() {
		return stamp(d.now, f.option)
	}
	return scalar(d.rng, f.kind, f.option)
}

// dotted puts a new name where another one is: a.b.old becomes a.b.new.
func dotted(old, name string) string {
	prefix := old[:strings.LastIndexByte(old, '.')+1]
	if strings.HasPrefix(old, "@") {
		return "@" + name
	}
	return prefix + name
}

// classes are those of the benchmark; their numbers are those of the research.
var classes = []class{
	{"1", "append a column", appendColumn},
	{"2", "insert a column in the middle", insertColumn},
	{"3", "remove a column", removeColumn},
	{"4", "rename a column", renameColumn},
	{"5", "position reused for another field", reusePosition},
	{"6", "reorder columns", reorderColumns},
	{"7", "header commented, plain or absent", changeHeader},
	{"8", "quote all fields", quoteAll},
	{"9", "delimiter", changeDelimiter},
	{"10", "delimiter inside a value (1 %)", delimiterInside},
	{"11", "preamble, footer, comments", commentLines},
	{"12", "timestamp layout", timeLayout},
	{"13", "unit or zone of times", timeUnit},
	{"14", "meaning of a time", timeMeaning},
	{"15", "another format", otherFormat},
	{"16", "zip or gzip", wrapped},
	{"17", "HTML page, captcha, login", htmlPage},
	{"18", "JSON error body", errorBody},
	{"19", "404, host moved", notFound},
	{"20", "tombstone", tombstone},
	{"21", "silently empty or frozen", emptyOrFrozen},
	{"22", "scalar, list, object", reshape},
	{"23", "envelope path", envelope},
	{"24", "kind widening", widen},
	{"25", "null marker", nullMarker},
	{"26", "new enum value", newEnum},
	{"27", "malformed values", malformed},
	{"28", "charset, BOM, NUL, newline", charset},
	{"29", "header typo or case", headerTypo},
	{"30", "file name", fileName},
	{"31", "separator or order of values", separator},
	{"32", "taxonomy", taxonomy},
	{"33", "row limit, paging order", rowLimit},
	{"34", "truncated or duplicated body", truncated},
}

func findClass(id string) *class {
	for _, list := range [][]class{classes, controls} {
		for i := range list {
			if list[i].id == id {
				return &list[i]
			}
		}
	}
	return nil
}
