package infer

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// isTime reports whether a column holds times. Numbers that could be seconds are
// times only if the name says so.
func (d *drafting) isTime(c *column) bool {
	if c.array || !c.kindIs(drift.Timestamp) && c.share(drift.Timestamp) < 0.5 {
		return false
	}
	if c.share(drift.Int|drift.Float) >= mostly {
		return (timeWords.any(c.words) || firstWords.any(c.words) || lastWords.any(c.words) || expireWords.any(c.words)) &&
			!set("id ids size bytes count").any(c.words)
	}
	return true
}

// moment is a column of times and what it may be the time of.
type moment struct {
	column *column
	timing *timing
	role   string   // event, first, last, expires, other
	also   []moment // of the same role, in other records
	rank   int      // among those of its role, the smaller the better
}

// ownTime are words of a time that is the one of the record.
var ownTime = set("time timestamp datetime date ts when isotime event detection occurred observed source seen")

func momentOf(c *column, outer, element bool) moment {
	m := moment{column: c, timing: timesOf(c)}
	m.role, m.rank = roleOf(c, element)
	// The time of the element comes before that of what it lies in, and what is near
	// before what is nested.
	if !element && (outer || len(c.parents) > 0) {
		m.rank += 3
	}
	return m
}

// roleOf is what a time is the time of, and how well the name says so, 0 best.
func roleOf(c *column, element bool) (role string, rank int) {
	w := c.words
	switch {
	case expireWords.any(w):
		return "expires", 0
	case otherTime.any(w), strings.HasPrefix(c.name, "_"), inList(c.name) && !element:
		return "other", 0
	case set("closed ended finished").any(w), set("end stop").any(w) && timeWords.any(w) && !element:
		return "until", 0
	case lastWords.any(w):
		return "last", pick(set("seen online active reported sighting report activity").any(append(slices.Clone(w), c.parents...)), 0, 1)
	case ownTime.only(w) && !refWords.any(c.parents):
		return "event", len(w)
	case firstWords.any(w) && set("first seen").any(append(slices.Clone(w), c.parents...)):
		return "first", 0
	case firstWords.any(w):
		return "first", pick(set("added submission detected detection discovered reported").any(w), 1, 2)
	case timeWords.any(w):
		return "event", 5
	case c.invented(), len(w) == 0:
		return "event", 6
	}
	return "other", 0
}

// mapTimes says which column is the time of an event. A list of what was active
// lately is about the last time; a list of what was found, about the first.
func (d *drafting) mapTimes(columns []*column) {
	byRole := map[string][]moment{}
	for _, c := range columns {
		m := momentOf(c, len(d.spec.Explode) > 0, len(d.spec.Explode) > 0 && strings.HasPrefix(c.name, d.spec.Explode[0].From+"."))
		if m.timing == nil || d.ofOthers(c) {
			d.addExtra(c, nil)
			continue
		}
		byRole[m.role] = append(byRole[m.role], m)
	}
	for _, ms := range byRole {
		slices.SortStableFunc(ms, func(a, b moment) int { return cmp.Compare(a.rank, b.rank) })
	}
	for role, ms := range byRole {
		byRole[role] = together(ms)
	}
	used := d.putTimes(byRole)
	for _, c := range columns {
		if !used[c] && timesOf(c) != nil {
			d.addExtra(c, &proposal{field: "extra", confidence: 0.75, reason: "another column has the time"})
		}
	}
}

// ofOthers reports whether only records have the time that have nothing that an
// event is about, such as a last one with the time and size of the feed.
func (d *drafting) ofOthers(c *column) bool {
	ids := 0
	for f, id := range d.fields {
		if !isIdentity(f) {
			continue
		}
		if ids++; !disjoint(id, c) {
			return false
		}
	}
	return ids > 0
}

// together makes one moment of those that no record has two of.
func together(ms []moment) []moment {
	out := ms[:1:1]
	for _, m := range ms[1:] {
		first := &out[0]
		if len(first.also) == maxNames || slices.ContainsFunc(append(first.also, *first), func(o moment) bool { return !disjoint(o.column, m.column) }) {
			out = append(out, m)
			continue
		}
		first.also = append(first.also, m)
	}
	return out
}

