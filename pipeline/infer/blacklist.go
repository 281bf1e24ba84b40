package infer

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// listed makes the Parser one of a list where no column says when something
// happened: what is there is listed, and that holds until it is not any more. The
// time of the list, in a comment or beside the records, is that of its entries.
func (d *drafting) listed() {
	if d.format.vocabulary || d.fields["time"] != nil || slices.ContainsFunc(d.rules, func(r planned) bool { return r.rule.Field == "time" }) {
		return
	}
	places := 0
	for f, c := range d.fields {
		// A file or a vulnerability is not listed for a while: it stays what it is.
		if slices.Contains([]string{"ip", "url", "fqdn", "extra.network", "email"}, f) || f == "observable" && c.share(drift.SHA256|drift.SHA1|drift.MD5|drift.CVE) == 0 {
			places++
		}
	}
	if places == 0 {
		return
	}
	d.captureTime()
	d.spec.Kind = v1alpha1.KindBlacklist
	d.spec.Blacklist = &v1alpha1.BlacklistSpec{ExpiresAfter: "48h"}
	d.choose(Choice{About: "kind", Chosen: "Blacklist", Confidence: pick(len(d.columns) <= 5, 0.75, 0.55),
		Reason: "no column says when: what is listed holds while it is, and 48 hours longer", Alternatives: []string{"Event"}})
}

// listTime is a label of the time of a list, in a comment.
var listTime = regexp.MustCompile(`(?i)^(.*?\b(?:last[ _-]?(?:updated?|modified|changed?|modification)|updated?|modified|generated|created|compiled|published|exported|produced|built|as of|timestamp|date|time)\b[^:=0-9]{0,24}(?:[:=]|\bon\b|\bat\b)?\s*)((?:[A-Za-z]{3,9},? )?\d.*)$`)

// zoneName is what follows a time and is no part of its layout.
var zoneName = regexp.MustCompile(`(?i)\s*\(?(?:UTC|GMT)\)?\s*$`)

// captureTime takes the time of the list.
func (d *drafting) captureTime() {
	in := &d.spec.Input
	switch {
	case in.CSV != nil, in.Text != nil, in.Hosts != nil, in.KeyValue != nil, in.Zone != nil:
		d.captureComment()
	case in.JSON != nil && in.JSON.Records != "" && !in.JSON.Concatenated:
		d.captureMember()
	}
}

func (d *drafting) captureComment() {
	said := d.text.comments[:min(d.text.before, len(d.text.comments))]
	if d.spec.Input.Zone != nil {
		said = slices.DeleteFunc(slices.Clone(d.text.lines[:min(len(d.text.lines), 30)]), func(l string) bool { return !zoneComment.MatchString(l) })
	}
	for _, line := range said[:min(len(said), 60)] {
		m := listTime.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		value := zoneName.ReplaceAllString(m[2], "")
		t := timesOf(newColumn("time", []string{value}))
		if t == nil || t.ambiguous || len(t.layouts) == 0 {
			continue
		}
		group := `(\S` + pick(strings.ContainsAny(value, " \t"), `.*?`, `*`) + `)`
		pattern := `^` + regexp.QuoteMeta(strings.TrimRight(m[1], " \t")) + `\s*` + group + `\s*(?:\(?(?:UTC|GMT)\)?)?\s*$`
		if len(pattern) > 512 {
			continue
		}
		d.spec.Input.Capture = []v1alpha1.CaptureRule{{Name: "listed", Pattern: pattern}}
		d.addListTime(strings.TrimSpace(m[1]), t)
		return
	}
}

// captureMember takes the time that lies beside the records of a document.
func (d *drafting) captureMember() {
	if d.text.sample.Truncated {
		return
	}
	doc, err := decodeRecord(d.text.body)
	root, ok := doc.(*object)
	if err != nil || !ok {
		return
	}
	first, _, _ := strings.Cut(d.spec.Input.JSON.Records, ".")
	path, v, before := memberTime(root, first)
	if path == "" {
		return
	}
	t := timesOf(newColumn(path, []string{v}))
	if t == nil || t.ambiguous {
		return
	}
	d.spec.Input.Capture = []v1alpha1.CaptureRule{{Name: "listed", Path: path, Footer: !before}}
	d.addListTime(path, t)
}

// memberTime is a time of the document, or of an object such as meta in it, and
// whether it comes before the records.
func memberTime(root *object, records string) (path, value string, before bool) {
	seen := false
	for _, k := range root.keys {
		seen = seen || k == records
		switch v := root.values[k].(type) {
		case string:
			if isListTime(k, v) {
				return quoteKey(k), v, !seen
			}
		case *object:
			for _, inner := range v.keys {
				if s, ok := v.values[inner].(string); ok && k != records && isListTime(inner, s) {
					return join(quoteKey(k), quoteKey(inner)), s, !seen
				}
			}
		}
	}
	return "", "", false
}

func isListTime(name, value string) bool {
	words := tokens(name)
	return kindsOf(value).has(drift.Timestamp) && !expireWords.any(words) && !slices.Contains(words, "next") &&
		(timeWords.any(words) || lastWords.any(words) || firstWords.any(words) || set("generated exported compiled").any(words))
}

func (d *drafting) addListTime(about string, t *timing) {
	rule := v1alpha1.MappingRule{Field: "time", From: []string{"$meta.listed"}, OnInvalid: v1alpha1.InvalidDrop}
	if !t.plain {
		rule.Time = &v1alpha1.TimeSpec{Layouts: t.layouts}
	}
	d.plan(rule, Choice{About: about, Field: "time", Chosen: "the time of the list", Confidence: 0.8, Reason: "it says when the list was made; " + t.why()})
}
