package main

import (
	"fmt"
	"slices"
	"strings"
)

// asIs is the target of a repair that must give just what came before.
func asIs(*doc) {}

func appendColumn(c *mutation) (*plan, string) {
	if c.form("stix") {
		return skip("the reader of STIX shows no unknown properties")
	}
	if c.form("lines") {
		return &plan{truth: truth{breaking: yes, classes: []string{silent, hard}, paths: []string{"line"}, repair: true,
			what: "each line has a second field"}, target: asIs,
			change: func(d *doc) { d.tail = func(int) string { return ",scanner" } }}, ""
	}
	if c.form("cidr", "hosts") {
		tail := map[string]string{"cidr": " ; AS64500", "hosts": " # c2"}[c.f.style.form]
		return &plan{truth: truth{classes: []string{cosmetic, additive}, what: "a remark behind each line"},
			change: func(d *doc) { d.tail = func(int) string { return tail } }}, ""
	}
	f := c.fresh()
	paths := []string{f.name, fmt.Sprintf("column %d", len(c.f.fields)+1)}
	return &plan{truth: truth{classes: []string{additive}, paths: paths, what: f.name + " is new, at the end"},
		change: func(d *doc) { d.insert(len(d.cols), f, func(int) string { return valueOf(d, &f) }) }}, ""
}

func insertColumn(c *mutation) (*plan, string) {
	if c.form("stix", "cidr", "hosts") {
		return skip("there is nothing in the middle")
	}
	f := c.fresh()
	if c.form("lines") {
		return &plan{truth: truth{breaking: yes, classes: []string{silent, hard}, paths: []string{"line"}, repair: true,
			what: "a time before each value"}, target: asIs,
			change: func(d *doc) { d.insert(0, f, func(int) string { return valueOf(d, &f) }) }}, ""
	}
	at := c.r.IntN(c.lastMapped() + 1)
	p := &plan{truth: truth{classes: []string{additive}, paths: []string{f.name}, what: fmt.Sprintf("%s is new, at %d", f.name, at+1)},
		change: func(d *doc) { d.insert(at, f, func(int) string { return valueOf(d, &f) }) }}
	if !c.f.byName() {
		p.breaking, p.classes, p.repair, p.target = yes, []string{silent}, true, asIs
		p.paths = []string{c.f.fields[at].name, fmt.Sprintf("column %d", at+1)}
	}
	return p, ""
}

func removeColumn(c *mutation) (*plan, string) {
	if len(c.f.fields) == 1 {
		return skip("there is one column only")
	}
	f := c.any(all)
	if c.form("cidr") {
		f = &c.f.fields[1]
	}
	if c.form("hosts") {
		f = &c.f.fields[0]
	}
	p := &plan{truth: truth{paths: c.names(f), what: f.name + " is gone"}, change: func(d *doc) { d.remove(d.col(f.name)) }}
	switch {
	case c.form("hosts"):
		p.breaking, p.classes, p.paths = yes, []string{hard, silent}, nil
	case c.f.style.form == "csv" && !c.f.byName():
		p.breaking, p.classes = yes, []string{hard, silent}
		if f.target == "" {
			p.repair, p.target = true, asIs
		}
	case f.target == "":
		p.classes = []string{cosmetic, additive}
	default:
		p.breaking, p.classes = yes, []string{silent, hard}
		if !f.required {
			p.classes = append(p.classes, degraded)
		}
		if c.form("stix") { // the time has other sources
			p.settle = func(t *truth, same bool) {
				if same {
					t.breaking, t.classes = no, []string{cosmetic, additive, degraded}
				}
			}
		}
	}
	return p, ""
}

// synonyms are other names for a field of a kind.
var synonyms = map[string][]string{
	"ip": {"ip_address", "src_address", "addr"}, "first": {"first_reported", "date_added", "observed_at"}, "last": {"last_reported", "updated_at"},
	"port": {"port_number", "tcp_port"}, "fqdn": {"domain_name", "hostname_full"}, "url": {"malicious_url", "link"}, "md5": {"md5hash", "md5_sum"},
	"sha1": {"sha1_fingerprint"}, "sha256": {"sha256hash", "file_sha256"}, "asn": {"as_number_v2", "autonomous_system"}, "cc": {"country_code", "geo"},
	"family": {"malware_name", "threat_label"}, "cidr": {"prefix", "netblock"}, "cve": {"cve_number", "vuln_id"}, "list": {"labels_v2", "keywords"},
	"service": {"attack_type", "signal"}, "enum": {"state", "class_type"}, "text": {"details", "summary"}, "bytes": {"response_size", "volume"},
	"email": {"mail_address"}, "brand": {"organisation"}, "ipport": {"endpoint"}, "ref": {"reference_id"}, "score": {"confidence_score"},
}

