package main

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// readStamp is the opposite of stamp.
func readStamp(s, layout string) time.Time {
	if layout == "epoch" {
		n, _ := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0).UTC()
	}
	t, err := time.Parse(layouts[layout], s)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func timeLayout(c *mutation) (*plan, string) {
	f := c.any((*field).isTime)
	if f == nil {
		return skip("there are no times")
	}
	choice := []string{"space", "iso", "rfc", "dots", "utc", "frac", "compact", "offset", "epoch", "dmy", "mdy", "minutes", "date"}
	if f.option == "date" {
		choice = []string{"iso", "dots", "compact"}
	}
	choice = slices.DeleteFunc(choice, func(l string) bool { return l == f.option })
	layout := choice[c.r.IntN(len(choice))]
	p := &plan{truth: truth{classes: []string{cosmetic, widening}, what: f.name + ": " + f.option + " becomes " + layout},
		change: func(d *doc) {
			col := d.col(f.name)
			d.cols[col].typ = "string"
			d.each(col, func(_ int, v string) string { return stamp(readStamp(v, f.option), layout) })
		}}
	if f.target == "" {
		return p, ""
	}
	p.paths = c.names(f)
	p.target = func(d *doc) { // what the layout cannot say is lost for everybody
		d.each(d.col(f.name), func(_ int, v string) string {
			return stamp(readStamp(v, f.option).Truncate(precision(layout)), f.option)
		})
	}
	p.settle = func(t *truth, same bool) {
		if same {
			t.paths = nil
			return
		}
		// Whether 01/02 is in January cannot be known of all payloads.
		t.breaking, t.classes, t.repair = yes, []string{silent}, layout != "mdy" && layout != "dmy"
	}
	return p, ""
}

// precision is the shortest time that a layout can tell.
func precision(layout string) time.Duration {
	switch layout {
	case "date":
		return 24 * time.Hour
	case "dmy", "mdy", "minutes":
		return time.Minute
	}
	return time.Second
}

func timeUnit(c *mutation) (*plan, string) {
	f := c.mapped(func(f *field) bool { return f.isTime() && f.option == "epoch" })
	if f != nil {
		return &plan{truth: truth{breaking: yes, classes: []string{silent}, paths: c.names(f), repair: true, what: f.name + " is in milliseconds"},
			target: asIs, change: func(d *doc) {
				d.each(d.col(f.name), func(_ int, v string) string { return v + "000" })
			}}, ""
	}
	f = c.mapped(func(f *field) bool {
		return f.isTime() && (f.option == "space" || f.option == "dmy" || f.option == "utc")
	})
	if f == nil {
		return skip("no mapped time is without a zone")
	}
	shift := time.Duration(1+c.r.IntN(3)) * time.Hour
	return &plan{truth: truth{breaking: either, classes: []string{semantic, silent}, paths: c.names(f), what: f.name + " is local time, +" + shift.String()},
		change: func(d *doc) {
			d.each(d.col(f.name), func(_ int, v string) string { return stamp(readStamp(v, f.option).Add(shift), f.option) })
		}}, ""
}

func timeMeaning(c *mutation) (*plan, string) {
	first := c.pick(func(f *field) bool { return f.kind == "first" })
	last := c.pick(func(f *field) bool { return f.kind == "last" })
	if first != nil && last != nil && (first.target != "" || last.target != "") {
		return &plan{settle: unread, truth: truth{breaking: either, classes: []string{semantic, silent, hard}, paths: append(c.names(first), c.names(last)...),
			what: first.name + " and " + last.name + " changed their meaning"}, change: func(d *doc) {
			a, b := d.col(first.name), d.col(last.name)
			for i := range d.rows {
				x, y := d.rows[i][a], d.rows[i][b]
				if x != "" && y != "" {
					d.rows[i][a], d.rows[i][b] = stamp(readStamp(y, last.option), first.option), stamp(readStamp(x, first.option), last.option)
				}
			}
		}}, ""
	}
	f := c.mapped((*field).isTime)
	if f == nil {
		return skip("no time is mapped")
	}
	return &plan{settle: unread, truth: truth{breaking: either, classes: []string{semantic}, paths: c.names(f), what: f.name + " is when the list was made"},
		change: func(d *doc) {
			d.each(d.col(f.name), func(int, string) string { return stamp(d.now.Add(-time.Minute), f.option) })
		}}, ""
}

func widen(c *mutation) (*plan, string) {
	f := c.mapped(func(f *field) bool { return f.kind == "ip" || f.kind == "fqdn" || f.kind == "cidr" })
	if f == nil {
		return skip("no address or name is mapped")
	}
	p := &plan{truth: truth{classes: []string{widening}, paths: c.names(f)}}
	value := func(d *doc, _ string) string { return ip6Of(d.rng) }
	switch {
	case f.kind == "fqdn":
		p.what = "addresses in " + f.name
		p.breaking, p.classes = either, []string{widening, degraded}
		value = func(d *doc, _ string) string { return ipOf(d.rng) }
	case f.kind == "cidr":
		p.what = "networks of IPv6 in " + f.name
		value = func(d *doc, _ string) string {
			return "2001:db8:" + strconv.FormatInt(int64(d.rng.IntN(65535)), 16) + "::/48"
		}
	case c.r.IntN(2) == 0 && !c.form("stix"):
		p.what = "networks in " + f.name
		p.breaking, p.classes = either, []string{widening, degraded}
		value = func(_ *doc, v string) string { return v[:strings.LastIndexByte(v, '.')] + ".0/24" }
	default:
		p.what = "IPv6 in " + f.name
	}
	p.change = func(d *doc) {
		d.each(d.col(f.name), func(_ int, v string) string {
			if d.rng.IntN(10) < 3 {
				return value(d, v)
			}
			return v
		})
	}
	return p, ""
}

