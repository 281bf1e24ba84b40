package infer

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// proposal is a use of a column that its name and values suggest.
type proposal struct {
	column     *column
	field      string
	confidence float64
	reason     string
	others     []string
	// rule is the rule, where it is more than field and from.
	rule v1alpha1.MappingRule
	// more are rules for what else is in the value.
	more []v1alpha1.MappingRule
	// also are columns that have the value in other records.
	also []*column
	// keep: the column also goes to extra as it is.
	keep bool
}

// identities are the fields that say what an event is about, the more telling
// ones first.
var identities = []string{"observable", "url", "ip", "fqdn", "sha256", "sha1", "md5", "x509fp_sha1", "extra.network", "cves", "email", "target"}

func isIdentity(field string) bool { return slices.Contains(identities, field) }

// propose lists the uses of a column by its values first, by its name second.
func (d *drafting) propose(c *column) []proposal {
	if c.nonNull == 0 || c.nested {
		return nil
	}
	out := d.proposeStrong(c)
	if len(out) == 0 {
		out = d.proposeWeak(c)
	}
	for i := range out {
		out[i].column = c
		if out[i].field == "fqdn" && c.wild {
			out[i].field = "observable" // takes *. off
		}
	}
	return out
}

func one(field string, confidence float64, format string, args ...any) []proposal {
	return []proposal{{field: field, confidence: confidence, reason: fmt.Sprintf(format, args...)}}
}

// proposeStrong is for values that hardly mean something else.
func (d *drafting) proposeStrong(c *column) []proposal {
	switch {
	case printWords.any(c.words):
		return one("extra", 0.9, "the name says that it is a fingerprint")
	case c.kindIs(drift.URL|drift.FQDN|bareURL|drift.Email) && c.ofReporter(d):
		return one("extra", 0.8, "it is about who reports: beside it is a name, and no address")
	case d.inFull(c) && !c.array && len(d.spec.Explode) == 0 && c.kindIs(drift.FQDN):
		return one("fqdn", 0.7, "the values are domain names, each the first of a list")
	case c.array && c.split == "" && c.share(drift.CVE) > 0 && c.share(drift.CVE) < 1 && !d.others(c, drift.CVE):
		name := d.celName(c)
		return []proposal{{field: "cves", confidence: 0.85, keep: true, reason: "some elements of the lists are CVE ids",
			rule: v1alpha1.MappingRule{When: d.celHas(c), OnInvalid: v1alpha1.InvalidDrop,
				Expr: name + `.filter(v, v.matches("^CVE-[0-9]{4}-[0-9]{4,}$"))`}}}
	case c.array && !c.kindIs(drift.CVE) && !c.kindIs(ipKinds):
		return d.proposeList(c)
	case c.mixed():
		return d.proposeMixed(c)
	case c.kindIs(ipKinds):
		return d.proposeAddress(c)
	case c.kindIs(drift.IPPort) && d.bothEnds():
		return d.proposeEnd(c)
	case c.kindIs(drift.URL):
		return d.proposeURL(c)
	case c.kindIs(drift.FQDN):
		return d.proposeName(c)
	case c.kindIs(drift.Email):
		return d.proposeEmail(c)
	case c.kindIs(drift.SHA256 | drift.SHA1 | drift.MD5):
		return d.proposeHash(c)
	}
	return d.proposePlain(c)
}

// proposePlain is for kinds that have one meaning.
func (d *drafting) proposePlain(c *column) []proposal {
	switch {
	case c.kindIs(drift.CIDR4 | drift.CIDR6 | drift.IPRange):
		return one("extra.network", 0.9, "the values are networks")
	case c.kindIs(drift.IPPort | hostPort):
		return one("observable", 0.93, "the values are hosts with ports")
	case c.kindIs(bareURL):
		return one("observable", 0.75, "the values are URLs without a scheme")
	case c.kindIs(drift.CVE):
		return one("cves", 0.95, "the values are CVE ids")
	case c.contains(cveInside):
		return d.proposeCVEs(c)
	case set("ip ips ipv4 ipv6 address addr").only(c.words) && c.share(ipKinds) >= 0.5:
		return []proposal{{field: "ip", confidence: 0.8, reason: "the name says so, and most of the values are addresses", rule: v1alpha1.MappingRule{Extract: `^\[?([0-9A-Fa-f.:]+)\]?$`}}}
	case iocWords.any(c.words) && c.kind&strongKinds == 0 && c.share(strongKinds) >= 0.5:
		return one("observable", 0.55, "some of the values are of several kinds (%s), the others of none", c.kindNames())
	}
	return nil
}

