package storetest

import (
	"net/netip"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/weir-project/weir/pipeline/event"
	"github.com/weir-project/weir/pipeline/store"
)

// Values of few kinds, so that queries hit.
var (
	someIPs = []string{"192.0.2.1", "192.0.2.130", "198.51.100.7", "203.0.113.9", "203.0.113.40", "2001:db8::1",
		"2001:db8:1:2::3", "2001:db8:ffff::1"}
	someNets = []string{"192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32", "192.0.2.128/31", "198.0.0.0/7", "0.0.0.0/0",
		"2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64", "2001:db8::/31", "::/0", "203.0.113.8/29"}
	someHosts = []string{"example.com", "www.example.com", "example.net", "a.b.c.d.e.f.g.h.example.org",
		"d.e.f.g.h.example.org", "myexample.com", "xn--bcher-kva.example"}
	someNames   = []string{"mirai", "MIRAI", "100%_sure", "Gozi", "größe", "GRÖSSE", "GRÖẞE"}
	someURLs    = []string{"http://example.com/A", "http://example.com/a", "https://example.net/?q=100%25_x", "http://192.0.2.1:8080/"}
	someSources = []string{"one.list", "one.stream", "two.list"}
	someHashes  = []string{"d41d8cd98f00b204e9800998ecf8427e", "900150983cd24fb0d6963f7d28e17f72"}
	someSHA1    = []string{"da39a3ee5e6b4b0d3255bfef95601890afd80709", "a9993e364706816aba3e25717850c26c9cd0d89d"}
	someSHA256  = []string{"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}
	someClients = []string{"org-a", "org-b", "org-c"}
)

// someTimes are on both sides of the borders between days, months and years.
func someTimes() []time.Time {
	return []time.Time{
		Day.Add(36 * time.Hour), Day.Add(24*time.Hour - time.Microsecond), Day.Add(24 * time.Hour), Day, Day.Add(time.Hour),
		Day.AddDate(0, 0, -6), Day.AddDate(0, 0, -20), Day.AddDate(0, -1, 0), Day.AddDate(0, -11, -3), Day.AddDate(-2, 0, 0),
		time.Date(2024, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC),
		Day.AddDate(0, 0, -20).Add(time.Microsecond), time.Date(1999, 5, 4, 3, 2, 1, 0, time.UTC),
	}
}

func maybe[T any](t *rapid.T, label string, values []T, set func(T)) {
	if rapid.Bool().Draw(t, label+"?") {
		set(rapid.SampledFrom(values).Draw(t, label))
	}
}

func drawEvent(t *rapid.T) *event.Event {
	e := &event.Event{
		Source:      rapid.SampledFrom(someSources).Draw(t, "source"),
		Time:        rapid.SampledFrom(someTimes()).Draw(t, "time"),
		Category:    event.Category(rapid.IntRange(1, 4).Draw(t, "category")),
		Confidence:  event.Confidence(rapid.IntRange(1, 3).Draw(t, "confidence")),
		Restriction: event.Restriction(rapid.IntRange(1, 3).Draw(t, "restriction")),
		TLP:         event.TLP(rapid.IntRange(0, 5).Draw(t, "tlp")),
		Proto:       event.Proto(rapid.IntRange(0, 3).Draw(t, "proto")),
		Origin:      event.Origin(rapid.IntRange(0, 2).Draw(t, "origin")),
		Status:      event.Status(rapid.IntRange(0, 4).Draw(t, "status")),
		Ignored:     rapid.Bool().Draw(t, "ignored"),
	}
	ips := rapid.SliceOfNDistinct(rapid.SampledFrom(someIPs), 0, 3, rapid.ID).Draw(t, "ips")
	for _, ip := range ips {
		a := event.Address{IP: netip.MustParseAddr(ip)}
		maybe(t, "asn", []uint32{0, 64496, 4294967295}, func(v uint32) { a.ASN = event.Some(v) })
		maybe(t, "cc", []string{"PL", "DE"}, func(v string) { a.CC = v })
		e.Address = append(e.Address, a)
	}
	maybe(t, "fqdn", someHosts, func(v string) { e.FQDN = v })
	maybe(t, "url", someURLs, func(v string) { e.URL = v })
	maybe(t, "name", someNames, func(v string) { e.Name = v })
	maybe(t, "target", someNames, func(v string) { e.Target = v })
	maybe(t, "md5", someHashes, func(v string) { e.MD5 = v })
	maybe(t, "sha1", someSHA1, func(v string) { e.SHA1 = v })
	maybe(t, "sha256", someSHA256, func(v string) { e.SHA256 = v })
	maybe(t, "sport", []uint16{0, 53}, func(v uint16) { e.SPort = event.Some(v) })
	maybe(t, "dport", []uint16{80, 65535}, func(v uint16) { e.DPort = event.Some(v) })
	maybe(t, "dip", someIPs[:4], func(v string) { e.DIP = netip.MustParseAddr(v) })
	maybe(t, "replaces", []event.ID{{1}, {2}}, func(v event.ID) { e.Replaces = v })
	maybe(t, "expires", someTimes(), func(v time.Time) { e.Expires = v })
	e.Client = rapid.SliceOfNDistinct(rapid.SampledFrom(someClients), 0, 2, rapid.ID).Draw(t, "client")
	slices.Sort(e.Client)
	return Valid(e)
}

// askable lists what In can be asked for.
var askable = map[string][]string{
	"source": someSources, "category": {"amplifier", "bots", "backdoor", "cnc", "tor"}, "confidence": {"low", "medium", "high"},
	"restriction": {"public", "need-to-know", "internal"}, "tlp": {"CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"},
	"ip": someIPs, "asn": {"0", "64496", "4294967295", "7"}, "cc": {"PL", "DE", "FR"}, "dip": someIPs[:5],
	"dport": {"80", "65535", "0"}, "sport": {"0", "53"}, "fqdn": someHosts, "name": someNames, "target": someNames,
	"origin": {"c2", "dropzone", "waf"}, "proto": {"tcp", "udp", "icmp"}, "status": {"active", "delisted", "expired", "replaced"},
	"replaces": {event.ID{1}.String(), event.ID{2}.String(), event.ID{3}.String()}, "md5": someHashes, "sha1": someSHA1,
	"sha256": someSHA256, "url": someURLs, "client": someClients, "ignored": {"true", "false"},
}

func askableFields() []string {
	fields := make([]string, 0, len(askable))
	for f := range askable {
		fields = append(fields, f)
	}
	slices.Sort(fields)
	return fields
}

func drawCond(t *rapid.T) store.Cond {
	c := store.Cond{Op: store.Op(rapid.IntRange(1, 9).Draw(t, "op"))}
	few := func(values []string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 3, rapid.ID).Draw(t, "values")
	}
	switch c.Op {
	case store.In:
		c.Field = rapid.SampledFrom(askableFields()).Draw(t, "field")
		c.Text = few(slices.Compact(slices.Clone(askable[c.Field])))
	case store.Contains:
		c.Field = rapid.SampledFrom([]string{"fqdn", "url", "name"}).Draw(t, "field")
		c.Text = few([]string{"example", "%", "_", "A", "a", "0%25_", "www.", "irai"})
		if c.Field == "fqdn" {
			c.Text = few([]string{"example", "%", "_", "a", "www.", "."})
		}
	case store.InNet:
		c.Field = "ip"
		for _, n := range few(someNets) {
			c.Nets = append(c.Nets, netip.MustParsePrefix(n))
		}
	case store.Min, store.Max, store.Until:
		c.Field = rapid.SampledFrom([]string{"time", "modified", "active"}).Draw(t, "field")
		c.Time = rapid.SampledFrom(someTimes()).Draw(t, "bound")
		if c.Field == "modified" {
			c.Time = Day.Add(36*time.Hour + time.Duration(rapid.IntRange(-1, 6).Draw(t, "modified"))*time.Second)
		}
	case store.AtMost:
		c.Field = rapid.SampledFrom([]string{"tlp", "restriction"}).Draw(t, "field")
		c.Text = []string{rapid.SampledFrom(askable[c.Field]).Draw(t, "value")}
	case store.AtLeast:
		c.Field, c.Text = "confidence", []string{rapid.SampledFrom(askable["confidence"]).Draw(t, "value")}
	case store.Subdomain:
		c.Field, c.Text = "fqdn", few(append([]string{"com", "h.example.org", "e.org", "f.g.h.example.org"}, someHosts...))
	}
	return c
}
