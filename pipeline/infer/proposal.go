package infer

import (
	"cmp"
	"fmt"
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
	case !c.array && c.kindIs(drift.FQDN) && len(d.spec.Explode) == 0 && d.inFull(c):
		return one("fqdn", 0.7, "the values are domain names, each the first of a list")
	case c.array && !c.kindIs(ipKinds) && !c.all(drift.CVE):
		return d.proposeList(c)
	}
	return d.proposeByKind(c)
}

// proposeByKind is for values of a kind that is in no doubt.
func (d *drafting) proposeByKind(c *column) []proposal {
	switch {
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
	if c.split == "" && c.share(drift.CVE) > 0 && !d.others(c, drift.CVE) {
		return []proposal{{field: "cves", confidence: 0.85, keep: true, reason: "some elements of the lists are CVE ids",
			rule: v1alpha1.MappingRule{When: d.celHas(c), OnInvalid: v1alpha1.InvalidDrop,
				Expr: d.celName(c) + `.filter(v, v.matches("^CVE-[0-9]{4}-[0-9]{4,}$"))`}}}
	}
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
	if titleWords.only(c.words) {
		p.more = []v1alpha1.MappingRule{{Field: "name", From: []string{c.name}, Extract: `^.{1,255}`}}
	}
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

// has reports whether n columns or more have a kind.
func (d *drafting) has(k drift.Kinds, n int) bool {
	for _, c := range d.columns {
		if c.kindIs(k) {
			n--
		}
	}
	return n <= 0
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
			taken[field] = &proposal{column: c, field: field, confidence: 1, rule: v1alpha1.MappingRule{Expr: "followed"}}
		}
	}
	out := make([]proposal, 0, len(all)) // with its room from the start: taken points into it
	for i := range all {
		p := &all[i]
		switch first := taken[p.field]; {
		case p.field == "extra":
			out = append(out, *p)
		case first == nil:
			out = append(out, *p)
			taken[p.field] = &out[len(out)-1]
		case !merge(first, p):
			out = append(out, p.lose(first))
		}
	}
	return out
}

// lose sends a proposal to extra, since another column has the field.
func (p *proposal) lose(to *proposal) proposal {
	out := *p
	out.field, out.rule = "extra", v1alpha1.MappingRule{}
	if p.field == "name" && p.confidence < to.confidence-0.1 || p.field == "category" {
		out.confidence, out.reason = 0.8, fmt.Sprintf("%s has %s", to.column.name, p.field)
		return out
	}
	out.others = []string{p.field}
	out.reason = fmt.Sprintf("%s, but %s has %s", p.reason, to.column.name, p.field)
	out.confidence = 0.65
	if to.confidence-p.confidence < 0.02 && to.column.words != nil && !same(to.column, p.column) {
		out.confidence = 0.5
	}
	return out
}
