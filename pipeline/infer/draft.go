package infer

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/weir-project/weir/api/v1alpha1"
	"github.com/weir-project/weir/pipeline/drift"
)

// drafting is a draft that is being made.
type drafting struct {
	text    *text
	opts    Options
	format  *format
	draft   *Draft
	spec    v1alpha1.ParserSpec
	columns []*column
	like    *v1alpha1.Parser
	// fields are the columns that fill fields of the event.
	fields map[string]*column
	// addresses are columns that have the address of records in which the one of
	// fields has none.
	addresses []*column
	rules     []planned
	// words that say what the feed is about: all of them; those of its URL and
	// file name; those of its comments.
	feedWords, hostWords, nameWords, commentWords []string
	empty                                         []string // columns without values
}

// planned is a rule with the choice that it came from.
type planned struct {
	rule   v1alpha1.MappingRule
	choice *Choice
}

func (d *drafting) choose(c Choice) { d.draft.Choices = append(d.draft.Choices, c) }

// build makes the mapping, runs it on the sample and keeps examples.
func (d *drafting) build() error {
	d.spec.Constants = map[string]string{}
	d.fields = map[string]*column{}
	d.draft.Choices = append(d.draft.Choices, d.format.choices...)
	d.spec.Skip = d.format.skip
	d.learnWords()
	if d.format.other != nil && !d.format.records.json {
		d.format.records.other = d.format.other
	}
	d.columns = d.format.records.all()
	if d.format.unnamed {
		for _, c := range d.columns {
			c.words, c.unnamed = nil, true
		}
	}
	for _, c := range d.columns {
		d.draft.Columns = append(d.draft.Columns, c.name)
	}
	if d.format.vocabulary {
		if err := d.vocabulary(); err != nil {
			return err
		}
	} else {
		d.explode()
		d.derive()
		d.mapColumns()
		d.listed()
	}
	d.identify()
	if err := d.settle(); err != nil {
		return err
	}
	d.source()
	return d.examples()
}

func (d *drafting) learnWords() {
	d.feedWords = d.text.words(&d.opts)
	if u, err := url.Parse(d.text.sample.URL); err == nil && d.text.sample.URL != "" {
		d.hostWords, d.nameWords = tokens(u.Hostname()), tokens(u.Path)
	}
	d.nameWords = append(d.nameWords, tokens(path.Base(d.text.sample.Filename))...)
	for _, c := range d.text.comments[:min(len(d.text.comments), 30)] {
		d.commentWords = append(d.commentWords, tokens(c)...)
	}
}

// vocabulary is a Parser whose format has a mapping of its own.
func (d *drafting) vocabulary() error {
	p, err := d.compile()
	if err != nil && !strings.Contains(err.Error(), "category") {
		return err
	}
	if p == nil || !d.categorized() {
		d.guessCategory() // a constant replaces that of the format
	}
	return nil
}

// categorized reports whether the format says what its events are about.
func (d *drafting) categorized() bool {
	run, err := d.run()
	if err != nil || len(run.events) == 0 || run.rejectedFor["category"] > 0 {
		return false
	}
	return slices.ContainsFunc(run.events, func(e string) bool { return !strings.Contains(e, `"category":"other"`) })
}

// mapColumns gives each column a use.
func (d *drafting) mapColumns() {
	planned := map[*column]bool{}
	d.followLike(planned)
	d.relate()
	all, times := d.proposals(planned)
	all = d.askForName(d.resolve(all))
	d.withoutSource(all)
	for i := range all {
		planned[all[i].column] = true
		for _, c := range all[i].also {
			planned[c] = true
		}
	}
	all = slices.DeleteFunc(all, func(p proposal) bool {
		return p.field == "extra" && slices.ContainsFunc(all, func(o proposal) bool { return slices.Contains(o.also, p.column) })
	})
	d.urlOfParts(all)
	d.rangeOfAddresses(all)
	d.withoutAddress(all)
	for i := range all {
		if all[i].field != "extra" {
			d.fields[all[i].field] = all[i].column
			if all[i].field == "ip" {
				d.addresses = all[i].also
			}
		}
	}
	d.guessIfNone()
	d.mapTimes(times)
	d.addAll(all, planned)
}

// proposals are the uses of the columns that are not planned yet, and the columns
// that are times.
func (d *drafting) proposals(planned map[*column]bool) (all []proposal, times []*column) {
	for _, c := range d.columns {
		switch {
		case planned[c]:
		case c.nested:
			planned[c] = true
		case c.nonNull == 0:
			d.empty = append(d.empty, c.name)
			planned[c] = true
		case d.isTime(c):
			times = append(times, c)
			planned[c] = true
		default:
			all = append(all, d.propose(c)...)
		}
	}
	return all, times
}

// addAll makes the rules, those of fields first, in the order of fieldOrder.
func (d *drafting) addAll(all []proposal, planned map[*column]bool) {
	for _, f := range fieldOrder {
		for i := range all {
			if all[i].field == f {
				d.add(&all[i])
			}
		}
	}
	d.hostOfURL()
	for i := range all {
		if all[i].field == "extra" || all[i].keep {
			d.addExtra(all[i].column, &all[i])
		}
	}
	for _, c := range d.columns {
		if !planned[c] {
			d.addExtra(c, nil)
		}
	}
}

// guessIfNone guesses the category where no column says it, or not of each record.
func (d *drafting) guessIfNone() {
	switch c := d.fields["category"]; {
	case c == nil && d.spec.Constants["category"] == "":
		d.guessCategory()
	case c == nil:
	case !d.allHave(c):
		d.spec.Constants["category"] = "other"
	}
}

