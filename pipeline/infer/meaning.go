package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

var cveInside = regexp.MustCompile(`(?i)\bCVE-\d{4}-\d{4,}\b`)

// contains reports whether most values have a match in them.
func (c *column) contains(re *regexp.Regexp) bool {
	n := 0
	for v := range c.distinct {
		if len(v) > 512 {
			return false
		}
		if re.MatchString(v) {
			n++
		}
	}
	return n > 0 && float64(n) >= 0.5*float64(len(c.distinct))
}

// longest is the most values that an array of the column has.
func (c *column) longest() int {
	n := 0
	for _, v := range c.values {
		if v != "" {
			n = max(n, strings.Count(v, "\n")+1)
		}
	}
	return n
}

// isScore reports whether a number says how sure the publisher is.
func isScore(c *column) bool {
	if set("cvss cvss2 cvss3 epss base count port size percentile version severity").any(c.words) || set("cvss epss").any(c.parents) {
		return false
	}
	return set("confidence reliability certainty score trust probability fraud").any(c.words) ||
		slices.Contains(c.words, "level") && scoreWords.any(c.parents)
}

// proposeScore reads a number as a confidence, by thresholds for its scale.
func (d *drafting) proposeScore(c *column) []proposal {
	_, most, ok := c.numbers()
	if !ok {
		return nil
	}
	high, medium, scale, confidence := "75", "40", "0 to 100", 0.8
	switch {
	case most <= 1:
		high, medium, scale, confidence = "0.75", "0.4", "0 to 1", 0.62
	case most <= 10:
		high, medium, scale, confidence = "7", "4", "0 to 10", 0.55
	}
	if !set("confidence reliability certainty").any(c.words) {
		confidence = 0.5
	}
	value := d.celNumber(c)
	rule := v1alpha1.MappingRule{Field: "confidence", OnInvalid: v1alpha1.InvalidDrop,
		Expr: fmt.Sprintf(`%[1]s >= %[2]s ? "high" : %[1]s >= %[3]s ? "medium" : "low"`, value, celFloat(high), celFloat(medium))}
	if !d.allHave(c) {
		rule.When = d.celHas(c)
	}
	return []proposal{{field: "confidence", confidence: confidence, keep: true, rule: rule, others: []string{"extra." + cleanKey(c.words, c.parents), "other thresholds"},
		reason: "the values are numbers from " + scale + ", and the name says how sure it is"}}
}

func celFloat(s string) string {
	if !strings.Contains(s, ".") {
		return s + ".0"
	}
	return s
}

func (d *drafting) celNumber(c *column) string { return "double(" + d.celName(c) + ")" }

func (d *drafting) allHave(c *column) bool {
	return !slices.ContainsFunc(c.values, func(v string) bool { return v == "" || drift.IsNothing(v) })
}

// levels is the share of values that are low, medium or high.
func (c *column) levels() float64 {
	n, all := 0, 0
	for v, times := range c.distinct {
		all += times
		if _, ok := levelWords[strings.ToLower(v)]; ok {
			n += times
		}
	}
	return float64(n) / float64(max(all, 1))
}

var levelWords = map[string]string{"low": "low", "medium": "medium", "moderate": "medium", "high": "high", "very high": "high", "very low": "low", "certain": "high"}

func levelRule() v1alpha1.MappingRule {
	return v1alpha1.MappingRule{OnInvalid: v1alpha1.InvalidDrop, Values: &v1alpha1.ValueMap{IgnoreCase: true, Entries: levelWords}}
}

// proposeText is for words and sentences.
func (d *drafting) proposeText(c *column) []proposal {
	if c.name == "$key" && d.format.explode {
		return []proposal{{field: "name", confidence: 0.55, others: []string{"name with an extract", "extra.key"}, reason: "lists have names, and these may be those of threats"}}
	}
	if p := d.proposeCategory(c); p != nil {
		return p
	}
	if c.saysUser() {
		return one("username", 0.7, "the name says that it is the name of a user")
	}
	if c.saysOther() {
		return d.proposeFree(c)
	}
	if p := d.proposeParty(c); p != nil {
		return p
	}
	if set("vulnerability vuln").any(c.words) && slices.Contains(c.words, "name") {
		return one("name", 0.9, "the name says that it is the name of the vulnerability")
	}
	if family := d.familyOf(c); family != nil {
		return []proposal{{field: "name", confidence: 0.93, also: []*column{family}, reason: "the name says that it is a variant of the threat, and each value begins with the family"}}
	}
	if p := c.proposeThreat(); p != nil {
		return p
	}
	return d.proposeFree(c)
}

