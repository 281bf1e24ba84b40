package infer

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

func (d *drafting) proposeMixed(c *column) []proposal {
	confidence := 0.85
	if c.share(drift.URL|drift.FQDN|bareURL|ipKinds|hostPort) == 1 && urlWords.any(c.words) && !refWords.any(c.words) {
		if c.share(ipKinds|hostPort) > 0 {
			// An address alone is no URL; observable tells them apart.
			return one("observable", 0.9, "the values are URLs, and hosts")
		}
		return []proposal{{field: "url", confidence: 0.9, reason: "the values are URLs, some without a scheme",
			rule: v1alpha1.MappingRule{Expr: fmt.Sprintf(`%[1]s.contains("://") ? %[1]s : "http://" + %[1]s`, d.celName(c))}}}
	}
	if iocWords.any(c.words) || addressWords.any(c.words) || domainWords.any(c.words) || len(d.columns) == 1 || urlWords.any(c.words) {
		confidence = 0.95
	}
	if refWords.any(c.words) {
		return one("extra", 0.7, "the values are of several kinds, and the name says that they refer to something")
	}
	return one("observable", confidence, "the values are of several kinds (%s)", c.kindNames())
}

// kindNames lists the strong kinds of the values.
func (c *column) kindNames() string {
	var all drift.Kinds
	for v := range c.distinct {
		all |= kindsOf(v).strong()
	}
	s := strings.ReplaceAll((all &^ (otherHash | hostPort | bareURL)).String(), "|", ", ")
	if all&hostPort != 0 {
		s += ", host with port"
	}
	if all&bareURL != 0 {
		s += ", URL without scheme"
	}
	return strings.TrimPrefix(s, ", ")
}

func (d *drafting) proposeURL(c *column) []proposal {
	if d.format.syndicated && set("link guid id").any(c.words) {
		about := d.others(c, strongKinds) || d.aboutVulnerabilities()
		return []proposal{{field: "extra", confidence: pick(about, 0.8, 0.55), others: []string{"url"}, reason: "it is the page of the entry"}}
	}
	switch refers := refWords.any(c.words); {
	case d.ofPublisher(c) && d.others(c, strongKinds):
		return one("extra", 0.85, "the values are pages of the publisher, about the record")
	case d.aboutLeaks() && !refers:
		return []proposal{{field: "extra", confidence: 0.55, others: []string{"url"}, reason: "the values are URLs, of pages about the victim or of the victim"}}
	case c.saysURL():
		return one("url", pick(c.words[0] == "link" || c.words[0] == "href", 0.58, pick(len(c.parents) > 0, 0.7, 0.97)), "the values are URLs")
	case refers:
		return one("extra", 0.9, "the values are URLs, and the name says that they refer to something")
	}
	return d.proposeNamelessURL(c)
}

// proposeNamelessURL is for URLs whose column is not named for them.
func (d *drafting) proposeNamelessURL(c *column) []proposal {
	switch {
	case c.oneHost() && c.nonNull > 1 && len(d.columns) > 1:
		return one("extra", 0.7, "the values are URLs on one host: pages about the record")
	case iocWords.any(c.words) || len(d.columns) == 1:
		return one("url", 0.95, "the values are URLs")
	case inList(c.name):
		return one("extra", 0.7, "the values are URLs in a list")
	case d.others(c, strongKinds):
		return []proposal{{field: "extra", confidence: 0.55, others: []string{"url"}, reason: "the values are URLs, but another column says what an event is about"}}
	}
	return one("url", 0.75, "the values are URLs")
}

// aboutVulnerabilities reports whether records have CVE ids.
func (d *drafting) aboutVulnerabilities() bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool { return c.share(drift.CVE) > 0 || c.contains(cveInside) })
}

// ofPublisher reports whether all values are URLs on the host of the feed.
func (d *drafting) ofPublisher(c *column) bool {
	own, err := url.Parse(d.text.sample.URL)
	if err != nil || own.Hostname() == "" || c.nonNull == 0 {
		return false
	}
	for v := range c.distinct {
		if u, err := url.Parse(refang(v)); err != nil || !strings.EqualFold(u.Hostname(), own.Hostname()) {
			return false
		}
	}
	return true
}

// saysURL reports whether the name says that the column has the URL that it is
// about.
func (c *column) saysURL() bool {
	if urlWords.only(c.words) {
		return !inList(c.name)
	}
	return urlWords.any(c.words) && !refWords.any(c.words) &&
		set("phish phishing malware bad malicious ioc full target landing original request attack").any(c.words)
}

// oneHost reports whether all values are URLs on the same host.
func (c *column) oneHost() bool {
	host := ""
	for v := range c.distinct {
		_, rest, _ := strings.Cut(v, "://")
		h, _, _ := strings.Cut(rest, "/")
		if host != "" && h != host {
			return false
		}
		host = h
	}
	return len(c.distinct) > 1
}