func nullMarker(c *mutation) (*plan, string) {
	f := c.mapped(func(f *field) bool { return !f.required && f.typ != "list" && f.kind != "cidr" && f.kind != "uuid" })
	if f == nil || c.form("cidr") {
		return skip("no optional column is mapped")
	}
	marker := []string{"-", "N/A", "NULL", "unknown"}[c.r.IntN(4)]
	if f.kind == "fqdn" {
		marker = "NXDOMAIN"
	}
	if f.kind == "asn" && c.r.IntN(2) == 0 {
		marker = "0"
	}
	empty := func(d *doc) []int {
		col := d.col(f.name)
		r := newRand(d.now.UnixNano(), f.name)
		var rows []int
		for i := range d.rows {
			if d.rows[i][col] == "" || r.IntN(10) < 3 {
				rows = append(rows, i)
			}
		}
		return rows
	}
	put := func(text string) func(d *doc) {
		return func(d *doc) {
			for _, i := range empty(d) {
				d.rows[i][d.col(f.name)] = text
			}
		}
	}
	return &plan{settle: unneeded, truth: truth{breaking: either, classes: []string{degraded, widening}, paths: c.names(f), repair: true,
		what: f.name + " is " + marker + " where there is none"}, target: put(""), change: put(marker)}, ""
}

func newEnum(c *mutation) (*plan, string) {
	f := c.any(func(f *field) bool { return slices.Contains([]string{"enum", "family", "service"}, f.kind) })
	if f == nil {
		return skip("there is no list of words")
	}
	value := "Lumma"
	if strings.HasPrefix(f.option, "tcp") {
		value = "icmp"
	}
	return &plan{truth: truth{classes: []string{additive}, paths: c.names(f), what: f.name + " has a new value, " + value},
		change: func(d *doc) {
			col := d.col(f.name)
			for i := range d.rows {
				if i == len(d.rows)/2 || d.rng.IntN(10) == 0 {
					d.rows[i][col] = value
				}
			}
		}}, ""
}

func malformed(c *mutation) (*plan, string) {
	typed := []string{"ip", "port", "md5", "sha1", "sha256", "url", "fqdn", "asn", "cve", "email", "cidr", "first", "last"}
	f := c.mapped(func(f *field) bool { return slices.Contains(typed, f.kind) })
	if f == nil {
		return skip("no mapped column has a kind")
	}
	junk := []string{"[object Object]", "#REF!", "System.Byte[]", "{{ value }}"}[c.r.IntN(4)]
	if c.form("stix") { // it stands inside of a pattern
		junk = "((("
	}
	return &plan{truth: truth{breaking: either, classes: []string{degraded}, paths: c.names(f), what: f.name + " is " + junk + " in 40 % of the records"},
		change: func(d *doc) {
			d.each(d.col(f.name), func(_ int, v string) string {
				if d.rng.IntN(10) < 4 {
					return junk
				}
				return v
			})
		}}, ""
}

func separator(c *mutation) (*plan, string) {
	f := c.mapped((*field).isList)
	if f == nil {
		return skip("no mapped column has several values")
	}
	p := &plan{truth: truth{breaking: either, classes: []string{semantic, silent, degraded, widening}, paths: c.names(f)}}
	if f.sep == "" || c.r.IntN(3) == 0 {
		p.classes = []string{semantic}
		p.what = f.name + " is in alphabetic order"
		p.change = func(d *doc) {
			d.each(d.col(f.name), func(_ int, v string) string {
				parts := strings.Split(v, listSep)
				slices.Sort(parts)
				return strings.Join(parts, listSep)
			})
		}
		return p, ""
	}
	sep := map[string]string{",": ";", ";": ","}[f.sep]
	p.what = f.name + " has " + sep + " between its values"
	p.change = func(d *doc) { d.cols[d.col(f.name)].sep = sep }
	return p, ""
}

func taxonomy(c *mutation) (*plan, string) {
	f := c.mapped(func(f *field) bool {
		return slices.Contains([]string{"enum", "service"}, f.kind) && !strings.HasPrefix(f.option, "tcp")
	})
	if f == nil {
		return skip("no mapped column is a list of words")
	}
	p := &plan{truth: truth{breaking: either, classes: []string{semantic}, paths: c.names(f), what: "the words of " + f.name + " are others"},
		change: func(d *doc) {
			d.each(d.col(f.name), func(_ int, v string) string { return "cat-" + strconv.Itoa(len(v)%5) + string(v[0]) })
		}}
	if f.values != nil { // the Parser translates them, and the new ones become "other"
		p.classes = append(p.classes, silent, degraded)
	}
	return p, ""
}

func rowLimit(c *mutation) (*plan, string) {
	if c.r.IntN(2) == 0 {
		return &plan{truth: truth{breaking: either, classes: []string{semantic, anomaly, degraded}, what: "the newest quarter only"},
			change: func(d *doc) { d.rows = d.rows[:max(1, len(d.rows)/4)] }}, ""
	}
	return &plan{truth: truth{breaking: either, classes: []string{semantic, anomaly, degraded}, what: "the oldest third, oldest first"},
		change: func(d *doc) {
			slices.Reverse(d.rows)
			d.rows = d.rows[:max(1, len(d.rows)/3)]
		}}, ""
}