// fieldOrder is how rules are ordered for people.
var fieldOrder = []string{"ip", "url", "fqdn", "observable", "extra.network", "sha256", "sha1", "md5", "x509fp_sha1", "cves", "email", "dip", "sport", "dport", "proto", "asn", "cc",
	"rdns", "name", "target", "category", "confidence", "tlp", "count", "username"}

// withoutAddress sends what is about an address, or a host, to extra where there
// is none.
func (d *drafting) withoutAddress(all []proposal) {
	ip := d.fields["ip"] != nil || d.fields["observable"] != nil
	host := ip || d.fields["url"] != nil || d.fields["fqdn"] != nil
	for _, p := range all {
		ip = ip || p.field == "ip" || p.field == "observable"
		host = host || ip || p.field == "url" || p.field == "fqdn"
	}
	for i := range all {
		p := &all[i]
		if has, needs := map[string]bool{"asn": ip, "cc": ip, "rdns": ip, "sport": host, "dport": host, "proto": host}[p.field]; has || !needs {
			continue
		}
		p.reason, p.field, p.confidence = p.reason+", but no column has an address", "extra", 0.8
	}
}

// add makes the rule of a proposal.
func (d *drafting) add(p *proposal) {
	c := p.column
	rule := p.rule
	rule.Field = p.field
	if rule.Expr == "" && rule.From == nil {
		rule.From = p.names()
	}
	d.nullsOf(c, &rule)
	d.mergedNulls(p, &rule)
	if c.split != "" && rule.Extract == "" && rule.Expr == "" {
		rule.Split = c.split
	}
	p.lenient(&rule)
	switch p.field {
	case "ip":
		d.addressRule(p, &rule)
	case "asn", "cc", "rdns":
		rule.When = d.withAddress()
	}
	d.plan(rule, Choice{About: c.name, Field: rule.Field, Chosen: rule.Field, Confidence: p.confidence, Reason: p.reason, Alternatives: p.others})
	for _, r := range p.more {
		d.plan(r, Choice{About: c.name, Field: r.Field, Chosen: r.Field, Confidence: p.confidence, Reason: p.reason})
	}
}

// lenient has a rule drop or cut values that do not fit, but for those that an
// event is about.
func (p *proposal) lenient(rule *v1alpha1.MappingRule) {
	switch {
	case isIdentity(p.field) && p.field != "target", p.rule.Extract != "", p.field == "category":
	case p.field == "name" || p.field == "target":
		if limit := pick(p.field == "name", 255, 100); p.column.maxLength()*2 > limit {
			rule.Extract = fmt.Sprintf(`^.{1,%d}`, limit)
		}
	default:
		rule.OnInvalid = v1alpha1.InvalidDrop
	}
}

// addressRule suits a rule to what else is among addresses.
func (d *drafting) addressRule(p *proposal, rule *v1alpha1.MappingRule) {
	c := p.column
	if rule.Extract == "" && d.fields["observable"] == nil && c.share(ipKinds) < 1 && c.share(strongKinds) > c.share(ipKinds) {
		rule.Field = "observable"
		p.reason += ", and some others"
	}
	if c.padded() {
		rule.Transform = append(rule.Transform, v1alpha1.TransformUnpadOctets)
	}
}

// withAddress is the condition that a record has an address, "" if all have: what
// is about an address needs one.
func (d *drafting) withAddress() string {
	if c := d.fields["ip"]; c != nil {
		if len(d.addresses) > 0 {
			return d.celAny(append([]*column{c}, d.addresses...))
		}
		if d.allHave(c) && c.share(ipKinds|drift.IPPort) == 1 {
			return ""
		}
		return d.celHas(c)
	}
	c := d.fields["observable"]
	if c == nil || c.share(ipKinds|drift.IPPort) == 1 {
		return ""
	}
	return d.celName(c) + ".matches(r'^\\[?[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]+\\]?(?::\\d+)?$')"
}

func (d *drafting) plan(rule v1alpha1.MappingRule, c Choice) {
	d.rules = append(d.rules, planned{rule, &c})
}

// nullsOf lists the markers of nothing that a column has.
func (d *drafting) nullsOf(c *column, rule *v1alpha1.MappingRule) {
	nulls := slices.Clone(c.nulls)
	if rule.Field == "name" {
		for v := range c.distinct {
			if l := strings.ToLower(v); strings.HasPrefix(l, "unknown") && len(tokens(v)) <= 2 {
				nulls = append(nulls, v)
			}
		}
	}
	if rule.Field == "target" {
		for v := range c.distinct {
			if strings.EqualFold(v, "other") {
				nulls = append(nulls, v)
			}
		}
	}
	if rule.Field == "asn" || rule.Field == "dport" || rule.Field == "sport" {
		if c.distinct["0"] > 0 {
			nulls = append(nulls, "0")
		}
	}
	slices.Sort(nulls)
	nulls = slices.Compact(nulls)
	nulls = slices.DeleteFunc(nulls, func(n string) bool { return len(n) > 64 })
	rule.Nulls = nulls[:min(len(nulls), 32)]
	if len(rule.Nulls) == 0 {
		rule.Nulls = nil
	}
}

func (c *column) maxLength() int {
	n := 0
	for v := range c.distinct {
		n = max(n, len(v))
	}
	return n
}

// padded reports whether addresses have zeros before their octets.
func (c *column) padded() bool {
	for v := range c.distinct {
		if drift.KindsOf(v)&drift.IPv4 == 0 {
			continue
		}
		for octet := range strings.SplitSeq(v, ".") {
			if len(octet) > 1 && octet[0] == '0' {
				return true
			}
		}
	}
	return false
}
