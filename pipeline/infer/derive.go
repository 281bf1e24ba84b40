package infer

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// derive makes columns of what cells have in them: pairs (family: x; port: 80),
// and a value before a remark (192.0.2.1 | DE). Lists in cells are split.
func (d *drafting) derive() {
	for _, name := range slices.Sorted(maps.Keys(d.format.derive)) {
		if c := d.column(name); c != nil {
			d.addDerived(c, d.format.derive[name], "value")
		}
	}
	for _, c := range slices.Clone(d.columns) {
		switch {
		case !c.isText() || c.unnamed && len(d.columns) == 1:
		case c.splits() != "":
			d.splitCells(c)
		case c.kind&strongKinds != 0 || c.kindIs(drift.Timestamp):
		case d.derivePairs(c):
		default:
			d.deriveLeading(c)
		}
	}
}

// isText tells whether the values of a column are texts.
func (c *column) isText() bool {
	return !c.array && !c.nested && c.nonNull > 0 && !c.number && !c.boolean
}

// cellSeparators are what stands between the values of a cell.
var cellSeparators = []string{";", ",", "|", " ", "\n"}

// splits is the separator of a cell that has several telling values; "" if cells
// have one.
func (c *column) splits() string {
	if c.share(strongKinds) >= mostly && !c.kindIs(bareURL) {
		return ""
	}
	for _, sep := range cellSeparators {
		several, all, fit := 0, 0, 0
		for v := range c.distinct {
			parts := strings.Split(v, sep)
			if len(parts) > 1 {
				several++
			}
			all++
			if !slices.ContainsFunc(parts, func(p string) bool { return kindsOf(strings.TrimSpace(p)).strong() == 0 }) {
				fit++
			}
		}
		if several > 0 && float64(fit) >= mostly*float64(all) {
			return sep
		}
	}
	return ""
}

// splitCells makes a column one of lists.
func (d *drafting) splitCells(c *column) {
	sep := c.splits()
	parts := newColumn(c.name, nil)
	parts.split, parts.array, parts.words, parts.parents, parts.unnamed = sep, true, c.words, c.parents, c.unnamed
	for _, v := range c.values {
		cells := strings.Split(v, sep)
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		parts.values = append(parts.values, strings.Join(cells, "\n"))
	}
	parts.learn()
	parts.nulls = nil
	d.columns[slices.Index(d.columns, c)] = parts
}

// pair is a label and a value in a cell.
var (
	pairLabel = regexp.MustCompile(`^\s*([A-Za-z][A-Za-z0-9_. -]{0,30}?)\s*([:=])\s*(\S.*)$`)
	spacePair = regexp.MustCompile(`(?:^|\s)([A-Za-z][A-Za-z0-9_.-]{0,30})=(\S+)`)
)

const (
	maxDerived = 12
	// maxDerives, maxNames and maxRules are what the schema allows, with room for what
	// a person adds.
	maxDerives = 16
	maxNames   = 8
	maxRules   = 120
	maxWhen    = 2048
)

// derivePairs takes the values of labels out of a cell, where most cells are made
// of them.
func (d *drafting) derivePairs(c *column) bool {
	for _, sep := range []string{";", "|", "&", ",", "\n", " "} {
		labels := c.labels(sep)
		if labels == nil {
			continue
		}
		keys := slices.Sorted(maps.Keys(labels))
		for _, key := range keys[:min(len(keys), maxDerived)] {
			d.addDerived(c, labelPattern(key, labels[key], sep), key)
		}
		return true
	}
	return false
}

// labels are those that the cells have, with what follows them; nil if most cells
// are not made of pairs, or are but one pair with a label that says nothing.
func (c *column) labels(sep string) map[string]string {
	labels := map[string]string{}
	fit, several := 0, 0
	for v := range c.distinct {
		if len(v) > 1024 {
			return nil
		}
		found := pairsOf(v, sep)
		if found == nil {
			continue
		}
		fit++
		if len(found) > 1 {
			several++
		}
		maps.Copy(labels, found)
	}
	known := 0
	for l := range labels {
		if isKnownName(l) {
			known++
		}
	}
	if fit == 0 || float64(fit) < 0.5*float64(len(c.distinct)) || known == 0 || several == 0 && known < len(labels) {
		return nil
	}
	return labels
}