// saysUser reports whether the name says that it is the name of a user.
func (c *column) saysUser() bool {
	w := c.words
	switch {
	case set("username login").any(w), slices.Contains(w, "user") && slices.Contains(w, "name"):
		return true
	case len(c.parents) == 0:
		return false
	}
	return slices.Equal(w, []string{"name"}) && set("user account login credential credentials").any(c.parents[len(c.parents)-1:])
}

// proposeThreat is for names of malware and threats.
func (c *column) proposeThreat() []proposal {
	w := c.words
	switch {
	case familyWords.any(w) && printable.any(w):
		return one("name", 0.95, "the name says that it is the name of the threat")
	case set("malware family botnet vxfamily trojan").any(w) && !idWords.any(w) && !slices.Contains(w, "fk"):
		return one("name", 0.9, "the name says that it is the name of the threat")
	case slices.Contains(w, "signature"):
		return one("name", 0.86, "the name says that it is the name of the threat")
	case set("threat ransomware").any(w) && slices.Contains(w, "name"):
		return one("name", 0.88, "the name says that it is the name of the threat")
	}
	return nil
}

// familyOf is the column of families whose values those of a column of variants
// begin with: the variant says all that the family does, and more.
func (d *drafting) familyOf(c *column) *column {
	if !slices.Contains(c.words, "variant") {
		return nil
	}
	i := slices.IndexFunc(d.columns, func(f *column) bool {
		if f == c || !set("family malware threat botnet").any(f.words) || f.array || f.nonNull == 0 {
			return false
		}
		for i, v := range c.values {
			if c.has(i) && (!f.has(i) || !strings.HasPrefix(strings.ToLower(v), strings.ToLower(f.values[i]))) {
				return false
			}
		}
		return true
	})
	if i < 0 {
		return nil
	}
	return d.columns[i]
}

// saysOther reports whether the name says that a text is neither a name of a
// threat nor of who is attacked.
func (c *column) saysOther() bool {
	return set("alias aliases id ids link url hash version date code type desc description tags tag malpedia path").any(c.words) ||
		set("user reporter author vendor product").any(c.words)
}

// proposeParty is for who attacks, and who is attacked.
func (d *drafting) proposeParty(c *column) []proposal {
	w := c.words
	switch {
	case d.aboutLeaks() && set("title post").any(w):
		return one("target", 0.65, "the feed is about leaks, and the titles of its posts name who was attacked")
	case set("brand target victim impersonated").any(w) && !set("url ip id country sector").any(w):
		return one("target", 0.88, "the name says who is imitated or attacked")
	case set("actor gang campaign attacker defacer hacker crew").any(w), slices.Contains(w, "group") && d.aboutLeaks():
		return one("name", 0.75, "the name says who is behind it")
	}
	return nil
}

// aboutLeaks reports whether the feed says that it is about extortion and leaks.
func (d *drafting) aboutLeaks() bool {
	return slices.ContainsFunc(d.feedWords, func(w string) bool {
		return strings.HasPrefix(w, "ransom") || w == "leak" || w == "leaks"
	})
}

// mayName are words of columns that may hold the name of the threat.
var mayName = set("type tag tags service ioc description desc reason comment comments info descr label title subject text classification remark activity")

// askForName turns the column that may best hold the name of the threat into a
// question, if no column surely does.
func (d *drafting) askForName(all []proposal) []proposal {
	if d.fields["name"] != nil {
		return all
	}
	var best *column
	for i := range all {
		switch all[i].field {
		case "name", "target":
			return all
		case "category":
			best = all[i].column
		}
	}
	used := func(c *column) bool {
		return slices.ContainsFunc(all, func(p proposal) bool { return p.column == c && p.field != "extra" })
	}
	for _, c := range d.columns {
		if best == nil && c.mayName() && !used(c) {
			best = c
		}
	}
	if best == nil {
		return all
	}
	q := best.nameQuestion()
	for i := range all {
		if all[i].column != best {
			continue
		}
		if all[i].field == "category" {
			all[i].keep = false
			break
		}
		all[i] = q
		return all
	}
	return append(all, q)
}