func renameColumn(c *mutation) (*plan, string) {
	if !c.f.byName() || c.form("stix") {
		return skip("columns have no names, or standard ones")
	}
	f := c.any(func(f *field) bool { return len(synonyms[f.kind]) > 0 })
	words := synonyms[f.kind]
	name := dotted(f.name, words[c.r.IntN(len(words))])
	if slices.ContainsFunc(c.f.fields, func(x field) bool { return x.name == name }) {
		name += "_2"
	}
	p := &plan{truth: truth{classes: []string{additive, cosmetic}, paths: []string{f.name, name}, what: f.name + " is called " + name},
		change: func(d *doc) { d.cols[d.col(f.name)].name = name }}
	if f.target != "" {
		p.breaking, p.classes, p.repair, p.target, p.paths = yes, []string{silent}, true, asIs, c.names(f)
	}
	return p, ""
}

func reusePosition(c *mutation) (*plan, string) {
	if c.form("lines", "cidr", "hosts", "stix") {
		return skip("there are no positions")
	}
	f := c.any(all)
	other := c.fresh()
	for other.kind == f.kind || f.kind == "first" && other.kind == "last" || f.kind == "enum" && other.kind == "brand" {
		other = c.fresh()
	}
	name := dotted(f.name, other.name)
	p := &plan{truth: truth{breaking: yes, classes: []string{silent}, paths: c.names(f), what: f.name + " gave way to " + name},
		change: func(d *doc) {
			at := d.col(f.name)
			d.cols[at] = other
			d.cols[at].name = name
			for i := range d.rows {
				d.rows[i][at] = valueOf(d, &other)
			}
		}}
	if f.target == "" {
		p.breaking, p.classes = no, []string{additive, cosmetic}
		p.paths = []string{f.name, name}
		if !c.f.byName() { // nothing that is read has changed
			p.classes, p.paths = []string{cosmetic, additive, anomaly}, nil
		}
	}
	return p, ""
}

func reorderColumns(c *mutation) (*plan, string) {
	if len(c.f.fields) == 1 {
		return skip("there is one column only")
	}
	n := len(c.f.fields)
	i := c.r.IntN(n)
	j := (i + 1 + c.r.IntN(n-1)) % n
	p := &plan{truth: truth{classes: []string{cosmetic}, what: fmt.Sprintf("%s and %s changed places", c.f.fields[i].name, c.f.fields[j].name)},
		change: func(d *doc) {
			low, high := min(i, j), max(i, j)
			d.move(high, low)
			d.move(low+1, high)
		}}
	a, b := &c.f.fields[i], &c.f.fields[j]
	if c.f.byName() {
		return p, ""
	}
	p.paths = append(c.names(a), c.names(b)...)
	switch {
	case c.form("cidr", "hosts"):
		p.breaking, p.classes, p.paths = yes, []string{hard, silent}, nil
	case a.target == "" && b.target == "":
		p.paths = nil
	default:
		p.breaking, p.classes, p.repair, p.target = yes, []string{silent}, true, asIs
	}
	return p, ""
}

func headerTypo(c *mutation) (*plan, string) {
	if !c.f.byName() || c.form("stix") {
		return skip("columns have no names, or standard ones")
	}
	f := c.any(func(f *field) bool { return len(lastPart(f.name)) > 3 })
	if f == nil {
		return skip("the names are too short for a typo")
	}
	last := strings.TrimPrefix(lastPart(f.name), "@")
	name := strings.ToUpper(last)
	if last == name || c.r.IntN(2) == 0 {
		i := 1 + c.r.IntN(len(last)-2)
		name = last[:i] + last[i+1:i+2] + last[i:i+1] + last[i+2:]
		if name == last {
			name = last + "s"
		}
	}
	name = dotted(f.name, name)
	p := &plan{truth: truth{classes: []string{cosmetic, additive}, what: f.name + " is written " + name},
		change: func(d *doc) { d.cols[d.col(f.name)].name = name }}
	if f.target == "" {
		return p, ""
	}
	p.target, p.paths = asIs, c.names(f)
	p.settle = func(t *truth, same bool) {
		if same {
			t.classes, t.paths = []string{cosmetic}, nil
			return
		}
		t.breaking, t.classes, t.repair = yes, []string{silent, cosmetic}, true
	}
	return p, ""
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