// pairsOf are the labels of a cell; nil if a part of it is no pair.
func pairsOf(v, sep string) map[string]string {
	out := map[string]string{}
	if sep == " " {
		for _, m := range spacePair.FindAllStringSubmatch(v, -1) {
			out[m[1]] = "="
		}
		if len(out) < 2 || len(out) != len(strings.Fields(v)) {
			return nil
		}
		return out
	}
	for part := range strings.SplitSeq(strings.Trim(v, sep+" "), sep) {
		m := pairLabel.FindStringSubmatch(part)
		if m == nil || m[2] == ":" && strings.HasPrefix(m[3], "//") || kindsOf(part).strong() != 0 || kindsOf(m[1]).strong() != 0 {
			return nil
		}
		out[m[1]] = m[2]
	}
	return out
}

// labelPattern finds the value of a label; its group is a %s.
func labelPattern(label, assign, sep string) string {
	label = regexp.QuoteMeta(label)
	if sep == " " {
		return `(?:^|\s)` + label + `=(?P<%s>\S+)`
	}
	class := regexp.QuoteMeta(sep)
	if sep == "\n" {
		class = `\n`
	}
	return `(?:^|[` + class + `]\s*)` + label + `\s*` + assign + `\s*(?P<%s>[^` + class + `]*[^` + class + `\s])`
}

// leadings are values that may stand before a remark, with the words that the new
// column is named by.
var leadings = []struct {
	kinds   drift.Kinds
	name    string
	pattern string
}{
	{ipKinds, "ip", `^\s*\[?(?P<%s>[0-9A-Fa-f.:]+)\]?(?:[\s|,;#(-]|$)`},
	{drift.CIDR4 | drift.CIDR6, "network", `^\s*(?P<%s>[0-9A-Fa-f.:]+/\d+)(?:[\s|,;#(-]|$)`},
	{drift.URL, "url", `^\s*(?P<%s>[A-Za-z]+(?:\[:\]|:)//\S+)`},
	{drift.SHA256 | drift.SHA1 | drift.MD5, "hash", `^\s*(?P<%s>[0-9A-Fa-f]{32,64})(?:[\s|,;#(-]|$)`},
	{drift.FQDN, "domain", `^\s*(?P<%s>(?:[A-Za-z0-9_-]+\[?\.\]?)+[A-Za-z-]+)(?:[\s|,;#(]|$)`},
	{drift.Timestamp, "date", `^\s*(?P<%s>\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?Z?)?)(?:[\s|,;#(]|$)`},
}

// deriveLeading takes the value that most cells begin with, where no column has
// such values.
func (d *drafting) deriveLeading(c *column) {
	for _, l := range leadings {
		re := regexp.MustCompile(fmt.Sprintf(l.pattern, "v"))
		if d.hasKind(l.kinds) || !c.leadBy(re, l.kinds) {
			continue
		}
		d.addDerived(c, l.pattern, l.name)
		return
	}
}

// hasKind reports whether a column has such values and does not just refer to
// something.
func (d *drafting) hasKind(k drift.Kinds) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c.nonNull > 0 && c.share(k) >= mostly && !refWords.any(c.words) && !c.array
	})
}

// leadBy reports whether most cells begin with a value of a kind, and go on.
func (c *column) leadBy(re *regexp.Regexp, k drift.Kinds) bool {
	fit, longer := 0, 0
	for v := range c.distinct {
		m := re.FindStringSubmatch(v)
		if m == nil || !kindsOf(m[1]).has(k) {
			continue
		}
		fit++
		if len(strings.TrimSpace(v)) > len(m[1])+1 {
			longer++
		}
	}
	return longer > 0 && float64(fit) >= mostly*float64(len(c.distinct))
}

// addDerived adds a column of what a pattern finds in another.
func (d *drafting) addDerived(c *column, pattern, name string) {
	group := groupNames([]string{name})[0]
	if d.column(group) != nil {
		group = clip(groupNames([]string{cmp.Or(cleanKey(c.words, nil), "cell") + "_" + name})[0], 60)
	}
	if d.column(group) != nil || len(d.columns) >= maxPaths || len(d.spec.Derive) == maxDerives || len(c.name) > 256 {
		return
	}
	pattern = fmt.Sprintf(pattern, group)
	re, err := regexp.Compile(pattern)
	if err != nil || len(pattern) > 1024 {
		return
	}
	values := make([]string, len(c.values))
	for i, v := range c.values {
		if m := re.FindStringSubmatch(v); m != nil {
			values[i] = m[1]
		}
	}
	made := newColumn(group, values)
	if made.nonNull == 0 {
		return
	}
	d.spec.Derive = append(d.spec.Derive, v1alpha1.DeriveRule{From: []string{c.name}, Pattern: pattern})
	d.choose(Choice{About: c.name, Chosen: "derive " + group, Confidence: 0.8, Reason: "its values have others in them"})
	d.columns = append(d.columns, made)
	d.draft.Columns = append(d.draft.Columns, group)
}
