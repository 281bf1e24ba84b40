package main

import (
	"slices"
	"strconv"
	"time"
)

// controls are what must not be called a change.
var controls = []class{
	{"c0", "nothing", func(*mutation) (*plan, string) { return &plan{change: asIs, truth: truth{what: "nothing"}}, "" }},
	{"c1", "weekend dip", func(c *mutation) (*plan, string) {
		share := 60 + c.r.IntN(31)
		return &plan{times: 2, truth: truth{what: "10 to 40 % fewer records, twice"}, change: func(d *doc) {
			d.rows = d.rows[:len(d.rows)*share/100]
		}}, ""
	}},
	{"c2", "tenfold burst", func(*mutation) (*plan, string) {
		return &plan{times: 1, truth: truth{what: "ten times as many records, once"}, change: burst}, ""
	}},
	{"c3", "records in another order", func(*mutation) (*plan, string) {
		return &plan{truth: truth{what: "records in another order"}, change: func(d *doc) {
			d.rng.Shuffle(len(d.rows), func(i, j int) { d.rows[i], d.rows[j] = d.rows[j], d.rows[i] })
		}}, ""
	}},
	{"c4", "order of keys", func(c *mutation) (*plan, string) {
		if !c.form("json", "ndjson", "xml", "stix") {
			return skip("there are no keys")
		}
		return &plan{truth: truth{what: "keys in another order"}, change: func(d *doc) {
			for i := 1; i < len(d.cols); i++ {
				d.move(i, 0)
			}
		}}, ""
	}},
	{"c5", "optional column empty for a day", func(c *mutation) (*plan, string) {
		f := c.pick(func(f *field) bool { return f.null >= 0.1 })
		if f == nil {
			return skip("there is no optional column")
		}
		return &plan{times: max(1, int(24*time.Hour/c.f.period)), truth: truth{what: f.name + " is empty for a day"}, change: func(d *doc) {
			d.each(d.col(f.name), func(int, string) string { return "" })
		}}, ""
	}},
	{"c6", "one new word", func(c *mutation) (*plan, string) {
		f := c.pick(func(f *field) bool { return slices.Contains([]string{"family", "service", "user", "brand"}, f.kind) })
		if f == nil {
			return skip("there are no words")
		}
		return &plan{truth: truth{what: f.name + " has a new word in one record"}, change: func(d *doc) {
			d.rows[len(d.rows)/2][d.col(f.name)] = "lumma"
		}}, ""
	}},
	{"c7", "outage of three periods", func(*mutation) (*plan, string) {
		return &plan{late: outage, change: asIs, truth: truth{what: "three payloads did not come"}}, ""
	}},
	{"c8", "an hour later (daylight saving)", func(*mutation) (*plan, string) {
		return &plan{truth: truth{what: "an hour later from now on"}, change: func(d *doc) {
			d.now = d.now.Add(time.Hour)
			for j := range d.cols {
				if f := &d.cols[j]; f.isTime() {
					d.each(j, func(_ int, v string) string { return stamp(readStamp(v, f.option).Add(time.Hour), f.option) })
				}
			}
		}}, ""
	}},
	{"c9", "the same payload once more", func(*mutation) (*plan, string) {
		return &plan{frozen: true, times: 1, truth: truth{what: "the same payload once more"}, change: asIs}, ""
	}},
}

// burst makes ten of each record, of which nine are new.
func burst(d *doc) {
	n := len(d.rows)
	for k := range 9 {
		for i := range n {
			row := slices.Clone(d.rows[i])
			earlier := time.Duration(d.rng.Int64N(int64(d.feed.period)))
			for j := range row {
				if row[j] != "" {
					row[j] = another(d, &d.cols[j], row[j], k, earlier)
				}
			}
			d.rows = append(d.rows, row)
		}
	}
}

// another is a value like v.
func another(d *doc, f *field, v string, k int, earlier time.Duration) string {
	switch {
	case f.isTime():
		return stamp(readStamp(v, f.option).Add(-earlier), f.option)
	case f.kind == "list":
		return listOf(d.rng, f.option, "")
	case f.kind == "seq":
		n, _ := strconv.Atoi(v)
		return strconv.Itoa(n + (k+1)*1_000_000)
	}
	return scalar(d.rng, f.kind, f.option)
}
