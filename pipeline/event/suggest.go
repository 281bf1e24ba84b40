package event

import (
	"maps"
	"slices"
	"strings"
)

// synonyms are names of other systems (IntelMQ, STIX, MISP) and of columns that
// publishers like.
var synonyms = map[string]string{
	"address": "ip", "address.ip": "ip", "source.ip": "ip", "src_ip": "ip", "source_ip": "ip", "ipaddress": "ip",
	"ip_address": "ip", "host_ip": "ip", "ip-src": "ip",
	"destination.ip": "dip", "dst_ip": "dip", "dest_ip": "dip", "ip-dst": "dip",
	"source.asn": "asn", "as": "asn", "address.asn": "asn",
	"country": "cc", "country_code": "cc", "source.geolocation.cc": "cc", "geo": "cc", "address.cc": "cc",
	"source.reverse_dns": "rdns", "ptr": "rdns", "hostname": "fqdn", "host": "fqdn", "domain": "fqdn",
	"source.fqdn": "fqdn", "destination.fqdn": "fqdn", "source.url": "url", "destination.url": "url", "uri": "url",
	"port": "dport", "dst_port": "dport", "destination.port": "dport", "src_port": "sport", "source.port": "sport",
	"protocol": "proto", "protocol.transport": "proto", "transport": "proto",
	"timestamp": "time", "date": "time", "datetime": "time", "time.source": "time",
	"malware": "name", "malware.name": "name", "family": "name", "threat": "name",
	"malware.hash.md5": "md5", "malware.hash.sha1": "sha1", "malware.hash.sha256": "sha256",
	"type": "classification.type", "taxonomy": "classification.taxonomy", "cve": "cves", "brand": "target",
	"firstseen": "first_seen", "lastseen": "last_seen", "last_online": "last_seen",
}

// Suggest gives the field that name was probably meant to be, or "".
func Suggest(name string) string {
	n := strings.ReplaceAll(lowerASCII(strings.TrimSpace(name)), "-", "_")
	if _, ok := Lookup(n); ok {
		return n
	}
	if s := synonyms[n]; s != "" {
		return s
	}
	if n == "extra" || strings.HasPrefix(n, "extra.") {
		return extraAny
	}
	if s := Nearest(n, fieldNames); s != "" {
		return s
	}
	return synonyms[Nearest(n, slices.Sorted(maps.Keys(synonyms)))]
}

// Nearest gives the choice with the fewest edits from s, if there are few enough
// for a slip: one in three characters.
func Nearest(s string, choices []string) string {
	const longest = 64
	best, least := "", len(s)/3+1
	if len(s) > longest {
		return ""
	}
	for _, c := range choices {
		if d := distance(s, c); d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is the optimal string alignment distance: the insertions, deletions,
// substitutions and swaps of neighbours from a to b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// oneOf ends a reason with the probable choice, or with all of them.
func oneOf(s string, choices []string) string {
	if c := Nearest(s, choices); c != "" {
		return "; did you mean " + c + "?"
	}
	return "; it must be one of " + strings.Join(choices, ", ")
}