// proposeList is for arrays: an event has one of most things.
func (d *drafting) proposeList(c *column) []proposal {
	if !c.kindIs(drift.IPPort) || d.others(c, strongKinds) || !addressWords.any(c.words) || slices.Contains(c.words, "exit") {
		return nil
	}
	return []proposal{{field: "observable", confidence: 0.55, reason: "the values are lists of addresses with ports; the first is taken",
		rule: v1alpha1.MappingRule{From: []string{c.name + "[0]"}}, keep: true, others: []string{"explode"}}}
}

func (d *drafting) proposeEmail(c *column) []proposal {
	switch {
	case d.has(ipKinds|drift.CIDR4|drift.CIDR6, 1) && len(d.columns) > 1:
		return []proposal{{field: "extra", confidence: 0.55, others: []string{"email"}, reason: "the values are e-mail addresses, of whom to tell, it seems"}}
	case set("email mail emails").any(c.words) && !dropWords.any(c.words), len(d.columns) == 1:
		return one("email", 0.85, "the values are e-mail addresses")
	}
	return one("extra", 0.7, "the values are e-mail addresses, but the name does not say that it is about them")
}

// proposeCVEs is for text with CVE ids among others.
func (d *drafting) proposeCVEs(c *column) []proposal {
	p := proposal{field: "cves", confidence: 0.65, reason: "the values have CVE ids in them", keep: true,
		rule: v1alpha1.MappingRule{Extract: `(?i)CVE-\d{4}-\d{4,}`}}
	for v := range c.distinct {
		if len(cveInside.FindAllString(v, 2)) < 2 {
			continue
		}
		list := ""
		for _, sep := range []string{";", ",", "|", "\n", " "} {
			if strings.Contains(v, sep) {
				list = sep
				break
			}
		}
		name := d.celName(c)
		p.rule = v1alpha1.MappingRule{OnInvalid: v1alpha1.InvalidDrop, When: name + `.contains("CVE-")`,
			Expr: fmt.Sprintf(`%s.split(%q).map(v, v.trim()).filter(v, v.matches("^CVE-[0-9]{4}-[0-9]{4,}$"))`, name, list)}
		break
	}
	return []proposal{p}
}

// bothEnds reports whether one column has the source with its port, and another
// the destination.
func (d *drafting) bothEnds() bool {
	source, dest := false, false
	for _, c := range d.columns {
		if c.kindIs(drift.IPPort) {
			source = source || sourceWords.any(c.words)
			dest = dest || !sourceWords.any(c.words) && (destWords.any(c.words) || slices.Contains(c.words, "target"))
		}
	}
	return source && dest
}

// proposeEnd takes address and port of one end apart.
func (d *drafting) proposeEnd(c *column) []proposal {
	address, port := "dip", "dport"
	if sourceWords.any(c.words) {
		address, port = "ip", "sport"
	}
	return []proposal{{field: address, confidence: 0.9, reason: "the values are addresses with ports, and another column has the other end",
		rule: v1alpha1.MappingRule{Extract: `^\[?([0-9A-Fa-f.:]+?)\]?:\d+$`},
		more: []v1alpha1.MappingRule{{Field: port, From: []string{c.name}, Extract: `:(\d+)$`, OnInvalid: v1alpha1.InvalidDrop}}}}
}

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

