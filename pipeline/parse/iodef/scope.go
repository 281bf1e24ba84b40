// Package iodef takes records out of incidents: documents of IODEF 1 (RFC 5070) and
// 2 (RFC 7970). A record is a system or another observable, with what the events and
// the incident around it say.
package iodef

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/weir-project/weir/pipeline/parse/markup"
)

// scope is what an incident or event says of all that is inside.
type scope struct {
	outer *scope
	// texts are members of the record by name.
	texts    [memberCount]string
	methods  []string // JSON
	contacts []string
	cves     []string
}

// The members that inner scopes replace.
const (
	reportTime = iota
	generationTime
	detectTime
	startTime
	endTime
	recoveryTime
	restriction
	description
	impactType
	impactCompletion
	impactSeverity
	impactText
	confidence
	reference
	memberCount
)

var timeNames = map[string]int{
	"ReportTime": reportTime, "GenerationTime": generationTime, "DetectTime": detectTime, "StartTime": startTime,
	"EndTime": endTime, "RecoveryTime": recoveryTime,
}

var memberNames = [memberCount]string{
	"report_time", "generation_time", "detect_time", "start_time", "end_time", "recovery_time", "restriction", "description",
	"impact", "completion", "severity", "impact_text", "confidence", "reference",
}

// maxList bounds the contacts, methods and CVE ids of a scope.
const maxList = 32

// get is a member of the innermost scope that has it.
func (s *scope) get(i int) string {
	for ; s != nil; s = s.outer {
		if s.texts[i] != "" {
			return s.texts[i]
		}
	}
	return ""
}

func (s *scope) set(i int, value string) {
	if s.texts[i] == "" {
		s.texts[i] = strings.Clone(value)
	}
}

// restrict reads the restriction of an element.
func (s *scope) restrict(value, extension string) {
	if strings.HasPrefix(value, "ext-") {
		value = extension
	}
	s.set(restriction, strings.ToLower(value))
}

// note takes a child of an incident or event.
func (s *scope) note(n *markup.Node) {
	if i, ok := timeNames[n.Name]; ok {
		s.set(i, n.Trimmed())
		return
	}
	switch n.Name {
	case "Description":
		if text := n.Trimmed(); text != "" {
			s.texts[description] = strings.TrimPrefix(s.texts[description]+"\n"+text, "\n")
		}
		s.findCVEs(n)
	case "Assessment":
		s.assess(n)
	case "Method":
		s.method(n)
	case "Contact":
		s.contact(n)
	case "Discovery", "ThreatActor", "Campaign", "History", "RelatedActivity", "AlternativeID", "AdditionalData", "Expectation":
		s.findCVEs(n)
	}
}

// assess reads what the consequences are.
func (s *scope) assess(n *markup.Node) {
	for i := range n.Children("Impact", "SystemImpact", "BusinessImpact", "TimeImpact", "MonetaryImpact", "IntendedImpact") {
		if i.Name == "Impact" || i.Name == "SystemImpact" {
			s.set(impactType, either(i.Attr("type"), i.Attr("ext-type")))
			s.set(impactCompletion, i.Attr("completion"))
			s.set(impactText, firstOf(i.At("Description").Trimmed(), i.Trimmed()))
		}
		s.set(impactSeverity, i.Attr("severity"))
	}
	if n.Attr("occurrence") != "" {
		s.set(impactCompletion, n.Attr("occurrence"))
	}
	if c := n.Child("Confidence"); c != nil {
		s.set(confidence, rating(c))
	}
}

// rating is low, medium or high; "" if the publisher does not know.
func rating(c *markup.Node) string {
	switch r := strings.ToLower(c.Attr("rating")); r {
	case "low", "medium", "high":
		return r
	case "numeric", "":
		v, err := strconv.ParseFloat(firstOf(c.Trimmed(), c.Attr("value")), 64)
		if err != nil || v < 0 {
			return ""
		}
		if v > 1 {
			v /= 100
		}
		switch {
		case v < 1.0/3:
			return "low"
		case v < 2.0/3:
			return "medium"
		}
		return "high"
	}
	return ""
}

// method reads how it was done.
func (s *scope) method(n *markup.Node) {
	s.findCVEs(n)
	var refs []string
	for r := range n.All("Reference") {
		var o markup.Object
		name := firstOf(r.At("ReferenceName").Trimmed(), r.At("ReferenceName", "ID").Trimmed(), r.Attr("name"))
		o.Text("name", name)
		o.Text("url", r.At("URL").Trimmed())
		o.Text("description", r.At("Description").Trimmed())
		refs = append(refs, o.String())
		s.set(reference, name)
	}
	var o markup.Object
	o.Text("description", firstOf(n.At("Description").Trimmed(), n.Attr("description")))
	o.Raw("references", array(refs))
	if text := o.String(); text != "{}" && len(s.methods) < maxList {
		s.methods = append(s.methods, text)
	}
}

// contact reads who is involved.
func (s *scope) contact(n *markup.Node) {
	var o markup.Object
	o.Text("role", either(n.Attr("role"), n.Attr("ext-role")))
	o.Text("type", either(n.Attr("type"), n.Attr("ext-type")))
	o.Text("name", firstOf(n.At("ContactName").Trimmed(), n.At("ContactTitle").Trimmed()))
	o.Text("email", firstOf(n.At("Email", "EmailTo").Trimmed(), n.At("Email").Trimmed()))
	o.Text("telephone", firstOf(n.At("Telephone", "TelephoneNumber").Trimmed(), n.At("Telephone").Trimmed()))
	o.Text("handle", n.At("RegistryHandle").Trimmed())
	o.Text("country", n.At("PostalAddress", "Country").Trimmed())
	if text := o.String(); text != "{}" && len(s.contacts) < maxList {
		s.contacts = append(s.contacts, text)
	}
}

var cve = regexp.MustCompile(`(?i)\bCVE-\d{4}-\d{4,7}\b`)

func (s *scope) findCVEs(n *markup.Node) {
	if n.Child() != nil {
		for c := range n.Children() {
			s.findCVEs(c)
		}
		return
	}
	for _, id := range cve.FindAllString(n.Content(), maxList) {
		if id = strings.ToUpper(id); len(s.cves) < maxList && !slices.Contains(s.cves, id) {
			s.cves = append(s.cves, id)
		}
	}
}

// lists are those of all scopes, the innermost first.
func (s *scope) lists(of func(*scope) []string) []string {
	var out []string
	for ; s != nil; s = s.outer {
		for _, v := range of(s) {
			if !slices.Contains(out, v) {
				out = append(out, v)
			}
		}
	}
	return out
}

// append adds the members of a record.
func (s *scope) append(o *markup.Object) {
	for i, name := range memberNames {
		o.Text(name, s.get(i))
	}
	o.Texts("cves", s.lists(func(s *scope) []string { return s.cves }))
	o.Raw("methods", array(s.lists(func(s *scope) []string { return s.methods })))
	o.Raw("contacts", array(s.lists(func(s *scope) []string { return s.contacts })))
}

func array(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return "[" + strings.Join(values, ",") + "]"
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// either is value, unless that says that it is the other one, an extension.
func either(value, other string) string {
	if value == "ext-value" && other != "" {
		return other
	}
	return value
}