// putTimes gives the fields their columns.
func (d *drafting) putTimes(byRole map[string][]moment) map[*column]bool {
	main, confidence, why := d.mainTime(byRole)
	used := map[*column]bool{}
	put := func(m *moment, field string, confidence float64, why string) {
		if m == nil || used[m.column] || d.fields[field] != nil {
			return
		}
		used[m.column] = true
		for _, o := range m.also {
			used[o.column] = true
		}
		d.addTime(m, field, confidence, why)
	}
	put(main, "time", confidence, why)
	first, last := head(byRole["first"]), head(byRole["last"])
	if main != first && first != nil && first.rank%3 == 0 {
		put(first, "first_seen", 0.85, "the name says that it is the first time")
	}
	if main != last && last != nil && last.rank%3 == 0 {
		put(last, "last_seen", 0.85, "the name says that it is the last time")
	}
	if end := head(byRole["until"]); main != nil && main.role != "last" {
		put(end, "until", 0.8, "the name says that it is the end of what was seen")
	}
	put(head(byRole["expires"]), "expires", 0.85, "the name says that it is the end")
	return used
}

func head(ms []moment) *moment {
	if len(ms) == 0 {
		return nil
	}
	return &ms[0]
}

// mainTime chooses the time of an event.
func (d *drafting) mainTime(by map[string][]moment) (m *moment, confidence float64, why string) {
	event, first, last := head(by["event"]), head(by["first"]), head(by["last"])
	switch {
	case event != nil:
		confidence = 0.95
		if len(by["event"]) > 1 && by["event"][1].rank == event.rank {
			confidence = 0.5
		}
		return event, confidence, "the name says that it is the time of the record"
	case first != nil && last != nil:
		return d.firstOrLast(first, last)
	case first != nil:
		return first, 0.9, "it is the only time that says when it was found"
	case last != nil:
		return last, 0.85, "it is the only time that says when it was seen"
	case len(by["other"]) > 0:
		return head(by["other"]), 0.5, "it is the only time"
	}
	return nil, 0, ""
}

// changeWords name the time of a change of the record, not of what it is about.
var changeWords = set("updated update modified modification changed")

// firstOrLast chooses among two times by what the feed is about.
func (d *drafting) firstOrLast(first, last *moment) (m *moment, confidence float64, why string) {
	changes := changeWords.any(last.column.words)
	switch category := d.spec.Constants["category"]; {
	case changes && d.fields["cves"] != nil && d.fields["ip"] == nil && d.fields["url"] == nil:
		return last, 0.65, "what is known of a vulnerability changes; the last time counts"
	case d.unsure("category"), d.fields["category"] != nil:
		return first, 0.55, "of what is found, the first time counts; of what is active, the last"
	case slices.Contains([]string{"scanning", "tor", "proxy", "server-exploit", "spam", "bots", "dos-attacker"}, category):
		return last, 0.7, "of what is active, the last time counts"
	case category == "vulnerable":
		return last, 0.5, "it was changed last then"
	case changes:
		return first, 0.55, "of what is found, the first time counts; of what changes, the last"
	}
	return first, pick(first.rank%3 == 0, 0.8, 0.65), "of what is found, the first time counts"
}

// unsure reports whether there is a question about something.
func (d *drafting) unsure(about string) bool {
	return slices.ContainsFunc(d.draft.Choices, func(c Choice) bool { return c.About == about && c.Question() })
}

// addTime makes the rule of a time.
func (d *drafting) addTime(m *moment, field string, confidence float64, why string) {
	c, t := m.column, m.timing
	rule := v1alpha1.MappingRule{Field: field, From: []string{c.name}}
	d.nullsOf(c, &rule)
	layouts, plain := slices.Clone(t.layouts), t.plain
	for _, o := range m.also {
		rule.From = append(rule.From, o.column.name)
		layouts, plain = append(layouts, o.timing.layouts...), plain && o.timing.plain
	}
	if !plain {
		slices.Sort(layouts)
		rule.Time = &v1alpha1.TimeSpec{Layouts: slices.Compact(layouts)}
	}
	if field != "time" || t.fits < 1 {
		rule.OnInvalid = v1alpha1.InvalidDrop
	}
	choice := Choice{About: c.name, Field: field, Chosen: field, Confidence: confidence, Reason: why + "; " + t.why()}
	if t.ambiguous {
		choice.Confidence = 0.4
		choice.Reason = "day and month may be the other way round: no value tells; " + t.why()
		choice.Alternatives = append(choice.Alternatives, "layouts: "+strings.Join(t.other, ", "))
	}
	if field == "time" && confidence < askBelow {
		choice.Alternatives = append(choice.Alternatives, "last_seen", "first_seen")
	}
	d.fields[field] = c
	d.plan(rule, choice)
}
