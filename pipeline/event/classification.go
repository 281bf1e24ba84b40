package event

import (
	"slices"
	"strings"
)

// The Reference Security Incident Taxonomy (RSIT) of ENISA and TF-CSIRT, with the
// types that IntelMQ adds to "other": taxonomies and their types.
var taxonomies = map[string][]string{
	"abusive-content":              {"spam", "harmful-speech", "violence"},
	"availability":                 {"ddos", "dos", "outage", "sabotage", "misconfiguration"},
	"fraud":                        {"copyright", "masquerade", "phishing", "unauthorized-use-of-resources"},
	"information-content-security": {"unauthorised-information-access", "unauthorised-information-modification", "data-loss", "data-leak"},
	"information-gathering":        {"scanner", "sniffing", "social-engineering"},
	"intrusion-attempts":           {"brute-force", "exploit", "ids-alert"},
	"intrusions": {"application-compromise", "burglary", "privileged-account-compromise", "system-compromise",
		"unprivileged-account-compromise"},
	"malicious-code": {"c2-server", "infected-system", "malware-configuration", "malware-distribution"},
	"other":          {"blacklist", "dga-domain", "malware", "proxy", "tor", "other", "undetermined"},
	"test":           {"test"},
	"vulnerable": {"ddos-amplifier", "information-disclosure", "potentially-unwanted-accessible", "vulnerable-system",
		"weak-crypto"},
}

// taxonomyOf finds the taxonomy of a type.
var taxonomyOf = func() map[string]string {
	m := make(map[string]string)
	for taxonomy, types := range taxonomies {
		for _, t := range types {
			m[t] = taxonomy
		}
	}
	return m
}()

// Taxonomies lists the RSIT taxonomies, sorted.
func Taxonomies() []string {
	var out []string
	for t := range taxonomies {
		out = append(out, t)
	}
	slices.Sort(out)
	return out
}

// Types lists the types of a taxonomy, sorted; of all of them if it is empty.
func Types(taxonomy string) []string {
	var out []string
	for t, of := range taxonomyOf {
		if taxonomy == "" || of == taxonomy {
			out = append(out, t)
		}
	}
	slices.Sort(out)
	return out
}

func normalTaxonomy(s string) (string, string) {
	if _, ok := taxonomies[s]; ok {
		return s, ""
	}
	n := lowerASCII(strings.TrimSpace(s))
	if _, ok := taxonomies[n]; ok || n == "" {
		return n, ""
	}
	return "", "is no RSIT taxonomy" + oneOf(n, Taxonomies())
}

func normalType(s string) (string, string) {
	if _, ok := taxonomyOf[s]; ok {
		return s, ""
	}
	n := lowerASCII(strings.TrimSpace(s))
	if _, ok := taxonomyOf[n]; ok || n == "" {
		return n, ""
	}
	return "", "is no RSIT type" + oneOf(n, Types(""))
}

// validateClassification sets the taxonomy of a type, or refuses another one.
func validateClassification(e *Event) *FieldError {
	if e.Type == "" {
		return nil
	}
	want := taxonomyOf[e.Type]
	if e.Taxonomy == "" {
		e.Taxonomy = want
	}
	if e.Taxonomy != want {
		return fieldError("classification.taxonomy",
			"is not that of the type "+e.Type+", which is "+want+"; leave it out, it follows from the type", e.Taxonomy)
	}
	return nil
}