func (d *drafting) proposeAddress(c *column) []proposal {
	if c.array || inList(c.name) && d.others(c, ipKinds) {
		return d.proposeAddresses(c)
	}
	switch {
	case inList(c.name) && d.hasFileHash():
		return []proposal{{field: "dip", confidence: 0.55, others: []string{"ip"}, reason: "the values are addresses in a list of a record about a file: it seems to talk to them"}}
	case c.local():
		return one("", 1, "the values are addresses of the machine itself")
	case set("dns ns nameserver resolver gateway reporter netmask mask").any(c.words):
		return one("extra", 0.7, "the name says that it is another address")
	case set("start begin first from end stop last to").any(c.words) && d.has(ipKinds, 2):
		return one("extra", 0.7, "it is one end of a range of addresses")
	case c.end() == destEnd && d.hasSource(c):
		return one("dip", 0.9, "the values are addresses, and another column has the source")
	case (set("dst dest destination daddr").any(c.words) || c.relative == destEnd) && d.hasPlainAddress(c):
		return one("dip", 0.85, "the values are addresses of a destination, and another column has the address that it is about")
	case set("ip address ipaddress ipv4 addr").only(c.words):
		return one("ip", 0.97, "the values are addresses")
	case c.end() == sourceEnd:
		return one("ip", 0.96, "the values are addresses of a source")
	case addressWords.any(c.words):
		return one("ip", 0.93, "the values are addresses")
	}
	return one("ip", 0.88, "the values are addresses")
}

// proposeAddresses is for lists of addresses.
func (d *drafting) proposeAddresses(c *column) []proposal {
	if c.split != "" && c.end() == destEnd {
		return []proposal{{field: "dip", confidence: 0.7, reason: "the values are lists of addresses of a destination; the first is taken", keep: true,
			rule: v1alpha1.MappingRule{Extract: `^[^\s,;|]+`}}}
	}
	if c.array && addressWords.any(c.words) && !set("exit resolved dns ns nameserver").any(c.words) && !d.others(c, d.besideList()) {
		return one("ip", 0.65, "the values are lists of addresses")
	}
	if d.has(drift.FQDN, 1) && !d.others(c, ipKinds) {
		return []proposal{{field: "extra", confidence: 0.55, others: []string{"ip"}, reason: "the values are lists of addresses, of the names, it seems"}}
	}
	return one("extra", 0.65, "the values are lists of addresses; nothing says that they are what it is about")
}

// besideList are the kinds beside which a list of addresses is no part of what an
// event is about: all, but for the names of hosts, which have addresses. What lies
// beside a list that is taken apart is about other things.
func (d *drafting) besideList() drift.Kinds {
	if len(d.spec.Explode) > 0 {
		return strongKinds &^ drift.CIDR4
	}
	return ipKinds | drift.IPPort | drift.SHA256 | drift.SHA1 | drift.MD5
}

// local reports whether all values are addresses of the machine itself, as hosts
// files have them.
func (c *column) local() bool {
	for v := range c.distinct {
		a, err := netip.ParseAddr(v)
		if err != nil || !a.IsLoopback() && !a.IsUnspecified() && !a.IsLinkLocalUnicast() && !a.IsMulticast() {
			return false
		}
	}
	return c.nonNull > 0
}

// hasSource reports whether another column has addresses of a source.
func (d *drafting) hasSource(not *column) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c != not && c.kindIs(ipKinds) && c.end() == sourceEnd
	})
}

// hasFileHash reports whether records have a hash outside of lists.
func (d *drafting) hasFileHash() bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c.kindIs(drift.SHA256|drift.SHA1|drift.MD5) && !c.array && !inList(c.name) && !certWords.any(c.words) && !certWords.any(c.parents)
	})
}

// hasPlainAddress reports whether another column has addresses, and its name says
// nothing but that.
func (d *drafting) hasPlainAddress(not *column) bool {
	return slices.ContainsFunc(d.columns, func(c *column) bool {
		return c != not && c.kindIs(ipKinds) && !c.array && addressWords.only(c.words) && c.end() == noEnd
	})
}