// genericEnd is what publishers write behind the name of a threat.
var genericEnd = regexp.MustCompile(`(?i)(?:\s+(?:c&c|c2|cnc|malware|botnet|controller|server|servers|traffic|panel|domain|ip|host|distribution|activity))+\s*$`)

// nameQuestion asks whether a column has the name of the threat: as the name where
// its values are written as names, else as an extra.
func (c *column) nameQuestion() proposal {
	q := proposal{column: c, field: "extra", confidence: 0.5, reason: "it may say the name of the threat", others: []string{"name", "name with an extract"}}
	if c.properNames() {
		q.field, q.keep, q.others = "name", true, []string{"extra." + cleanKey(c.words, c.parents), "name with an extract"}
		if c.contains(genericEnd) {
			q.rule.Extract = strings.TrimSuffix(genericEnd.String(), `+\s*$`) + `*\s*$`
			q.rule.Extract = strings.Replace(q.rule.Extract, `(?i)`, `(?i)^(.+?)`, 1)
		}
	}
	return q
}

// properName is how names of malware are written: Lokibot, Agent Tesla, Win32.Mimail.
var properName = regexp.MustCompile(`^\p{Lu}[\p{L}\p{N}.+-]+(?: [\p{Lu}\p{N}][\p{L}\p{N}&.+-]*){0,3}$`)

// properNames reports whether most values are written as names, and are no words
// that say what kind of thing a record is.
func (c *column) properNames() bool {
	n := 0
	for v := range c.distinct {
		own := genericEnd.ReplaceAllString(v, "")
		if properName.MatchString(v) && valueCategory(own) == "" {
			n++
		}
	}
	return n > 0 && float64(n) >= mostly*float64(len(c.distinct)) && !c.invented() && !c.kindWords()
}

// mayName reports whether the values may be names of threats.
func (c *column) mayName() bool {
	if !c.kindIs(drift.Text) || c.kind&strongKinds != 0 || c.nonNull == 0 || c.array || c.wordy() > 8 || c.maxLength() > 120 {
		return false
	}
	return mayName.any(c.words) && !c.kindWords() || c.unnamed && c.share(drift.CC|drift.Bool|proto) < 0.5
}

// proposeFree is for text that may be the name of the threat, or nothing that
// the event has a field for.
func (d *drafting) proposeFree(c *column) []proposal {
	w := c.words
	switch {
	case len(c.parents) > 0 && reporterObjects[c.parents[len(c.parents)-1]]:
		return nil
	case titleWords.only(w) && d.fields["cves"] == nil && d.aboutVulnerabilities() && (w[0] != "summary" || !d.hasTitle(c)):
		return one("name", 0.65, "it is the title of what has CVE ids")
	case set("name title threat headline").only(w), set("name title summary headline").any(w) && len(w) <= 2 && !set("file country as asn isp org user vendor product host domain city display").any(w):
		return []proposal{{field: "name", confidence: 0.5, reason: "it may be the name of the threat", others: []string{"extra." + cleanKey(w, c.parents), "target"}}}
	}
	return nil
}

// titleWords name the title of an advisory or report.
var titleWords = set("title headline summary")

// hasTitle reports whether another column is the title, so that this one is not.
func (d *drafting) hasTitle(not *column) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool { return c != not && c.nonNull > 0 && set("title headline").only(c.words) })
}

// wordy is how many words a value has, on average.
func (c *column) wordy() float64 {
	n, all := 0, 0
	for v := range c.distinct {
		n += len(strings.Fields(v))
		all++
	}
	return float64(n) / float64(max(all, 1))
}

// kindWords reports whether the values name kinds of indicators: domain, url.
func (c *column) kindWords() bool {
	kinds := set("ip ipv4 ipv6 url domain hostname host sha256 sha1 md5 hash email file fqdn cidr port indicator uri filehash cve")
	n := 0
	for v := range c.distinct {
		if len(strings.Fields(v)) <= 2 && kinds.any(tokens(v)) {
			n++
		}
	}
	return n*2 > len(c.distinct)
}
