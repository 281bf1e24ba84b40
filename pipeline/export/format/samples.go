package format

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weir-project/weir/pipeline/event"
)

// sampleCount is how many events a sample has: enough for every value of every
// enum, and for the monitor to be sure of what a column holds.
const sampleCount = 64

// Samples are the events that golden samples show. Between them they have every
// field and every value of every enum; the last two have only what each event has.
// They are the same in every process and release, so that samples of two versions
// differ in the format only. Later ones may be appended.
func Samples() []*event.Event {
	out := make([]*event.Event, 0, sampleCount)
	for i := range sampleCount {
		out = append(out, sample(i, i >= sampleCount-2))
	}
	return out
}

// sample is the i-th event. All addresses and names are for documentation.
func sample(i int, bare bool) *event.Event {
	n := strconv.Itoa(i)
	at := time.Date(2026, 1, 2, 3, 4, 5, 250_000_000, time.UTC).Add(time.Duration(i) * 797 * time.Second)
	e := &event.Event{Source: "example.feed-" + strconv.Itoa(i%4), Time: at}
	fill := func(name, value string) {
		// What cannot be set stays absent, which the test of samples tells.
		if f, ok := event.Lookup(name); ok {
			_ = f.Set(e, value)
		}
	}
	for _, name := range []string{"category", "confidence", "restriction"} {
		choose(fill, name, i)
	}
	if !bare {
		sampleNetwork(e, i)
		sampleDetails(fill, i, n, at)
		e.Client = []string{"org-" + n + ".example"}
		e.Ignored = i%8 == 0
		e.Undated = i%16 == 1
		e.Replaces[0] = byte(i + 1)
	}
	e.ID = event.ComputeID(e)
	e.Modified = at.Add(time.Hour)
	_ = event.Validate(e) // completes the classification; the test of samples tells errors
	return e
}

// choose sets the i-th value of an enum, beginning anew after the last.
func choose(fill func(name, value string), name string, i int) {
	if f, ok := event.Lookup(name); ok {
		if choices := f.Choices(); len(choices) > 0 {
			fill(name, choices[i%len(choices)])
		}
	}
}

func sampleNetwork(e *event.Event, i int) {
	parts := func(ip string, asn int, cc string) {
		for _, p := range [][2]string{{"ip", ip}, {"asn", strconv.Itoa(asn)}, {"cc", cc},
			{"rdns", fmt.Sprintf("host-%d.example.net", i)}} {
			if f, ok := event.Lookup(p[0]); ok {
				_ = f.Set(e, p[1])
			}
		}
	}
	countries := []string{"PL", "DE", "FR", "GB"}
	parts(fmt.Sprintf("203.0.113.%d", i+1), 64496+i%16, countries[i%4])
	if i%4 == 3 {
		parts(fmt.Sprintf("2001:db8::%x", i+1), 64512+i%16, countries[(i+1)%4])
	}
	if f, ok := event.Lookup("dir"); ok {
		choices := f.Choices()
		_ = f.Set(e, choices[i%len(choices)])
	}
}

func sampleDetails(fill func(name, value string), i int, n string, at time.Time) {
	for _, name := range []string{"tlp", "proto", "origin", "status", "classification.type"} {
		choose(fill, name, i)
	}
	names := []string{"mirai", "=loader", "Worm \"X\"", "botnet, new\nvariant", "żmija"}
	hash := func(size int) string { return fmt.Sprintf("%0*x", size, 0xabcdef0123+i) }
	for _, f := range [][2]string{
		{"name", names[i%len(names)]}, {"target", "Example Bank " + n}, {"fqdn", "c2-" + n + ".example.com"},
		{"url", "http://c2-" + n + ".example.com/a,b?\"q\"=" + n}, {"sport", strconv.Itoa(49152 + i)},
		{"dport", strconv.Itoa(8000 + i)}, {"dip", "198.51.100." + strconv.Itoa(i+1)}, {"adip", "x.x.100." + strconv.Itoa(i+1)},
		{"md5", hash(32)}, {"sha1", hash(40)}, {"sha256", hash(64)}, {"x509fp_sha1", hash(40)},
		{"action", "blocked"}, {"email", "user-" + n + "@example.org"}, {"iban", "PL61109010140000071219812874"},
		{"phone", "+4822000" + fmt.Sprintf("%04d", i)}, {"username", "user" + n}, {"registrar", "Registrar " + n},
		{"url_pattern", "http://*.example.com/" + n}, {"count", strconv.Itoa(i + 1)}, {"cves", fmt.Sprintf("CVE-2026-%04d", 1000+i)},
		{"extra.product", `Server ` + n}, {"extra.block", n},
		{"until", at.Add(time.Minute).Format(time.RFC3339)}, {"expires", at.Add(48 * time.Hour).Format(time.RFC3339)},
		{"first_seen", at.Add(-time.Hour).Format(time.RFC3339)}, {"last_seen", at.Add(time.Second).Format(time.RFC3339)},
	} {
		fill(f[0], f[1])
	}
}