// has reports whether n columns or more have a kind.
func (d *drafting) has(k drift.Kinds, n int) bool {
	for _, c := range d.columns {
		if c.kindIs(k) {
			n--
		}
	}
	return n <= 0
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

// saysURL reports whether the name says that the column has the URL that it is
// about.
func (c *column) saysURL() bool {
	if urlWords.only(c.words) {
		return !inList(c.name)
	}
	return urlWords.any(c.words) && !refWords.any(c.words) &&
		set("phish phishing malware bad malicious ioc full target landing original request attack").any(c.words)
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

func (d *drafting) proposeName(c *column) []proposal {
	w := c.words
	switch {
	case rdnsWords.any(w):
		return one("rdns", 0.9, "the values are names, and the name says that it is reverse DNS")
	case fileWords.any(w) && !domainWords.any(w), reporterWords.any(w), refWords.any(w) && !domainWords.any(w), set("tld cn issuer subject ns ns1 ns2 ns3 ns4 ns5 mx nameserver").any(w), slices.Contains(w, "server") && !slices.Contains(w, "name"):
		return one("extra", 0.75, "the values look like domain names, but the name says otherwise")
	case set("fqdn hostname host").any(w):
		return one("fqdn", 0.93, "the values are domain names")
	case domainWords.any(w):
		return one("fqdn", 0.92, "the values are domain names")
	case familyWords.any(w):
		return d.proposeText(c)
	case iocWords.any(w), len(d.columns) == 1:
		return one("observable", 0.93, "the values are domain names")
	}
	if d.others(c, strongKinds) {
		return []proposal{{field: "fqdn", confidence: 0.55, reason: "the values are domain names, but the name does not say that it is about them", others: []string{"extra." + cleanKey(w, c.parents)}}}
	}
	return one("fqdn", 0.65, "the values are domain names")
}

func (d *drafting) proposeHash(c *column) []proposal {
	w := c.words
	field := "md5"
	switch {
	case c.kindIs(drift.SHA256):
		field = "sha256"
	case c.kindIs(drift.SHA1):
		field = "sha1"
	}
	switch {
	case set("dropped extracted child parent related similar created").any(append(slices.Clone(w), c.parents...)):
		return one("extra", 0.75, "it is the hash of another file")
	case inList(c.name):
		return one(field, 0.7, "the values are %s", strings.ToUpper(field))
	case field == "sha1" && (set("cert certificate certificates x509 ssl tls").any(append(slices.Clone(w), c.parents...)) || d.aboutCertificates()):
		return one("x509fp_sha1", 0.8, "the values are SHA-1, and the feed is about certificates")
	case set("fingerprint thumbprint").any(w) || certWords.any(w), idWords.any(w) && !set("sha256 sha1 md5 hash").any(w):
		return one("extra", 0.65, "the name says that it is not the hash of a file")
	case slices.Contains(w, field) || iocWords.any(w) || slices.Contains(w, "hash") || len(d.columns) == 1:
		return one(field, 0.96, "the values are %s", strings.ToUpper(field))
	}
	return one(field, 0.85, "the values are %s", strings.ToUpper(field))
}

// aboutCertificates reports whether the feed says that it is about certificates.
func (d *drafting) aboutCertificates() bool {
	return slices.ContainsFunc(d.feedWords, func(w string) bool {
		return certWords[w] || strings.HasPrefix(w, "ssl") || strings.HasPrefix(w, "cert") && w != "cert"
	})
}

// resolve gives each field to the column that suits it best. What is left goes to
// extra; close calls are questions.
func (d *drafting) resolve(all []proposal) []proposal {
	slices.SortStableFunc(all, func(a, b proposal) int { return cmp.Compare(b.confidence, a.confidence) })
	taken := map[string]*proposal{}
	for field, c := range d.fields { // of the Parser that is followed
		if !strings.HasPrefix(field, "extra.") {
			taken[field] = &proposal{column: c, field: field, confidence: 1}
		}
	}
	out := make([]proposal, 0, len(all)) // with its room from the start: taken points into it
	for i := range all {
		p := &all[i]
		first, dup := taken[p.field]
		if p.field == "extra" || p.field == "extra.network" && !dup || !dup {
			out = append(out, *p)
			if p.field != "extra" {
				taken[p.field] = &out[len(out)-1]
			}
			continue
		}
		if merge(first, p) {
			continue
		}
		if p.field == "name" && p.confidence < first.confidence-0.1 || p.field == "category" {
			p.field, p.reason = "extra", fmt.Sprintf("%s has %s", first.column.name, p.field)
			p.confidence, p.rule = 0.8, v1alpha1.MappingRule{}
			out = append(out, *p)
			continue
		}
		loser := *p
		loser.others = []string{p.field}
		loser.reason = fmt.Sprintf("%s, but %s has %s", p.reason, first.column.name, p.field)
		loser.field, loser.rule = "extra", v1alpha1.MappingRule{}
		loser.confidence = 0.65
		if first.confidence-p.confidence < 0.02 && first.column.words != nil && !same(first.column, p.column) {
			loser.confidence = 0.5
		}
		out = append(out, loser)
	}
	return out
}
